"""A legend below a picture: colours and marks, and what they mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from iidindex.render.colors import BACKGROUND, Color, Colors
from iidindex.render.swatch import Mark, draw_swatch
from iidindex.render.text import Typeface

Picture = npt.NDArray[np.uint8]

_TEXT: Color = (235, 235, 240)
# Around each key, in parts of a letter's height; and how long the bar of a scale is.
_MARGIN, _BAR = 0.5, 9
# A legend has so many pixels at the least; beside a narrower picture it is dark.
_LEAST_WIDTH, _BESIDE = 160, 8


class Key(NamedTuple):
    """A colour and what it means, drawn as a square; or words alone, without a colour."""

    color: Color | None
    text: str
    mark: Mark = "filled"


class Ramp(NamedTuple):
    """A scale of colours for numbers.

    Attributes
    ----------
    colors : ndarray of uint8, shape (n, 3)
    low, high : float
        What the first colour stands for, and the last.
    is_log : bool
        Whether equal steps multiply; `low` is positive then.
    title : str
    """

    colors: Colors
    low: float
    high: float
    is_log: bool
    title: str

    def of(self, values: npt.NDArray[np.float64]) -> Colors:
        """The colours of numbers: uint8, shape (n, 3)."""
        low, high = self.low, self.high
        if self.is_log:
            low, high, values = math.log(low), math.log(high), np.log(np.maximum(values, self.low))
        part = (values - low) / (high - low) if high > low else np.ones_like(values)
        step = np.rint(np.clip(part, 0, 1) * (len(self.colors) - 1)).astype(np.int64)
        found: Colors = self.colors[step]
        return found


def with_legend(
    picture: Picture, keys: Sequence[Key], face: Typeface, ramp: Ramp | None = None
) -> Picture:
    """Put a legend below a picture.

    Parameters
    ----------
    picture : ndarray of uint8, shape (h, w, 3)
    keys : sequence of Key
        One beside the other, as many as there is room for, then in a line below.
    face : Typeface
    ramp : Ramp, optional
        It comes first.

    Returns
    -------
    ndarray of uint8, shape (h + lines, w, 3)
        The picture itself, if there is nothing to tell. One that is narrower than its legend is
        padded on its right, so that this can be read.
    """
    if not keys and ramp is None:
        return picture
    picture = _as_wide(picture, keys, face)
    width = picture.shape[1]
    side, margin = face.height, max(1, round(face.height * _MARGIN))
    room = max(side, width - side - 3 * margin)
    texts = [face.within(key.text, room) for key in keys]
    places, row, col = [], margin, margin
    strip_of_ramp = None if ramp is None else _ramp_strip(ramp, width, face, margin)
    if strip_of_ramp is not None:
        row += len(strip_of_ramp)
    for key, text in zip(keys, texts, strict=True):
        needed = face.width(text) + (side + margin if key.color is not None else 0)
        if col > margin and col + needed > width - margin:
            row, col = row + side + margin, margin
        places.append((row, col))
        col += needed + 2 * margin
    bottom = row + side + margin if keys else row
    strip = np.full((bottom, width, 3), BACKGROUND, np.uint8)
    if strip_of_ramp is not None:
        strip[margin : margin + len(strip_of_ramp)] = strip_of_ramp
    lines = []
    for key, text, (top, left) in zip(keys, texts, places, strict=True):
        begin = left
        if key.color is not None:
            draw_swatch(strip, top, left, side, key.color, key.mark)
            begin += side + margin
        lines.append((text, top, begin, _TEXT))
    return np.concatenate([picture, face.write(strip, lines)])


def _as_wide(picture: Picture, keys: Sequence[Key], face: Typeface) -> Picture:
    needed = max([_LEAST_WIDTH, *(face.width(key.text) + 3 * face.height for key in keys)])
    lacking = min(needed, _LEAST_WIDTH + 20 * face.height) - picture.shape[1]
    if lacking <= 0:
        return picture
    return np.pad(picture, ((0, 0), (0, lacking), (0, 0)), constant_values=_BESIDE)


def _ramp_strip(ramp: Ramp, width: int, face: Typeface, margin: int) -> Picture:
    """The title of a scale, its bar, and its numbers below that."""
    title = face.within(ramp.title, max(face.height, width - 2 * margin))
    left = margin + face.width(title) + margin
    below = left + _BAR * face.height > width - margin
    top = face.height if below else 0
    left = margin if below else left
    length = max(2, min(_BAR * face.height, width - left - margin))
    strip = np.full((top + 2 * face.height + margin, width, 3), BACKGROUND, np.uint8)
    steps = np.rint(np.linspace(0, len(ramp.colors) - 1, length)).astype(np.int64)
    bar = strip[top : top + face.height, left : left + length]
    bar[:] = ramp.colors[steps][: bar.shape[1]]
    low, high = (shown_number(value) for value in (ramp.low, ramp.high))
    lines = [(title, 0, margin, _TEXT), (low, top + face.height, left, _TEXT)]
    if ramp.high > ramp.low and face.width(low) + face.width(high) + margin <= length:
        lines.append((high, top + face.height, left + length - face.width(high), _TEXT))
    elif ramp.high > ramp.low:
        lines[1] = (f"{low} … {high}", top + face.height, left, _TEXT)
    return face.write(strip, lines)


def shown_number(value: float) -> str:
    """A number in few characters.

    Examples
    --------
    >>> shown_number(1234567.0), shown_number(0.25)
    ('1,234,567', '0.25')
    """
    return f"{round(value):,}" if float(value).is_integer() else f"{value:.4g}"
