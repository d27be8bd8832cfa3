"""One entry that answers a question."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
from sqlalchemy import Connection

from iidindex.catalog.catalogue import Catalog, Elsewhere
from iidindex.catalog.file_rows import groups_of_entries
from iidindex.errors import QueryError
from iidindex.masks.regions import Bool2D
from iidindex.model import IID, BBox, BBoxLike, BufLoc, FileStamp, stamp_as_indexed
from iidindex.query.answers.file_metadata import Told, metadata_of
from iidindex.query.pixels.frames import sizes_of
from iidindex.query.pixels.originals import Originals
from iidindex.query.pixels.segments import Original, Segments
from iidindex.query.pixels.sift import believed_mask
from iidindex.query.question import compile as sql
from iidindex.rows import ENTRY, NEAREST
from iidindex.storage.places import location_of

_GONE = "the entry is no longer in the index; ask for it again"


class Entry:
    """One entry of one indexed file. What is not in the index is read when it is asked for.

    Attributes
    ----------
    distance : float or None
        The distance of the mask from the pixel that `Entries.nearest` asked for, in pixels.
    """

    __slots__ = ("_chunk", "_iid", "_row", "distance")

    def __init__(self, row: Sequence[Any], chunk: Chunk, distance: float | None = None) -> None:
        # In the order of `compile.HIT_COLUMNS`. Most who ask for many look at few fields.
        self._row = row
        self._chunk = chunk
        self._iid: IID | None = None
        self.distance = distance

    @property
    def id(self) -> int:
        """The entry's id in the index. It may be different after the file has changed."""
        found: int = self._row[0]
        return found

    @property
    def file_id(self) -> int:
        """The file's id in the index."""
        found: int = self._row[1]
        return found

    @property
    def key(self) -> int:
        """The entry's key in the file's lookup table."""
        found: int = self._row[2]
        return found

    @property
    def bbox(self) -> BBox:
        """``(minr, minc, maxr, maxc)``, half-open, pixels."""
        return BBox(*self._row[3:7])

    @property
    def area(self) -> int:
        """The number of pixels of the mask."""
        found: int = self._row[7]
        return found

    @property
    def bufloc(self) -> BufLoc:
        """Where the encoded segment lies, from the start of the file, in bytes."""
        return BufLoc(*self._row[8:10])

    @property
    def iid(self) -> IID:
        """``entry.iid.address`` and ``entry.iid.domain``, bytes (or None)."""
        if self._iid is None:
            self._iid = IID(self._row[10], self._row[11])
        return self._iid

    @property
    def path(self) -> str:
        """The file's path inside its root, separated by ``/``."""
        return os.fsdecode(self._row[12])

    @property
    def location(self) -> str:
        """Where the file can be opened."""
        return self._chunk.location_of(self._row)

    @property
    def stamp(self) -> FileStamp:
        """Size and time of the original when it was indexed; of an object, its ETag."""
        row = self._row
        return stamp_as_indexed(row[13], row[14], row[17])

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups the entry is in, sorted.

        Raises
        ------
        QueryError
            If an ingest has replaced the entry since it was found.
        """
        return self._chunk.groups_of(self.id)

    @property
    def meta(self) -> Any:
        """The file's metadata, as JSON values, without values that are NaN or infinite.

        Entries of one file may share the object. To change it, make a copy.

        Raises
        ------
        QueryError
            If an ingest has replaced the entry since it was found.
        """
        return self._chunk.metadata_of(self.file_id, self.id)

    def mask(self, bbox: BBoxLike | None = None, *, frame: bool = False) -> Bool2D:
        """Read the mask from the original file, now.

        Parameters
        ----------
        bbox : sequence of int, optional
            ``(minr, minc, maxr, maxc)`` in image coordinates; only the part inside is decoded.
        frame : bool
            Return the whole frame, whose height and width the file's metadata state.

        Returns
        -------
        ndarray of bool, shape (height, width)
            As large as the entry's box, as the part of it inside `bbox`, or as the frame.

        Raises
        ------
        QueryError
            If the frame is asked for and the metadata state none, or the entry's box reaches
            outside it; or together with `bbox`.
        SourceNotFoundError, SourceError
            If the original is not there or cannot be read.
        StaleFileError
            If it is no longer the file that was indexed.
        DamagedFileError
            If the bytes are not those that were indexed: the segment's regions are not valid, its
            mask has another number of pixels than its area, or any of its bits has changed (where
            fixity is recorded).
        IIDFormatError
            If the mask does not fit into memory.
        """
        if frame and bbox is not None:
            raise QueryError("bbox and frame cannot be combined; give only one of them")
        crop = None if bbox is None else BBox.of(bbox)
        size = self._frame() if frame else None
        box, place = self.bbox, self.bufloc
        file = Original(self.location, self.stamp)
        data = self._chunk.originals.read_one(file, self.key, box, self.area, place, self._row[16])
        mask = believed_mask(file, data, self.key, box, self.area, crop)
        if size is None:
            return mask
        whole = np.zeros(size, np.bool_)
        whole[box.minr : box.maxr, box.minc : box.maxc] = mask
        return whole

    def _frame(self) -> tuple[int, int]:
        """Height and width of the frame, which holds the entry's box."""
        size = self._chunk.frame_of(self.file_id)
        if size is None:
            raise QueryError(
                f"{self.location}: the metadata state no frame; expected height and width in pixels"
            )
        if self.bbox.maxr > size[0] or self.bbox.maxc > size[1]:
            raise QueryError(
                f"{self.location}: the box of key {self.key} reaches to row {self.bbox.maxr}, "
                f"column {self.bbox.maxc}; the metadata state {size[0]} x {size[1]}"
            )
        return size

    def __reduce__(self) -> tuple[Callable[..., Entry], tuple[Any, ...]]:
        # Rows of SQLAlchemy refer to what they came from.
        chunk, row = self._chunk, tuple(self._row)
        return _arrived, (row, self.distance, chunk.elsewhere, chunk.originals)

    def to_dict(self) -> dict[str, Any]:
        """The entry as a dictionary that JSON can hold.

        Addresses and domains are text if they are UTF-8, and null if they are not. ``address_b64``
        and ``domain_b64`` are always exact. `Entries.after` takes ``id``. ``location`` is where
        the file can be opened. ``distance`` is there if `Entries.nearest` was asked.
        """
        return (ENTRY if self.distance is None else NEAREST).row(self)

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


