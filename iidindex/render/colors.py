"""Colours: one for each IID, and a scale from few to many."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from iidindex.model import IID

Color = tuple[int, int, int]
Colors = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

BACKGROUND: Color = (18, 18, 24)

# What two sides agree on, what the first has alone, and what the second: sky blue, vermillion and
# yellow of Okabe and Ito, "Color Universal Design", 2008, https://jfly.uni-koeln.de/color/. Of all
# threes of their colours, these lie farthest apart for those who lack one kind of cones, too.
AGREED: Color = (86, 180, 233)
ONLY_A: Color = (213, 94, 0)
ONLY_B: Color = (240, 228, 66)

# Hues, and for each of them lightnesses that show on black and on white.
_HUES = 256
_LIGHTNESS = (0.60, 0.70, 0.80)
# Colours of a scale.
_STEPS = 256


def color_of(iid: IID) -> Color:
    """A colour that an IID always has, on every picture and every machine.

    Examples
    --------
    >>> color_of(IID(b"coins", b"coin-001")) == color_of(IID(b"coins", b"coin-001"))
    True
    """
    red, green, blue = colors_of([iid])[0].tolist()
    return red, green, blue


def colors_of(iids: Iterable[IID]) -> Colors:
    """The colours of IIDs: uint8, shape (n, 3).

    Two numbers are drawn from a hash: one of 256 hues, equally far from each other to the eye,
    and one of three lightnesses. Neighbours that share a hue by chance often differ in the other.
    """
    digests = b"".join(
        blake2b((iid.domain or b"") + b"\0" + iid.address, digest_size=2).digest() for iid in iids
    )
    drawn = np.frombuffer(digests, np.uint8).reshape(-1, 2)
    chosen: Colors = _palette()[drawn[:, 1] % len(_LIGHTNESS), drawn[:, 0]]
    return chosen


@lru_cache(maxsize=1)
def _palette() -> Colors:
    """Colours by lightness and hue: uint8, shape (3, 256, 3)."""
    turns: Floats = np.linspace(0, 2 * np.pi, _HUES, endpoint=False)
    lightness = np.repeat(np.array(_LIGHTNESS)[:, None], _HUES, axis=1)
    hue = np.broadcast_to(turns, lightness.shape)
    return _as_bytes(lightness, np.minimum(_most_chroma(lightness, hue), 0.21), hue)


@lru_cache(maxsize=1)
def heat_scale() -> Colors:
    """Colours from few to many: uint8, shape (256, 3).

    Lightness grows in equal steps, so that the scale can be read in grey, and by eyes that do
    not tell red from green; hue goes from violet through red to yellow.
    """
    part: Floats = np.linspace(0, 1, _STEPS)
    lightness = 0.30 + 0.66 * part
    hue = (295 + (105 + 360 - 295) * part) * (np.pi / 180)
    chroma = np.minimum(0.92 * _most_chroma(lightness, hue), 0.19)
    return _as_bytes(lightness, chroma, hue)


def oklab_scale(low: tuple[float, float, float], high: tuple[float, float, float]) -> Colors:
    """Colours in a straight line through Oklab: uint8, shape (256, 3).

    Parameters
    ----------
    low, high : (float, float, float)
        Lightness, chroma and hue in degrees of both ends.
    """
    ends = []
    for lightness, chroma, degrees in (low, high):
        hue = degrees * np.pi / 180
        ends.append((lightness, chroma * np.cos(hue), chroma * np.sin(hue)))
    begin, end = np.array(ends)
    lightness, a, b = (begin + np.linspace(0, 1, _STEPS)[:, None] * (end - begin)).T
    chroma, hue = np.hypot(a, b), np.arctan2(b, a)
    return _as_bytes(lightness, np.minimum(chroma, 0.98 * _most_chroma(lightness, hue)), hue)


def _as_bytes(lightness: Floats, chroma: Floats, hue: Floats) -> Colors:
    linear = np.clip(_linear_rgb(lightness, chroma, hue), 0, 1)
    # The transfer function of sRGB, IEC 61966-2-1.
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    colors: Colors = np.rint(encoded * 255).astype(np.uint8)
    return colors


def _most_chroma(lightness: Floats, hue: Floats) -> Floats:
    """The strongest chroma that a screen can show, by halving an interval."""
    low, high = np.zeros_like(lightness), np.full_like(lightness, 0.4)
    for _ in range(20):
        middle = (low + high) / 2
        linear = _linear_rgb(lightness, middle, hue)
        shown = ((linear >= 0) & (linear <= 1)).all(axis=-1)
        low, high = np.where(shown, middle, low), np.where(shown, high, middle)
    return low


def _linear_rgb(lightness: Floats, chroma: Floats, hue: Floats) -> Floats:
    """From lightness, chroma and hue in Oklab to linear RGB, perhaps outside 0 … 1.

    References
    ----------
    B. Ottosson, "A perceptual color space for image processing", 2020,
    https://bottosson.github.io/posts/oklab/.
    """
    a, b = chroma * np.cos(hue), chroma * np.sin(hue)
    cones = (
        np.stack(
            [
                lightness + 0.3963377774 * a + 0.2158037573 * b,
                lightness - 0.1055613458 * a - 0.0638541728 * b,
                lightness - 0.0894841775 * a - 1.2914855480 * b,
            ],
            axis=-1,
        )
        ** 3
    )
    matrix = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.7076147010],
        ]
    )
    rgb: Floats = cones @ matrix.T
    return rgb
