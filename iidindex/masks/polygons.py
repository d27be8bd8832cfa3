"""Polygons and masks: drawing by the rule of whoever wrote them, and tracing along pixel edges.

Which pixels a polygon holds depends on its source. To some, coordinates are edges of pixels, so
that a square from 2 to 5 has nine pixels; to others they are the pixels' centres and the border
counts, so that it has sixteen.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from iidindex.errors import ExchangeError
from iidindex.masks.regions import Bool2D, Ints
from iidindex.masks.scanlines import Floats, Scanlines
from iidindex.masks.upright_runs import NO_BOX
from iidindex.model import BBox

Ring = npt.NDArray[np.float64]
Rule = Literal["coco", "even-odd", "border"]

# Coordinates that are read. Five times as many and their differences fit 32 bits.
_FARTHEST = 2.0**17
_LEAST_POINTS = 3

# So much of a value is quoted.
_QUOTED = 40


def checked(values: Any, what: str) -> Ring:
    """Read the coordinates of a ring.

    Parameters
    ----------
    values : sequence of float, or sequence of pairs of float
        ``x, y, x, y, …`` or ``(x, y), (x, y), …``.
    what : str
        The name to use in errors.

    Returns
    -------
    ndarray of float64, shape (n, 2)
        At least three points.

    Raises
    ------
    ExchangeError
        If something is no number, not finite or beyond 2**17, if a coordinate has no partner, or
        if there are fewer than three points.

    Examples
    --------
    >>> checked([0, 0, 2, 0, 2, 1.5], "a triangle").tolist()
    [[0.0, 0.0], [2.0, 0.0], [2.0, 1.5]]
    """
    array = values if isinstance(values, np.ndarray) else _as_floats(values, what)
    if array.dtype.kind not in "iuf":
        raise ExchangeError(f"{what} holds {array.dtype}; expected numbers")
    if array.ndim == 1 and len(array) % 2:
        raise ExchangeError(f"{what} has {len(array)} numbers; expected pairs of x and y")
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] != 2):
        raise ExchangeError(f"{what} has shape {array.shape}; expected pairs of x and y")
    ring: Ring = array.astype(np.float64, copy=False).reshape(-1, 2)
    if len(ring) < _LEAST_POINTS:
        raise ExchangeError(f"{what} has {len(ring)} points; expected at least {_LEAST_POINTS}")
    # A comparison with NaN is false.
    if not np.maximum.reduce(np.abs(ring), axis=None) <= _FARTHEST:
        far = ring[~(np.abs(ring) <= _FARTHEST)][0]
        raise ExchangeError(f"{what} has a coordinate {far:g}; expected -{2**17} to {2**17}")
    return ring


def _as_floats(values: Any, what: str) -> Floats:
    if not isinstance(values, Sequence) or isinstance(values, str | bytes):
        raise ExchangeError(f"{what} is {type(values).__name__}; expected a list of numbers")
    flat = values
    if values and isinstance(values[0], list | tuple):
        if set(map(type, values)) - {list, tuple} or set(map(len, values)) != {2}:
            odd = next(each for each in values if not _is_pair(each))
            raise ExchangeError(f"{what} has a point {odd!r:.{_QUOTED}}; expected x and y")
        flat = list(chain.from_iterable(values))
    # NumPy takes True for 1.
    kinds = [kind for kind in set(map(type, flat)) if not _is_number(kind)]
    if kinds:
        named = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise ExchangeError(f"{what} holds {named}; expected numbers alone")
    try:
        return np.array(flat, np.float64)
    except OverflowError:
        raise ExchangeError(
            f"{what} has a coordinate beyond all floats; expected -{2**17} to {2**17}"
        ) from None


def _is_pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2


def _is_number(kind: type) -> bool:
    return issubclass(kind, int | float | np.integer | np.floating) and kind is not bool


# ---------------------------------------------------------------------- drawing


def draw(
    shapes: Sequence[Sequence[Ring]], height: int, width: int, rule: Rule
) -> list[tuple[BBox, Bool2D]]:
    """Draw polygons, each within its tight box.

    Parameters
    ----------
    shapes : sequence of sequence of ndarray of float64, shape (n, 2)
        Each shape is a sequence of rings, and a ring of points ``x, y`` (columns, rows), the
        first of which need not be repeated. They must be as `checked` gives them.
    height, width : int
        The frame, pixels. What lies outside is cut off.
    rule : {"coco", "even-odd", "border"}
        Which pixels belong to a shape; see the notes.

    Returns
    -------
    list of (BBox, ndarray of bool)
        For each shape its box and mask; ``BBox(0, 0, 0, 0)`` and a mask of shape (0, 0), if no
        pixel is left.

    Notes
    -----
    ``"coco"``
        Coordinates are edges of pixels. A ring is drawn as by ``rleFrPoly`` in
        ``common/maskApi.c`` of the COCO API by Piotr Dollár and Tsung-Yi Lin (Simplified BSD
        License), which walks along it in steps of a fifth of a pixel: even-odd in a ring that
        crosses itself. The rings of a shape are united. All pixels are as on processors that
        round after every multiplication, like those of x86-64.
    ``"even-odd"``
        Coordinates are edges of pixels. A pixel belongs to a shape if its centre is within an
        odd number of its rings, so that further rings are holes. A centre on an edge belongs
        if the inside is to the right of it or, if the edge is horizontal, below. Of two shapes
        that share an edge, one has it, and integer coordinates are drawn exactly.
    ``"border"``
        Coordinates are centres of pixels, their fractions cut off, and the border belongs to the
        ring, as LabelMe draws with Pillow's ``ImageDraw.polygon(xy, outline=1, fill=1)``. Pillow
        draws them here, too. The rings of a shape are united.

    Examples
    --------
    >>> import numpy as np
    >>> square = np.array([[2.0, 2.0], [5.0, 2.0], [5.0, 5.0], [2.0, 5.0]])
    >>> draw([[square]], 20, 20, "coco")[0][0]
    BBox(minr=2, minc=2, maxr=5, maxc=5)
    >>> draw([[square]], 20, 20, "border")[0][0]
    BBox(minr=2, minc=2, maxr=6, maxc=6)
    """
    if rule == "border":
        return [_with_border(rings, height, width) for rings in shapes]
    drawn: list[tuple[BBox, Bool2D]] = [(NO_BOX, np.zeros((0, 0), np.bool_))] * len(shapes)
    flat = [ring for rings in shapes for ring in rings if len(ring)]
    if flat:
        n_rings = [sum(map(bool, map(len, rings))) for rings in shapes]
        lines = Scanlines(flat, np.array(n_rings), height, width, rule)
        for which, box, mask in lines.masks():
            drawn[which] = (box, mask)
    return drawn


# Pixels that Pillow draws at a time.
_STRIP = 1 << 22


def _with_border(rings: Sequence[Ring], height: int, width: int) -> tuple[BBox, Bool2D]:
    """Draw rings with Pillow, a strip of rows at a time.

    It rounds to floats of 32 bits, so where a column lies decides what is drawn, and the strips
    have to begin at the frame's first. Rows count from the first of the strip.
    """
    from PIL import Image, ImageDraw

    points = [np.trunc(ring).astype(np.int64) for ring in rings if len(ring)]
    if not points:
        return NO_BOX, np.zeros((0, 0), np.bool_)
    left, top = np.minimum.reduce([each.min(axis=0) for each in points]).tolist()
    right, bottom = np.maximum.reduce([each.max(axis=0) for each in points]).tolist()
    left, top = min(max(0, left - 1), width), min(max(0, top - 1), height)
    right, bottom = max(min(width, right + 2), left), max(min(height, bottom + 2), top)
    whole = np.zeros((bottom - top, right - left), np.bool_)
    step = max(1, _STRIP // max(1, right))
    for row in range(top, bottom if right else top, step):
        n_rows = min(step, bottom - row)
        image = Image.new("L", (right, n_rows))
        canvas = ImageDraw.Draw(image)
        for each in points:
            canvas.polygon((each - (0, row)).reshape(-1).tolist(), outline=1, fill=1)
        whole[row - top : row - top + n_rows] = np.asarray(image)[:, left:]
    return _tight(whole, top, left)


def _tight(mask: Bool2D, minr: int, minc: int) -> tuple[BBox, Bool2D]:
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return NO_BOX, np.zeros((0, 0), np.bool_)
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(mask[top:bottom].any(axis=0))
    left, right = int(columns[0]), int(columns[-1]) + 1
    box = BBox(minr + top, minc + left, minr + bottom, minc + right)
    return box, np.ascontiguousarray(mask[top:bottom, left:right])


# ---------------------------------------------------------------------- tracing

Corners = npt.NDArray[np.int64]

# Pixels whose corners are looked for at a time.
_TRACED = 1 << 20


def outlines(mask: Bool2D, bbox: BBox) -> list[list[Corners]]:
    """Trace a mask along the edges of its pixels.

    Parameters
    ----------
    mask : ndarray of bool, shape (bbox.height, bbox.width)
    bbox : BBox
        Where it lies in the image.

    Returns
    -------
    list of list of ndarray of int64, shape (n, 2)
        For each 4-connected part a polygon: its outer ring, then its holes. A ring is made of
        its corners ``x, y`` (columns, rows) alone, and the first is not repeated. It begins with
        the leftmost of its uppermost edges, and in the order of those edges, row by row, come
        parts and holes.

    Notes
    -----
    Rings turn as RFC 7946, section 3.1.6, has it: the outer ones counter-clockwise and the holes
    clockwise where y points up, so that the shoelace formula gives an outer ring a positive area.
    On a screen, where y points down, they are seen the other way round.

    Drawn by the rule ``"even-odd"``, they give the same mask. A ring may touch itself or another
    at a corner, but crosses none.

    Examples
    --------
    >>> import numpy as np
    >>> outlines(np.array([[True, True], [True, False]]), BBox(0, 0, 2, 2))[0][0].tolist()
    [[0, 0], [2, 0], [2, 1], [1, 1], [1, 2], [0, 2]]
    """
    row, col, under = _corners(mask)
    if not len(row):
        return []
    height = len(mask)
    # On a line between rows the corners come in pairs, and an edge is between the two of one.
    y, low = row[::2], col[::2]
    below = np.zeros(len(y), np.bool_)
    inner = np.flatnonzero(y < height)
    below[inner] = mask[y[inner], low[inner]]
    # So they do on a line between columns. Of two corners that touch, which of them is above
    # the other depends on the pixels that meet there.
    across = (col * (height + 1) + row) * 2
    across += under
    upright = np.argsort(across)
    partner = np.empty_like(upright)
    partner[upright[::2]], partner[upright[1::2]] = upright[1::2], upright[::2]
    # An edge is walked with the mask to its right, in terms of a screen.
    leaves = 2 * np.arange(len(y)) + below
    enters = leaves ^ 1
    next_edge = partner[leaves] >> 1
    ring, rank = _cycles(next_edge)
    heads = np.flatnonzero(rank == 0)
    number = heads.searchsorted(ring)
    n_edges = np.bincount(number)
    behind = np.cumsum(n_edges)
    place = 2 * ((behind - n_edges)[number] + rank)
    points = np.empty((2 * len(y), 2), np.int64)
    for offset, corner in enumerate((enters, leaves)):
        points[place + offset, 0] = col[corner] + bbox.minc
        points[place + offset, 1] = row[corner] + bbox.minr
    cuts = [0, *(2 * behind).tolist()]
    rings = [points[start:end] for start, end in pairwise(cuts)]
    is_outer = below[heads]
    parts: dict[int, list[Corners]] = {}
    owner = _parts(mask, is_outer, number, (row, col), upright)
    for which in [*np.flatnonzero(is_outer).tolist(), *np.flatnonzero(~is_outer).tolist()]:
        parts.setdefault(int(owner[which]), []).append(rings[which])
    return list(parts.values())


def _corners(mask: Bool2D) -> tuple[Ints, Ints, Ints]:
    """Corners of the outlines, row by row; those at which two touch come twice.

    Returns
    -------
    row, col : ndarray of int64, shape (n,)
    under : ndarray of int64, shape (n,)
        1 for a corner that is below its twin.
    """
    height, width = mask.shape
    step = max(1, _TRACED // (width + 2))
    rows, columns, below = [], [], []
    for top in range(0, height + 1, step):
        bottom = min(height + 1, top + step)
        # Rows top - 1 to bottom - 1, with zeros around the mask.
        near = np.zeros((bottom - top + 1, width + 2), np.bool_)
        first, last = max(0, top - 1), min(height, bottom)
        near[first - top + 1 : last - top + 1, 1:-1] = mask[first:last]
        beside = near[:, 1:] != near[:, :-1]
        odd = beside[1:] != beside[:-1]
        # Pixels that differ from those beside and from those below meet at their corners alone.
        twins = beside[1:] & beside[:-1]
        twins &= near[1:, 1:] != near[:-1, 1:]
        found = np.flatnonzero(odd | twins)
        double = twins.reshape(-1)[found]
        n = double + 1
        found = np.repeat(found, n)
        row, col = np.divmod(found, width + 1)
        rows.append(row + top)
        columns.append(col)
        # The left one belongs to the pixel on the left; whether that is the upper one is seen
        # above the corner.
        nth = np.zeros(len(found), np.int64)
        nth[np.cumsum(n)[double] - 1] = 1
        rising = np.repeat(double, n) & near[:-1, 1:].reshape(-1)[found]
        below.append(nth ^ rising)
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(below)


def _cycles(following: Ints) -> tuple[Ints, Ints]:
    """The first member of each cycle of a permutation, and how far each is behind it."""
    label = np.arange(len(following))
    reach = following
    while True:
        label = np.minimum(label, label[reach])
        if (label == label[following]).all():
            break
        reach = reach[reach]
    # Counted along the way that is left to the first member, which stands still.
    each = np.arange(len(following))
    left = (label != each).astype(np.int64)
    reach = np.where(label == each, each, following)
    while (reach != label).any():
        left += left[reach]
        reach = reach[reach]
    size = np.bincount(label, minlength=len(label))
    return label, np.where(left, size[label] - left, 0)


def _parts(
    mask: Bool2D, is_outer: Bool2D, number: Ints, corner: tuple[Ints, Ints], upright: Ints
) -> Ints:
    """The outer ring of each ring's part."""
    owner = np.arange(len(is_outer))
    holes = np.flatnonzero(~is_outer)
    if not len(holes):
        return owner
    row, col = corner
    height = len(mask)
    upper = upright[::2]
    ring = number[upper >> 1]
    # A hole's leftmost edge, and in the same row the left edge of the pixels before it: they are
    # of the same part, though it may be another hole's edge, which lies farther to the left.
    order = np.lexsort((col[upper], ring))
    first = order[np.searchsorted(ring[order], holes)]
    r, c = row[upper[first]], col[upper[first]]
    padded = np.zeros((height, mask.shape[1] + 1), np.bool_)
    padded[:, 0] = mask[:, 0]
    np.not_equal(mask[:, 1:], mask[:, :-1], out=padded[:, 1:-1])
    padded[:, -1] = mask[:, -1]
    edges = np.flatnonzero(padded)
    before = edges[np.searchsorted(edges, r * padded.shape[1] + c) - 1] - r * padded.shape[1]
    start = col[upper] * (height + 1) + row[upper]
    owner[holes] = ring[np.searchsorted(start, before * (height + 1) + r, side="right") - 1]
    while not is_outer[owner].all():
        owner = owner[owner]
    return owner
