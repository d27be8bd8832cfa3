"""Opening a file to read, and reading from a place in it."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Sequence

from iidindex.system.portable import FORCED

# Systems that translate the ends of lines have to be told not to.
_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def read_in_turn(fd: int, length: int, offset: int) -> bytes:
    """Do what `os.pread` does, in two calls; no other may come between."""
    with _LOCKS[fd % len(_LOCKS)]:
        os.lseek(fd, offset, os.SEEK_SET)
        return os.read(fd, length)


def read_on(fd: int, content: bytes, length: int, offset: int) -> bytes:
    """Read what the system has not given at once of so many bytes, if the file has not ended."""
    parts, done = [content], len(content)
    while done < length and (part := read_at(fd, length - done, offset + done)):
        parts.append(part)
        done += len(part)
    return b"".join(parts)


def fill_by_copying(fd: int, parts: Sequence[memoryview], offset: int) -> int:
    """Do what `os.preadv` does, by `read_at`: fill memory, return how many bytes were read."""
    done = 0
    for part in parts:
        content = read_at(fd, len(part), offset + done)
        part[: len(content)] = content
        done += len(content)
        if len(content) < len(part):
            break
    return done


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


def open_unseen(path: str) -> int:
    """Open a file read-only; whoever reads from it looks at it then."""
    return os.open(path, _FLAGS | os.O_NONBLOCK)


def open_seen(path: str) -> int:
    """Do what `open_unseen` does, but for what is no regular file: that is -1."""
    return open_looked_at(path)[0]


def _opened(path: str, flags: int) -> tuple[int, os.stat_result]:
    fd = os.open(path, flags)
    try:
        return fd, os.fstat(fd)
    except BaseException:
        os.close(fd)
        raise


# Read up to so many bytes from an open file, from a place in it.
read_at = read_in_turn if FORCED or not hasattr(os, "pread") else os.pread
# Read from a place in it into memory, with no copy between.
fill = fill_by_copying if FORCED or not hasattr(os, "preadv") else os.preadv
# Open a file, and look at it; the file is -1 if it is no regular one and was not opened.
open_to_read = open_looked_at if FORCED or not hasattr(os, "O_NONBLOCK") else open_at_once
# Open a file alone, likewise.
open_alone = open_seen if FORCED or not hasattr(os, "O_NONBLOCK") else open_unseen
