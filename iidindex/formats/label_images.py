"""Label images: PNG, TIFF and NPY, single, in stacks, or a folder of them.

Every number above 0 is a label, and a label is an individual: 5 in one frame of a source is 5 in
the next one. Colours are none, unless they are taken for labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from iidindex.errors import ExchangeError
from iidindex.formats.annotation import Annotation, Picture, Refusals, Refused, described
from iidindex.formats.ctc_layout import mask_files
from iidindex.formats.frame_folders import is_video
from iidindex.formats.label_table import TABLE, Labelled, is_table, pictures_of
from iidindex.formats.mask_folders import masks_of_pictures
from iidindex.formats.planes import IMAGES, open_planes
from iidindex.formats.reading import Options, SourceFiles, Survey, Task, stem, suffix
from iidindex.masks.labels import Labels, find_labels, masks_of
from iidindex.masks.regions import Bool2D
from iidindex.model import BBox

NAME = "labels"

# Above this, 32-bit floats leave out whole numbers: 16,777,217 is stored as 16,777,216.
_FLOAT_EXACT = 1 << 24
# The most that 8 and 16 bits hold: where a label has it, more labels may have been cut off.
_FULL = (255, 65535)
# Stretches for each row of a label's box. Shapes have hardly more than two.
_NOISE = 6
_WHOLE = "whole numbers"
# Labels from which on a part of their boxes says that they are none.
_MANY = 16
_SEEN = 0.1


@dataclass(frozen=True)
class _Plane:
    """Where a plane is: the file, and its place along the axes that are not of the picture."""

    file: str
    index: tuple[int, ...] = ()


class LabelImages:
    """Label images."""

    def recognise(self, source: SourceFiles) -> str | None:
        """Images of whole numbers, and nothing else that says what they are."""
        if is_table(source):
            return f"a table {TABLE} of this program"
        names = [name for name in source.names() if suffix(name) in IMAGES]
        if not names or (source.is_folder and _is_told(source)):
            return None
        try:
            with open_planes(source, names[0], None, probing=True) as planes:
                # Of a stack, nothing may say yet which of its dimensions are rows and columns.
                is_stack = planes.indices != [()]
                if planes.is_color or (not is_stack and planes.is_binary()):
                    return None
                if not is_stack and looks_like_photograph(
                    find_labels(as_labels(planes.read((), False)))
                ):
                    return None
        except ExchangeError:
            return None
        return "images of whole numbers"

    def doubt(self, source: SourceFiles) -> str | None:
        """What images of a source are that are not taken for labels unasked."""
        if any(suffix(name) == ".iid" for name in source.names()):
            return "holds .iid files: `iidindex ingest` indexes them"
        names = [name for name in source.names() if suffix(name) in IMAGES]
        if not names:
            return None
        try:
            with open_planes(source, names[0], None, probing=True) as planes:
                if planes.is_color:
                    return f"has images with colours ({names[0]}): --colors makes each a label"
                if planes.indices == [()] and looks_like_photograph(
                    find_labels(as_labels(planes.read((), False)))
                ):
                    return f"has images that look like photographs ({names[0]}), not like labels"
        except ExchangeError as error:
            return f"has {names[0]}, which {error.problem}"
        return None

    def survey(self, source: SourceFiles, options: Options) -> Survey:
        """Count the planes of each file."""
        if is_table(source):
            return Survey(
                _OwnTasks(source),
                sum(1 for _ in _OwnTasks(source)),
                TABLE,
                masks_are_images=True,
            )
        refused = Refusals()
        tasks: list[Task] = []
        names = [name for name in source.names() if suffix(name) in IMAGES]
        for name in names:
            try:
                tasks.extend(_tasks_of(source, name, options))
            except ExchangeError as error:
                refused.add(Refused("unreadable", name, error.problem))
        if not names:
            raise ExchangeError(
                f"holds no image; expected files ending in {', '.join(sorted(IMAGES))}",
                source=source.name,
            )
        identity = "the label"
        if options.split:
            identity = "the label and the number of its part"
        return Survey(tasks, len(tasks), identity, None, refused, masks_are_images=True)

    def read(self, source: SourceFiles, options: Options, shared: Any, task: Task) -> Picture:  # noqa: ARG002
        """Find the labels of a plane and cut out their masks."""
        if isinstance(task.at, list):
            return _own(source, options, task)
        at: _Plane = task.at
        with open_planes(source, at.file, options.axes) as planes:
            plane = planes.read(at.index, options.colors)
            fields = planes.named(at.index)
            sequence = f"c{fields['C']}" if "C" in fields else ""
        domain = options.domain_of(source, sequence)
        height, width = plane.shape
        about = described(NAME, at.file, (width, height), {"plane": fields} if fields else {})
        picture = Picture(task.name, width, height, about, [])
        whole = as_labels(plane)
        labels = find_labels(whole)
        _warn(picture, labels)
        if options.split:
            picture.entries = list(_parts(whole, labels, domain))
        else:
            picture.entries = [
                Annotation(str(value).encode(), domain, bbox, mask)
                for value, (bbox, mask) in zip(
                    labels.value.tolist(), masks_of(whole, labels), strict=True
                )
            ]
        return picture


class _OwnTasks:
    """The pictures of a table that this program wrote, as often as they are asked for."""

    def __init__(self, source: SourceFiles) -> None:
        self._source = source

    def __iter__(self) -> Iterator[Task]:
        seen = set()
        for path, rows in pictures_of(self._source):
            seen.add(path)
            yield Task(path, rows)
        for name in self._source.names():
            if suffix(name) in IMAGES and name not in seen:
                yield Task(name, [])


def _own(source: SourceFiles, options: Options, task: Task) -> Picture:
    """All planes of a picture, whose labels the table tells."""
    rows: list[Labelled] = task.at
    with open_planes(source, task.name, None) as planes:
        every = [planes.read(index, False) for index in planes.indices]
    height, width = every[0].shape
    about = described(NAME, task.name, (width, height), {})
    picture = Picture(task.name, width, height, about, [])
    found: dict[tuple[int, int], tuple[BBox, Bool2D]] = {}
    for number, plane in enumerate(map(as_labels, every)):
        labels = find_labels(plane)
        masks = masks_of(plane, labels)
        found.update(
            ((number, value), mask)
            for value, mask in zip(labels.value.tolist(), masks, strict=True)
        )
    for row in rows:
        if (row.plane, row.label) not in found:
            told = f"plane {row.plane} has no pixel of the label {row.label}"
            picture.refused.append(Refused("empty", f"{row.path} in {TABLE}", told))
            continue
        bbox, mask = found.pop((row.plane, row.label))
        domain = (row.domain or None) if options.domain is None else options.domain
        picture.entries.append(Annotation(row.address, domain, bbox, mask, row.groups))
    for plane_number, value in found:
        told = f"is not in {TABLE}"
        record = f"{task.name}, label {value} of plane {plane_number}"
        picture.refused.append(Refused("unknown label", record, told))
    return picture


def _is_told(source: SourceFiles) -> bool:
    """Whether names say that the images of a folder are of another format."""
    named = any(map(_is_told_by, source.names())) or mask_files(source.names(), source.name)
    return bool(named) or is_video(source) or bool(masks_of_pictures(source))


def _is_told_by(name: str) -> bool:
    """Whether a file beside images says that they are of another format."""
    return suffix(name) in (".json", ".geojson", ".xml", ".txt", ".yaml")


def _tasks_of(source: SourceFiles, name: str, options: Options) -> Iterator[Task]:
    with open_planes(source, name, options.axes) as planes:
        lead = name.rpartition("/")[0]
        lead = f"{lead}/{stem(name)}" if lead else stem(name)
        if not planes.indices:
            raise ExchangeError("holds no plane")
        if planes.indices == [()]:
            yield Task(name, _Plane(name))
            return
        for number, index in enumerate(planes.indices):
            yield Task(f"{lead}/{number:04d}", _Plane(name, index))


def as_labels(plane: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A plane as whole numbers, where it means some; below 0 is background.

    Raises
    ------
    ExchangeError
        If there are fractions, or numbers that the plane's floats cannot tell apart.
    """
    kind = plane.dtype.kind
    if kind in "biu":
        if plane.dtype == np.uint64 and plane.size and int(plane.max()) > np.iinfo(np.int64).max:
            raise ExchangeError(f"holds the label {int(plane.max())}; the most is 2^63 - 1")
        return plane.view(np.uint8) if kind == "b" else plane
    if kind != "f":
        raise ExchangeError(f"has pixels of type {plane.dtype}; expected {_WHOLE}")
    if plane.size:
        if not np.isfinite(plane).all():
            raise ExchangeError(f"holds NaN or infinity; expected {_WHOLE}")
        broken = plane != np.floor(plane)
        if broken.any():
            raise ExchangeError(f"holds {float(plane[broken][0]):g}; expected {_WHOLE}")
        most = float(plane.max())
        exact = _FLOAT_EXACT if plane.dtype.itemsize <= 4 else 1 << 53
        if most > exact:
            raise ExchangeError(
                f"holds {most:.0f}, near which {plane.dtype} leaves out numbers; "
                f"the most is {exact}"
            )
    return plane.astype(np.int64)