def segments_of(entries: Iterable[Entry]) -> Segments:
    """Where the segments of entries lie, and what must be found there."""
    return Segments.of([(*entry._row[:10], entry._row[16]) for entry in entries])


def view_of(entry: Entry) -> AbstractContextManager[Connection]:
    """The view of the catalogue that an entry is fetched from, while it is; else another."""
    return entry._chunk.reading()


def _arrived(
    row: tuple[Any, ...], distance: float | None, catalog: Elsewhere, originals: Originals
) -> Entry:
    """An entry that comes from another process, where the catalogue is opened if it is asked."""
    return Entry(row, Chunk(catalog, originals, [row]), distance)


class Chunk:
    """Entries that were fetched together, and so are looked up together.

    Parameters
    ----------
    catalog : Catalog or Elsewhere
    originals : Originals
    rows : sequence of sequence
    connection : Connection, optional
        Where they are being fetched from. While they are, their groups come from the same view
        of the catalogue.
    """

    def __init__(
        self,
        catalog: Catalog | Elsewhere,
        originals: Originals,
        rows: Sequence[Sequence[Any]],
        connection: Connection | None = None,
    ) -> None:
        self._catalog = catalog
        self._connection = connection
        # A forked process must not use what its parent has open.
        self._process = os.getpid()
        self._places = [(row[1], row[0]) for row in rows]
        self._groups: dict[int, list[str]] | None = None
        self._metadata: dict[int, Told] | None = None
        self._last_read: tuple[int, Any] | None = None
        self._locations: dict[int, str] = {}
        self.originals = originals

    @property
    def elsewhere(self) -> Elsewhere:
        """The catalogue as it is sent to another process."""
        return self._catalog.elsewhere

    def location_of(self, row: Sequence[Any]) -> str:
        """Where the file of an entry can be opened."""
        found = self._locations.get(row[1])
        if found is None:
            found = location_of(os.fsdecode(row[15]), os.fsdecode(row[12]))
            self._locations[row[1]] = found
        return found

    def frame_of(self, file_id: int) -> tuple[int, int] | None:
        """Height and width of a file's frame, if its metadata state them."""
        with self.reading() as connection:
            return next(sizes_of(connection, np.array([file_id], np.int64)), None)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """The view that the entries are fetched from, while they are; else another."""
        known = self._connection
        if known is not None and not known.closed and self._process == os.getpid():
            yield known
            return
        with self._catalog.reading() as connection:
            yield connection

    def groups_of(self, entry_id: int) -> tuple[str, ...]:
        """The groups of one of the entries.

        Raises
        ------
        QueryError
            If an ingest has replaced the entry since it was found.
        """
        if self._groups is None:
            self._groups = self._look_up()
        if entry_id not in self._groups:
            raise QueryError(_GONE)
        return tuple(sorted(self._groups[entry_id]))

    def metadata(self) -> dict[int, Told]:
        """What the metadata of all of their files say, by the ids of these."""
        if self._metadata is None:
            ids = sorted({file_id for file_id, _ in self._places})
            with self.reading() as connection:
                self._metadata = metadata_of(connection, ids)
        return self._metadata

    def metadata_of(self, file_id: int, entry_id: int) -> Any:
        """What the metadata of the file of one of the entries say.

        Raises
        ------
        QueryError
            If an ingest has replaced the entry since it was found.
        """
        told = self.metadata().get(file_id)
        # Entries that take the place of others have greater ids.
        if told is None or told.first_entry_id is None or told.first_entry_id > entry_id:
            raise QueryError(_GONE)
        # Entries of one file come one after the other, as a rule.
        last = self._last_read
        if last is None or last[0] != file_id:
            last = self._last_read = file_id, told.meta
        return last[1]

    def _look_up(self) -> dict[int, list[str]]:
        spans = [
            (file_id, min(ids), max(ids))
            for file_id, ids in (
                (file_id, [place[1] for place in places])
                for file_id, places in groupby(sorted(self._places), key=itemgetter(0))
            )
        ]
        ids = [entry_id for _, entry_id in self._places]
        with self.reading() as connection:
            found: dict[int, list[str]] = {
                row[0]: [] for row in sql.which_exist().run(connection, {"ids": ids})
            }
            for entry_id, name in groups_of_entries(connection, spans):
                if entry_id in found:
                    found[entry_id].append(name)
        return found
