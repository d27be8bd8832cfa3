"""Writing COCO instances, whose masks are run lengths: polygons would lose holes and edges.

``attributes`` carry what COCO has no place for; tools leave them alone, and `coco` reads them.
"""

from __future__ import annotations

import json
from typing import Any, BinaryIO

from iidindex.formats.annotation import Annotation, Picture
from iidindex.formats.byte_texts import text_fields
from iidindex.formats.coco import CROWD, NO_GROUP, OWN
from iidindex.formats.writing import Sink
from iidindex.masks.rle import compress_all, runs_all
from iidindex.masks.run_extents import extents

# Annotations of small masks share the calls that each takes.
_TOGETHER = 500
_PIXELS = 1 << 23


class CocoWriter:
    """COCO instances, one JSON."""

    is_one_file = True

    def begin(self, sink: Sink) -> CocoSession:
        """Begin the JSON."""
        return CocoSession(sink)


class CocoSession:
    """Annotations are written as they come; pictures and categories at the end."""

    def __init__(self, sink: Sink) -> None:
        self._context = sink.stream(sink.name)
        self._file: BinaryIO | None = None
        self._images: list[str] = []
        self._names: set[str] = set()
        self._tracks: dict[tuple[bytes, bytes], int] = {}
        self._categories: dict[str | None, int] = {}
        self._n_annotations = 0
        self._size = (0, 0)
        self._waiting: list[tuple[int, Annotation]] = []
        self.lost: dict[str, int] = {}

    def add(self, picture: Picture) -> None:
        """Write the annotations of a picture, or keep them for the next of its size."""
        height = picture.height or max((entry.bbox.maxr for entry in picture.entries), default=0)
        width = picture.width or max((entry.bbox.maxc for entry in picture.entries), default=0)
        self._images.append(self._image(len(self._images) + 1, picture, height, width))
        if self._size != (height, width) or self._is_enough:
            self._write()
            self._size = (height, width)
        number = len(self._images)
        self._waiting += [(number, entry) for entry in picture.entries]

    @property
    def _is_enough(self) -> bool:
        pixels = sum(entry.mask.size for _, entry in self._waiting)
        return len(self._waiting) > _TOGETHER or pixels > _PIXELS

    def _write(self) -> None:
        """Write the annotations that wait, of pictures of one size."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        height, width = self._size
        boxes = [entry.bbox for _, entry in waiting]
        runs = runs_all([entry.mask for _, entry in waiting], boxes, height, width)
        tight, areas = extents(runs, height)
        told = zip(compress_all(runs), tight.tolist(), areas.tolist(), strict=True)
        lines = [
            self._annotation(entry, number, (height, width), *about)
            for (number, entry), about in zip(waiting, told, strict=True)
        ]
        lead = ",\n" if self._n_annotations > len(lines) else "\n"
        self._begun().write((lead + ",\n".join(lines)).encode())

    def _image(self, number: int, picture: Picture, height: int, width: int) -> str:
        """The record of a picture, whose name is that of its own file if no other has that."""
        path = picture.name + ".iid"
        if picture.name in self._names:
            path = f"{picture.name}.{number}.iid"
        # An import puts .iid in the place of the suffix.
        stem = (picture.image or "").rpartition(".")[0]
        name = picture.image if picture.image and stem not in self._names else path
        if picture.image and name != picture.image:
            told = "names of pictures that others have, too: the path stands for them"
            self.lost[told] = self.lost.get(told, 0) + 1
        self._names.add(name.rpartition(".")[0])
        record = {"id": number, "file_name": name, "width": width, "height": height, "path": path}
        return _line(record)

    def _annotation(
        self,
        entry: Annotation,
        image: int,
        size: tuple[int, int],
        counts: bytes,
        box: list[int],
        area: int,
    ) -> str:
        self._n_annotations += 1
        others = [name for name in entry.groups if name != CROWD]
        first = others[0] if others else None
        category = self._categories.setdefault(first, len(self._categories) + 1)
        who = (entry.domain or b"", entry.address)
        track = self._tracks.setdefault(who, len(self._tracks) + 1)
        attributes: dict[str, Any] = {
            **text_fields("domain", who[0]),
            **text_fields("address", who[1]),
            "key": entry.key,
        }
        if len(others) > 1:
            attributes["groups"] = others
        minr, minc, maxr, maxc = box
        # Numbers need no encoder, and run lengths no more than this.
        text = counts.decode().replace("\\", "\\\\")
        return (
            f'{{"id": {self._n_annotations}, "image_id": {image}, "category_id": {category}, '
            f'"iscrowd": {int(CROWD in entry.groups)}, "area": {area}, '
            f'"bbox": [{minc}, {minr}, {maxc - minc}, {maxr - minr}], "track_id": {track}, '
            f'"attributes": {_line(attributes)}, '
            f'"segmentation": {{"size": [{size[0]}, {size[1]}], "counts": "{text}"}}}}'
        )

    def finish(self) -> None:
        """Write pictures and categories, and end the JSON."""
        self._write()
        file = self._begun()
        categories = [
            {"id": number, "name": "none", "supercategory": "", NO_GROUP: True}
            if name is None
            else {"id": number, "name": name, "supercategory": ""}
            for name, number in self._categories.items()
        ]
        parts = [
            ",\n".join(self._images),
            ",\n".join(_line(one) for one in categories),
        ]
        text = f'\n],\n"images": [\n{parts[0]}\n],\n"categories": [\n{parts[1]}\n]\n}}\n'
        file.write(text.encode())
        self._context.__exit__(None, None, None)

    def _begun(self) -> BinaryIO:
        if self._file is None:
            self._file = self._context.__enter__()
            about = {"description": OWN, "version": "1.0"}
            self._file.write(f'{{"info": {json.dumps(about)},\n"annotations": ['.encode())
        return self._file


def _line(record: dict[str, Any]) -> str:
    """A record as JSON; what is no Unicode, such as names of files, is escaped."""
    text = json.dumps(record, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(record)
    return text


WRITER = CocoWriter()
