"""The files that an ingest has to read: a million of them, at a hundred bytes each."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import overload

from iidindex.catalog.roots import RootDirectory
from iidindex.ingestion.plan import Known
from iidindex.ingestion.work import ToScan
from iidindex.model import FileStamp
from iidindex.storage.places import location_of

_DIGEST, _FIXITY = 16, 32


@dataclass(frozen=True, slots=True)
class Unread:
    """A file to be read: its root, its path inside, its stamp, and what is known of it."""

    root: RootDirectory
    path: str
    stamp: FileStamp
    known: Known | None

    @property
    def has_fixity(self) -> bool:
        """Whether fixity is to be recorded: what has it once is never without."""
        known = self.known
        return self.root.has_fixity or (known is not None and known.fixity is not None)

    @property
    def location(self) -> str:
        """Where it can be opened."""
        return location_of(self.root.location, self.path)


class ToRead(Sequence[Unread]):
    """Files to be read, root after root, as columns; a file is an object while it is looked at."""

    def __init__(self) -> None:
        self._roots: list[RootDirectory] = []
        self._first = array("q")  # of the files of each root
        self._paths = bytearray()
        self._ends = array("q")
        self.sizes = array("q")
        """Of the files, in bytes."""
        self._times = array("q")
        self._known = _Knowns()
        self._known_of = array("q")

    def add(
        self,
        root: RootDirectory,
        stamps: Mapping[str, FileStamp],
        known: Mapping[str, Known],
    ) -> None:
        """Add files of a root: their stamps by path, and what is known of some."""
        if stamps and (not self._roots or self._roots[-1] != root):
            self._roots.append(root)
            self._first.append(len(self))
        for path, (size, mtime_ns) in stamps.items():
            self._paths += os.fsencode(path)
            self._ends.append(len(self._paths))
            self.sizes.append(size)
            self._times.append(mtime_ns)
            self._known_of.append(self._known.add(known[path]) if path in known else -1)

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, at: int) -> Unread: ...

    @overload
    def __getitem__(self, at: slice) -> list[Unread]: ...

    def __getitem__(self, at: int | slice) -> Unread | list[Unread]:
        if isinstance(at, slice):
            return [self._one(nth) for nth in range(*at.indices(len(self)))]
        return self._one(range(len(self))[at])

    def _one(self, nth: int) -> Unread:
        begin = self._ends[nth - 1] if nth else 0
        path = os.fsdecode(bytes(self._paths[begin : self._ends[nth]]))
        known = self._known_of[nth]
        return Unread(
            self._roots[bisect_right(self._first, nth) - 1],
            path,
            FileStamp(self.sizes[nth], self._times[nth]),
            None if known < 0 else self._known[known],
        )


class ToScanLater(Sequence[ToScan]):
    """What workers are told of files, made when it is asked for."""

    def __init__(self, files: ToRead) -> None:
        self._files = files

    def __len__(self) -> int:
        return len(self._files)

    @overload
    def __getitem__(self, at: int) -> ToScan: ...

    @overload
    def __getitem__(self, at: slice) -> list[ToScan]: ...

    def __getitem__(self, at: int | slice) -> ToScan | list[ToScan]:
        if isinstance(at, slice):
            return [_told(file) for file in self._files[at]]
        return _told(self._files[at])


def _told(file: Unread) -> ToScan:
    return ToScan(file.location, file.has_fixity, file.stamp.size)


class _Knowns:
    """What is known of files, as columns."""

    def __init__(self) -> None:
        self._ids = array("q")
        self._sizes = array("q")
        self._times = array("q")
        self._states = array("q")
        self._names: list[str] = []  # of states
        # Digests and fixities, one behind the other; a byte more says whether there is one.
        self._digests = bytearray()
        self._fixities = bytearray()

    def add(self, known: Known) -> int:
        """Keep one; return its number."""
        self._ids.append(known.id)
        self._sizes.append(known.stamp.size)
        self._times.append(known.stamp.mtime_ns)
        if known.state not in self._names:
            self._names.append(known.state)
        self._states.append(self._names.index(known.state))
        self._digests += _packed(known.digest, _DIGEST)
        self._fixities += _packed(known.fixity, _FIXITY)
        return len(self._ids) - 1

    def __getitem__(self, nth: int) -> Known:
        return Known(
            self._ids[nth],
            FileStamp(self._sizes[nth], self._times[nth]),
            _unpacked(self._digests, nth, _DIGEST),
            self._names[self._states[nth]],
            _unpacked(self._fixities, nth, _FIXITY),
        )


def _packed(value: bytes | None, size: int) -> bytes:
    # One of another length is none that this program has made, and so equals nothing.
    return bytes(size + 1) if value is None or len(value) != size else b"\x01" + value


def _unpacked(values: bytearray, nth: int, size: int) -> bytes | None:
    at = nth * (size + 1)
    return bytes(values[at + 1 : at + 1 + size]) if values[at] else None
