"""MOTS: objects of road scenes, tracked, as lines of text or as 16-bit PNG files.

https://www.vision.rwth-aachen.de/page/mots has both: a line is ``time_frame id class_id
img_height img_width rle``, the run lengths are COCO's; a pixel of a PNG is an id. An id is 1000
times its class and a number in its sequence, so the sequence is part of the domain. 10,000 are
regions that nobody looked at: no individual, but what is in the group ``ignore``. Frames are
counted from 0 in KITTI MOTS and from 1 in MOTSChallenge; names keep their numbers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from iidindex.errors import ExchangeError
from iidindex.formats.annotation import Annotation, Picture, Refusals, Refused, described
from iidindex.formats.frame_folders import (
    FrameFile,
    FramePictures,
    mots_images,
    plane_of,
    sequence_domain,
)
from iidindex.formats.reading import Options, SourceFiles, Survey, Task, stem, suffix
from iidindex.formats.segmentation import masks_of as decoded
from iidindex.masks.labels import find_labels, masks_of

Ints = npt.NDArray[np.int64]

NAME = "mots"
IGNORE = "ignore"

_CLASSES = {1: "car", 2: "pedestrian"}
_IGNORED_CLASS, _IGNORED_ID = 10, 10000
_OF_CLASS = 1000

_LINE = re.compile(
    rb"(\d{1,9})[ \t]+(\d{1,9})[ \t]+(\d{1,6})[ \t]+(\d{1,6})[ \t]+(\d{1,6})[ \t]+(\S+)"
)
_FORM = "time_frame id class_id img_height img_width rle"
_FRAME_DIGITS = 9
# Folders and names that say what a file is, not which sequence.
_CONTAINERS = ("instances_txt", "instances", "gt")
# So many bytes of a file are looked at to recognise it, and read at a time.
_BEGINNING = 1 << 16
_FEW = 20
_BLOCK = 1 << 22
_LONGEST = 1 << 26
# Ranges nearer than this are read together.
_GAP = 1 << 16
# A mask is painted whole: a picture of more pixels is none of a camera.
_MOST_PIXELS = 1 << 28

# A reason to leave out a line.
_SIZE = "size"

_OTHER_ID = "ids that are not 1000 times their class and a number"
_NO_SEQUENCE = "files that do not tell their sequence: name it with --domain"
_TWICE = "individuals that are in one picture several times"


@dataclass(frozen=True)
class _Shared:
    """What every picture's reading needs.

    Attributes
    ----------
    domains : dict of str to bytes
        By sequence.
    classes : dict of int to str
    """

    domains: dict[str, bytes]
    classes: dict[int, str]


class _Lines(NamedTuple):
    """The lines of a frame: the file, where each begins, how long it is, its number."""

    file: str
    sequence: str
    frame: int
    offset: Ints
    length: Ints
    number: Ints


class Mots:
    """MOTS, as text or as images."""

    def recognise(self, source: SourceFiles) -> str | None:
        """Lines of six fields whose ids are of their classes, or 16-bit PNG of such ids."""
        found = _texts(source, _FEW)
        if found:
            return f"lines of {_FORM} in {found[0]}"
        images = mots_images(source)
        return f"16-bit PNG of 1000 times class and instance, {images[0].file}" if images else None

    def survey(self, source: SourceFiles, options: Options) -> Survey:
        """Note where the lines of each frame lie, or which PNG each is."""
        texts = _texts(source)
        if not texts and not source.is_folder:
            # Whoever names the format has a reason, even if the first lines are broken.
            texts = [name for name in source.names() if suffix(name) == ".txt"]
        images = [] if texts else mots_images(source)
        if not texts and not images:
            raise ExchangeError(
                f"holds no MOTS; expected lines of {_FORM}, or 16-bit PNG files",
                source=source.name,
            )
        survey = _of_texts(source, texts, options) if texts else _of_images(source, images, options)
        if options.identity is not None:
            raise ExchangeError(f"lines have no field {options.identity!r}; tracks have ids")
        return survey

    def read(
        self,
        source: SourceFiles,
        options: Options,  # noqa: ARG002
        shared: _Shared,
        task: Task,
    ) -> Picture:
        """Decode the masks of a frame."""
        if isinstance(task.at, FrameFile):
            return _image(source, shared, task)
        return _frame(source, shared, task)


def _texts(source: SourceFiles, most: int | None = None) -> list[str]:
    """Text files whose first lines are of this format, of the first so many."""
    names = [
        name
        for name in source.names()
        if suffix(name) == ".txt" and name.rpartition("/")[2] != "labels.txt"
    ]
    names.sort(key=lambda name: not set(_CONTAINERS) & set(name.split("/")))
    return sorted(name for name in names[:most] if _has_lines(source, name))


def _has_lines(source: SourceFiles, name: str) -> bool:
    return any(map(_is_line, source.range(name, 0, _BEGINNING).split(b"\n")[:5]))


def _is_line(line: bytes) -> bool:
    # The run lengths of a large mask may go on behind what was read.
    match = _LINE.fullmatch(line.strip())
    if match is None:
        return False
    number, of_class, height, width = map(int, match.groups()[1:5])
    if not (height and width):
        return False
    return number // _OF_CLASS == of_class or of_class in (*_CLASSES, _IGNORED_CLASS)


# ---------------------------------------------------------------------- text, once through


def _of_texts(source: SourceFiles, names: Sequence[str], options: Options) -> Survey:
    refused = Refusals()
    notes: dict[str, int] = {}
    domains: dict[str, bytes] = {}
    pictures = FramePictures(options.images, ())
    tasks: list[Task] = []
    for name in names:
        sequence = _sequence_of(name)
        if not sequence and options.domain is None:
            notes[_NO_SEQUENCE] = notes.get(_NO_SEQUENCE, 0) + 1
        domains[sequence] = sequence_domain(source, options, sequence)
        for lines in _frames_of(source, name, sequence, refused):
            number = f"{lines.frame:06d}"
            place = f"{sequence}/{number}" if sequence else number
            tasks.append(Task(place, lines, pictures.find(sequence, number)))
    shared = _Shared(domains, _CLASSES)
    return Survey(tasks, len(tasks), "the track", shared, refused, notes, masks_are_images=True)


def _sequence_of(name: str) -> str:
    """``0002`` of ``instances_txt/0002.txt``, and ``MOTS20-02`` of ``MOTS20-02/gt/gt.txt``."""
    parts = [*name.split("/")[:-1], stem(name)]
    return "/".join(part for part in parts if part not in _CONTAINERS)


def _frames_of(
    source: SourceFiles, name: str, sequence: str, refused: Refusals
) -> Iterator[_Lines]:
    """The lines of a file, frame by frame; those whose frame is no number are left out."""
    found = _Noted()
    for offset, length, data in _blocks(source, name):
        begin = offset - offset[0] if len(offset) else offset
        frame = _first_numbers(data, begin, length)
        number = found.n_lines + 1 + np.arange(len(offset))
        found.n_lines += len(offset)
        for place in np.flatnonzero(frame < 0).tolist():
            text = data[begin[place] : begin[place] + length[place]].strip()
            if text:
                told = text[:40].decode("utf-8", "backslashreplace")
                problem = f"found {told!r}; expected {_FORM}"
                refused.add(Refused("line", f"{name}, line {number[place]}", problem))
        good = frame >= 0
        found.add(frame[good], offset[good], length[good], number[good])
    frame, offset, length, number = found.arrays()
    order = np.argsort(frame, kind="stable")
    frame, offset, length, number = frame[order], offset[order], length[order], number[order]
    first = np.flatnonzero(np.append(True, frame[1:] != frame[:-1])) if len(frame) else frame
    for low, high in zip(first.tolist(), [*first[1:].tolist(), len(frame)], strict=False):
        yield _Lines(
            name,
            sequence,
            int(frame[low]),
            offset[low:high],
            length[low:high],
            number[low:high],
        )


@dataclass
class _Noted:
    """Frame, place, length and number of lines, block by block."""

    parts: list[tuple[Ints, ...]] = field(default_factory=list)
    n_lines: int = 0

    def add(self, *columns: Ints) -> None:
        self.parts.append(columns)

    def arrays(self) -> list[Ints]:
        none = np.empty(0, np.int64)
        return [np.concatenate([none, *(part[which] for part in self.parts)]) for which in range(4)]


def _blocks(source: SourceFiles, name: str) -> Iterator[tuple[Ints, Ints, bytes]]:
    """Where lines begin and how long they are, with the bytes from the first of them on."""
    rest, at = b"", 0
    while True:
        block = source.range(name, at + len(rest), max(_BLOCK, len(rest)))
        data = rest + block
        ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
        if not block and data:
            ends = np.append(ends, len(data))
        begins = np.append(0, ends[:-1] + 1)[: len(ends)]
        if len(ends):
            yield at + begins, ends - begins, data
        if not block:
            return
        behind = int(ends[-1]) + 1 if len(ends) else 0
        rest, at = data[behind:], at + behind
        if len(rest) > _LONGEST:
            raise ExchangeError(f"has a line of over {_LONGEST} bytes", f"byte {at}", name)


def _first_numbers(data: bytes, begin: Ints, length: Ints) -> Ints:
    """The whole number that each line begins with; -1 where it is none."""
    marks = np.frombuffer(data + b"\n", np.uint8)
    number = np.zeros(len(begin), np.int64)
    going = length > 0
    is_number = np.zeros(len(begin), np.bool_)
    for digit in range(_FRAME_DIGITS + 1):
        mark = marks[np.minimum(begin + digit, len(marks) - 1)].astype(np.int64)
        within = going & (digit < length)
        is_digit = within & (mark >= ord("0")) & (mark <= ord("9"))
        if digit:
            is_number |= within & ((mark == ord(" ")) | (mark == ord("\t")))
        number = np.where(is_digit, number * 10 + mark - ord("0"), number)
        going = is_digit
    return np.where(is_number, number, -1)


# ---------------------------------------------------------------------- text, a frame


class _Line(NamedTuple):
    """What a line says."""

    number: int
    of_class: int
    size: tuple[int, int]
    counts: str


def _frame(source: SourceFiles, shared: _Shared, task: Task) -> Picture:
    at: _Lines = task.at
    fields = {"sequence": at.sequence, "frame": at.frame}
    picture = Picture(task.name, None, None, described(NAME, at.file, None, fields), [])
    lines = _of_one_size(_parsed_lines(source, at, picture), at.file, picture)
    size = {"size": [picture.height, picture.width]}
    found = decoded([{**size, "counts": line.counts} for line in lines.values()], None)
    for (number, line), mask in zip(lines.items(), found, strict=True):
        if isinstance(mask, ExchangeError):
            _refuse(picture, at.file, number, mask.problem)
        elif not mask[0].n_pixels:
            _refuse(picture, at.file, number, "the mask has no pixel", "empty")
        else:
            frame = f"{at.frame:06d}"
            address, groups = _named(line.number, line.of_class, frame, shared.classes)
            domain = shared.domains[at.sequence]
            picture.entries.append(Annotation(address, domain, *mask, groups))
            if groups != (IGNORE,) and line.number // _OF_CLASS != line.of_class:
                picture.note(_OTHER_ID)
    repeated = Counter(entry.address for entry in picture.entries if IGNORE not in entry.groups)
    if any(count > 1 for count in repeated.values()):
        picture.note(_TWICE)
    return picture


def _refuse(picture: Picture, file: str, line: int, problem: str, reason: str = "line") -> None:
    picture.refused.append(Refused(reason, f"{file}, line {line}", problem))


def _parsed_lines(source: SourceFiles, at: _Lines, picture: Picture) -> dict[int, _Line]:
    """What the lines of a frame say, by their numbers."""
    lines: dict[int, _Line] = {}
    for number, text in zip(at.number.tolist(), _read_lines(source, at), strict=True):
        try:
            lines[number] = _parsed(text)
        except ExchangeError as error:
            _refuse(picture, at.file, number, error.problem, error.record or "line")
    return lines


def _of_one_size(lines: dict[int, _Line], file: str, picture: Picture) -> dict[int, _Line]:
    """The lines of a picture's size, which is that of most: nobody else tells it."""
    if not lines:
        return lines
    size = Counter(line.size for line in lines.values()).most_common(1)[0][0]
    picture.width, picture.height = size
    picture.meta["width"], picture.meta["height"] = size
    for number, line in lines.items():
        if line.size != size:
            told = (
                f"the picture is {line.size[0]} x {line.size[1]}; expected {size[0]} x {size[1]}, "
                "as in most lines of its frame"
            )
            _refuse(picture, file, number, told, _SIZE)
    return {number: line for number, line in lines.items() if line.size == size}


