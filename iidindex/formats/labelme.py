"""LabelMe: a JSON beside each picture, with the shapes that were drawn on it.

https://github.com/wkentaro/labelme draws them by ``labelme/utils/shape.py``, with Pillow:
corners are the centres of pixels, their fractions cut off, and the border belongs to the shape.
Shapes with one label and one ``group_id`` are parts of one thing (``shapes_to_label`` there).
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import math
import re
import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from iidindex.errors import ExchangeError
from iidindex.formats.annotation import Annotation, Picture, Refused, described
from iidindex.formats.drawn_shapes import (
    Ring,
    Room,
    UnusableError,
    number,
    polygon,
    tight,
    united,
)
from iidindex.formats.identity import as_address, field_of
from iidindex.formats.json_ranges import Elements, decode, peek, scan
from iidindex.formats.mentioned import NOBODY_NOTE, check_mentioned
from iidindex.formats.reading import (
    Options,
    SourceFiles,
    Survey,
    Task,
    byte_range,
    stem,
    suffix,
    without_suffix,
)
from iidindex.formats.segmentation import MOST_PIXELS, box_sizes, whole
from iidindex.masks.polygons import draw
from iidindex.masks.regions import Bool2D
from iidindex.model import BBox

NAME = "labelme"

_LOOKED_AT = 5
# The name of the picture stands behind the shapes, and before the picture itself.
_GLANCE = 1 << 16
_IMAGE_PATH = re.compile(rb'(?<!\\)"imagePath"\s*:\s*("(?:[^"\\\x00-\x1f]|\\.)*")')
_DRIVE = re.compile(r"^[A-Za-z]:")

_FIELDS = ("imagePath", "imageWidth", "imageHeight", "version", "flags")
_NO_AREA = ("point", "points", "line", "linestrip")
_OUTLINED = ("polygon", "oriented_rectangle")


class LabelMe:
    """LabelMe."""

    def recognise(self, source: SourceFiles) -> str | None:
        """JSON files with shapes and the path of a picture."""
        names = _json_of(source)[:_LOOKED_AT]
        if names and all(_holds_shapes(source, name) for name in names):
            return "shapes beside the path of a picture"
        return None

    def survey(self, source: SourceFiles, options: Options) -> Survey:
        """Find the files, and which picture each is of."""
        names = _json_of(source)
        if not names:
            raise ExchangeError("holds no JSON; expected *.json", source=source.name)
        if options.identity is not None:
            check_mentioned((byte_range(source, name) for name in names), options.identity)
        tasks = [Task(_picture_of(source, name), name) for name in names]
        told = options.identity or "file and position, as shapes have no id"
        return Survey(tasks, len(tasks), told, options.domain_of(source))

    def read(self, source: SourceFiles, options: Options, shared: bytes, task: Task) -> Picture:
        """Draw the shapes of a picture."""
        file: str = task.at
        shapes: list[Any] = []
        fields: dict[str, Any] = {}
        is_read = False

        read = byte_range(source, file)
        for part in scan(read):
            if not isinstance(part, Elements):
                # The picture itself may be there, in base64; it is passed over.
                if part.name in _FIELDS:
                    fields[part.name] = decode(read(part.offset, part.length), part.offset)
            elif part.name == "shapes":
                is_read = True
                if len(part.offset):
                    first, last = int(part.offset[0]), int(part.offset[-1] + part.length[-1])
                    shapes += decode(b"[" + read(first, last - first) + b"]", first)
        if not is_read:
            raise ExchangeError("has no list of shapes", source=file)
        size = _size_of(fields)
        told = {name: fields[name] for name in ("version", "flags") if fields.get(name)}
        picture = Picture(task.name, *size, described(NAME, file, size, told), [])
        # `load_image_file` turns a picture as EXIF tells before anybody draws on it.
        picture.is_shown = True
        _annotate(picture, shapes, size, shared, options)
        return picture


# ---------------------------------------------------------------------- files


def _json_of(source: SourceFiles) -> list[str]:
    return [name for name in source.names() if suffix(name) == ".json"]


def _holds_shapes(source: SourceFiles, name: str) -> bool:
    found = peek(byte_range(source, name))
    if "shapes" not in found:
        return False
    first = found["shapes"]
    if first is None:
        return "version" in found or "imagePath" in found
    return isinstance(first, dict) and {"label", "points"} <= set(first)


def _picture_of(source: SourceFiles, name: str) -> str:
    """The path of a file's picture within the source, or that of the file if it tells none."""
    folder = name.rpartition("/")[0]
    told = _told_picture(source, name)
    parts = folder.split("/") if folder else []
    if told is not None and not told.startswith("/") and not _DRIVE.match(told):
        for part in told.split("/"):
            if part == "..":
                parts = parts[:-1]
            elif part not in ("", "."):
                parts.append(part)
        return "/".join(parts)
    # Where the picture was on another machine tells nothing; it lies beside its file.
    end = "" if told is None else suffix(told)
    return "/".join([*parts, stem(name) + end])


