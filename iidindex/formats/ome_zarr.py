"""OME-Zarr: the label images of a ``.zarr`` directory, plane by plane.

https://ngff.openmicroscopy.org, versions 0.4 (Zarr 2: ``.zattrs``) and 0.5 (Zarr 3:
``zarr.json``, attributes under ``ome``), section "labels": a group ``labels`` names images of whole
numbers, and each lists its sizes, the largest first. A label is an individual of its label image in
all planes; other label images number anew, so their names are part of the domain.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from iidindex.errors import ExchangeError
from iidindex.formats.annotation import Annotation, Picture, Refusals, Refused, described
from iidindex.formats.frame_folders import sequence_domain
from iidindex.formats.identity import field_of
from iidindex.formats.json_ranges import decode
from iidindex.formats.label_images import as_labels
from iidindex.formats.reading import Options, SourceFiles, Survey, Task, stem
from iidindex.formats.zarr_codecs import check_codecs
from iidindex.masks.labels import find_labels, masks_of

NAME = "ome-zarr"

_END = ".zarr"
_V3, _V2_ATTRIBUTES, _V2_ARRAY = "zarr.json", ".zattrs", ".zarray"
# Before 0.3, all images had these (https://ngff.openmicroscopy.org/0.2).
_OLD_AXES = "tczyx"
_LARGEST_META = 1 << 26
# A plane is read whole, and numbered tasks are made for planes.
_MOST_PIXELS = 1 << 30
_MOST_PLANES = 1 << 24


class _Labels(NamedTuple):
    """A label image: where its full size is, what its axes are, and its classes.

    Attributes
    ----------
    array : str
        Path of the array within the source.
    is_v3 : bool
    place : str
        What its pictures are called, and its individuals' sequence.
    axes : str
        One letter a dimension.
    shape : tuple of int
    properties : dict of int to dict
        What is said of labels.
    """

    array: str
    is_v3: bool
    place: str
    axes: str
    shape: tuple[int, ...]
    properties: dict[int, dict[str, Any]]

    def indices(self) -> Iterator[tuple[int, ...]]:
        """Each plane's place along the axes that are not Y and X."""
        sides = zip(self.axes, self.shape, strict=True)
        return product(*(range(side) for axis, side in sides if axis not in "yx"))

    @property
    def n_planes(self) -> int:
        sides = zip(self.axes, self.shape, strict=True)
        return math.prod(side for axis, side in sides if axis not in "yx")


class _At(NamedTuple):
    """A plane of one of the label images."""

    which: int
    place: tuple[int, ...]


class OmeZarr:
    """Labels in OME-Zarr."""

    def recognise(self, source: SourceFiles) -> str | None:
        """A group of labels within a zarr directory."""
        for root in _roots(source):
            found = _label_groups(source, root)
            if found:
                return f"label images of OME-Zarr, {found[0]}"
        return None

    def survey(self, source: SourceFiles, options: Options) -> Survey:
        """Read the metadata of each label image; no chunk is read."""
        if find_spec("zarr") is None:
            raise ExchangeError("needs zarr to be read: pip install 'iidindex[zarr]'")
        if options.identity is not None:
            raise ExchangeError(f"labels have no field {options.identity!r}; they are numbers")
        refused = Refusals()
        found: list[_Labels] = []
        for root in _roots(source):
            for group in _label_groups(source, root):
                try:
                    found.append(_labels_of(source, root, group))
                except ExchangeError as error:
                    refused.add(Refused("label image", group, error.problem))
        if not found and not refused.counts:
            raise ExchangeError(
                "holds no OME-Zarr with labels; expected a .zarr directory with labels/<name>",
                source=source.name,
            )
        tasks = _Tasks(found)
        n_planes = sum(one.n_planes for one in found)
        return Survey(tasks, n_planes, "the label", found, refused, masks_are_images=True)

    def read(
        self, source: SourceFiles, options: Options, shared: list[_Labels], task: Task
    ) -> Picture:
        """Read the chunks of a plane, and cut out its labels."""
        at: _At = task.at
        labels = shared[at.which]
        others = [axis for axis in labels.axes if axis not in "yx"]
        place = dict(zip(others, at.place, strict=True))
        plane = as_labels(_plane(source, labels, place))
        height, width = plane.shape
        fields = {"plane": {axis.upper(): number for axis, number in place.items()}}
        about = described(NAME, labels.array, (width, height), fields if place else {})
        picture = Picture(task.name, width, height, about, [])
        # Nothing says what channels of labels are, so they are several label images.
        has_channels = "c" in place and labels.shape[labels.axes.index("c")] > 1
        channel = f"/c{place['c']}" if has_channels else ""
        domain = sequence_domain(source, options, labels.place + channel)
        found = find_labels(plane)
        for value, (bbox, mask) in zip(found.value.tolist(), masks_of(plane, found), strict=True):
            told = None
            if options.group_by is not None:
                told = field_of(labels.properties.get(value), options.group_by)
            groups = (str(told),) if isinstance(told, (str, int, float)) and told != "" else ()
            address = str(value).encode()
            picture.entries.append(Annotation(address, domain, bbox, mask, groups))
        return picture


