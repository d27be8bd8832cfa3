"""Where masks lie, as a picture: over that of their files, if they have one in common."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np

from iidindex.catalog.catalogue import Catalog
from iidindex.errors import QueryError, SourceError
from iidindex.masks.cells import Grid
from iidindex.pictures.drawing import Drawing
from iidindex.pictures.fonts import typeface
from iidindex.pictures.images import Photo
from iidindex.query.heat.coverage import Heat
from iidindex.query.pixels.frames import Frame, frames_of, sizes_of
from iidindex.query.pixels.picture_places import PicturePlaces
from iidindex.render.canvas import Picture
from iidindex.render.color_scale import heat_picture, in_whole_numbers

_LETTERS = 15
# A smaller one is enlarged, each cell to a square.
_LEAST_SIDE = 480
# Over a picture: how strong colours are, and of its brightness, what the picture keeps.
_OVER_IMAGE, _DIM = 0.65, 0.75
# Files whose pictures are looked for, some at a time; and sizes that are told.
_FILES, _TOGETHER, _SIZES = 5000, 200, 4


class Ground(NamedTuple):
    """What heat lies over.

    Attributes
    ----------
    photo : Photo or None
    is_first : bool
        Whether other files have other pictures.
    sizes : tuple of (int, int)
        Of the pictures, if they differ.
    missing : tuple of str
        Pictures that are not there.
    problem : str
        Why there is no picture though files name one.
    """

    photo: Photo | None = None
    is_first: bool = False
    sizes: tuple[tuple[int, int], ...] = ()
    missing: tuple[str, ...] = ()
    problem: str = ""


def ground_of(catalog: Catalog, heat: Heat, image: bool | str | PicturePlaces) -> Ground:
    """Find the picture that heat is drawn over.

    Parameters
    ----------
    catalog : Catalog
    heat : Heat
    image : bool, str or PicturePlaces
        A picture's own file; or that of the files; or none.

    Raises
    ------
    QueryError
        If a picture is named, and has not the size that the files' pictures have, or these
        have several.
    SourceNotFoundError, SourceError
        If a picture is named that cannot be read.
    """
    with catalog.reading() as connection:
        sizes = tuple(sorted(set(sizes_of(connection, heat.file_ids))))
    told = sizes if len(sizes) > 1 else ()
    if isinstance(image, str):
        if told:
            raise QueryError(
                f"{image}: cannot lie below heat of pictures of {len(told)} sizes; ask for files "
                "of one size, or draw without it"
            )
        photo = Photo(image)
        _check_size(photo, heat, sizes)
        return Ground(photo)
    if not image or told:
        return Ground(None, sizes=told)
    frame, is_first, missing = _first_picture(catalog, heat, image)
    if frame is None or frame.image is None:
        return Ground(None, missing=missing)
    # Nobody named it, so that heat is drawn without it, too.
    try:
        photo = Photo(frame.image, image if isinstance(image, PicturePlaces) else None)
        _check_size(photo, heat, sizes)
        photo.part(Grid.over(heat.grid.bbox, 1))
    except QueryError:
        return Ground(None, problem="the picture has another size than the metadata tell")
    except SourceError:
        return Ground(None, problem="the picture cannot be read")
    return Ground(photo, is_first)


def _first_picture(
    catalog: Catalog, heat: Heat, image: bool | str | PicturePlaces
) -> tuple[Frame | None, bool, tuple[str, ...]]:
    """The first file that has a picture, whether there are others, and what is missing."""
    found: Frame | None = None
    missing: dict[str, None] = {}
    ids = heat.file_ids[:_FILES]
    for low in range(0, len(ids), _TOGETHER):
        with catalog.reading() as connection:
            frames = frames_of(connection, ids[low : low + _TOGETHER])
        for frame in frames.values():
            if isinstance(image, PicturePlaces):
                frame = image.within(frame)
            if frame.image is None:
                if frame.missing_image is not None:
                    missing[frame.missing_image] = None
            elif found is None:
                found = frame
            elif frame.image != found.image:
                return found, True, ()
    return found, False, () if found is not None else tuple(missing)


def _check_size(photo: Photo, heat: Heat, sizes: tuple[tuple[int, int], ...]) -> None:
    height, width = photo.size
    told = f"{photo.path}: has {height} x {width} pixels (rows x columns), but"
    if sizes and sizes[0] != photo.size:
        raise QueryError(
            f"{told} the metadata of files tell {sizes[0][0]} x {sizes[0][1]}; name the right "
            "image, or draw without one"
        )
    box = heat.grid.bbox
    if not sizes and (box.maxr > height or box.maxc > width):
        raise QueryError(
            f"{told} heat reaches to row {box.maxr}, column {box.maxc}; name the right image, or "
            "draw without one"
        )


def draw_heat(
    heat: Heat,
    *,
    ground: Ground | None = None,
    palette: str = "ember",
    alpha: float | None = None,
    font: str | None = None,
) -> Drawing:
    """Draw how many masks cover each place, with a scale.

    Parameters
    ----------
    heat : Heat
        Of `Entries.heat`.
    ground : Ground, optional
        What it lies over; nothing without it.
    palette : str
        A scale.
    alpha : float, optional
        Strength of the colours; without it 0.65 over an image, and 1 over none.
    font : str, optional
        A font file for the words.
    """
    ground = Ground() if ground is None else ground
    zoom = max(1, _LEAST_SIDE // max(heat.counts.shape))
    # The scale is read in whole numbers: of a pixel, or of ten, a hundred, …
    factor = in_whole_numbers(float(heat.mean.max(initial=0)))
    values = (heat.mean * factor).repeat(zoom, axis=0).repeat(zoom, axis=1)
    below = None if ground.photo is None else _below(ground.photo, heat, zoom)
    if alpha is None:
        alpha = 1.0 if below is None else _OVER_IMAGE
    face = typeface(_LETTERS, font)
    picture = heat_picture(
        values, _told(heat, factor, ground), face, palette=palette, ground=below, alpha=alpha
    )
    images = () if ground.photo is None else (ground.photo.path,)
    return Drawing(picture, heat.entries, 0, images, ground.missing, sizes=ground.sizes)


def _below(photo: Photo, heat: Heat, zoom: int) -> Picture:
    """The picture in grey, so that colours are those of heat alone; dimmed."""
    part = photo.part(heat.grid).astype(np.float32)
    grey = np.rint(part @ np.array([0.299, 0.587, 0.114], np.float32) * _DIM).astype(np.uint8)
    below: Picture = grey[..., None].repeat(3, axis=2).repeat(zoom, axis=0).repeat(zoom, axis=1)
    return below


def _told(heat: Heat, factor: int, ground: Ground) -> list[str]:
    """What is written below."""
    box = heat.grid.bbox
    of = "1 mask" if heat.entries == 1 else f"{heat.entries:,} masks"
    unit = "masks per pixel" if factor == 1 else f"pixels of masks per {factor:,} pixels"
    where = f"rows {box.minr} … {box.maxr - 1}, columns {box.minc} … {box.maxc - 1}"
    lines = [f"{unit} · {of}", where]
    if ground.photo is not None:
        name = os.fsencode(os.path.basename(ground.photo.path)).decode("utf-8", "replace")
        plain = "".join(char if char.isprintable() else "\ufffd" for char in name)
        lines.append(f"over {plain}{', which is the picture of some' if ground.is_first else ''}")
    if ground.problem:
        lines.append(ground.problem)
    if ground.sizes:
        lines.append(sizes_told(ground.sizes))
    return lines


def sizes_told(sizes: tuple[tuple[int, int], ...]) -> str:
    """What is said of pictures that differ in size."""
    shown = ", ".join(f"{height} x {width}" for height, width in sizes[:_SIZES])
    more = ", …" if len(sizes) > _SIZES else ""
    return f"pictures of {len(sizes)} sizes ({shown}{more}), laid corner on corner"
