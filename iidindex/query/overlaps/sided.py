"""Pairs of which each side is asked for something else, or lies in another file."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
from sqlalchemy import Connection

from iidindex.catalog.dialect import Text
from iidindex.catalog.lookup import numbers
from iidindex.query.overlaps.between import Pictures, laid_together
from iidindex.query.overlaps.merging import kept_files, merged
from iidindex.query.overlaps.pairs import NOTHING
from iidindex.query.pixels.originals import Originals
from iidindex.query.pixels.segments import Ints
from iidindex.query.question.asked import Filters
from iidindex.query.question.asking import Question
from iidindex.query.question.resolve import file_of

# Entries of files whose kept overlaps are looked at together, and such files.
_ENTRIES = 1 << 16
_FILES = 1024

_SPANS = Text(
    "SELECT f.id, f.first_entry_id, f.n_entries FROM {rows} {then} files f ON f.id = {value} "
    "WHERE f.state = 'ok'",
    in_order="{nth}",
)
_KEPT_OF = Text(
    "SELECT o.a_id, o.b_id, o.pixels FROM {rows} "
    '{then} "overlaps" o ON o.a_id BETWEEN {values[0]} AND {values[1]}',
    width=2,
    in_order="{nth}, o.a_id, o.b_id",
)


def sided_pairs(
    connection: Connection, originals: Originals, a: Filters, b: Filters, within: int
) -> Generator[Ints, None, None]:
    """Find the pairs of an entry of each side in one file.

    Parameters
    ----------
    connection : Connection
    originals : Originals
    a, b : Filters
        What is asked of either side. Two entries that both fit both sides are two pairs.
    within : int
        As in `count_pairs`.

    Yields
    ------
    ndarray of int64, shape (m, 3) or (m, 4)
        Ids of both, shared pixels, and the distance, if pairs are to be near only. In the order
        of the ids.

    Notes
    -----
    Files whose overlaps are in the catalogue are not read.
    """
    of_a, of_b = (Question(connection, originals, side).file_ids() for side in (a, b))
    files = np.intersect1d(of_a, of_b)
    spans = numbers(connection, _SPANS, files)
    spans = spans[np.argsort(spans[:, 1], kind="stable")]
    is_kept = np.isin(spans[:, 0], NOTHING if within else kept_files(connection))
    new = laid_pairs(connection, originals, a, b, (spans[~is_kept, 0],) * 2, within)
    yield from merged(new, _kept_pairs(connection, originals, a, b, spans[is_kept]))


def pairs_across(
    connection: Connection,
    originals: Originals,
    a: Filters,
    b: Filters,
    paths: tuple[str, str],
    within: int,
) -> Generator[Ints, None, None]:
    """Find the pairs of an entry of one file and one of another; see `sided_pairs`."""
    sides = tuple(np.array([file_of(connection, path).file_id]) for path in paths)
    for _, rows in laid_pairs(connection, originals, a, b, (sides[0], sides[1]), within):
        yield rows


def laid_pairs(
    connection: Connection,
    originals: Originals,
    a: Filters,
    b: Filters,
    files: tuple[Ints, Ints],
    within: int,
) -> Iterator[tuple[int, Ints]]:
    """Rows of pairs of files laid on one another, and the id that none of `a` falls below later."""
    end = 0
    pictures = Pictures(*files)
    for laid in laid_together(connection, originals, a, b, pictures, within):
        first, second, *others = laid.pairs.columns
        rows = np.column_stack([laid.a.id[first], laid.b.id[second], *others])
        end = max(end, int(laid.a.id[-1]) if len(laid.a) else 0)
        yield end, rows[np.lexsort((rows[:, 1], rows[:, 0]))]


def _kept_pairs(
    connection: Connection, originals: Originals, a: Filters, b: Filters, spans: Ints
) -> Iterator[Ints]:
    """What the catalogue holds of the pairs of some files, either way round."""
    many = np.cumsum(spans[:, 2]) // _ENTRIES
    some = np.arange(len(spans)) // _FILES
    for part in np.split(spans, np.flatnonzero(np.diff(many) | np.diff(some)) + 1):
        if not len(part):
            continue
        sides = [
            Question(connection, originals, side.in_files(part[:, 0].tolist())).ids()
            for side in (a, b)
        ]
        first, last = part[:, 1], part[:, 1] + part[:, 2] - 1
        kept = numbers(connection, _KEPT_OF, np.column_stack([first, last]))
        both = np.concatenate([kept, kept[:, [1, 0, 2]]])
        both = both[np.isin(both[:, 0], sides[0]) & np.isin(both[:, 1], sides[1])]
        if len(both):
            yield both[np.lexsort((both[:, 1], both[:, 0]))]
