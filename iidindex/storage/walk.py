"""Walking directories for files and their stamps, opening none."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from iidindex.model import time_in_64_bits
from iidindex.storage.protocol import Listing
from iidindex.system.listing import listed

# The bits that say what a file is, and the times that 64 bits hold: two calls fewer for each file.
_KIND = stat.S_IFMT(0xFFFF)
_REGULAR, _DIRECTORY = stat.S_IFREG, stat.S_IFDIR
_TIMES = -(2**63), 2**63 - 1


def walk(directory: str, below: str, suffix: str) -> Listing:
    """Walk a directory for files, following symbolic links that lead out of it once.

    Parameters
    ----------
    directory : str
    below : str
        Walk this subdirectory only; paths stay relative to `directory`.
    suffix : str
        How names of files end, in lower case.

    Returns
    -------
    Listing
        A directory that several links lead to is walked once, so cycles are harmless. One that
        lies inside `directory` itself is walked where it lies, whatever links lead to it.
    """
    result = Listing()
    for _ in _steps(directory, below, suffix, result):
        pass
    return result


def names_below(directory: str, suffix: str) -> Iterator[str]:
    """Paths of the files that `walk` would find, one directory after the other."""
    result = Listing()
    for _ in _steps(directory, "", suffix, result):
        yield from result.found
        result.found.clear()


def _steps(directory: str, below: str, suffix: str, result: Listing) -> Iterator[None]:
    """Note what lies below a directory, and yield after each directory."""
    real = os.path.join(os.path.realpath(directory), "")
    walked: set[tuple[int, int]] = set()
    waiting = [below]
    while waiting:
        relative = waiting.pop()
        place = os.path.join(directory, relative) if relative else directory
        try:
            identity = os.stat(place)
            if (identity.st_dev, identity.st_ino) not in walked:
                walked.add((identity.st_dev, identity.st_ino))
                before = f"{relative}/" if relative else ""
                waiting += _list(place, before, suffix, real, result)
        except OSError as error:
            result.unreadable[relative] = error.strerror or str(error)
        yield


def _list(place: str, before: str, suffix: str, real: str, result: Listing) -> list[str]:
    """Note the files of one directory; return its subdirectories, the last by name first.

    They are followed in the order of names, so that of two links to a directory it is the same
    one every time.
    """
    found = result.found
    subdirectories = []
    first, last = _TIMES
    # Most of the work on an archive that has not changed is this loop.
    with listed(place) as listing:
        for item in listing:
            name: str = item.name
            try:
                if name.endswith(suffix) or name.lower().endswith(suffix):
                    status = item.stat()
                    kind = status.st_mode & _KIND
                    if kind == _REGULAR:
                        mtime_ns = status.st_mtime_ns
                        if not first <= mtime_ns <= last:
                            mtime_ns = time_in_64_bits(mtime_ns)
                        found[before + name] = status.st_size, mtime_ns
                        continue
                    is_directory = kind == _DIRECTORY
                else:
                    is_directory = item.is_dir()
                if is_directory and not (
                    item.is_symlink() and _lies_in(os.path.join(place, name), real)
                ):
                    subdirectories.append(before + name)
            except OSError as error:  # a link to nothing, or to itself
                if name.lower().endswith(suffix):
                    result.unreadable[before + name] = error.strerror or str(error)
    return sorted(subdirectories, reverse=True)


def _lies_in(link: str, directory: str) -> bool:
    return os.path.join(os.path.realpath(link), "").startswith(directory)
