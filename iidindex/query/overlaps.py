"""Which entries of a file overlap, and by how many pixels."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import groupby
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, select

from iidindex.catalog import schema
from iidindex.catalog.engine import Catalog
from iidindex.catalog.lock import sole_writer
from iidindex.catalog.rows import insert
from iidindex.catalog.schema import overlap_files
from iidindex.errors import QueryError
from iidindex.masks.boxes import BoxIndex
from iidindex.masks.overlaps import overlapping
from iidindex.masks.regions import join
from iidindex.model import IID
from iidindex.processes import in_order
from iidindex.query import compile as sql
from iidindex.query.entry import Chunk
from iidindex.query.filters import Filters
from iidindex.query.linkage import Cooccurrence
from iidindex.query.originals import OnStale, Originals
from iidindex.query.overlap import Overlaps, OverlapsOfFile
from iidindex.query.question import Question, Row, places_of
from iidindex.query.segments import Ints, Original, Segments
from iidindex.query.shape import shape_of, values_of
from iidindex.query.spatial import regions_of

# Seconds and numbers after which what was counted is committed.
_COMMIT_SECONDS = 20.0
_COMMIT_NUMBERS = 3_000_000


class Pairs(NamedTuple):
    """Overlaps as columns of int64: rows of two entries, and the pixels they share.

    ``is_whole`` is False if something could not be read, and that was no error.
    """

    a: Ints
    b: Ints
    pixels: Ints
    is_whole: bool = True

    def across(self, is_own: npt.NDArray[np.bool_]) -> Self:
        """Only pairs of one of some rows and one of the others."""
        kept = is_own[self.a] != is_own[self.b]
        return self._replace(a=self.a[kept], b=self.b[kept], pixels=self.pixels[kept])


def overlaps(catalog: Catalog, originals: Originals, filters: Filters) -> Overlaps:
    """Count the shared pixels of entries that fit, file by file.

    Parameters
    ----------
    catalog : Catalog
    originals : Originals
    filters : Filters

    Returns
    -------
    Overlaps
        An iterator of `Overlap`: by file, then by the keys of `a` and `b`.

    Raises
    ------
    QueryError
        If the question has an order or a limit of its own.
    SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
        As `Entry.mask`.

    Notes
    -----
    One file is in memory at a time: its hits, and the bytes of those masks whose boxes meet.
    """
    if filters.order_by or filters.near is not None or filters.limit is not None:
        raise QueryError("overlaps come file by file; leave order_by, limit and nearest out")
    return Overlaps(_of_files(catalog, originals, filters))


def _of_files(
    catalog: Catalog, originals: Originals, filters: Filters
) -> Generator[OverlapsOfFile, None, None]:
    with catalog.reading() as connection:
        question = Question(connection, originals, filters)
        kept = _kept(connection) if shape_of(filters).is_of_whole_files else set()
        for rows, counted in _counted(question, originals, kept):
            pairs = _stored(connection, rows) if counted is None else counted
            chunk = Chunk(catalog, originals, rows, connection)
            yield OverlapsOfFile(connection, chunk, rows, *pairs[:3])


def _counted(
    question: Question, originals: Originals, kept: Collection[int]
) -> Generator[tuple[list[Row], Pairs | None], None, None]:
    """The hits of each file, and their overlaps; None for files whose overlaps are kept."""
    filters = question.filters
    tasks = (
        (rows, (originals, None if rows[0][1] in kept else places_of(rows), filters.on_stale))
        for rows in _by_file(question)
    )
    yield from in_order(_count, tasks, filters.jobs)


def _count(
    originals: Originals,
    places: tuple[Segments, Mapping[int, Original]] | None,
    on_stale: OnStale,
) -> Pairs | None:
    if places is None:
        return None
    segments, files = places
    return count_pairs(originals, files, segments, on_stale)


def _by_file(question: Question) -> Iterator[list[Row]]:
    """The hits of each file, which follow one another."""
    rows = (row for part in question.rows() for row in part)
    for _, of_file in groupby(rows, key=lambda row: row[1]):
        yield list(of_file)


def count_pairs(
    originals: Originals,
    files: Mapping[int, Original],
    segments: Segments,
    on_stale: OnStale,
    is_own: npt.NDArray[np.bool_] | None = None,
) -> Pairs:
    """Count the shared pixels of every pair of segments of one file that overlap.

    Parameters
    ----------
    originals : Originals
    files : mapping of int to Original
    segments : Segments
        Of one file, in the order of their keys.
    on_stale : {"error", "skip", "warn"}
    is_own : ndarray of bool, shape (n,), optional
        Count only pairs of one of these rows and one of the others.

    Returns
    -------
    Pairs
        ``a`` and ``b`` are rows of `segments`, ``a < b``.
    """
    # What meets nothing need not be read.
    meet = np.zeros(len(segments), np.bool_)
    for i, j in BoxIndex(segments.bbox).pairs():
        across = slice(None) if is_own is None else is_own[i] != is_own[j]
        meet[i[across]] = True
        meet[j[across]] = True
    nothing = np.empty(0, np.int64)
    parts = [
        (rows, table)
        for rows, table in regions_of(originals, files, segments, np.flatnonzero(meet), on_stale)
    ]
    is_whole = sum(len(rows) for rows, _ in parts) == np.count_nonzero(meet)
    if not parts:
        return Pairs(nothing, nothing, nothing, is_whole)
    owner = np.concatenate([rows[table.segment] for rows, table in parts])
    regions = parts[0][1].regions if len(parts) == 1 else join([t.regions for _, t in parts])
    found = Pairs(*overlapping(regions, owner), is_whole)
    return found if is_own is None else found.across(is_own)


def _kept(connection: Connection) -> set[int]:
    """The files whose overlaps are in the catalogue."""
    return set(connection.execute(select(overlap_files.c.file_id)).scalars())


def _stored(connection: Connection, rows: Sequence[Row]) -> Pairs:
    """What the catalogue holds of a file."""
    first, last = rows[0][0], rows[-1][0]
    table = schema.overlaps
    statement = (
        select(table.c.a_id, table.c.b_id, table.c.pixels)
        .where(table.c.a_id.between(first, last))
        .order_by(table.c.a_id, table.c.b_id)
    )
    found = np.array([tuple(row) for row in connection.execute(statement)], np.int64).reshape(-1, 3)
    return Pairs(found[:, 0] - first, found[:, 1] - first, found[:, 2])


class Progress(NamedTuple):
    """How many files were looked at, of how many; as text, one line for a person."""

    files: int
    total: int

    def __str__(self) -> str:
        return f"{self.files} of {self.total} files"


Tell = Callable[[Progress], object]


def store(
    catalog: Catalog, originals: Originals, filters: Filters, progress: Tell | None = None
) -> None:
    """Count the overlaps of whole files and keep them in the catalogue, but for those it has.

    What is committed every now and then stays if it is interrupted. Of files that the next
    ingest finds changed, they are forgotten; of files that cannot be read, none are kept.

    Raises
    ------
    QueryError
        If less than whole files is asked for.
    CatalogLockedError
        If another process is writing.
    SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
        As `Entry.mask`.
    """
    shape = shape_of(filters)
    if not shape.is_of_whole_files:
        raise QueryError(
            "only the overlaps of whole files can be stored: ask by path, root or meta"
        )
    catalog.check_writable()
    with sole_writer(str(catalog.path)):
        with catalog.reading() as connection:
            found = sql.count_filled_files(shape).run(connection, values_of(filters))
            total: int = found.fetchone()[0]
        done, after = 0, 0
        while done < total:
            with catalog.reading() as connection:
                kept = _kept(connection)
                question = Question(connection, originals, filters.following(after))
                counted = _counted(question, originals, kept)
                with closing(counted):
                    batch = _Batch()
                    for rows, pairs in counted:
                        done, after = done + 1, rows[-1][0]
                        batch.add(rows, pairs)
                        if progress is not None:
                            progress(Progress(done, total))
                        if batch.is_full:
                            break
                    else:
                        done = total
            batch.write(catalog)


class _Batch:
    """Overlaps that are committed together."""

    def __init__(self) -> None:
        self._begin = time.monotonic()
        self._files: list[int] = []
        self._flat: list[int] = []

    @property
    def is_full(self) -> bool:
        """Whether they are many, or were long in coming."""
        waited = time.monotonic() - self._begin
        return waited > _COMMIT_SECONDS or len(self._flat) > _COMMIT_NUMBERS

    def add(self, rows: Sequence[Row], pairs: Pairs | None) -> None:
        """Take in a file, unless its overlaps are kept, or part of it could not be read."""
        if pairs is None or not pairs.is_whole:
            return
        ids = np.array([row[0] for row in rows], np.int64)
        found = np.column_stack([ids[pairs.a], ids[pairs.b], pairs.pixels])
        self._flat += found.ravel().tolist()
        self._files.append(rows[0][1])

    def write(self, catalog: Catalog) -> None:
        """Write and commit them."""
        if self._files:
            with catalog.writing() as connection:
                insert(connection, "overlaps", ["a_id", "b_id", "pixels"], self._flat)
                insert(connection, "overlap_files", ["file_id"], self._files)


def cooccurring_by_overlap(
    catalog: Catalog, originals: Originals, address: bytes, domain: bytes | None
) -> list[Cooccurrence]:
    """How often the entries of an IID overlap with those of others, and in how many pixels.

    Overlaps that the catalogue keeps are not counted again.
    """
    counts: Counter[IID] = Counter()
    shared: Counter[IID] = Counter()
    mine = Filters().where(address=address, domain=domain)
    with catalog.reading() as connection:
        kept = _kept(connection)
        for own in _by_file(Question(connection, originals, mine)):
            file_id = own[0][1]
            rows = _rows_of_file(connection, file_id)
            segments, files = places_of(rows)
            is_own = np.isin(segments.id, np.array([row[0] for row in own], np.int64))
            if file_id in kept:
                pairs = _stored(connection, rows).across(is_own)
            else:
                pairs = count_pairs(originals, files, segments, "error", is_own)
            others = np.where(is_own[pairs.a], pairs.b, pairs.a)
            for other, pixels in zip(others.tolist(), pairs.pixels.tolist(), strict=True):
                iid = IID(rows[other][10], rows[other][11])
                counts[iid] += 1
                shared[iid] += pixels
    return [Cooccurrence(iid, counts[iid], shared[iid]) for iid in counts]


def _rows_of_file(connection: Connection, file_id: int) -> list[Row]:
    return sql.hits_of_file().run(connection, {"file_id": file_id}).fetchall()
