"""Palettes by name: colours for categories, and scales for numbers, for all kinds of eyes."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from iidindex.errors import QueryError
from iidindex.render.colors import Color, Colors, heat_scale, oklab_scale

# Okabe and Ito, "Color Universal Design", 2008, https://jfly.uni-koeln.de/color/, without black;
# Paul Tol, "Colour Schemes", SRON/EPS/TN/09-002, 2021, https://personal.sron.nl/~pault/, "bright"
# without its grey, and "muted".
_CATEGORIES = {
    "okabe-ito": "56b4e9 e69f00 009e73 f0e442 0072b2 d55e00 cc79a7",
    "bright": "4477aa ee6677 228833 ccbb44 66ccee aa3377",
    "muted": "cc6677 332288 ddcc77 117733 88ccee 882255 44aa99 999933 aa4499",
}
# From few to many: "ember" is the scale of heat. All grow lighter step by step, so that they are
# scales in grey, too; "sea" goes from blue to yellow, which all but few people tell apart.
_SCALES = {
    "sea": ((0.40, 0.13, 264), (0.93, 0.15, 100)),
    "ember": None,
    "grey": ((0.35, 0.0, 0), (1.0, 0.0, 0)),
}
CATEGORIES, SCALES = tuple(_CATEGORIES), tuple(_SCALES)
PALETTES = (*CATEGORIES, *SCALES)

# What has a category for which no colour is left, and what has none, or no number.
OTHERS: Color = (168, 168, 176)
NONE: Color = (108, 108, 118)


@lru_cache
def categories_of(name: str) -> Colors:
    """The colours of a palette for categories: uint8, shape (n, 3).

    Raises
    ------
    QueryError
        If there is none of that name.
    """
    if name not in CATEGORIES:
        raise QueryError(_unknown(name, CATEGORIES, "categories"))
    codes = bytes.fromhex(_CATEGORIES[name])
    return np.frombuffer(codes, np.uint8).reshape(-1, 3)


@lru_cache
def scale_of(name: str) -> Colors:
    """The colours of a scale, from the least number to the largest: uint8, shape (256, 3).

    Raises
    ------
    QueryError
        If there is none of that name.
    """
    if name not in SCALES:
        raise QueryError(_unknown(name, SCALES, "numbers"))
    ends = _SCALES[name]
    return heat_scale() if ends is None else oklab_scale(*ends)


def _unknown(name: object, known: tuple[str, ...], what: str) -> str:
    other = "is for something else" if name in PALETTES else "is unknown"
    return f"palette {name!r:.99} {other}; for {what}, expected one of {', '.join(known)}"
