"""What the Cell Tracking Challenge's evaluation tools take: ``01_RES`` folders of results.

Each directory of pictures is a sequence, and its pictures in the order of their paths are the
frames: ``<sequence>_RES/mask000.tif``, 16 bits, and ``res_track.txt`` with a line ``L B E P`` a
track ("Naming and file content conventions" of http://celltrackingchallenge.net). Planes of 3-D
pictures that were imported from there are pages of one file again. An address that is a whole
number up to 65,535 is its own label, others are given one. Tables beside the masks tell domains,
addresses, paths and groups, so that an import brings back who was who; `ctc_tracks` has them.

A mask has one label a pixel: of two that overlap the smaller one keeps what both hold. A track
has a mask in each of its frames: an individual that is gone for a while is several tracks, each
the parent of the next.
"""

from __future__ import annotations

import io
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from iidindex.errors import ExchangeError
from iidindex.formats.annotation import Annotation, Picture
from iidindex.formats.ctc_tracks import MOST_LABEL, Individual, Known, Track, tables_of
from iidindex.formats.tiled_tiff import SIDE, is_whole, meeting, part_of, windows, write_tiled
from iidindex.formats.writing import Sink
from iidindex.model import BBox

_HIDDEN = "pixels that lie under a smaller mask"
_COVERED = "masks that lie under smaller ones altogether"
_JOINED = "masks that became one with others of their individual in the same picture"
_CUT = "gaps in tracks: each begins a new track, whose parent is the one before"
_PARENTS = "parents that have no track before their child's begins"
_SIZES = "pictures of another size than the first of their sequence"

_FEW_DIGITS = 3
_SEQUENCE = re.compile(r"(\d{2,})(?:_.*)?", re.ASCII | re.DOTALL)


class _Plane(NamedTuple):
    """A picture's masks, compressed window by window: individuals by their numbers in it.

    Windows are told by their first pixels; one in which nothing is, is left out. The numbers of
    those of whom a pixel is left are in the order of the people.
    """

    shape: tuple[int, int]
    parts: dict[tuple[int, int], bytes]
    kind: type[np.unsignedinteger[Any]]
    people: list[Individual]
    numbers: list[int]
    groups: list[tuple[str, ...]]

    def labels(
        self, label_of: Mapping[Individual, int], window: BBox
    ) -> npt.NDArray[np.uint16] | None:
        """A part of the picture with the labels of its sequence; None, if nothing is in it."""
        at = BBox(0, 0, *self.shape)
        if not is_whole(self.shape):
            at &= BBox(window.minr, window.minc, window.minr + SIDE, window.minc + SIDE)
        common = at & window
        data = self.parts.get((at.minr, at.minc))
        if data is None or not common.n_pixels:
            return None
        numbers = np.frombuffer(zlib.decompress(data), self.kind).reshape(at.height, at.width)
        table = np.zeros(max(self.numbers) + 1, np.uint16)
        table[self.numbers] = [label_of.get(who, 0) for who in self.people]
        (rows, columns), inside = part_of(list(at), numbers, window)
        found = np.zeros((window.height, window.width), np.uint16)
        found[rows, columns] = table[inside]
        return found


@dataclass
class _Frame:
    """A frame: one plane, or those of a 3-D picture by their numbers."""

    planes: dict[int, _Plane] = field(default_factory=dict)
    paths: dict[int, str] = field(default_factory=dict)

    def people(self) -> set[Individual]:
        return {who for plane in self.planes.values() for who in plane.people}


@dataclass
class _Sequence:
    """The frames of a directory by their names, and who is whose child."""

    frames: dict[str, _Frame] = field(default_factory=dict)
    parents: dict[Individual, Individual] = field(default_factory=dict)


class CellTrackingWriter:
    """Folders of results."""

    is_one_file = False

    def begin(self, sink: Sink) -> CellTrackingSession:
        """Begin an export."""
        return CellTrackingSession(sink)


class CellTrackingSession:
    """One export. What labels there are is known at its end; until then masks are held, packed."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._sequences: dict[str, _Sequence] = {}
        self._lost: Counter[str] = Counter()

    @property
    def lost(self) -> dict[str, int]:
        """What the format could not keep, and how often."""
        return {told: count for told, count in self._lost.items() if count}

    def add(self, picture: Picture) -> None:
        """Take a picture."""
        folder, frame_name, number = _place_of(picture)
        sequence = self._sequences.setdefault(folder, _Sequence())
        frame = sequence.frames.setdefault(frame_name, _Frame())
        if number in frame.planes:
            raise ExchangeError("comes twice", picture.name)
        frame.planes[number] = _packed(picture, self._lost)
        frame.paths[number] = picture.name
        for child, parent in _parents_in(picture):
            sequence.parents.setdefault(child, parent)

    def finish(self) -> None:
        """Number the tracks, and write all files."""
        numbers = _numbers_of(sorted(self._sequences))
        # Whatever cannot be written is known before anything is.
        numbered = {
            folder: _Numbered(sequence, folder, self._lost)
            for folder, sequence in sorted(self._sequences.items())
        }
        for folder, one in numbered.items():
            for name, data in one.files():
                place = f"{numbers[folder]}_RES/{name}"
                if isinstance(data, bytes):
                    self._sink.put(place, data)
                else:
                    with self._sink.stream(place) as file:
                        data(file)


def _place_of(picture: Picture) -> tuple[str, str, int]:
    """A picture's sequence, its frame in it, and the number of its plane, or -1."""
    source = picture.meta.get("source")
    if isinstance(source, Mapping) and source.get("format") == "ctc":
        number = source.get("plane")
        if type(number) is int and 0 <= number < 1 << 16 and "/" in picture.name:
            frame = picture.name.rpartition("/")[0]
            return frame.rpartition("/")[0], frame, number
    return picture.name.rpartition("/")[0], picture.name, -1


