"""Local and mounted disks as a storage."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from iidindex.model import FileStamp
from iidindex.storage.local import LocalFile, stamp_of
from iidindex.storage.local_ranges import LocalRanges
from iidindex.storage.paths import ways_to
from iidindex.storage.protocol import Listing
from iidindex.storage.walk import names_below, walk

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


LOCAL = LocalStorage()