def looks_like_photograph(labels: Labels) -> bool:
    """Whether labels are all over the frame, as grey values of a photograph are.

    Labels fill a part of their boxes that one can see, even in several pieces.
    """
    boxes = labels.bbox
    inside = int(((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).sum())
    many = len(labels.value) >= _MANY
    return many and int(labels.area.sum()) < _SEEN * inside and labels.n_runs > _MANY * _MANY


def _warn(picture: Picture, labels: Labels) -> None:
    if not len(labels.value):
        return
    heights = int((labels.bbox[:, 2] - labels.bbox[:, 0]).sum())
    if int(labels.value[-1]) in _FULL and labels.n_runs > 2 * heights:
        picture.note(
            f"images whose largest label is {int(labels.value[-1])}, in many pieces: "
            "more labels may have been cut to the bits there were"
        )
    elif labels.n_runs > _NOISE * heights or looks_like_photograph(labels):
        picture.note("images whose labels lie scattered: are they labels?")


def _parts(plane: npt.NDArray[Any], labels: Labels, domain: bytes | None) -> Iterator[Annotation]:
    """Each connected part of each label, numbered from 0 within it."""
    from scipy.ndimage import label as connected

    for value, (bbox, mask) in zip(labels.value.tolist(), masks_of(plane, labels), strict=True):
        numbered, _ = connected(mask, structure=np.ones((3, 3), np.int8))
        found = find_labels(numbered)
        for number, (part, own) in enumerate(masks_of(numbered, found)):
            moved = type(bbox)(
                part.minr + bbox.minr,
                part.minc + bbox.minc,
                part.maxr + bbox.minr,
                part.maxc + bbox.minc,
            )
            yield Annotation(f"{value}/{number}".encode(), domain, moved, own)


FORMAT = LabelImages()
