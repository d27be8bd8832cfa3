"""Which entries of a file overlap, and by how many pixels."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing

import numpy as np
from sqlalchemy import Connection

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.lookup import numbers
from iidindex.errors import QueryError
from iidindex.processes import in_order
from iidindex.query.answers.entry import Chunk
from iidindex.query.overlaps.overlap import Overlaps
from iidindex.query.overlaps.pair_columns import OverlapsOfFiles
from iidindex.query.overlaps.pairs import (
    NOTHING,
    Pairs,
    count_up_to_error,
    whole_files,
)
from iidindex.query.pixels.originals import Originals
from iidindex.query.pixels.segments import Ints, Segments
from iidindex.query.question import compile as sql
from iidindex.query.question.asked import Filters
from iidindex.query.question.asking import Question, files_of
from iidindex.query.question.shape import shape_of

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
        question = Question(connection, originals, filters)
        kept = kept_files(connection) if shape_of(filters).is_of_whole_files else NOTHING
        with closing(counted_files(question, originals, kept)) as counted:
            for _, pairs in counted:
                for low in range(0, len(pairs.pixels), _PAIRS):
                    part = slice(low, low + _PAIRS)
                    both = np.concatenate([pairs.a[part], pairs.b[part]])
                    ids, nth = np.unique(both, return_inverse=True)
                    rows = sql.hits_of().run(connection, {"ids": ids}).fetchall()
                    chunk = Chunk(catalog, originals, rows, connection)
                    a, b = nth.reshape(2, -1)
                    yield OverlapsOfFiles(connection, chunk, rows, a, b, pairs.pixels[part])


def counted_files(
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
        pairs = with_kept(connection, segments, new, found)
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
