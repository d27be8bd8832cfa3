"""Label Studio's JSON: tasks, each with a picture and what annotators drew on it.

https://labelstud.io/guide/export has the form, and https://labelstud.io/guide/predictions what the
shapes are: parts of a hundred of the picture's size, and run lengths of their own kind. Polygons
have the pixels that pycocotools gives them, as in Label Studio's exports to COCO.

What two annotators say of one picture are two accounts of it. Each has a domain, so they are
never mixed, and can be compared.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from iidindex.errors import ExchangeError
from iidindex.formats.annotation import Annotation, Picture, Refusals, Refused, described
from iidindex.formats.drawn_shapes import Ring, UnusableError, ellipse, number, polygon, rectangle
from iidindex.formats.identity import as_address, field_of
from iidindex.formats.json_ranges import Elements, decode, peek, scan
from iidindex.formats.label_studio_rle import decode_opacity
from iidindex.formats.mentioned import NOBODY_NOTE, check_mentioned
from iidindex.formats.reading import (
    Options,
    SourceFiles,
    Survey,
    Task,
    byte_range,
    only_json,
    suffix,
)
from iidindex.formats.segmentation import MOST_PIXELS, whole
from iidindex.masks.polygons import draw
from iidindex.masks.regions import Bool2D
from iidindex.model import BBox

NAME = "label-studio"

_PICTURES = frozenset(
    {".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".png", ".svg", ".tif", ".tiff", ".webp"}
)
# A picture that was uploaded, and the number of its project.
_UPLOADED = re.compile(r"^/?data/upload/(?:\d+/)?")
_SERVED = re.compile(r"^/?data/local-files/?")

_DRAWN = ("brush", "polygon", "rectangle", "ellipse")
_NOT_READ = ("keypoint", "vector", "bitmask", "videorectangle")

_SKIPPED_NOTE = "annotations that were skipped by their annotators"
_PREDICTIONS_NOTE = "tasks with predictions, which are not read"


class _At(NamedTuple):
    """Where a task lies, and what its annotations are called after."""

    offset: int
    length: int
    lead: str


@dataclass
class _Region:
    """Something that was drawn: all results of one id in one annotation."""

    record: str
    address: bytes
    domain: bytes
    results: list[dict[str, Any]]

    def value(self, name: str) -> Any:
        """The first value of a field; a list of one thing is that thing."""
        for result in self.results:
            value = field_of(result, name)
            if isinstance(value, list) and len(value) == 1:
                value = value[0]
            if value is not None:
                return value
        return None

    def labels(self) -> tuple[str, ...]:
        """What it was called."""
        found: list[str] = []
        for result in self.results:
            value = result.get("value")
            for name, told in value.items() if isinstance(value, dict) else ():
                if name.endswith("labels") and isinstance(told, list):
                    found += [label for label in told if isinstance(label, str) and label]
        return tuple(dict.fromkeys(found))


class LabelStudio:
    """Label Studio."""

    def recognise(self, source: SourceFiles) -> str | None:
        """A list of tasks with data and annotations."""
        name = only_json(source)
        if name is None:
            return None
        first = peek(byte_range(source, name)).get(None)
        if isinstance(first, dict) and {"data", "annotations"} <= set(first):
            return "a list of tasks with data and annotations"
        return None

    def survey(self, source: SourceFiles, options: Options) -> Survey:
        """Note where each task lies."""
        name = only_json(source)
        if name is None:
            raise ExchangeError("expected one JSON file", source=source.name)
        if options.identity is not None:
            check_mentioned([byte_range(source, name)], options.identity)
        refused = Refusals()
        found: list[tuple[str, _At]] = []
        try:
            for part in scan(byte_range(source, name)):
                if not isinstance(part, Elements) or part.name is not None:
                    raise ExchangeError("is an object; expected a list of tasks")
                ranges = zip(part.offset.tolist(), part.length.tolist(), strict=True)
                for record, (offset, length) in zip(part.outlines, ranges, strict=True):
                    if isinstance(record, dict):
                        lead = as_address(record.get("id")) or b""
                        at = _At(offset, length, lead.decode("utf-8", "replace"))
                        found.append((_name_of(record), at))
                    else:
                        problem = f"found {record!r:.60}; expected an object"
                        refused.add(Refused("task", f"task at byte {offset}", problem))
        except ExchangeError as error:
            raise ExchangeError(error.problem, error.record, error.source or name) from error
        tasks = list(_told_apart(found))
        told = options.identity or "task and region, as a region is of one picture"
        return Survey(tasks, len(tasks), told, name, refused)

    def read(self, source: SourceFiles, options: Options, shared: str, task: Task) -> Picture:
        """Decode and draw what annotators made of a task."""
        at: _At = task.at
        record = decode(source.range(shared, at.offset, at.length), at.offset)
        picture = Picture(task.name, None, None, {}, [])
        regions = list(_regions_of(record, at.lead, picture, source, options))
        size = _size_of(regions)
        fields = {"id": record["id"]} if isinstance(record.get("id"), (int, str)) else {}
        picture.meta = described(NAME, shared, size, fields)
        if size is not None:
            picture.width, picture.height = size
        _annotate(picture, regions, size, options)
        if isinstance(record.get("predictions"), list) and record["predictions"]:
            picture.note(_PREDICTIONS_NOTE)
        return picture


def _told_apart(found: list[tuple[str, _At]]) -> Iterator[Task]:
    """Tasks, with a number of their own for those that have none or share it."""
    times = Counter(at.lead for _, at in found)
    for place, (name, at) in enumerate(found):
        if not at.lead or times[at.lead] > 1:
            at = at._replace(lead=f"task {place}")
        yield Task(name or at.lead, at)


# ---------------------------------------------------------------------- names


def _name_of(record: dict[str, Any]) -> str:
    """The name of a task's picture; empty if there is none.

    It stands under whatever name the project's settings have, mostly ``image``.
    """
    data = record.get("data")
    values = [data.get("image"), *data.values()] if isinstance(data, dict) else []
    for value in [*values, record.get("file_upload")]:
        if isinstance(value, str):
            path = path_of(value)
            if suffix(path) in _PICTURES:
                return path
    return ""


def path_of(address: str) -> str:
    r"""The path that the address of a picture tells, as files are called.

    Examples
    --------
    >>> path_of("/data/upload/3/1a2b-a%20b.jpg"), path_of("/data/local-files/?d=a%2Fb.jpg")
    ('1a2b-a b.jpg', 'a/b.jpg')
    >>> path_of("s3://bucket/a/b.jpg"), path_of("images\\a.jpg")
    ('a/b.jpg', 'images/a.jpg')
    """
    try:
        parts = urlsplit(address)
        query = parse_qs(parts.query)
    except ValueError:
        return ""
    if parts.scheme == "data":
        return ""
    if _SERVED.match(parts.path) and query.get("d"):
        path = query["d"][0]
    elif len(parts.scheme) > 1 or _UPLOADED.match(parts.path):
        path = unquote(_UPLOADED.sub("", parts.path), errors="replace")
    else:
        # No address, but a path; in names there may be any mark.
        path = unquote(address, errors="replace")
    return path.replace("\\", "/").lstrip("/")


# ---------------------------------------------------------------------- one picture


def _regions_of(
    record: dict[str, Any], lead: str, picture: Picture, source: SourceFiles, options: Options
) -> Iterator[_Region]:
    annotations = record.get("annotations")
    if not isinstance(annotations, list):
        raise ExchangeError(f"annotations are {annotations!r:.60}; expected a list")
    for nth, annotation in enumerate(annotations):
        results = annotation.get("result") if isinstance(annotation, dict) else None
        if not isinstance(results, list):
            problem = f"found {annotation!r:.60}; expected an object with a list of results"
            picture.refused.append(Refused("annotation", f"annotation {nth}", problem))
            continue
        if annotation.get("was_cancelled") is True:
            picture.note(_SKIPPED_NOTE)
            continue
        domain = options.domain_of(source, _annotator(annotation))
        together: dict[bytes, _Region] = {}
        for place, result in enumerate(results):
            told = f"annotation {nth}, result {place}"
            if not isinstance(result, dict):
                problem = f"found {result!r:.60}; expected an object"
                picture.refused.append(Refused("result", told, problem))
                continue
            own_id = as_address(result.get("id"))
            if own_id is not None and own_id in together:
                together[own_id].results.append(result)
                continue
            key = f"{nth}/{place}".encode() if own_id is None else own_id
            address = lead.encode("utf-8", "surrogatepass") + b"/" + key
            # What has no id is nobody's; no id begins like this.
            together[own_id or b"\0" + key] = _Region(told, address, domain, [result])
        yield from together.values()


def _annotator(annotation: dict[str, Any]) -> str:
    """Who made an annotation: a number, or the mail address where there is none."""
    who = annotation.get("completed_by")
    if isinstance(who, dict):
        who = who.get("email") if as_address(who.get("id")) is None else who["id"]
    known = as_address(who)
    return "" if known is None else known.decode("utf-8", "replace")


def _kind_of(result: dict[str, Any]) -> str | None:
    """What a result has drawn; None if it says something about a region or the picture."""
    kind, value = result.get("type"), result.get("value")
    if not isinstance(kind, str) or not isinstance(value, dict):
        return None
    kind = kind.lower().removesuffix("labels")
    if kind in _DRAWN or kind in _NOT_READ:
        return kind
    if kind:
        return None
    # A tag for the labels of all tools has no name of the tool.
    told = {"rle": "brush", "points": "polygon", "radiusX": "ellipse", "height": "rectangle"}
    return next((drawn for name, drawn in told.items() if name in value), None)


def _size_of(regions: list[_Region]) -> tuple[int, int] | None:
    """The picture's size, which everything that was drawn tells."""
    for region in regions:
        for result in region.results:
            size = _told_size(result)
            if _kind_of(result) is not None and size is not None:
                return size
    return None


