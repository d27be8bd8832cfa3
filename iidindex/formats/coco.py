"""COCO instances: one JSON of pictures, categories and annotations, or a list of results.

https://cocodataset.org/#format-data has the fields. Pixels of polygons are those that
pycocotools gives them. Annotations need not be sorted by picture, and pictures may stand behind
them: one pass notes where each lies, and those of a picture are read when it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from iidindex.errors import ExchangeError
from iidindex.formats.annotation import Annotation, Picture, Refusals, Refused, described
from iidindex.formats.coco_identity import Addresses, Ids
from iidindex.formats.identity import field_of
from iidindex.formats.json_ranges import Elements, Ints, Plain, decode, peek, scan
from iidindex.formats.panoptic_json import holds_segments
from iidindex.formats.reading import Options, SourceFiles, Survey, Task, byte_range, only_json
from iidindex.formats.segmentation import (
    MOST_PIXELS,
    box_sizes,
    masks_of,
    rings_of,
    too_large,
    whole,
)
from iidindex.masks.polygons import draw
from iidindex.masks.regions import Bool2D
from iidindex.model import BBox

NAME = "coco"
CROWD = "crowd"
# What this program writes as the description of a file, and marks the category with that stands
# for no group.
OWN = "written by iidindex"
NO_GROUP = "is_no_group"
_MOST_INFO = 1 << 16

# A file's own area that is off by more is of other pixels than those that it describes.
_AREA_OFF = 0.05
_AREA_NOTE = "area of the file differs by more than 5 % from the pixels"

# Ranges nearer than this are read together.
_GAP = 1 << 12


@dataclass(frozen=True)
class _Shared:
    """What every picture's reading needs."""

    file: str
    domain: bytes
    addresses: Addresses
    categories: dict[Any, dict[str, Any]]


@dataclass
class _Pictures:
    """The records of pictures, by what annotations call them."""

    names: list[str] = field(default_factory=list)
    ids: dict[Any, int] = field(default_factory=dict)
    offset: list[int] = field(default_factory=list)
    length: list[int] = field(default_factory=list)


class Coco:
    """COCO instances and lists of results."""

    def recognise(self, source: SourceFiles) -> str | None:
        """Annotations with pictures, or a list of results."""
        name = only_json(source)
        if name is None:
            return None
        found = peek(byte_range(source, name))
        if None in found:
            first = found[None]
            is_result = isinstance(first, dict) and {"image_id", "segmentation"} <= set(first)
            return "a list of records with image_id and segmentation" if is_result else None
        if "videos" in found or not {"images", "annotations"} & set(found):
            return None
        if holds_segments(source, name, found):
            return None
        first = found.get("annotations")
        if "images" in found and isinstance(found["images"], dict):
            return "an object with images"
        is_one = isinstance(first, dict) and "image_id" in first
        return "an object with annotations" if is_one or "images" in found else None

    def survey(self, source: SourceFiles, options: Options) -> Survey:
        """Note where the records of each picture lie."""
        name = only_json(source)
        if name is None:
            raise ExchangeError("expected one JSON file", source=source.name)
        try:
            return _Pass(source, name, options).survey()
        except ExchangeError as error:
            raise ExchangeError(error.problem, error.record, error.source or name) from error

    def read(self, source: SourceFiles, options: Options, shared: _Shared, task: Task) -> Picture:
        """Decode and draw the annotations of a picture."""
        record_at, offset, length, picture_id = task.at
        record: dict[str, Any] = {}
        if record_at is not None:
            record = decode(source.range(shared.file, *record_at), record_at[0])
        size = _size_of(record)
        own = {key: value for key, value in record.items() if key not in ("width", "height")}
        picture = Picture(task.name, None, None, described(NAME, shared.file, size, own), [])
        if size is not None:
            picture.width, picture.height = size
        records = [
            decode(data, at)
            for data, at in zip(_ranges(source, shared.file, offset, length), offset, strict=True)
        ]
        _annotate(picture, records, picture_id, size, shared, options)
        return picture


