"""What a CVAT XML holds, found in one pass: images, and the frames of tracks."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from iidindex.errors import ExchangeError
from iidindex.formats.annotation import Refusals, Refused
from iidindex.formats.identity import IDENTITY_FIELDS
from iidindex.formats.json_ranges import Ints
from iidindex.formats.reading import Task
from iidindex.formats.segmentation import whole
from iidindex.formats.xml_pieces import Elements

ROOT = "annotations"
_STEP = re.compile(r"\s*step\s*=\s*(\d{1,6})\s*")
# Frames on which nothing is are pictures, too, unless somebody claims that there are this many.
_MOST_FRAMES = 1 << 20

_GAP_NOTE = "tracks with frames between key frames that are not in the file; they are not drawn"


class Track(NamedTuple):
    """What a track says of all its shapes."""

    number: str
    label: str | None
    sequence: str


class ImageAt(NamedTuple):
    """Where an image lies, and what annotations in it are called after."""

    offset: int
    length: int
    lead: str
    sequence: str


class FrameAt(NamedTuple):
    """Where the shapes of a frame lie, and which tracks they are of."""

    frame: int
    size: tuple[int, int] | None
    offsets: Ints
    lengths: Ints
    tracks: Ints
    sequence: str


@dataclass
class _Meta:
    """What is said of a task or job."""

    values: dict[str, str] = field(default_factory=dict)

    def whole(self, name: str) -> int | None:
        """A value that is a whole number."""
        told = self.values.get(name, "").strip()
        return int(told) if told.isdecimal() and len(told) < 10 else None

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the frames of a video."""
        width, height = self.whole("width"), self.whole("height")
        if width is None or height is None or whole(width) is None or whole(height) is None:
            return None
        return width, height

    @property
    def frames(self) -> range:
        """The numbers of all frames, as far as they are told."""
        step = _STEP.fullmatch(self.values.get("frame_filter", ""))
        by = max(1, int(step[1])) if step is not None else 1
        first, last = self.whole("start_frame") or 0, self.whole("stop_frame")
        if last is None:
            last = first + by * (self.whole("size") or 0) - 1
        frames = range(first, last + 1, by)
        return frames if len(frames) <= _MOST_FRAMES else range(0)


