"""Writing label images: as many planes as it takes that no mask covers another, and a table."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from iidindex.formats.annotation import Annotation, Picture
from iidindex.formats.label_table import HEADER, TABLE, row_of
from iidindex.formats.table_stream import TableStream
from iidindex.formats.tiled_tiff import is_whole, meeting, part_of, write_tiled
from iidindex.formats.writing import Sink
from iidindex.masks.labels import assign_planes, paint_planes
from iidindex.masks.regions import Bool2D
from iidindex.model import BBox

Ints = npt.NDArray[np.int64]


class LabelWriter:
    """A TIFF for each picture, 2-D or planes, and ``labels.csv``."""

    is_one_file = False

    def begin(self, sink: Sink) -> LabelSession:
        """Begin the table."""
        return LabelSession(sink)


class LabelSession:
    """An export of label images under way."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._table = TableStream(sink, TABLE, HEADER)
        self.lost: dict[str, int] = {}

    def add(self, picture: Picture) -> None:
        """Write the planes of a picture."""
        name = f"{picture.name}.tif"
        entries = picture.entries
        boxes = np.array([entry.bbox for entry in entries], np.int64).reshape(-1, 4)
        areas = np.array([int(entry.mask.sum()) for entry in entries], np.int64)
        numbers = np.array(_numbers(entries), np.int64)
        height = picture.height or int(max(boxes[:, 2], default=1))
        width = picture.width or int(max(boxes[:, 3], default=1))
        empty = int(np.count_nonzero(areas == 0))
        if empty:
            told = "masks without pixels, of which labels.csv alone tells"
            self.lost[told] = self.lost.get(told, 0) + empty
        masks = [entry.mask for entry in entries]
        if is_whole((height, width)):
            planes, plane_of = paint_planes(boxes, areas, masks, (height, width), numbers)
            self._sink.put(name, _as_tiff(planes))
        else:
            plane_of = assign_planes(boxes, areas, masks, numbers)
            with self._sink.stream(name) as file:
                _write_large(file, (height, width), plane_of, boxes, masks, numbers)
        rows = [
            row_of(name, plane, label, entry.key, entry.domain or b"", entry.address, entry.groups)
            for entry, plane, label in zip(
                entries, plane_of.tolist(), numbers.tolist(), strict=True
            )
        ]
        self._table.write(rows)

    def finish(self) -> None:
        """End the table."""
        self._table.finish()


def _numbers(entries: list[Annotation]) -> list[int]:
    """A number for each entry: its address, if all are whole numbers; else its key + 1."""
    told = [entry.address for entry in entries]
    if len(set(told)) == len(told) and all(map(_is_label, told)):
        return [int(address) for address in told]
    return [(entry.key or 0) + 1 for entry in entries]


def _is_label(address: bytes) -> bool:
    return address.isdigit() and not address.startswith(b"0") and len(address) < 10


def _write_large(
    file: BinaryIO,
    shape: tuple[int, int],
    plane_of: Ints,
    boxes: Ints,
    masks: list[Bool2D],
    numbers: Ints,
) -> None:
    """Write planes that cannot be held."""
    on_plane = [np.flatnonzero(plane_of == plane) for plane in range(_n_planes(plane_of))]
    boxes_on = [boxes[which] for which in on_plane]
    kind = _kind_of(int(numbers.max(initial=0)))

    def part(plane: int, window: BBox) -> npt.NDArray[Any] | None:
        here = on_plane[plane][meeting(boxes_on[plane], window)].tolist()
        if not here:
            return None
        painted = np.zeros((window.height, window.width), kind)
        for which in here:
            place, inside = part_of(boxes[which].tolist(), masks[which], window)
            painted[place][inside] = numbers[which]
        return painted

    axes = "YX" if len(on_plane) == 1 else "QYX"
    write_tiled(file, shape, len(on_plane), kind, part, axes)


def _n_planes(plane_of: Ints) -> int:
    return int(plane_of.max(initial=0)) + 1


def _kind_of(most: int) -> type[np.uint16 | np.uint32]:
    return np.uint16 if most <= np.iinfo(np.uint16).max else np.uint32


def _as_tiff(planes: list[np.ndarray[tuple[int, int], np.dtype[np.uint32]]]) -> bytes:
    from tifffile import imwrite

    most = max(int(plane.max()) if plane.size else 0 for plane in planes)
    stack = np.stack(planes).astype(_kind_of(most))
    out = io.BytesIO()
    axes = "YX" if len(planes) == 1 else "QYX"
    imwrite(
        out,
        stack[0] if len(planes) == 1 else stack,
        photometric="minisblack",
        compression="zlib",
        metadata={"axes": axes},
    )
    return out.getvalue()


WRITER = LabelWriter()
