"""YouTube-VIS: one JSON of videos, categories and annotations, of which each is a track.

https://youtube-vos.org/dataset/vis ("Data Format") has the fields: a video has ``file_names``, an
annotation as many ``segmentations``, one a frame and null where the object is not seen. They are
polygons or run lengths as in COCO. A list of results has neither videos nor ids. One pass notes
where each segmentation lies, and those of a frame are read when it is.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeGuard

import numpy as np
import numpy.typing as npt

from iidindex.errors import ExchangeError
from iidindex.formats.annotation import Annotation, Picture, Refusals, Refused, described
from iidindex.formats.coco import groups_of
from iidindex.formats.identity import as_address, field_of
from iidindex.formats.json_ranges import Elements, Ints, Plain, decode, peek, scan
from iidindex.formats.reading import Options, SourceFiles, Survey, Task, byte_range, only_json
from iidindex.formats.segmentation import frame_of, masks_of, rings_of, whole
from iidindex.masks.polygons import draw
from iidindex.masks.regions import Bool2D
from iidindex.model import BBox

NAME = "youtube-vis"

# A mask is painted whole: a picture of more pixels is none of a video.
_MOST_PIXELS = 1 << 28
_BY_ID, _BY_VIDEO = "the annotation's id", "video and annotation id, as ids come again in others"
_BY_PLACE = "video and position, as annotations have no id"


@dataclass
class _Video:
    """A video: the names of its frames, their size, and where its annotations are."""

    names: Sequence[str]
    size: tuple[int, int] | None
    tracks: list[_Track] = field(default_factory=list)


class _Track(NamedTuple):
    """An annotation: whose it is, its groups, and where the segmentation of each frame lies."""

    domain: bytes
    address: bytes
    groups: tuple[str, ...]
    offset: Ints
    length: Ints


class _Mask(NamedTuple):
    """A segmentation of a frame."""

    domain: bytes
    address: bytes
    groups: tuple[str, ...]
    offset: int
    length: int


class _Frame(NamedTuple):
    """What is in a frame."""

    video: int | str
    number: int
    size: tuple[int, int] | None
    masks: list[_Mask]


class YoutubeVis:
    """Tracks of YouTube-VIS, and lists of results."""

    def recognise(self, source: SourceFiles) -> str | None:
        """Videos with names of files, or records with segmentations."""
        name = only_json(source)
        if name is None:
            return None
        found = peek(byte_range(source, name))
        if None in found:
            first = found[None]
            is_result = isinstance(first, dict) and {"video_id", "segmentations"} <= set(first)
            return "a list of records with video_id and segmentations" if is_result else None
        video, annotation = found.get("videos"), found.get("annotations")
        if isinstance(video, dict) and "file_names" in video:
            return "an object with videos, which have file_names"
        is_track = isinstance(annotation, dict) and {"video_id", "segmentations"} <= set(annotation)
        return "annotations with video_id and segmentations" if is_track else None

    def survey(self, source: SourceFiles, options: Options) -> Survey:
        """Note where the segmentations of each frame lie."""
        name = only_json(source)
        if name is None:
            raise ExchangeError("expected one JSON file", source=source.name)
        try:
            return _Pass(source, name, options).survey()
        except ExchangeError as error:
            raise ExchangeError(error.problem, error.record, error.source or name) from error

    def read(
        self,
        source: SourceFiles,
        options: Options,  # noqa: ARG002
        shared: str,
        task: Task,
    ) -> Picture:
        """Decode and draw the segmentations of a frame."""
        at: _Frame = task.at
        about = described(NAME, shared, at.size, {"video": at.video, "frame": at.number})
        picture = Picture(task.name, None, None, about, [])
        if at.size is not None:
            picture.width, picture.height = at.size
        drawn = dict(_masks_of(source, shared, at, picture))
        if picture.width is not None:
            picture.meta["width"], picture.meta["height"] = picture.width, picture.height
        for place in sorted(drawn):
            bbox, mask = drawn[place]
            who = at.masks[place]
            if bbox.n_pixels:
                entry = Annotation(who.address, who.domain, bbox, mask, who.groups)
                picture.entries.append(entry)
            else:
                _refuse(picture, who, "the mask has no pixel inside the picture", "empty")
        return picture


# ---------------------------------------------------------------------- one frame


def _masks_of(
    source: SourceFiles, file: str, at: _Frame, picture: Picture
) -> Iterator[tuple[int, tuple[BBox, Bool2D]]]:
    """The masks of a frame, by their places among its tracks."""
    shapes: dict[int, list[npt.NDArray[np.float64]]] = {}
    runs: dict[int, dict[str, Any]] = {}
    for place, mask in enumerate(at.masks):
        try:
            segmentation = decode(source.range(file, mask.offset, mask.length), mask.offset)
            if isinstance(segmentation, list) and segmentation and at.size is not None:
                shapes[place] = rings_of(segmentation)
            elif isinstance(segmentation, dict):
                _check_size(*frame_of(segmentation.get("size")))
                runs[place] = segmentation
            elif segmentation is not None:
                raise ExchangeError(
                    f"segmentation is {segmentation!r:.60}; expected polygons, run lengths or null"
                )
        except ExchangeError as error:
            _refuse(picture, mask, error.problem)
    if at.size is None and runs:
        # Where no video tells the size of a frame, the first run lengths do.
        picture.height, picture.width = frame_of(next(iter(runs.values()))["size"])
    if picture.width is None or picture.height is None:
        return
    size = picture.width, picture.height
    yield from zip(shapes, draw(list(shapes.values()), size[1], size[0], "coco"), strict=True)
    for place, found in zip(runs, masks_of(list(runs.values()), size), strict=True):
        if isinstance(found, ExchangeError):
            _refuse(picture, at.masks[place], found.problem)
        else:
            yield place, found


def _check_size(height: int, width: int) -> None:
    if width * height > _MOST_PIXELS:
        raise ExchangeError(
            f"frames are {width} x {height}; expected at most {_MOST_PIXELS} pixels"
        )


def _refuse(picture: Picture, mask: _Mask, problem: str, reason: str = "segmentation") -> None:
    told = mask.address.decode("utf-8", "backslashreplace")
    picture.refused.append(Refused(reason, f"track {told} of {picture.name}", problem))


# ---------------------------------------------------------------------- the one pass


class _Found(NamedTuple):
    """An annotation's record without what lies in its arrays, and where it is."""

    record: dict[str, Any]
    offset: int
    length: int


