"""Every appearance of an individual, side by side."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from iidindex.catalog.catalogue import Catalog
from iidindex.errors import QueryError, SeveralDomainsError
from iidindex.files.arguments import BYTES_LIKE, is_between, several
from iidindex.masks.cells import Grid
from iidindex.metadata_names import META, asked_of, value_in
from iidindex.model import IID, BBox
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
from iidindex.render.colors import color_of
from iidindex.render.contact_sheet import Tile, contact_sheet, empty_tile
from iidindex.render.text import Typeface
from iidindex.render.track_path import path_picture
from iidindex.rows import ENTRY, Kind, in_cell

# Tiles on one sheet.
MOST_TILES = 400
_LETTERS, _HEADING = 12, 18
_PATH_CAPTION = ("path of its middle",)
# Pixels around a mask, whatever its size.
_LEAST_MARGIN = 4


def sheet(
    catalog: Catalog,
    originals: Originals,
    entries: Entries,
    address: bytes | IID | Iterable[bytes | IID],
    domain: bytes | None,
    *,
    limit: int,
    tile: int,
    margin: float,
    fit: bool,
    caption: Sequence[str] | None,
    image: bool | PicturePlaces,
    gaps: bool,
    strip: bool,
    style: Style,
    font: str | None,
    on_stale: OnStale,
) -> Drawing:
    """Draw appearances, one tile each; see `Index.sheet`."""
    tile = check_size(tile, "tile", 1024)
    limit = check_size(limit, "limit", MOST_TILES)
    if not is_between(margin, 0, 100):
        raise QueryError(f"margin is {margin!r}; expected 0 … 100 times the size of the mask")
    told = None if caption is None else ENTRY.select(caption)
    # For the filter to say what is wrong with them.
    one = isinstance(address, (*BYTES_LIKE, IID))
    named: list[Any] = [address] if one else list(several(address))
    entries = entries.where(address=named, domain=domain)
    _check_apart(catalog, entries, named)
    track: Followed | None = None
    slots: list[Entry | Gap]
    if gaps or strip:
        track = follow(catalog, originals, entries._filters, limit, gaps)
        slots, total = track.slots, track.appearances
        more = total + (track.gaps if gaps else 0) - len(slots)
    else:
        total = entries.count()
        ordered = entries if entries.is_ordered else entries.order_by("path", "key")
        slots = list(ordered.limit(limit))
        more = total - len(slots)
    chosen = _there(originals, [slot for slot in slots if isinstance(slot, Entry)], on_stale)
    if not chosen:
        return Drawing(np.zeros((0, 0, 3), np.uint8), 0)
    with catalog.reading() as connection:
        frames = frames_of(connection, np.unique([entry.file_id for entry in chosen]))
    places = image if isinstance(image, PicturePlaces) else None
    if places is not None:
        frames = {file_id: places.within(frame) for file_id, frame in frames.items()}
    sides = [_side(entry.bbox, margin) for entry in chosen]
    windows = [
        _square(entry.bbox, side if fit else max(sides))
        for entry, side in zip(chosen, sides, strict=True)
    ]
    letters = typeface(_LETTERS, font)
    names = (
        _captions(chosen, letters)
        if told is None
        else [_fields(entry, told, letters) for entry in chosen]
    )
    photo: Photo | None = None
    tiles: dict[int, Tile] = {}
    images: dict[str, None] = {}
    missing: dict[str, None] = {}
    for entry, window, lines in zip(chosen, windows, names, strict=True):
        frame = frames[entry.file_id]
        photo = _photo(frame, entry, photo, places) if image else None
        if photo is not None:
            images[photo.path] = None
        elif image and frame.missing_image is not None:
            missing[frame.missing_image] = None
        zoom = max(1, tile // window.height)
        picture = draw(
            originals,
            [entry],
            Grid.over(window, tile),
            photo,
            style,
            zoom=zoom,
            closed=False,
            on_stale=on_stale,
        ).picture
        tiles[entry.id] = Tile(picture, lines)
    heading = typeface(_HEADING, font)
    title = _title(chosen, total, heading, 4 * tile)
    empty = empty_tile(tile)
    laid = [
        Tile(empty, _of_gap(slot, told, letters)) if isinstance(slot, Gap) else tiles[slot.id]
        for slot in slots
        if isinstance(slot, Gap) or slot.id in tiles
    ]
    if track is not None and gaps:
        title = f"{title} · {counted(track.gaps, 'gap')}"
    if track is not None and strip:
        path = path_picture(track.boxes, track.is_direct, color_of(chosen[0].iid), tile)
        laid.insert(0, Tile(path, _PATH_CAPTION))
    picture = contact_sheet(laid, tile, title, letters, heading, in_one_row=strip)
    n_gaps = sum(isinstance(slot, Gap) for slot in slots)
    return Drawing(picture, len(chosen), more, tuple(images), tuple(missing), n_gaps)


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


def _photo(
    frame: Frame, entry: Entry, last: Photo | None, places: PicturePlaces | None
) -> Photo | None:
    """The picture of an entry; the last one, if it is that, is not decoded again."""
    if last is not None and frame.image == last.path and frame.size in (None, last.size):
        return last
    return photo_for(frame, entry.bbox[2:], None, places)


def _captions(chosen: Sequence[Entry], face: Typeface) -> list[list[str]]:
    """For each entry its file; and its key and domain, where these tell it from others."""
    times = Counter(entry.file_id for entry in chosen)
    has_domains = len({entry.iid.domain for entry in chosen}) > 1
    found = []
    for entry in chosen:
        more = [f"key {entry.key}"] if times[entry.file_id] > 1 else []
        if has_domains:
            more.append(face.readable(entry.iid.domain or b"") or "no domain")
        found.append(
            [face.readable(os.fsencode(entry.path)), *([" · ".join(more)] if more else [])]
        )
    return found


def _fields(entry: Entry, kind: Kind, face: Typeface) -> list[str]:
    """The columns of an entry, a line each: who and where it is as they are, others by name."""
    names: dict[str, bytes] = {
        "path": os.fsencode(entry.path),
        "location": os.fsencode(entry.location),
        "address": entry.iid.address,
        "domain": entry.iid.domain or b"",
    }
    lines = []
    for column in kind.columns:
        if column.name in names:
            lines.append(face.readable(names[column.name]) or f"no {column.name}")
            continue
        lines.append(_line(column.name, column.get(entry), face))
    return lines


def _of_gap(gap: Gap, kind: Kind | None, face: Typeface) -> list[str]:
    """What is written below a file that lacks the individual: what is known of the file."""
    if kind is None:
        return [face.readable(os.fsencode(gap.path)), "not here"]
    lines = []
    for column in kind.columns:
        names = asked_of(column.name)
        if column.name in ("path", "location"):
            lines.append(face.readable(os.fsencode(getattr(gap, column.name))))
        elif names is not None:
            lines.append(_line(column.name, value_in(gap.meta, names), face))
        else:
            lines.append("-")
    return lines


def _line(name: str, value: Any, face: Typeface) -> str:
    """A value and its name."""
    value = in_cell(value)
    shown = "-" if value is None else str(value)
    # There is one line for each.
    text = "".join(char if char.isprintable() else " " for char in shown)
    return face.readable(f"{name.removeprefix(META)} {text}".encode())


def _title(chosen: Sequence[Entry], total: int, face: Typeface, width: int) -> str:
    iids = list(dict.fromkeys(entry.iid for entry in chosen))
    named = [face.readable(iids[0].address)]
    domains = {iid.domain for iid in iids}
    if len(domains) == 1 and iids[0].domain:
        named.append(face.readable(iids[0].domain))
    if len({iid.address for iid in iids}) > 1:
        named = [f"{len(iids)} individuals"]
    shown = counted(total, "appearance")
    if total > len(chosen):
        shown = f"{len(chosen)} of {shown}"
    return " · ".join([*(face.within(name, width // 2) for name in named), shown])
