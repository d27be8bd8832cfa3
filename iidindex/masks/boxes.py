"""Finding which of many boxes meet: by comparing them all, or through an R-tree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from iidindex.masks.batching import portions
from iidindex.model import BBox

if TYPE_CHECKING:
    from rtree.index import Index

Ints = npt.NDArray[np.int64]

# Comparing boxes that share a row takes less time than a tree, up to about so many of them
# for each box; see benchmarks/micro.py.
_CANDIDATES = 2000
# Candidates compared at a time.
_BLOCK = 3 << 12
# A single question reads every box faster than a tree is built, so the tree is for the next.
_SCAN = 2048
# Boxes asked about at once: as many as save time, and fewer of many boxes, as each of them
# may meet all. Pairs are handed on in blocks, as those who compare masks need some 200 bytes
# for each.
_CHUNK = 256
_ANSWERS = 1 << 20
_PAIRS = 1 << 18


class BoxIndex:
    """Boxes that can be asked which of them meet a box, or each other.

    Boxes are half-open: those that only touch do not meet, and one without pixels meets
    nothing.

    Parameters
    ----------
    bbox : ndarray of int, shape (n, 4)
        ``(minr, minc, maxr, maxc)``, pixels.
    """

    def __init__(self, bbox: npt.NDArray[np.integer]) -> None:
        self._bbox = bbox.astype(np.int64)
        self._tree: Index | None = None
        self._asked = False

    def meeting(self, box: BBox) -> Ints:
        """Positions of the boxes that share a pixel with `box`, ascending."""
        if not box.n_pixels:
            return np.empty(0, np.int64)
        minr, minc, maxr, maxc = self._bbox.T
        if len(self._bbox) <= _SCAN or not self._asked:
            self._asked = True
            meet = (minr < box.maxr) & (maxr > box.minr) & (minc < box.maxc) & (maxc > box.minc)
            return np.flatnonzero(meet & (minr < maxr) & (minc < maxc))
        low, high = (box.minr, box.minc), (box.maxr - 1, box.maxc - 1)
        found = self._built().intersection((*low, *high))
        return np.sort(np.fromiter(found, np.int64))

    def pairs(self) -> Iterator[tuple[Ints, Ints]]:
        """Pairs ``i < j`` of boxes that share a pixel, each once, in blocks of bounded size."""
        filled = np.flatnonzero(
            np.logical_and.reduce(self._bbox[:, :2] < self._bbox[:, 2:], axis=1)
        )
        sweeps = [_Sweep(self._bbox[filled], axis) for axis in (0, 1)]
        sweep = min(sweeps, key=lambda sweep: sweep.n_candidates)
        found = (
            sweep.pairs()
            if sweep.n_candidates <= _CANDIDATES * len(filled)
            else self._pairs_from_tree(filled)
        )
        for i, j in found:
            yield filled[np.minimum(i, j)], filled[np.maximum(i, j)]

    def _pairs_from_tree(self, filled: Ints) -> Iterator[tuple[Ints, Ints]]:
        """Positions in `filled` of the boxes of each pair."""
        position = np.empty(len(self._bbox), np.int64)
        position[filled] = np.arange(len(filled))
        low = self._bbox[:, :2].astype(np.float64)
        high = self._bbox[:, 2:] - 1.0
        tree = self._built()
        chunk = min(_CHUNK, max(8, _ANSWERS // len(filled)))
        for start in range(0, len(filled), chunk):
            part = filled[start : start + chunk]
            j, counts = tree.intersection_v(low[part], high[part])
            i = np.repeat(part, counts.astype(np.int64))
            once_each = np.flatnonzero(j > i)
            for first in range(0, len(once_each), _PAIRS):
                block = once_each[first : first + _PAIRS]
                yield position[i[block]], position[j[block]]

    def _built(self) -> Index:
        if self._tree is None:
            from rtree.index import Index

            filled = np.flatnonzero((self._bbox[:, :2] < self._bbox[:, 2:]).all(axis=1))
            # The tree's boxes are closed. Over integer pixels, a half-open box is the closed
            # one that ends a pixel earlier.
            low = self._bbox[filled, :2].astype(np.float64)
            high = self._bbox[filled, 2:] - 1.0
            self._tree = Index((filled, low, high)) if len(filled) else Index()
        return self._tree


class _Sweep:
    """Boxes in the order in which a line that sweeps over the image meets them.

    Those that a box shares a row with (or a column, along the other axis) then come in one
    range behind it.
    """

    def __init__(self, bbox: Ints, axis: int) -> None:
        self._order = np.argsort(bbox[:, axis], kind="stable")
        self._bbox = bbox[self._order]
        begin, end = self._bbox[:, axis], self._bbox[:, axis + 2]
        self._behind = np.searchsorted(begin, end) - np.arange(1, len(begin) + 1)
        self._across = 1 - axis
        self.n_candidates = int(np.add.reduce(self._behind))

    def pairs(self) -> Iterator[tuple[Ints, Ints]]:
        """Positions of the boxes of each pair."""
        begin, end = self._bbox[:, self._across].copy(), self._bbox[:, self._across + 2].copy()
        found: list[tuple[Ints, Ints]] = []
        n_found = 0
        for i, j in self._candidates():
            meet = np.flatnonzero((begin[i] < end[j]) & (begin[j] < end[i]))
            # A single box may meet more than a block holds.
            for first in range(0, len(meet), _PAIRS):
                part = meet[first : first + _PAIRS]
                if found and n_found + len(part) > _PAIRS:
                    yield self._joined(found)
                    found, n_found = [], 0
                found.append((i[part], j[part]))
                n_found += len(part)
        if n_found:
            yield self._joined(found)

    def _candidates(self) -> Iterator[tuple[Ints, Ints]]:
        for part in portions(self._behind, _BLOCK):
            n = self._behind[part]
            each = np.arange(part.start, part.stop)
            i = np.repeat(each, n)
            j = np.repeat(each + 1 - (np.cumsum(n) - n), n)
            j += np.arange(len(j))
            yield i, j

    def _joined(self, found: list[tuple[Ints, Ints]]) -> tuple[Ints, Ints]:
        i, j = (np.concatenate(side) for side in zip(*found, strict=True))
        return self._order[i], self._order[j]
