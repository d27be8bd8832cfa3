"""Shapes that people draw, as rings of corners; and one mask of several parts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from iidindex.errors import ExchangeError
from iidindex.formats.annotation import Refused
from iidindex.formats.segmentation import MOST_IN_BOX, MOST_OF_PICTURE
from iidindex.masks.polygons import checked
from iidindex.masks.regions import Bool2D
from iidindex.model import BBox

Ring = npt.NDArray[np.float64]

# An ellipse's corners are so many that no edge is farther than this from the curve, in pixels.
_OFF_THE_CURVE = 1 / 64
_LEAST_CORNERS = 16

# Far more than any coordinate; what is added to it is still exact.
_FARTHEST = 1 << 17


class UnusableError(Exception):
    """A shape that is left out: the kind of reason, and what was wrong. No format lets it out."""

    def __init__(self, reason: str, problem: str) -> None:
        super().__init__(reason, problem)
        self.reason = reason
        self.problem = problem

    def of(self, record: str) -> Refused:
        """The note that a picture keeps of it."""
        return Refused(self.reason, record, self.problem)


class Room:
    """How much memory is left for the shapes of a picture; it is asked before they are drawn."""

    def __init__(self) -> None:
        self._n_pixels = 0

    def take(self, height: int, width: int) -> None:
        """Take room for a mask.

        Raises
        ------
        UnusableError
            If it is larger than a mask may be, or those of the picture are together.
        """
        if height * width > MOST_IN_BOX:
            raise UnusableError(
                "too large",
                f"its box is {width} x {height} pixels; expected at most {MOST_IN_BOX} together",
            )
        if self._n_pixels + height * width > MOST_OF_PICTURE:
            raise UnusableError(
                "too large",
                f"its box of {width} x {height} pixels makes those of the picture "
                f"{self._n_pixels + height * width}; expected at most {MOST_OF_PICTURE}",
            )
        self._n_pixels += height * width


def number(value: Any, what: str) -> float:
    """A number of a record, which may be written as text.

    Raises
    ------
    UnusableError
        If it is none, is not finite, or is beyond 2**17.
    """
    try:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise ValueError
        found = float(value)
        if not abs(found) <= _FARTHEST:
            raise ValueError
    except (ValueError, OverflowError):
        raise UnusableError(
            "coordinates",
            f"{what} is {value!r:.40}; expected a number from -{_FARTHEST} to {_FARTHEST}",
        ) from None
    return found


def polygon(corners: Any, what: str = "the polygon") -> Ring:
    """A ring of corners.

    Raises
    ------
    UnusableError
        If they are not at least three pairs of finite numbers.
    """
    try:
        return checked(corners, what)
    except ExchangeError as error:
        raise UnusableError("coordinates", error.problem) from None


def check_extent(polygons: Sequence[Sequence[Ring]], size: tuple[int, int] | None = None) -> None:
    """Refuse what would be too large to draw.

    Parameters
    ----------
    polygons : sequence of sequences of ndarray of float64, shape (n, 2)
        Of one object.
    size : (width, height), optional
        Of the picture; what lies outside is not drawn. Without it nobody tells.

    Raises
    ------
    UnusableError
        If the box of all has over 2^29 pixels.
    """
    corners = np.concatenate([ring for rings in polygons for ring in rings])
    most = np.inf if size is None else size
    low = np.floor(np.clip(corners.min(axis=0), 0, most))
    high = np.ceil(np.clip(corners.max(axis=0), 0, most))
    width, height = (high - low).astype(np.int64).tolist()
    Room().take(height, width)


def rectangle(
    corner: tuple[float, float],
    opposite: tuple[float, float],
    degrees: float = 0.0,
    about: tuple[float, float] | None = None,
) -> Ring:
    """A rectangle, perhaps turned.

    Parameters
    ----------
    corner, opposite : (x, y)
        Pixels.
    degrees : float
        How far it is turned, clockwise on a screen, where y points down.
    about : (x, y), optional
        What it is turned about; by default its middle.

    Returns
    -------
    ndarray of float64, shape (4, 2)
    """
    (left, top), (right, bottom) = corner, opposite
    ring = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)
    middle = about or ((left + right) / 2, (top + bottom) / 2)
    return polygon(_turned(ring, degrees, middle), "the rectangle")


def ellipse(middle: tuple[float, float], radii: tuple[float, float], degrees: float = 0.0) -> Ring:
    """An ellipse, perhaps turned about its middle, as a polygon within 1/64 pixel of it.

    Parameters
    ----------
    middle, radii : (x, y)
        Pixels.
    degrees : float
        How far it is turned, clockwise on a screen, where y points down.

    Returns
    -------
    ndarray of float64, shape (n, 2)
    """
    radius = max(abs(radii[0]), abs(radii[1]), 1.0)
    n_corners = max(_LEAST_CORNERS, math.ceil(math.pi / math.acos(1 - _OFF_THE_CURVE / radius)))
    angle = np.arange(n_corners) * (2 * math.pi / n_corners)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1) * radii + middle
    return polygon(_turned(ring, degrees, middle), "the ellipse")


def _turned(ring: Ring, degrees: float, about: tuple[float, float]) -> Ring:
    if not degrees:
        return ring
    turn = math.radians(degrees)
    cos, sin = math.cos(turn), math.sin(turn)
    away = ring - about
    turned: Ring = away @ np.array([[cos, sin], [-sin, cos]]) + about
    return turned


def united(parts: Sequence[tuple[BBox, Bool2D]], room: Room | None = None) -> tuple[BBox, Bool2D]:
    """One mask of all parts.

    Parameters
    ----------
    parts : sequence of (BBox, ndarray of bool)
        Each tight, or without pixels.
    room : Room, optional
        Asked where parts lie apart.

    Returns
    -------
    BBox, ndarray of bool
        Tight; ``BBox(0, 0, 0, 0)`` and a mask of shape (0, 0) if no part has a pixel.

    Raises
    ------
    UnusableError
        If there is no room for it.
    """
    parts = [part for part in parts if part[0].n_pixels]
    if not parts:
        return BBox(0, 0, 0, 0), np.zeros((0, 0), np.bool_)
    if len(parts) == 1:
        return parts[0]
    whole = parts[0][0]
    for box, _ in parts[1:]:
        whole |= box
    if room is not None:
        room.take(whole.height, whole.width)
    mask = np.zeros((whole.height, whole.width), np.bool_)
    for box, part in parts:
        rows = slice(box.minr - whole.minr, box.maxr - whole.minr)
        mask[rows, box.minc - whole.minc : box.maxc - whole.minc] |= part
    return whole, mask


def tight(mask: Bool2D, top: int, left: int) -> tuple[BBox, Bool2D]:
    """A mask within its tight box.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
    top, left : int
        Image row and column of its first pixel.

    Returns
    -------
    BBox, ndarray of bool
        ``BBox(0, 0, 0, 0)`` and a mask of shape (0, 0) if no pixel is set.
    """
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return BBox(0, 0, 0, 0), np.zeros((0, 0), np.bool_)
    minr, maxr = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(mask[minr:maxr].any(axis=0))
    minc, maxc = int(columns[0]), int(columns[-1]) + 1
    box = BBox(top + minr, left + minc, top + maxr, left + maxc)
    return box, np.ascontiguousarray(mask[minr:maxr, minc:maxc])
