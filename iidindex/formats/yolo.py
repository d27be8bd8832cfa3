"""YOLO's segmentation: a text a picture, and in each line a class and the corners of a polygon.

https://docs.ultralytics.com/datasets/segment/ has the form. Corners are parts of the width and
height of the picture as it is shown: Ultralytics exchanges them as EXIF tells (``exif_size`` in
its ``data/utils.py``). So the picture's own file has to be there. Holes and parts are joined
by lines of no width, which leave no pixel when they are drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from iidindex.errors import ExchangeError
from iidindex.formats.annotation import Annotation, Picture, Refused, described
from iidindex.formats.drawn_shapes import UnusableError, polygon
from iidindex.formats.image_headers import stored_picture
from iidindex.formats.reading import Options, SourceFiles, Survey, Task, suffix
from iidindex.formats.yolo_names import class_names, is_of_poses
from iidindex.masks.polygons import draw

NAME = "yolo"

_TEXT = ".txt"
_YAML = (".yaml", ".yml")
_PICTURES = frozenset({".bmp", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"})
# Texts that stand beside labels and are none.
_OTHER_TEXTS = frozenset(
    {"classes.txt", "labels.txt", "predefined_classes.txt", "test.txt", "train.txt", "val.txt"}
)
_LABELS, _IMAGES = "labels", "images"

# So many files are looked at, and of each so many bytes.
_LOOKED_AT = 5
_GLANCE = 1 << 16
_LARGEST_YAML = 1 << 20

_BOX = 5
_LEAST_NUMBERS = 7
# Corners may lie somewhat outside of the picture. Farther out they are not parts of its size.
_FARTHEST = 2.0


@dataclass(frozen=True)
class _Shared:
    """What every picture's reading needs."""

    domain: bytes
    names: dict[int, str]


class Yolo:
    """YOLO's segmentation."""

    def recognise(self, source: SourceFiles) -> str | None:
        """A data.yaml that names classes beside texts, or texts of a class and corners."""
        labels = _labels_of(source)
        if not labels:
            return None
        if _described(source) is not None:
            return "a YAML that names classes, and texts"
        seen = [_first_line(source, name) for name in labels[:_LOOKED_AT]]
        lines = [line for line in seen if line]
        if lines and all(map(_is_polygon, lines)):
            return "texts with a class and corners from 0 to 1 in a line"
        return None

    def survey(self, source: SourceFiles, options: Options) -> Survey:
        """Find texts and the pictures that they belong to."""
        labels = _labels_of(source)
        if not labels:
            raise ExchangeError("holds no text of labels; expected *.txt", source=source.name)
        if options.identity is not None:
            raise ExchangeError(
                f"no annotation has an identity in the field {options.identity!r}: "
                "lines of YOLO have a class and corners",
                source=source.name,
            )
        yaml = _described(source)
        if yaml is not None and is_of_poses(yaml):
            raise ExchangeError(
                "has a kpt_shape: its lines are key points, not polygons", source=source.name
            )
        names = class_names(yaml) if yaml is not None else _listed(source)
        shared = _Shared(options.domain_of(source), names or {})
        pictures = _Pictures(options.images)
        tasks = [_task_of(name, pictures) for name in labels]
        tasks += [
            Task(_without(name, _IMAGES), None, name) for name in pictures.without_text(labels)
        ]
        survey = Survey(tasks, len(tasks), "picture and line, as lines have no id", shared)
        if not names:
            survey.notes["sources without readable names of their classes"] = 1
        return survey

    def read(self, source: SourceFiles, options: Options, shared: _Shared, task: Task) -> Picture:
        """Draw the polygons of a text."""
        if task.image is None or options.images is None:
            raise ExchangeError(
                "no picture or several are of this name, so its size is not known "
                "(--images DIR says where pictures are)"
            )
        stored = stored_picture(options.images, task.image)
        if stored is None:
            raise ExchangeError(f"{task.image} cannot be read as a picture, so its size is unknown")
        size = stored.shown_size
        about = described(NAME, task.at or task.image, size, {})
        picture = Picture(task.name, *size, about, [], is_shown=True)
        if task.at is not None:
            lead = _stem(task.name).encode("utf-8", "surrogateescape")
            _annotate(picture, source.read(task.at), size, lead, shared)
        return picture


