"""Which entries of a file overlap, and by how many pixels."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace

import numpy as np
from sqlalchemy import Connection

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.dialect import Text
from iidindex.catalog.lookup import blocks, numbers
from iidindex.errors import QueryError
from iidindex.processes import in_order
from iidindex.query.answers.entry import Chunk
from iidindex.query.overlaps.merging import merged
from iidindex.query.overlaps.overlap import Overlaps
from iidindex.query.overlaps.pair_columns import OverlapsOfFiles
from iidindex.query.overlaps.pair_filters import PLAIN, Measured, PairFilters
from iidindex.query.overlaps.pairs import Pairs, count_up_to_error, whole_files
from iidindex.query.overlaps.sided import pairs_across, sided_pairs
from iidindex.query.pixels.originals import Originals
from iidindex.query.pixels.segments import Ints, Segments
from iidindex.query.question import compile as sql
from iidindex.query.question.asked import Filters
from iidindex.query.question.asking import Question, files_of
from iidindex.query.question.shape import shape_of, values_of

# Pairs that are handed on together, files that are looked up together, and rows fetched.
_PAIRS = 1 << 18
_SEGMENTS = 8192

_AREAS = Text("SELECT e.area FROM {rows} {then} entries e ON e.id = {value} ORDER BY {nth}")
_KEPT = 'SELECT a_id, b_id, pixels FROM "overlaps" WHERE a_id BETWEEN ? AND ? ORDER BY a_id, b_id'


def overlaps(
    catalog: Catalog, originals: Originals, filters: Filters, wanted: PairFilters = PLAIN
) -> Overlaps:
    """Count the shared pixels of entries that fit, file by file.

    Parameters
    ----------
    catalog : Catalog
    originals : Originals
    filters : Filters
    wanted : PairFilters
        What is asked of the pairs.

    Returns
    -------
    Overlaps
        An iterator of `Overlap`: by file, then by the keys of `a` and `b`, if no order is wanted.

    Raises
    ------
    QueryError
        If the question has an order or a limit of its own.
    SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
        As `Entry.mask`.

    Notes
    -----
    Small files are taken together, some MiB of them, so that what has to be done for each is
    done for all. In memory are the bytes of those masks whose boxes meet, and their pairs. An
    order takes ten numbers for each pair that fits, or for as many as are wanted.
    """
    check_order(filters)

    def pairs(connection: Connection) -> Iterator[Ints]:
        return _narrowed(connection, _found(connection, originals, filters, wanted), wanted)

    return told_of(catalog, originals, pairs)


def check_order(filters: Filters) -> None:
    """Refuse a question that has an order or a limit of its own."""
    if filters.order_by or filters.near is not None or filters.limit is not None:
        raise QueryError(
            "overlaps come file by file; leave order_by, limit and nearest out, or give an order "
            "and a limit to overlaps itself"
        )


def told_of(
    catalog: Catalog, originals: Originals, pairs: Callable[[Connection], Iterator[Ints]]
) -> Overlaps:
    """Pairs of ids with the entries that they stand for, which are looked up as they come.

    Parameters
    ----------
    catalog : Catalog
    originals : Originals
    pairs : callable
        Gives rows of two ids, shared pixels, and the distance, if that is not 0; some at a time.
    """

    def parts() -> Generator[OverlapsOfFiles, None, None]:
        with catalog.reading() as connection, closing(_closable(pairs(connection))) as every:
            for found in every:
                for low in range(0, len(found), _PAIRS):
                    a, b, pixels, *others = found[low : low + _PAIRS].T
                    distance = others[0] if others else np.zeros(len(a), np.int64)
                    ids, nth = np.unique(np.concatenate([a, b]), return_inverse=True)
                    rows = sql.hits_of().run(connection, {"ids": ids}).fetchall()
                    chunk = Chunk(catalog, originals, rows, connection)
                    a, b = nth.reshape(2, -1)
                    yield OverlapsOfFiles(connection, chunk, rows, a, b, pixels, distance)

    def number() -> int:
        with catalog.reading() as connection:
            return sum(map(len, pairs(connection)))

    return Overlaps(parts(), number)


def _closable(parts: Iterator[Ints]) -> Generator[Ints, None, None]:
    yield from parts


def _found(
    connection: Connection, originals: Originals, filters: Filters, wanted: PairFilters
) -> Iterator[Ints]:
    """Rows of two ids, their pixels, and perhaps their distance, in the order of the ids."""
    sides = wanted.sides(filters)
    if sides is None:
        return _of_one_side(connection, originals, wanted.common(filters), wanted.within)
    if wanted.across is not None:
        return pairs_across(connection, originals, *sides, wanted.across, wanted.within)
    return sided_pairs(connection, originals, *sides, wanted.within)


def _of_one_side(
    connection: Connection, originals: Originals, filters: Filters, within: int
) -> Generator[Ints, None, None]:
    shape = shape_of(filters)
    # What is kept are pairs that share pixels.
    is_kept = shape.is_of_whole_files and not within
    asked = replace(filters, stored=False) if is_kept else filters
    question = Question(connection, originals, asked)
    with closing(counted_files(question, originals, within)) as counted:
        new = ((int(one.id[-1]), np.column_stack(pairs.columns)) for one, pairs in counted)
        yield from merged(new, _kept_pairs(connection, filters) if is_kept else iter(()))


def _narrowed(connection: Connection, parts: Iterator[Ints], wanted: PairFilters) -> Iterator[Ints]:
    """Those of the pairs that fit, in the order that is wanted, and no more than are."""
    if not wanted.needs_areas:
        return _first(parts, wanted.limit)
    fitting = _fitting(connection, parts, wanted)
    if not wanted.order_by:
        return _first((np.column_stack(pairs[:4]) for pairs in fitting), wanted.limit)
    return _in_order(fitting, wanted)


def _first(parts: Iterator[Ints], limit: int | None) -> Iterator[Ints]:
    if limit is None:
        yield from parts
        return
    while limit and (part := next(parts, None)) is not None:
        yield part[:limit]
        limit -= min(limit, len(part))


def _fitting(
    connection: Connection, parts: Iterator[Ints], wanted: PairFilters
) -> Iterator[Measured]:
    for found in parts:
        for low in range(0, len(found), _PAIRS):
            a, b, pixels, *others = found[low : low + _PAIRS].T
            distance = others[0] if others else np.zeros(len(a), np.int64)
            ids, nth = np.unique(np.concatenate([a, b]), return_inverse=True)
            areas = numbers(connection, _AREAS, ids)[:, 0][nth].reshape(2, -1)
            pairs = Measured(a, b, pixels, distance, *areas)
            yield pairs.take(wanted.fit(pairs))


def _in_order(parts: Iterator[Measured], wanted: PairFilters) -> Iterator[Ints]:
    """All at once, for the last may be the first; of those that cannot be wanted, none is kept."""
    waiting: list[Measured] = []
    number = 0

    def leading() -> Measured:
        every = Measured(*map(np.concatenate, zip(*waiting, strict=True)))
        # Pairs that tie keep their order: those that came before are among the first.
        return every.take(wanted.ordered(every))

    for part in parts:
        waiting.append(part)
        number += len(part.a)
        if wanted.limit is not None and number > wanted.limit + _PAIRS:
            waiting = [leading()]
            number = len(waiting[0].a)
    if waiting:
        yield np.column_stack(leading()[:4])


def _kept_pairs(connection: Connection, filters: Filters) -> Iterator[Ints]:
    """What the catalogue holds of the files that fit; their entries are not looked at."""
    statement = sql.ranges(shape_of(replace(filters, stored=True)))
    found = np.array([*statement.run(connection, values_of(filters))], np.int64).reshape(-1, 2)
    # Files that were read one after the other have ids that go on from one to the next.
    opens = np.flatnonzero(np.append(True, found[1:, 0] != found[:-1, 1] + 1)[: len(found)])
    last = np.append(opens[1:], len(found))[: len(opens)] - 1
    for low, high in np.column_stack([found[opens, 0], found[last, 1]]).tolist():
        yield from blocks(connection, _KEPT, low, high)


def counted_files(
    question: Question, originals: Originals, within: int = 0
) -> Generator[tuple[Segments, Pairs], None, None]:
    """The hits of some files after others, and the ids of those that overlap, in their order."""
    connection, filters = question.connection, question.filters

    def tasks() -> Iterator[tuple[Segments, tuple[object, ...]]]:
        for segments in whole_files(question.segments()):
            files = files_of(connection, segments.file_id)
            yield segments, (originals, files, segments, filters.on_stale, within)

    for segments, found in in_order(count_up_to_error, tasks(), filters.jobs):
        pairs = with_kept(connection, segments, segments, found)
        yield segments, pairs
        if pairs.error is not None:
            raise pairs.error


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