class _Tasks:
    """The planes of all label images, as often as they are asked for."""

    def __init__(self, labels: list[_Labels]) -> None:
        self._labels = labels

    def __iter__(self) -> Iterator[Task]:
        for which, labels in enumerate(self._labels):
            for number, index in enumerate(labels.indices()):
                name = f"{labels.place}/{number:04d}" if index else labels.place
                yield Task(name, _At(which, index))


# ---------------------------------------------------------------------- metadata


def _roots(source: SourceFiles) -> list[str]:
    """What stands before the names in each zarr directory: nothing, where it is the source."""
    if not source.is_folder:
        return []
    if source.name.endswith(_END) or source.holds(_V2_ATTRIBUTES) or source.holds(_V3):
        return [""]
    found: dict[str, None] = {}
    for name in source.names():
        end = f"/{name}".find(f"{_END}/")
        if end >= 0:
            found[name[: end + len(_END)]] = None
    return list(found)


def _attributes(source: SourceFiles, lead: str) -> dict[str, Any]:
    """The attributes of a group that are OME's."""
    for name in (_V3, _V2_ATTRIBUTES):
        if source.holds(lead + name):
            found = _json(source, lead + name)
            if name == _V3:
                found = field_of(found, "attributes")
                found = found.get("ome", found) if isinstance(found, dict) else found
            return found if isinstance(found, dict) else {}
    return {}


def _json(source: SourceFiles, name: str) -> Any:
    if source.size(name) > _LARGEST_META:
        raise ExchangeError(f"has {source.size(name)} bytes; expected at most {_LARGEST_META}")
    return decode(source.read(name))


def _label_groups(source: SourceFiles, root: str) -> list[str]:
    """The groups of label images, of which a file with several images has some in each."""
    try:
        own = _attributes(source, root)
        if "image-label" in own:
            return [root]
        leads = [root]
        if "bioformats2raw.layout" in own:
            series = 0
            while _attributes(source, f"{root}{series}/"):
                leads.append(f"{root}{series}/")
                series += 1
        found = []
        for lead in leads:
            names = _attributes(source, f"{lead}labels/").get("labels")
            found += [
                f"{lead}labels/{name.strip('/')}/"
                for name in (names if isinstance(names, list) else ())
                if isinstance(name, str) and name.strip("/") and ".." not in name
            ]
    except ExchangeError:
        return []
    return found


