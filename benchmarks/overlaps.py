"""The overlaps of all segments of a file, against the original and against pycocotools."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from pycocotools import mask as coco

from benchmarks import archive, original
from benchmarks.archive import FRAME, MIXED, SMALL, Labelled
from benchmarks.runner import Contender, Job, Promise, Scale, Work, agree
from iidindex.files.iidfile import IIDFile

Edge: TypeAlias = tuple[int, int, int]


def works(directory: Path, scale: Scale) -> Sequence[Work]:
    """Many segments, where finding pairs counts, and few, where starting up does."""
    return [
        _many(directory, scale, "small", (SMALL,)),
        _many(directory, scale, "mixed", MIXED),
        _few(directory, scale),
    ]


def _many(directory: Path, scale: Scale, size: str, sizes: Sequence[int]) -> Work:
    count = scale.of(2000, 500)
    path = directory / f"many-{size}.iid"
    path.write_bytes(archive.encode(archive.labelled(3000, count, sizes)))

    def ours() -> Iterable[tuple[Any, Any, int]]:
        with IIDFile(path) as file:
            return file.overlap_graph()[1]

    def theirs() -> Iterable[tuple[Any, Any, int]]:
        with original.opened(path) as file:
            found: Iterable[tuple[Any, Any, int]] = file.overlap_graph()[1]
            return found

    return Work(
        name=f"overlap graph of {count:,} {size} segments in one file",
        ours=[Contender.of("open and overlap_graph()", ours)],
        theirs=Contender.of(original.NAME, theirs),
        promise=Promise.faster(100),
        repeats=3,
        check=lambda: agree(path.name, _edges(ours()), _edges(theirs())),
        reason=(
            "Finding out which boxes meet, where the gain is greatest, takes little time. With "
            "large masks, many pairs share pixels. Most of the time is then spent on cutting the "
            "masks into blocks and counting the bits that the blocks share."
        ),
    )


def _few(directory: Path, scale: Scale) -> Work:
    entries = archive.labelled(4000, 100)
    path = directory / "few.iid"
    path.write_bytes(archive.encode(entries))
    encoded = [_full_frame(entry) for entry in entries]
    not_crowded = [0] * len(encoded)

    def opened() -> IIDFile:
        return IIDFile(path)

    def from_path() -> object:
        with opened() as file:
            return file.overlap_graph()

    def from_open() -> Job:
        return opened().overlap_graph

    def theirs() -> object:
        return coco.iou(encoded, encoded, not_crowded)

    asked_before = opened()

    def check() -> None:
        iou = np.asarray(coco.iou(encoded, encoded, not_crowded))
        expected = _edges_of_iou(iou, np.asarray(coco.area(encoded), np.float64))
        with opened() as file:
            agree(path.name, _edges(file.overlap_graph()[1]), expected)
        agree(path.name, _edges(asked_before.overlap_graph()[1]), expected)

    return Work(
        name=f"overlap graph of {len(entries)} mixed segments in one file",
        ours=[
            Contender.of("open and overlap_graph()", from_path),
            Contender("file open, nothing decoded", from_open),
            Contender.of("file open, asked before", asked_before.overlap_graph),
        ],
        theirs=Contender.of(f"pycocotools {version('pycocotools')} iou, RLE ready", theirs),
        promise=Promise.slower(1),
        repeats=scale.of(100, 30),
        check=check,
        reason=(
            "The file is opened and decoded within this time, while the run lengths of the other "
            "program are ready in memory. Compiled code also has no fixed cost for a small "
            "number of masks."
        ),
    )


def _edges(edges: Iterable[tuple[Any, Any, int]]) -> list[Edge]:
    """Edges by key, in ascending order; the original gives them in no order."""
    found = ((*sorted((a.key, b.key)), pixels) for a, b, pixels in edges)
    return sorted((a, b, pixels) for a, b, pixels in found)


def _full_frame(entry: Labelled) -> Any:
    """Encode a mask the way pycocotools compares masks: as runs over the whole picture."""
    frame = np.zeros((FRAME, FRAME), np.uint8, order="F")
    box = entry.bbox
    frame[box.minr : box.maxr, box.minc : box.maxc] = entry.mask
    return coco.encode(frame)


def _edges_of_iou(iou: np.ndarray[Any, np.dtype[np.float64]], area: Any) -> list[Edge]:
    """Recover the shared pixels: if they are p of a + b - p, then p = iou (a + b) / (1 + iou)."""
    pixels = np.rint(iou * (area[:, None] + area) / (1 + iou)).astype(np.int64)
    return [(a, b, int(pixels[a, b])) for a, b in np.argwhere(np.triu(pixels, k=1)).tolist()]
