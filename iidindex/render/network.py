"""A graph of dots and squares: as a picture, and as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt

from iidindex.render.canvas import Picture
from iidindex.render.colors import Color
from iidindex.render.name_labels import Label, Placed, place_labels
from iidindex.render.text import Typeface, halo_of

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_PAPER: Color = (255, 255, 255)
_INK: Color = (28, 28, 34)
_EDGE: Color = (188, 190, 200)
_FILE: Color = (92, 98, 112)
# Pixels drawn for each one of the picture, along both sides, for smooth edges.
_FINE = 3
# From the edge of the picture to what is told below.
_BELOW = 8
# Between two nodes, in pixels; and how often they are pushed, if there are not too many.
_GAP, _PUSHES, _MANY = 3.0, 100, 600


@dataclass(frozen=True, slots=True)
class Network:
    """A graph that has been laid out.

    Attributes
    ----------
    place : ndarray of float64, shape (n, 2)
        x and y of each node in pixels.
    radius : ndarray of float64, shape (n,)
        In pixels.
    is_file : ndarray of bool, shape (n,)
        Files are squares, individuals dots.
    colors : sequence of (int, int, int)
        One for each node.
    names, titles : sequence of str
        What is written beside each node; and what SVG tells of it on top.
    edges : ndarray of int64, shape (m, 2)
        Positions of nodes.
    width : ndarray of float64, shape (m,)
        Of the edges, in pixels.
    shape : (int, int)
        Height and width of the picture.
    rank : ndarray of int64, shape (n,)
        Order in which nodes find room for their names.
    caption : str
        What is told below.
    """

    place: Floats
    radius: Floats
    is_file: npt.NDArray[np.bool_]
    colors: Sequence[Color]
    names: Sequence[str]
    titles: Sequence[str]
    edges: Ints
    width: Floats
    shape: tuple[int, int]
    rank: Ints
    caption: str = ""


def file_color() -> Color:
    """The colour of all files."""
    return _FILE


def apart(place: Floats, radius: Floats, shape: tuple[int, int]) -> Floats:
    """Push nodes that cover each other apart, as far as the picture has room.

    Parameters
    ----------
    place : ndarray of float64, shape (n, 2)
        x and y in pixels.
    radius : ndarray of float64, shape (n,)
    shape : (int, int)
        Height and width of the picture.

    Returns
    -------
    ndarray of float64, shape (n, 2)
    """
    place = place.copy()
    border = radius.max(initial=0) + _GAP
    room = np.array([shape[1], shape[0]]) - border
    for _ in range(_PUSHES if len(place) <= _MANY else 0):
        away = place[:, None] - place[None]
        distance = np.hypot(away[..., 0], away[..., 1])
        lacking = np.maximum(radius[:, None] + radius[None] + _GAP - distance, 0)
        np.fill_diagonal(lacking, 0)
        if not lacking.any():
            break
        # Two in the very same place part along a line that differs from node to node.
        same = distance == 0
        angle = np.arange(len(place)) * 2.4
        away[same] = np.stack([np.cos(angle), np.sin(angle)], axis=1)[np.nonzero(same)[0]]
        push = away * (lacking / np.where(same, 1, distance) / 2)[..., None]
        place = np.clip(place + push.sum(axis=1), border, room)
    return place


def network_picture(network: Network, typeface: Typeface) -> Picture:
    """Draw a graph: uint8, shape (h, w, 3)."""
    from PIL import Image, ImageDraw

    height, width = network.shape
    image = Image.new("RGB", (width * _FINE, height * _FINE), _PAPER)
    draw = ImageDraw.Draw(image)
    place = network.place * _FINE
    for (a, b), line in zip(network.edges.tolist(), network.width.tolist(), strict=True):
        ends = (*place[a].tolist(), *place[b].tolist())
        draw.line(ends, _faded(line), max(1, round(line * _FINE)))
    for nth, (x, y) in enumerate(place.tolist()):
        radius = float(network.radius[nth]) * _FINE
        box = (x - radius, y - radius, x + radius, y + radius)
        shape = draw.rectangle if network.is_file[nth] else draw.ellipse
        shape(box, network.colors[nth], _darker(network.colors[nth]), _FINE)
    small = np.asarray(image.resize((width, height), Image.Resampling.BOX)).copy()
    lines = [(label.text, row, col, _INK) for label, row, col, _ in _named(network, typeface)]
    if network.caption:
        lines.append((network.caption, height - typeface.height - _BELOW, _BELOW, _FILE))
    return typeface.write(small, lines, halo=halo_of(typeface), halo_color=_PAPER)


def network_svg(network: Network, typeface: Typeface) -> str:
    """Write a graph as SVG: text stays text, and a node tells its name where one points at it.

    Names must hold no characters that XML cannot.
    """
    height, width = network.shape
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">',
        f'<rect width="{width}" height="{height}" fill="{_css(_PAPER)}"/>',
        f'<g stroke="{_css(_EDGE)}">',
    ]
    for (a, b), line in zip(network.edges.tolist(), network.width.tolist(), strict=True):
        (x1, y1), (x2, y2) = network.place[a].tolist(), network.place[b].tolist()
        parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'stroke-width="{line:.2f}"/>'
        )
    parts.append("</g>")
    for nth, (x, y) in enumerate(network.place.tolist()):
        radius, color = float(network.radius[nth]), network.colors[nth]
        paint = f'fill="{_css(color)}" stroke="{_css(_darker(color))}"'
        title = f"<title>{escape(network.titles[nth])}</title>"
        if network.is_file[nth]:
            corner = f'x="{x - radius:.1f}" y="{y - radius:.1f}"'
            side = f'width="{2 * radius:.1f}" height="{2 * radius:.1f}"'
            parts.append(f"<rect {corner} {side} {paint}>{title}</rect>")
        else:
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" {paint}>{title}')
            parts.append("</circle>")
    parts.append(
        f'<g font-family="DejaVu Sans, Verdana, sans-serif" font-size="{typeface.size}" '
        f'fill="{_css(_INK)}" stroke="{_css(_PAPER)}" stroke-width="{2 * halo_of(typeface)}" '
        'stroke-linejoin="round" paint-order="stroke">'
    )
    for label, row, col, _ in _named(network, typeface):
        parts.append(f'<text x="{col}" y="{row + typeface.ascent}">{escape(label.text)}</text>')
    if network.caption:
        line = height - typeface.height - _BELOW + typeface.ascent
        parts.append(f'<text x="{_BELOW}" y="{line}">{escape(network.caption)}</text>')
    return "\n".join([*parts, "</g>", "</svg>", ""])


def _named(network: Network, typeface: Typeface) -> list[Placed]:
    labels = []
    for nth in np.argsort(network.rank, kind="stable").tolist():
        x, y = network.place[nth].tolist()
        radius = float(network.radius[nth]) + 1
        box = (y - radius, x - radius, y + radius, x + radius)
        minr, minc, maxr, maxc = (max(0, round(edge)) for edge in box)
        where = (minr, minc, maxr, maxc)
        labels.append(Label(network.names[nth], (round(y), round(x)), where, network.colors[nth]))
    return place_labels(network.shape, labels, typeface)


def _darker(color: Color) -> Color:
    red, green, blue = (round(channel * 0.68) for channel in color)
    return red, green, blue


def _faded(line: float) -> Color:
    """The colour of an edge: one that is thinner than what can be drawn is paler instead."""
    strength = min(1.0, line * _FINE)
    red, green, blue = (round(255 + (channel - 255) * strength) for channel in _EDGE)
    return red, green, blue


def _css(color: Color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
