"""Binary masks: PNG files that each show one thing, several of which may be of one picture.

A file says which of its pixels are inside and nothing of whose they are, so an address is
``<picture>/<mask>``, or the picture's name where there is one mask a picture.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from iidindex.errors import ExchangeError
from iidindex.formats.annotation import Annotation, Picture, Refused, described
from iidindex.formats.ctc_layout import mask_files
from iidindex.formats.frame_folders import is_video
from iidindex.formats.label_table import is_table
from iidindex.formats.mask_folders import (
    MaskedPicture,
    inside_of,
    mask_pixels,
    masked_pictures,
    masks_of_pictures,
)
from iidindex.formats.planes import LOSSY
from iidindex.formats.reading import Options, SourceFiles, Survey, Task, stem, suffix
from iidindex.masks.regions import Bool2D
from iidindex.model import BBox

NAME = "masks"

_OTHERS = (".json", ".geojson", ".xml", ".txt", ".yaml", ".yml")
_INVERTED = "pictures in whose masks most of the border is inside: are they inverted?"


class BinaryMasks:
    """Folders of binary masks."""

    def recognise(self, source: SourceFiles) -> str | None:
        """PNG files of two values, and nothing that says that they are of another format."""
        names = source.names()
        if is_table(source) or any(suffix(name) in _OTHERS for name in names):
            return None
        if source.is_folder and (mask_files(names, source.name) or is_video(source)):
            return None
        found = masks_of_pictures(source)
        return f"PNG of two values, such as {found[0].files[0]}" if found else None

    def survey(self, source: SourceFiles, options: Options) -> Survey:
        """Tell which files are masks of which picture."""
        found = masked_pictures(source, options.threshold is not None)
        if not found:
            told = "expected PNG files of 0 and another value"
            if options.threshold is None and any(suffix(n) in LOSSY for n in source.names()):
                told = "JPEG blurs edges, so it takes --threshold N, from which on one is inside"
            raise ExchangeError(f"holds no masks; {told}", source=source.name)
        if options.identity is not None:
            raise ExchangeError(f"masks have no field {options.identity!r}; they have names")
        if options.threshold is not None and options.threshold < 1:
            raise ExchangeError(f"threshold is {options.threshold}; expected a number from 1 on")
        images = options.images
        tasks = [
            Task(
                f"{one.place}{suffix(one.image or '')}",
                one,
                one.image if one.image and images is not None and images.holds(one.image) else None,
            )
            for one in found
        ]
        told = "picture and mask, as masks are those of one picture"
        return Survey(tasks, len(tasks), told, options.domain_of(source), masks_are_images=True)

    def read(self, source: SourceFiles, options: Options, shared: bytes, task: Task) -> Picture:
        """Decode the masks of a picture, one after the other."""
        at: MaskedPicture = task.at
        masks: dict[str, _Mask] = {}
        refused: list[Refused] = []
        for file in at.files:
            try:
                masks[file] = _Mask(inside_of(mask_pixels(source, file), options.threshold))
            except ExchangeError as error:
                refused.append(Refused("mask", file, error.problem))
        if not masks and len(refused) == 1:
            raise ExchangeError(refused[0].problem, refused[0].record)
        sizes = Counter(mask.size for mask in masks.values())
        size = sizes.most_common(1)[0][0] if sizes else None
        file = at.files[0] if at.is_one else at.files[0].rpartition("/")[0] or "."
        picture = Picture(task.name, None, None, described(NAME, file, size, {}), [])
        picture.refused = refused
        if size is not None:
            picture.width, picture.height = size
        stems = Counter(map(stem, masks))
        for file, mask in masks.items():
            if mask.size != size:
                assert size is not None
                told = f"is {_told(mask.size)} pixels; expected {_told(size)}, as most are"
                picture.refused.append(Refused("size", file, told))
            elif not mask.bbox.n_pixels:
                picture.refused.append(Refused("empty", file, "the mask has no pixel"))
            else:
                last = stem(file) if stems[stem(file)] == 1 else file.rpartition("/")[2]
                address = at.place if at.is_one else f"{at.place}/{last}"
                named = address.encode("utf-8", "surrogateescape")
                picture.entries.append(Annotation(named, shared, mask.bbox, mask.inside))
        if 2 * sum(mask.is_around for mask in masks.values()) > len(masks):
            picture.note(_INVERTED)
        return picture


class _Mask:
    """What is kept of a plane: its size, what is inside, and whether most of its border is."""

    def __init__(self, plane: Bool2D) -> None:
        height, width = plane.shape
        self.size = width, height
        rows, columns = np.flatnonzero(plane.any(axis=1)), np.flatnonzero(plane.any(axis=0))
        self.bbox = BBox(0, 0, 0, 0)
        if len(rows):
            self.bbox = BBox(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
        minr, minc, maxr, maxc = self.bbox
        self.inside = plane[minr:maxr, minc:maxc].copy()
        border = np.concatenate([plane[0], plane[-1], plane[1:-1, 0], plane[1:-1, -1]])
        self.is_around = 2 * int(np.count_nonzero(border)) > border.size


def _told(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


FORMAT = BinaryMasks()
