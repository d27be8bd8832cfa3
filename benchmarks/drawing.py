"""Polygons and run lengths of others: to masks, and masks to run lengths, against pycocotools."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco

from benchmarks.runner import Contender, Job, Promise, Scale, Work, agree
from iidindex.masks.polygons import draw
from iidindex.masks.regions import Bool2D
from iidindex.masks.rle import compress_all, decode_all, decompress_all, runs_all
from iidindex.model import BBox

Points = npt.NDArray[np.float64]

NAME = f"pycocotools {version('pycocotools')}"
_SMALL, _LARGE = (480, 640), (3000, 4000)
_N_POINTS, _RADIUS = 25, 40
_REASON = (
    "A call makes some hundred array operations, whatever it holds. That pays for a dozen shapes "
    "and more."
)


def works(directory: Path, scale: Scale) -> Sequence[Work]:
    """One polygon, a picture of them, and run lengths both ways."""
    del directory
    frames = (_SMALL,) if scale.tiny else (_SMALL, _LARGE)
    count = max(2, scale.of(300, 30))
    return [
        *(_drawing(frame, 1, scale, times=20) for frame in frames),
        *(_drawing(frame, count, scale, times=1) for frame in frames),
        _encoding(count, scale),
        _decoding(count, scale),
    ]


def polygons_in(count: int, frame: tuple[int, int]) -> list[Points]:
    """Round polygons with bumps, anywhere in the frame and partly outside."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(count):
        angle = np.sort(rng.uniform(0, 2 * np.pi, _N_POINTS))
        radius = _RADIUS * rng.uniform(0.8, 1.2, _N_POINTS)
        around = np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius[:, None]
        made.append(np.round(rng.uniform(0, frame[::-1]) + around, 2))
    return made


def _whole(found: tuple[BBox, Bool2D], frame: tuple[int, int]) -> Bool2D:
    box, mask = found
    whole = np.zeros(frame, np.bool_)
    whole[box.minr : box.maxr, box.minc : box.maxc] = mask
    return whole


def _repeated(job: Job, times: int) -> Job:
    def run() -> None:
        for _ in range(times):
            job()

    return run


# ---------------------------------------------------------------------- polygons


def _drawing(frame: tuple[int, int], count: int, scale: Scale, times: int) -> Work:
    polygons = polygons_in(count, frame)
    shapes = [[each] for each in polygons]
    flat = [each.reshape(-1).tolist() for each in polygons]
    height, width = frame

    def ours() -> list[tuple[BBox, Bool2D]]:
        return draw(shapes, height, width, "coco")

    def theirs() -> None:
        for each in flat:
            _annotation_to_mask(each, height, width)

    def check() -> None:
        for each, found in zip(flat, ours(), strict=True):
            expected = _annotation_to_mask(each, height, width) > 0
            agree("pixels", _whole(found, frame).tobytes(), expected.tobytes())

    what = "a polygon" if count == 1 else f"a picture of {count} polygons"
    return Work(
        name=f"draw {what} of {_N_POINTS} points in {width} × {height}",
        ours=[Contender.of("draw", _repeated(ours, times))],
        theirs=Contender.of(f"{NAME} frPyObjects, merge, decode", _repeated(theirs, times)),
        promise=None if count == 1 else Promise.faster(3),
        repeats=scale.of(7, 3),
        check=check,
        reason=_REASON,
    )


def _annotation_to_mask(flat: list[float], height: int, width: int) -> Any:
    return coco.decode(coco.merge(coco.frPyObjects([flat], height, width)))


# ---------------------------------------------------------------------- run lengths


def _encoding(count: int, scale: Scale) -> Work:
    height, width = _SMALL
    found = draw([[each] for each in polygons_in(count, _SMALL)], height, width, "coco")
    boxes, masks = [box for box, _ in found], [mask for _, mask in found]
    # pycocotools wants every frame column by column.
    frames = [np.asfortranarray(_whole(each, _SMALL), np.uint8) for each in found]

    def ours() -> list[bytes]:
        return compress_all(runs_all(masks, boxes, height, width))

    def theirs() -> list[bytes]:
        return [coco.encode(each)["counts"] for each in frames]

    return Work(
        name=f"encode {count} masks as COCO's run lengths in {width} × {height}",
        ours=[Contender.of("runs_all, compress_all", ours)],
        theirs=Contender.of(f"{NAME} encode, frames ready made", theirs),
        promise=Promise.faster(1),
        repeats=scale.of(7, 3),
        check=lambda: agree("run lengths", ours(), theirs()),
        reason=_REASON,
    )


def _decoding(count: int, scale: Scale) -> Work:
    height, width = _SMALL
    found = draw([[each] for each in polygons_in(count, _SMALL)], height, width, "coco")
    boxes, masks = [box for box, _ in found], [mask for _, mask in found]
    texts = compress_all(runs_all(masks, boxes, height, width))
    coded = [{"size": [height, width], "counts": text} for text in texts]

    def ours() -> list[tuple[BBox, Bool2D]]:
        return decode_all(decompress_all(texts), height, width)

    def theirs() -> None:
        for each in coded:
            coco.decode(each)

    def check() -> None:
        for each, one in zip(coded, ours(), strict=True):
            agree("pixels", _whole(one, _SMALL).tobytes(), (coco.decode(each) > 0).tobytes())

    return Work(
        name=f"decode {count} of COCO's run lengths in {width} × {height}",
        ours=[Contender.of("decompress_all, decode_all", ours)],
        theirs=Contender.of(f"{NAME} decode", theirs),
        promise=Promise.faster(3),
        repeats=scale.of(7, 3),
        check=check,
        reason=_REASON,
    )
