"""Cutting segmented pictures into overlapping tiles, one ``.iid`` file each."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import numpy as np

from iidindex.demo.samples import Picture
from iidindex.files.iidfile import IIDFile
from iidindex.model import BBox
from iidindex.render.write import encode
from iidindex.storage.atomic import write_atomically

# The part of a tile that it shares with each neighbour.
_OVERLAP = 0.3


def build(directory: str, pictures: Iterable[Picture]) -> int:
    """Write the tiles of all pictures below a directory, and beside them the pictures.

    A tile's coordinates are those of the whole picture, as in sky surveys and slide scans, so
    that the same pixel can be asked for in every tile that sees it. An individual keeps its
    IID in all of them.

    Returns
    -------
    int
        Files written.
    """
    count = 0
    for picture in pictures:
        os.makedirs(os.path.join(directory, picture.name), exist_ok=True)
        image = os.path.join(directory, f"{picture.name}.png")
        write_atomically(image, [encode(picture.image, ".png")])
        for name, tile in tiles(picture):
            cut(picture, tile).save(os.path.join(directory, picture.name, f"{name}.iid"))
            count += 1
    return count


def tiles(picture: Picture) -> Iterator[tuple[str, BBox]]:
    """Names and boxes of a picture's tiles, row by row."""
    height, width = picture.labels.shape
    rows, columns = picture.tiles
    for row, (minr, maxr) in enumerate(_spans(height, rows)):
        for column, (minc, maxc) in enumerate(_spans(width, columns)):
            yield f"r{row}c{column}", BBox(minr, minc, maxr, maxc)


def _spans(length: int, count: int) -> list[tuple[int, int]]:
    size = length / (count - _OVERLAP * (count - 1))
    starts = [round(i * size * (1 - _OVERLAP)) for i in range(count)]
    return [(start, min(length, round(start + size))) for start in starts]


def cut(picture: Picture, tile: BBox) -> IIDFile:
    """The file of one tile."""
    from skimage.measure import regionprops

    height, width = picture.labels.shape
    file = IIDFile()
    file.meta.data = {
        "picture": picture.name,
        "image": f"../{picture.name}.png",
        "source": picture.source,
        "width": width,
        "height": height,
        "tile": list(tile),
    }
    seen = picture.labels[tile.minr : tile.maxr, tile.minc : tile.maxc]
    whole = np.bincount(picture.labels.reshape(-1))
    for segment in regionprops(seen):
        minr, minc, maxr, maxc = segment.bbox
        file.add(
            address=f"{picture.noun}-{segment.label:03d}".encode(),
            domain=picture.name.encode(),
            bbox=(minr + tile.minr, minc + tile.minc, maxr + tile.minr, maxc + tile.minc),
            mask=segment.image,
            group="whole" if segment.area == whole[segment.label] else "cut",
        )
    return file
