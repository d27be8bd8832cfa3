"""Writing a file whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from iidindex.errors import SourceError
from iidindex.storage.local import reason_of
from iidindex.storage.paths import absolute, as_path
from iidindex.system.durable import set_mode, sync_directory


def write_atomically(
    path: str | os.PathLike[str], chunks: list[bytes], *, durable: bool = True
) -> None:
    """Replace the file at `path` by `chunks`, whole or not at all.

    The bytes go to a temporary file in the same directory, are flushed to the disk and then
    renamed over `path`; permissions of a file that was there are kept.

    Parameters
    ----------
    path : path-like
    chunks : list of bytes
    durable : bool
        Without it, nothing waits for the disk: the file is whole if this process is killed, but
        may be empty if the power fails within seconds.

    Raises
    ------
    SourceError
        If the directory or the disk refuses; what was at `path` is untouched.
    """
    name = as_path(path)
    place = absolute(path)
    try:
        # Through a symbolic link, the file it points to is replaced, not the link.
        target = Path(os.path.realpath(place, strict=False))
        mode = _mode_to_keep(target)
        _replace(target, chunks, mode, durable)
    except (OSError, ValueError) as error:
        raise SourceError(f"{name}: cannot be written: {reason_of(error)}") from error


def _mode_to_keep(target: Path) -> int | None:
    """Permissions of the file at `target`, if there is one."""
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(mode):
        # A rename over a device or a pipe would take it away from everybody.
        raise OSError("it is not a regular file")
    return stat.S_IMODE(mode)


def _replace(target: Path, chunks: list[bytes], mode: int | None, durable: bool) -> None:
    # The process and the list keep two writers of one name apart. The name of the target is
    # left out, as it may be as long as the file system allows.
    temporary = target.with_name(f".iidindex.{os.getpid()}.{id(chunks):x}.tmp")
    try:
        with temporary.open("xb") as file:
            file.writelines(chunks)
            file.flush()
            if durable:
                os.fsync(file.fileno())
            if mode is not None:
                set_mode(file, temporary, mode)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        # The new file is in place by now, whether or not the directory can be flushed.
        sync_directory(target.parent)
