"""Pascal VOC's objects: palette PNG files in ``SegmentationObject``.

An index is an object of its picture and of no other, so addresses are ``<picture>/<index>``. 0 is
the background, 255 the border between objects, which is nobody's (development kit of
http://host.robots.ox.ac.uk/pascal/VOC/voc2012, section 4.2). The class of an object is that of
most of its pixels in ``SegmentationClass``, where that is there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from iidindex.errors import ExchangeError
from iidindex.formats.annotation import Annotation, Picture, described
from iidindex.formats.davis import VOID, indices_of
from iidindex.formats.frame_folders import FrameFile, FramePictures, object_images
from iidindex.formats.reading import Options, SourceFiles, Survey, Task
from iidindex.masks.labels import find_labels, masks_of
from iidindex.masks.regions import Bool2D
from iidindex.model import BBox

NAME = "voc"

_OBJECTS, _CLASSES = "SegmentationObject", "SegmentationClass"
# In the order of their indices, from 1 on: VOCcode/VOCinit.m of the development kit.
_CLASS_NAMES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
_OTHER_SIZE = "pictures whose classes are an image of another size than their objects"


class _Place(NamedTuple):
    """The objects of a picture, and the file of their classes."""

    frame: FrameFile
    classes: str | None


class Voc:
    """Objects of single pictures."""

    def recognise(self, source: SourceFiles) -> str | None:
        """PNG files in ``SegmentationObject``."""
        found = object_images(source)
        return f"PNG files of objects, such as {found[0].file}" if found else None

    def survey(self, source: SourceFiles, options: Options) -> Survey:
        """Name the pictures."""
        found = object_images(source)
        if not found:
            raise ExchangeError(f"holds no folder {_OBJECTS} with PNG files", source=source.name)
        if options.identity is not None:
            raise ExchangeError(f"masks have no field {options.identity!r}; objects have indices")
        pictures = FramePictures(options.images, (one.file for one in found))
        tasks = []
        for one in found:
            classes = one.file.replace(_OBJECTS, _CLASSES)
            is_there = classes != one.file and source.holds(classes)
            image = pictures.find(one.sequence, one.frame)
            tasks.append(
                Task(f"{one.place}.jpg", _Place(one, classes if is_there else None), image)
            )
        told = "picture and index, as objects are those of one picture"
        return Survey(tasks, len(tasks), told, masks_are_images=True)

    def read(
        self,
        source: SourceFiles,
        options: Options,
        shared: None,  # noqa: ARG002
        task: Task,
    ) -> Picture:
        """Cut out the objects of a picture."""
        at: _Place = task.at
        plane = indices_of(source, at.frame.file)
        height, width = plane.shape
        about = described(NAME, at.frame.file, (width, height), {})
        picture = Picture(task.name, width, height, about, [])
        classes = None if at.classes is None else indices_of(source, at.classes)
        if classes is not None and classes.shape != plane.shape:
            picture.note(_OTHER_SIZE)
            classes = None
        labels = find_labels(plane)
        domain = options.domain_of(source)
        for value, (bbox, mask) in zip(labels.value.tolist(), masks_of(plane, labels), strict=True):
            if value != VOID:
                groups = () if classes is None else _class_of(classes, bbox, mask)
                address = f"{at.frame.place}/{value}".encode("utf-8", "surrogateescape")
                picture.entries.append(Annotation(address, domain, bbox, mask, groups))
        return picture


def _class_of(classes: npt.NDArray[np.uint8], bbox: BBox, mask: Bool2D) -> tuple[str, ...]:
    """The class of most of an object's pixels."""
    minr, minc, maxr, maxc = bbox
    counts = np.bincount(classes[minr:maxr, minc:maxc][mask], minlength=VOID + 1)
    counts[[0, VOID]] = 0
    number = int(counts.argmax())
    if not counts[number]:
        return ()
    return (_CLASS_NAMES[number - 1] if number <= len(_CLASS_NAMES) else f"class {number}",)


FORMAT = Voc()