def _told_picture(source: SourceFiles, name: str) -> str | None:
    try:
        data = source.range(name, 0, _GLANCE)
        found = _IMAGE_PATH.search(data)
        if found is None and len(data) == _GLANCE:
            found = _IMAGE_PATH.search(source.read(name))
    except ExchangeError:
        return None  # It is refused when it is read.
    if found is None:
        return None
    try:
        path = json.loads(found[1])
        path.encode()
    except (ValueError, UnicodeError):
        return None
    path = path.replace("\\", "/")
    return path if path.rpartition("/")[2] not in ("", ".", "..") and "\0" not in path else None


def _size_of(fields: dict[str, Any]) -> tuple[int, int]:
    width, height = whole(fields.get("imageWidth")), whole(fields.get("imageHeight"))
    if width is None or height is None:
        raise ExchangeError(
            f"imageWidth and imageHeight are {fields.get('imageWidth')!r:.40} and "
            f"{fields.get('imageHeight')!r:.40}; expected whole numbers from 1 to {MOST_PIXELS}"
        )
    return width, height


# ---------------------------------------------------------------------- one picture


def _annotate(
    picture: Picture,
    shapes: list[Any],
    size: tuple[int, int],
    domain: bytes,
    options: Options,
) -> None:
    usable: dict[int, Ring | tuple[BBox, Bool2D]] = {}
    room = Room()
    for place, shape in enumerate(shapes):
        try:
            usable[place] = _drawn(shape, size, room)
        except UnusableError as error:
            picture.refused.append(error.of(_record_of(shape, place)))
    rings = {place: one for place, one in usable.items() if isinstance(one, np.ndarray)}
    masks = {place: one for place, one in usable.items() if isinstance(one, tuple)}
    outlined = draw([[ring] for ring in rings.values()], size[1], size[0], "border")
    masks.update(zip(rings, outlined, strict=True))
    # Two files may be of one picture, so this one's name is the better one.
    lead = without_suffix(picture.meta["source"]["file"]).encode("utf-8", "surrogateescape")
    has_identity = False
    for places in _things(shapes):
        first = shapes[places[0]]
        try:
            bbox, mask = united([masks[place] for place in places if place in masks], room)
        except UnusableError as error:
            picture.refused.append(error.of(_record_of(first, places[0])))
            continue
        if not bbox.n_pixels:
            if any(place in masks for place in places):
                problem = "it has no pixel inside the picture"
                picture.refused.append(Refused("empty", _record_of(first, places[0]), problem))
            continue
        address = lead + f"/{places[0]}".encode()
        if options.identity is not None:
            known = as_address(field_of(first, options.identity))
            has_identity |= known is not None
            address = known or address
        groups = _groups_of(first, options.group_by)
        picture.entries.append(Annotation(address, domain, bbox, mask, groups))
    if picture.entries and options.identity is not None and not has_identity:
        picture.note(NOBODY_NOTE)


def _things(shapes: list[Any]) -> Iterator[list[int]]:
    """The places of shapes that are one thing, in the order of their first."""
    together: dict[tuple[str, int | str], list[int]] = {}
    found: list[list[int]] = []
    for place, shape in enumerate(shapes):
        if not isinstance(shape, dict):
            continue
        group, label = shape.get("group_id"), shape.get("label")
        if isinstance(group, (int, str)) and not isinstance(group, bool) and isinstance(label, str):
            key = (label, group)
            if key in together:
                together[key].append(place)
                continue
            together[key] = [place]
            found.append(together[key])
        else:
            found.append([place])
    yield from found


def _drawn(shape: Any, size: tuple[int, int], room: Room) -> Ring | tuple[BBox, Bool2D]:
    """A ring that is left to draw, or a mask."""
    if not isinstance(shape, dict):
        raise UnusableError("shape", f"found {shape!r:.60}; expected an object")
    kind = shape.get("shape_type")
    points = shape.get("points")
    if kind is None or kind in _OUTLINED:
        ring = polygon(points)
        ((height, width),) = box_sizes([[ring]], size).tolist()
        room.take(height, width)
        return ring
    if kind in ("circle", "rectangle", "mask"):
        corners = _two_points(points, kind)
        draw_it = {"circle": _circle, "rectangle": _rectangle}.get(kind)
        return (draw_it or partial(_stored_mask, shape))(corners, size, room)
    if kind in _NO_AREA:
        raise UnusableError(str(kind), f"is a {kind}, which has no area")
    raise UnusableError(
        "shape_type",
        f"shape_type is {kind!r:.40}; expected polygon, rectangle, oriented_rectangle, circle "
        "or mask",
    )


