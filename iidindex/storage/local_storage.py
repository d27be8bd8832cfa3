"""Local and mounted disks as a storage."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence

from iidindex.errors import SourceNotFoundError
from iidindex.model import FileStamp
from iidindex.storage.local import LocalFile, stamp_of
from iidindex.storage.paths import ways_to
from iidindex.storage.protocol import Listing, stale
from iidindex.storage.walk import names_below, walk
from iidindex.system.descriptors import most_held

# Files held open at a time, if a process may have four times as many.
_MAX_OPEN = 64

# A file written to again within one step of the clock keeps its time. These are the longest steps:
# of kernels that take the time from their timer, and of file systems that keep seconds.
_STEP_NS = 20_000_000
_WHOLE_STEP_NS = 2_000_000_000


class LocalStorage:
    """Directories and files; a stamp is a size and a time."""

    def ways(self, location: str) -> list[str]:
        """Paths from the top of the disk, through links as they are and past more and more."""
        return ways_to(location)

    def join(self, root: str, path: str) -> str:
        """The path of a path inside a root."""
        if os.sep != "/":
            return os.path.join(root, path.replace("/", os.sep))
        # In a third of the time that `os.path.join` takes, which asks whether paths are absolute.
        return f"{root}{path}" if root.endswith("/") else f"{root}/{path}"

    def relative(self, root: str, location: str) -> str | None:
        """The path inside a root; None if it is not inside."""
        if location == root:
            return ""
        top = root if root.endswith(os.sep) else root + os.sep
        if not location.startswith(top):
            return None
        return location[len(top) :].replace(os.sep, "/")

    def parent(self, location: str) -> str:
        """The directory that a file lies in."""
        return os.path.dirname(location)

    def exists(self, location: str) -> bool:
        """Whether anything is there."""
        return os.path.exists(location)

    def is_dir(self, location: str) -> bool:
        """Whether it is a directory."""
        return os.path.isdir(location)

    def has_any(self, location: str) -> bool:
        """Whether anything lies in a directory; True if nobody can tell."""
        try:
            with os.scandir(location) as inside:
                return next(inside, None) is not None
        except OSError:
            return True

    def walk(self, root: str, below: str, suffix: str) -> Listing:
        """List files, following symbolic links that lead out of the root once."""
        return walk(root, below, suffix)

    def names(self, root: str, suffix: str = "") -> Iterator[str]:
        """Paths of files, one directory after the other."""
        return names_below(root, suffix)

    def stamp(self, location: str) -> FileStamp:
        """Size and modification time of a file as it is now."""
        return stamp_of(location)

    def open(self, location: str) -> LocalFile:
        """Open a file when it is old enough that a change would show in its time."""
        before = stamp_of(location)
        _let_pass(before)
        return LocalFile(location, before)

    def ranges(self) -> LocalRanges:
        """Something that keeps some files open."""
        return LocalRanges()


def _let_pass(stamp: FileStamp) -> None:
    """Wait until whoever writes to a file gives it another time than it has.

    Otherwise what is written just after it was read would go unnoticed for ever.
    """
    step = _STEP_NS if stamp.mtime_ns % 1_000_000_000 else _WHOLE_STEP_NS
    age = time.time_ns() - stamp.mtime_ns
    if 0 <= age < step:
        time.sleep((step - age) / 1e9)


class LocalRanges:
    """Files of which parts are read, a bounded number of them open."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, LocalFile] = OrderedDict()
        self._most = most_held(_MAX_OPEN)
        self._lock = threading.Lock()

    def read(
        self, location: str, stamp: FileStamp, ranges: Sequence[tuple[int, int]]
    ) -> list[bytes]:
        """Read ranges of the file that is there now, if it is the one that was indexed."""
        with self._lock:
            while True:
                source = self._opened(location, stamp)
                pieces = [source.read(offset, length) for offset, length in ranges]
                # Somebody may have written into the very file that was opened and found right,
                # or put another in its place.
                try:
                    found = source.current_stamp()
                except SourceNotFoundError:
                    self._open.pop(location).close()
                    raise
                if found == stamp:
                    return pieces
                self._open.pop(location).close()
                if found is not None:
                    raise stale(location, stamp, found)

    def _opened(self, location: str, stamp: FileStamp) -> LocalFile:
        known = self._open.pop(location, None)
        if known is not None and known.stamp != stamp:
            # Two who ask may have been told of two versions.
            known.close()
            known = None
        if known is None:
            known = LocalFile(location)
            if known.stamp != stamp:
                found = known.stamp
                known.close()
                raise stale(location, stamp, found)
            while len(self._open) >= self._most:
                self._open.popitem(last=False)[1].close()
        self._open[location] = known
        return known

    def close(self) -> None:
        """Close all files; they are opened again when they are needed."""
        with self._lock:
            for source in self._open.values():
                source.close()
            self._open.clear()


LOCAL = LocalStorage()
