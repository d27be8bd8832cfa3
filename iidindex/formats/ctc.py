"""The Cell Tracking Challenge: folders of 16-bit label images, and the tracks in them.

A label of ``TRA`` or of a result with its table is a track, and so the address of an individual;
the sequence is part of the domain. Labels of ``SEG`` and ``ST`` need not agree with those tracks,
nor from frame to frame (`Naming and file content conventions` and ``/annotations`` of
http://celltrackingchallenge.net): their addresses are ``<frame>/<label>``, in a domain of their
own, unless somebody says that they are tracks (``identity="label"``).

Markers and outlines of one frame are one picture, named after the picture's own file,
``01/t000.tif``; those of results are apart, ``01_RES/t000.tif``. The corpus is a group.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from iidindex.errors import ExchangeError
from iidindex.formats.annotation import Annotation, Picture, Refusals, Refused, described
from iidindex.formats.ctc_layout import Kind, MaskFile, mask_files
from iidindex.formats.ctc_tracks import (
    FRAMES,
    GROUPS,
    TRACKS,
    Individual,
    Known,
    Tracks,
    read_known,
    read_tracks,
)
from iidindex.formats.label_images import as_labels
from iidindex.formats.planes import open_planes
from iidindex.formats.reading import Options, SourceFiles, Survey, Task
from iidindex.masks.labels import find_labels, masks_of

NAME = "ctc"

# What `identity` may be: the labels of all masks are tracks.
_LABEL = "label"
_TRACK_TOLD = "the track"
_PLACE_TOLD = "frame and label where labels are no tracks"
# A table of 65,535 tracks is hardly two megabytes.
_LARGEST_TABLE = 1 << 26

_UNLISTED = "labels in masks that the table of tracks does not list for the frame"
_UNSEEN = "tracks that the table lists for a frame whose mask lacks them"
_NO_TABLE = "folders of tracks without their table: labels are tracks, parents are not known"
_NO_TRACKS = "folders of results without res_track.txt: labels are no tracks"
_NO_SEQUENCE = "folders that do not tell their sequence: name it with --domain"


@dataclass(frozen=True)
class _Folder:
    """The masks of one kind in one folder.

    Attributes
    ----------
    domain : bytes
    corpus : str
    is_tracked : bool
        Whether labels are tracks.
    tracks : Tracks or None
        The table, if there is one.
    known : Known or None
        Our own tables, if they are there.
    """

    domain: bytes
    corpus: str
    is_tracked: bool
    tracks: Tracks | None
    known: Known | None


class _Part(NamedTuple):
    """A plane of a file of masks."""

    file: str
    kind: Kind
    at: tuple[int, ...]


class _Place(NamedTuple):
    """Where the masks of a picture are."""

    sequence: str
    digits: str
    plane: int
    parts: tuple[_Part, ...]


class CellTracking:
    """Folders of the Cell Tracking Challenge."""

    def recognise(self, source: SourceFiles) -> str | None:
        """Files of the challenge's names."""
        if not source.is_folder:
            return None
        found = mask_files(source.names(), source.name)
        if not found:
            return None
        return f"masks of the Cell Tracking Challenge, such as {found[0].file}"

    def survey(self, source: SourceFiles, options: Options) -> Survey:
        """Read the tables, and put masks of a frame together."""
        if options.identity not in (None, _LABEL):
            raise ExchangeError(
                f"masks have no field {options.identity!r}; expected {_LABEL!r}, which makes the "
                "labels of all masks tracks"
            )
        found = mask_files(source.names(), source.name) if source.is_folder else []
        if not found:
            raise ExchangeError(
                "holds no masks of the Cell Tracking Challenge; expected a folder with "
                "man_track000.tif, man_seg000.tif or mask000.tif, or images beside man_track.txt",
                source=source.name,
            )
        return _Survey(source, options, found).survey()

    def read(
        self,
        source: SourceFiles,
        options: Options,  # noqa: ARG002
        shared: dict[tuple[str, Kind], _Folder],
        task: Task,
    ) -> Picture:
        """Cut out the masks of a frame."""
        at: _Place = task.at
        first = at.parts[0].file
        fields: dict[str, Any] = {"sequence": at.sequence, "frame": int(at.digits)}
        if at.plane >= 0:
            fields["plane"] = at.plane
        if len(at.parts) > 1:
            fields["masks"] = [part.file for part in at.parts]
        picture = Picture(task.name, None, None, described(NAME, first, None, fields), [])
        parents: dict[str, str] = {}
        for part in at.parts:
            try:
                plane = as_labels(_plane_of(source, part))
                _fit(picture, plane)
            except ExchangeError as error:
                picture.refused.append(Refused("unreadable", part.file, error.problem))
                continue
            folder = shared[part.file.rpartition("/")[0], part.kind]
            _annotate(picture, plane, folder, at, parents)
        if picture.width is None:
            raise ExchangeError(picture.refused[0].problem, picture.refused[0].record)
        picture.meta["width"], picture.meta["height"] = picture.width, picture.height
        if parents:
            picture.meta["parents"] = parents
        return picture


