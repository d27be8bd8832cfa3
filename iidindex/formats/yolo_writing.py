"""YOLO's segmentation, written: a line for each mask, whatever its parts and holes.

A line of the form has one outline. Ultralytics' own ``merge_multi_segment`` joins parts by lines
of no width, and so are holes here: what is one stays one, and a reader that counts even and odd
draws the same pixels.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from iidindex.formats.annotation import Annotation, Picture
from iidindex.formats.writing import Sink
from iidindex.masks.polygons import outlines

Corners = npt.NDArray[np.int64]

_NO_GROUP = "object"
_PICTURES = "the pictures themselves, which are not copied: copy them to images/"
# https://docs.ultralytics.com/datasets/segment/: both are needed, as directories or lists of files.
_YAML = """\
# Pictures belong into images/, each where its text is in labels/.
# No picture was parted off: val is train, and so tells nothing of new pictures.
train: images
val: images
"""


class YoloWriter:
    """YOLO's segmentation."""

    is_one_file = False

    def begin(self, sink: Sink) -> YoloSession:
        """Begin an export whose classes are numbered as they come."""
        return YoloSession(sink, ())

    def begin_with_groups(self, sink: Sink, first_groups: Iterable[str | None]) -> YoloSession:
        """Begin an export whose classes have the order of their names.

        Numbers of classes are in every file, and a model that was trained knows no others: they
        must not depend on which picture comes first.

        Parameters
        ----------
        sink : Sink
        first_groups : iterable of str or None
            The first group of each entry; None for one that has no group.
        """
        return YoloSession(sink, sorted({_class_of(group) for group in first_groups}))


class YoloSession:
    """One export under way."""

    def __init__(self, sink: Sink, classes: Sequence[str]) -> None:
        self._sink = sink
        self._classes = {name: number for number, name in enumerate(classes)}
        self._lost: dict[str, int] = {}

    @property
    def lost(self) -> dict[str, int]:
        """What the format could not keep, and how often."""
        return dict(self._lost)

    def add(self, picture: Picture) -> None:
        """Write the text of a picture."""
        if picture.width is None or picture.height is None:
            # Corners are parts of the size. Of another size they would be other pixels.
            self._lose("pictures without a stated size, which were left out")
            return
        size = (picture.width, picture.height)
        self._lose(_PICTURES)
        lines = [line for entry in picture.entries if (line := self._line(entry, size))]
        self._sink.put(f"labels/{picture.name}.txt", "".join(lines).encode())

    def finish(self) -> None:
        """Write the names of the classes."""
        names = "".join(
            f"  {number}: {json.dumps(name, ensure_ascii=False)}\n"
            for name, number in self._classes.items()
        )
        text = f"{_YAML}names:{' {}' if not names else ''}\n{names}"
        self._sink.put("data.yaml", text.encode("utf-8", "backslashreplace"))

    def _lose(self, what: str, times: int = 1) -> None:
        if times:
            self._lost[what] = self._lost.get(what, 0) + times

    def _line(self, entry: Annotation, size: tuple[int, int]) -> str:
        polygons = outlines(entry.mask, entry.bbox)
        if not polygons:
            self._lose("masks without a pixel")
            return ""
        self._lose("identities")
        self._lose("groups beyond the first", max(0, len(entry.groups) - 1))
        if not entry.groups:
            self._lose(f"that there was no group (class {_NO_GROUP!r})")
        if len(polygons) > 1 or len(polygons[0]) > 1:
            self._lose("the parting of parts and holes, joined by lines of no width")
        group = _class_of(entry.groups[0] if entry.groups else None)
        number = self._classes.setdefault(group, len(self._classes))
        corners = (one_outline(polygons) / size).reshape(-1).tolist()
        return f"{number} {' '.join(format(corner, '.9g') for corner in corners)}\n"


def _class_of(first_group: str | None) -> str:
    return _NO_GROUP if first_group is None else first_group


def one_outline(polygons: Sequence[Sequence[Corners]]) -> Corners:
    """Join all rings of a mask by lines that are walked there and back.

    Parameters
    ----------
    polygons : sequence of sequence of ndarray of int64, shape (n, 2)
        As `iidindex.masks.polygons.outlines` gives them.

    Returns
    -------
    ndarray of int64, shape (n, 2)
        A hole is reached from the nearest corner of its outer ring, and a part from the nearest
        of the part before it.

    Examples
    --------
    >>> square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    >>> one_outline([[square], [square + 5]]).tolist()[:5]
    [[0, 0], [1, 0], [1, 1], [5, 5], [6, 5]]
    """
    there: list[Corners] = []
    back: list[Corners] = []
    for which, (outer, *holes) in enumerate(polygons):
        stops = [(_nearest(outer, hole[0]), hole) for hole in holes]
        is_last = which == len(polygons) - 1
        leaves = len(outer) if is_last else _nearest(outer, polygons[which + 1][0][0])
        there += _walked(outer, 0, leaves, [stop for stop in stops if stop[0] <= leaves])
        if not is_last:
            rest = _walked(outer, leaves, len(outer), [stop for stop in stops if stop[0] > leaves])
            back += reversed(rest)
    # The last corner is the first one, and a line of the form ends where it began.
    return np.concatenate(there + back[::-1])[:-1]


def _nearest(ring: Corners, corner: Corners) -> int:
    away = ring - corner
    return int((away * away).sum(axis=1).argmin())


def _walked(
    outer: Corners, begin: int, end: int, stops: list[tuple[int, Corners]]
) -> list[Corners]:
    """A stretch of a ring from one corner to another, both included, with its holes on the way."""
    walked = []
    at = begin
    for corner, hole in sorted(stops, key=lambda stop: stop[0]):
        walked += [outer[at : corner + 1], hole, hole[:1]]
        at = corner
    # The way ends where the ring began.
    walked.append(outer[at : end + 1])
    if end == len(outer):
        walked.append(outer[:1])
    return walked


WRITER = YoloWriter()
