"""The HTML of a page: plain, without a script; every text of a stranger is escaped here."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

from iidindex.model import IID, BBox
from iidindex.plural import counted
from iidindex.render.colors import Color, color_of
from iidindex.rows import as_text

# Nothing but what lies beside a page is loaded, and no script ever runs. Browsers differ in whether
# a page that was opened from a disk is of the same origin as its files, so `file:` stands there.
_POLICY = "default-src 'none'; img-src 'self' file:; style-src 'self' file:; base-uri 'none'"
# Characters of a name that are shown.
_LONGEST = 160
# Of the longer side of a mask, what is shown around it.
_MARGIN = 0.25
_LEAST_MARGIN = 4


class Shape(NamedTuple):
    """An entry as it is drawn: who it is, the number of that page or 0, and its outline."""

    iid: IID
    number: int
    key: int
    area: int
    bbox: BBox
    path: str


class Shown(NamedTuple):
    """A file as the page shows it.

    Attributes
    ----------
    number : int
    path : str
    entries : int
    size : (int, int)
        Height and width of its frame in pixels.
    problem : str
        Why its masks are not shown; empty if they are.
    note : str
        Why its picture is not shown, or what else is to be said.
    """

    number: int
    path: str
    entries: int
    size: tuple[int, int]
    problem: str = ""
    note: str = ""


class Appearance(NamedTuple):
    """An entry on the page of its individual."""

    file: Shown
    key: int
    area: int
    bbox: BBox
    path: str


def name_of(value: bytes) -> str:
    """Bytes of a stranger as HTML: one line, no control characters, not too long."""
    text = as_text(value)
    if text is None:
        text = f"hex:{value.hex()}"
    return _one_line(text)


def _one_line(text: str) -> str:
    text = "".join(one if one.isprintable() else repr(one)[1:-1] for one in text[: _LONGEST + 1])
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}…"
    return escape(text, quote=True)


def path_name(path: str) -> str:
    """The path of a file as HTML."""
    return _one_line(os.fsencode(path).decode("utf-8", "backslashreplace"))


def who(iid: IID) -> str:
    """The address of an individual as HTML."""
    return name_of(iid.address) or "no address"


def _domain(iid: IID) -> str:
    return name_of(iid.domain or b"")


def _hex(color: Color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)


def _swatch(iid: IID) -> str:
    return (
        '<svg class="dot" viewBox="0 0 10 10" aria-hidden="true">'
        f'<circle cx="5" cy="5" r="5" fill="{_hex(color_of(iid))}"/></svg>'
    )


def document(title: str, up: str, body: Iterable[str], here: str = "") -> Iterable[str]:
    """A whole document.

    Parameters
    ----------
    title : str
        As HTML.
    up : str
        Leads to the top of the page, as ``../``.
    body : iterable of str
    here : str
        Which of the two lists this is.
    """
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f'<title>{title}</title>\n<link rel="stylesheet" href="{up}style.css">\n</head>\n'
        '<body class="page">\n<a class="skip" href="#main">To the content</a>\n'
        '<header class="bar"><nav aria-label="Page">'
    )
    for name, href in (("Files", "index.html"), ("Individuals", "iid/index.html")):
        current = ' aria-current="page"' if here == name else ""
        yield f'<a href="{up}{href}"{current}>{name}</a>'
    yield '</nav></header>\n<main id="main">\n'
    yield from body
    yield "</main>\n</body>\n</html>\n"


def card(file: Shown) -> str:
    """A file in the grid."""
    height, width = file.size
    name = path_name(file.path)
    if file.problem:
        seen = f'<span class="thumb none"><strong>{escape(file.problem)}</strong></span>'
    else:
        seen = (
            f'<span class="thumb"><img src="file/{file.number}.small.webp" loading="lazy" '
            f'width="{width}" height="{height}" alt=""></span>'
        )
    told = counted(file.entries, "entry", "entries")
    return (
        f'<li><a class="tile" href="file/{file.number}.html">{seen}'
        f'<span class="told"><bdi>{name}</bdi><span class="count">{told}</span></span></a></li>\n'
    )


def steps(names: Sequence[tuple[str, str]]) -> str:
    """Links to what comes before and after; those without an address are left out."""
    links = "".join(f'<a href="{href}">{text}</a>' for text, href in names if href)
    return f'<nav class="steps" aria-label="Before and after">{links}</nav>\n' if links else ""


def file_body(file: Shown, shapes: Sequence[Shape], before: str, after: str) -> Iterable[str]:
    """What the page of a file shows: its picture with outlines, and the list of its entries."""
    yield f"<h1><bdi>{path_name(file.path)}</bdi></h1>\n"
    yield f'<p class="count">{counted(file.entries, "entry", "entries")}</p>\n'
    yield steps([("Previous file", before), ("Next file", after)])
    told = filter(None, (file.problem, file.note))
    yield from (f'<p class="problem">{escape(one)}</p>\n' for one in told)
    if not file.problem:
        yield from _drawn(file, shapes)
    yield '<h2>Entries</h2>\n<ol class="entries">\n'
    for shape in shapes:
        name = f"{_swatch(shape.iid)}<bdi>{who(shape.iid)}</bdi>"
        linked = f'<a href="../iid/{shape.number}.html">{name}</a>' if shape.number else name
        yield (
            f'<li>{linked}<bdi class="domain">{_domain(shape.iid)}</bdi>'
            f'<span class="count">{shape.area:,} px</span></li>\n'
        )
    yield "</ol>\n"


def _drawn(file: Shown, shapes: Sequence[Shape]) -> Iterable[str]:
    height, width = file.size
    told = counted(len(shapes), "mask")
    yield (
        f'<svg class="stage" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="group" aria-label="{told} over the picture of {path_name(file.path)}">'
        f'<image href="{file.number}.webp" width="{width}" height="{height}" '
        'preserveAspectRatio="none"/>\n'
    )
    # Small ones lie above large ones, so that each can be pointed at. They are walked by the
    # keyboard in the list, which names them, too.
    for shape in sorted(shapes, key=lambda shape: -shape.area):
        if shape.path:
            drawn = f"<title>{who(shape.iid)}</title>{_outline(shape.path, shape.iid)}"
            if shape.number:
                where = f'href="../iid/{shape.number}.html" tabindex="-1" aria-hidden="true"'
                yield f"<a {where}>{drawn}</a>\n"
            else:
                yield f'<g aria-hidden="true">{drawn}</g>\n'
    yield "</svg>\n"


def _outline(path: str, iid: IID) -> str:
    return f'<path d="{path}" fill="{_hex(color_of(iid))}" fill-rule="evenodd"/>'


def individual_body(
    iid: IID, total: int, tiles: Sequence[Appearance], others: Iterable[Appearance]
) -> Iterable[str]:
    """What the page of an individual shows: a tile for each appearance, all at one scale."""
    yield f"<h1>{_swatch(iid)}<bdi>{who(iid)}</bdi></h1>\n"
    yield f'<p class="count"><bdi>{_domain(iid)}</bdi> {counted(total, "appearance")}</p>\n'
    yield '<ul class="grid tiles">\n'
    longest = max((max(one.bbox.height, one.bbox.width) for one in tiles), default=1)
    side = longest + 2 * max(_LEAST_MARGIN, round(_MARGIN * longest))
    for one in tiles:
        yield (
            f'<li><a class="tile" href="../file/{one.file.number}.html">{_tile(one, iid, side)}'
            f'<span class="told"><bdi>{path_name(one.file.path)}</bdi>'
            f'<span class="count">{one.area:,} px</span></span></a></li>\n'
        )
    yield "</ul>\n"
    for nth, one in enumerate(others):
        yield "" if nth else '<h2>More</h2>\n<ol class="entries" start="1">\n'
        yield (
            f'<li><a href="../file/{one.file.number}.html"><bdi>{path_name(one.file.path)}</bdi>'
            f'</a><span class="count">{one.area:,} px</span></li>\n'
        )
    yield "</ol>\n" if total > len(tiles) else ""


def _tile(one: Appearance, iid: IID, side: int) -> str:
    if one.file.problem:
        return f'<span class="thumb none"><strong>{escape(one.file.problem)}</strong></span>'
    height, width = one.file.size
    top = (one.bbox.minr + one.bbox.maxr - side) // 2
    left = (one.bbox.minc + one.bbox.maxc - side) // 2
    return (
        f'<svg class="thumb" viewBox="{left} {top} {side} {side}" aria-hidden="true">'
        f'<image href="../file/{one.file.number}.webp" width="{width}" height="{height}" '
        f'preserveAspectRatio="none"/>{_outline(one.path, iid)}</svg>'
    )


def individual_row(iid: IID, number: int, total: int) -> str:
    """An individual in the list of all."""
    return (
        f'<li><a href="{number}.html">{_swatch(iid)}<bdi>{who(iid)}</bdi></a>'
        f'<bdi class="domain">{_domain(iid)}</bdi>'
        f'<span class="count">{counted(total, "appearance")}</span></li>\n'
    )
