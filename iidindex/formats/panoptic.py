"""COCO panoptic: a JSON that says what the colours of PNG files are.

https://cocodataset.org/#format-data, "Panoptic Segmentation": a segment's id is
R + 256 G + 256² B of its pixels, and 0 is nothing. Ids are unique within a picture only, so
addresses are ``<image id>/<segment id>``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from iidindex.errors import ExchangeError
from iidindex.formats.annotation import Annotation, Picture, Refusals, Refused, described
from iidindex.formats.coco import groups_of
from iidindex.formats.identity import as_address, field_of
from iidindex.formats.json_ranges import Elements, decode, scan
from iidindex.formats.mentioned import NOBODY_NOTE, check_mentioned
from iidindex.formats.panoptic_json import SEGMENTS, panoptic_files
from iidindex.formats.planes import open_planes
from iidindex.formats.reading import Options, SourceFiles, Survey, Task, byte_range, stem
from iidindex.formats.segmentation import whole
from iidindex.masks.labels import Labels, find_labels, masks_of

NAME = "panoptic"

_COLORS = 256**3
# R, G, B, and perhaps how opaque each pixel is.
_SAMPLES = (3, 4)
# More than this are no segments, but other colours.
_MOST_UNKNOWN = 1000
_AREA_OFF = 0.05
_AREA_NOTE = "area of the file differs by more than 5 % from the pixels"


class _Shared(NamedTuple):
    """The JSON, where its PNG files are, the domain, and the categories by id."""

    file: str
    folder: str
    domain: bytes
    categories: dict[Any, dict[str, Any]]


class _At(NamedTuple):
    """The bytes of an annotation and of its picture's record, and its PNG."""

    image_id: int | str
    png: str
    annotation: tuple[int, int]
    image: tuple[int, int] | None


class Panoptic:
    """COCO panoptic."""

    def recognise(self, source: SourceFiles) -> str | None:
        """Annotations with segments."""
        found = panoptic_files(source)
        return f"annotations with {SEGMENTS} in {found[0]}" if found else None

    def survey(self, source: SourceFiles, options: Options) -> Survey:
        """Note where the records of each picture lie."""
        names = panoptic_files(source) if source.is_folder else source.names()
        if len(names) != 1:
            told = f"{', '.join(names[:5])} have" if names else "no JSON has"
            raise ExchangeError(f"{told} {SEGMENTS}; expected one", source=source.name)
        (name,) = names
        try:
            if options.identity is not None:
                check_mentioned([byte_range(source, name)], options.identity)
            found = _Pass(source, name)
            tasks, refused = found.tasks()
        except ExchangeError as error:
            raise ExchangeError(error.problem, error.record, name) from error
        folder = _folder_of(source, name, [task.at.png for task in tasks])
        shared = _Shared(name, folder, options.domain_of(source), found.categories)
        told = options.identity or "picture and segment, as ids are those of one picture"
        return Survey(tasks, len(tasks), told, shared, refused)

    def read(self, source: SourceFiles, options: Options, shared: _Shared, task: Task) -> Picture:
        """Cut out the segments of a picture."""
        at: _At = task.at
        record = _decoded(source, shared.file, at.image) if at.image is not None else {}
        segments = field_of(_decoded(source, shared.file, at.annotation), SEGMENTS)
        if not isinstance(segments, list):
            raise ExchangeError(f"{SEGMENTS} are {segments!r:.60}; expected a list")
        plane = _numbers(source, shared.folder + at.png)
        height, width = plane.shape
        told = whole(record.get("width")), whole(record.get("height"))
        if None not in told and told != (width, height):
            raise ExchangeError(
                f"is {width} x {height} pixels; expected {told[0]} x {told[1]}", at.png
            )
        own = {key: value for key, value in record.items() if key not in ("width", "height")}
        about = described(NAME, shared.file, (width, height), own)
        picture = Picture(task.name, width, height, about, [])
        infos = _by_number(segments, picture)
        labels = _known(find_labels(plane), infos, picture)
        has_identity = False
        for value, area, (bbox, mask) in zip(
            labels.value.tolist(), labels.area.tolist(), masks_of(plane, labels), strict=True
        ):
            info = infos[value]
            address = f"{at.image_id}/{value}".encode("utf-8", "surrogatepass")
            if options.identity is not None:
                known = as_address(field_of(info, options.identity))
                has_identity |= known is not None
                address = known or address
            groups = groups_of(info, shared.categories, options.group_by)
            picture.entries.append(Annotation(address, shared.domain, bbox, mask, groups))
            _compare_area(picture, info, area)
        if picture.entries and options.identity is not None and not has_identity:
            picture.note(NOBODY_NOTE)
        return picture


# ---------------------------------------------------------------------- the one pass


