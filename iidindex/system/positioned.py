"""Opening a file to read, and reading from a place in it."""

from __future__ import annotations

import os
import stat
import sys
import threading

from iidindex.system.portable import FORCED

# Systems that translate the ends of lines have to be told not to.
_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def read_in_turn(fd: int, length: int, offset: int) -> bytes:
    """Do what `os.pread` does, in two calls; no other may come between."""
    with _LOCKS[fd % len(_LOCKS)]:
        os.lseek(fd, offset, os.SEEK_SET)
        return os.read(fd, length)


# Few files share a lock, and none has to be made for each.
_LOCKS = [threading.Lock() for _ in range(64)]


def open_looked_at(path: str) -> tuple[int, os.stat_result]:
    """Do what `open_at_once` does, looking first.

    Opening a named pipe would wait for a writer.
    """
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        return -1, status
    return _opened(path, _FLAGS)


def open_at_once(path: str) -> tuple[int, os.stat_result]:
    """Open a file read-only, and look at it; what is no regular file need not be opened."""
    # Opening a named pipe would wait for a writer, were it not for O_NONBLOCK.
    return _opened(path, _FLAGS | os.O_NONBLOCK)


def _opened(path: str, flags: int) -> tuple[int, os.stat_result]:
    fd = os.open(path, flags)
    try:
        return fd, os.fstat(fd)
    except BaseException:
        os.close(fd)
        raise


# Read up to so many bytes from an open file, from a place in it.
read_at = read_in_turn if FORCED or not hasattr(os, "pread") else os.pread
# Open a file, and look at it; the file is -1 if it is no regular one and was not opened.
open_to_read = open_looked_at if FORCED or not hasattr(os, "O_NONBLOCK") else open_at_once


def files_allowed() -> int:
    """How many files this process may have open; very many, if the system does not say."""
    try:
        import resource
    except ImportError:
        return sys.maxsize
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return sys.maxsize if allowed < 0 else allowed
