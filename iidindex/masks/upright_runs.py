"""Runs of set pixels down the columns of masks, and the masks that they make.

What others write column by column, and what is drawn column by column, both come as such runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from iidindex.masks.batching import portions
from iidindex.masks.regions import Bool2D, Ints
from iidindex.model import BBox

NO_BOX = BBox(0, 0, 0, 0)

# A canvas is swept eight pixels at a time.
_WORD = 8
# Pixels of masks that are painted, or compared, together.
_BLOCK = 1 << 20


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
            Many small ones are painted together, and never so many that their canvas is large.
        """
        out: list[tuple[BBox, Bool2D]] = [(NO_BOX, np.zeros((0, 0), np.bool_))] * n_masks
        if not len(self.owner):
            return out
        changes = self.owner[1:] != self.owner[:-1]
        opens = np.concatenate(([0], changes.nonzero()[0] + 1, [len(self.owner)]))
        boxes = self._boxes(opens[:-1])
        painted: list[tuple[BBox, Bool2D]] = []
        for part in portions((boxes[2] - boxes[0]) * (boxes[3] - boxes[1]), _BLOCK):
            painted += self._painted(opens[part.start : part.stop + 1], boxes[:, part])
        for which, each in zip(self.owner[opens[:-1]].tolist(), painted, strict=True):
            out[which] = each
        return out

    def _painted(self, opens: Ints, boxes: Ints) -> list[tuple[BBox, Bool2D]]:
        """Masks on one canvas, from the first run of each to that of the next."""
        shelves, corner, stride = _shelves(boxes)
        minr, minc, _, _ = boxes
        runs = slice(int(opens[0]), int(opens[-1]))
        n_runs = opens[1:] - opens[:-1]
        # Where the image's first pixel would lie, and how far it is from one row to the next.
        origin = np.repeat(corner - minr * stride - minc, n_runs) + self.col[runs]
        stride = np.repeat(stride, n_runs)
        canvas = np.zeros(shelves[-1].bytes.stop, np.uint8)
        # No two runs of a column begin or end together, though one may end where another begins.
        canvas[origin + self.top[runs] * stride] = 1
        canvas[origin + self.bottom[runs] * stride] ^= 1
        bboxes = [BBox(*box) for box in boxes.T.tolist()]
        masks = [canvas.view(np.bool_)] * len(bboxes)
        for shelf in shelves:
            words = canvas[shelf.bytes].view(np.uint64).reshape(-1, shelf.stride // _WORD)
            np.bitwise_xor.accumulate(words, axis=0, out=words)
            pixels = words.view(np.bool_)
            right = 0
            for which in shelf.members.tolist():
                box = bboxes[which]
                left, right = right, right + box.maxc - box.minc
                mask = pixels[: box.maxr - box.minr, left:right]
                alone = len(masks) == 1 and right == shelf.stride
                masks[which] = mask if alone else mask.copy()
        return list(zip(bboxes, masks, strict=True))

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


def cut_at_columns(owner: Ints, begin: Ints, end: Ints, height: int) -> UprightRuns:
    """Cut runs of a frame's pixels, counted down one column after the other, into its columns.

    Parameters
    ----------
    owner : ndarray of int64, shape (n,)
        The mask of each run, ascending.
    begin, end : ndarray of int64, shape (n,)
        Half-open, not empty, ascending within a mask.
    height : int
        Of the frame, pixels.
    """
    if not len(begin):
        return UprightRuns(owner, begin, begin, end)
    col, last = begin // height, (end - 1) // height
    top, bottom = begin - col * height, end - last * height
    n_columns = last - col + 1
    if int(np.maximum.reduce(n_columns)) > 1:
        behind = np.cumsum(n_columns)
        first = behind - n_columns
        col = np.repeat(col - first, n_columns) + np.arange(int(behind[-1]))
        cut_top, cut_bottom = np.zeros_like(col), np.full_like(col, height)
        cut_top[first], cut_bottom[behind - 1] = top, bottom
        top, bottom, owner = cut_top, cut_bottom, np.repeat(owner, n_columns)
    return UprightRuns(owner, col, top, bottom)


def changes(masks: Sequence[Bool2D], box: Ints, height: int) -> tuple[Ints, Ints]:
    """Find where masks begin and end to be set, counted down the columns of their frame.

    Parameters
    ----------
    masks : sequence of ndarray of bool
    box : ndarray of int64, shape (len(masks), 4)
        Where each lies.
    height : int
        Of the frame, pixels.

    Returns
    -------
    owner : ndarray of int64, shape (n,)
        The mask of each change, ascending.
    position : ndarray of int64, shape (n,)
        Pixels that differ from those before them, ascending within a mask. Before the first and
        behind the last, nothing is set.
    """
    found = []
    size = box[:, 2:] - box[:, :2]
    # A mask is at least half as wide as the canvas on which it is compared.
    level = np.frexp(size[:, 1])[1]
    for each in sorted(set(level.tolist())):
        members = np.flatnonzero(level == each)
        for part in portions(((size[:, 0] + 1) * size[:, 1])[members], _BLOCK):
            which = members[part]
            owner, position = _changes([masks[at] for at in which.tolist()], box[which], height)
            found.append((which[owner], position))
    if len(found) == 1:
        return found[0]
    owner = np.concatenate([np.empty(0, np.int64), *(owner for owner, _ in found)])
    position = np.concatenate([np.empty(0, np.int64), *(position for _, position in found)])
    order = np.argsort(owner, kind="stable")
    return owner[order], position[order]


def _changes(masks: list[Bool2D], box: Ints, height: int) -> tuple[Ints, Ints]:
    change, behind = _changes_down(masks, box)
    stride = change.shape[1]
    flat = np.flatnonzero(change)
    row = flat // stride if stride else flat
    owner = behind.searchsorted(row, side="right")
    # One number tells the mask and the pixel of its frame, up to the one behind its last.
    frame = height * int(np.maximum.reduce(box[:, 3])) + 1
    corner = box[:, 1] * height + box[:, 0]
    corner[1:] -= behind[:-1]
    position = (flat - row * stride) * height + row + (np.arange(len(box)) * frame + corner)[owner]
    position.sort()
    # At the end of a column nothing changes if the next begins set.
    same = np.flatnonzero(position[1:] == position[:-1])
    if len(same):
        keep = np.ones(len(position), np.bool_)
        keep[same] = keep[same + 1] = False
        position = position[keep]
    owner = position // frame
    return owner, position - owner * frame


def _changes_down(masks: list[Bool2D], box: Ints) -> tuple[Bool2D, Ints]:
    """Where pixels differ from those above, with a row below each mask; and where masks end."""
    behind = np.cumsum(box[:, 2] - box[:, 0] + 1)
    change = np.zeros((int(behind[-1]), int(np.maximum.reduce(box[:, 3] - box[:, 1]))), np.bool_)
    until = 0
    for mask in masks:
        n_rows, n_columns = mask.shape
        first, until = until, until + n_rows + 1
        if mask.size:
            here = change[first:until, :n_columns]
            here[0], here[-1] = mask[0], mask[-1]
            np.not_equal(mask[1:], mask[:-1], out=here[1:-1])
    return change, behind