# ---------------------------------------------------------------------- the one pass


class _Pass:
    """One look at everything, which keeps some thirty bytes of an annotation."""

    def __init__(self, source: SourceFiles, name: str, options: Options) -> None:
        self._source = source
        self._name = name
        self._options = options
        self._pictures = _Pictures()
        self._refused = Refusals()
        self._categories: dict[Any, dict[str, Any]] = {}
        self._ids = Ids(options.identity)
        self._is_own = False
        # What annotations call their pictures, in the order in which the names come up.
        self._called: dict[Any, int] = {}
        self._of: list[Ints] = []
        self._offset: list[Ints] = []
        self._length: list[Ints] = []

    def survey(self) -> Survey:
        for part in scan(byte_range(self._source, self._name)):
            if isinstance(part, Plain):
                self._plain(part)
            elif part.name in (None, "annotations"):
                self._annotations(part)
            elif part.name == "images":
                self._images(part)
            elif part.name == "categories":
                self._take_categories(part)
        return self._put_together()

    def _plain(self, part: Plain) -> None:
        if part.name == "info":
            data = self._source.range(self._name, part.offset, min(part.length, _MOST_INFO))
            with suppress(ExchangeError):
                about = decode(data, part.offset)
                self._is_own = isinstance(about, dict) and about.get("description") == OWN
        if part.name in ("images", "annotations", "categories"):
            raise ExchangeError(f"{part.name} is no array", record=f"byte {part.offset}")

    def _images(self, part: Elements) -> None:
        found = self._pictures
        ranges = zip(part.offset.tolist(), part.length.tolist(), strict=True)
        for record, (offset, length) in zip(part.outlines, ranges, strict=True):
            problem = _not_a_picture(record, found.ids)
            if problem is not None:
                self._refused.add(Refused("picture", f"images, byte {offset}", problem))
                continue
            found.ids[record["id"]] = len(found.names)
            found.names.append(record["file_name"])
            found.offset.append(offset)
            found.length.append(length)

    def _take_categories(self, part: Elements) -> None:
        for record in part.outlines:
            if isinstance(record, dict) and isinstance(record.get("id"), (int, str)):
                self._categories[record["id"]] = record

    def _annotations(self, part: Elements) -> None:
        records = [record if isinstance(record, dict) else {} for record in part.outlines]
        called = [record.get("image_id") for record in records]
        named = [
            image if isinstance(image, (int, str)) and not isinstance(image, bool) else None
            for image in called
        ]
        code = self._called.setdefault
        of = np.array([code(image, len(self._called)) for image in named], np.int64)
        self._of.append(of)
        self._offset.append(part.offset)
        self._length.append(part.length)
        self._ids.add(records, of)

    def _put_together(self) -> Survey:
        pictures = self._pictures
        has_images = bool(pictures.names) or not self._called
        if not has_images:
            self._name_by_ids()
        place_of = np.array([pictures.ids.get(image, -1) for image in self._called], np.int64)
        none = np.empty(0, np.int64)
        of = np.concatenate([none, *self._of])
        of = place_of[of] if len(of) else of
        offset = np.concatenate([none, *self._offset])
        length = np.concatenate([none, *self._length])
        self._refuse_strays(of, offset)
        order = np.argsort(of, kind="stable")
        order = order[of[order] >= 0]
        cuts = np.searchsorted(of[order], np.arange(len(pictures.names) + 1))
        addresses, told = self._ids.decide(self._is_own)
        domain = self._options.domain_of(self._source)
        shared = _Shared(self._name, domain, addresses, self._categories)
        tasks = _Tasks(pictures, offset[order], length[order], cuts, has_images)
        return Survey(tasks, len(pictures.names), told, shared, self._refused)

    def _name_by_ids(self) -> None:
        """In a list of results, pictures have no other name than their number."""
        for image in self._called:
            if image is not None:
                self._pictures.ids[image] = len(self._pictures.names)
                self._pictures.names.append(str(image))

    def _refuse_strays(self, of: Ints, offset: Ints) -> None:
        strays = offset[of < 0]
        if not len(strays):
            return
        called = {place: image for image, place in self._called.items()}
        codes = np.concatenate(self._of)[of < 0]
        told = f"image_id {called[int(codes[0])]!r:.60} is not among the images"
        refused = Refused("no such picture", f"annotation at byte {int(strays[0])}", told)
        self._refused.add(refused, len(strays))


