"""Videos as folders of numbered pictures: whose frames files are, and which picture is meant.

Programs put the folder of a sequence into others that say what is in it, such as ``instances``
(MOTS), ``Annotations/480p`` (DAVIS) or ``SegmentationObject`` (Pascal VOC); those are no part of
its name.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from iidindex.errors import ExchangeError
from iidindex.formats.planes import open_planes
from iidindex.formats.reading import Options, SourceFiles, stem, suffix

_PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}
_RESOLUTION = re.compile(r"\d+p|Full-Resolution", re.ASCII)
# What is looked at to recognise a format.
_FEW = 3

# The first colours of Pascal VOC's palette and of DAVIS's, which differ behind these: the bits of
# a number are the highest bits of red, green, blue (VOCcode/VOClabelcolormap.m of the devkit).
_FIRST_COLORS = bytes(128 * (number >> band & 1) for number in range(8) for band in range(3))


class FrameFile(NamedTuple):
    """A file of masks, and the frame that they are of.

    Attributes
    ----------
    file : str
        Its name within the source.
    sequence : str
        The folders that name the video, parted by ``/``; empty where none does.
    frame : str
        The name of the frame, without suffix.
    """

    file: str
    sequence: str
    frame: str

    @property
    def place(self) -> str:
        """The name of the picture, without suffix."""
        return f"{self.sequence}/{self.frame}" if self.sequence else self.frame


def sequence_domain(source: SourceFiles, options: Options, sequence: str) -> bytes:
    """The domain of the individuals of a sequence, whose numbers begin anew in each.

    A source that is one sequence has its name.
    """
    if options.domain is not None:
        return options.domain_of(source, sequence or stem(source.name))
    return options.domain_of(source, "" if sequence == stem(source.name) else sequence)


# ---------------------------------------------------------------------- MOTS


def mots_images(source: SourceFiles) -> list[FrameFile]:
    """The PNG files of MOTS in a folder: 16 bits, 1000 times the class and the instance.

    Source: https://www.vision.rwth-aachen.de/page/mots, "PNG format". Classes are 1 and 2, and
    10,000 is what is ignored; programs that write other classes name them in
    ``instances/labels.txt``.
    """
    if not source.is_folder:
        return []
    found = [name for name in source.names() if suffix(name) == ".png"]
    inside = [name for name in found if "instances" in name.split("/")[:-1]]
    if not inside and source.name != "instances":
        inside = [name for name in found if stem(name).isdecimal()]
    names = inside or found
    told = any(name.endswith("instances/labels.txt") for name in source.names())
    if not told and not _all(source, names, _is_mots):
        return []
    return [_frame_of(name, lambda part: part == "instances") for name in names]


def _is_mots(source: SourceFiles, name: str) -> bool | None:
    plane = _plane(source, name)
    if plane is None or plane.dtype != np.uint16:
        return False
    values = np.unique(plane)
    values = values[values > 0]
    if not len(values):
        return None
    return bool((np.isin(values // 1000, [1, 2]) | (values == 10000)).all())


# ---------------------------------------------------------------------- palettes


def palette_images(source: SourceFiles) -> list[FrameFile]:
    """The PNG files of a folder in DAVIS's form: a folder a sequence, numbered frames, a palette.

    Source: https://davischallenge.org, "DAVIS: Densely Annotated VIdeo Segmentation", README of
    the data sets of 2016 and 2017. Within ``Annotations`` any PNG counts.
    """
    if not source.is_folder or object_images(source):
        return []
    found = [name for name in source.names() if suffix(name) == ".png" and stem(name).isdecimal()]
    inside = [name for name in found if any(map(_is_annotations, name.split("/")[:-2]))]
    names = inside or found
    if not inside and not _all(source, names, _has_first_colors):
        return []
    sizes = {part for name in names for part in name.split("/") if _RESOLUTION.fullmatch(part)}
    if len(sizes) > 1:
        # The same frames in several sizes are several pictures.
        sizes = set()
    return [_frame_of(name, lambda part: _is_annotations(part) or part in sizes) for name in names]


def object_images(source: SourceFiles) -> list[FrameFile]:
    """The PNG files in the folders ``SegmentationObject`` of Pascal VOC.

    Source: http://host.robots.ox.ac.uk/pascal/VOC/voc2012, development kit, section 4.
    """
    if not source.is_folder:
        return []
    return [
        _frame_of(name, _is_objects)
        for name in source.names()
        if suffix(name) == ".png" and any(map(_is_objects, [source.name, *name.split("/")[:-1]]))
    ]


def _is_annotations(part: str) -> bool:
    return part.startswith("Annotations")


def _is_objects(part: str) -> bool:
    return part.startswith("SegmentationObject")


def _has_first_colors(source: SourceFiles, name: str) -> bool:
    """Whether an image's palette begins as those of VOC and DAVIS do."""
    first = _palette_of(source, name)[: len(_FIRST_COLORS)]
    return len(first) >= _FEW * 2 and _FIRST_COLORS.startswith(first)


