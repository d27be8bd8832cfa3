"""Which entries of a file overlap, and by how many pixels."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace

import numpy as np
from sqlalchemy import Connection

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.lookup import blocks, numbers
from iidindex.errors import QueryError
from iidindex.processes import in_order
from iidindex.query.answers.entry import Chunk
from iidindex.query.overlaps.overlap import Overlaps
from iidindex.query.overlaps.pair_columns import OverlapsOfFiles
from iidindex.query.overlaps.pairs import (
    Pairs,
    count_up_to_error,
    whole_files,
)
from iidindex.query.pixels.originals import Originals
from iidindex.query.pixels.segments import Ints, Segments
from iidindex.query.question import compile as sql
from iidindex.query.question.asked import Filters
from iidindex.query.question.asking import Question, files_of
from iidindex.query.question.shape import shape_of, values_of

# Pairs that are handed on together, files that are looked up together, and rows fetched.
_PAIRS = 1 << 18
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
    check_order(filters)
    return Overlaps(_of_files(catalog, originals, filters))


def check_order(filters: Filters) -> None:
    """Refuse a question that has an order or a limit of its own."""
    if filters.order_by or filters.near is not None or filters.limit is not None:
        raise QueryError("overlaps come file by file; leave order_by, limit and nearest out")


def _of_files(
    catalog: Catalog, originals: Originals, filters: Filters
) -> Generator[OverlapsOfFiles, None, None]:
    with catalog.reading() as connection:
        for found in _found(connection, originals, filters):
            for low in range(0, len(found), _PAIRS):
                a, b, pixels = found[low : low + _PAIRS].T
                ids, nth = np.unique(np.concatenate([a, b]), return_inverse=True)
                rows = sql.hits_of().run(connection, {"ids": ids}).fetchall()
                chunk = Chunk(catalog, originals, rows, connection)
                a, b = nth.reshape(2, -1)
                yield OverlapsOfFiles(connection, chunk, rows, a, b, pixels)


def _found(
    connection: Connection, originals: Originals, filters: Filters
) -> Generator[Ints, None, None]:
    """Rows of two ids and their pixels, in the order of the ids, some at a time."""
    shape = shape_of(filters)
    is_whole = shape.is_of_whole_files
    asked = replace(filters, stored=False) if is_whole else filters
    question = Question(connection, originals, asked)
    with closing(counted_files(question, originals)) as counted:
        new = ((int(one.id[-1]), np.column_stack(pairs[:3])) for one, pairs in counted)
        yield from _merged(new, _kept_pairs(connection, filters) if is_whole else iter(()))


def _kept_pairs(connection: Connection, filters: Filters) -> Iterator[Ints]:
    """What the catalogue holds of the files that fit; their entries are not looked at."""
    statement = sql.ranges(shape_of(replace(filters, stored=True)))
    found = np.array([*statement.run(connection, values_of(filters))], np.int64).reshape(-1, 2)
    # Files that were read one after the other have ids that go on from one to the next.
    opens = np.flatnonzero(np.append(True, found[1:, 0] != found[:-1, 1] + 1)[: len(found)])
    last = np.append(opens[1:], len(found))[: len(opens)] - 1
    for low, high in np.column_stack([found[opens, 0], found[last, 1]]).tolist():
        yield from blocks(connection, _KEPT, low, high)


def _merged(new: Iterator[tuple[int, Ints]], kept: Iterator[Ints]) -> Generator[Ints, None, None]:
    """Rows of two kinds in one order.

    Parameters
    ----------
    new : iterator of (int, ndarray)
        With each, the id that none of those that come later falls below.
    kept : iterator of ndarray
    """
    waiting = next(kept, None)
    for end, rows in new:
        while waiting is not None and waiting[0, 0] <= end:
            cut = int(np.searchsorted(waiting[:, 0], end, side="right"))
            is_all = cut == len(waiting)
            # Of a later part of what is kept, some may come before some of the new ones.
            until = int(waiting[-1, 0]) if is_all else end
            split = int(np.searchsorted(rows[:, 0], until, side="right"))
            both = np.concatenate([rows[:split], waiting[:cut]])
            yield both[np.lexsort((both[:, 1], both[:, 0]))]
            rows = rows[split:]
            waiting = next(kept, None) if is_all else waiting[cut:]
        yield rows
    while waiting is not None:
        yield waiting
        waiting = next(kept, None)


def counted_files(
    question: Question, originals: Originals
) -> Generator[tuple[Segments, Pairs], None, None]:
    """The hits of some files after others, and the ids of those that overlap, in their order."""
    connection, filters = question.connection, question.filters

    def tasks() -> Iterator[tuple[Segments, tuple[object, ...]]]:
        for segments in whole_files(question.segments()):
            files = files_of(connection, segments.file_id)
            yield segments, (originals, files, segments, filters.on_stale)

    for segments, found in in_order(count_up_to_error, tasks(), filters.jobs):
        pairs = with_kept(connection, segments, segments, found)
        yield segments, pairs
        if pairs.error is not None:
            raise pairs.error


def kept_files(connection: Connection) -> Ints:
    """The files whose overlaps are in the catalogue."""
    return numbers(connection, _KEPT_FILES)[:, 0]


def with_kept(connection: Connection, segments: Segments, new: Segments, found: Pairs) -> Pairs:
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
