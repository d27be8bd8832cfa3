"""What is asked of a place where files lie: to list them, to look at one, to read from it.

A location is where one file can be opened: a path, or a URL. Paths inside a root are always
``/``-separated. A stamp tells one version of a file from another. It is compared as a whole, and
only its size means anything to those outside: the rest is a time on a disk, and may be any mark
of a version elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol, Self, TypeAlias, runtime_checkable

from iidindex.buffers import Bytes
from iidindex.errors import SourceError, StaleFileError
from iidindex.model import FileStamp


class Source(Protocol):
    """Read-only bytes. What reads a file needs no more than this of its storage."""

    @property
    def name(self) -> str:
        """What to call it in errors."""
        ...

    @property
    def stamp(self) -> FileStamp:
        """Which version was opened."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """Read `length` bytes from `offset`; fewer only where the file ends.

        Raises
        ------
        SourceError
            If that cannot be done.
        StaleFileError
            If the storage can tell that another version is there.
        """
        ...

    def data(self) -> Bytes:
        """All bytes as one array, fetched as they are touched where the storage can."""
        ...

    def check_whole(self) -> None:
        """Raise a `SourceError` if what `data` has given can no longer be touched."""
        ...

    def is_current(self) -> bool:
        """Whether all that was read is of the version that is there now."""
        ...

    def close(self) -> None:
        """Give up what the source holds; closing twice is harmless."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class Ranges(Protocol):
    """Reads parts of files of which the stamps are known. May be shared by threads."""

    def read(
        self, location: str, stamp: FileStamp, ranges: Sequence[tuple[int, int]]
    ) -> list[bytes]:
        """Read many ranges of one file in one look, if it has the stamp.

        A storage that can look and read at once does both together.

        Parameters
        ----------
        location : str
        stamp : FileStamp
            When it was indexed.
        ranges : sequence of (int, int)
            Offset and length, ascending by offset. What lies between two of them may be read along.

        Returns
        -------
        list of bytes
            One for each range; shorter only where the file ends.

        Raises
        ------
        SourceNotFoundError, SourceError
            If it is not there or cannot be read.
        StaleFileError
            If it has another stamp, before or after it was read.
        """
        ...

    def close(self) -> None:
        """Give up what is held; it is made again when it is needed."""
        ...


# Location, stamp and ranges of a file, as `Ranges.read` takes them, and where they go: from this
# place on they lie one behind the other in what is filled.
Wanted: TypeAlias = tuple[str, FileStamp, Sequence[tuple[int, int]], int]


@runtime_checkable
class Filling(Ranges, Protocol):
    """Reads ranges of many files in one go. Whoever cannot is asked for one after the other."""

    def fill(self, wanted: Sequence[Wanted], out: memoryview) -> dict[int, SourceError]:
        """Read ranges of many files into memory.

        Parameters
        ----------
        wanted : sequence of Wanted
            Files that lie in one directory as a rule come together.
        out : memoryview
            Of bytes, as long as all ranges.

        Returns
        -------
        dict of int to SourceError
            What `Ranges.read` would raise, by the places of files in `wanted`, and a
            `StaleFileError` for a file that ends before the end of a range. Their parts of `out`
            may hold anything.
        """
        ...


@dataclass(frozen=True, slots=True)
class OneByOne:
    """`Filling` by whoever reads one file at a time."""

    ranges: Ranges

    def read(
        self, location: str, stamp: FileStamp, ranges: Sequence[tuple[int, int]]
    ) -> list[bytes]:
        """As `Ranges.read`."""
        return self.ranges.read(location, stamp, ranges)

    def fill(self, wanted: Sequence[Wanted], out: memoryview) -> dict[int, SourceError]:
        """As `Filling.fill`."""
        failed: dict[int, SourceError] = {}
        for nth, one in enumerate(wanted):
            try:
                copy(self.read(*one[:3]), one, out)
            except SourceError as error:
                failed[nth] = error
        return failed

    def close(self) -> None:
        """As `Ranges.close`."""
        self.ranges.close()


