"""Where the bytes of a file come from."""

from __future__ import annotations

import contextlib
import mmap
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, Self

import numpy as np

from iidindex.codec.reader import Bytes, as_bytes
from iidindex.errors import SourceError, SourceNotFoundError, StaleFileError, WrongTypeError
from iidindex.model import FileStamp, time_in_64_bits
from iidindex.storage.paths import absolute, as_path


class Source(Protocol):
    """Read-only bytes. What reads a file needs no more than this of its storage."""

    @property
    def name(self) -> str:
        """What to call it in errors."""
        ...

    @property
    def stamp(self) -> FileStamp:
        """Size and modification time when it was opened."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """Read `length` bytes from `offset`; fewer only where the file ends."""
        ...

    def data(self) -> Bytes:
        """All bytes as one array, fetched as they are touched where the storage can."""
        ...

    def check_whole(self) -> None:
        """Raise a `SourceError` if what `data` has given can no longer be touched."""
        ...

    def close(self) -> None:
        """Give up what the source holds; closing twice is harmless."""
        ...


# Bytes up to which a file is read in one go, which is done sooner than mapping it and touching
# its pages, and leaves nothing that somebody could cut off.
_SMALL_FILE = 1 << 18


class LocalFile:
    """A file on a local or mounted disk, opened read-only.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    SourceNotFoundError
        If there is nothing at `path`.
    SourceError
        If it is no regular file or may not be read.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._fd = -1
        self._map: mmap.mmap | None = None
        self.name = as_path(path)
        try:
            # Opening a named pipe would wait for a writer, were it not for O_NONBLOCK.
            self._fd = os.open(self.name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            status = os.fstat(self._fd)
        except (FileNotFoundError, NotADirectoryError):
            raise SourceNotFoundError(f"{self.name}: there is no such file") from None
        except (OSError, ValueError) as error:
            self.close()
            raise SourceError(f"{self.name}: cannot be opened: {_reason(error)}") from error
        if not stat.S_ISREG(status.st_mode):
            self.close()
            raise SourceError(f"{self.name}: is not a regular file")
        self.stamp = _stamp(status)
        self._identity = status.st_dev, status.st_ino

    def current_stamp(self) -> FileStamp | None:
        """Size and modification time now; None, if another file has been put in its place.

        Raises
        ------
        SourceNotFoundError
            If there is nothing at the path any more.
        """
        self._check_open()
        status = _status_of(self.name)
        return _stamp(status) if (status.st_dev, status.st_ino) == self._identity else None

    def read(self, offset: int, length: int) -> bytes:
        """Read `length` bytes from `offset`; fewer only where the file ends."""
        self._check_open()
        try:
            content = os.pread(self._fd, length, offset)
            return content if len(content) == length else self._read_on(content, offset, length)
        except OSError as error:
            raise SourceError(f"{self.name}: cannot be read: {_reason(error)}") from error

    def _read_on(self, content: bytes, offset: int, length: int) -> bytes:
        """Read what the system has not given at once, if the file has not ended."""
        parts, done = [content], len(content)
        while done < length and (part := os.pread(self._fd, length - done, offset + done)):
            parts.append(part)
            done += len(part)
        return b"".join(parts)

    def data(self) -> Bytes:
        """The whole file: a small one read at once, others through a read-only memory map.

        A page of a map is read when it is touched.
        """
        self._check_open()
        if self.stamp.size == 0:
            return np.empty(0, np.uint8)
        if self.stamp.size <= _SMALL_FILE:
            content = self.read(0, self.stamp.size)
            if len(content) < self.stamp.size:
                raise SourceError(f"{self.name}: has been cut short since it was opened")
            return as_bytes(content)
        self.check_whole()
        if self._map is None:
            try:
                self._map = mmap.mmap(self._fd, self.stamp.size, access=mmap.ACCESS_READ)
            except (OSError, ValueError) as error:
                raise SourceError(f"{self.name}: cannot be mapped: {_reason(error)}") from error
        return np.frombuffer(self._map, np.uint8)

    def check_whole(self) -> None:
        """Refuse a mapped file that has been cut short.

        To touch its pages would end the process. Whoever cuts it short between this look and
        the touch still does that, but not at any time while the file is open.
        """
        if self._map is not None and os.fstat(self._fd).st_size < self.stamp.size:
            raise SourceError(f"{self.name}: has been cut short since it was opened")

    def close(self) -> None:
        """Close the file; the map goes when the last array over it does."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._map = None

    def _check_open(self) -> None:
        if self._fd < 0:
            raise SourceError(f"{self.name}: the file is closed")

    def __reduce__(self) -> tuple[Callable[..., LocalFile], tuple[str, str, FileStamp]]:
        # The number of a descriptor stands for nothing elsewhere, and two who have it both close
        # it: a copy opens the file anew.
        self._check_open()
        return _opened_again, (self.name, absolute(self.name), self.stamp)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


def _opened_again(name: str, place: str, stamp: FileStamp) -> LocalFile:
    """Open a file that was open before, here or in another process.

    Raises
    ------
    SourceNotFoundError, SourceError
        If it is not there, cannot be read, or is not what it was.
    """
    file = LocalFile(place)
    if file.stamp != stamp:
        now = file.stamp
        file.close()
        raise StaleFileError(
            f"{place}: has changed since it was opened, so that no copy can be had: size "
            f"{stamp.size} then and {now.size} now, mtime_ns {stamp.mtime_ns} then and "
            f"{now.mtime_ns} now"
        )
    file.name = name
    return file


def stamp_of(path: str | os.PathLike[str]) -> FileStamp:
    """Size and modification time of a file as it is now.

    Raises
    ------
    SourceNotFoundError
        If there is nothing at `path`.
    SourceError
        If the file system refuses.
    """
    return _stamp(_status_of(path))


def _status_of(path: str | os.PathLike[str]) -> os.stat_result:
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise SourceNotFoundError(f"{os.fsdecode(path)}: there is no such file") from None
    except (OSError, ValueError) as error:
        raise SourceError(f"{os.fsdecode(path)}: cannot be read: {_reason(error)}") from error


def _stamp(status: os.stat_result) -> FileStamp:
    return FileStamp(status.st_size, time_in_64_bits(status.st_mtime_ns))


class MemoryFile:
    """Bytes that are in memory already.

    Parameters
    ----------
    content : bytes-like
        It must not change while the source is in use.
    """

    def __init__(self, content: object, name: str = "<memory>") -> None:
        self.name = name
        self._data = as_bytes(content)
        self.stamp = FileStamp(len(self._data), 0)

    def read(self, offset: int, length: int) -> bytes:
        """Read `length` bytes from `offset`; fewer only where the content ends."""
        return self._data[offset : offset + length].tobytes()

    def data(self) -> Bytes:
        """The content itself."""
        return self._data

    def check_whole(self) -> None:
        """Do nothing: the content stays."""

    def close(self) -> None:
        """Do nothing: the content belongs to the caller."""


def open_source(file: object) -> Source:
    """Open a path, bytes, or a binary file object.

    Raises
    ------
    SourceNotFoundError, SourceError
        If it is not there or cannot be read.
    WrongTypeError
        If `file` is none of these.
    """
    if isinstance(file, (str, os.PathLike)):
        return LocalFile(file)
    if isinstance(file, (bytes, bytearray, memoryview, mmap.mmap, np.ndarray)):
        return MemoryFile(file)
    read = getattr(file, "read", None)
    if callable(read):
        content = read()
        if isinstance(content, bytes):
            return MemoryFile(content, name=str(getattr(file, "name", "<file object>")))
        raise WrongTypeError(
            f"the file object gives {type(content).__name__}, not bytes; open it with mode 'rb'"
        )
    raise WrongTypeError(
        f"expected a path, bytes or a binary file object, not {type(file).__name__}"
    )


def write_atomically(path: str | os.PathLike[str], chunks: list[bytes]) -> None:
    """Replace the file at `path` by `chunks`, whole or not at all.

    The bytes go to a temporary file in the same directory, are flushed to the disk and then
    renamed over `path`; permissions of a file that was there are kept.

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
        _replace(target, chunks, mode)
    except (OSError, ValueError) as error:
        raise SourceError(f"{name}: cannot be written: {_reason(error)}") from error


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


def _replace(target: Path, chunks: list[bytes], mode: int | None) -> None:
    # The process and the list keep two writers of one name apart. The name of the target is
    # left out, as it may be as long as the file system allows.
    temporary = target.with_name(f".iidindex.{os.getpid()}.{id(chunks):x}.tmp")
    try:
        with temporary.open("xb") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
            if mode is not None:
                os.fchmod(file.fileno(), mode)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    # The new file is in place by now, whether or not the directory can be flushed.
    with contextlib.suppress(OSError):
        _sync_directory(target.parent)


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
