"""Which entries of a file overlap, and by how many pixels."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import NamedTuple

import numpy as np
from sqlalchemy import Connection

from iidindex.catalog.engine import Catalog
from iidindex.catalog.multirow import insert
from iidindex.errors import QueryError
from iidindex.model import IID
from iidindex.processes import in_order
from iidindex.query import compile as sql
from iidindex.query.entry import Chunk
from iidindex.query.files import IndexedFile, files_without_overlaps
from iidindex.query.filters import Filters
from iidindex.query.linkage import Cooccurrence
from iidindex.query.lookup import as_json, numbers
from iidindex.query.originals import Originals
from iidindex.query.overlap import Overlaps, OverlapsOfFiles
from iidindex.query.pairs import NOTHING, Pairs, count_pairs, count_up_to_error, whole_files
from iidindex.query.question import Question, files_of
from iidindex.query.segments import Ints, Segments
from iidindex.query.shape import Shape, shape_of, values_of

# Seconds and numbers after which what was counted is committed.
_COMMIT_SECONDS = 20.0
_COMMIT_NUMBERS = 3_000_000
# Pairs that are handed on together, files that are looked up together, and rows fetched.
_PAIRS = 1 << 18
_FILES_AT_A_TIME = 100
_SEGMENTS = 8192

_KEPT_FILES = "SELECT file_id FROM overlap_files"
_KEPT = "SELECT a_id, b_id, pixels FROM overlaps WHERE a_id BETWEEN ? AND ?"


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
    Small files are taken together, some MiB of them, so that what has to be done for each is
    done for all. In memory are the bytes of those masks whose boxes meet, and their pairs.
    """
    _check(filters)
    return Overlaps(_of_files(catalog, originals, filters))


def _check(filters: Filters) -> None:
    if filters.order_by or filters.near is not None or filters.limit is not None:
        raise QueryError("overlaps come file by file; leave order_by, limit and nearest out")


def _of_files(
    catalog: Catalog, originals: Originals, filters: Filters
) -> Generator[OverlapsOfFiles, None, None]:
    with catalog.reading() as connection:
        question = Question(connection, originals, filters)
        kept = _kept(connection) if shape_of(filters).is_of_whole_files else NOTHING
        with closing(_counted(question, originals, kept)) as counted:
            for _, pairs in counted:
                for low in range(0, len(pairs.pixels), _PAIRS):
                    part = slice(low, low + _PAIRS)
                    both = np.concatenate([pairs.a[part], pairs.b[part]])
                    ids, nth = np.unique(both, return_inverse=True)
                    rows = sql.hits_of().run(connection, {"ids": as_json(ids)}).fetchall()
                    chunk = Chunk(catalog, originals, rows, connection)
                    a, b = nth.reshape(2, -1)
                    yield OverlapsOfFiles(connection, chunk, rows, a, b, pairs.pixels[part])


def _counted(
    question: Question, originals: Originals, kept: Ints
) -> Generator[tuple[Segments, Pairs], None, None]:
    """The hits of some files after others, and the ids of those that overlap."""
    connection, filters = question.connection, question.filters

    def tasks() -> Iterator[tuple[tuple[Segments, Segments], tuple[object, ...]]]:
        for segments in whole_files(question.segments()):
            new = segments.take(~np.isin(segments.file_id, kept))
            files = files_of(connection, new.file_id)
            yield (segments, new), (originals, files, new, filters.on_stale)

    for (segments, new), found in in_order(count_up_to_error, tasks(), filters.jobs):
        pairs = _with_kept(connection, segments, new, found)
        yield segments, pairs
        if pairs.error is not None:
            raise pairs.error


def _kept(connection: Connection) -> Ints:
    """The files whose overlaps are in the catalogue."""
    return numbers(connection, _KEPT_FILES)[:, 0]


