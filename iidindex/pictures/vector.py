"""The outlines of masks as lines, along the edges of their pixels, however far one zooms."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from iidindex.errors import QueryError
from iidindex.masks.cells import Grid
from iidindex.masks.regions import Bool2D
from iidindex.model import BBox
from iidindex.pictures.composition import Composition
from iidindex.pictures.scene import Style
from iidindex.query.answers.entry import Entry, segments_of
from iidindex.query.pixels.originals import OnStale, Originals
from iidindex.query.pixels.segments import Original
from iidindex.query.pixels.sift import read_masks
from iidindex.render.canvas import Picture, outline_shade
from iidindex.render.mask_svg import Shape, document, legend_lines, shape_lines, text_lines
from iidindex.render.name_labels import place_labels, readable_number
from iidindex.render.outline_paths import svg_path

# Pixels of a mask that are unpacked at once, and characters of all outlines: a browser shows no
# more.
_LARGEST, _LONGEST = 1 << 26, 1 << 27


class _Read(NamedTuple):
    """A mask, or the part of it that is in the window."""

    nth: int
    mask: Bool2D
    box: BBox


def svg_of(
    originals: Originals, made: Composition, style: Style, on_stale: OnStale
) -> tuple[str, int]:
    """A document, and how many labels it has.

    Raises
    ------
    QueryError
        If a mask has too many pixels in the window, or all outlines too many corners.
    """
    height, width = made.seen.picture.shape[:2]
    scale = width / made.box.width, height / made.box.height
    shapes = sorted(_shapes(originals, made, on_stale), key=lambda one: -one.area)
    image, shade = None, 1.0
    if made.photo is not None:
        ground = _ground(made)
        image, shade = _as_url(ground), outline_shade(ground)
    inner = shape_lines(
        shapes,
        made.box,
        scale,
        alpha=style.strength(made.photo),
        outlines=style.outlines,
        shade=shade,
    )
    chosen = made.labels[: readable_number((height, width), made.labels, made.face)]
    covered = made.seen.covered
    placed = place_labels((height, width), chosen, made.face, covered=covered, with_lines=True)
    words = text_lines(placed, made.face)
    legend, bottom, right = legend_lines(made.keys, made.ramp, made.face, height, width)
    return document((height, width), (bottom, right), image, inner, [*words, *legend]), len(placed)


def _shapes(originals: Originals, made: Composition, on_stale: OnStale) -> Iterator[Shape]:
    seen = set(made.seen.marks.owner.tolist())
    letters = 0
    for nth, mask, box in _read(originals, made, on_stale):
        if nth not in seen:
            continue
        entry = made.hits[nth]
        path = svg_path(mask, box)
        letters += len(path)
        if letters > _LONGEST:
            raise QueryError(
                f"{entry.location}: the outlines have more than {_LONGEST:,} characters; draw a "
                "part of it, fewer entries, or pixels (.png)"
            )
        red, green, blue = made.look.colors[nth].tolist()
        filled = made.look.filled is None or bool(made.look.filled[nth])
        outlined = made.look.filled is None or not filled
        dash = 0 if made.look.dash is None else int(made.look.dash[nth])
        title = _title(entry, made)
        yield Shape(path, (red, green, blue), title, entry.area, filled, outlined, dash)


def _read(originals: Originals, made: Composition, on_stale: OnStale) -> Iterator[_Read]:
    """The masks that meet the window: whole, or of large ones what lies around the window."""
    # A pixel more on each side, so that no edge is drawn where a mask goes on.
    around = BBox(
        made.box.minr - 1, made.box.minc - 1, made.box.maxr + 1, made.box.maxc + 1
    ) & BBox(0, 0, 1 << 16, 1 << 16)
    meets = [nth for nth, entry in enumerate(made.hits) if (entry.bbox & made.box).n_pixels]
    small = [nth for nth in meets if made.hits[nth].bbox.n_pixels <= _LARGEST >> 4]
    chosen = [made.hits[nth] for nth in small]
    files = {entry.file_id: Original(entry.location, entry.stamp) for entry in chosen}
    for row, mask in read_masks(originals, files, segments_of(chosen), on_stale):
        yield _Read(small[row], mask, chosen[row].bbox)
    seen = set(made.seen.marks.owner.tolist())
    for nth in sorted(set(meets) - set(small)):
        entry = made.hits[nth]
        part = entry.bbox & around
        if part.n_pixels > _LARGEST:
            raise QueryError(
                f"{entry.location}: the mask with key {entry.key} has {part.height} x {part.width} "
                "pixels here, too many for exact outlines; draw a part of it, or pixels (.png)"
            )
        if nth in seen:
            yield _Read(nth, entry.mask(part), part)


def _title(entry: Entry, made: Composition) -> str:
    """What is told of a mask that one points at."""
    parts = [made.face.readable(entry.iid.address, True)]
    if entry.iid.domain:
        parts.append(made.face.readable(entry.iid.domain, True))
    return " · ".join([*parts, f"{entry.area:,} pixels", f"key {entry.key}"])


def _ground(made: Composition) -> Picture:
    """The picture in the window, as large as it is shown, but not enlarged."""
    assert made.photo is not None
    height, width = made.seen.picture.shape[:2]
    return made.photo.part(Grid.over(made.box, max(height, width) // made.zoom))


def _as_url(picture: Picture) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(
        buffer, format="JPEG", quality=90, subsampling=0
    )
    return f"data:image/jpeg;base64,{b64encode(buffer.getvalue()).decode()}"