def _plane_of(source: SourceFiles, part: _Part) -> npt.NDArray[Any]:
    try:
        with open_planes(source, part.file, None) as planes:
            return planes.read(part.at, False)
    except MemoryError:
        raise ExchangeError("needs more memory than there is", part.file) from None
    except ExchangeError as error:
        raise ExchangeError(error.problem, part.file) from error


def _fit(picture: Picture, plane: npt.NDArray[Any]) -> None:
    """Give a picture the size of its first masks, which that of others must be."""
    height, width = plane.shape
    if picture.width is None:
        picture.width, picture.height = width, height
    elif (picture.width, picture.height) != (width, height):
        raise ExchangeError(
            f"is {width} x {height} pixels; expected the {picture.width} x {picture.height} "
            "of the other masks of its frame"
        )


# ---------------------------------------------------------------------- the source


class _Survey:
    """One look at all names and tables, and at the beginning of each file of masks."""

    def __init__(self, source: SourceFiles, options: Options, masks: list[MaskFile]) -> None:
        self._source = source
        self._options = options
        self._masks = masks
        self._refused = Refusals()
        self._notes: Counter[str] = Counter()
        self._folders: dict[tuple[str, Kind], _Folder] = {}
        self._pictures: dict[tuple[str, int, int], _Place] = {}
        self._names: dict[tuple[str, int, int], str] = {}

    def survey(self) -> Survey:
        taken = {(mask.folder, mask.kind) for mask in self._masks}
        for mask in self._masks:
            key = (mask.folder, mask.kind)
            if mask.kind is Kind.RESULT and (mask.folder, Kind.TRACK) in taken:
                told = "lies beside masks named man_track; expected a folder of its own"
                self._refused.add(Refused("folder", mask.file, told))
                continue
            if key not in self._folders:
                self._folders[key] = self._look_at(mask)
            self._take(mask, self._folders[key])
        tasks = [
            Task(self._names[key], place, self._image_of(place))
            for key, place in sorted(self._pictures.items())
        ]
        is_tracked = {folder.is_tracked for folder in self._folders.values()}
        where = [_TRACK_TOLD] * (True in is_tracked) + [_PLACE_TOLD] * (False in is_tracked)
        return Survey(
            tasks,
            len(tasks),
            ", ".join(where) or _TRACK_TOLD,
            self._folders,
            self._refused,
            dict(self._notes),
            masks_are_images=True,
        )

    def _look_at(self, mask: MaskFile) -> _Folder:
        """What is known of a folder."""
        tracks = None
        if mask.kind.table:
            data = self._beside(mask, mask.kind.table)
            if data is not None:
                tracks = read_tracks(data, _within(mask.folder, mask.kind.table), self._refused)
        known = self._known(mask)
        is_tracked = mask.kind is Kind.TRACK or tracks is not None
        if mask.kind.table and tracks is None:
            self._notes[_NO_TABLE if is_tracked else _NO_TRACKS] += 1
        if not mask.sequence and self._options.domain is None:
            self._notes[_NO_SEQUENCE] += 1
        sequence = mask.place if mask.kind is Kind.RESULT else mask.sequence
        if self._options.identity == _LABEL and mask.kind is Kind.SEGMENTATION:
            is_tracked = True
        elif not is_tracked and mask.kind is Kind.SEGMENTATION:
            sequence = _within(mask.sequence, mask.corpus)
        domain = self._options.domain_of(self._source, sequence)
        if self._options.domain is not None and known is not None:
            given: dict[int, Individual] = {
                label: (domain, address) for label, (_, address) in known.individuals.items()
            }
            known = Known(given, known.paths, known.groups)
        return _Folder(domain, mask.corpus, is_tracked, tracks, known)

    def _beside(self, mask: MaskFile, name: str) -> bytes | None:
        file = _within(mask.folder, name)
        if not self._source.holds(file):
            return None
        size = self._source.size(file)
        if size > _LARGEST_TABLE:
            raise ExchangeError(f"has {size} bytes; expected at most {_LARGEST_TABLE}", file)
        return self._source.read(file)

    def _known(self, mask: MaskFile) -> Known | None:
        if mask.kind is not Kind.RESULT:
            return None
        tables = {name: self._beside(mask, name) for name in (TRACKS, FRAMES, GROUPS)}
        there = {name: data for name, data in tables.items() if data is not None}
        # Somebody else's tables may be called so; ours are together.
        if not {TRACKS, FRAMES} <= set(there):
            return None
        try:
            return read_known(there)
        except ExchangeError as error:
            record = _within(mask.folder, error.record or TRACKS)
            self._refused.add(Refused("table", record, error.problem))
            return None

    def _take(self, mask: MaskFile, folder: _Folder) -> None:
        """Add the planes of a file to their pictures."""
        try:
            with open_planes(self._source, mask.file, None) as planes:
                indices = planes.indices
        except MemoryError:
            self._refused.add(Refused("unreadable", mask.file, "needs more memory than there is"))
            return
        except ExchangeError as error:
            self._refused.add(Refused("unreadable", mask.file, error.problem))
            return
        if not indices or (mask.plane is not None and len(indices) > 1):
            told = f"holds {len(indices)} planes; expected {'one' if indices else 'at least one'}"
            self._refused.add(Refused("unreadable", mask.file, told))
            return
        is_flat = indices == [()] and mask.plane is None
        if is_flat and folder.known is not None:
            # A picture of one plane alone is written as one of none.
            frame = int(mask.digits)
            is_flat = (frame, -1) in folder.known.paths or (frame, 0) not in folder.known.paths
        for number, index in enumerate(indices):
            plane = -1 if is_flat else number if mask.plane is None else mask.plane
            self._add(mask, folder, index, plane)

    def _add(self, mask: MaskFile, folder: _Folder, index: tuple[int, ...], plane: int) -> None:
        frame = int(mask.digits)
        key = (mask.place, frame, plane)
        part = _Part(mask.file, mask.kind, index)
        place = self._pictures.get(key)
        if place is not None:
            self._pictures[key] = place._replace(parts=(*place.parts, part))
            return
        name = mask.picture
        if plane >= 0:
            name = f"{name.rpartition('.')[0]}/{plane:04d}"
        if folder.known is not None:
            name = folder.known.paths.get((frame, plane), name)
        self._pictures[key] = _Place(mask.sequence, mask.digits, plane, (part,))
        self._names[key] = name

    def _image_of(self, place: _Place) -> str | None:
        """The picture's own file; planes of 3-D pictures have none of their own."""
        images = self._options.images
        if images is None or place.plane >= 0:
            return None
        number = int(place.digits)
        last = place.sequence.rpartition("/")[2]
        for folder in dict.fromkeys((place.sequence, last, "")):
            for digits in dict.fromkeys((place.digits, f"{number:03d}", f"{number:04d}")):
                name = _within(folder, f"t{digits}.tif")
                if images.holds(name):
                    return name
        return None


