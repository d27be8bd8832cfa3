"""Which entries of one question share pixels with those of another, picture by picture.

The two may ask of the same files, or of different files of the same pictures, such as two
annotations of a photograph: these are laid on one another.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from sqlalchemy import Connection

from iidindex.catalog.dialect import Text
from iidindex.catalog.lookup import numbers
from iidindex.processes import in_order
from iidindex.query.overlaps.pairs import Pairs, count_pairs
from iidindex.query.pixels.originals import OnStale, Originals
from iidindex.query.pixels.segments import Ints, Original, Segments, concatenate
from iidindex.query.question.asked import Filters
from iidindex.query.question.asking import Question, files_of

# Entries of pictures that are compared together, bytes of their masks, and such pictures.
_ENTRIES = 1 << 15
_BYTES = 32 << 20
_PICTURES = 4096

_SIZES = Text(
    "SELECT f.id, f.n_entries, coalesce(f.segs_length, 0) FROM {rows} "
    "{then} files f ON f.id = {value} WHERE f.state = 'ok'",
    in_order="{nth}",
)

# In place of a file, where a picture has none on one side.
NO_FILE = 0


class Pictures(NamedTuple):
    """Pictures that have a file on each of two sides, by ids; `NO_FILE` where there is none.

    A file is once on a side at the most. Both sides may have the same.
    """

    a: Ints
    b: Ints


class Laid(NamedTuple):
    """What was found in some pictures.

    Attributes
    ----------
    pictures : range
        Which of the pictures these are.
    a, b : Segments
        Of each side, in the order of ids.
    a_picture, b_picture : ndarray of int64, shape (n,)
        The number of the picture of each segment.
    pairs : Pairs
        Rows of `a` and of `b` that share pixels, by the rows. Nothing is counted for files that
        are ``unread``.
    """

    pictures: range
    a: Segments
    b: Segments
    a_picture: Ints
    b_picture: Ints
    pairs: Pairs


def laid_together(
    connection: Connection,
    originals: Originals,
    a: Filters,
    b: Filters,
    pictures: Pictures,
    within: int = 0,
) -> Generator[Laid, None, None]:
    """Count the pixels that entries of one side share with those of the other.

    Parameters
    ----------
    connection : Connection
        In a transaction.
    originals : Originals
    a, b : Filters
        What is asked of the entries of each side. How originals are read is said by `a`.
    pictures : Pictures
    within : int
        As in `count_pairs`.

    Yields
    ------
    Laid
        Of some pictures after others, in their order; each picture is whole.

    Raises
    ------
    SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
        As `Entry.mask`.

    Notes
    -----
    In memory are the entries of some thousand small pictures, or of those whose masks have some
    MiB, or of one, and the bytes of those masks whose boxes meet. An entry that is on both sides
    does not meet itself.
    """
    sides = _Side(connection, originals, a, pictures.a), _Side(connection, originals, b, pictures.b)

    def tasks() -> Iterator[tuple[_Waiting, tuple[object, ...]]]:
        for some in _portions(sides[0].sizes + sides[1].sizes):
            waiting = _Waiting(some, *(side.of(some) for side in sides))
            segments = concatenate([waiting.a.segments, waiting.b.segments])
            files = files_of(connection, segments.file_id)
            picture = np.concatenate([waiting.a.picture, waiting.b.picture])
            n_a = len(waiting.a.segments)
            yield waiting, (originals, files, segments, picture, n_a, a.on_stale, within)

    for (some, one, other), pairs in in_order(_count, tasks(), a.jobs):
        yield Laid(some, one.segments, other.segments, one.picture, other.picture, pairs)


class _Found(NamedTuple):
    """Entries of one side, and the number of the picture of each."""

    segments: Segments
    picture: Ints


class _Waiting(NamedTuple):
    """Pictures whose pairs are being counted."""

    pictures: range
    a: _Found
    b: _Found


class _Side:
    """One side of all pictures."""

    def __init__(
        self, connection: Connection, originals: Originals, filters: Filters, files: Ints
    ) -> None:
        self._connection, self._originals, self._filters = connection, originals, filters
        self._files = files
        # Of each picture, the number of entries and the bytes of their segments, at the most.
        self.sizes = np.zeros((len(files), 2), np.int64)
        there = numbers(connection, _SIZES, np.unique(files[files != NO_FILE]))
        if len(there):
            place = np.minimum(np.searchsorted(there[:, 0], files), len(there) - 1)
            known = there[place, 0] == files
            self.sizes[known] = there[place[known], 1:]

    def of(self, some: range) -> _Found:
        """The entries of some pictures."""
        files = self._files[some.start : some.stop]
        order = np.argsort(files, kind="stable")
        chosen = files[order]
        asked = self._filters.in_files(chosen[chosen != NO_FILE].tolist())
        found = Question(self._connection, self._originals, asked).all_segments()
        picture = some.start + order[np.searchsorted(chosen, found.file_id)]
        return _Found(found, picture)


def _portions(sizes: Ints) -> Iterator[range]:
    """Cut pictures into runs with bounded numbers of entries and bytes, or of one picture."""
    ends = np.cumsum(sizes, axis=0)
    before = ends - sizes
    begin = 0
    while begin < len(sizes):
        end = begin + _PICTURES
        for column, most in enumerate((_ENTRIES, _BYTES)):
            last = before[begin, column] + most
            end = min(end, int(np.searchsorted(ends[:, column], last, side="right")))
        end = max(end, begin + 1)
        yield range(begin, end)
        begin = end


def _count(
    originals: Originals,
    files: Mapping[int, Original],
    segments: Segments,
    picture: Ints,
    n_a: int,
    on_stale: OnStale,
    within: int,
) -> Pairs:
    """Count the pairs of the first `n_a` segments and the others, by rows of either."""
    is_a = np.arange(len(segments)) < n_a
    pairs = count_pairs(originals, files, segments, on_stale, is_a, picture, within)
    pairs = pairs.among(segments.id[pairs.a] != segments.id[pairs.b])
    return pairs._replace(b=pairs.b - n_a)