class _Pass:
    """One look at everything."""

    def __init__(self, source: SourceFiles, name: str, options: Options) -> None:
        self._source = source
        self._name = name
        self._options = options
        self._refused = Refusals()
        self._videos: dict[int | str, _Video] = {}
        self._bad: set[int | str] = set()
        self._has_videos = False
        self._categories: dict[Any, dict[str, Any]] = {}
        self._found: dict[int | str, list[_Found]] = {}

    def survey(self) -> Survey:
        for part in scan(byte_range(self._source, self._name)):
            if isinstance(part, Plain):
                if part.name in ("videos", "annotations", "categories"):
                    raise ExchangeError(f"{part.name} is no array", record=f"byte {part.offset}")
            elif part.name in (None, "annotations"):
                self._annotations(part)
            elif part.name == "videos":
                self._has_videos = True
                self._take_videos(part)
            elif part.name == "categories":
                self._take_categories(part)
        told = self._put_together()
        n_pictures = sum(len(video.names) for video in self._videos.values())
        return Survey(_Tasks(self._videos), n_pictures, told, self._name, self._refused)

    def _take_categories(self, part: Elements) -> None:
        for record in part.outlines:
            if isinstance(record, dict) and isinstance(record.get("id"), (int, str)):
                self._categories[record["id"]] = record

    def _annotations(self, part: Elements) -> None:
        for record, offset, length in zip(
            part.outlines, part.offset.tolist(), part.length.tolist(), strict=True
        ):
            video = record.get("video_id") if isinstance(record, dict) else None
            if _is_id(video):
                self._found.setdefault(video, []).append(_Found(record, offset, length))
            else:
                told = f"video_id is {video!r:.60}; expected a number or text"
                self._refused.add(Refused("no such video", f"annotation at byte {offset}", told))

    def _take_videos(self, part: Elements) -> None:
        for record, offset, length in zip(
            part.outlines, part.offset.tolist(), part.length.tolist(), strict=True
        ):
            video = record.get("id") if isinstance(record, dict) else None
            try:
                if not _is_id(video):
                    raise ExchangeError(f"id is {video!r:.60}; expected a number or text")
                if video in self._videos or video in self._bad:
                    raise ExchangeError(f"id {video!r:.60} is that of another video, too")
                self._videos[video] = _video_of(
                    decode(self._source.range(self._name, offset, length), offset)
                )
            except ExchangeError as error:
                self._refused.add(Refused("video", f"videos, byte {offset}", error.problem))
                if _is_id(video) and video not in self._videos:
                    self._bad.add(video)

    # ------------------------------------------------------------------ all together

    def _put_together(self) -> str:
        """Give each video its annotations; says where addresses come from."""
        for video in list(self._found):
            if self._has_videos and video not in self._videos:
                found = self._found.pop(video)
                if video not in self._bad:
                    told = f"video_id {video!r:.60} is not among the videos"
                    record = f"annotation at byte {found[0].offset}"
                    self._refused.add(Refused("no such video", record, told), len(found))
        addresses, told = self._addresses()
        for video, found in self._found.items():
            try:
                self._add(video, found, addresses[video])
            except ExchangeError as error:
                self._videos.pop(video, None)
                record = f"video {video!r:.60}: {error.record}"
                self._refused.add(Refused("video", record, error.problem))
        return told

    def _add(
        self, video: int | str, found: list[_Found], addresses: list[tuple[bytes, bytes]]
    ) -> None:
        tracks: list[_Track] = []
        for one, (domain, address) in zip(found, addresses, strict=True):
            record = f"annotation {one.record.get('id', f'at byte {one.offset}')!r:.60}"
            try:
                offset, length = self._segmentations(one)
            except ExchangeError as error:
                self._refused.add(Refused("segmentations", record, error.problem))
                continue
            known = self._videos.get(video)
            if known is None:
                names = [f"{video}/{number:05d}" for number in range(len(offset))]
                known = self._videos[video] = _Video(names, None)
            if len(offset) != len(known.names):
                told = f"has {len(offset)} segmentations; expected {len(known.names)}, one a frame"
                raise ExchangeError(told, record)
            groups = groups_of(one.record, self._categories, self._options.group_by)
            tracks.append(_Track(domain, address, groups, offset, length))
        if video in self._videos:
            self._videos[video].tracks = tracks

    def _segmentations(self, one: _Found) -> tuple[Ints, Ints]:
        """Where the segmentations of an annotation lie in the file."""
        data = self._source.range(self._name, one.offset, one.length)
        try:
            found = list(_elements_under("segmentations", data))
        except (ValueError, IndexError, RecursionError) as error:
            raise ExchangeError(f"is not JSON near byte {one.offset}: {error}") from error
        if not found:
            raise ExchangeError("has no array segmentations, with one a frame")
        begin, end = np.array(found[0], np.int64).reshape(-1, 2).T
        return begin + one.offset, end - begin

    def _addresses(self) -> tuple[dict[int | str, list[tuple[bytes, bytes]]], str]:
        """Domain and address of each annotation of each video, and where they come from."""
        asked = self._options.identity
        ids = {
            video: [as_address(field_of(one.record, asked or "id")) for one in found]
            for video, found in self._found.items()
        }
        times = Counter(number for numbers in ids.values() for number in numbers)
        del times[None]
        if asked is not None and not times:
            seen = next((sorted(found[0].record) for found in self._found.values()), [])
            raise ExchangeError(
                f"no annotation has an identity in the field {asked!r}; "
                f"fields of the first: {', '.join(map(str, seen)) or 'none'}"
            )
        again = asked is None and any(count > 1 for count in times.values())
        told = asked or (_BY_VIDEO if again else _BY_ID if times else _BY_PLACE)
        addresses = {}
        for video, numbers in ids.items():
            domain = self._options.domain_of(self._source, str(video) if again else "")
            of_video = Counter(numbers)
            addresses[video] = [
                (domain, number)
                if number is not None and (asked is not None or of_video[number] == 1)
                else (domain, f"{video}/{place}".encode("utf-8", "surrogatepass"))
                for place, number in enumerate(numbers)
            ]
        return addresses, told