def _within(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


# ---------------------------------------------------------------------- one picture


def _annotate(
    picture: Picture,
    plane: npt.NDArray[Any],
    folder: _Folder,
    at: _Place,
    parents: dict[str, str],
) -> None:
    """Add the masks of a plane and their parents, and compare them with the table."""
    labels = find_labels(plane)
    frame = int(at.digits)
    known = folder.known or Known()
    for value, (bbox, mask) in zip(labels.value.tolist(), masks_of(plane, labels), strict=True):
        told = f"{value}" if folder.is_tracked else f"{at.digits}/{value}"
        who: Individual = (folder.domain, told.encode())
        groups: tuple[str, ...] = (folder.corpus,)
        if value in known.individuals:
            who = known.individuals[value]
            groups = known.groups.get((frame, at.plane, value), ())
        picture.entries.append(Annotation(who[1], who[0], bbox, mask, groups))
        parent = _parent_of(value, who, folder.tracks, known)
        if parent is not None:
            parents[_text(who[1])] = _text(parent)
    if folder.tracks is None:
        return
    listed = folder.tracks.in_frame(frame)
    for _ in range(len(np.setdiff1d(labels.value, listed))):
        picture.note(_UNLISTED)
    # A cell need not be in every plane of its frame.
    for _ in range(len(np.setdiff1d(listed, labels.value)) if at.plane < 0 else 0):
        picture.note(_UNSEEN)


def _parent_of(label: int, who: Individual, tracks: Tracks | None, known: Known) -> bytes | None:
    """The address of a track's parent."""
    parent = 0 if tracks is None else tracks.parent_of(label)
    # A track that was cut where nobody saw its cell goes on as a child of itself.
    while tracks is not None and parent and known.individuals.get(parent) == who:
        parent = tracks.parent_of(parent)
    if not parent:
        return None
    return known.individuals[parent][1] if parent in known.individuals else str(parent).encode()


def _text(address: bytes) -> str:
    return address.decode("utf-8", "backslashreplace")


FORMAT = CellTracking()