# ---------------------------------------------------------------------- files


def _labels_of(source: SourceFiles) -> list[str]:
    """The texts of labels: those in a directory of that name, or all if there is none."""
    texts = [
        name
        for name in source.names()
        if name[-len(_TEXT) :].lower() == _TEXT
        and name.rpartition("/")[2].lower() not in _OTHER_TEXTS
        and not name.rpartition("/")[2].lower().startswith("readme")
    ]
    return [name for name in texts if _LABELS in name.split("/")[:-1]] or texts


def _described(source: SourceFiles) -> str | None:
    """What a data.yaml says, if there is one that names classes."""
    if not source.is_folder:
        return None
    found = [name for name in source.names() if "/" not in name and suffix(name) in _YAML]
    found.sort(key=lambda name: not name.startswith("data."))
    for name in found[:_LOOKED_AT]:
        text = source.range(name, 0, _LARGEST_YAML).decode("utf-8-sig", "replace")
        if class_names(text) is not None:
            return text
    return None


def _listed(source: SourceFiles) -> dict[int, str] | None:
    """Names from a classes.txt, one a line."""
    for name in source.names():
        if name.rpartition("/")[2].lower() in ("classes.txt", "labels.txt"):
            text = source.range(name, 0, _LARGEST_YAML).decode("utf-8-sig", "replace")
            lines = (line.strip() for line in text.rstrip().split("\n"))
            return {number: line for number, line in enumerate(lines) if line}
    return None


def _first_line(source: SourceFiles, name: str) -> bytes:
    lines = source.range(name, 0, _GLANCE).lstrip().split(b"\n", 1)
    return lines[0] if len(lines[0]) < _GLANCE - 1 else b"?"


def _is_polygon(line: bytes) -> bool:
    parts = line.split()
    if len(parts) < _LEAST_NUMBERS or not len(parts) % 2 or not parts[0].isdigit():
        return False
    try:
        return all(-_FARTHEST <= float(part) <= _FARTHEST for part in parts[1:])
    except ValueError:
        return False


def _stem(name: str) -> str:
    """A path without the suffix of a picture; other dots are part of names."""
    dot = name.rfind(".")
    has_suffix = dot > name.rfind("/") + 1 and name[dot:].lower() in _PICTURES
    return name[:dot] if has_suffix else name


def _without(name: str, part: str) -> str:
    """A path without the last directory of a name."""
    parts = name.split("/")
    for place in range(len(parts) - 2, -1, -1):
        if parts[place] == part:
            return "/".join(parts[:place] + parts[place + 1 :])
    return name


def _task_of(label: str, pictures: _Pictures) -> Task:
    image = pictures.of(label)
    end = "" if image is None else image[len(_stem(image)) :]
    return Task(_without(label, _LABELS)[: -len(_TEXT)] + end, label, image)


