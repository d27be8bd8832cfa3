"""The records of one file by row: those on its storage, and those added since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from iidindex.codec import layout
from iidindex.codec.attributes import read_groups, read_meta
from iidindex.codec.reader import EMPTY_HEADER, Header, Ints, check_header, is_range
from iidindex.errors import EncodeError, QueryError
from iidindex.files.arguments import integers
from iidindex.files.part import Part, naming
from iidindex.files.pending import Pending
from iidindex.masks.regions import Bool2D
from iidindex.model import IID, BBox
from iidindex.plural import counted
from iidindex.storage.protocol import Source


class Records:
    """What an open file holds, decoded no further than asked for.

    Rows count through the stored records first and then through the added ones.

    Parameters
    ----------
    source : Source, optional
        Where the stored records are; none, for a new file.

    Attributes
    ----------
    header : Header
    ahead : dict of int to ndarray of bool
        Masks by row that were decoded along with one that was asked for. Whoever takes one takes
        it out, as nobody else may have the same.

    Raises
    ------
    IIDFormatError
        If the header is not valid.
    """

    def __init__(self, source: Source | None) -> None:
        self._source = source
        self._closed = False
        self._new_iids: list[bytes] = []
        self._new_segs = Pending()
        self._new_part: Part | None = None
        self.ahead: dict[int, Bool2D] = {}
        self.header = EMPTY_HEADER if source is None else _header_of(source)

    @property
    def name(self) -> str:
        """The path, or the name that errors show instead."""
        return "<new file>" if self._source is None else self._source.name

    # ------------------------------------------------------------------ columns

    def __len__(self) -> int:
        self.check_open()
        return self._n_stored + len(self._new_iids)

    @property
    def keys(self) -> Ints:
        """The keys of all rows: int64, shape (n,)."""
        return _joined([part.lut.key for part in self.parts], np.empty(0, np.int64))

    @property
    def keys_are_rows(self) -> bool:
        """Whether every key is its row, as in all files of the founding program."""
        # What was added to such a file counts on from there.
        return self._stored is None or self._stored.keys_are_rows

    @property
    def iids(self) -> list[IID]:
        """The IIDs of all rows."""
        return list(chain.from_iterable(part.iids for part in self.parts))

    @property
    def iids_are_loaded(self) -> bool:
        """Whether those of all rows are at hand."""
        return all(part.iids_are_loaded for part in self.parts)

    @property
    def heads(self) -> list[tuple[BBox, int]]:
        """Boxes and areas of all rows."""
        return list(chain.from_iterable(part.heads for part in self.parts))

    @property
    def segments_are_loaded(self) -> bool:
        """Whether the heads of all segments are at hand."""
        return all(part.segments_are_loaded for part in self.parts)

    @property
    def bboxes(self) -> npt.NDArray[np.uint16]:
        """The boxes of all rows: uint16, shape (n, 4)."""
        none = np.empty((0, 4), np.uint16)
        return _joined([part.segments.bbox for part in self.parts], none)

    @property
    def areas(self) -> npt.NDArray[np.uint32]:
        """The areas of all rows: uint32, shape (n,)."""
        return _joined([part.segments.area for part in self.parts], np.empty(0, np.uint32))

    def load(self, iids: bool, segs: bool) -> None:
        """Decode columns now; an object for each IID is made when the first is asked for."""
        for part in self.parts:
            _ = iids and part.iid_bytes, segs and part.segments

    # ------------------------------------------------------------------ attributes

    def read_meta(self) -> Any:
        """Decode the stored metadata."""
        if self._source is None:
            return {}
        with naming(self.name):
            return read_meta(self._open_source.data(), self.header)

    def encoded_meta(self) -> bytes:
        """The stored metadata as it is; no bytes, if there is none."""
        if self._source is None:
            return b""
        offset, length = self.header.bufloc_meta
        return self._open_source.read(offset, length)

    def read_groups(self) -> dict[str, Ints]:
        """Decode the stored groups: keys by name."""
        if self._stored is None:
            return {}
        with naming(self.name):
            return read_groups(self._open_source.data(), self.header, self._stored.lut.key)

    # ------------------------------------------------------------------ rows and keys

    def locate(self, row: int) -> tuple[Part, int]:
        """The part that holds a row, and the row's position in it."""
        self.check_open()
        n_stored = self._n_stored
        if row < n_stored:
            assert self._stored is not None
            return self._stored, row
        return self._added(), row - n_stored

    def rows_of(
        self,
        keys: int | Iterable[int],
        error: type[QueryError] | type[EncodeError] = QueryError,
    ) -> Ints:
        """The rows that carry any of the keys, each once, ascending.

        Raises
        ------
        QueryError
            Or `error`, if a key is not in the file.
        """
        try:
            wanted = np.unique(np.array(integers(keys), np.int64))
        except (TypeError, OverflowError) as problem:
            raise error(f"{self.name}: keys must be integers: {problem}") from None
        known = self.keys
        if is_range(known):
            unknown = wanted[(wanted < 0) | (wanted >= len(known))]
            rows = wanted
        else:
            unknown = wanted[~np.isin(wanted, known)]
            rows = np.flatnonzero(np.isin(known, wanted))
        if len(unknown):
            raise error(
                f"{self.name}: there is no entry of key {unknown[0]}; "
                f"it has {counted(len(known), 'entry', 'entries')}"
            )
        return rows

    def in_key_order(self, rows: Ints) -> Ints:
        """Sort rows by their keys."""
        return rows[np.argsort(self.keys[rows], kind="stable")]

    def masks(self, rows: Ints) -> Iterator[Bool2D]:
        """Decode the masks of some rows in the order given, many at a time."""
        n_stored = self._n_stored
        cuts = np.flatnonzero(np.diff(rows >= n_stored)) + 1
        for run in np.split(rows, cuts):
            if len(run):
                part, first = self.locate(int(run[0]))
                yield from part.masks(run - (int(run[0]) - first))

    @property
    def parts(self) -> list[Part]:
        """What is stored, if anything, and what was added since, if anything."""
        self.check_open()
        parts = [] if self._stored is None else [self._stored]
        if self._new_iids:
            parts.append(self._added())
        return parts

    @cached_property
    def _stored(self) -> Part | None:
        if self._source is None:
            return None
        return Part.of_file(self._open_source, self.header)

    @property
    def _n_stored(self) -> int:
        return 0 if self._stored is None else len(self._stored)

    def _added(self) -> Part:
        if self._new_part is None:
            self._new_part = Part.of_records(
                self._first_new_key, self._new_iids, self._new_segs.encoded(), self.name
            )
        return self._new_part

    # ------------------------------------------------------------------ adding

    @property
    def next_key(self) -> int:
        """The key of the next record that is added.

        Raises
        ------
        EncodeError
            If the format has no more keys.
        """
        key = self._first_new_key + len(self._new_iids)
        if key > layout.MAX_UINT32:
            raise EncodeError(f"{self.name}: key {key} is needed; the limit is {layout.MAX_UINT32}")
        return key

    @cached_property
    def _first_new_key(self) -> int:
        # The next row, unless the file's keys are not its rows: a key must be free.
        stored = self._stored
        return (
            0
            if stored is None or not len(stored)
            else max(len(stored), int(stored.lut.key.max()) + 1)
        )

    def append(self, iid: bytes, bbox: BBox, mask: Bool2D) -> None:
        """Add an entry of `next_key`: its encoded IID, and its segment, checked."""
        self.check_open()
        self._new_segs.append(self.next_key, bbox, mask)
        self._new_iids.append(iid)
        self._new_part = None

    # ------------------------------------------------------------------ open and closed

    def adopt(self, source: Source) -> None:
        """Go on from storage that holds exactly these records."""
        header = _header_of(source)
        if self._source is not None:
            self._source.close()
        self._source, self.header = source, header
        self._new_iids, self._new_segs, self._new_part = [], Pending(), None
        self._forget()

    def close(self) -> None:
        """Give up the storage; what was decoded stays usable."""
        self._closed = True
        self._new_part = None
        self._forget()
        if self._source is not None:
            self._source.close()

    def __getstate__(self) -> dict[str, Any]:
        # What was decoded refers to the storage of this object; a copy has its own.
        self.check_open()
        return {**self.__dict__, "_stored": None, "_new_part": None, "ahead": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def _forget(self) -> None:
        for name in ("_stored", "_first_new_key"):
            self.__dict__.pop(name, None)
        self.ahead = {}

    @property
    def closed(self) -> bool:
        """Whether the file was closed."""
        return self._closed

    @property
    def _open_source(self) -> Source:
        self.check_open()
        assert self._source is not None
        return self._source

    def check_open(self) -> None:
        """Refuse to go on if the file was closed."""
        if self._closed:
            raise QueryError(f"{self.name}: the file is closed")


def _header_of(source: Source) -> Header:
    with naming(source.name):
        return check_header(source.read(0, layout.HEADER_SIZE), source.stamp.size)


def _joined(columns: Sequence[npt.NDArray[Any]], none: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return columns[0] if len(columns) == 1 else np.concatenate([none, *columns])