def _read_lines(source: SourceFiles, at: _Lines) -> Iterator[bytes]:
    """The lines of a frame, near ones read together."""
    ends = at.offset + at.length
    cuts = np.flatnonzero(at.offset[1:] - ends[:-1] > _GAP) + 1
    for low, high in zip([0, *cuts.tolist()], [*cuts.tolist(), len(ends)], strict=True):
        begin = int(at.offset[low])
        data = source.range(at.file, begin, int(ends[high - 1]) - begin)
        for offset, length in zip(
            at.offset[low:high].tolist(), at.length[low:high].tolist(), strict=True
        ):
            yield data[offset - begin : offset - begin + length]


def _parsed(text: bytes) -> _Line:
    match = _LINE.fullmatch(text.strip())
    if match is None:
        told = text.strip()[:40].decode("utf-8", "backslashreplace")
        raise ExchangeError(f"found {told!r}; expected {_FORM}")
    _, number, of_class, height, width = map(int, match.groups()[:5])
    if not (height and width) or height * width > _MOST_PIXELS:
        raise ExchangeError(
            f"img_height and img_width are {height} and {width}; expected at most "
            f"{_MOST_PIXELS} pixels",
            _SIZE,
        )
    return _Line(number, of_class, (width, height), match.group(6).decode("latin-1"))


