"""DAVIS: videos whose objects are the indices of palette PNG files.

``Annotations/480p/<sequence>/00000.png``, with the pictures in ``JPEGImages``; YouTube-VOS has
no folder of a size, and names categories in ``meta.json``. An index is an object in all frames of
its sequence, which is part of the domain. 0 is the background and 255 is void
(https://davischallenge.org/davis2017/code.html). The data set of 2016 knows one object, which is
255 in grey PNG files: where nothing else is in such a file, it is no void.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from iidindex.errors import ExchangeError
from iidindex.formats.annotation import Annotation, Picture, described
from iidindex.formats.frame_folders import (
    FrameFile,
    FramePictures,
    has_palette,
    palette_images,
    plane_of,
    sequence_domain,
)
from iidindex.formats.identity import field_of
from iidindex.formats.json_ranges import decode
from iidindex.formats.reading import Options, SourceFiles, Survey, Task
from iidindex.masks.labels import find_labels, masks_of

NAME = "davis"
VOID = 255

_META = "meta.json"
# YouTube-VOS's own has 2.5 MB.
_LARGEST_META = 1 << 27
_ONE_OBJECT = "grey files of 0 and 255 alone, whose 255 is an object, as in DAVIS 2016"


class _Shared(NamedTuple):
    """By sequence: domains, and the categories of objects."""

    domains: dict[str, bytes]
    categories: dict[str, dict[int, str]]


class Davis:
    """Palette PNG files, a folder for each sequence."""

    def recognise(self, source: SourceFiles) -> str | None:
        """Numbered PNG files in ``Annotations``, or of that palette."""
        found = palette_images(source)
        return f"numbered PNG files of objects, such as {found[0].file}" if found else None

    def survey(self, source: SourceFiles, options: Options) -> Survey:
        """Name the frames of each sequence."""
        found = palette_images(source)
        if not found:
            raise ExchangeError(
                "holds no masks of DAVIS; expected folders of sequences with 00000.png, …, whose "
                "pixels are indices of its palette",
                source=source.name,
            )
        if options.identity is not None:
            raise ExchangeError(f"masks have no field {options.identity!r}; objects have indices")
        pictures = FramePictures(options.images, (one.file for one in found))
        tasks = [
            Task(f"{one.place}.jpg", one, pictures.find(one.sequence, one.frame)) for one in found
        ]
        domains = {one.sequence: sequence_domain(source, options, one.sequence) for one in found}
        shared = _Shared(domains, _categories_in(source, domains))
        return Survey(tasks, len(tasks), "the object's index", shared, masks_are_images=True)

    def read(
        self,
        source: SourceFiles,
        options: Options,  # noqa: ARG002
        shared: _Shared,
        task: Task,
    ) -> Picture:
        """Cut out the objects of a frame."""
        at: FrameFile = task.at
        plane = indices_of(source, at.file)
        height, width = plane.shape
        fields = {"sequence": at.sequence, "frame": at.frame}
        about = described(NAME, at.file, (width, height), fields)
        picture = Picture(task.name, width, height, about, [])
        labels = find_labels(plane)
        values = labels.value.tolist()
        is_one_object = values == [VOID] and not has_palette(source, at.file)
        if is_one_object:
            picture.note(_ONE_OBJECT)
        domain = shared.domains[at.sequence]
        categories = shared.categories.get(at.sequence, {})
        for value, (bbox, mask) in zip(values, masks_of(plane, labels), strict=True):
            if value == VOID and not is_one_object:
                continue
            groups = (categories[value],) if value in categories else ()
            address = str(value).encode()
            picture.entries.append(Annotation(address, domain, bbox, mask, groups))
        return picture


def indices_of(source: SourceFiles, file: str) -> npt.NDArray[np.uint8]:
    """The pixels of a PNG of at most 256 indices.

    Raises
    ------
    ExchangeError
        If it is another image.
    """
    plane = plane_of(source, file)
    if plane.dtype == np.bool_:
        return plane.astype(np.uint8)
    if plane.dtype != np.uint8:
        raise ExchangeError(f"has pixels of type {plane.dtype}; expected 8 bits", file)
    return plane


def _categories_in(source: SourceFiles, sequences: Mapping[str, Any]) -> dict[str, dict[int, str]]:
    """Categories of objects by sequence, as YouTube-VOS's ``meta.json`` tells them."""
    found: dict[str, dict[int, str]] = {}
    for name in source.names():
        folder, _, last = name.rpartition("/")
        if last != _META or source.size(name) > _LARGEST_META:
            continue
        try:
            videos = field_of(decode(source.read(name)), "videos")
        except ExchangeError:
            continue  # it is somebody else's
        for sequence in sequences:
            video = sequence.removeprefix(f"{folder}/") if folder else sequence
            objects = field_of(field_of(videos, video), "objects")
            if isinstance(objects, dict):
                found.setdefault(sequence, {}).update(_named(objects))
    return found


def _named(objects: Mapping[str, Any]) -> dict[int, str]:
    found = {}
    for number, about in objects.items():
        category = field_of(about, "category")
        if number.isascii() and number.isdigit() and isinstance(category, str) and category:
            found[int(number[:9])] = category
    return found


FORMAT = Davis()
