"""Words on pictures: which font can write them, and how long they may be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from iidindex.render.colors import Color

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

Picture = npt.NDArray[np.uint8]

# No font has a glyph for this: what it draws instead shows which others it lacks.
_NO_CHARACTER = "\U0010ffff"


class Typeface:
    """Fonts of one size, of which each text is written in the first that has all of it.

    Parameters
    ----------
    fonts : sequence of PIL.ImageFont.FreeTypeFont
        At least one.
    """

    def __init__(self, fonts: Sequence[FreeTypeFont]) -> None:
        self._fonts = fonts
        self.ascent, descent = fonts[0].getmetrics()
        self.height = self.ascent + descent
        self.size = fonts[0].size
        self._missing = lru_cache(maxsize=4096)(_is_missing)
        # Laying out a line takes a tenth of a millisecond, and is asked for several times.
        self._measured = lru_cache(maxsize=1 << 15)(self._measure)

    def font_for(self, text: str) -> FreeTypeFont | None:
        """The first font that has every character; None if there is none."""
        return self._measured(text)[0]

    def width(self, text: str) -> int:
        """Of a line, in pixels; an estimate, if no font has all of it."""
        return self._measured(text)[1]

    def _measure(self, text: str) -> tuple[FreeTypeFont | None, int]:
        for font in self._fonts:
            if not any(self._missing(font, character) for character in set(text)):
                # Some sequences of characters cannot be laid out.
                with suppress(RuntimeError, ValueError):
                    return font, math.ceil(font.getlength(text))
        return None, len(text) * int(self.size)

    def readable(self, raw: bytes, any_character: bool = False) -> str:
        """Bytes as text, if they are UTF-8 that can be written, or else as ``hex:…``.

        With `any_character`, all that is printable can be written: by somebody else's fonts.
        """
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            return f"hex:{raw.hex()}"
        can_write = any_character or self.font_for(text)
        if text.isprintable() and can_write and not text.startswith(("hex:", "b64:")):
            return text
        return f"hex:{raw.hex()}"

    def within(self, text: str, width: int) -> str:
        """The text, its middle left out if it would be wider than so many pixels."""
        if self.width(text) <= width:
            return text
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (
                (middle, high)
                if self.width(_shortened(text, middle)) <= width
                else (low, middle - 1)
            )
        return _shortened(text, low)

    def write(
        self,
        picture: Picture,
        lines: Sequence[tuple[str, int, int, Color]],
        *,
        halo: int = 0,
        halo_color: Color = (10, 10, 14),
    ) -> Picture:
        """Write lines of text and return the new picture.

        Parameters
        ----------
        picture : ndarray of uint8, shape (h, w, 3)
        lines : sequence of (text, row, col, color)
            Row and column of the upper left corner.
        halo : int
            So many pixels around each letter have the colour `halo_color`.
        halo_color : (int, int, int)
        """
        from PIL import Image, ImageDraw

        image = Image.fromarray(picture)
        draw = ImageDraw.Draw(image)
        for text, row, col, color in lines:
            font = self.font_for(text) or self._fonts[0]
            draw.text((col, row), text, color, font, stroke_width=halo, stroke_fill=halo_color)
        return np.asarray(image).copy()


def _shortened(text: str, kept: int) -> str:
    """So many characters of a text, more of its end: there, names differ."""
    first = kept * 2 // 5
    return f"{text[:first]}…{text[len(text) - kept + first :]}"


def _is_missing(font: FreeTypeFont, character: str) -> bool:
    from PIL import ImageFont

    plain = font.font_variant(layout_engine=ImageFont.Layout.BASIC)
    drawn, instead = plain.getmask(character), plain.getmask(_NO_CHARACTER)
    return drawn.size == instead.size and bytes(drawn) == bytes(instead)


def halo_of(typeface: Typeface) -> int:
    """How many pixels around letters set them off from what is below."""
    return max(1, typeface.height // 8)