def _labels_of(source: SourceFiles, root: str, group: str) -> _Labels:
    about = _attributes(source, group)
    scales = about.get("multiscales")
    first = scales[0] if isinstance(scales, list) and scales else None
    sizes = field_of(first, "datasets")
    path = field_of(sizes[0], "path") if isinstance(sizes, list) and sizes else None
    if not isinstance(path, str) or not path.strip("/"):
        raise ExchangeError(f"multiscales are {scales!r:.60}; expected datasets with a path")
    array = group + path.strip("/")
    is_v3 = source.holds(f"{array}/{_V3}")
    if not is_v3 and not source.holds(f"{array}/{_V2_ARRAY}"):
        raise ExchangeError(f"there is no array {array}")
    meta = _json(source, f"{array}/{_V3 if is_v3 else _V2_ARRAY}")
    check_codecs(meta, is_v3)
    axes, shape = _axes_of(first), field_of(meta, "shape")
    _check_shape(axes, shape)
    _check_chunks(field_of(meta, "chunk_grid.configuration.chunk_shape" if is_v3 else "chunks"))
    lead = root.removesuffix("/").removesuffix(_END)
    rest = group.removeprefix(root).removesuffix("/").replace("labels/", "", 1)
    place = "/".join(part for part in (lead, rest) if part) or stem(source.name)
    return _Labels(array, is_v3, place, axes, tuple(shape), _properties(about))


def _axes_of(scale: Any) -> str:
    axes = field_of(scale, "axes")
    if axes is None:
        return _OLD_AXES
    told = axes if isinstance(axes, list) else []
    names = [field_of(axis, "name") if isinstance(axis, dict) else axis for axis in told]
    if (
        not all(isinstance(name, str) and len(name) == 1 for name in names)
        or len(set(names)) != len(names)
        or not {"y", "x"} <= set(names)
    ):
        raise ExchangeError(f"axes are {axes!r:.80}; expected y and x, and others of one letter")
    return "".join(names)


def _check_shape(axes: str, shape: Any) -> None:
    if (
        not isinstance(shape, list)
        or len(shape) != len(axes)
        or not all(type(side) is int and side > 0 for side in shape)
    ):
        raise ExchangeError(f"shape is {shape!r:.60}; expected lengths of the axes {axes}")
    n_pixels = math.prod(side for axis, side in zip(axes, shape, strict=True) if axis in "yx")
    if n_pixels > _MOST_PIXELS or math.prod(shape) // n_pixels > _MOST_PLANES:
        raise ExchangeError(
            f"shape is {shape!r:.60}; expected planes of at most {_MOST_PIXELS} pixels, and at "
            f"most {_MOST_PLANES} of them"
        )


def _check_chunks(chunks: Any) -> None:
    is_shape = isinstance(chunks, list) and all(type(side) is int and side > 0 for side in chunks)
    if not is_shape or math.prod(chunks) > _MOST_PIXELS:
        raise ExchangeError(
            f"chunks are {chunks!r:.60}; expected lengths, together at most {_MOST_PIXELS} pixels"
        )


def _properties(about: dict[str, Any]) -> dict[int, dict[str, Any]]:
    found = {}
    told = field_of(about.get("image-label"), "properties")
    for one in told if isinstance(told, list) else ():
        value = field_of(one, "label-value")
        if type(value) is int:
            found[value] = one
    return found


# ---------------------------------------------------------------------- chunks


def _plane(source: SourceFiles, labels: _Labels, place: dict[str, int]) -> npt.NDArray[Any]:
    from iidindex.formats.zarr_store import array_of

    index = tuple(place.get(axis, slice(None)) for axis in labels.axes)
    try:
        plane = np.asarray(array_of(source, labels.array, labels.is_v3)[index])
    except MemoryError:
        raise ExchangeError("does not fit into memory", labels.array) from None
    except ExchangeError as error:
        raise ExchangeError(f"cannot be decoded: {error.problem}", labels.array) from None
    except Exception as error:  # any bytes may come, and codecs raise of all kinds
        told = str(error) or type(error).__name__
        raise ExchangeError(f"cannot be decoded: {told:.200}", labels.array) from error
    if labels.axes.index("y") > labels.axes.index("x"):
        plane = plane.T
    return plane


FORMAT = OmeZarr()
