"""GeoJSON as QuPath writes it: a file a picture, and a feature for each object.

https://qupath.readthedocs.io/en/stable/docs/advanced/exporting_annotations.html and RFC 7946
have the form. Coordinates are edges of pixels, x before y; further rings of a polygon are holes,
and polygons of one object are united. The nucleus of a cell is an entry of its own: it is part of
the cell, and an individual that is twice in one picture would be a fault.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np

from iidindex.errors import ExchangeError
from iidindex.formats.annotation import Annotation, Picture, Refusals, Refused, described
from iidindex.formats.byte_texts import bytes_of
from iidindex.formats.drawn_shapes import Ring, UnusableError, check_extent, polygon, united
from iidindex.formats.identity import as_address, field_of
from iidindex.formats.image_headers import stored_picture
from iidindex.formats.json_ranges import ByteRange, Elements, decode, peek, scan
from iidindex.formats.mentioned import NOBODY_NOTE, check_mentioned
from iidindex.formats.reading import (
    Options,
    SourceFiles,
    Survey,
    Task,
    byte_range,
    stem,
    suffix,
)
from iidindex.formats.segmentation import MOST_PIXELS, whole
from iidindex.masks.polygons import draw

NAME = "geojson"
# The member of our own files that tells the size; only beside it are addresses taken for such.
OWN_MEMBER = "iidindex"
NUCLEUS = "nucleus"

_SUFFIXES = (".geojson", ".json")
_LOOKED_AT = 5

# A plane other than the first is told in the geometry of an object.
_PLANE = re.compile(rb'"[zt]"\s*:\s*[1-9]')
_BLOCK = 1 << 22
_OVERLAP = 1 << 6

# Properties that tell whose an object is, and what.
_KEPT = ("address", "address_b64", "domain", "domain_b64", "groups", "classification", "key")

# Members of a collection, and of a feature that is the whole file.
_OF_A_FILE = (OWN_MEMBER, "crs", "type", "id", "geometry", "nucleusGeometry", "properties")

_NO_AREA = ("Point", "MultiPoint", "LineString", "MultiLineString")
_DEGREES = (180.0, 90.0)
_DEGREES_NOTE = "files whose coordinates could be degrees of the earth; they were read as pixels"
_SIZE_NOTE = "pictures whose size is not known, as their own files are not there"


class GeoJson:
    """GeoJSON."""

    def recognise(self, source: SourceFiles) -> str | None:
        """Features in a collection, in a list, or one alone."""
        names = _candidates(source)[:_LOOKED_AT]
        if names and all(_holds_features(source, name) for name in names):
            return "features with geometries"
        return None

    def survey(self, source: SourceFiles, options: Options) -> Survey:
        """Find the files, and the planes of those that have several."""
        names = [
            name
            for name in _candidates(source)
            if not source.is_folder or suffix(name) == _SUFFIXES[0] or _holds_features(source, name)
        ]
        if not names:
            raise ExchangeError(
                "holds no GeoJSON; expected files ending in .geojson, .json or either and .gz",
                source=source.name,
            )
        if options.identity is not None:
            check_mentioned((byte_range(source, name) for name in names), options.identity)
        refused = Refusals()
        tasks: list[Task] = []
        for name in names:
            try:
                tasks.extend(_tasks_of(source, name))
            except ExchangeError as error:
                refused.add(Refused("unreadable", name, error.problem))
        told = options.identity or "the object's id, or the picture and its place where it has none"
        return Survey(tasks, len(tasks), told, options.domain_of(source), refused)

    def read(self, source: SourceFiles, options: Options, shared: bytes, task: Task) -> Picture:
        """Draw the objects of a file, a block of it at a time."""
        file, plane = task.at
        reading = _Reading(task.name, plane, shared, options)
        if task.image is not None and options.images is not None:
            stored = stored_picture(options.images, task.image)
            reading.size = None if stored is None else (stored.width, stored.height)
        try:
            reading.all(byte_range(source, file))
        except ExchangeError as error:
            raise ExchangeError(error.problem, error.record, error.source or file) from error
        return reading.picture(file)


# ---------------------------------------------------------------------- files


def _candidates(source: SourceFiles) -> list[str]:
    """Files that may be GeoJSON, those that are called so first."""
    named = [name for name in source.names() if suffix(name) in _SUFFIXES]
    return sorted(named, key=lambda name: (suffix(name) != _SUFFIXES[0], name))


def _holds_features(source: SourceFiles, name: str) -> bool:
    found = peek(byte_range(source, name))
    if "features" in found:
        return _is_feature(found["features"]) or (found["features"] is None and "type" in found)
    return _is_feature(found.get(None)) or _is_feature(found)


def _is_feature(record: Any) -> bool:
    return isinstance(record, dict) and {"type", "geometry"} <= set(record)


def _tasks_of(source: SourceFiles, name: str) -> Iterator[Task]:
    lead = name.rpartition("/")[0]
    lead = f"{lead}/{stem(name)}" if lead else stem(name)
    read = byte_range(source, name)
    planes = sorted(_planes(read)) if _may_have_planes(read) else []
    if len(planes) < 2:
        yield Task(lead, (name, None))
        return
    varies = [len({plane[axis] for plane in planes}) > 1 for axis in (0, 1)]
    for plane in planes:
        told = [
            f"{axis}{at:04d}"
            for axis, at, is_told in zip("zt", plane, varies, strict=True)
            if is_told
        ]
        yield Task(f"{lead}/{''.join(told)}", (name, plane))


def _may_have_planes(read: ByteRange) -> bool:
    at = 0
    while block := read(at, _BLOCK):
        if _PLANE.search(block):
            return True
        if len(block) < _BLOCK:
            return False
        at += len(block) - _OVERLAP
    return False


def _planes(read: ByteRange) -> set[tuple[int, int]]:
    found: set[tuple[int, int]] = set()
    for part in scan(read):
        if isinstance(part, Elements) and part.name in (None, "features"):
            found.update(_plane_of(record) for record in part.outlines)
    return found


def _plane_of(feature: Any) -> tuple[int, int]:
    """An object's place in a stack: z and t."""
    plane = field_of(feature, "geometry.plane")
    told = [plane.get(axis) if isinstance(plane, dict) else None for axis in "zt"]
    z, t = (at if type(at) is int and 0 < at < MOST_PIXELS else 0 for at in told)
    return z, t


