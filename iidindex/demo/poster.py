"""The picture at the end of the tour: who is where, drawn from masks that the index finds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from iidindex.demo.archive import tiles
from iidindex.demo.samples import Picture
from iidindex.index import Index
from iidindex.model import IID, BBox
from iidindex.plural import counted
from iidindex.query.answers.entry import Entry
from iidindex.render import picture as draw
from iidindex.render.colors import color_of

_BACKGROUND = (18, 18, 24)
_GREY = (120, 120, 135)
_WHITE = (255, 255, 255)
_MARGIN = 24


def poster(index: Index, pictures: Sequence[Picture], hero: IID) -> draw.Picture:
    """Draw every picture with all its segments, and one individual in every file it is in.

    Parameters
    ----------
    index : Index
    pictures : sequence of Picture
        Coins, Hubble, tissue.
    hero : IID
        The individual that is followed: of the first picture.

    Returns
    -------
    ndarray of uint8, shape (h, w, 3)
    """
    coins, hubble, tissue = (_panel(index, picture, hero) for picture in pictures)
    coins = draw.enlarge(coins, 2)
    height = len(hubble)
    strip = _appearances(index, pictures[0], hero, height - len(coins) - 30)
    width = max(coins.shape[1], strip.shape[1])
    total = hubble.shape[1] + width + tissue.shape[1] + 4 * _MARGIN
    canvas = np.full((height + 2 * _MARGIN + 40, total, 3), _BACKGROUND, np.uint8)
    top = _MARGIN + 34
    first, second = _MARGIN, 2 * _MARGIN + width
    third = second + hubble.shape[1] + _MARGIN
    _put(canvas, coins, top, first)
    _put(canvas, strip, top + len(coins) + 30, first)
    _put(canvas, hubble, top, second)
    _put(canvas, tissue, top, third)
    name = hero.address.decode()
    for text, row, col in (
        ("coins, cut into 6 overlapping tiles", _MARGIN, first),
        (f"{name}, in every file that holds it", top + len(coins) + 6, first),
        ("Hubble deep field, 16 overlapping tiles", _MARGIN, second),
        ("stained tissue, 9 overlapping tiles", _MARGIN, third),
    ):
        canvas = draw.write_text(canvas, text, row, col, size=20)
    stats = index.stats()
    for line, text in enumerate(
        (
            "Every colour is one individual,",
            "the same in every file that holds it.",
            "Grey lines are the borders of tiles.",
            "",
            counted(stats.files, "file"),
            counted(stats.entries, "entry", "entries"),
            counted(stats.iids, "individual"),
        )
    ):
        row = top + len(tissue) + 30 + 34 * line
        canvas = draw.write_text(canvas, text, row, third, size=24)
    return canvas


def _panel(index: Index, picture: Picture, hero: IID) -> draw.Picture:
    """One picture with every segment in its own colour, and the borders of its tiles."""
    panel = draw.as_rgb(picture.image, dim=0.8)
    for entry, mask in index.entries.where(domain=picture.name.encode(), group="whole").masks():
        draw.paint_mask(panel, mask, entry.bbox, color_of(entry.iid), alpha=0.35)
    for _, tile in tiles(picture):
        draw.draw_box(panel, tile, _GREY)
    if hero.domain == picture.name.encode():
        for entry in index.entries.where(address=hero.address, domain=hero.domain, group="whole"):
            box = entry.bbox
            grown = BBox(box.minr - 4, box.minc - 4, box.maxr + 4, box.maxc + 4)
            draw.draw_box(panel, grown & BBox(0, 0, *panel.shape[:2]), _WHITE, width=2)
    return panel


def _appearances(index: Index, picture: Picture, hero: IID, height: int) -> draw.Picture:
    """The individual as each tile sees it."""
    found = list(index.entries.where(address=hero.address, domain=hero.domain).order_by("path"))
    tile_of = dict(tiles(picture))
    views = [_view(entry, tile_of, picture, found) for entry in found]
    factor = max(1, (height - 26) // max(len(view) for view in views))
    strip = np.full((height, 1, 3), _BACKGROUND, np.uint8)
    for entry, view in zip(found, views, strict=True):
        large = draw.enlarge(view, factor)
        column = np.full((height, max(large.shape[1], 150) + 12, 3), _BACKGROUND, np.uint8)
        _put(column, large, 26, 0)
        column = draw.write_text(column, entry.path, 0, 0, size=16)
        strip = np.concatenate([strip, column], axis=1)
    return strip


def _view(
    entry: Entry, tile_of: dict[str, BBox], picture: Picture, found: Sequence[Entry]
) -> draw.Picture:
    """The surroundings of an individual, dark where the tile does not reach."""
    around = found[0].bbox
    for other in found[1:]:
        around |= other.bbox
    around = BBox(around.minr - 6, around.minc - 6, around.maxr + 6, around.maxc + 6)
    around &= BBox(0, 0, *picture.labels.shape)
    panel = draw.as_rgb(picture.image)
    draw.paint_mask(panel, entry.mask(), entry.bbox, color_of(entry.iid), alpha=0.3)
    tile = tile_of[entry.path.rpartition("/")[2].removesuffix(".iid")]
    seen = np.zeros(panel.shape[:2], np.bool_)
    seen[tile.minr : tile.maxr, tile.minc : tile.maxc] = True
    panel[~seen] //= 5
    return panel[around.minr : around.maxr, around.minc : around.maxc]


def _put(canvas: draw.Picture, part: draw.Picture, row: int, col: int) -> None:
    canvas[row : row + part.shape[0], col : col + part.shape[1]] = part