class Pass(Elements):
    """One look at everything, which keeps some thirty bytes of a shape in a track."""

    def __init__(self, asked: str | None) -> None:
        super().__init__()
        self.refused = Refusals()
        self.tracks: list[Track] = []
        self._fields = (asked,) if asked is not None else IDENTITY_FIELDS
        self._seen: set[str] = set()
        self._images: list[tuple[str, ImageAt]] = []
        self._metas: dict[str, _Meta] = {}
        self._only_meta: str | None = None
        self._path: list[str] = []
        self._texts: list[str] = []
        self._meta = _Meta()
        self._begin = 0
        self._image: dict[str, str] = {}
        self._shape: dict[str, str] = {}
        # Of the shapes in tracks.
        self._frame, self._of = array("q"), array("q")
        self._offset, self._length = array("q"), array("q")
        # Where a track was last seen, and whether it was outside there.
        self._last: tuple[int, bool] | None = None
        self._step = 1
        self._gaps = 0

    # ------------------------------------------------------------------ elements

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        """Take note of what an element says, and where it lies."""
        self._path.append(name)
        if self.depth == 1 and name != ROOT:
            raise ExchangeError(f"is a <{name:.40}>; expected <{ROOT}>")
        if self._is_in("meta"):
            self._texts = []
            if name in ("task", "job"):
                self._meta = _Meta()
        elif self.depth == 2:
            self._begin = self.at
            if name == "image":
                self._image = attributes
            elif name == "track":
                self._begin_track(attributes)
        elif self._is_in("track") or self._is_in("image"):
            self._begin_shape(name, attributes)

    def _is_in(self, name: str) -> bool:
        return len(self._path) > 1 and self._path[1] == name

    def _begin_track(self, attributes: dict[str, str]) -> None:
        sequence = self._sequence(attributes)
        self.tracks.append(Track(attributes.get("id", ""), attributes.get("label"), sequence))
        self._last = None
        self._step = self._meta_of(sequence).frames.step

    def _begin_shape(self, name: str, attributes: dict[str, str]) -> None:
        if self.depth == 3:
            if self._is_in("track"):
                self._begin, self._shape = self.at, attributes
            self._seen.update(attributes.keys() & set(self._fields))
        elif name == "attribute":
            told = attributes.get("name", "")
            self._seen.update({told, f"attributes.{told}"} & set(self._fields))

    def text(self, text: str) -> None:
        """Keep what is said of tasks."""
        if self._is_in("meta"):
            self._texts.append(text)

    def end(self, name: str) -> None:
        """Take note of where an element ended."""
        if self._is_in("meta"):
            self._end_meta(name)
        elif self.depth == 2 and name == "image":
            self._end_image()
        elif self.depth == 3 and self._is_in("track"):
            self._end_shape()
        self._path.pop()

    def _end_meta(self, name: str) -> None:
        if name in ("task", "job"):
            number = self._meta.values.get("id", "").strip()
            number = number if name == "task" or not number else f"job {number}"
            self._metas[number] = self._meta
            self._only_meta = number
        elif self._path[-2] in ("task", "job", "original_size"):
            self._meta.values[name] = "".join(self._texts)[:200]

    def _sequence(self, attributes: dict[str, str]) -> str:
        return attributes.get("task_id") or (self._only_meta or "")

    def _end_image(self) -> None:
        name, number = self._image.get("name"), self._image.get("id", "")
        if not name:
            problem = f"name is {name!r}; expected that of the picture"
            self.refused.add(Refused("picture", f"image {number:.40}", problem))
            return
        sequence = self._sequence(self._image)
        at = ImageAt(self._begin, self.at - self._begin, number, sequence)
        self._images.append((name, at))

    def _end_shape(self) -> None:
        told = self._shape.get("frame", "")
        track = self.tracks[-1]
        if not (told.isascii() and told.isdecimal() and len(told) < 10):
            problem = f"frame is {told!r:.40}; expected a whole number"
            self.refused.add(Refused("frame", f"track {track.number:.40}", problem))
            return
        frame, is_outside = int(told), self._shape.get("outside") == "1"
        if self._last is not None and not self._last[1]:
            self._gaps += frame - self._last[0] > self._step
        self._last = (frame, is_outside)
        if is_outside:
            # The program goes on with a track where its object is not to be seen any more.
            return
        self._frame.append(frame)
        self._of.append(len(self.tracks) - 1)
        self._offset.append(self._begin)
        self._length.append(self.at - self._begin)

    # ------------------------------------------------------------------ what came of it

    @property
    def identity(self) -> str | None:
        """The first of the fields that any shape has."""
        return next((name for name in self._fields if name in self._seen), None)

    def distinct_tracks(self) -> list[Track]:
        """The tracks; those of one number get another one each, so that none is taken for one."""
        times = Counter((track.sequence, track.number) for track in self.tracks)
        return [
            track
            if track.number and times[track.sequence, track.number] == 1
            else track._replace(number=f"{track.number}/{place}")
            for place, track in enumerate(self.tracks)
        ]

    def notes(self) -> dict[str, int]:
        """What a person should know."""
        return {_GAP_NOTE: self._gaps} if self._gaps else {}

    def tasks(self) -> list[Task]:
        """The pictures: images as they are named, then frames by their numbers."""
        return [*self._image_tasks(), *self._frame_tasks()]

    def _image_tasks(self) -> Iterator[Task]:
        numbers = Counter((at.sequence, at.lead) for _, at in self._images)
        for name, at in self._images:
            if not at.lead or numbers[at.sequence, at.lead] > 1:
                # Numbers that come again tell no picture from another.
                at = at._replace(lead=name)
            yield Task(name, at)

    def _frame_tasks(self) -> Iterator[Task]:
        sequences = list(dict.fromkeys(track.sequence for track in self.tracks))
        rank = {sequence: place for place, sequence in enumerate(sequences)}
        of_track = np.array([rank[track.sequence] for track in self.tracks], np.int64)
        columns: list[Any] = [self._frame, self._of, self._offset, self._length]
        frame, of, offset, length = (np.array(column, np.int64) for column in columns)
        which = of_track[of] if len(of) else of
        order = np.lexsort((frame, which))
        for sequence in sequences:
            meta = self._meta_of(sequence)
            low, high = np.searchsorted(which[order], [rank[sequence], rank[sequence] + 1])
            mine = order[low:high]
            # Sorted once, what lies on a frame is a stretch of each.
            columns = [offset[mine], length[mine], of[mine]]
            numbers, first = np.unique(frame[mine], return_index=True)
            ends = [*first[1:].tolist(), len(mine)]
            found = dict(
                zip(numbers.tolist(), zip(first.tolist(), ends, strict=False), strict=False)
            )
            lead = f"{meta.values.get('name') or sequence}/" if len(sequences) > 1 else ""
            for number in sorted(found.keys() | set(meta.frames)):
                begin, end = found.get(number, (0, 0))
                offsets, lengths, tracks = (one[begin:end] for one in columns)
                at = FrameAt(number, meta.size, offsets, lengths, tracks, sequence)
                yield Task(f"{lead}frame_{number:06d}", at)

    def _meta_of(self, sequence: str) -> _Meta:
        return self._metas.get(sequence) or _Meta()
