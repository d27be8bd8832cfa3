"""Names on pictures: which of many, and where they find room; a line leads from what is aside."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from iidindex.render.colors import Color
from iidindex.render.swatch import Mark, draw_swatch
from iidindex.render.text import Typeface, halo_of

Picture = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Box = tuple[int, int, int, int]
Pixel = tuple[int, int]

# Between a label and what it names, in pixels.
_GAP = 2
# Names may cover so much of a picture, and be so many: nobody reads more.
_SHARE, MOST_LABELS = 0.1, 200
# How far from what it names a label may lie, in heights of itself, and in how many directions.
_FAR, _WAYS = (0.0, 0.7, 1.6, 3.0, 5.0), 16
# How a place far away compares with one that hides something.
_PER_HEIGHT, _MOST_HIDDEN = 0.12, 0.6
# Sides of the coarse picture of what is taken.
_COARSE = 1024


class Label(NamedTuple):
    """A word for what lies around a pixel of a picture; boxes are half-open, rows first.

    With a `mark`, a small square in the label's colour stands before the word.
    """

    text: str
    anchor: Pixel
    bbox: Box
    color: Color
    mark: Mark | None = None


class Placed(NamedTuple):
    """A label, and where it is written.

    Attributes
    ----------
    label : Label
    row, col : int
        The upper left corner of its letters, or of the square before them.
    line : ((int, int), (int, int)) or None
        Rows and columns of the ends of a line: at the label, and at what it names. None, if the
        label lies on it.
    """

    label: Label
    row: int
    col: int
    line: tuple[Pixel, Pixel] | None = None


def write_labels(
    picture: Picture,
    labels: Sequence[Label],
    typeface: Typeface,
    covered: Bools | None = None,
) -> tuple[Picture, int]:
    """Write labels where they do not cover each other, with lines to what they lie beside.

    Parameters
    ----------
    picture : ndarray of uint8, shape (h, w, 3)
    labels : sequence of Label
        The most important first; of too many to be read, the others are left out.
    typeface : Typeface
    covered : ndarray of bool, shape (h, w), optional
        What is not to be hidden.

    Returns
    -------
    picture : ndarray of uint8, shape (h, w, 3)
    written : int
        How many there was room for.
    """
    shape = picture.shape[0], picture.shape[1]
    chosen = labels[: readable_number(shape, labels, typeface)]
    placed = place_labels(shape, chosen, typeface, covered=covered, with_lines=True)
    drawn = _with_lines(picture, placed, max(1, typeface.height // 14))
    halo = halo_of(typeface)
    lines = []
    for label, row, col, _ in placed:
        if label.mark is not None:
            side = _side(typeface)
            top = row + (typeface.height - side) // 2
            around = drawn[max(0, top - 1) : top + side + 1, max(0, col - 1) : col + side + 1]
            around[:] = (10, 10, 14)
            draw_swatch(drawn, top, col, side, label.color, label.mark)
        lines.append((label.text, row, col + _before(label, typeface), pale(label.color)))
    return typeface.write(drawn, lines, halo=halo), len(placed)


def readable_number(shape: Pixel, labels: Sequence[Label], typeface: Typeface) -> int:
    """How many of the first labels can be read on a picture; one at the least."""
    height = typeface.height + 2 * halo_of(typeface)
    some = labels[:MOST_LABELS]
    sizes = np.array([_width(label, typeface) * height for label in some], np.int64)
    few = int(np.searchsorted(np.cumsum(sizes), shape[0] * shape[1] * _SHARE, side="right"))
    return min(len(some), max(few, 1))


def place_labels(
    shape: tuple[int, ...],
    labels: Sequence[Label],
    typeface: Typeface,
    *,
    covered: Bools | None = None,
    with_lines: bool = False,
) -> list[Placed]:
    """Find places for labels where they do not cover each other.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the picture.
    labels : sequence of Label
        The most important first.
    typeface : Typeface
    covered : ndarray of bool, shape (h, w), optional
        With `with_lines`, what is rather not to be hidden.
    with_lines : bool
        Also look farther from what they name, and lead a line to it.

    Returns
    -------
    list of Placed
        Those that found room.
    """
    taken = np.zeros(shape, np.bool_)
    halo = halo_of(typeface)
    height = typeface.height + 2 * halo
    widths = [_width(label, typeface) for label in labels]
    for label, width in zip(labels, widths, strict=True):
        if not _fits(label.bbox, height, width):
            # What is smaller than its own label is not to be hidden by another.
            minr, minc, maxr, maxc = label.bbox
            taken[minr:maxr, minc:maxc] = True
    hidden = _Hidden((shape[0], shape[1]), covered)
    placed = []
    for label, width in zip(labels, widths, strict=True):
        size = (height, width)
        places = _places(label, size, (shape[0], shape[1]))
        if with_lines:
            places = _ranked(places, label, size, (shape[0], shape[1]), hidden)
        for row, col in places:
            spot = taken[row : row + height, col : col + width]
            if spot.any():
                continue
            line = _line(label, (row, col), size) if with_lines else None
            path = None if line is None else _pixels(*line)
            if path is not None and _crosses(taken, path, label.bbox):
                continue
            spot[...] = True
            if path is not None:
                inside = path[((path >= 0) & (path < shape[:2])).all(axis=1)]
                taken[inside[:, 0], inside[:, 1]] = True
            placed.append(Placed(label, row + halo, col + halo, line))
            break
    return placed


def _side(typeface: Typeface) -> int:
    """Of the square before a word."""
    return max(5, round(typeface.height * 0.6))


def _before(label: Label, typeface: Typeface) -> int:
    """How far behind its corner a label's letters begin."""
    return 0 if label.mark is None else _side(typeface) + max(2, typeface.height // 5)


def _width(label: Label, typeface: Typeface) -> int:
    return typeface.width(label.text) + _before(label, typeface) + 2 * halo_of(typeface)


def _places(label: Label, size: Pixel, shape: Pixel) -> Iterator[Pixel]:
    """Corners where a label may go, the best first: on what it names, or else around it."""
    height, width = size
    row, col = label.anchor
    minr, minc, maxr, maxc = label.bbox
    if height > shape[0] or width > shape[1]:
        return
    middle_r, middle_c = row - height // 2, col - width // 2
    below, above, right, left = maxr + _GAP, minr - height - _GAP, maxc + _GAP, minc - width - _GAP
    around = [(below, middle_c), (above, middle_c), (middle_r, right), (middle_r, left)]
    around += [(below, right), (above, right), (below, left), (above, left)]
    if _fits(label.bbox, height, width):
        around.insert(0, (middle_r, middle_c))
    for top, begin in around:
        inside = min(max(top, 0), shape[0] - height), min(max(begin, 0), shape[1] - width)
        # A little is moved to stay in the picture; far from its mask a label says nothing.
        if abs(inside[0] - top) <= height and abs(inside[1] - begin) <= width // 2:
            yield inside


def _ranked(
    near: Iterator[Pixel], label: Label, size: Pixel, shape: Pixel, hidden: _Hidden
) -> Iterator[Pixel]:
    """On what a label names, if there is room; then those places that hide least."""
    first = list(near)
    if first and _fits(label.bbox, *size):
        yield first.pop(0)
    corners = np.array([*first, *_farther(label, size, shape)], np.int64).reshape(-1, 2)
    away = np.zeros(len(corners))
    for axis in (0, 1):
        gap = np.maximum(
            label.bbox[axis] - (corners[:, axis] + size[axis]),
            corners[:, axis] - label.bbox[axis + 2],
        )
        away = np.hypot(away, np.maximum(gap, 0))
    share = hidden.share(corners, size)
    cost = share + _PER_HEIGHT * away / size[0]
    for nth in np.argsort(cost, kind="stable").tolist():
        if share[nth] <= _MOST_HIDDEN:
            row, col = corners[nth].tolist()
            yield row, col


def _farther(label: Label, size: Pixel, shape: Pixel) -> Iterator[Pixel]:
    """Corners around a label's box, farther and farther from it."""
    height, width = size
    minr, minc, maxr, maxc = label.bbox
    middle = (minr + maxr) / 2, (minc + maxc) / 2
    for far in _FAR:
        half_r = (maxr - minr + height) / 2 + _GAP + far * height
        half_c = (maxc - minc + width) / 2 + _GAP + far * height
        for way in range(_WAYS):
            angle = 2 * math.pi * way / _WAYS
            row = round(middle[0] + half_r * math.sin(angle) - height / 2)
            col = round(middle[1] + half_c * math.cos(angle) - width / 2)
            if 0 <= row <= shape[0] - height and 0 <= col <= shape[1] - width:
                yield row, col


class _Hidden:
    """How much of what a picture shows a label would hide, coarsely."""

    def __init__(self, shape: Pixel, covered: Bools | None) -> None:
        self._step = max(1, math.ceil(max(shape) / _COARSE))
        self._sums: npt.NDArray[np.float64] | None = None
        if covered is not None:
            some = covered[:: self._step, :: self._step]
            self._sums = np.zeros((some.shape[0] + 1, some.shape[1] + 1))
            self._sums[1:, 1:] = some.cumsum(axis=0, dtype=np.float64).cumsum(axis=1)

    def share(self, corners: Ints, size: Pixel) -> npt.NDArray[np.float64]:
        """Of boxes of one size, given by their upper left corners, the part that is covered."""
        if self._sums is None:
            return np.zeros(len(corners))
        most = np.array(self._sums.shape) - 1
        low = np.minimum(corners // self._step, most - 1)
        high = np.minimum(np.maximum((corners + size) // self._step, low + 1), most)
        (top, left), (bottom, right) = low.T, high.T
        sums = self._sums
        found = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
        share: npt.NDArray[np.float64] = found / ((bottom - top) * (right - left))
        return share


def _line(label: Label, corner: Pixel, size: Pixel) -> tuple[Pixel, Pixel] | None:
    """From a label to what it names; None, if it lies on it."""
    row, col = label.anchor
    top, left = corner
    bottom, right = top + size[0] - 1, left + size[1] - 1
    if top <= row <= bottom and left <= col <= right:
        return None
    minr, minc, maxr, maxc = label.bbox
    if min(maxr - minr, maxc - minc) < size[0]:
        # What is small is not to be hidden by the line that leads to it.
        row = min(max((top + bottom) // 2, minr - 1), maxr)
        col = min(max((left + right) // 2, minc - 1), maxc)
    end = min(max(row, top), bottom), min(max(col, left), right)
    return end, (row, col)


def _pixels(begin: Pixel, end: Pixel) -> Ints:
    """The pixels of a line: int64, shape (n, 2)."""
    n = max(abs(end[0] - begin[0]), abs(end[1] - begin[1])) + 1
    return np.rint(np.linspace(begin, end, n)).astype(np.int64)


def _crosses(taken: Bools, path: Ints, own: Box) -> bool:
    """Whether a line runs over what is taken by others."""
    minr, minc, maxr, maxc = own
    row, col = path.T
    inside = (row >= 0) & (col >= 0) & (row < taken.shape[0]) & (col < taken.shape[1])
    others = inside & ~((row >= minr) & (row < maxr) & (col >= minc) & (col < maxc))
    return bool(taken[row[others], col[others]].any())


def _with_lines(picture: Picture, placed: Sequence[Placed], width: int) -> Picture:
    """Draw lines of some width, each with a dark one on both sides."""
    drawn = picture.copy()
    lines = [(one.label, _pixels(*one.line)) for one in placed if one.line is not None]
    # It ends as a single pixel, so that it hides nothing of what it leads to.
    for _, path in lines:
        row, col = _thick(path[:-width], drawn.shape, width + 2, -1)
        drawn[row, col] //= 4
    for label, path in lines:
        for part, thick in ((path[:-width], width), (path, 1)):
            row, col = _thick(part, drawn.shape, thick, 0)
            drawn[row, col] = pale(label.color)
    return drawn


def _thick(path: Ints, shape: tuple[int, ...], width: int, first: int) -> tuple[Ints, Ints]:
    """The pixels of a picture in squares along a line, each of them once."""
    step = np.arange(first, first + width)
    row = (path[:, 0, None, None] + step[:, None] + 0 * step).reshape(-1)
    col = (path[:, 1, None, None] + 0 * step[:, None] + step).reshape(-1)
    inside = (row >= 0) & (col >= 0) & (row < shape[0]) & (col < shape[1])
    return np.divmod(np.unique(row[inside] * shape[1] + col[inside]), shape[1])


def _fits(bbox: Box, height: int, width: int) -> bool:
    return bbox[2] - bbox[0] >= height and bbox[3] - bbox[1] >= width * 2 // 3


def pale(color: Color) -> Color:
    """The colour of letters that belong to something of a colour."""
    red, green, blue = ((channel + 3 * 255) // 4 for channel in color)
    return red, green, blue
