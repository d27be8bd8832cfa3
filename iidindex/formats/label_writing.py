"""Writing label images: as many planes as it takes that no mask covers another, and a table."""

from __future__ import annotations

import io

import numpy as np

from iidindex.formats.annotation import Annotation, Picture
from iidindex.formats.label_table import HEADER, TABLE, row_of
from iidindex.formats.table_stream import TableStream
from iidindex.formats.writing import Sink
from iidindex.masks.labels import paint_planes


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
        planes, plane_of = paint_planes(boxes, areas, masks, (height, width), numbers)
        self._sink.put(name, _as_tiff(planes))
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


def _as_tiff(planes: list[np.ndarray[tuple[int, int], np.dtype[np.uint32]]]) -> bytes:
    from tifffile import imwrite

    most = max(int(plane.max()) if plane.size else 0 for plane in planes)
    kind = np.uint16 if most <= np.iinfo(np.uint16).max else np.uint32
    stack = np.stack(planes).astype(kind)
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