def _named(
    number: int, of_class: int, frame: str, classes: dict[int, str]
) -> tuple[bytes, tuple[str, ...]]:
    """The address and group of an id; what is ignored is nobody who comes again."""
    is_ignored = of_class == _IGNORED_CLASS or number == _IGNORED_ID
    if is_ignored and _IGNORED_CLASS not in classes:
        return f"{frame}/{number}".encode(), (IGNORE,)
    return str(number).encode(), (classes.get(of_class, f"class {of_class}"),)


# ---------------------------------------------------------------------- images


def _of_images(source: SourceFiles, images: Sequence[FrameFile], options: Options) -> Survey:
    pictures = FramePictures(options.images, (one.file for one in images))
    tasks = [Task(one.place, one, pictures.find(one.sequence, one.frame)) for one in images]
    domains = {one.sequence: sequence_domain(source, options, one.sequence) for one in images}
    shared = _Shared(domains, _classes_in(source))
    return Survey(tasks, len(tasks), "the track", shared, masks_are_images=True)


def _classes_in(source: SourceFiles) -> dict[int, str]:
    """Names of classes: those of the data set, or what programs write beside the images."""
    named = [name for name in source.names() if name.endswith("labels.txt")]
    if len(named) != 1 or source.size(named[0]) > _BEGINNING:
        return _CLASSES
    lines = source.read(named[0]).decode("utf-8", "replace").splitlines()
    return dict(enumerate((line.strip() for line in lines if line.strip()), 1))


def _image(source: SourceFiles, shared: _Shared, task: Task) -> Picture:
    at: FrameFile = task.at
    plane = plane_of(source, at.file)
    if plane.dtype != np.uint16:
        raise ExchangeError(f"has pixels of type {plane.dtype}; expected 16 bits", at.file)
    height, width = plane.shape
    fields = {"sequence": at.sequence, "frame": at.frame}
    about = described(NAME, at.file, (width, height), fields)
    picture = Picture(task.name, width, height, about, [])
    labels = find_labels(plane)
    for value, (bbox, mask) in zip(labels.value.tolist(), masks_of(plane, labels), strict=True):
        of_class = value // _OF_CLASS
        if not of_class:
            told = f"is of class 0; expected {_OF_CLASS} times a class and a number"
            picture.refused.append(Refused("class", f"{at.file}, id {value}", told))
            continue
        address, groups = _named(value, of_class, at.frame, shared.classes)
        domain = shared.domains[at.sequence]
        picture.entries.append(Annotation(address, domain, bbox, mask, groups))
    return picture


FORMAT = Mots()