def _numbers_of(folders: list[str]) -> dict[str, str]:
    """What each sequence is called: by its number, where all have one, or in their order."""
    last = [folder.rpartition("/")[2] for folder in folders]
    found = [match.group(1) for match in map(_SEQUENCE.fullmatch, last) if match is not None]
    if len(set(found)) == len(folders):
        return dict(zip(folders, found, strict=True))
    return {folder: f"{number:02d}" for number, folder in enumerate(folders, 1)}


# ---------------------------------------------------------------------- one picture


def _packed(picture: Picture, lost: Counter[str]) -> _Plane:
    """Paint a picture's masks, the largest first."""
    entries = sorted(picture.entries, key=lambda entry: -int(np.count_nonzero(entry.mask)))
    number_of: dict[Individual, int] = {}
    groups: dict[int, dict[str, None]] = {}
    shape = (
        max([picture.height or 1, *(entry.bbox.maxr for entry in entries)]),
        max([picture.width or 1, *(entry.bbox.maxc for entry in entries)]),
    )
    boxes = np.array([entry.bbox for entry in entries], np.int64).reshape(-1, 4)
    numbers: list[int] = []
    for entry in entries:
        who = _who(entry)
        lost[_JOINED] += who in number_of
        number = number_of.setdefault(who, len(number_of) + 1)
        groups.setdefault(number, {}).update(dict.fromkeys(entry.groups))
        numbers.append(number)
    kind = _kind_of(len(number_of))
    seen = np.zeros(len(number_of) + 1, np.bool_)
    parts: dict[tuple[int, int], bytes] = {}
    for window in windows(shape):
        here = meeting(boxes, window).tolist()
        if not here:
            continue
        part = np.zeros((window.height, window.width), kind)
        for which in here:
            place, inside = part_of(boxes[which].tolist(), entries[which].mask, window)
            before = part[place][inside]
            lost[_HIDDEN] += int(np.count_nonzero((before != 0) & (before != numbers[which])))
            part[place][inside] = numbers[which]
        seen |= np.bincount(part.ravel(), minlength=len(seen)) > 0
        parts[window.minr, window.minc] = zlib.compress(part.tobytes(), 1)
    lost[_COVERED] += int(np.count_nonzero(~seen[1:]))
    left = {who: number for who, number in number_of.items() if seen[number]}
    told = [tuple(groups[number]) for number in left.values()]
    return _Plane(shape, parts, kind, list(left), list(left.values()), told)


def _kind_of(n_people: int) -> type[np.unsignedinteger[Any]]:
    """What is wide enough to number so many."""
    return np.uint16 if n_people <= MOST_LABEL else np.uint32


def _who(entry: Annotation) -> Individual:
    return entry.domain or None, entry.address


def _parents_in(picture: Picture) -> Iterator[tuple[Individual, Individual]]:
    """Children of a picture with their parents, who are of the same domain."""
    told = picture.meta.get("parents")
    if not isinstance(told, Mapping):
        return
    for entry in picture.entries:
        parent = told.get(entry.address.decode("utf-8", "backslashreplace"))
        if isinstance(parent, str):
            domain = entry.domain or None
            yield (domain, entry.address), (domain, parent.encode("utf-8", "surrogatepass"))


# ---------------------------------------------------------------------- one sequence


