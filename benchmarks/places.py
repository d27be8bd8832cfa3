"""Places on disk and in pictures, each against the plain way to the same answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

import iidindex
from benchmarks.ingest import build
from benchmarks.runner import Contender, Job, Promise, Scale, Work, agree
from iidindex import IIDFile

_PER_FILE = 3
_TIMES = 50

ABSOLUTE = "a file by its absolute path"
NEAREST = "the nearest to a covered pixel"
HEAT = "heat of large masks"

# By the name of the work. These hold at every scale.
PROMISES = {
    ABSOLUTE: Promise.slower(2),
    NEAREST: Promise.slower(2),
    HEAT: Promise.slower(1.5),
}


def works(directory: Path, scale: Scale) -> Sequence[Work]:
    """A file among many, and large masks on top of each other."""
    root = directory / "archive"
    build(root, scale.of(10_000, 2_000), _PER_FILE)
    index = iidindex.open(directory / "index.db", create=True)
    index.ingest(root)
    pile = _pile(directory, scale)
    return [_by_path(index, root), _one_by_one(index, root, scale), _nearest(pile), _heat(pile)]


def _by_path(index: iidindex.Index, root: Path) -> Work:
    path = sorted(root.rglob("*.iid"))[7]
    inside = path.relative_to(root).as_posix()

    def absolute() -> list[iidindex.Entry]:
        return list(index.entries.where(path=str(path)))

    def relative() -> list[iidindex.Entry]:
        return list(index.entries.where(path=inside))

    return Work(
        name=ABSOLUTE,
        ours=[
            _many_times('where(path="/…")', absolute),
            _many_times('index.entry("/…", 0)', lambda: index.entry(str(path), 0)),
        ],
        theirs=_many_times("by its path inside the root", relative),
        promise=PROMISES[ABSOLUTE],
        repeats=10,
        check=lambda: agree("path", absolute(), relative()),
        reason="The directories above the file are looked up among the roots first.",
    )


def _many_times(name: str, job: Job) -> Contender:
    """A job that is so short that a first time would tell of the processor's caches alone."""
    return Contender.of(f"{name}, {_TIMES} times", lambda: [job() for _ in range(_TIMES)])


def _one_by_one(index: iidindex.Index, root: Path, scale: Scale) -> Work:
    paths = sorted(root.rglob("*.iid"))
    return Work(
        name=f"ingest {len(paths):,} unchanged files",
        ours=[Contender.of("named one by one", lambda: index.ingest(paths))],
        theirs=Contender.of("their directory", lambda: index.ingest(root)),
        promise=None,
        repeats=scale.of(5, 3),
        check=lambda: agree("files", index.ingest(paths).counts, index.ingest(root).counts),
    )


def _pile(directory: Path, scale: Scale) -> iidindex.Index:
    """Disks of almost the size of their boxes, each a pixel further than the one before."""
    side = scale.of(1_500, 900)
    rows, columns = np.ogrid[:side, :side]
    middle = side // 2
    disk = np.hypot(rows - middle, columns - middle) < 0.98 * middle
    file = IIDFile()
    for number in range(scale.of(200, 80)):
        file.add(b"%d" % number, b"", (number, number, number + side, number + side), disk)
    file.save(directory / "pile.iid")
    index = iidindex.open(directory / "pile.db", create=True)
    index.ingest(directory / "pile.iid")
    return index


def _nearest(index: iidindex.Index) -> Work:
    entries = index.entries
    x = y = max(entry.bbox.maxr for entry in entries) // 2

    def check() -> None:
        (found,) = entries.nearest(x, y)
        agree("distance", found.distance, 0.0)
        agree("entry", found, entries.at(x, y).first())

    return Work(
        name=NEAREST,
        ours=[Contender.of("nearest(x, y)", lambda: list(entries.nearest(x, y)))],
        theirs=Contender.of("at(x, y)", lambda: list(entries.at(x, y))),
        promise=PROMISES[NEAREST],
        repeats=10,
        check=check,
        reason="Both take the same steps before they read masks, and here they read few masks.",
    )


def _heat(index: iidindex.Index) -> Work:
    entries = index.entries
    height = width = max(entry.bbox.maxr for entry in entries)

    def theirs() -> np.ndarray[tuple[int, int], np.dtype[np.int32]]:
        counts = np.zeros((height, width), np.int32)
        for entry, mask in entries.masks():
            box = entry.bbox
            counts[box.minr : box.maxr, box.minc : box.maxc] += mask
        return counts

    def check() -> None:
        agree("heat", bool((entries.heat(size=height).counts == theirs()).all()), True)

    return Work(
        name=HEAT,
        ours=[
            Contender.of("heat, a cell a pixel", lambda: entries.heat(size=height)),
            Contender.of("heat, 170 cells across", lambda: entries.heat(size=170)),
        ],
        theirs=Contender.of("masks() and +=", theirs),
        promise=PROMISES[HEAT],
        repeats=3,
        check=check,
        reason="Cells of one or two pixels are added up twice, and once more over the whole grid.",
    )