class _Pass:
    """One look at the JSON, which notes the bytes of records."""

    def __init__(self, source: SourceFiles, name: str) -> None:
        self.categories: dict[Any, dict[str, Any]] = {}
        self._refused = Refusals()
        self._images: dict[int | str, tuple[str, tuple[int, int]]] = {}
        self._annotations: dict[int | str, tuple[str, tuple[int, int]]] = {}
        for part in scan(byte_range(source, name)):
            if not isinstance(part, Elements):
                if part.name in ("images", "annotations"):
                    raise ExchangeError(f"{part.name} is no array", f"byte {part.offset}")
            elif part.name == "images":
                self._take(part, "id", self._images)
            elif part.name == "annotations":
                self._take(part, "image_id", self._annotations)
            elif part.name == "categories":
                for record in part.outlines:
                    if isinstance(record, dict) and _is_id(record.get("id")):
                        self.categories[record["id"]] = record

    def _take(
        self, part: Elements, key: str, found: dict[int | str, tuple[str, tuple[int, int]]]
    ) -> None:
        places = zip(part.offset.tolist(), part.length.tolist(), strict=True)
        for record, place in zip(part.outlines, places, strict=True):
            problem = _problem(record, key)
            if problem is None and record[key] in found:
                problem = f"{key} {record[key]!r:.60} is that of another record, too"
            if problem is not None:
                where = f"{part.name}, byte {place[0]}"
                self._refused.add(Refused("picture", where, problem))
                continue
            found[record[key]] = record["file_name"], place

    def tasks(self) -> tuple[list[Task], Refusals]:
        """A task for each annotation, named as its picture is."""
        found = []
        for image_id, (png, place) in self._annotations.items():
            name, image = self._images.get(image_id, (None, None))
            if self._images and name is None:
                told = f"image_id {image_id!r:.60} is not among the images"
                where = f"annotation at byte {place[0]}"
                self._refused.add(Refused("no such picture", where, told))
                continue
            png = png.replace("\\", "/")
            found.append(Task(name or png, _At(image_id, png, place, image)))
        return found, self._refused


def _problem(record: Any, key: str) -> str | None:
    """What is wrong with a record that should have an id and a file."""
    if not isinstance(record, dict):
        return f"found {record!r:.60}; expected an object"
    if not _is_id(record.get(key)):
        return f"{key} is {record.get(key)!r:.60}; expected a number or text"
    name = record.get("file_name")
    if not isinstance(name, str) or not name:
        return f"file_name is {name!r:.60}; expected text"
    return None


def _is_id(value: Any) -> bool:
    return isinstance(value, (int, str)) and not isinstance(value, bool)


def _folder_of(source: SourceFiles, name: str, pngs: list[str]) -> str:
    """What stands before the names of PNG files: the folder named as the JSON, or another."""
    lead = name.rpartition("/")[0]
    lead = f"{lead}/" if lead else ""
    likely = [f"{lead}{stem(name)}/", lead, f"{stem(name)}/"]
    for png in pngs[:10]:
        for folder in likely:
            if source.holds(folder + png):
                return folder
        held = [one for one in source.names() if one.endswith(f"/{png}")]
        if len(held) == 1:
            return held[0][: -len(png)]
    return likely[0]


# ---------------------------------------------------------------------- one picture


def _decoded(source: SourceFiles, name: str, place: tuple[int, int]) -> dict[str, Any]:
    found = decode(source.range(name, *place), place[0])
    assert isinstance(found, dict)
    return found


def _numbers(source: SourceFiles, name: str) -> npt.NDArray[Any]:
    """The ids that the colours of a PNG are."""
    if not source.holds(name):
        raise ExchangeError("there is no such file", name)
    try:
        with open_planes(source, name, None) as planes:
            samples = planes.shape[planes.axes.index("S")] if planes.is_color else 1
            if samples not in _SAMPLES:
                raise ExchangeError(f"has {samples} samples a pixel; expected R, G and B")
            if planes.indices != [()]:
                raise ExchangeError(f"holds {len(planes.indices)} planes; expected one")
            return planes.read((), True)
    except ExchangeError as error:
        raise ExchangeError(error.problem, name) from error


def _by_number(segments: list[Any], picture: Picture) -> dict[int, dict[str, Any]]:
    """Segments by their ids."""
    found: dict[int, dict[str, Any]] = {}
    for place, info in enumerate(segments):
        number = info.get("id") if isinstance(info, dict) else None
        if type(number) is not int or not 0 < number < _COLORS:
            told = f"id is {number!r:.60}; expected a whole number from 1 to {_COLORS - 1}"
            where = f"number {place} of picture {picture.name}"
            picture.refused.append(Refused("segment", where, told))
        elif number in found:
            told = "another segment of the picture has this id, too"
            picture.refused.append(Refused("segment", _record(picture, number), told))
        else:
            found[number] = info
    return found


def _known(labels: Labels, infos: dict[int, dict[str, Any]], picture: Picture) -> Labels:
    """The labels of segments; others, and segments without pixels, are refused."""
    is_known = np.isin(labels.value, np.fromiter(infos, np.int64, len(infos)))
    unknown = labels.value[~is_known]
    if len(unknown) > _MOST_UNKNOWN:
        raise ExchangeError(
            f"has {len(unknown)} colours that are no id of its segments, such as {unknown[0]}"
        )
    for number, area in zip(unknown.tolist(), labels.area[~is_known].tolist(), strict=True):
        told = f"{area} pixels have this id, which is not in {SEGMENTS}"
        picture.refused.append(Refused("unknown segment", _record(picture, number), told))
    for number in infos.keys() - set(labels.value.tolist()):
        told = "no pixel has this id"
        picture.refused.append(Refused("empty", _record(picture, number), told))
    kept = labels.value[is_known], labels.bbox[is_known], labels.area[is_known]
    return Labels(*kept, labels.n_runs)


def _record(picture: Picture, number: int) -> str:
    return f"segment {number} of picture {picture.name}"


def _compare_area(picture: Picture, info: dict[str, Any], area: int) -> None:
    told = info.get("area")
    if not isinstance(told, (int, float)) or isinstance(told, bool):
        return
    if abs(told - area) > _AREA_OFF * area:
        picture.note(_AREA_NOTE)


FORMAT = Panoptic()
