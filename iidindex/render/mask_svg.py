"""Masks, names and a legend as an SVG document. Every text in it is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

from iidindex.model import BBox
from iidindex.render.colors import BACKGROUND, Color
from iidindex.render.legend import Key, Ramp, shown_number
from iidindex.render.name_labels import Placed, pale
from iidindex.render.swatch import DASHES, Mark
from iidindex.render.text import Typeface, halo_of

_TEXT: Color = (235, 235, 240)
_HALO: Color = (10, 10, 14)
# Steps of a scale of colours, which a browser blends.
_STEPS = 9


class Shape(NamedTuple):
    """A mask's outline.

    Attributes
    ----------
    path : str
        In pixels of the frame, by the rule ``evenodd``.
    color : (int, int, int)
    title : str
        What is told where one points at it.
    area : int
    filled, outlined : bool
    dash : int
        Pixels of a dash; 0 for a whole line.
    """

    path: str
    color: Color
    title: str
    area: int
    filled: bool
    outlined: bool
    dash: int


def document(
    shape: tuple[int, int],
    whole: tuple[int, int],
    image: str | None,
    masks: Iterable[str],
    words: Iterable[str],
) -> str:
    """Put a document together.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the picture.
    whole : (int, int)
        The same with the legend.
    image : str, optional
        The URL of what lies below the masks.
    masks, words : iterable of str
        Elements.
    """
    height, width = whole
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">',
        f'<rect width="{width}" height="{height}" fill="{css(BACKGROUND)}"/>',
        f'<clipPath id="frame"><rect width="{shape[1]}" height="{shape[0]}"/></clipPath>',
    ]
    if image is not None:
        parts.append(
            f'<image href="{image}" width="{shape[1]}" height="{shape[0]}" '
            'preserveAspectRatio="none"/>'
        )
    return "\n".join([*parts, '<g clip-path="url(#frame)">', *masks, "</g>", *words, "</svg>", ""])


def shape_lines(
    shapes: Iterable[Shape],
    box: BBox,
    scale: tuple[float, float],
    *,
    alpha: float,
    outlines: bool,
    shade: float = 1.0,
) -> list[str]:
    """Masks, the first below the others, in a group that has pixels of the frame as its unit.

    Outlines have a part of the brightness of their colours: `shade`.
    """
    across, down = scale
    parts = [
        f'<g transform="scale({across:.9g} {down:.9g}) translate({-box.minc} {-box.minr})" '
        'fill-rule="evenodd">'
    ]
    for path, color, title, _, filled, outlined, dash in shapes:
        opacity = f"{alpha:.3g}" if filled else "0"
        paint = f'fill="{css(color)}" fill-opacity="{opacity}"'
        if outlines and outlined:
            red, green, blue = (round(channel * shade) for channel in color)
            paint += f' stroke="{css((red, green, blue))}" vector-effect="non-scaling-stroke"'
            if dash:
                paint += f' stroke-dasharray="{dash}"'
        parts.append(f'<path d="{path}" {paint}><title>{escape(title)}</title></path>')
    return [*parts, "</g>"]


def text_lines(placed: Sequence[Placed], face: Typeface) -> list[str]:
    """Names, with a line to what each lies beside."""
    parts = ['<g stroke-linecap="round">']
    for label, _, _, line in placed:
        if line is not None:
            (y1, x1), (y2, x2) = line
            ends = f'x1="{x1 + 0.5}" y1="{y1 + 0.5}" x2="{x2 + 0.5}" y2="{y2 + 0.5}"'
            parts.append(f'<line {ends} stroke="{css(_HALO)}" stroke-width="3"/>')
            parts.append(f'<line {ends} stroke="{css(pale(label.color))}"/>')
    parts += ["</g>", _font(face, _HALO, halo_of(face))]
    side = max(5, round(face.height * 0.6))
    for label, row, col, _ in placed:
        begin = col
        if label.mark is not None:
            top = row + (face.height - side) // 2
            parts.append(_swatch(top, col, side, label.color, label.mark))
            begin += side + max(2, face.height // 5)
        parts.append(_text(label.text, row, begin, pale(label.color), face))
    return [*parts, "</g>"]


def legend_lines(
    keys: Sequence[Key], ramp: Ramp | None, face: Typeface, top: int, width: int
) -> tuple[list[str], int, int]:
    """A legend below a picture; and height and width of the whole.

    Parameters
    ----------
    keys : sequence of Key
    ramp : Ramp, optional
    face : Typeface
    top, width : int
        Where the picture ends.
    """
    if not keys and ramp is None:
        return [], top, width
    side, margin = face.height, max(1, face.height // 2)
    parts, row = [_font(face, BACKGROUND, 0)], top + margin
    right = width
    if ramp is not None:
        begin = margin + face.width(ramp.title) + margin
        length = 9 * side
        stops = "".join(
            f'<stop offset="{nth / (_STEPS - 1):.3g}" stop-color="{css(color)}"/>'
            for nth, color in enumerate(_steps(ramp))
        )
        parts.append(f'<linearGradient id="scale">{stops}</linearGradient>')
        parts.append(_text(ramp.title, row, margin, _TEXT, face))
        parts.append(
            f'<rect x="{begin}" y="{row}" width="{length}" height="{side}" fill="url(#scale)"/>'
        )
        numbers = f"{shown_number(ramp.low)} … {shown_number(ramp.high)}"
        parts.append(_text(numbers, row + side, begin, _TEXT, face))
        row += 2 * side + margin
        right = max(right, begin + length + margin)
    col = margin
    for color, text, mark in keys:
        needed = face.width(text) + (side + margin if color is not None else 0)
        if col > margin and col + needed > right - margin:
            row, col = row + side + margin, margin
        begin = col
        if color is not None:
            parts.append(_swatch(row, col, side, color, mark))
            begin += side + margin
        parts.append(_text(text, row, begin, _TEXT, face))
        right = max(right, col + needed + margin)
        col += needed + 2 * margin
    bottom = row + side + margin if keys else row
    return [*parts, "</g>"], bottom, right


def _steps(ramp: Ramp) -> list[Color]:
    chosen = [round(nth * (len(ramp.colors) - 1) / (_STEPS - 1)) for nth in range(_STEPS)]
    return [(red, green, blue) for red, green, blue in ramp.colors[chosen].tolist()]


def _font(face: Typeface, halo: Color, width: int) -> str:
    return (
        f'<g font-family="DejaVu Sans, Verdana, sans-serif" font-size="{face.size}" '
        f'stroke="{css(halo)}" stroke-width="{2 * width}" stroke-linejoin="round" '
        'paint-order="stroke">'
    )


def _text(text: str, row: int, col: int, color: Color, face: Typeface) -> str:
    place = f'x="{col}" y="{row + face.ascent}"'
    return f'<text {place} fill="{css(color)}" xml:space="preserve">{escape(text)}</text>'


def _swatch(row: int, col: int, side: int, color: Color, mark: Mark) -> str:
    place = f'x="{col + 1}" y="{row + 1}" width="{side - 2}" height="{side - 2}"'
    if mark == "filled":
        return f'<rect {place} fill="{css(color)}" stroke="none"/>'
    dash = f' stroke-dasharray="{(DASHES[mark] + 1) // 2}"' if DASHES[mark] else ""
    return f'<rect {place} fill="none" stroke="{css(color)}" stroke-width="2"{dash}/>'


def css(color: Color) -> str:
    """A colour as stylesheets have it."""
    return "#{:02x}{:02x}{:02x}".format(*color)