# ---------------------------------------------------------------------- one picture


@dataclass
class _Object:
    """What becomes an entry, or is left out: a feature's shape, or the nucleus of it."""

    feature: dict[str, Any]
    place: int
    polygons: list[list[Ring]]
    is_nucleus: bool = False
    identity: Any = None
    group: Any = None

    def forget(self, options: Options) -> None:
        """Keep what will tell whose it is; corners and measurements are most of a file."""
        if options.identity is not None:
            self.identity = _field(self.feature, options.identity)
        if options.group_by is not None:
            self.group = _field(self.feature, options.group_by)
        properties = self.feature.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        kept = {name: properties[name] for name in _KEPT if name in properties}
        self.feature = {"id": self.feature.get("id"), "properties": kept}
        self.polygons = []


@dataclass
class _Reading:
    """The reading of one picture."""

    name: str
    plane: tuple[int, int] | None
    domain: bytes
    options: Options
    size: tuple[int, int] | None = None
    own: dict[str, Any] | None = None
    has_crs: bool = False
    could_be_degrees: bool = True
    has_identity: bool = False
    n_features: int = 0
    ids: Counter[bytes] = field(default_factory=Counter)
    # Entries, with the id that each has, if it is not known yet whether that is unique.
    found: list[tuple[Annotation, _Object]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)

    def all(self, read: ByteRange) -> None:
        """Read everything, a block at a time."""
        outer: dict[str, Any] = {}
        is_read = False
        for part in scan(read):
            if isinstance(part, Elements):
                is_read |= part.name in (None, "features")
                if part.name in (None, "features") and len(part.offset):
                    first, last = int(part.offset[0]), int(part.offset[-1] + part.length[-1])
                    self._take(decode(b"[" + read(first, last - first) + b"]", first))
            elif part.name in _OF_A_FILE:
                outer[part.name] = decode(read(part.offset, part.length), part.offset)
                self._outer(part.name, outer[part.name])
        if "geometry" in outer:
            self._take([outer])
        elif not is_read:
            raise ExchangeError("holds no features; expected a collection, a list, or one of them")

    def _outer(self, name: str, value: Any) -> None:
        if name == "crs":
            self.has_crs = value is not None
        elif name == OWN_MEMBER and isinstance(value, dict):
            self.own = value
            width, height = whole(value.get("width")), whole(value.get("height"))
            if width is not None and height is not None and not self.n_features:
                self.size = (width, height)

    def _take(self, features: list[Any]) -> None:
        objects: list[_Object] = []
        for feature in features:
            place = self.n_features
            self.n_features += 1
            if self.plane is not None and _plane_of(feature) != self.plane:
                continue
            if not isinstance(feature, dict):
                problem = f"found {feature!r:.60}; expected an object"
                self.refused.append(Refused("feature", f"feature {place}", problem))
                continue
            number = as_address(feature.get("id"))
            if number is not None:
                self.ids[number] += 1
            objects += self._shapes_of(feature, place)
        self._draw(objects)

    def _shapes_of(self, feature: dict[str, Any], place: int) -> Iterator[_Object]:
        geometries = [(feature.get("geometry"), False)]
        nucleus = feature.get("nucleusGeometry")
        nucleus = field_of(feature, "properties.nucleusGeometry") if nucleus is None else nucleus
        if nucleus is not None:
            geometries.append((nucleus, True))
        for geometry, is_nucleus in geometries:
            try:
                polygons = _polygons_of(geometry)
                check_extent(polygons, self.size)
            except UnusableError as error:
                of_it = ", its nucleus" if is_nucleus else ""
                self.refused.append(error.of(_record_of(feature, place) + of_it))
                continue
            yield _Object(feature, place, polygons, is_nucleus)

    def _draw(self, objects: list[_Object]) -> None:
        width, height = self.size or (MOST_PIXELS, MOST_PIXELS)
        shapes = [rings for one in objects for rings in one.polygons]
        if self.size is None and self.could_be_degrees:
            self.could_be_degrees = all(_is_in_degrees(rings) for rings in shapes)
        drawn = iter(draw(shapes, height, width, "even-odd"))
        for one in objects:
            bbox, mask = united([next(drawn) for _ in one.polygons])
            if not bbox.n_pixels:
                problem = "it has no pixel inside the picture"
                record = _record_of(one.feature, one.place)
                self.refused.append(Refused("empty", record, problem))
                continue
            self.found.append((Annotation(b"", self.domain, bbox, mask), one))
            one.forget(self.options)

    def picture(self, file: str) -> Picture:
        """The picture, when all was read."""
        fields = {} if self.plane is None else {"plane": dict(zip("zt", self.plane, strict=True))}
        about = described(NAME, file, self.size, fields)
        width, height = self.size or (None, None)
        picture = Picture(self.name, width, height, about, [], refused=self.refused)
        for entry, one in self.found:
            self._identify(entry, one)
            entry.groups = self._groups_of(one)
            picture.entries.append(entry)
        if self.found and self.options.identity is not None and not self.has_identity:
            picture.note(NOBODY_NOTE)
        addresses = Counter(entry.address for entry in picture.entries)
        if any(times > 1 for times in addresses.values()):
            picture.note("individuals that are in one picture several times")
        if self.has_crs or (self.size is None and self.found and self.could_be_degrees):
            picture.note(_DEGREES_NOTE)
        if self.size is None:
            picture.note(_SIZE_NOTE)
        return picture

    def _identify(self, entry: Annotation, one: _Object) -> None:
        properties = one.feature["properties"]
        known = None
        if self.options.identity is not None:
            known = as_address(one.identity)
            self.has_identity |= known is not None
        elif self.own is not None:
            known = bytes_of(properties, "address")
            if known is not None and self.options.domain is None:
                entry.domain = bytes_of(properties, "domain")
            entry.key = key if type(key := properties.get("key")) is int else None
        if known is None:
            number = as_address(one.feature.get("id"))
            if number is None or self.ids[number] > 1:
                # Older versions of QuPath write a kind of object there, the same for all.
                number = str(one.place).encode()
                known = self._lead + number
            else:
                known = number if _is_uuid(number) else self._lead + number
        entry.address = known + b"/nucleus" if one.is_nucleus else known

    @property
    def _lead(self) -> bytes:
        return self.name.encode("utf-8", "surrogateescape") + b"/"

    def _groups_of(self, one: _Object) -> tuple[str, ...]:
        properties = one.feature["properties"]
        if self.options.group_by is not None:
            value = one.group
        elif self.own is not None and isinstance(properties.get("groups"), list):
            value = properties["groups"]
        else:
            value = properties.get("classification")
            if isinstance(value, dict):
                value = value.get("name") or value.get("names")
        named = value if isinstance(value, list) else [value]
        groups = [str(name) for name in named if isinstance(name, (str, int, float)) and name != ""]
        if one.is_nucleus:
            groups.insert(0, NUCLEUS)
        return tuple(dict.fromkeys(groups))