def has_palette(source: SourceFiles, name: str) -> bool:
    """Whether the pixels of an image are indices of colours."""
    return bool(_palette_of(source, name))


def _palette_of(source: SourceFiles, name: str) -> bytes:
    from PIL import Image

    try:
        with source.open(name) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(file)
            return bytes(image.getpalette() or ()) if image.mode == "P" else b""
    except Exception:  # any bytes may come, and decoders raise of all kinds
        return b""


# ---------------------------------------------------------------------- what both do


def is_video(source: SourceFiles) -> bool:
    """Whether the images of a folder are frames of one of these forms."""
    return bool(object_images(source) or palette_images(source) or mots_images(source))


def _all(
    source: SourceFiles, names: list[str], ask: Callable[[SourceFiles, str], bool | None]
) -> bool:
    """Whether the first few that tell anything are so, and there are any."""
    answers = []
    for name in names[: 10 * _FEW]:
        answer = ask(source, name)
        if answer is not None:
            answers.append(answer)
        if answer is False or len(answers) == _FEW:
            break
    return bool(answers) and all(answers)


def _plane(source: SourceFiles, name: str) -> npt.NDArray[Any] | None:
    try:
        return plane_of(source, name)
    except ExchangeError:
        return None


def plane_of(source: SourceFiles, name: str) -> npt.NDArray[Any]:
    """The only plane of an image, as stored.

    Raises
    ------
    ExchangeError
        If it cannot be decoded, or has colours.
    """
    try:
        with open_planes(source, name, None) as planes:
            if planes.indices != [()]:
                raise ExchangeError(f"holds {len(planes.indices)} planes; expected one")
            return planes.read((), False)
    except MemoryError:
        raise ExchangeError("needs more memory than there is", name) from None
    except ExchangeError as error:
        raise ExchangeError(error.problem, name) from error


def _frame_of(name: str, is_container: Callable[[str], bool]) -> FrameFile:
    folders = [part for part in name.split("/")[:-1] if not is_container(part)]
    return FrameFile(name, "/".join(folders), stem(name))


class FramePictures:
    """The pictures of frames among images that lie in folders of whatever names.

    Parameters
    ----------
    images : SourceFiles or None
    masks : iterable of str
        Files that are none of them.
    """

    def __init__(self, images: SourceFiles | None, masks: Iterable[str]) -> None:
        self._by_stem: dict[str, list[str]] = {}
        others = set(masks)
        for name in images.names() if images is not None and images.is_folder else ():
            if suffix(name) in _PICTURES and name not in others:
                self._by_stem.setdefault(stem(name), []).append(name)

    def find(self, sequence: str, frame: str) -> str | None:
        """The picture of a frame: the only one of its name in a folder named as its sequence."""
        last = sequence.rpartition("/")[2]
        likely = [
            name
            for name in self._by_stem.get(frame, [])
            if not last or last in name.split("/")[:-1]
        ]
        if not likely and last and all("/" not in name for name in self._by_stem.get(frame, [])):
            likely = self._by_stem.get(frame, [])
        pictures = [name for name in likely if not _is_of_masks(name)]
        return pictures[0] if len(pictures) == 1 else None


def _is_of_masks(name: str) -> bool:
    return any(
        part in ("instances", "gt") or _is_annotations(part) or part.startswith("Segmentation")
        for part in name.split("/")[:-1]
    )
