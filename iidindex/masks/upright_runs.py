"""Runs of set pixels down the columns of masks, and the masks that they make.

What others write column by column, and what is drawn column by column, both come as such runs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from iidindex.masks.regions import Bool2D, Ints
from iidindex.model import BBox

NO_BOX = BBox(0, 0, 0, 0)

# A canvas is swept eight pixels at a time.
_WORD = 8


@dataclass(slots=True)
class UprightRuns:
    """Unbroken stretches of set pixels in columns, of several masks together.

    Attributes
    ----------
    owner : ndarray of int64, shape (n,)
        The mask of each run, ascending.
    col : ndarray of int64, shape (n,)
        Image column, ascending within a mask.
    top, bottom : ndarray of int64, shape (n,)
        Image rows, half-open and never empty. Runs of one column may touch but not overlap.
    """

    owner: Ints
    col: Ints
    top: Ints
    bottom: Ints

    def paint(self, n_masks: int) -> list[tuple[BBox, Bool2D]]:
        """Make the masks, each within its tight box.

        Parameters
        ----------
        n_masks : int
            Owners are below it; one without runs gets ``BBox(0, 0, 0, 0)`` and a mask of shape
            (0, 0).

        Returns
        -------
        list of (BBox, ndarray of bool)
            All are painted on one canvas, as high as the highest and as wide as all together.
        """
        out: list[tuple[BBox, Bool2D]] = [(NO_BOX, np.zeros((0, 0), np.bool_))] * n_masks
        if not len(self.owner):
            return out
        opens = np.flatnonzero(np.diff(self.owner, prepend=-1))
        boxes = self._boxes(opens)
        minr, minc, maxr, maxc = boxes
        width = maxc - minc
        ends = np.cumsum(width)
        # What ends below the last row is marked there, in a row that nobody sees.
        height = int(np.maximum.reduce(maxr - minr)) + 1
        stride = -(-int(ends[-1]) // _WORD) * _WORD
        canvas = np.zeros((height, stride), np.uint8)
        corner = (ends - width - minc) - minr * stride
        n_runs = np.diff(opens, append=len(self.owner))
        column = self.col + np.repeat(corner, n_runs)
        flat = canvas.reshape(-1)
        # No two runs of a column begin or end together, though one may end where another begins.
        flat[column + self.top * stride] = 1
        flat[column + self.bottom * stride] ^= 1
        words = canvas.view(np.uint64)
        np.bitwise_xor.accumulate(words, axis=0, out=words)
        pixels = canvas.view(np.bool_)
        if len(opens) == 1 and stride == width[0]:
            out[int(self.owner[0])] = (BBox(*boxes[:, 0].tolist()), pixels[:-1])
            return out
        left = 0
        for which, box, right in zip(
            self.owner[opens].tolist(), boxes.T.tolist(), ends.tolist(), strict=True
        ):
            out[which] = (BBox(*box), pixels[: box[2] - box[0], left:right].copy())
            left = right
        return out

    def _boxes(self, opens: Ints) -> Ints:
        """Tight boxes of the masks whose first runs are given; a box is a column of four."""
        boxes = np.empty((4, len(opens)), np.int64)
        boxes[0] = np.minimum.reduceat(self.top, opens)
        boxes[1] = self.col[opens]
        boxes[2] = np.maximum.reduceat(self.bottom, opens)
        boxes[3, -1] = self.col[-1] + 1
        boxes[3, :-1] = self.col[opens[1:] - 1] + 1
        return boxes
