"""Finding which of many boxes meet: by comparing them all, or through an R-tree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from iidindex.model import BBox

if TYPE_CHECKING:
    from rtree.index import Index

Ints = npt.NDArray[np.int64]

# Comparing all boxes with all is quicker than building a tree up to about so many; see
# benchmarks/micro.py.
_FEW = 192
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
        box = self._bbox
        filled = np.flatnonzero(np.logical_and.reduce(box[:, :2] < box[:, 2:], axis=1))
        if len(filled) <= _FEW:
            minr, minc, maxr, maxc = box[filled].T
            begins = np.less.outer(minr, maxr)
            begins &= np.less.outer(minc, maxc)
            i, j = np.divmod(np.flatnonzero(begins & begins.T), len(filled) or 1)
            once = i < j
            yield filled[i[once]], filled[j[once]]
            return
        low = box[:, :2].astype(np.float64)
        high = box[:, 2:] - 1.0
        tree = self._built()
        chunk = min(_CHUNK, max(8, _ANSWERS // len(filled)))
        for start in range(0, len(filled), chunk):
            part = filled[start : start + chunk]
            j, counts = tree.intersection_v(low[part], high[part])
            i = np.repeat(part, counts.astype(np.int64))
            once_each = np.flatnonzero(j > i)
            for first in range(0, len(once_each), _PAIRS):
                block = once_each[first : first + _PAIRS]
                yield i[block], j[block]

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
