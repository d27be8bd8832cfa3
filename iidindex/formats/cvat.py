"""CVAT's XML 1.1, for images and for video.

https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/ has the form. A track's number
tells one object through all frames of its task, and no further; so the task is part of the
domain. Polygons have the pixels that pycocotools gives them, which CVAT draws with, too. A mask's
run lengths go along the rows of its own box, other than COCO's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from iidindex.errors import ExchangeError
from iidindex.formats.annotation import Annotation, Picture, Refused, described
from iidindex.formats.cvat_survey import ROOT, FrameAt, ImageAt, Pass, Track
from iidindex.formats.drawn_shapes import (
    Ring,
    UnusableError,
    check_extent,
    ellipse,
    number,
    polygon,
    rectangle,
)
from iidindex.formats.identity import as_address, field_of
from iidindex.formats.reading import Options, SourceFiles, Survey, Task
from iidindex.formats.segmentation import MOST_PIXELS, whole
from iidindex.formats.xml_pieces import elements_of, pass_over
from iidindex.masks.polygons import draw
from iidindex.masks.regions import Bool2D
from iidindex.masks.rle import decode
from iidindex.model import BBox

NAME = "cvat"

_GLANCE = 1 << 16
_ROOT = re.compile(rb"<annotations[\s>]")
_CHILD = re.compile(rb"<(?:meta|image|track)[\s>]")
_NO_AREA = ("polyline", "points", "skeleton", "cuboid", "tag")


@dataclass(frozen=True)
class _Shared:
    """What every picture's reading needs."""

    file: str
    encoding: str | None
    tracks: list[Track]
    identity: str | None


class _Domains(NamedTuple):
    """Of numbers and names that a task gives, and of what a field tells."""

    of_task: bytes
    of_field: bytes


@dataclass
class _Shape:
    """An annotation: its element, and what CVAT's attributes say."""

    kind: str
    values: dict[str, str]
    attributes: dict[str, str]
    record: str
    address: bytes

    def field(self, name: str) -> Any:
        """A value by its name, of the element or among the attributes."""
        value = self.values.get(name)
        if value is None:
            value = field_of({"attributes": self.attributes}, name)
        return self.attributes.get(name) if value is None else value


class Cvat:
    """CVAT's XML."""

    def recognise(self, source: SourceFiles) -> str | None:
        """One XML of annotations with images or tracks."""
        names = _xml_of(source)
        if len(names) != 1:
            return None
        data = source.range(names[0], 0, _GLANCE)
        root = _ROOT.search(data)
        if root is not None and _CHILD.search(data, root.start()):
            return f"an XML of <{ROOT}>"
        return None

    def survey(self, source: SourceFiles, options: Options) -> Survey:
        """Note where each image, and each shape of a track, lies."""
        names = _xml_of(source)
        if len(names) != 1:
            raise ExchangeError(f"holds {len(names)} XML files; expected one", source=source.name)
        found = Pass(options.identity)
        try:
            pass_over(lambda offset, length: source.range(names[0], offset, length), found)
        except ExchangeError as error:
            raise ExchangeError(error.problem, error.record, names[0]) from error
        if options.identity is not None and found.identity is None:
            raise ExchangeError(
                f"no annotation has an identity in the field {options.identity!r}",
                source=names[0],
            )
        tasks = found.tasks()
        told = "image and position, as annotations have no id"
        told = "the track" if found.tracks else told
        shared = _Shared(names[0], found.encoding, found.distinct_tracks(), found.identity)
        return Survey(
            tasks, len(tasks), found.identity or told, shared, found.refused, found.notes()
        )

    def read(self, source: SourceFiles, options: Options, shared: _Shared, task: Task) -> Picture:
        """Decode and draw what is on an image or frame."""
        at: ImageAt | FrameAt = task.at
        if isinstance(at, ImageAt):
            size, fields, shapes = _of_image(source, shared, at)
        else:
            size, fields, shapes = at.size, {"frame": at.frame}, _of_frame(source, shared, at)
        if at.sequence:
            fields["task"] = at.sequence
        picture = Picture(task.name, None, None, described(NAME, shared.file, size, fields), [])
        if size is not None:
            picture.width, picture.height = size
        in_task = options.domain_of(source, at.sequence)
        # A field that was asked for tells more than one of a task's own.
        asked = in_task if options.identity is None else options.domain_of(source)
        _annotate(picture, list(shapes), options, shared, _Domains(in_task, asked))
        return picture


def _xml_of(source: SourceFiles) -> list[str]:
    return [name for name in source.names() if name.lower().endswith(".xml")]


# ---------------------------------------------------------------------- one picture


def _of_image(
    source: SourceFiles, shared: _Shared, at: ImageAt
) -> tuple[tuple[int, int] | None, dict[str, Any], Iterator[_Shape]]:
    data = source.range(shared.file, at.offset, at.length)
    ((_, values, _),) = elements_of(data, shared.encoding, are_inside=False)
    told = [values.get(name, "") for name in ("width", "height")]
    sides = [whole(int(side)) if side.isdecimal() and len(side) < 10 else None for side in told]
    width, height = sides
    if width is None or height is None:
        raise ExchangeError(
            f"width and height are {told[0]!r:.40} and {told[1]!r:.40}; "
            f"expected whole numbers from 1 to {MOST_PIXELS}"
        )
    lead = at.lead.encode("utf-8", "surrogatepass")
    shapes = (
        _Shape(kind, values, attributes, f"{kind} {place}", lead + f"/{place}".encode())
        for place, (kind, values, attributes) in enumerate(
            elements_of(data, shared.encoding, are_inside=True)
        )
    )
    fields: dict[str, Any] = {name: values[name] for name in ("id", "subset") if name in values}
    return (width, height), fields, shapes