class _Tasks(Sequence[Task]):
    """The pictures of a file, each with where its annotations lie."""

    def __init__(
        self, pictures: _Pictures, offset: Ints, length: Ints, cuts: Ints, has_records: bool
    ) -> None:
        self._pictures = pictures
        self._ids = list(pictures.ids)
        self._offset = offset
        self._length = length
        self._cuts = cuts
        self._has_records = has_records

    def __len__(self) -> int:
        return len(self._pictures.names)

    def __getitem__(self, which: Any) -> Any:
        if isinstance(which, slice):
            return [self[place] for place in range(*which.indices(len(self)))]
        if not 0 <= which < len(self):
            raise IndexError(which)
        found = self._pictures
        low, high = int(self._cuts[which]), int(self._cuts[which + 1])
        record_at = (found.offset[which], found.length[which]) if self._has_records else None
        return Task(
            found.names[which],
            (
                record_at,
                self._offset[low:high].tolist(),
                self._length[low:high].tolist(),
                self._ids[which],
            ),
        )


def _not_a_picture(record: Any, known: dict[Any, int]) -> str | None:
    """What is wrong with a record of a picture."""
    if not isinstance(record, dict):
        return f"found {record!r:.60}; expected an object"
    if not isinstance(record.get("id"), (int, str)) or isinstance(record["id"], bool):
        return f"id is {record.get('id')!r:.60}; expected a number or text"
    other = str(record["id"]) if isinstance(record["id"], int) else _as_number(record["id"])
    if record["id"] in known or other in known:
        return f"id {record['id']!r:.60} is that of another picture, too"
    name = record.get("file_name")
    if not isinstance(name, str) or not name:
        return f"file_name is {name!r:.60}; expected text"
    return None


def _as_number(text: str) -> int | str:
    """The number whose decimal digits a text is, or the text."""
    return int(text) if text.isdecimal() and len(text) < 20 and str(int(text)) == text else text


# ---------------------------------------------------------------------- one picture


def _size_of(record: dict[str, Any]) -> tuple[int, int] | None:
    width, height = record.get("width"), record.get("height")
    # This program writes zeros for a file that states no size and has no masks.
    if (width, height) in ((None, None), (0, 0)):
        return None
    sides = whole(width), whole(height)
    if sides[0] is None or sides[1] is None:
        raise ExchangeError(
            f"width and height are {width!r:.40} and {height!r:.40}; "
            f"expected whole numbers from 1 to {MOST_PIXELS}"
        )
    return sides[0], sides[1]


def _ranges(
    source: SourceFiles, name: str, offset: Sequence[int], length: Sequence[int]
) -> Iterator[bytes]:
    """Read ranges in the order of the file, near ones together."""
    which, n_ranges = 0, len(offset)
    while which < n_ranges:
        begin, end, last = offset[which], offset[which] + length[which], which + 1
        while last < n_ranges and offset[last] - end <= _GAP:
            end = offset[last] + length[last]
            last += 1
        data = source.range(name, begin, end - begin)
        for place in range(which, last):
            yield data[offset[place] - begin : offset[place] - begin + length[place]]
        which = last


