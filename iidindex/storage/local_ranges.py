"""Reading parts of local files, many of which stay open until they are asked for again.

An open file costs a read and one look at its path each time; to open and to close it takes several
times as long. What is held is bounded for the whole process: by number, and by how long nobody
asked. So a file that somebody has deleted gives its space back.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from collections.abc import Sequence
from weakref import WeakSet

from iidindex.errors import SourceError
from iidindex.model import FileStamp
from iidindex.storage.local import cannot_be_opened, reason_of, stamp_in, status_of
from iidindex.storage.protocol import Wanted, copy, stale
from iidindex.system import positioned
from iidindex.system.descriptors import after_fork, most_held

# Files held open at a time, if a process may have four times as many.
_MOST_HELD = 2048
# Seconds for which a file stays open that nobody asks for, and in which it keeps its place from
# others: were the last one always to go, a question of a few more files than can be held would
# find none of them the next time.
_IDLE = 10.0

# A server has forgotten the file, or there is none of this name: to open it tells.
_TOLD_BY_OPENING = {errno.ESTALE, errno.ENOENT, errno.ENOTDIR}


class _Held:
    """An open file.

    It is closed when nobody refers to it any more, so that none is closed, and its number
    given to another file, while somebody in another thread reads from it.
    """

    __slots__ = ("device", "fd", "inode", "used")

    def __init__(self, location: str) -> None:
        self.fd = -1
        self.device = self.inode = 0
        self.used = 0.0
        try:
            self.fd = positioned.open_alone(location)
        except (OSError, ValueError) as error:
            raise cannot_be_opened(location, error) from None
        if self.fd < 0:
            raise _not_regular(location)

    def pieces(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Some ranges; shorter only where the file ends."""
        found = []
        for offset, length in ranges:
            piece = positioned.read_at(self.fd, length, offset)
            if len(piece) != length:
                piece = positioned.read_on(self.fd, piece, length, offset)
            found.append(piece)
        return found

    def has(self, stamp: FileStamp, status: os.stat_result) -> bool:
        """Whether what is at its path now is this very file, and has a stamp."""
        return (
            status.st_mtime_ns == stamp[1]
            and status.st_size == stamp[0]
            and status.st_ino == self.inode
            and status.st_dev == self.device
        )

    def close(self) -> None:
        """Close it at once, which may be done only where nobody else refers to it."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    __del__ = close


class _Holders:
    """All that hold files in this process, which share what it may have open."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: WeakSet[LocalRanges] = WeakSet()
        self._next_look = 0.0

    def add(self, ranges: LocalRanges) -> None:
        """Take in another."""
        with self._lock:
            self._all.add(ranges)

    def hold(self, ranges: LocalRanges, location: str, held: _Held, most: int) -> None:
        """Have a file held, if there is a place for it."""
        held.used = now = time.monotonic()
        with self._lock:
            if self._count() >= most and now >= self._next_look:
                self._drop_idle(now)
            if self._count() < most:
                ranges.held[location] = held

    def look(self, now: float) -> None:
        """Drop what nobody has asked for in a while; but look for that only now and then."""
        if now >= self._next_look:
            with self._lock:
                self._drop_idle(now)

    def _count(self) -> int:
        return sum(len(ranges.held) for ranges in self._all)

    def _drop_idle(self, now: float) -> None:
        self._next_look = now + _IDLE / 10
        for ranges in self._all:
            for location, held in ranges.held.copy().items():
                if now - held.used > _IDLE:
                    ranges.held.pop(location, None)

    def forget(self) -> None:
        """Close the files that a parent has open, whose threads are not here."""
        self._lock = threading.Lock()
        for ranges in self._all:
            ranges.held = {}


_HOLDERS = _Holders()
after_fork(_HOLDERS.forget)


class LocalRanges:
    """Reads parts of files. May be shared by threads.

    Notes
    -----
    Each look is one call: at the path, if the file was held, for it may be another by now; or at
    the file that has just been opened by its path. It comes after the reading, as somebody may
    be writing into that very file.
    """

    def __init__(self) -> None:
        self.held: dict[str, _Held] = {}
        self._most = most_held(_MOST_HELD)
        _HOLDERS.add(self)

    def read(
        self, location: str, stamp: FileStamp, ranges: Sequence[tuple[int, int]]
    ) -> list[bytes]:
        """Read ranges of the file that is there now, if it is the one that was indexed."""
        pieces = self._read_again(location, stamp, ranges)
        if pieces is not None:
            return pieces
        # Another file, or another version: two who ask may have been told of two.
        self.held.pop(location, None)
        return self._read_anew(location, stamp, ranges)

    def _read_again(
        self, location: str, stamp: FileStamp, ranges: Sequence[tuple[int, int]]
    ) -> list[bytes] | None:
        """Read from the file that is held; None, if there is none, or it is not the one."""
        held = self.held.get(location)
        if held is None:
            return None
        try:
            pieces = held.pieces(ranges)
            if not held.has(stamp, os.stat(location)):
                return None
        except OSError as error:
            if error.errno in _TOLD_BY_OPENING:
                return None
            self.held.pop(location, None)
            del held
            raise _unreadable(location, error) from error
        held.used = now = time.monotonic()
        _HOLDERS.look(now)
        return pieces

    def fill(self, wanted: Sequence[Wanted], out: memoryview) -> dict[int, SourceError]:
        """Read ranges of many files into memory; what was wrong with some, by their places."""
        failed: dict[int, SourceError] = {}
        now = time.monotonic()
        # Most of the work of a question for pixels is this loop.
        get, fill, stat_of = self.held.get, positioned.fill, os.stat
        for nth, (location, stamp, ranges, begin) in enumerate(wanted):
            held = get(location)
            if held is not None:
                fd = held.fd
                try:
                    for offset, length in ranges:
                        end = begin + length
                        if fill(fd, (out[begin:end],), offset) != length:
                            break
                        begin = end
                    else:
                        if held.has(stamp, stat_of(location)):
                            held.used = now
                            continue
                except OSError:
                    pass  # to be found out once more, and told
                # An error refers to all that is known here, and would keep the file open.
                held = None
            try:
                copy(self.read(location, stamp, ranges), wanted[nth], out)
            except SourceError as error:
                failed[nth] = error
        _HOLDERS.look(now)
        return failed

    def _read_anew(
        self, location: str, stamp: FileStamp, ranges: Sequence[tuple[int, int]]
    ) -> list[bytes]:
        new = _Held(location)
        try:
            pieces = new.pieces(ranges)
            status = os.fstat(new.fd)
        except OSError as error:
            new.close()
            if not stat.S_ISREG(status_of(location).st_mode):
                raise _not_regular(location) from None
            raise _unreadable(location, error) from error
        found = stamp_in(status)
        if not stat.S_ISREG(status.st_mode):
            new.close()
            raise _not_regular(location)
        if found != stamp:
            new.close()
            raise stale(location, stamp, found)
        new.device, new.inode = status.st_dev, status.st_ino
        if self._most:
            _HOLDERS.hold(self, location, new, self._most)
        return pieces

    def close(self) -> None:
        """Close all files; they are opened again when they are needed."""
        self.held.clear()


def _not_regular(location: str) -> SourceError:
    return SourceError(f"{location}: is not a regular file")


def _unreadable(location: str, error: OSError) -> SourceError:
    return SourceError(f"{location}: cannot be read: {reason_of(error)}")