class _Tasks:
    """The frames of all videos, as often as they are asked for."""

    def __init__(self, videos: dict[int | str, _Video]) -> None:
        self._videos = videos

    def __iter__(self) -> Iterator[Task]:
        for key, video in self._videos.items():
            for number, name in enumerate(video.names):
                masks = [
                    _Mask(*track[:3], int(track.offset[number]), int(track.length[number]))
                    for track in video.tracks
                ]
                yield Task(name, _Frame(key, number, video.size, masks))


def _elements_under(key: str, data: bytes) -> Iterator[list[tuple[int, int]]]:
    """Begin and end of each element of the arrays that stand under a key of an object.

    Raises
    ------
    ValueError, IndexError, RecursionError
        If it is not JSON.
    """
    # A character for each byte: what lies between the marks of JSON is not looked at.
    text = data.decode("latin-1")
    at = _behind(text, 0, "{")
    while text[at] != "}":
        name, at = _DECODER.raw_decode(text, at)
        at = _behind(text, at, ":")
        if name == key and text[at] == "[":
            elements, at = [], _behind(text, at, "[")
            while text[at] != "]":
                begin = at
                _, at = _DECODER.raw_decode(text, at)
                elements.append((begin, at))
                at = _solid(text, at)
                at = at if text[at] == "]" else _behind(text, at, ",")
            at += 1
            yield elements
        else:
            _, at = _DECODER.raw_decode(text, at)
        at = _solid(text, at)
        at = at if text[at] == "}" else _behind(text, at, ",")