def _of_frame(source: SourceFiles, shared: _Shared, at: FrameAt) -> Iterator[_Shape]:
    if not len(at.offsets):
        return
    ranges = zip(at.offsets.tolist(), at.lengths.tolist(), at.tracks.tolist(), strict=True)
    with source.open(shared.file) as file:
        for offset, length, of in ranges:
            file.seek(offset)
            data = file.read(length)
            track = shared.tracks[of]
            label = {} if track.label is None else {"label": track.label}
            for kind, values, attributes in elements_of(data, shared.encoding, are_inside=False):
                record = f"{kind} of track {track.number:.40}"
                address = track.number.encode("utf-8", "surrogatepass")
                yield _Shape(kind, {**label, **values}, attributes, record, address)


def _annotate(
    picture: Picture,
    shapes: list[_Shape],
    options: Options,
    shared: _Shared,
    domains: _Domains,
) -> None:
    size = None
    if picture.width is not None and picture.height is not None:
        size = (picture.width, picture.height)
    masks: dict[int, tuple[BBox, Bool2D]] = {}
    rings: dict[int, list[Ring]] = {}
    for place, shape in enumerate(shapes):
        try:
            if shape.kind == "mask":
                masks[place] = _mask_of(shape.values, size)
            else:
                rings[place] = [_ring_of(shape)]
                check_extent([rings[place]], size)
        except UnusableError as error:
            rings.pop(place, None)
            picture.refused.append(error.of(shape.record))
    width, height = size or (MOST_PIXELS, MOST_PIXELS)
    masks.update(zip(rings, draw(list(rings.values()), height, width, "coco"), strict=True))
    for place in sorted(masks):
        bbox, mask = masks[place]
        shape = shapes[place]
        if not bbox.n_pixels:
            problem = "it has no pixel inside the picture"
            picture.refused.append(Refused("empty", shape.record, problem))
            continue
        known = None if shared.identity is None else as_address(shape.field(shared.identity))
        domain = domains.of_task if known is None else domains.of_field
        groups = _groups_of(shape, options.group_by)
        picture.entries.append(Annotation(known or shape.address, domain, bbox, mask, groups))


def _ring_of(shape: _Shape) -> Ring:
    values = shape.values
    if shape.kind == "polygon":
        try:
            points = list(map(float, values.get("points", "").replace(";", ",").split(",")))
        except ValueError:
            told = values.get("points")
            raise UnusableError(
                "coordinates", f"points are {told!r:.60}; expected x,y;x,y;…"
            ) from None
        return polygon(points)
    if shape.kind == "box":
        left, top, right, bottom = (number(values.get(name), name) for name in _BOX)
        return rectangle(
            (left, top), (right, bottom), number(values.get("rotation", 0), "rotation")
        )
    if shape.kind == "ellipse":
        x, y, of_x, of_y = (number(values.get(name), name) for name in _ELLIPSE)
        return ellipse((x, y), (of_x, of_y), number(values.get("rotation", 0), "rotation"))
    if shape.kind in _NO_AREA:
        raise UnusableError(shape.kind, f"is a {shape.kind}, which has no area here")
    raise UnusableError("shape", f"is a <{shape.kind:.40}>; expected polygon, mask, box or ellipse")


_BOX = ("xtl", "ytl", "xbr", "ybr")
_ELLIPSE = ("cx", "cy", "rx", "ry")


def _mask_of(values: dict[str, str], size: tuple[int, int] | None) -> tuple[BBox, Bool2D]:
    left, top = _integer(values, "left"), _integer(values, "top")
    width, height = _integer(values, "width"), _integer(values, "height")
    if not (1 <= width <= MOST_PIXELS and 1 <= height <= MOST_PIXELS):
        raise UnusableError("mask", f"is {width} x {height} pixels; expected 1 to {MOST_PIXELS}")
    if left < 0 or top < 0 or (size and (left + width > size[0] or top + height > size[1])):
        raise UnusableError(
            "mask", f"reaches from {left}, {top} to {left + width}, {top + height}, outside of it"
        )
    try:
        counts = list(map(int, values.get("rle", "").split(",")))
        box, mask = decode(counts, height, width, "rows")
    except ExchangeError as error:
        raise UnusableError("mask", error.problem) from None
    except ValueError:
        told = values.get("rle")
        raise UnusableError("mask", f"rle is {told!r:.60}; expected numbers and commas") from None
    if not box.n_pixels:
        return box, mask
    return BBox(box.minr + top, box.minc + left, box.maxr + top, box.maxc + left), mask


def _integer(values: dict[str, str], name: str) -> int:
    found = number(values.get(name), name)
    if not found.is_integer():
        raise UnusableError("mask", f"{name} is {found:g}; expected a whole number")
    return int(found)


def _groups_of(shape: _Shape, group_by: str | None) -> tuple[str, ...]:
    value = shape.values.get("label") if group_by is None else shape.field(group_by)
    return (str(value),) if value not in (None, "") else ()


FORMAT = Cvat()