def _with_kept(connection: Connection, segments: Segments, new: Segments, found: Pairs) -> Pairs:
    """What was found among new segments, and what the catalogue holds of the others, by ids."""
    counted = found._replace(a=new.id[found.a], b=new.id[found.b])
    if len(new) == len(segments):
        return counted
    kept = numbers(connection, _KEPT, int(segments.id[0]), int(segments.id[-1]))
    kept = kept[np.isin(kept[:, 0], segments.id)]
    every = np.concatenate([np.column_stack(counted[:3]), kept])
    order = np.lexsort((every[:, 1], every[:, 0]))
    a, b, pixels = every[order].T
    return counted._replace(a=a, b=b, pixels=pixels)


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
    shape = _of_whole_files(filters)
    catalog.check_writable()
    with catalog.sole_writer():
        with catalog.reading() as connection:
            found = sql.count_filled_files(shape).run(connection, values_of(filters))
            total: int = found.fetchone()[0]
        done, after = 0, 0
        while done < total:
            with catalog.reading() as connection:
                question = Question(connection, originals, filters.following(after))
                kept = _kept(connection)
                with closing(_counted(question, originals, kept)) as counted:
                    batch = _Batch(kept)
                    for segments, pairs in counted:
                        done, after = done + batch.add(segments, pairs), int(segments.id[-1])
                        if progress is not None:
                            progress(Progress(done, total))
                        if batch.is_full:
                            break
                    else:
                        done = total
            batch.write(catalog)


def to_store(catalog: Catalog, filters: Filters) -> list[IndexedFile]:
    """List the files whose overlaps `store` would count.

    Raises
    ------
    QueryError
        If less than whole files is asked for.
    """
    _of_whole_files(filters)
    return files_without_overlaps(catalog, filters)


def _of_whole_files(filters: Filters) -> Shape:
    """The shape of a question, if it asks for whole files."""
    _check(filters)
    shape = shape_of(filters)
    if not shape.is_of_whole_files:
        raise QueryError(
            "only the overlaps of whole files can be stored: ask by path, root or meta"
        )
    return shape


class _Batch:
    """Overlaps that are committed together."""

    def __init__(self, kept: Ints) -> None:
        self._begin = time.monotonic()
        self._kept = kept
        self._files: list[int] = []
        self._flat: list[int] = []

    @property
    def is_full(self) -> bool:
        """Whether they are many, or were long in coming."""
        waited = time.monotonic() - self._begin
        return waited > _COMMIT_SECONDS or len(self._flat) > _COMMIT_NUMBERS

    def add(self, segments: Segments, pairs: Pairs) -> int:
        """Take in what is new of files that could be read; return how many files there were."""
        files = np.unique(segments.file_id)
        new = np.setdiff1d(files, np.concatenate([self._kept, pairs.unread]))
        file_id = segments.file_id[np.searchsorted(segments.id, pairs.a)]
        chosen = pairs.among(np.isin(file_id, new))
        self._flat += np.column_stack(chosen[:3]).ravel().tolist()
        self._files += new.tolist()
        return len(files)

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
        parts = Question(connection, originals, mine).segments()
        own_ids, file_ids = np.hstack([[NOTHING] * 2, *([part.id, part.file_id] for part in parts)])
        file_ids = np.unique(file_ids)
        kept = _kept(connection)
        for low in range(0, len(file_ids), _FILES_AT_A_TIME):
            some = file_ids[low : low + _FILES_AT_A_TIME]
            rows = sql.segments_of_files().parts(connection, {"ids": as_json(some)}, _SEGMENTS)
            for segments in whole_files(map(Segments.of, rows)):
                other, pixels = _met_by(connection, originals, segments, own_ids, kept)
                met, nth, times = np.unique(other, return_inverse=True, return_counts=True)
                sums = np.bincount(nth, pixels, len(met)).astype(np.int64)
                hits = sql.hits_of().run(connection, {"ids": as_json(met)})
                for row, n, total in zip(hits, times.tolist(), sums.tolist(), strict=True):
                    iid = IID(row[10], row[11])
                    counts[iid] += n
                    shared[iid] += total
    return [Cooccurrence(iid, counts[iid], shared[iid]) for iid in counts]


def _met_by(
    connection: Connection, originals: Originals, segments: Segments, own_ids: Ints, kept: Ints
) -> tuple[Ints, Ints]:
    """Ids of entries that overlap some of their own file, once for each, and the pixels."""
    new = segments.take(~np.isin(segments.file_id, kept))
    files, is_own = files_of(connection, new.file_id), np.isin(new.id, own_ids)
    found = count_pairs(originals, files, new, "error", is_own)
    pairs = _with_kept(connection, segments, new, found)
    # What is kept is of all pairs.
    a_is_own = np.isin(pairs.a, own_ids)
    across = a_is_own != np.isin(pairs.b, own_ids)
    other = np.where(a_is_own, pairs.b, pairs.a)
    return other[across], pairs.pixels[across]
