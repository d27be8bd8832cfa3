"""Measurements behind constants in the package: ``python -m benchmarks.micro [NAME …]``.

Each prints what two ways of doing the same cost at growing size, and so where to change from
one to the other. They patch the constants in question, so that both ways do the real thing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from unittest.mock import patch

import numpy as np
import numpy.typing as npt

from benchmarks import archive
from benchmarks.archive import FRAME, MIXED
from benchmarks.runner import Contender, Job, duration, measure, ratio
from iidindex.buffers import as_bytes
from iidindex.codec import region_table as codec_regions
from iidindex.codec.reader import read_header, read_lut, read_segments
from iidindex.codec.region_table import read_regions
from iidindex.files.iidfile import IIDFile
from iidindex.masks import boxes
from iidindex.masks.blocks import columns, count_shared, words_needed, words_shared
from iidindex.masks.boxes import BoxIndex
from iidindex.masks.regions import Regions
from iidindex.masks.windows import count_common
from iidindex.model import BBox

Ints = npt.NDArray[np.int64]

_NEVER, _ALWAYS = -1, 1 << 62
_COUNTS = (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)


def _random_boxes(count: int, frame: int, seed: int = 0) -> Ints:
    """Boxes as large as those of mixed masks."""
    rng = np.random.default_rng(seed)
    size = rng.choice(MIXED, (count, 1)) * rng.uniform(0.7, 1.3, (count, 2))
    low = rng.uniform(0, frame - size)
    return np.hstack([low, low + size]).astype(np.int64)


def _compared(jobs: dict[str, Job], repeats: int, times: int = 1) -> list[float]:
    """Median seconds of each job; short ones run so many times in a row."""

    def repeated(job: Job) -> Job:
        def run() -> None:
            for _ in range(times):
                job()

        return run

    contenders = [Contender.of(name, repeated(job)) for name, job in jobs.items()]
    return [found.median / times for found in measure(contenders, repeats)]


def _with(module: object, name: str, value: object, job: Job) -> Job:
    """A job that runs while a constant has another value."""

    def run() -> object:
        with patch.object(module, name, value):
            return job()

    return run


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    print(f"\n{title}\n")
    print(" ".join(f"{cell:>16}" for cell in head))
    for row in rows:
        print(" ".join(f"{cell:>16}" for cell in row), flush=True)


# ---------------------------------------------------------------------- boxes


def pairs() -> None:
    """``_CANDIDATES`` in masks/boxes.py: comparing boxes that share a row, or an R-tree."""
    head = ("boxes", "candidates each", "sweep", "tree", "tree / sweep")
    _table("Pairs of boxes, one picture", head, map(_pairs, _COUNTS[:-2]))
    _table(
        "Pairs of boxes, as dense as 300 in one picture",
        head,
        (_pairs(count, _as_dense(count)) for count in _COUNTS),
    )


def _pairs(count: int, frame: int = FRAME) -> Sequence[str]:
    bbox = _random_boxes(count, frame)

    def join() -> None:
        for _ in BoxIndex(bbox).pairs():
            pass

    sweep, tree = _compared(
        {
            "sweep": _with(boxes, "_CANDIDATES", _ALWAYS, join),
            "tree": _with(boxes, "_CANDIDATES", _NEVER, join),
        },
        repeats=3 if count >= 10_000 else 9,
    )
    low, high = np.sort(bbox[:, 0]), bbox[:, 2]
    candidates = np.searchsorted(low, high).mean() - count / 2
    return (
        f"{count:,}",
        f"{candidates:,.0f}",
        duration(sweep),
        duration(tree),
        ratio(tree / sweep),
    )


def _as_dense(count: int) -> int:
    return max(FRAME // 2, int(FRAME * (count / 300) ** 0.5))


def question() -> None:
    """``_SCAN`` in masks/boxes.py: reading every box for one question, or asking a tree."""
    head = ("boxes", "scan", "ask a tree", "build it", "pays after")
    _table("One pixel asked of boxes", head, map(_question, _COUNTS))


def _question(count: int) -> Sequence[str]:
    bbox = _random_boxes(count, _as_dense(count))
    pixel = BBox(FRAME // 3, FRAME // 3, FRAME // 3 + 1, FRAME // 3 + 1)
    index = BoxIndex(bbox)

    def ask() -> object:
        return index.meeting(pixel)

    def build() -> None:
        new = BoxIndex(bbox)
        # The first question never builds a tree.
        new.meeting(pixel)
        new.meeting(pixel)

    with patch.object(boxes, "_SCAN", _NEVER):
        ask()
        ask()
    scanning, asking = _compared(
        {
            "scan": _with(boxes, "_SCAN", _ALWAYS, ask),
            "tree": _with(boxes, "_SCAN", _NEVER, ask),
        },
        repeats=15,
        times=20,
    )
    (building,) = _compared({"build": _with(boxes, "_SCAN", _NEVER, build)}, repeats=3)
    saved = scanning - asking
    return (
        f"{count:,}",
        duration(scanning),
        duration(asking),
        duration(building),
        f"{building / saved:,.0f}" if saved > 0 else "never",
    )


# ---------------------------------------------------------------------- shared pixels


def shared() -> None:
    """``_PAYS`` in masks/overlaps.py: words wherever they lie, or regions cut into columns."""
    head = ("segments", "pairs", "times each word", "anywhere", "columns", "ratio")
    counts = (30, 100, 200, 300, 500, 800, 1200, 2000)
    _table("Pixels that pairs of regions share", head, map(_shared, counts))


def _shared(count: int) -> Sequence[str]:
    regions = _regions_of(IIDFile(archive.encode(archive.labelled(5000, count))))
    i, j = map(np.concatenate, zip(*BoxIndex(regions.bbox).pairs(), strict=True))
    anywhere, by_column = _compared(
        {
            "anywhere": lambda: count_common(regions, regions, i, j),
            "columns": lambda: count_shared(columns(regions), i, j),
        },
        repeats=9,
    )
    times = words_shared(regions.bbox, i, j) / int(words_needed(regions.bbox).sum())
    return (
        f"{count:,}",
        f"{len(i):,}",
        f"{times:.2f}",
        duration(anywhere),
        duration(by_column),
        ratio(anywhere / by_column),
    )


def _regions_of(file: IIDFile) -> Regions:
    part = file._records.parts[0]
    return part.regions(np.arange(len(part))).regions


# ---------------------------------------------------------------------- chains of regions


def chains() -> None:
    """``_FEW_CHAINS`` in codec/regions.py: chains side by side, or one by one in Python."""
    for per_segment in (1, 4, 16):
        _table(
            f"Finding the regions of segments, {per_segment} each",
            ("segments", "side by side", "one by one", "ratio"),
            (_chains(count, per_segment) for count in (4, 8, 12, 16, 24, 32, 48, 64, 128, 512)),
        )


def _chains(count: int, per_segment: int) -> Sequence[str]:
    # Squares in a row that do not touch.
    mask = np.zeros((4, 6 * per_segment), np.bool_)
    mask[:, np.arange(6 * per_segment) % 6 < 4] = True
    file = IIDFile()
    for _ in range(count):
        file.add(b"a", None, (0, 0, *mask.shape), mask)
    data = as_bytes(file.to_bytes())
    lut = read_lut(data, read_header(data))
    bbox = read_segments(data, lut).bbox

    def read() -> object:
        return read_regions(data, lut.seg_offset, lut.seg_length, bbox)

    side_by_side, one_by_one = _compared(
        {
            "side by side": _with(codec_regions, "_FEW_CHAINS", 0, read),
            "one by one": _with(codec_regions, "_FEW_CHAINS", _ALWAYS, read),
        },
        repeats=15,
        times=20,
    )
    return (
        f"{count:,}",
        duration(side_by_side),
        duration(one_by_one),
        ratio(one_by_one / side_by_side),
    )


MEASUREMENTS = {
    "pairs": pairs,
    "question": question,
    "shared": shared,
    "chains": chains,
}


def main() -> int:
    """Run what is named, or everything."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.micro", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *MEASUREMENTS], metavar="NAME")
    for name in parser.parse_args().names or MEASUREMENTS:
        MEASUREMENTS[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
