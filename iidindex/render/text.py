"""Words on pictures: which font can write them, how long they may be, where there is room."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from iidindex.render.colors import Color

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

Picture = npt.NDArray[np.uint8]
Box = tuple[int, int, int, int]

# No font has a glyph for this: what it draws instead shows which others it lacks.
_NO_CHARACTER = "\U0010ffff"
# Between a label and what it names, in pixels.
_GAP = 2


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


class Label(NamedTuple):
    """A word for what lies around a pixel of a picture; boxes are half-open, rows first."""

    text: str
    anchor: tuple[int, int]
    bbox: Box
    color: Color


def write_labels(
    picture: Picture, labels: Sequence[Label], typeface: Typeface
) -> tuple[Picture, int]:
    """Write labels where they do not cover each other.

    Returns
    -------
    picture : ndarray of uint8, shape (h, w, 3)
    written : int
        How many found room.
    """
    halo = halo_of(typeface)
    lines = [
        (label.text, row, col, _pale(label.color))
        for label, row, col in place_labels(picture.shape[:2], labels, typeface)
    ]
    return typeface.write(picture, lines, halo=halo), len(lines)


def halo_of(typeface: Typeface) -> int:
    """How many pixels around letters set them off from what is below."""
    return max(1, typeface.height // 8)


def place_labels(
    shape: tuple[int, ...], labels: Sequence[Label], typeface: Typeface
) -> list[tuple[Label, int, int]]:
    """Find places for labels where they do not cover each other.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the picture.
    labels : sequence of Label
        The most important first.
    typeface : Typeface

    Returns
    -------
    list of (Label, row, col)
        Those that found room, and the upper left corners of their letters.
    """
    taken = np.zeros(shape, np.bool_)
    halo = halo_of(typeface)
    height = typeface.height + 2 * halo
    widths = [typeface.width(label.text) + 2 * halo for label in labels]
    for label, width in zip(labels, widths, strict=True):
        if not _fits(label.bbox, height, width):
            # What is smaller than its own label is not to be hidden by another.
            minr, minc, maxr, maxc = label.bbox
            taken[minr:maxr, minc:maxc] = True
    placed = []
    for label, width in zip(labels, widths, strict=True):
        for row, col in _places(label, (height, width), (shape[0], shape[1])):
            spot = taken[row : row + height, col : col + width]
            if not spot.any():
                spot[...] = True
                placed.append((label, row + halo, col + halo))
                break
    return placed


def _places(
    label: Label, size: tuple[int, int], shape: tuple[int, int]
) -> Iterator[tuple[int, int]]:
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


def _fits(bbox: Box, height: int, width: int) -> bool:
    return bbox[2] - bbox[0] >= height and bbox[3] - bbox[1] >= width * 2 // 3


def _pale(color: Color) -> Color:
    red, green, blue = ((channel + 3 * 255) // 4 for channel in color)
    return red, green, blue