def _annotate(
    picture: Picture,
    records: list[Any],
    picture_id: Any,
    size: tuple[int, int] | None,
    shared: _Shared,
    options: Options,
) -> None:
    shapes: list[list[npt.NDArray[np.float64]]] = []
    masks: dict[int, tuple[BBox, Bool2D]] = {}
    drawn: list[int] = []
    packed: dict[int, dict[str, Any]] = {}
    for place, record in enumerate(records):
        try:
            segmentation = _segmentation_of(record)
            if isinstance(segmentation, list):
                shapes.append(rings_of(segmentation))
                drawn.append(place)
            else:
                packed[place] = segmentation
        except ExchangeError as error:
            _refuse(picture, record, place, error.problem)
    for place, found in zip(packed, masks_of([*packed.values()], size), strict=True):
        if isinstance(found, ExchangeError):
            _refuse(picture, records[place], place, found.problem)
        else:
            masks[place] = found
    for which in too_large(box_sizes(shapes, size)):
        told = "its box, or those of the picture together, would take too much memory"
        _refuse(picture, records[drawn[which]], drawn[which], told, "memory")
        del shapes[which], drawn[which]
    width, height = size or (MOST_PIXELS, MOST_PIXELS)
    masks.update(zip(drawn, draw(shapes, height, width, "coco"), strict=True))
    is_asked = options.domain is not None
    iids = shared.addresses.iids(records, picture_id, shared.domain, is_asked)
    repeated = Counter(iid for place, iid in enumerate(iids) if place in masks)
    for place in sorted(masks):
        bbox, mask = masks[place]
        record = records[place]
        if not bbox.n_pixels:
            _refuse(picture, record, place, "the mask has no pixel inside the picture", "empty")
            continue
        _compare_area(picture, record, mask)
        groups = groups_of(record, shared.categories, options.group_by)
        domain, address = iids[place]
        picture.entries.append(Annotation(address, domain, bbox, mask, groups))
    twice = sum(count > 1 for count in repeated.values())
    if twice:
        picture.note("individuals that are in one picture several times")


def _segmentation_of(record: Any) -> Any:
    if not isinstance(record, dict):
        raise ExchangeError(f"found {record!r:.60}; expected an object")
    segmentation = record.get("segmentation")
    if isinstance(segmentation, (list, dict)) and segmentation:
        return segmentation
    raise ExchangeError(f"segmentation is {segmentation!r:.60}; expected polygons or run lengths")


def _refuse(
    picture: Picture, record: Any, place: int, problem: str, reason: str = "segmentation"
) -> None:
    told = record.get("id") if isinstance(record, dict) else None
    where = f"number {place} of picture {picture.name}" if told is None else f"{told!r:.60}"
    picture.refused.append(Refused(reason, f"annotation {where}", problem))


def _compare_area(picture: Picture, record: dict[str, Any], mask: Bool2D) -> None:
    told = record.get("area")
    if isinstance(told, (int, float)) and not isinstance(told, bool) and told > 0:
        area = int(np.count_nonzero(mask))
        if abs(told - area) > _AREA_OFF * area:
            picture.note(_AREA_NOTE)


def groups_of(
    record: dict[str, Any], categories: dict[Any, dict[str, Any]], group_by: str | None
) -> tuple[str, ...]:
    """The groups of an annotation: its category, or what a field says, and whether it is a crowd.

    Parameters
    ----------
    record : dict
        The annotation.
    categories : dict
        Records of categories by their ids.
    group_by : str or None
        A field of the annotation, or else of its category.

    Returns
    -------
    tuple of str
    """
    number = record.get("category_id")
    category = categories.get(number, {}) if isinstance(number, (int, str)) else {}
    if group_by is not None:
        value = field_of(record, group_by)
        value = field_of(category, group_by) if value is None else value
        named = value if isinstance(value, list) else [value]
        groups = [str(name) for name in named if isinstance(name, (str, int, float)) and name != ""]
    elif number is None or category.get(NO_GROUP) is True:
        groups = []
    elif isinstance(several := field_of(record, "attributes.groups"), list):
        groups = [str(name) for name in several]
    else:
        name = category.get("name")
        groups = [name if isinstance(name, str) and name else f"category {number}"]
    if record.get("iscrowd") == 1 and record["iscrowd"] is not True:
        groups.append(CROWD)
    return tuple(dict.fromkeys(groups))


FORMAT = Coco()