def copy(pieces: Sequence[bytes], wanted: Wanted, out: memoryview) -> None:
    """Lay what was read of a file where it goes.

    Raises
    ------
    StaleFileError
        If something is shorter than it was asked for.
    """
    location, _, ranges, at = wanted
    for piece, (_, length) in zip(pieces, ranges, strict=True):
        if len(piece) != length:
            raise shorter(location)
        out[at : at + length] = piece
        at += length


@dataclass(slots=True)
class Listing:
    """What lies below a place.

    Attributes
    ----------
    found : dict of str to tuple
        Path inside the root of every file with the suffix, in no order; the fields of its stamp.
    unreadable : dict of str to str
        Path inside the root of each directory or file that could not be looked at, and why. What
        lies in such a directory is unknown, which is not the same as gone.
    """

    found: dict[str, tuple[int, int]] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)


class Storage(Protocol):
    """A kind of place where files lie."""

    def ways(self, location: str) -> list[str]:
        """Names of one place that can be opened from anywhere, one at least.

        The first is the location as it stands, the last the one name of what several names may
        lead to. Where there are no links, they are one.

        Raises
        ------
        SourceNotFoundError
            If the location is empty, or cannot be told.
        ValueError
            If there can be nothing of this name.
        """
        ...

    def join(self, root: str, path: str) -> str:
        """The location of a path inside a root."""
        ...

    def relative(self, root: str, location: str) -> str | None:
        """The path of a location inside a root; empty for the root, None if it is not inside."""
        ...

    def parent(self, location: str) -> str:
        """The directory that a file lies in."""
        ...

    def exists(self, location: str) -> bool:
        """Whether there is a file, or what counts as a directory."""
        ...

    def is_dir(self, location: str) -> bool:
        """Whether files may lie below it; where there are no directories, an empty one may be."""
        ...

    def has_any(self, location: str) -> bool:
        """Whether anything lies in a directory; True if nobody can tell."""
        ...

    def walk(self, root: str, below: str, suffix: str) -> Listing:
        """List the files of a name that ends in `suffix`, in any case, opening none.

        Parameters
        ----------
        root : str
        below : str
            The path inside the root of what is to be listed; empty for all of it.
        suffix : str
            In lower case.
        """
        ...

    def names(self, root: str, suffix: str = "") -> Iterator[str]:
        """Paths inside the root of all files that `walk` would list, some at a time.

        Who looks no further than to the first does not wait for all.
        """
        ...

    def stamp(self, location: str) -> FileStamp:
        """Which version of a file is there now.

        Raises
        ------
        SourceNotFoundError, SourceError
            If it is not there or cannot be looked at.
        """
        ...

    def open(self, location: str) -> Source:
        """Open a file to index it: if anybody changes it from now on, its stamp will differ.

        The stamp of an object has the ETag that `Ranges.read` is to ask for.

        Raises
        ------
        SourceNotFoundError, SourceError
            If it is not there or cannot be read.
        """
        ...

    def ranges(self) -> Ranges:
        """Something that reads parts of files, with what it holds for that."""
        ...


@runtime_checkable
class Remote(Storage, Protocol):
    """A storage that takes its time to answer, and answers many at once."""

    def stamps(self, locations: Sequence[str]) -> list[FileStamp | SourceError]:
        """Which version of each of many files is there now, or what `stamp` would raise."""
        ...

    def opening(self, locations: Sequence[str]) -> AbstractContextManager[None]:
        """Where files are opened in this order: some are begun before they are asked for."""
        ...


def stale(location: str, then: FileStamp, now: FileStamp) -> StaleFileError:
    """Another version of a file is there than was indexed."""
    differs = f"size {then.size} then and {now.size} now, "
    if now.etag is None:
        differs += f"mtime_ns {then.mtime_ns} then and {now.mtime_ns} now"
    else:
        differs += f"ETag {then.etag} then and {now.etag} now"
    return StaleFileError(
        f"{location}: has changed since it was indexed: {differs}; ingest it again"
    )


def shorter(location: str) -> StaleFileError:
    """A file ends where something of it was indexed, though its stamp is the same."""
    return StaleFileError(f"{location}: is shorter than when it was indexed; ingest it again")
