"""Numbers as colours, with a scale that tells what they mean."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from iidindex.render.canvas import Picture
from iidindex.render.colors import BACKGROUND, Color
from iidindex.render.palettes import scale_of
from iidindex.render.text import Typeface

Floats = npt.NDArray[np.float64]

# In letters' heights.
_MARGIN, _BAR, _TICK = 1.0, 1.1, 0.4
_INK: Color = (225, 225, 232)
# A picture is at least so high, for the scale to have room.
_LEAST_HEIGHT = 10
_TICKS = 6


def as_colors(values: Floats, most: float, palette: str = "ember") -> Picture:
    """Values from 0 to `most` as colours: uint8, shape (h, w, 3). Nothing has the background's."""
    scale = scale_of(palette)
    step = np.zeros(values.shape, np.int64)
    if most > 0:
        step = np.rint(np.clip(values / most, 0, 1) * (len(scale) - 1)).astype(np.int64)
    drawn: Picture = np.where((values > 0)[..., None], scale[step], np.array(BACKGROUND, np.uint8))
    return drawn


def heat_picture(
    values: Floats,
    title: str | Sequence[str],
    typeface: Typeface,
    *,
    palette: str = "ember",
    ground: Picture | None = None,
    alpha: float = 1.0,
) -> Picture:
    """Draw values and a scale beside them.

    Parameters
    ----------
    values : ndarray of float64, shape (h, w)
        Not negative. The largest has the brightest colour.
    title : str or sequence of str
        What a value means; lines that are written below the picture.
    typeface : Typeface
    palette : str
        A scale.
    ground : ndarray of uint8, shape (h, w, 3), optional
        What is seen where a value is 0, and through the colours elsewhere.
    alpha : float
        How strong colours are over the ground, 0 … 1.

    Returns
    -------
    ndarray of uint8, shape (h', w', 3)
    """
    told = [title] if isinstance(title, str) else list(title)
    most = float(values.max(initial=0))
    unit = typeface.height
    margin, bar, tick = (round(part * unit) for part in (_MARGIN, _BAR, _TICK))
    ticks = ticks_to(most)
    names = [f"{value:,}" for value in ticks]
    height = max(len(values), _LEAST_HEIGHT * unit)
    beside = bar + 2 * tick + max(map(typeface.width, names)) + margin
    needed = max(map(typeface.width, told), default=0)
    width = max(values.shape[1] + margin + beside, needed) + 2 * margin
    drawn = np.full((height + 3 * margin + unit * len(told), width, 3), BACKGROUND, np.uint8)
    top, left = margin + (height - len(values)) // 2, margin
    inner = drawn[top : top + len(values), left : left + values.shape[1]]
    inner[...] = _over(as_colors(values, most, palette), values, ground, alpha)
    drawn[top - 1, left - 1 : left + values.shape[1] + 1] = _INK
    drawn[top + len(values), left - 1 : left + values.shape[1] + 1] = _INK
    drawn[top - 1 : top + len(values) + 1, left - 1] = _INK
    drawn[top - 1 : top + len(values) + 1, left + values.shape[1]] = _INK
    column = left + values.shape[1] + margin
    scale = scale_of(palette)
    steps = np.rint(np.linspace(len(scale) - 1, 0, height)).astype(np.int64)
    drawn[margin : margin + height, column : column + bar] = scale[steps][:, None]
    lines = []
    for value, name in zip(ticks, names, strict=True):
        row = margin + round((height - 1) * (1 - (value / most if most else 0)))
        drawn[row, column + bar : column + bar + tick] = _INK
        place = min(max(row - unit // 2, 0), margin + height - unit // 2)
        lines.append((name, place, column + bar + 2 * tick, _INK))
    lines += [
        (text, height + 2 * margin + nth * unit, margin, _INK) for nth, text in enumerate(told)
    ]
    return typeface.write(drawn, lines)


def _over(colors: Picture, values: Floats, ground: Picture | None, alpha: float) -> Picture:
    """Colours over what is below them; where there is no value, that alone."""
    if ground is None:
        return colors
    mixed = np.rint(ground + (colors.astype(np.float32) - ground) * alpha).astype(np.uint8)
    drawn: Picture = np.where((values > 0)[..., None], mixed, ground)
    return drawn


def ticks_to(most: float) -> list[int]:
    """Some round whole numbers from 0 to `most`.

    Examples
    --------
    >>> ticks_to(4), ticks_to(77), ticks_to(0.5)
    ([0, 1, 2, 3, 4], [0, 20, 40, 60], [0])
    """
    if most < 1:
        return [0]
    power = 10 ** max(0, math.floor(math.log10(most / _TICKS)))
    step = next(power * times for times in (1, 2, 5, 10, 20) if most / (power * times) <= _TICKS)
    return [step * nth for nth in range(int(most / step + 1e-9) + 1)]


def in_whole_numbers(most: float) -> int:
    """Of how many pixels a value is to be told, so that it has whole numbers to be read by.

    Examples
    --------
    >>> in_whole_numbers(7), in_whole_numbers(1), in_whole_numbers(0.25)
    (1, 1, 10)
    """
    factor = 1
    while 0 < most * factor < 2 and most != 1:
        factor *= 10
    return factor