_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")


def _solid(text: str, at: int) -> int:
    """The next place that is no space."""
    found = _SPACE.match(text, at)
    return at if found is None else found.end()


def _behind(text: str, at: int, mark: str) -> int:
    """The next place that is no space, behind a mark."""
    at = _solid(text, at)
    if text[at] != mark:
        raise ValueError(f"found {text[at]!r}; expected {mark!r}")
    return _solid(text, at + 1)


def _is_id(value: Any) -> TypeGuard[int | str]:
    return isinstance(value, (int, str)) and not isinstance(value, bool)


def _video_of(record: Any) -> _Video:
    """A video's record, its lengths and sizes checked."""
    names = field_of(record, "file_names")
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise ExchangeError(f"file_names are {names!r:.60}; expected a list of texts")
    length = field_of(record, "length")
    if length is not None and length != len(names):
        raise ExchangeError(f"length is {length!r:.40}; expected {len(names)}, one a file name")
    width, height = whole(field_of(record, "width")), whole(field_of(record, "height"))
    if width is None or height is None:
        raise ExchangeError(
            f"width and height are {field_of(record, 'width')!r:.40} and "
            f"{field_of(record, 'height')!r:.40}; expected whole numbers from 1 on"
        )
    _check_size(height, width)
    return _Video(names, (width, height))


FORMAT = YoutubeVis()
