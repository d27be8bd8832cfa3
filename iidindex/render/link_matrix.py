"""A graph as a matrix: a row and a column for each node, a cell for each link."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt

from iidindex.render.canvas import Picture
from iidindex.render.colors import BACKGROUND, Color
from iidindex.render.legend import Key, Ramp, with_legend
from iidindex.render.mask_svg import css, document, legend_lines
from iidindex.render.text import Typeface

Ints = npt.NDArray[np.int64]

_INK: Color = (225, 225, 232)
# What has no link, and a node with itself.
_NO_LINK: Color = (6, 6, 9)
_SELF: Color = (60, 60, 70)
# Of a name, in letters' heights; and around all, in pixels.
_NAME_WIDTH, _MARGIN = 9, 12


class Matrix(NamedTuple):
    """A matrix that has been laid out.

    Attributes
    ----------
    cells : ndarray of uint8, shape (n * side, n * side, 3)
    side : int
        Of a cell, in pixels.
    names : sequence of str
        Of the nodes, shortened.
    every : int
        Of so many names, one has room.
    room : int
        For names, in pixels.
    ramp : Ramp
    notes : sequence of Key
    """

    cells: Picture
    side: int
    names: Sequence[str]
    every: int
    room: int
    ramp: Ramp
    notes: Sequence[Key]


def matrix_of(
    weight: Ints,
    names: Sequence[str],
    size: int,
    face: Typeface,
    ramp: Ramp,
    notes: Sequence[Key],
) -> Matrix:
    """Lay a matrix out.

    Parameters
    ----------
    weight : ndarray of int64, shape (n, n)
        Symmetric; 0 where there is no link.
    names : sequence of str
        Of the nodes, in their order.
    size : int
        Width of the picture; it becomes wider where a cell would have no pixel.
    face : Typeface
    ramp : Ramp
        The colours of links.
    notes : sequence of Key
        What else the legend tells.
    """
    shown = [face.within(name, _NAME_WIDTH * face.height) for name in names]
    room = max((face.width(name) for name in shown), default=0) + 6
    n = len(names)
    side = max(1, (size - room - 2 * _MARGIN) // max(n, 1))
    colors = np.empty((n, n, 3), np.uint8)
    colors[:] = _NO_LINK
    linked = weight > 0
    colors[linked] = ramp.of(weight[linked].astype(np.float64))
    colors[np.arange(n), np.arange(n)] = _SELF
    cells = colors.repeat(side, axis=0).repeat(side, axis=1)
    if side > 3:
        # A dark line parts them.
        cells[side - 1 :: side] = BACKGROUND
        cells[:, side - 1 :: side] = BACKGROUND
    every = max(1, -(-(face.height + 1) // side))
    return Matrix(cells, side, shown, every, room, ramp, notes)


def matrix_picture(matrix: Matrix, face: Typeface) -> Picture:
    """Draw a matrix: uint8, shape (h, w, 3)."""
    n = len(matrix.cells)
    begin = _MARGIN + matrix.room
    drawn = np.full((begin + n + _MARGIN, begin + n + _MARGIN, 3), BACKGROUND, np.uint8)
    drawn[begin : begin + n, begin : begin + n] = matrix.cells
    rows = [(name, begin + top, _MARGIN, _INK) for name, top in _written(matrix, face)]
    # Names of columns are those of rows, turned.
    beside = np.full((begin + n + _MARGIN, matrix.room, 3), BACKGROUND, np.uint8)
    beside = face.write(
        beside, [(name, begin + top, 4, _INK) for name, top in _written(matrix, face)]
    )
    drawn[_MARGIN:begin, begin:] = np.rot90(beside)[:, begin:]
    return with_legend(face.write(drawn, rows), matrix.notes, face, matrix.ramp)


def _written(matrix: Matrix, face: Typeface) -> list[tuple[str, int]]:
    """The names that have room, and how far below the first cell each is written."""
    middle = (matrix.side - face.height) // 2
    return [
        (name, nth * matrix.side + middle)
        for nth, name in enumerate(matrix.names)
        if nth % matrix.every == 0
    ]


def matrix_svg(matrix: Matrix, face: Typeface) -> str:
    """Write a matrix as SVG: cells are pixels in it, and text stays text."""
    n = len(matrix.cells)
    begin = _MARGIN + matrix.room
    whole = begin + n + _MARGIN
    words = [
        f'<image href="{_as_url(matrix.cells)}" x="{begin}" y="{begin}" width="{n}" height="{n}" '
        'style="image-rendering: pixelated"/>',
        f'<g font-family="DejaVu Sans, Verdana, sans-serif" font-size="{face.size}" '
        f'fill="{css(_INK)}">',
    ]
    for name, top in _written(matrix, face):
        line = begin + top + face.ascent
        words.append(f'<text x="{_MARGIN}" y="{line}">{escape(name)}</text>')
        words.append(
            f'<text transform="translate({line} {begin - 4}) rotate(-90)">{escape(name)}</text>'
        )
    legend, bottom, right = legend_lines(matrix.notes, matrix.ramp, face, whole, whole)
    return document((whole, whole), (bottom, right), None, [], [*words, "</g>", *legend])


def _as_url(picture: Picture) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return f"data:image/png;base64,{b64encode(buffer.getvalue()).decode()}"