Corners = tuple[tuple[float, float], tuple[float, float]]


def _two_points(points: Any, kind: str) -> Corners:
    if not isinstance(points, list) or len(points) != 2:
        raise UnusableError("coordinates", f"points are {points!r:.60}; a {kind} has two")
    found = []
    for point in points:
        if not isinstance(point, list) or len(point) != 2:
            raise UnusableError("coordinates", f"a point is {point!r:.60}; expected x and y")
        found.append((number(point[0], "x"), number(point[1], "y")))
    return found[0], found[1]


def _rectangle(corners: Corners, size: tuple[int, int], room: Room) -> tuple[BBox, Bool2D]:
    """The border is inside, as in Pillow's `ImageDraw.rectangle`, which cuts fractions off."""
    xs, ys = (sorted(map(int, pair)) for pair in zip(*corners, strict=True))
    top, left = max(0, ys[0]), max(0, xs[0])
    bottom, right = min(size[1], ys[1] + 1), min(size[0], xs[1] + 1)
    if top >= bottom or left >= right:
        return united([])
    room.take(bottom - top, right - left)
    return BBox(top, left, bottom, right), np.ones((bottom - top, right - left), np.bool_)


def _circle(corners: Corners, size: tuple[int, int], room: Room) -> tuple[BBox, Bool2D]:
    """A middle and a point of the border, as in Pillow's `ImageDraw.ellipse`."""
    from PIL import Image, ImageDraw

    (x, y), (of_x, of_y) = corners
    radius = math.hypot(x - of_x, y - of_y)
    left, top, right, bottom = map(int, (x - radius, y - radius, x + radius, y + radius))
    first_x, first_y = max(0, left), max(0, top)
    end_x, end_y = min(size[0], right + 1), min(size[1], bottom + 1)
    if first_x >= end_x or first_y >= end_y:
        return united([])
    room.take(end_y - first_y, end_x - first_x)
    image = Image.new("L", (end_x - first_x, end_y - first_y))
    box = (left - first_x, top - first_y, right - first_x, bottom - first_y)
    ImageDraw.Draw(image).ellipse(box, outline=1, fill=1)
    return tight(np.asarray(image) > 0, first_y, first_x)


def _stored_mask(
    shape: dict[str, Any], corners: Corners, size: tuple[int, int], room: Room
) -> tuple[BBox, Bool2D]:
    """A mask that is an image in base64, and its first and last pixel."""
    mask = _decoded(shape.get("mask"), room)
    (x, y), (last_x, last_y) = corners
    left, top = round(x), round(y)
    if all(value.is_integer() for corner in corners for value in corner):
        wanted = (int(last_y) - top + 1, int(last_x) - left + 1)
        if mask.shape != wanted:
            raise UnusableError(
                "mask", f"the mask is {mask.shape} (height, width); its points are {wanted} apart"
            )
    rows = slice(max(0, -top), max(0, size[1] - top))
    columns = slice(max(0, -left), max(0, size[0] - left))
    return tight(mask[rows, columns], max(0, top), max(0, left))


def _decoded(data: Any, room: Room) -> Bool2D:
    from PIL import Image

    if not isinstance(data, str):
        raise UnusableError("mask", f"mask is {data!r:.40}; expected an image in base64")
    try:
        packed = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnusableError("mask", f"mask is not base64: {error}") from None
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            Image.open(io.BytesIO(packed), formats=("PNG", "JPEG")) as image,
        ):
            room.take(image.size[1], image.size[0])
            found = np.asarray(image)
    except (MemoryError, UnusableError):
        raise
    except Exception as error:  # any bytes may come, and decoders raise of all kinds
        raise UnusableError("mask", f"mask is no image: {error!s:.80}") from None
    if found.ndim != 2:
        raise UnusableError("mask", f"mask has {found.shape[2]} samples a pixel; expected one")
    inside: Bool2D = found != 0
    return inside


def _groups_of(shape: dict[str, Any], group_by: str | None) -> tuple[str, ...]:
    value = field_of(shape, "label" if group_by is None else group_by)
    if isinstance(value, dict):
        # Flags are a mapping of names to true and false.
        value = [name for name, is_set in value.items() if is_set is True]
    named = value if isinstance(value, list) else [value]
    groups = [str(name) for name in named if isinstance(name, (str, int, float)) and name != ""]
    return tuple(dict.fromkeys(groups))


def _record_of(shape: Any, place: int) -> str:
    label = shape.get("label") if isinstance(shape, dict) else None
    return f"shape {place}" if label is None else f"shape {place}, {label!r:.60}"


FORMAT = LabelMe()
