"""One ``.iid`` file: the founding library's API, read lazily and written atomically."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, BinaryIO, Self

import numpy as np
import numpy.typing as npt

from iidindex.codec.attributes import is_range, read_groups, read_meta
from iidindex.codec.reader import EMPTY_HEADER, Header, Ints, check_header
from iidindex.codec.writer import encode_iid, encode_meta, encode_segment
from iidindex.errors import EncodeError, QueryError
from iidindex.files.arguments import all_bytes, check_bytes, integers, what_to_load, within
from iidindex.files.entry import Entry
from iidindex.files.groups import Groups, check_name
from iidindex.files.metadata import Metadata
from iidindex.files.part import Part, naming
from iidindex.files.saving import encode_file
from iidindex.files.source import LocalFile, Source, open_source, write_atomically
from iidindex.files.spatial import SegmentSpace
from iidindex.masks.regions import Bool2D, as_binary
from iidindex.model import IID, BBox, BBoxLike


class IIDFile:
    """A ``.iid`` file: labelled masks of one picture.

    Opening reads the 48 bytes of the header. Everything else is read through a read-only
    memory map when it is asked for; the file is never written to, unless by `save`.

    Parameters
    ----------
    fpath : path-like, bytes-like or binary file object, optional
        What to open. Without it, the file is new and empty.

    Raises
    ------
    SourceNotFoundError, SourceError
        If the file is not there or cannot be read.
    IIDFormatError
        If it is not a ``.iid`` file. Damage beyond the header is found when it is reached.

    Examples
    --------
    >>> import numpy as np
    >>> new = IIDFile()
    >>> new.add(address=b"tree", domain=b"example", bbox=(10, 20, 12, 23),
    ...         mask=np.ones((2, 3), bool), group="plants")
    >>> file = IIDFile(new.to_bytes())
    >>> [entry.iid.address for entry in file.at(x=22, y=11)]
    [b'tree']
    >>> file.fetch(groups=["plants"])[0].seg.mask().shape
    (2, 3)
    """

    def __init__(
        self,
        fpath: str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | None = None,
    ) -> None:
        self._source: Source | None = None if fpath is None else open_source(fpath)
        self._closed = False
        self._loaded_keys: set[int] = set()
        self._new_iids: list[bytes] = []
        self._new_segs: list[bytes] = []
        self._new_part: Part | None = None
        self._space: SegmentSpace | None = None
        self.header: Header = EMPTY_HEADER
        if self._source is not None:
            with naming(self.name):
                self.header = check_header(self._source.read(0, 48), self._source.stamp.size)

    # ------------------------------------------------------------------ what is in it

    @property
    def name(self) -> str:
        """The path, or what stands for it in errors."""
        return "<new file>" if self._source is None else self._source.name

    def __len__(self) -> int:
        return self._n_stored + len(self._new_iids)

    def __iter__(self) -> Iterator[Entry]:
        """Iterate over the entries in the order of their keys; nothing is loaded ahead."""
        return iter(self._entries(self._in_key_order(np.arange(len(self)))))

    def __repr__(self) -> str:
        return f"<IIDFile {self.name!r}, {len(self)} entries>"

    @property
    def keys(self) -> Ints:
        """The keys of all entries, row by row: int64, shape (n,)."""
        return _joined([part.lut.key for part in self._parts], np.empty(0, np.int64))

    @property
    def iids(self) -> list[IID]:
        """The IIDs of all entries, row by row."""
        return [iid for part in self._parts for iid in part.iids]

    @property
    def bboxes(self) -> npt.NDArray[np.uint16]:
        """The boxes of all entries, row by row: uint16, shape (n, 4), half-open, pixels."""
        none = np.empty((0, 4), np.uint16)
        return _joined([part.segments.bbox for part in self._parts], none)

    @property
    def areas(self) -> npt.NDArray[np.uint32]:
        """The areas of all entries, row by row: uint32, shape (n,), pixels."""
        return _joined([part.segments.area for part in self._parts], np.empty(0, np.uint32))

    @cached_property
    def meta(self) -> Metadata:
        """The metadata: ``iidfile.meta.data``, anything that JSON can hold; yours to change."""
        with naming(self.name):
            stored = (
                {} if self._source is None else read_meta(self._open_source.data(), self.header)
            )
        return Metadata(stored)

    @cached_property
    def groups(self) -> Groups:
        """The groups: ``.list()``, ``.get()``, ``.add()``."""
        if self._stored is None:
            return Groups(self, [])
        with naming(self.name):
            return Groups(
                self, read_groups(self._open_source.data(), self.header, self._stored.lut.key)
            )

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
        """Load entries, and remember that they were.

        Parameters
        ----------
        keys : int or iterable of int, optional
            The keys to fetch.
        all_keys : bool
            Fetch every key.
        groups, group : str or iterable of str, optional
            Fetch the keys in any of these groups. Takes the place of `keys`.
        iids, segs : bool, optional
            What to load now. Naming one loads that one alone, naming neither loads both, and
            False loads the other. What was not loaded still is when it is asked for.
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
            rows, iids, segs = np.arange(len(self)), True, True
        elif groups:
            rows = self.rows_of(self.groups.keys(groups))
        elif all_keys:
            rows = np.arange(len(self))
        else:
            rows = self.rows_of([] if keys is None else keys)
        load_iids, load_segs = what_to_load(iids, segs)
        entries = self._entries(self._in_key_order(rows))
        if len(rows) == len(self):
            self._load_all(load_iids, load_segs)
        else:
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
            Only in any of these domains; ``b""`` stands for none given.
        groups : str or iterable of str, optional
            Only in any of these groups.
        segs : bool
            Load the segments of what is found, too.

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
            self._load_all(iids=False, segs=True)
        return self._entries(self._in_key_order(np.array(found, np.int64)))

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
            Only of so many pixels, both ends inclusive; None leaves an end open.
        domains : bytes or iterable of bytes, optional
            Only in any of these domains; ``b""`` stands for none given.
        iids, segs : bool
            What of the entries to load now.

        Returns
        -------
        list of Entry
            Ascending by key.

        Raises
        ------
        QueryError
            If a group is not in the file, or an argument has not its form.
        """
        rows = self._rows_in(groups)
        if area is not None:
            rows = rows[within(self.areas[rows], area)]
        if domains is not None:
            known = {domain or None for domain in all_bytes(domains, "domains")}
            found = self.iids
            rows = np.array([row for row in rows.tolist() if found[row].domain in known], np.int64)
        if len(rows):
            self._load_all(iids, segs)
        return self._entries(self._in_key_order(rows))

    def at(self, x: int, y: int, only_loaded: bool = False) -> list[Entry]:
        """Entries whose mask holds one pixel.

        Parameters
        ----------
        x, y : int
            Column and row of the pixel in the image.
        only_loaded : bool
            Look only among entries that were fetched or added.

        Returns
        -------
        list of Entry
            Ascending by key.
        """
        return self.region((y, x, y + 1, x + 1), only_loaded)

    def region(self, bbox: BBoxLike, only_loaded: bool = False) -> list[Entry]:
        """Entries whose mask has a pixel inside a box.

        Parameters
        ----------
        bbox : sequence of int
            ``(minr, minc, maxr, maxc)``, half-open, pixels.
        only_loaded : bool
            Look only among entries that were fetched or added.

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
        return self._entries(self._in_key_order(hit))

    def overlap_graph(
        self, everything: bool = True
    ) -> tuple[list[Entry], list[tuple[Entry, Entry, int]]]:
        """Find all overlaps and count their pixels.

        Parameters
        ----------
        everything : bool
            Look at all entries; if False, only at those that were fetched or added.

        Returns
        -------
        nodes : list of Entry
            The entries looked at, ascending by key.
        edges : list of (Entry, Entry, int)
            Pairs that share pixels, and how many; ``a.key < b.key``, in ascending order.
        """
        rows = np.arange(len(self)) if everything else self._loaded_rows()
        rows = self._in_key_order(rows)
        nodes = self._entries(rows)
        first, second, pixels = self._segment_space().overlaps(rows)
        edges = [
            (nodes[a], nodes[b], n)
            for a, b, n in zip(first.tolist(), second.tolist(), pixels.tolist(), strict=True)
        ]
        return nodes, edges

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
            In the order given. Small neighbouring masks share memory: copy one that is to be
            kept alone for long.
        """
        chosen = list(self if entries is None else entries)
        if any(entry._records is not self for entry in chosen):
            raise QueryError(f"{self.name}: an entry belongs to another file")
        rows = np.array([entry.row for entry in chosen], np.int64)
        is_new = rows >= self._n_stored
        cuts = np.flatnonzero(np.diff(is_new)) + 1
        for run in np.split(rows, cuts):
            if len(run):
                part, first = self.locate(int(run[0]))
                yield from zip(chosen, part.masks(run - (int(run[0]) - first)), strict=False)
                chosen = chosen[len(run) :]

    # ------------------------------------------------------------------ editing

    def add(
        self,
        address: bytes,
        domain: bytes | None,
        bbox: BBoxLike,
        mask: npt.ArrayLike,
        group: str | Iterable[str] | None = None,
    ) -> None:
        """Add an entry. It is in the file on disk after `save`.

        Parameters
        ----------
        address, domain : bytes
            The IID. None or ``b""`` as the domain stands for none given.
        bbox : sequence of int
            ``(minr, minc, maxr, maxc)``, half-open, in image pixels, 0 … 65535. Need not be
            tight.
        mask : array_like of bool or int, shape (maxr - minr, maxc - minc)
            Every value but 0 is inside.
        group : str or iterable of str, optional
            Groups to put the entry in.

        Raises
        ------
        EncodeError
            If the format cannot hold it; nothing is added.
        """
        self._check_open()
        groups = [] if group is None else [group] if isinstance(group, str) else list(group)
        for name in groups:
            check_name(name)
        try:
            box = BBox.of(bbox)
        except QueryError as error:
            raise EncodeError(str(error)) from None
        check_bytes(address, "address", EncodeError)
        if domain is not None:
            check_bytes(domain, "domain", EncodeError)
        key = len(self)
        record = encode_iid(key, IID(domain, address))
        segment = encode_segment(key, box, as_binary(mask))
        for name in groups:
            self.groups.extend(name, [key])
        self._new_iids.append(record)
        self._new_segs.append(segment)
        self._new_part = self._space = None
        self._loaded_keys.add(key)

    def save(self, fpath: str | os.PathLike[str]) -> None:
        """Write the file, whole or not at all; it may replace the one that is open.

        Records that were not touched are copied as they are. Afterwards this object reads
        from the saved file.

        Parameters
        ----------
        fpath : path-like

        Raises
        ------
        EncodeError
            If a section would exceed 4 GiB, or the metadata is not JSON; nothing is written.
        SourceError
            If the disk refuses; what was at `fpath` is untouched.
        """
        chunks = self._encode()
        write_atomically(fpath, chunks)
        self._adopt(LocalFile(fpath))

    def to_bytes(self) -> bytes:
        """Encode the file: the bytes that `save` would write."""
        return b"".join(self._encode())

    def _encode(self) -> list[bytes]:
        return encode_file(self._parts, self._encode_meta(), self.groups.as_dict())

    def _encode_meta(self) -> bytes:
        if self._source is None or "meta" in self.__dict__:
            return encode_meta(self.meta.data)
        offset, length = self.header.bufloc_meta
        return self._open_source.data()[offset : offset + length].tobytes() or encode_meta({})

    def _adopt(self, source: LocalFile) -> None:
        """Go on from a file that holds exactly what this object does."""
        if self._source is not None:
            self._source.close()
        self._source = source
        self.header = check_header(source.read(0, 48), source.stamp.size)
        self._new_iids, self._new_segs, self._new_part = [], [], None
        self._space = None
        self.__dict__.pop("_stored", None)

    # ------------------------------------------------------------------ rows and keys

    @cached_property
    def _stored(self) -> Part | None:
        if self._source is None:
            return None
        return Part.of_file(self._open_source.data(), self.header, self.name)

    @property
    def _n_stored(self) -> int:
        return 0 if self._stored is None else len(self._stored)

    @property
    def _parts(self) -> list[Part]:
        """What was loaded, if anything, and what was added since, if anything."""
        self._check_open()
        parts = [] if self._stored is None else [self._stored]
        if self._new_iids:
            parts.append(self._added())
        return parts

    def _added(self) -> Part:
        if self._new_part is None:
            self._new_part = Part.of_records(
                self._n_stored, self._new_iids, self._new_segs, self.name
            )
        return self._new_part

    def locate(self, row: int) -> tuple[Part, int]:
        """The part that holds a row, and the row's position in it."""
        self._check_open()
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
                f"{self.name}: there is no entry of key {unknown[0]}; it has {len(known)} entries"
            )
        return rows

    def _entries(self, rows: Ints) -> list[Entry]:
        keys = self.keys[rows].tolist()
        return [Entry(self, row, key) for row, key in zip(rows.tolist(), keys, strict=True)]

    def _in_key_order(self, rows: Ints) -> Ints:
        return rows[np.argsort(self.keys[rows], kind="stable")]

    def _rows_in(self, groups: str | Iterable[str] | None) -> Ints:
        if groups is None or groups == []:
            return np.arange(len(self))
        return self.rows_of(self.groups.keys(groups))

    def _loaded_rows(self) -> Ints:
        return self.rows_of(self._loaded_keys)

    def _load_all(self, iids: bool, segs: bool) -> None:
        for part in self._parts:
            _ = iids and part.iids, segs and part.segments

    def _segment_space(self) -> SegmentSpace:
        parts = self._parts
        if self._space is None:
            self._space = SegmentSpace(parts)
        return self._space

    # ------------------------------------------------------------------ open and closed

    @property
    def _open_source(self) -> Source:
        self._check_open()
        assert self._source is not None
        return self._source

    def _check_open(self) -> None:
        if self._closed:
            raise QueryError(f"{self.name}: the file is closed")

    def close(self) -> None:
        """Give up the file and its map; what was decoded from it stays usable."""
        self._closed = True
        self._new_part = self._space = None
        self.__dict__.pop("_stored", None)
        if self._source is not None:
            self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _joined(columns: Sequence[npt.NDArray[Any]], none: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return columns[0] if len(columns) == 1 else np.concatenate([none, *columns])