def _told_size(result: dict[str, Any]) -> tuple[int, int] | None:
    width, height = whole(result.get("original_width")), whole(result.get("original_height"))
    return None if width is None or height is None else (width, height)


def _annotate(
    picture: Picture, regions: list[_Region], size: tuple[int, int] | None, options: Options
) -> None:
    masks: dict[int, tuple[BBox, Bool2D]] = {}
    rings: dict[int, list[Ring]] = {}
    for place, region in enumerate(regions):
        drawn = next((one for one in region.results if _kind_of(one) is not None), None)
        if drawn is None:
            continue
        try:
            shape = _shape_of(drawn, size)
        except UnusableError as error:
            picture.refused.append(error.of(region.record))
            continue
        if isinstance(shape, tuple):
            masks[place] = shape
        else:
            rings[place] = [shape]
    width, height = size or (MOST_PIXELS, MOST_PIXELS)
    masks.update(zip(rings, draw(list(rings.values()), height, width, "coco"), strict=True))
    has_identity = False
    for place in sorted(masks):
        bbox, mask = masks[place]
        region = regions[place]
        if not bbox.n_pixels:
            problem = "it has no pixel inside the picture"
            picture.refused.append(Refused("empty", region.record, problem))
            continue
        known = None if options.identity is None else as_address(region.value(options.identity))
        has_identity |= known is not None
        groups = _groups_of(region, options.group_by)
        address = region.address if known is None else known
        picture.entries.append(Annotation(address, region.domain, bbox, mask, groups))
    if picture.entries and options.identity is not None and not has_identity:
        picture.note(NOBODY_NOTE)
    times = Counter((entry.domain, entry.address) for entry in picture.entries)
    if any(count > 1 for count in times.values()):
        picture.note("individuals that are in one picture several times")


