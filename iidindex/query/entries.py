"""Questions about entries, and the entries that answer them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection

from iidindex.catalog.engine import Catalog
from iidindex.catalog.read import groups_of_entries
from iidindex.catalog.schema import path_value
from iidindex.codec.decode import decode_mask
from iidindex.errors import QueryError
from iidindex.files.part import naming
from iidindex.masks.regions import Bool2D
from iidindex.model import IID, BBox, BBoxLike, BufLoc, FileStamp, entry_row
from iidindex.query import compile as sql
from iidindex.query.filters import Filters
from iidindex.query.originals import Originals, Wanted
from iidindex.query.spatial import read_masks, sift

# Rows fetched at a time, whose groups and pixels are looked up together.
_CHUNK = 1024


class Entry:
    """One entry of one indexed file. What is not in the catalogue is read when asked for.

    Attributes
    ----------
    id : int
        In the catalogue; may be another after the file has changed.
    path : str
        Inside its root, ``/``-separated.
    location : str
        Where the file can be opened.
    key : int
        In the file's lookup table.
    iid : IID
        ``entry.iid.address`` and ``entry.iid.domain``, bytes (or None).
    bbox : BBox
        ``(minr, minc, maxr, maxc)``, half-open, pixels.
    area : int
        Pixels in the mask.
    bufloc : BufLoc
        Where the encoded segment lies, from the start of the file, in bytes.
    """

    __slots__ = (
        "_chunk",
        "_stamp",
        "area",
        "bbox",
        "bufloc",
        "file_id",
        "id",
        "iid",
        "key",
        "location",
        "path",
    )

    def __init__(self, row: Sequence[Any], chunk: _Chunk) -> None:
        self.id: int = row[0]
        self.file_id: int = row[1]
        self.key: int = row[2]
        self.iid = IID(row[3], row[4])
        self.bbox = BBox(*row[5:9])
        self.area: int = row[9]
        self.bufloc = BufLoc(row[10], row[11])
        self.path: str = row[12]
        self.location = os.path.join(row[15], row[12])
        self._stamp = FileStamp(row[13], row[14])
        self._chunk = chunk

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups the entry is in, sorted."""
        return self._chunk.groups_of(self.id)

    def mask(self, bbox: BBoxLike | None = None) -> Bool2D:
        """Read the mask from the original file, now.

        Parameters
        ----------
        bbox : sequence of int, optional
            ``(minr, minc, maxr, maxc)`` in image coordinates; only what lies inside is
            decoded.

        Returns
        -------
        ndarray of bool, shape (height, width)
            Of the entry's box, or of what it has in common with `bbox`.

        Raises
        ------
        SourceNotFoundError, SourceError
            If the original is not there or cannot be read.
        StaleFileError
            If it is no longer the file that was indexed.
        IIDFormatError
            If the segment's regions are not valid.
        """
        crop = None if bbox is None else BBox.of(bbox)
        found = self._chunk.originals.read(self.location, self._stamp, [self.wanted])
        with naming(self.location):
            return decode_mask(
                found.data, int(found.offset[0]), int(found.length[0]), self.bbox, crop
            )

    @property
    def stamp(self) -> FileStamp:
        """Size and time of the original when it was indexed."""
        return self._stamp

    @property
    def wanted(self) -> Wanted:
        """What has to be found at the segment's place."""
        return Wanted(self.key, self.bbox, self.area, self.bufloc)

    def to_dict(self) -> dict[str, Any]:
        """The entry as JSON can hold it.

        Addresses and domains are text where they are UTF-8 and null where they are not;
        ``address_b64`` and ``domain_b64`` are always exact.
        """
        return entry_row(
            self.path, self.key, self.iid, self.bbox, self.area, self.bufloc, self.groups
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Entry):
            return NotImplemented
        return (self.location, self.key, self.bufloc) == (other.location, other.key, other.bufloc)

    def __hash__(self) -> int:
        return hash((self.location, self.key, self.bufloc))

    def __repr__(self) -> str:
        return (
            f"Entry(path={self.path!r}, key={self.key}, iid={tuple(self.iid)}, "
            f"bbox={tuple(self.bbox)}, area={self.area})"
        )


class _Chunk:
    """Entries that were fetched together, and so are looked up together."""

    def __init__(
        self,
        catalog: Catalog,
        originals: Originals,
        rows: Sequence[Sequence[Any]],
        connection: Connection,
    ) -> None:
        self._catalog = catalog
        # While the hits are streamed, their groups come from the same view of the catalogue.
        self._connection = connection
        self._places = [(row[1], row[0]) for row in rows]
        self._groups: dict[int, list[str]] | None = None
        self.originals = originals

    def groups_of(self, entry_id: int) -> tuple[str, ...]:
        if self._groups is None:
            self._groups = self._look_up()
        return tuple(sorted(self._groups.get(entry_id, ())))

    def _look_up(self) -> dict[int, list[str]]:
        spans = [
            (file_id, min(ids), max(ids))
            for file_id, ids in (
                (file_id, [place[1] for place in places])
                for file_id, places in groupby(sorted(self._places), key=itemgetter(0))
            )
        ]
        found: dict[int, list[str]] = {}
        streaming = not self._connection.closed
        with nullcontext(self._connection) if streaming else self._catalog.reading() as connection:
            for entry_id, name in groups_of_entries(connection, spans):
                found.setdefault(entry_id, []).append(name)
        return found


