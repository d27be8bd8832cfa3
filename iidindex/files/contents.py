"""What a file holds: columns, metadata, groups, and questions about its entries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt

from iidindex.codec.reader import Header, Ints
from iidindex.errors import QueryError
from iidindex.files.arguments import all_bytes, has_none, one_integer, what_to_load, within
from iidindex.files.box_search import SegmentSpace
from iidindex.files.file_entry import Entry
from iidindex.files.file_records import Records
from iidindex.files.groups import Groups
from iidindex.files.metadata import Metadata
from iidindex.files.siblings import Siblings
from iidindex.masks.regions import Bool2D
from iidindex.model import IID, BBox, BBoxLike


class Contents:
    """Everything that can be asked of an open file; `IIDFile` adds opening, editing and saving.

    Parameters
    ----------
    records : Records
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self._loaded_keys: set[int] = set()
        self._all_are_loaded = False
        self._space: SegmentSpace | None = None
        self._meta: Metadata | None = None

    # ------------------------------------------------------------------ what is in it

    @property
    def name(self) -> str:
        """The path, or the name that errors show instead."""
        return self._records.name

    @property
    def header(self) -> Header:
        """The header: format version, and where the sections lie."""
        return self._records.header

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Entry]:
        """Iterate over the entries in the order of their keys; nothing is loaded ahead."""
        return iter(self._entries(None))

    @property
    def keys(self) -> Ints:
        """The keys of all entries, row by row: int64, shape (n,)."""
        return self._records.keys

    @property
    def iids(self) -> list[IID]:
        """The IIDs of all entries, row by row."""
        return self._records.iids

    @property
    def bboxes(self) -> npt.NDArray[np.uint16]:
        """The boxes of all entries, row by row: uint16, shape (n, 4), half-open, pixels."""
        return self._records.bboxes

    @property
    def areas(self) -> npt.NDArray[np.uint32]:
        """The areas of all entries, row by row: uint32, shape (n,), pixels."""
        return self._records.areas

    @property
    def meta(self) -> Metadata:
        """The metadata: ``iidfile.meta.data``, anything that JSON can hold; yours to change."""
        if self._meta is None:
            self._meta = Metadata(self._records.read_meta())
        return self._meta

    @meta.setter
    def meta(self, value: Any) -> None:
        """Take what is given for the ``data``."""
        if isinstance(value, Metadata):
            self._meta = value
        else:
            self.meta.data = value

    @cached_property
    def groups(self) -> Groups:
        """The groups: ``.list()``, ``.get()``, ``.add()``."""
        return Groups(self._records, self.fetch, self._records.read_groups())

    # ------------------------------------------------------------------ questions

    def fetch(
        self,
        keys: int | Iterable[int] | None = None,
        all_keys: bool = False,
        groups: str | Iterable[str] | None = None,
        iids: bool | None = None,
        segs: bool | None = None,
        everything: bool = False,
        *,
        group: str | Iterable[str] | None = None,
    ) -> list[Entry]:
        """Load entries, and remember that they are loaded.

        Parameters
        ----------
        keys : int or iterable of int, optional
            The keys to fetch.
        all_keys : bool
            Fetch every key.
        groups, group : str or iterable of str, optional
            Fetch the keys in any of these groups. It replaces `keys`.
        iids, segs : bool, optional
            What to load now. If one is True, only that one is loaded. If one is False, the other
            is loaded. If neither is given, both are. What is not loaded now is loaded when it is
            asked for.
        everything : bool
            Fetch every key and load both.

        Returns
        -------
        list of Entry
            Ascending by key.

        Raises
        ------
        QueryError
            If a key or a group is not in the file.
        """
        groups = group if groups is None else groups
        if everything:
            rows, iids, segs = None, True, True
        elif not has_none(groups):
            assert groups is not None
            rows = self._records.rows_of(self.groups.keys(groups))
        elif all_keys:
            rows = None
        else:
            rows = self._records.rows_of([] if keys is None else keys)
        load_iids, load_segs = what_to_load(iids, segs)
        entries = self._entries(rows)
        if rows is None or len(rows) == len(self):
            self._records.load(load_iids, load_segs)
            # What is added later counts as loaded, too.
            self._all_are_loaded = True
            return entries
        for entry in entries:
            _ = load_iids and entry.iid, load_segs and entry.seg.bbox
        self._loaded_keys.update(entry.key for entry in entries)
        return entries

    def look_for(
        self,
        addresses: bytes | Iterable[bytes],
        domains: bytes | Iterable[bytes] | None = None,
        groups: str | Iterable[str] | None = None,
        segs: bool = False,
    ) -> list[Entry]:
        """Find entries by their IID.

        Parameters
        ----------
        addresses : bytes or iterable of bytes
            Entries with any of these addresses.
        domains : bytes or iterable of bytes, optional
            Only in any of these domains; ``b""`` stands for no domain.
        groups : str or iterable of str, optional
            Only in any of these groups.
        segs : bool
            Also load the segments of the entries that are found.

        Returns
        -------
        list of Entry
            Ascending by key.

        Raises
        ------
        QueryError
            If a group is not in the file, or an address or domain is not bytes.
        """
        wanted = set(all_bytes(addresses, "addresses"))
        rows = self._rows_in(groups)
        iids = self.iids
        found = [row for row in rows.tolist() if iids[row].address in wanted]
        if domains is not None:
            known = {domain or None for domain in all_bytes(domains, "domains")}
            found = [row for row in found if iids[row].domain in known]
        if segs and found:
            self._records.load(iids=False, segs=True)
        return self._entries(np.array(found, np.int64))

    def filter(
        self,
        groups: str | Iterable[str] | None = None,
        area: tuple[float | None, float | None] | None = None,
        domains: bytes | Iterable[bytes] | None = None,
        iids: bool = True,
        segs: bool = False,
    ) -> list[Entry]:
        """Choose entries by group, area and domain.

        Parameters
        ----------
        groups : str or iterable of str, optional
            Only in any of these groups.
        area : (min, max), optional
            Only entries with this number of pixels. Both ends are included; None means no limit.
        domains : bytes or iterable of bytes, optional
            Only in any of these domains; ``b""`` stands for no domain.
        iids, segs : bool
            What of the entries to load now.

        Returns
        -------
        list of Entry
            Ascending by key.

        Raises
        ------
        QueryError
            If a group is not in the file, or an argument is not valid.
        """
        rows = self._rows_in(groups)
        if area is not None:
            rows = rows[within(self.areas[rows], area)]
        if domains is not None:
            known = {domain or None for domain in all_bytes(domains, "domains")}
            found = self.iids
            rows = np.array([row for row in rows.tolist() if found[row].domain in known], np.int64)
        if len(rows):
            self._records.load(iids, segs)
        return self._entries(rows)

    def at(self, x: int, y: int, only_loaded: bool = False) -> list[Entry]:
        """Entries whose mask holds one pixel.

        Parameters
        ----------
        x, y : int
            Column and row of the pixel in the image.
        only_loaded : bool
            Search only the entries that were fetched or added.

        Returns
        -------
        list of Entry
            Ascending by key.

        Raises
        ------
        QueryError
            If x or y is no integer.
        """
        row, col = one_integer(y, "y"), one_integer(x, "x")
        return self.region((row, col, row + 1, col + 1), only_loaded)

    def region(self, bbox: BBoxLike, only_loaded: bool = False) -> list[Entry]:
        """Entries whose mask has a pixel inside a box.

        Parameters
        ----------
        bbox : sequence of int
            ``(minr, minc, maxr, maxc)``, half-open, pixels.
        only_loaded : bool
            Search only the entries that were fetched or added.

        Returns
        -------
        list of Entry
            Ascending by key.

        Raises
        ------
        QueryError
            If `bbox` is not a box.
        """
        box = BBox.of(bbox)
        hit = self._segment_space().hits(box, self._loaded_rows() if only_loaded else None)
        return self._entries(hit)

    def overlap_graph(
        self, everything: bool = True
    ) -> tuple[list[Entry], list[tuple[Entry, Entry, int]]]:
        """Find all overlaps and count their pixels.

        Parameters
        ----------
        everything : bool
            Compare all entries; if False, only those that were fetched or added.

        Returns
        -------
        nodes : list of Entry
            The entries looked at, ascending by key.
        edges : list of (Entry, Entry, int)
            Pairs that share pixels, and the number of these pixels; ``a.key < b.key``, in
            ascending order.
        """
        rows = np.arange(len(self)) if everything else self._loaded_rows()
        rows = self._records.in_key_order(rows)
        nodes = self._entries(rows)
        first, second, pixels = self._segment_space().overlaps(rows)
        # Nothing is done for an edge in Python: there may be many times as many as entries.
        a, b = (map(nodes.__getitem__, side.tolist()) for side in (first, second))
        return nodes, list(zip(a, b, pixels.tolist(), strict=True))

    compute_overlap = overlap_graph

    def masks(self, entries: Iterable[Entry] | None = None) -> Iterator[tuple[Entry, Bool2D]]:
        """Decode many masks, much faster than one by one, in bounded memory.

        Parameters
        ----------
        entries : iterable of Entry, optional
            Entries of this file; all of them, if not given.

        Yields
        ------
        (Entry, ndarray of bool, shape (height, width))
            In the order given. Small neighbouring masks share memory. Copy a mask that you keep
            for long.
        """
        try:
            chosen: list[Any] = list(self if entries is None else entries)
        except TypeError:
            told = f"{type(entries).__name__}: {entries!r:.200}"
            raise QueryError(f"entries must be several of this file, not {told}") from None
        if any(not issubclass(kind, Entry) for kind in set(map(type, chosen))) or any(
            records is not self._records for records in {one._siblings.records for one in chosen}
        ):
            raise QueryError(f"{self.name}: an entry belongs to another file")
        rows = np.array([entry.row for entry in chosen], np.int64)
        return zip(chosen, self._records.masks(rows), strict=True)

    # ------------------------------------------------------------------ rows

    def _entries(self, rows: Ints | None) -> list[Entry]:
        """Entries of some rows, or of all, ascending by key."""
        records = self._records
        if records.keys_are_rows:
            rows = np.arange(len(records)) if rows is None else np.sort(rows)
            keys = numbers = rows.tolist()
        else:
            rows = records.in_key_order(np.arange(len(records)) if rows is None else rows)
            keys, numbers = records.keys[rows].tolist(), rows.tolist()
        return list(map(Entry, repeat(Siblings(records, rows)), numbers, keys))

    def _rows_in(self, groups: str | Iterable[str] | None) -> Ints:
        if groups is None or (isinstance(groups, list) and not groups):
            return np.arange(len(self))
        return self._records.rows_of(self.groups.keys(groups))

    def _loaded_rows(self) -> Ints:
        if self._all_are_loaded:
            return np.arange(len(self))
        return self._records.rows_of(self._loaded_keys)

    def _segment_space(self) -> SegmentSpace:
        parts = self._records.parts
        if self._space is None:
            self._space = SegmentSpace(parts)
        return self._space
