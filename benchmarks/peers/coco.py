"""COCO: one JSON of annotations, masks as run-length codes, read by pycocotools."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as codes
from pycocotools.coco import COCO

from benchmarks.archive import FRAME
from benchmarks.peers.corpus import Corpus
from benchmarks.peers.peer import Edge, Named, Peer, Row, rows
from iidindex.masks.rle import compress_all, runs_all
from iidindex.model import BBox


class Coco(Peer):
    """Everything in memory; boxes also as an array, as pycocotools has no question of place."""

    name = f"pycocotools {version('pycocotools')}"
    shape = (
        "one COCO JSON, masks as run-length codes; opened, all in memory, boxes also as an array"
    )

    @classmethod
    def build(cls, corpus: Corpus, place: Path) -> None:
        """Encode every mask in its frame, and write one JSON."""
        numbers = {file: number for number, file in enumerate(corpus.files, 1)}
        entries = list(rows(corpus))
        codes_of = _codes(entries, corpus.frame)
        categories = {
            address: at for at, address in enumerate(dict.fromkeys(e.address for e in entries), 1)
        }
        annotations = [
            {
                "id": row.id,
                "image_id": numbers[row.file],
                "category_id": categories[row.address],
                "bbox": [
                    row.bbox.minc,
                    row.bbox.minr,
                    row.bbox.maxc - row.bbox.minc,
                    row.bbox.maxr - row.bbox.minr,
                ],
                "area": row.area,
                "iscrowd": 0,
                "key": row.key,
                "segmentation": {"size": [corpus.frame, corpus.frame], "counts": code},
            }
            for row, code in zip(entries, codes_of, strict=True)
        ]
        whole = {
            "images": [
                {"id": number, "file_name": file, "height": corpus.frame, "width": corpus.frame}
                for file, number in numbers.items()
            ],
            "categories": [
                {"id": number, "name": address.decode()} for address, number in categories.items()
            ],
            "annotations": annotations,
        }
        (place / "coco.json").write_text(json.dumps(whole), encoding="utf-8")

    def __init__(self, place: Path) -> None:
        """Load the JSON and let pycocotools index it."""
        with redirect_stdout(io.StringIO()):
            self._coco = COCO(place / "coco.json")
        self._annotations: list[Any] = self._coco.dataset["annotations"]
        self._boxes = np.array([found["bbox"] for found in self._annotations]).T
        self._categories = {c["name"]: c["id"] for c in self._coco.dataset["categories"]}
        self._images = {i["file_name"]: i["id"] for i in self._coco.dataset["images"]}

    def named(self, answer: Any) -> Iterable[Named]:
        """Tell the file and key of each annotation."""
        images = self._coco.imgs
        return [(images[found["image_id"]]["file_name"], found["key"]) for found in answer]

    def find(self, address: bytes) -> Any:
        """By category: first the images that have it, then their annotations."""
        category = self._categories[address.decode()]
        images = self._coco.getImgIds(catIds=[category])
        return self._coco.loadAnns(self._coco.getAnnIds(imgIds=images, catIds=[category]))

    def boxes_at(self, x: int, y: int) -> Any:
        """Those of one pixel."""
        return self.boxes_in(BBox(y, x, y + 1, x + 1))

    def boxes_in(self, box: BBox) -> Any:
        """By comparing the array."""
        left, top, width, height = self._boxes
        meet = (left < box.maxc) & (left + width > box.minc)
        meet &= (top < box.maxr) & (top + height > box.minr)
        return [self._annotations[at] for at in np.flatnonzero(meet).tolist()]

    def masks_at(self, x: int, y: int) -> Any:
        """By comparing the codes of those boxes with that of one pixel, in one call."""
        near = self.boxes_at(x, y)
        if not near:
            return []
        pixel = codes.frPyObjects(np.array([[x, y, 1, 1]], float), *near[0]["segmentation"]["size"])
        share = codes.iou([found["segmentation"] for found in near], pixel, [0])
        return [found for found, part in zip(near, share, strict=True) if part[0] > 0]

    def masks(self, file: str) -> Iterator[tuple[int, Any]]:
        """`annToMask`: each as large as the frame, as it knows no other."""
        for found in self._of(file):
            yield found["key"], self._coco.annToMask(found)

    def overlaps(self, file: str) -> Sequence[Edge]:
        """`iou` of all with all; if p are shared of a + b - p, then p = iou (a + b) / (1 + iou)."""
        found = self._of(file)
        listed = [annotation["segmentation"] for annotation in found]
        iou = np.asarray(codes.iou(listed, listed, [0] * len(listed)))
        area = np.array([annotation["area"] for annotation in found], float)
        pixels = np.rint(iou * (area[:, None] + area) / (1 + iou)).astype(np.int64)
        keys = [annotation["key"] for annotation in found]
        pairs = np.argwhere(np.triu(pixels, 1))
        return [(keys[a], keys[b], int(pixels[a, b])) for a, b in pairs.tolist()]

    def _of(self, file: str) -> list[Any]:
        found: list[Any] = self._coco.imgToAnns[self._images[file]]
        return found


def _codes(entries: Sequence[Row], frame: int) -> list[str]:
    """The codes of all masks; those of frames that do not fit into memory are made by iidindex."""
    if frame == FRAME:
        return [_code(row)["counts"].decode() for row in entries]
    found: list[str] = []
    for low in range(0, len(entries), 10_000):
        some = entries[low : low + 10_000]
        runs = runs_all([row.mask for row in some], [row.bbox for row in some], frame, frame)
        found += [code.decode() for code in compress_all(runs)]
    return found


def _code(row: Row) -> Any:
    """Encode a mask in its frame, which pycocotools wants column by column."""
    frame = np.zeros((FRAME, FRAME), np.uint8, order="F")
    box = row.bbox
    frame[box.minr : box.maxr, box.minc : box.maxc] = row.mask
    return codes.encode(frame)
