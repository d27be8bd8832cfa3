"""Pairs of entries that share pixels."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, NamedTuple, Self

from iidindex.masks.measure import Overlap as Figures
from iidindex.masks.measure import overlap_of
from iidindex.query.answers.entry import Entry
from iidindex.query.answers.records import Tabular
from iidindex.query.overlaps.pair_columns import OverlapsOfFiles, batches_of_overlaps
from iidindex.rows import OVERLAP, Kind

if TYPE_CHECKING:
    import pyarrow


class _Pair(NamedTuple):
    a: Entry
    b: Entry
    pixels: int


class Overlap(_Pair):
    """Two entries that share pixels, or are near each other: ``a``, ``b``, and shared ``pixels``.

    The entry with the smaller key comes first, unless ``a`` and ``b`` are asked for different
    things. The attribute ``distance`` says how far apart they are, in pixels: 0 if they share any,
    1 if they touch, even at a corner.
    """

    distance: int = 0

    @property
    def iou(self) -> float:
        """The intersection over union: pixels in both, over pixels in either (Jaccard index)."""
        return self._figures.iou

    @property
    def a_in_b(self) -> float:
        """The fraction of `a` that lies in `b`."""
        return self._figures.a_in_b

    @property
    def b_in_a(self) -> float:
        """The fraction of `b` that lies in `a`."""
        return self._figures.b_in_a

    @property
    def _figures(self) -> Figures:
        return overlap_of(self.pixels, self.a.area, self.b.area)


class Overlaps(Tabular, Iterator[Overlap]):
    """An iterator of overlaps, which are counted while it is read. It can be read once.

    The methods that return all rows at once return those that are left.
    """

    def __init__(
        self, parts: Generator[OverlapsOfFiles, None, None], number: Callable[[], int]
    ) -> None:
        self._parts = parts
        self._number = number
        self._is_asked = False
        self._current: OverlapsOfFiles | None = None
        self._told = 0
        self._pairs = self._tell()

    def _tell(self) -> Iterator[Overlap]:
        self._is_asked = True
        for found in self._parts:
            self._current, self._told = found, 0
            _, chunk, rows, *pairs = found
            entries = [Entry(row, chunk) for row in rows]
            for a, b, pixels, distance in zip(*(column.tolist() for column in pairs), strict=True):
                self._told += 1
                pair = Overlap(entries[a], entries[b], pixels)
                if distance:
                    pair.distance = distance
                yield pair

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Overlap:
        return next(self._pairs)

    def count(self) -> int:
        """The number of pairs that are left.

        Entries are not looked up. Afterwards none is left.
        """
        if not self._is_asked:
            self.close()
            return self._number()
        left = 0 if self._current is None else len(self._current.pixels) - self._told
        self._current, self._pairs = None, iter(())
        return left + sum(len(part.pixels) for part in self._parts)

    def close(self) -> None:
        """Stop counting."""
        self._is_asked = True
        self._current, self._pairs = None, iter(())
        self._parts.close()

    def _kind_of_rows(self) -> Kind:
        return OVERLAP

    def _batches(self, kind: Kind) -> Iterator[pyarrow.RecordBatch]:
        self._is_asked = True
        left = None if self._current is None else self._current.after(self._told)
        self._current, self._pairs = None, iter(())
        return batches_of_overlaps(kind, self._left(left))

    def _left(self, first: OverlapsOfFiles | None) -> Iterator[OverlapsOfFiles]:
        if first is not None:
            yield first
        yield from self._parts
