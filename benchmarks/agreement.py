"""How well two domains agree over an archive, against pycocotools on run lengths in memory."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco

import iidindex
from benchmarks.archive import LARGE, MEDIUM, SMALL, blob
from benchmarks.runner import Contender, Promise, Scale, Work, agree
from iidindex.files.iidfile import IIDFile

Sides = tuple[list[Any], list[Any]]

# Contents that are made; with more pictures they come again.
_DIFFERENT = 20


def works(directory: Path, scale: Scale) -> Sequence[Work]:
    """Many pictures of few masks, and few of many."""
    return [
        _work(directory / "many", scale.of(2000, 400), 10, 640, (SMALL, SMALL, MEDIUM, 200)),
        _work(directory / "small", scale.of(2000, 400), 20, 512, (24,)),
        _work(
            directory / "few",
            scale.of(8, 2),
            scale.of(500, 500),
            2000,
            (SMALL, SMALL, MEDIUM, LARGE),
        ),
    ]


def _work(place: Path, pictures: int, masks: int, frame: int, sizes: Sequence[int]) -> Work:
    files = place / "files"
    files.mkdir(parents=True)
    encoded = _write(files, pictures, masks, frame, sizes)
    index = iidindex.open(place / "x.db", create=True)
    index.ingest(files)

    def ours() -> object:
        return index.agreement("a", "b").total()

    def theirs() -> object:
        return [coco.iou(b, a, [0] * len(a)) for a, b in encoded]

    def check() -> None:
        shared = sum(int((np.asarray(iou) >= 0.5).any(axis=0).sum()) for iou in theirs())  # type: ignore[attr-defined]
        total = index.agreement("a", "b").total()
        agree("pictures", total.pictures, pictures)
        # Some masks lie on others, so that not every one that could be matched is.
        if not 0.9 * shared <= total.matched <= shared:
            agree("matches", total.matched, shared)

    most = max(sizes)
    return Work(
        name=f"agreement over {pictures:,} pictures of {masks} masks up to {most} pixels across",
        ours=[Contender.of("agreement().total(), of files on disk", ours)],
        theirs=Contender.of(f"pycocotools {version('pycocotools')} iou, RLE ready", theirs),
        promise=Promise.slower(1.5),
        repeats=5,
        check=check,
        reason=(
            "Half of the time is spent on looking up where the masks lie, one row of the index "
            "for each. The run lengths of the other program are ready in memory, and short if "
            "masks are small."
        ),
    )


def _write(place: Path, pictures: int, masks: int, frame: int, sizes: Sequence[int]) -> list[Sides]:
    """Write pictures that two domains have masks of, and encode both sides."""
    rng = np.random.default_rng(pictures)
    contents = [_content(rng, masks, frame, sizes) for _ in range(min(pictures, _DIFFERENT))]
    for nth in range(pictures):
        (place / f"{nth:06}.iid").write_bytes(contents[nth % len(contents)][0])
    return [contents[nth % len(contents)][1] for nth in range(pictures)]


def _content(
    rng: np.random.Generator, masks: int, frame: int, sizes: Sequence[int]
) -> tuple[bytes, Sides]:
    file, sides = IIDFile(), ([], [])  # type: tuple[IIDFile, Sides]
    for number in range(masks):
        size = int(rng.choice(sizes))
        mask = blob(rng, size, several=rng.random() < 0.2)
        height, width = mask.shape
        room = size // 8 + 1
        top, left = rng.integers(0, (frame - height - room, frame - width - room)).tolist()
        moved = rng.integers(0, room, 2).tolist()
        for side, (down, right) in enumerate(([0, 0], moved)):
            row, col = top + down, left + right
            box = (row, col, row + height, col + width)
            file.add(b"%d" % number, (b"a", b"b")[side], box, mask)
            whole = np.zeros((frame, frame), np.uint8, order="F")
            whole[row : row + height, col : col + width] = mask
            sides[side].append(coco.encode(whole))
    return file.to_bytes(), sides