class Entries:
    """A question about entries: ``index.entries``. Immutable; nothing runs until it is asked.

    Iterating streams the hits in the order of their ids: file by file, and by key within a
    file.
    """

    def __init__(self, catalog: Catalog, originals: Originals, filters: Filters) -> None:
        self._catalog = catalog
        self._originals = originals
        self._filters = filters

    def where(
        self,
        *,
        address: bytes | Iterable[bytes] | None = None,
        domain: bytes | Iterable[bytes] | None = None,
        group: str | Iterable[str] | None = None,
        key: int | Iterable[int] | None = None,
        path: str | None = None,
        area: tuple[int | None, int | None] | None = None,
    ) -> Entries:
        """Narrow the question down; every argument that is given must fit.

        Parameters
        ----------
        address, domain : bytes or iterable of bytes, optional
            Any of these. ``domain=b""`` asks for IIDs without a domain.
        group : str or iterable of str, optional
            In any of these groups.
        key : int or iterable of int, optional
            Any of these keys in their files.
        path : str, optional
            A glob over the path inside the root (``*`` crosses ``/``, case counts), or an
            exact path. If it begins with ``/``, over the location on disk.
        area : (min, max), optional
            Pixels, both ends inclusive; None leaves an end open.

        Raises
        ------
        QueryError
            If an argument has not its form.
        """
        return self._with(self._filters.where(address, domain, group, key, path, area))

    def at(self, x: int, y: int, *, exact: bool = True) -> Entries:
        """Ask for masks that hold the pixel in column `x`, row `y`.

        With ``exact=False``, for boxes that do; no original is read then.
        """
        for name, value in (("x", x), ("y", y)):
            if not hasattr(value, "__index__"):
                raise QueryError(f"{name} must be an integer, not {value!r}")
        return self._with(self._filters.within((y, x, y + 1, x + 1), exact))

    def region(self, bbox: BBoxLike, *, exact: bool = True) -> Entries:
        """Ask for masks that have a pixel inside a box.

        Parameters
        ----------
        bbox : sequence of int
            ``(minr, minc, maxr, maxc)``, half-open, pixels.
        exact : bool
            If False, ask for boxes that share a pixel with it; no original is read then.
        """
        return self._with(self._filters.within(bbox, exact))

    def order_by(self, *names: str) -> Entries:
        """Ask for an order: ``path key area address domain``, with ``-`` for descending."""
        return self._with(self._filters.ordered(names))

    def limit(self, limit: int) -> Entries:
        """Ask for so many at the most."""
        return self._with(self._filters.limited(limit))

    def _with(self, filters: Filters) -> Entries:
        return Entries(self._catalog, self._originals, filters)

    # ---------------------------------------------------------------- answers

    def exists(self) -> bool:
        """Whether there is any hit."""
        return self.first() is not None

    def count(self) -> int:
        """How many hits there are."""
        if sql.needs_pixels(self._filters):
            return sum(1 for _ in self)
        with self._catalog.reading() as connection:
            found: int = connection.execute(sql.count(self._filters)).scalar_one()
        return found

    def first(self) -> Entry | None:
        """The first hit, or None."""
        return next(iter(self.limit(1)), None)

    def __iter__(self) -> Iterator[Entry]:
        limit = self._filters.limit
        return islice(self._stream(), limit) if limit is not None else self._stream()

    def _stream(self) -> Iterator[Entry]:
        for entries in self._chunks():
            yield from entries

    def _chunks(self) -> Iterator[list[Entry]]:
        """Hits, some at a time."""
        filters = self._filters
        # Somebody who asks for few should not have the pixels of many looked at.
        size = _CHUNK if filters.limit is None else max(16, min(_CHUNK, filters.limit))
        with self._catalog.reading() as connection:
            result = connection.execution_options(yield_per=size).execute(sql.hits(filters))
            for rows in result.partitions():
                chunk = _Chunk(self._catalog, self._originals, rows, connection)
                found = [Entry(row, chunk) for row in rows]
                if sql.needs_pixels(filters):
                    found = sift(self._originals, found, filters.regions)
                yield found

    def to_dicts(self) -> list[dict[str, Any]]:
        """All hits as `Entry.to_dict` gives them."""
        return [entry.to_dict() for entry in self]

    def masks(self) -> Iterator[tuple[Entry, Bool2D]]:
        """Read the masks of all hits, many at a time, sorted by file and offset.

        Yields
        ------
        (Entry, ndarray of bool, shape (height, width))
            Small neighbouring masks share memory: copy one that is to be kept alone for long.

        Raises
        ------
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`.
        """
        if self._filters.order_by:
            raise QueryError("masks come in the order of their files; leave order_by out")
        left = self._filters.limit
        for entries in self._chunks():
            chosen = entries if left is None else entries[:left]
            yield from read_masks(self._originals, chosen)
            if left is not None:
                left -= len(chosen)
                if not left:
                    return

    def explain(self) -> str:
        """The SQL that answers, and the plan the database makes for it."""
        statement = sql.hits(self._filters)
        with self._catalog.reading() as connection:
            compiled = statement.compile(
                connection.engine, compile_kwargs={"render_postcompile": True}
            )
            values = [_bound(compiled.params[name]) for name in compiled.positiontup or ()]
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", tuple(values)).all()
        return "\n".join([str(compiled), "", *(f"plan: {row[3]}" for row in rows)])

    def __repr__(self) -> str:
        return f"<Entries {self._filters}>"


def _bound(value: Any) -> Any:
    """What the driver is given for a parameter."""
    return path_value(value) if isinstance(value, str) else value
