"""Fonts of this machine."""

from __future__ import annotations

import os
from functools import lru_cache

from iidindex.errors import QueryError
from iidindex.render.text import Typeface

# Looked for where the system keeps fonts: the first for most alphabets, the others for Chinese,
# Japanese and Korean. What none of them has is shown as hex.
_NAMES = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "Arial Unicode.ttf",
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKjp-Regular.otf",
    "wqy-microhei.ttc",
)


@lru_cache(maxsize=16)
def typeface(size: int, font: str | None = None) -> Typeface:
    """Fonts of a size in pixels: the file `font` first, then the system's, then Pillow's own.

    Raises
    ------
    QueryError
        If `font` is no font.
    """
    from PIL import ImageFont

    found = []
    if font is not None:
        try:
            found.append(ImageFont.truetype(os.fspath(font), size))
        except (OSError, ValueError) as error:
            raise QueryError(f"{font}: is not a font that can be read: {error}") from None
    for name in _NAMES:
        try:
            found.append(ImageFont.truetype(name, size))
        except OSError:
            continue
    own = ImageFont.load_default(size)
    assert isinstance(own, ImageFont.FreeTypeFont)
    return Typeface((*found, own))