def _field(feature: dict[str, Any], name: str) -> Any:
    value = field_of(feature, name)
    return field_of(feature.get("properties"), name) if value is None else value


def _record_of(feature: dict[str, Any], place: int) -> str:
    number = feature.get("id")
    return f"feature {place}" if number is None else f"feature {place}, id {number!r:.60}"


def _is_uuid(number: bytes) -> bool:
    try:
        UUID(number.decode("ascii"))
    except (ValueError, UnicodeDecodeError):
        return False
    return True


def _is_in_degrees(rings: list[Ring]) -> bool:
    return all(
        (np.abs(ring) <= _DEGREES).all() and not (ring == np.floor(ring)).all() for ring in rings
    )


def _polygons_of(geometry: Any) -> list[list[Ring]]:
    """The polygons of a geometry, each a list of rings of which the first is the outer one."""
    found: list[list[Ring]] = []
    left = [geometry]
    while left:
        one = left.pop()
        kind = one.get("type") if isinstance(one, dict) else None
        if kind == "GeometryCollection" and isinstance(one.get("geometries"), list):
            left += one["geometries"]
        elif kind in ("Polygon", "MultiPolygon"):
            parts = one.get("coordinates")
            parts = [parts] if kind == "Polygon" else parts
            if not isinstance(parts, list):
                raise UnusableError("geometry", f"coordinates are {parts!r:.40}; expected lists")
            found += map(_rings_of, parts)
        elif kind in _NO_AREA:
            raise UnusableError(kind, f"is a {kind}, which has no area; expected polygons")
        else:
            told = repr(one)[:60] if kind is None else f"of type {kind!r:.40}"
            raise UnusableError("geometry", f"is {told}; expected polygons")
    if not found:
        raise UnusableError("geometry", "is a collection of nothing; expected polygons")
    return found


def _rings_of(rings: Any) -> list[Ring]:
    if not isinstance(rings, list) or not rings:
        raise UnusableError("geometry", f"a polygon is {rings!r:.40}; expected rings")
    found = []
    for place, ring in enumerate(rings):
        corners = ring
        if isinstance(ring, list) and ring and isinstance(ring[0], list) and len(ring[0]) > 2:
            # A third number is the height.
            corners = [corner[:2] if isinstance(corner, list) else corner for corner in ring]
        found.append(polygon(corners, f"ring {place}"))
    return found


FORMAT = GeoJson()
