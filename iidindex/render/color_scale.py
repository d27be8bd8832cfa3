"""Numbers as colours, with a scale that tells what they mean."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from iidindex.render.canvas import Picture
from iidindex.render.colors import BACKGROUND, Color, heat_scale
from iidindex.render.text import Typeface

Floats = npt.NDArray[np.float64]

# In letters' heights.
_MARGIN, _BAR, _TICK = 1.0, 1.1, 0.4
_INK: Color = (225, 225, 232)
# A picture is at least so high, for the scale to have room.
_LEAST_HEIGHT = 10
_TICKS = 6


def as_colors(values: Floats, most: float) -> Picture:
    """Values from 0 to `most` as colours: uint8, shape (h, w, 3). Nothing has the background's."""
    scale = heat_scale()
    step = np.zeros(values.shape, np.int64)
    if most > 0:
        step = np.rint(np.clip(values / most, 0, 1) * (len(scale) - 1)).astype(np.int64)
    drawn: Picture = np.where((values > 0)[..., None], scale[step], np.array(BACKGROUND, np.uint8))
    return drawn


def heat_picture(values: Floats, title: str, typeface: Typeface) -> Picture:
    """Draw values and a scale beside them.

    Parameters
    ----------
    values : ndarray of float64, shape (h, w)
        Not negative. The largest has the brightest colour.
    title : str
        What a value means; it is written below the picture.
    typeface : Typeface

    Returns
    -------
    ndarray of uint8, shape (h', w', 3)
    """
    most = float(values.max(initial=0))
    unit = typeface.height
    margin, bar, tick = (round(part * unit) for part in (_MARGIN, _BAR, _TICK))
    ticks = ticks_to(most)
    names = [f"{value:g}" for value in ticks]
    height = max(len(values), _LEAST_HEIGHT * unit)
    beside = bar + 2 * tick + max(map(typeface.width, names)) + margin
    width = max(values.shape[1] + margin + beside, typeface.width(title)) + 2 * margin
    drawn = np.full((height + 3 * margin + unit, width, 3), BACKGROUND, np.uint8)
    top, left = margin + (height - len(values)) // 2, margin
    inner = drawn[top : top + len(values), left : left + values.shape[1]]
    inner[...] = as_colors(values, most)
    drawn[top - 1, left - 1 : left + values.shape[1] + 1] = _INK
    drawn[top + len(values), left - 1 : left + values.shape[1] + 1] = _INK
    drawn[top - 1 : top + len(values) + 1, left - 1] = _INK
    drawn[top - 1 : top + len(values) + 1, left + values.shape[1]] = _INK
    column = left + values.shape[1] + margin
    scale = heat_scale()
    steps = np.rint(np.linspace(len(scale) - 1, 0, height)).astype(np.int64)
    drawn[margin : margin + height, column : column + bar] = scale[steps][:, None]
    lines = []
    for value, name in zip(ticks, names, strict=True):
        row = margin + round((height - 1) * (1 - (value / most if most else 0)))
        drawn[row, column + bar : column + bar + tick] = _INK
        place = min(max(row - unit // 2, 0), margin + height - unit // 2)
        lines.append((name, place, column + bar + 2 * tick, _INK))
    lines.append((title, height + 2 * margin, margin, _INK))
    return typeface.write(drawn, lines)


def ticks_to(most: float) -> list[float]:
    """Some round numbers from 0 to `most`.

    Examples
    --------
    >>> ticks_to(4), ticks_to(77)
    ([0.0, 1.0, 2.0, 3.0, 4.0], [0.0, 20.0, 40.0, 60.0])
    """
    if most <= 0:
        return [0.0]
    power = 10.0 ** math.floor(math.log10(most / _TICKS))
    step = next(power * times for times in (1, 2, 5, 10, 20) if most / (power * times) <= _TICKS)
    return [round(step * nth, 12) for nth in range(int(most / step + 1e-9) + 1)]