class _Pictures:
    """The pictures among the images, by their paths without suffix."""

    def __init__(self, images: SourceFiles | None) -> None:
        self._by_path: dict[str, list[str]] = {}
        self._by_name: dict[str, list[str]] = {}
        names = () if images is None else images.names()
        for name in names if images is None or images.is_folder else ():
            if suffix(name) in _PICTURES:
                path = _stem(name)
                self._by_path.setdefault(path, []).append(name)
                self._by_name.setdefault(path.rpartition("/")[2], []).append(name)

    def of(self, label: str) -> str | None:
        """The picture of a text; None if there is none, or are several."""
        path = label[: -len(_TEXT)]
        parts = path.split("/")
        likely = [path]
        for place in range(len(parts) - 2, -1, -1):
            if parts[place] == _LABELS:
                lead, rest = parts[:place], parts[place + 1 :]
                likely = ["/".join([*lead, _IMAGES, *rest]), "/".join(lead + rest), "/".join(rest)]
                break
        for candidate in likely:
            found = self._by_path.get(candidate, [])
            if found:
                return found[0] if len(found) == 1 else None
        found = self._by_name.get(parts[-1], [])
        return found[0] if len(found) == 1 else None

    def without_text(self, labels: Sequence[str]) -> Iterator[str]:
        """Pictures on which nothing was found: they lie beside texts, but have none."""
        tops = {_top(label, _LABELS) for label in labels}
        described = {_without(label, _LABELS)[: -len(_TEXT)] for label in labels}
        for path, names in self._by_path.items():
            lies_beside = _IMAGES in path.split("/")[:-1] and _top(path, _IMAGES) in tops
            if lies_beside and _without(path, _IMAGES) not in described:
                yield from names


def _top(path: str, part: str) -> str | None:
    """What stands before the last directory of a name."""
    parts = path.split("/")[:-1]
    for place in range(len(parts) - 1, -1, -1):
        if parts[place] == part:
            return "/".join(parts[:place])
    return None


# ---------------------------------------------------------------------- one picture


def _annotate(
    picture: Picture, data: bytes, size: tuple[int, int], lead: bytes, shared: _Shared
) -> None:
    rings: list[list[npt.NDArray[np.float64]]] = []
    told: list[tuple[int, int]] = []
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        parts = line.split()
        if not parts:
            continue
        try:
            of_class, ring = _polygon_of(parts)
        except UnusableError as error:
            picture.refused.append(error.of(f"line {number}"))
            continue
        rings.append([ring * size])
        told.append((number, of_class))
    for (number, of_class), (bbox, mask) in zip(
        told, draw(rings, size[1], size[0], "coco"), strict=True
    ):
        if not bbox.n_pixels:
            problem = "the polygon has no pixel inside the picture"
            picture.refused.append(Refused("empty", f"line {number}", problem))
            continue
        groups = (shared.names.get(of_class) or f"class {of_class}",)
        address = lead + f"/{number}".encode()
        picture.entries.append(Annotation(address, shared.domain, bbox, mask, groups))


def _polygon_of(parts: list[bytes]) -> tuple[int, npt.NDArray[np.float64]]:
    """The class and the corners of a line.

    Raises
    ------
    UnusableError
        If it is something else.
    ExchangeError
        If the text was made by a tracker, so that lines end in numbers that are no corner.
    """
    try:
        numbers = list(map(float, parts))
    except ValueError:
        raise UnusableError("line", f"found {b' '.join(parts)[:60]!r}; expected numbers") from None
    if not (0 <= numbers[0] < 1 << 31 and numbers[0].is_integer()):
        raise UnusableError("line", f"class is {numbers[0]:g}; expected a whole number from 0 on")
    if _BOX <= len(numbers) < _LEAST_NUMBERS:
        raise UnusableError("box", f"has {len(numbers)} numbers, as a box; expected a polygon")
    if len(numbers) < _LEAST_NUMBERS or not len(numbers) % 2:
        raise UnusableError(
            "line", f"has {len(numbers)} numbers; expected a class and pairs of x, y"
        )
    ring = polygon(numbers[1:])
    far = np.abs(ring) > _FARTHEST
    if far.any():
        if np.count_nonzero(far) == 1 and far[-1, 1] and ring[-1, 1].is_integer():
            raise ExchangeError(
                f"a line ends in {ring[-1, 1]:g}, as a tracker's does: there a confidence and "
                "a track id look like a corner; expected corners alone"
            )
        raise UnusableError(
            "coordinates", f"has a coordinate {ring[far][0]:g}; expected parts of the size, 0 to 1"
        )
    return int(numbers[0]), ring


FORMAT = Yolo()