def _groups_of(region: _Region, group_by: str | None) -> tuple[str, ...]:
    if group_by is None:
        return region.labels()
    value = region.value(group_by)
    named = value if isinstance(value, list) else [value]
    groups = [str(name) for name in named if isinstance(name, (str, int, float)) and name != ""]
    return tuple(dict.fromkeys(groups))


def _shape_of(result: dict[str, Any], size: tuple[int, int] | None) -> Ring | tuple[BBox, Bool2D]:
    """A ring that is left to draw, or a mask."""
    kind, value = _kind_of(result), result["value"]
    if kind in _NOT_READ:
        raise UnusableError(str(kind), f"is of type {kind}, which is not read")
    own = _told_size(result)
    if own is None or size is None or own != size:
        told = [result.get("original_width"), result.get("original_height")]
        wanted = "two whole numbers" if size is None or own is None else f"{list(size)}"
        raise UnusableError(
            "size", f"original_width and original_height are {told!r:.60}; expected {wanted}"
        )
    if result.get("image_rotation") not in (0, None):
        # Which of the two pictures the numbers are of, nothing tells.
        raise UnusableError(
            "turned picture", f"image_rotation is {result['image_rotation']!r:.40}; expected 0"
        )
    if kind == "brush":
        if value.get("format") != "rle":
            raise UnusableError("brush", f"format is {value.get('format')!r:.40}; expected 'rle'")
        try:
            return decode_opacity(value.get("rle"), size[1], size[0])
        except ExchangeError as error:
            raise UnusableError("brush", error.problem) from None
    if kind == "polygon":
        if value.get("closed") is False:
            raise UnusableError("open polygon", "closed is false, so it has no inside")
        return polygon(polygon(value.get("points")) * (size[0] / 100, size[1] / 100))
    return _ring_of(value, kind, size)


def _ring_of(value: dict[str, Any], kind: str | None, size: tuple[int, int]) -> Ring:
    names = (
        ("x", "y", "width", "height") if kind == "rectangle" else ("x", "y", "radiusX", "radiusY")
    )
    x, y, across, down = (
        number(value.get(name), name) * size[nth % 2] / 100 for nth, name in enumerate(names)
    )
    degrees = number(value.get("rotation") or 0, "rotation")
    if kind == "rectangle":
        # It is turned about the corner that was the upper left one.
        return rectangle((x, y), (x + across, y + down), degrees, about=(x, y))
    return ellipse((x, y), (across, down), degrees)


FORMAT = LabelStudio()
