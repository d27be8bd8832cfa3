"""What is done to a picture of whatever format: turned into stored pixels, and cut into tiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from iidindex.errors import ExchangeError, SourceError
from iidindex.formats.annotation import Annotation, Picture
from iidindex.formats.image_headers import StoredPicture, stored_picture
from iidindex.formats.reading import Options, SourceFiles, Task
from iidindex.formats.registry import format_named
from iidindex.masks.regions import Bool2D
from iidindex.model import BBox

# Coordinates of the .iid format end here, and so do those of a box.
MOST_SIDE = 65535

_TURNED_NOTE = "pictures whose masks were turned into the stored pixels, as EXIF tells"
_SQUARE_NOTE = "square pictures that EXIF turns: their masks were taken as stored (--exif turned)"


def read_pictures(
    format: str,  # noqa: A002
    source: SourceFiles,
    options: Options,
    shared: object,
    task: Task,
) -> Iterator[Picture]:
    """Read a task's picture, as stored; it is several tiles if it is too large for one file.

    Parameters
    ----------
    format : str
    source : SourceFiles
    options : Options
    shared : object
        Of the survey.
    task : Task

    Yields
    ------
    Picture

    Raises
    ------
    ExchangeError
        If it cannot be read; source and picture are named.
    """
    try:
        picture = format_named(format).read(source, options, shared, task)
    except ExchangeError as error:
        record = f"{task.name}: {error.record}" if error.record else task.name
        raise ExchangeError(error.problem, record, error.source or source.name) from error
    except MemoryError as error:
        raise ExchangeError("does not fit into memory", task.name, source.name) from error
    except SourceError as error:
        raise ExchangeError(str(error), task.name, source.name) from error
    picture.image = task.image
    _turn(picture, options)
    yield from _tiles(picture)


# ---------------------------------------------------------------------- orientation


def _turn(picture: Picture, options: Options) -> None:
    """Bring masks that were drawn over the picture as it is shown to the pixels as stored."""
    if options.images is None or picture.image is None:
        return
    if picture.width is None or picture.height is None:
        return
    stored = stored_picture(options.images, picture.image)
    if stored is None or stored.orientation == 1:
        return
    size = (picture.width, picture.height)
    is_same = size == (stored.width, stored.height)
    if size != stored.shown_size:
        return
    if is_same and not picture.is_shown:
        if options.exif is None:
            picture.note(_SQUARE_NOTE)
        if options.exif != "turned":
            return
    shown = BBox(0, 0, picture.height, picture.width)
    for entry in picture.entries:
        entry.bbox, entry.mask = _as_stored(entry.bbox, entry.mask, shown, stored)
    picture.width, picture.height = stored.width, stored.height
    picture.meta["width"], picture.meta["height"] = stored.width, stored.height
    picture.note(_TURNED_NOTE)


def _as_stored(bbox: BBox, mask: Bool2D, shown: BBox, stored: StoredPicture) -> tuple[BBox, Bool2D]:
    """A box and mask of the shown picture, in stored pixels.

    Stored row and column zero are shown: 2 top and right, 3 bottom and right, 4 bottom and left,
    5 left and top, 6 right and top, 7 right and bottom, 8 left and bottom (CIPA DC-008, 4.6.5).
    """
    minr, minc, maxr, maxc = bbox
    flip_rows = stored.orientation in (3, 4, 7, 8)
    flip_columns = stored.orientation in (2, 3, 6, 7)
    if flip_rows:
        minr, maxr = shown.maxr - maxr, shown.maxr - minr
        mask = mask[::-1]
    if flip_columns:
        minc, maxc = shown.maxc - maxc, shown.maxc - minc
        mask = mask[:, ::-1]
    if stored.is_exchanged:
        minr, minc, maxr, maxc = minc, minr, maxc, maxr
        mask = mask.T
    return BBox(minr, minc, maxr, maxc), np.ascontiguousarray(mask)


# ---------------------------------------------------------------------- tiles


def _tiles(picture: Picture) -> Iterator[Picture]:
    """Cut what is too large for one file; each tile's metadata tell where it lies."""
    most = max(
        picture.width or 0,
        picture.height or 0,
        *(max(entry.bbox.maxr, entry.bbox.maxc) for entry in picture.entries),
        0,
    )
    if most <= MOST_SIDE:
        yield picture
        return
    maxr = max([picture.height or 0, *(entry.bbox.maxr for entry in picture.entries)])
    maxc = max([picture.width or 0, *(entry.bbox.maxc for entry in picture.entries)])
    dot = picture.name.rfind(".")
    lead = picture.name[:dot] if dot > picture.name.rfind("/") else picture.name
    picture.note("pictures with sides above 65,535 pixels, which are cut into tiles")
    for top in range(0, maxr, MOST_SIDE):
        for left in range(0, maxc, MOST_SIDE):
            tile = BBox(top, left, min(maxr, top + MOST_SIDE), min(maxc, left + MOST_SIDE))
            is_first = not top and not left
            yield replace(
                picture,
                name=f"{lead}/{top:06d}-{left:06d}",
                width=tile.width,
                height=tile.height,
                meta={
                    **picture.meta,
                    "width": tile.width,
                    "height": tile.height,
                    "offset": {"row": top, "column": left},
                },
                entries=[part for part in map(_cut(tile), picture.entries) if part is not None],
                refused=picture.refused if is_first else [],
                notes=picture.notes if is_first else {},
            )


class _cut:  # noqa: N801
    """Cut entries to a tile."""

    def __init__(self, tile: BBox) -> None:
        self._tile = tile

    def __call__(self, entry: Annotation) -> Annotation | None:
        common = entry.bbox & self._tile
        if not common.n_pixels:
            return None
        rows = slice(common.minr - entry.bbox.minr, common.maxr - entry.bbox.minr)
        columns = slice(common.minc - entry.bbox.minc, common.maxc - entry.bbox.minc)
        mask = entry.mask[rows, columns]
        if not mask.any():
            return None
        box = BBox(
            common.minr - self._tile.minr,
            common.minc - self._tile.minc,
            common.maxr - self._tile.minr,
            common.maxc - self._tile.minc,
        )
        return replace(entry, bbox=box, mask=mask)
