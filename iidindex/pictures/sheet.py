"""What a question finds, side by side: every appearance of an individual, or of anybody."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from iidindex.catalog.catalogue import Catalog
from iidindex.errors import QueryError, SeveralDomainsError
from iidindex.files.arguments import BYTES_LIKE, is_between, several
from iidindex.masks.cells import Grid
from iidindex.model import IID, BBox
from iidindex.pictures.captions import captions, common_place, fields, of_gap
from iidindex.pictures.coloring import Coloring, Paint
from iidindex.pictures.drawing import Drawing
from iidindex.pictures.fonts import typeface
from iidindex.pictures.images import Photo, photo_for
from iidindex.pictures.scene import Style, draw
from iidindex.pictures.track_tiles import Followed, Gap, follow
from iidindex.plural import counted
from iidindex.query.answers.entry import Entry
from iidindex.query.entries import Entries
from iidindex.query.heat.coverage import check_size
from iidindex.query.linkage.individual import domains_of
from iidindex.query.pixels.frames import Frame, frames_of
from iidindex.query.pixels.originals import OnStale, Originals
from iidindex.query.pixels.picture_places import PicturePlaces
from iidindex.query.pixels.segments import Original
from iidindex.render.canvas import Look, Picture
from iidindex.render.colors import color_of
from iidindex.render.contact_sheet import (
    BEHIND,
    Tile,
    contact_sheet,
    empty_tile,
    in_the_middle,
)
from iidindex.render.legend import with_legend
from iidindex.render.scale_bar import bar_strip, scale_bar, with_bar
from iidindex.render.text import Typeface
from iidindex.render.track_path import path_picture
from iidindex.rows import ENTRY, Kind

# Tiles on one sheet.
MOST_TILES = 400
SCALES = ("bar", "area", "none")
_LETTERS, _HEADING = 12, 18
_PATH_CAPTION = ("path of its middle",)
# Pixels around a mask, whatever its size.
_LEAST_MARGIN = 4


@dataclass(frozen=True, slots=True)
class Layout:
    """How a sheet is laid out; see `Index.sheet`."""

    limit: int = 60
    tile: int = 192
    margin: float = 0.25
    fit: bool = False
    gaps: bool = False
    strip: bool = False
    scale: str = "bar"
    legend: bool = True

    def __post_init__(self) -> None:
        # What counts as an integer may be none of Python's own.
        for name, most in (("tile", 1024), ("limit", MOST_TILES)):
            object.__setattr__(self, name, check_size(getattr(self, name), name, most))
        if not is_between(self.margin, 0, 100):
            raise QueryError(
                f"margin is {self.margin!r}; expected 0 … 100 times the size of the mask"
            )
        if self.scale not in SCALES:
            raise QueryError(f"scale is {self.scale!r:.99}; expected one of {', '.join(SCALES)}")


def sheet(
    catalog: Catalog,
    originals: Originals,
    entries: Entries,
    address: bytes | IID | Iterable[bytes | IID] | None,
    domain: bytes | None,
    layout: Layout,
    *,
    caption: Sequence[str] | None,
    image: bool | PicturePlaces,
    paint: Paint,
    style: Style,
    font: str | None,
    on_stale: OnStale,
) -> Drawing:
    """Draw appearances, one tile each; see `Index.sheet`."""
    told = None if caption is None else ENTRY.select(caption)
    named: list[Any] = []
    if address is not None:
        # For the filter to say what is wrong with them.
        one = isinstance(address, (*BYTES_LIKE, IID))
        named = [address] if one else list(several(address))
        entries = entries.where(address=named, domain=domain)
        _check_apart(catalog, entries, named)
    else:
        entries = entries.where(domain=domain)
    slots, total, more, track = _slots(catalog, originals, entries, layout)
    chosen = _there(originals, [slot for slot in slots if isinstance(slot, Entry)], on_stale)
    if not chosen:
        return Drawing(np.zeros((0, 0, 3), np.uint8), 0)
    letters, heading = typeface(_LETTERS, font), typeface(_HEADING, font)
    coloring = Coloring(paint, chosen, entries.filters)
    made = _Tiles(catalog, originals, chosen, layout, image, style, coloring, on_stale)
    place = common_place(chosen, letters, layout.tile)
    lines = _lines(chosen, told, letters, layout, place)
    tiles = {
        entry.id: Tile(picture, text)
        for (entry, picture), text in zip(made.drawn(letters), lines, strict=True)
    }
    empty = empty_tile(layout.tile)
    laid: list[Tile] = []
    starts = []
    for nth, slot in enumerate(slots):
        if track is not None and nth in track.starts:
            starts.append(len(laid))
        if isinstance(slot, Gap):
            laid.append(Tile(empty, of_gap(slot, told, letters, place)))
        elif slot.id in tiles:
            laid.append(tiles[slot.id])
    # Of those that are not shown, nobody knows who they are.
    is_known = total == len(chosen) or (address is not None and len(named) == 1)
    title = _title(chosen, total, heading, 4 * layout.tile, is_known)
    if place and told is None:
        title = f"{title} · in {heading.within(place, 4 * layout.tile)}"
    if track is not None and layout.gaps:
        title = f"{title} · {counted(track.gaps, 'gap')}"
    if track is not None and layout.strip:
        color = color_of(chosen[0].iid)
        path = path_picture(track.boxes, track.is_direct, color, layout.tile)
        laid.insert(0, Tile(path, _PATH_CAPTION))
    picture = contact_sheet(
        laid, layout.tile, title, letters, heading, in_one_row=layout.strip, starts=starts
    )
    picture = _explained(picture, chosen, layout, made, coloring, letters)
    n_gaps = sum(isinstance(slot, Gap) for slot in slots)
    return Drawing(picture, len(chosen), more, tuple(made.images), tuple(made.missing), n_gaps)


def _slots(
    catalog: Catalog, originals: Originals, entries: Entries, layout: Layout
) -> tuple[list[Entry | Gap], int, int, Followed | None]:
    """What tiles are of, how many appearances there are, and how many tiles more."""
    if layout.gaps or layout.strip:
        track = follow(
            catalog,
            originals,
            entries.filters,
            layout.limit,
            layout.gaps,
            of_one=layout.strip,
        )
        total = track.appearances
        more = total + (track.gaps if layout.gaps else 0) - len(track.slots)
        return track.slots, total, more, track
    total = entries.count()
    ordered = entries if entries.is_ordered else entries.order_by("path", "key")
    slots: list[Entry | Gap] = list(ordered.limit(layout.limit))
    return slots, total, total - len(slots), None


class _Tiles:
    """The pictures of tiles, and what they are drawn over."""

    def __init__(
        self,
        catalog: Catalog,
        originals: Originals,
        chosen: Sequence[Entry],
        layout: Layout,
        image: bool | PicturePlaces,
        style: Style,
        coloring: Coloring,
        on_stale: OnStale,
    ) -> None:
        with catalog.reading() as connection:
            frames = frames_of(connection, np.unique([entry.file_id for entry in chosen]))
        self._within = image if isinstance(image, PicturePlaces) else None
        if isinstance(image, PicturePlaces):
            frames = {file_id: image.within(frame) for file_id, frame in frames.items()}
        self._originals, self._chosen, self._layout = originals, chosen, layout
        self._frames, self._image, self._style = frames, image, style
        self._colors = coloring.colors(chosen)
        self._on_stale = on_stale
        sides = [_side(entry.bbox, layout.margin) for entry in chosen]
        self._windows = [
            _square(entry.bbox, side if layout.fit else max(sides))
            for entry, side in zip(chosen, sides, strict=True)
        ]
        self.images: dict[str, None] = {}
        self.missing: dict[str, None] = {}

    @property
    def scale(self) -> float:
        """Pixels of a tile for each of the frame, if all have the same."""
        return self._scale_of(self._windows[0])

    def _scale_of(self, window: BBox) -> float:
        tile = self._layout.tile
        return tile // window.height if window.height <= tile else tile / window.height

    def drawn(self, face: Typeface) -> Iterator[tuple[Entry, Picture]]:
        """Each entry and its picture."""
        tile, photo = self._layout.tile, None
        has_bar = self._layout.fit and self._layout.scale == "bar"
        for nth, (entry, window) in enumerate(zip(self._chosen, self._windows, strict=True)):
            photo = self._photo(entry, photo)
            seen = draw(
                self._originals,
                [entry],
                Grid.over(window, tile),
                photo,
                self._style,
                look=Look(self._colors[nth : nth + 1]),
                zoom=max(1, tile // window.height),
                closed=False,
                on_stale=self._on_stale,
            )
            picture = seen.picture
            if has_bar:
                bar = scale_bar(self._scale_of(window), tile)
                picture = with_bar(in_the_middle(picture, tile), bar, face)
            yield entry, picture

    def _photo(self, entry: Entry, last: Photo | None) -> Photo | None:
        """The picture of an entry; the last one, if it is that, is not decoded again."""
        frame: Frame = self._frames[entry.file_id]
        if not self._image:
            return None
        if frame.image is None:
            if frame.missing_image is not None:
                self.missing[frame.missing_image] = None
            return None
        if last is not None and frame.image == last.path and frame.size in (None, last.size):
            return last
        photo = photo_for(frame, entry.bbox[2:], None, self._within)
        if photo is not None:
            self.images[photo.path] = None
        return photo


def _lines(
    chosen: Sequence[Entry], told: Kind | None, face: Typeface, layout: Layout, place: str
) -> list[list[str]]:
    """What is written below each tile."""
    if told is None:
        lines = captions(chosen, face, place)
    else:
        lines = [fields(entry, told, face) for entry in chosen]
    if layout.scale == "area":
        for entry, text in zip(chosen, lines, strict=True):
            text.append("1 pixel" if entry.area == 1 else f"{entry.area:,} pixels")
    return lines


def _explained(
    picture: Picture,
    chosen: Sequence[Entry],
    layout: Layout,
    made: _Tiles,
    coloring: Coloring,
    face: Typeface,
) -> Picture:
    """The sheet with its scale and its legend below it."""
    if layout.scale == "bar" and not layout.fit:
        bar = scale_bar(made.scale, layout.tile)
        picture = np.concatenate([picture, bar_strip(bar, picture.shape[1], face, BEHIND)])
    if not layout.legend:
        return picture
    return with_legend(picture, coloring.keys(chosen, face), face, coloring.ramp)


def _check_apart(catalog: Catalog, hits: Entries, named: Sequence[bytes | IID]) -> None:
    """Refuse to show one address of several individuals as if it were one."""
    with catalog.reading() as connection:
        alone = [one for one in dict.fromkeys(named) if not isinstance(one, IID)]
        domains = {address: domains_of(connection, address) for address in alone}
    for address, known in domains.items():
        if len(known) > 1:
            of_hits = [one for one in known if hits.where(address=IID(one, address)).exists()]
            if len(of_hits) > 1:
                raise SeveralDomainsError(address, of_hits)


def _there(originals: Originals, chosen: list[Entry], on_stale: OnStale) -> list[Entry]:
    """Without those of files that are not what they were, if that is no error."""
    files = {entry.file_id: Original(entry.location, entry.stamp) for entry in chosen}
    changed = set(originals.changed(files, np.array(sorted(files), np.int64), on_stale))
    return [entry for entry in chosen if entry.file_id not in changed]


def _side(box: BBox, margin: float) -> int:
    """Of the square around a mask, in pixels."""
    longest = max(box.height, box.width)
    return longest + 2 * max(_LEAST_MARGIN, math.ceil(margin * longest))


def _square(box: BBox, side: int) -> BBox:
    top = (box.minr + box.maxr - side) // 2
    left = (box.minc + box.maxc - side) // 2
    return BBox(top, left, top + side, left + side)


def _title(chosen: Sequence[Entry], total: int, face: Typeface, width: int, is_known: bool) -> str:
    iids = list(dict.fromkeys(entry.iid for entry in chosen))
    named = [face.readable(iids[0].address)]
    domains = {iid.domain for iid in iids}
    if len(domains) == 1 and iids[0].domain:
        named.append(face.readable(iids[0].domain))
    if len({iid.address for iid in iids}) > 1:
        named = [f"{len(iids)} individuals"]
    if not is_known:
        named = []
    shown = counted(total, "appearance")
    if total > len(chosen):
        shown = f"{len(chosen)} of {shown}"
    return " · ".join([*(face.within(name, width // 2) for name in named), shown])
