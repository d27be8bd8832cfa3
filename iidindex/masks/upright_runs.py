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
            They are painted on one canvas, of at most some three times their pixels.
        """
        out: list[tuple[BBox, Bool2D]] = [(NO_BOX, np.zeros((0, 0), np.bool_))] * n_masks
        if not len(self.owner):
            return out
        opens = np.flatnonzero(np.diff(self.owner, prepend=-1))
        boxes = self._boxes(opens)
        shelves, corner, stride = _shelves(boxes)
        minr, minc, _, _ = boxes
        n_runs = np.diff(opens, append=len(self.owner))
        # Where the image's first pixel would lie, and how far it is from one row to the next.
        origin = np.repeat(corner - minr * stride - minc, n_runs) + self.col
        stride = np.repeat(stride, n_runs)
        canvas = np.zeros(shelves[-1].bytes.stop, np.uint8)
        # No two runs of a column begin or end together, though one may end where another begins.
        canvas[origin + self.top * stride] = 1
        canvas[origin + self.bottom * stride] ^= 1
        bboxes = [BBox(*box) for box in boxes.T.tolist()]
        owners = self.owner[opens].tolist()
        for shelf in shelves:
            words = canvas[shelf.bytes].view(np.uint64).reshape(-1, shelf.stride // _WORD)
            np.bitwise_xor.accumulate(words, axis=0, out=words)
            pixels = words.view(np.bool_)
            right = 0
            for which in shelf.members.tolist():
                box = bboxes[which]
                left, right = right, right + box.maxc - box.minc
                mask = pixels[: box.maxr - box.minr, left:right]
                alone = len(owners) == 1 and right == shelf.stride
                out[owners[which]] = (box, mask if alone else mask.copy())
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


@dataclass(slots=True)
class _Shelf:
    """A part of a canvas, where masks of about the same height stand side by side."""

    members: Ints
    bytes: slice
    stride: int


def _shelves(boxes: Ints) -> tuple[list[_Shelf], Ints, Ints]:
    """Shelves for boxes, and for each box its corner on the canvas and the stride there."""
    height, width = boxes[2] - boxes[0], boxes[3] - boxes[1]
    corner, stride = np.empty_like(height), np.empty_like(height)
    # A mask is at least half as high as its shelf.
    level = np.frexp(height)[1]
    shelves = []
    size = 0
    for each in sorted(set(level.tolist())):
        members = np.flatnonzero(level == each)
        ends = np.cumsum(width[members])
        across = -(-int(ends[-1]) // _WORD) * _WORD
        corner[members] = size + ends - width[members]
        stride[members] = across
        # What ends below the last row is marked there, in a row that nobody sees.
        until = size + (int(np.maximum.reduce(height[members])) + 1) * across
        shelves.append(_Shelf(members, slice(size, until), across))
        size = until
    return shelves, corner, stride