class _Numbered:
    """A sequence whose tracks have labels.

    Raises
    ------
    ExchangeError
        If there are more than 16 bits can tell apart.
    """

    def __init__(self, sequence: _Sequence, folder: str, lost: Counter[str]) -> None:
        self._frames = [frame for _, frame in sorted(sequence.frames.items())]
        seen: dict[Individual, list[int]] = {}
        for number, frame in enumerate(self._frames):
            for who in sorted(frame.people(), key=lambda who: (who[0] or b"", who[1])):
                seen.setdefault(who, []).append(number)
        pieces = {who: list(_stretches(frames)) for who, frames in seen.items()}
        n_tracks = sum(map(len, pieces.values()))
        if n_tracks > MOST_LABEL:
            raise ExchangeError(
                f"has {n_tracks} tracks; expected at most {MOST_LABEL}, as masks have 16 bits",
                f"sequence {folder or '.'}",
            )
        lost[_CUT] += n_tracks - len(pieces)
        self._labels = _labels_of(pieces)
        self._tracks = list(self._linked(pieces, sequence.parents, lost))
        lost[_SIZES] += sum(
            plane.shape != self._shape_of(self._frames[0])
            for frame in self._frames
            for plane in frame.planes.values()
        )

    def _shape_of(self, frame: _Frame) -> tuple[int, int]:
        shapes = [plane.shape for plane in frame.planes.values()]
        return max(rows for rows, _ in shapes), max(columns for _, columns in shapes)

    def _linked(
        self,
        pieces: Mapping[Individual, list[tuple[int, int]]],
        parents: Mapping[Individual, Individual],
        lost: Counter[str],
    ) -> Iterator[Track]:
        for who, stretches in pieces.items():
            labels = self._labels[who]
            parent = 0
            if who in parents:
                before = [
                    label
                    for label, (_, end) in zip(
                        self._labels.get(parents[who], []),
                        pieces.get(parents[who], []),
                        strict=True,
                    )
                    if end < stretches[0][0]
                ]
                parent = before[-1] if before else 0
                lost[_PARENTS] += not before
            for label, (begin, end) in zip(labels, stretches, strict=True):
                yield Track(label, begin, end, parent)
                parent = label

    def files(self) -> Iterator[tuple[str, bytes | Callable[[BinaryIO], None]]]:
        """The files of the folder, with their names in it; what writes one that is large."""
        n_digits = max(_FEW_DIGITS, len(str(len(self._frames) - 1)))
        known = Known()
        begins = {track.label: track.begin for track in self._tracks}
        for who, labels in self._labels.items():
            known.individuals.update(dict.fromkeys(labels, who))
        for number, frame in enumerate(self._frames):
            label_of = {
                who: _last_begun(self._labels[who], begins, number) for who in frame.people()
            }
            yield f"mask{number:0{n_digits}d}.tif", self._tiff(frame, label_of)
            for which, plane in frame.planes.items():
                known.paths[number, which] = frame.paths[which]
                for who, groups in zip(plane.people, plane.groups, strict=True):
                    if groups:
                        known.groups[number, which, label_of[who]] = groups
        lines = (f"{t.label} {t.begin} {t.end} {t.parent}\n" for t in sorted(self._tracks))
        yield "res_track.txt", "".join(lines).encode()
        yield from tables_of(known).items()

    def _tiff(
        self, frame: _Frame, label_of: Mapping[Individual, int]
    ) -> bytes | Callable[[BinaryIO], None]:
        """The planes of a frame, empty ones where none was taken."""
        numbers = [-1] if -1 in frame.planes else list(range(max(frame.planes) + 1))
        planes = [frame.planes.get(number) for number in numbers]
        shape = self._shape_of(frame) if -1 not in frame.planes else frame.planes[-1].shape

        def part(page: int, window: BBox) -> npt.NDArray[np.uint16] | None:
            plane = planes[page]
            return None if plane is None else plane.labels(label_of, window)

        if is_whole(shape):
            empty = np.zeros(shape, np.uint16)
            found = (part(page, BBox(0, 0, *shape)) for page in range(len(planes)))
            return _tiff(page if page is not None else empty for page in found)
        return lambda file: write_tiled(file, shape, len(planes), np.uint16, part, None)


def _last_begun(labels: Iterable[int], begins: Mapping[int, int], frame: int) -> int:
    """The label that an individual has in a frame: the last that has begun."""
    return max((label for label in labels if begins[label] <= frame), key=begins.__getitem__)


def _stretches(frames: list[int]) -> Iterator[tuple[int, int]]:
    """First and last of each stretch of frames that follow each other."""
    begin = last = frames[0]
    for frame in frames[1:]:
        if frame != last + 1:
            yield begin, last
            begin = frame
        last = frame
    yield begin, last


def _labels_of(pieces: Mapping[Individual, list[tuple[int, int]]]) -> dict[Individual, list[int]]:
    """Labels of the tracks of each individual: its own number first, if it has one for itself."""
    own: dict[int, Individual] = {}
    for who in pieces:
        number = _number_in(who[1])
        if number is not None:
            own.setdefault(number, who)
    free = (label for label in range(1, MOST_LABEL + 1) if label not in own)
    labels: dict[Individual, list[int]] = {}
    for who, stretches in pieces.items():
        number = _number_in(who[1])
        first = [number] if number is not None and own[number] == who else []
        labels[who] = first + [next(free) for _ in range(len(stretches) - len(first))]
    return labels


def _number_in(address: bytes) -> int | None:
    """The label that an address is, if it is one as it would be written."""
    if not (address.isdigit() and len(address) <= 5 and address[:1] != b"0"):
        return None
    return int(address) if int(address) <= MOST_LABEL else None


def _tiff(pages: Iterable[npt.NDArray[np.uint16]]) -> bytes:
    """A TIFF of 16-bit pages, deflated, which needs no library beside zlib."""
    from tifffile import TiffWriter

    out = io.BytesIO()
    with TiffWriter(out) as writer:
        for page in pages:
            options: dict[str, Any] = {"compression": "zlib", "photometric": "minisblack"}
            writer.write(page, metadata=None, **options)
    return out.getvalue()


WRITER = CellTrackingWriter()
