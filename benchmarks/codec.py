"""Reading and writing files, against the original library."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks import archive, original
from benchmarks.archive import LARGE, MEDIUM, MIXED, SMALL
from benchmarks.runner import Contender, Promise, Scale, Work, agree
from iidindex.codec.reader import IIDColumns
from iidindex.files.iidfile import IIDFile
from iidindex.masks.regions import Bool2D


def works(directory: Path, scale: Scale) -> Sequence[Work]:
    """Opening, decoding, and adding and saving."""
    return [
        _opening(directory / "opening", scale),
        *_in_turn(directory / "in-turn", scale),
        _decoding(directory / "mixed", "mixed", MIXED, scale),
        _decoding(directory / "small", "small", (SMALL,), scale),
        _decoding(directory / "large", "large", (LARGE,), scale),
        _saving(directory, scale),
    ]


# ---------------------------------------------------------------------- opening


def _opening(directory: Path, scale: Scale) -> Work:
    paths = archive.write_files(directory, scale.of(1000, 100), 100, sizes=(SMALL, MEDIUM))

    def columns() -> None:
        for path in paths:
            with IIDFile(path) as file:
                _ = _iid_columns(file), file.bboxes, file.areas

    def objects() -> None:
        for path in paths:
            with IIDFile(path) as file:
                _ = file.iids, file.bboxes, file.areas

    def theirs() -> None:
        for path in paths:
            with original.opened(path):
                pass

    def check() -> None:
        for path in paths[:: max(1, len(paths) // 20)]:
            agree(path.name, _contents(path), _contents_by_original(path))

    return Work(
        name=f"open {len(paths):,} files × 100 entries: all IIDs, boxes and areas",
        ours=[
            Contender.of("as columns", columns),
            Contender.of("every IID an object", objects),
        ],
        theirs=Contender.of(f"{original.NAME} open (IIDs only)", theirs),
        promise=Promise.faster(6),
        repeats=scale.of(7, 3),
        check=check,
        reason=(
            "Opening, reading and closing a file takes more than a quarter of the time. Most of "
            "the rest is some seventy NumPy calls, which take nearly as long for one entry as "
            "for a hundred. So the ratio is larger for larger files."
        ),
    )


def _iid_columns(file: IIDFile) -> IIDColumns:
    # There is no public call yet that gives IIDs as arrays.
    return file._records.parts[0].iid_columns


class _Contents(NamedTuple):
    iids: list[tuple[bytes | None, bytes]]
    boxes: list[list[int]]
    areas: list[int]


def _contents(path: Path) -> _Contents:
    with IIDFile(path) as file:
        where, raw = _iid_columns(file), path.read_bytes()
        middles = where.address_offset
        ends = middles + where.address_length
        iids: list[tuple[bytes | None, bytes]] = [
            (raw[start:middle] or None, raw[middle:end])
            for start, middle, end in zip(where.domain_offset, middles, ends, strict=True)
        ]
        agree(path.name, [tuple(iid) for iid in file.iids], iids)
        return _Contents(iids, file.bboxes.tolist(), file.areas.tolist())


def _contents_by_original(path: Path) -> _Contents:
    with original.opened(path) as file:
        entries = file.fetch(everything=True)
        return _Contents(
            [(entry.iid.domain, entry.iid.address) for entry in entries],
            [list(entry.seg.bbox) for entry in entries],
            [entry.seg.area for entry in entries],
        )


# ---------------------------------------------------------------------- one after the other

# Pixels across.
_TINY = 30
_FLOOR = (
    "More than half of what is left is the time of Python itself: it makes an entry and an IID "
    "for each row, asks each for a property, and releases all of them. design.md has the "
    "profile."
)


def _in_turn(directory: Path, scale: Scale) -> list[Work]:
    """The founding API as its users write it: an entry, its IID or its mask, the next entry."""
    paths = archive.write_files(directory, scale.of(60, 10), 100, sizes=(_TINY,), seed=3000)
    amount = f"{len(paths)} files × 100"

    def addresses() -> list[bytes]:
        found = []
        for path in paths:
            with IIDFile(path) as file:
                found += [entry.iid.address for entry in file.fetch(all_keys=True, iids=True)]
        return found

    def addresses_by_original(**options: bool) -> list[bytes]:
        found = []
        for path in paths:
            with original.opened(path) as file:
                entries = file.fetch(all_keys=True, iids=True, **options)
                found += [entry.iid.address for entry in entries]
        return found

    def masks() -> None:
        for path in paths:
            with IIDFile(path) as file:
                for entry in file.fetch(everything=True):
                    entry.seg.mask()

    def masks_by_original() -> None:
        for path in paths:
            with original.opened(path) as file:
                for entry in file.fetch(everything=True):
                    entry.seg.mask()

    def check_masks() -> None:
        for path in paths[:5]:
            with original.opened(path) as file, IIDFile(path) as ours:
                expected = [entry.seg.mask() for entry in file.fetch(everything=True)]
                found = [entry.seg.mask() for entry in ours.fetch(everything=True)]
                _agree_on_masks(path, found, expected)

    same_call = Contender.of(f"{original.NAME}, which loads segments, too", addresses_by_original)
    same_load = Contender.of(
        f"{original.NAME} with segs=False", lambda: addresses_by_original(segs=False)
    )
    repeats = scale.of(11, 3)
    works = [
        Work(
            name=f"one after the other: addresses of {amount} entries, {told}",
            ours=[Contender.of("fetch(all_keys=True, iids=True), iid.address", addresses)],
            theirs=theirs,
            promise=Promise.faster(5),
            repeats=repeats,
            check=lambda: agree("addresses", addresses(), addresses_by_original()),
            reason=_FLOOR,
        )
        for told, theirs in (("the same call", same_call), ("the same loaded", same_load))
    ]
    works.append(
        Work(
            name=f"one after the other: masks {_TINY} pixels across, {amount}",
            ours=[Contender.of("fetch(everything=True), seg.mask()", masks)],
            theirs=Contender.of(original.NAME, masks_by_original),
            promise=Promise.faster(5),
            repeats=repeats,
            check=check_masks,
            reason=_FLOOR
            + "A third of these masks are also smaller than their boxes or have several regions.",
        )
    )
    return works


# ---------------------------------------------------------------------- decoding


def _decoding(directory: Path, size: str, sizes: tuple[int, ...], scale: Scale) -> Work:
    paths = archive.write_files(directory, scale.of(10, 2), 100, sizes=sizes, seed=1000)

    def together() -> None:
        for path in paths:
            with IIDFile(path) as file:
                for _ in file.masks(file.fetch(everything=True)):
                    pass

    def singly() -> None:
        for path in paths:
            with IIDFile(path) as file:
                for entry in file.fetch(everything=True):
                    entry.seg.mask()

    def theirs() -> None:
        for path in paths:
            with original.opened(path) as file:
                for entry in file.fetch(everything=True):
                    entry.seg.mask()

    def check() -> None:
        for path in paths:
            with original.opened(path) as file, IIDFile(path) as ours:
                expected = [entry.seg.mask() for entry in file.fetch(everything=True)]
                entries = ours.fetch(everything=True)
                _agree_on_masks(path, [mask for _, mask in ours.masks(entries)], expected)
                _agree_on_masks(path, [entry.seg.mask() for entry in entries], expected)

    return Work(
        name=f"fetch everything, decode {len(paths) * 100:,} {size} masks",
        ours=[
            Contender.of("masks()", together),
            Contender.of("seg.mask() one by one", singly),
        ],
        theirs=Contender.of(original.NAME, theirs),
        promise=Promise.faster(6),
        repeats=scale.of(9, 3),
        check=check,
        reason=(
            "The smaller a mask is, the less there is to unpack, and the larger is the part of "
            "making an entry and an array for it, which both programs have to do. A third of "
            "these masks are smaller than their boxes or have several regions; they are put "
            "together one by one."
        ),
    )


def _agree_on_masks(path: Path, ours: list[Bool2D], theirs: list[Bool2D]) -> None:
    agree(path.name, len(ours), len(theirs))
    for a, b in zip(ours, theirs, strict=True):
        agree(path.name, (a.shape, bool(np.array_equal(a, b))), (b.shape, True))


# ---------------------------------------------------------------------- adding and saving


def _saving(directory: Path, scale: Scale) -> Work:
    entries = archive.labelled(2000, scale.of(1000, 100))
    ours_at, theirs_at = directory / "ours.iid", directory / "theirs.iid"

    def ours() -> None:
        file = IIDFile()
        archive.add_all(file, entries)
        file.save(ours_at)
        file.close()

    def encoded() -> None:
        file = IIDFile()
        archive.add_all(file, entries)
        file.to_bytes()

    def theirs() -> None:
        file = original.new()
        archive.add_all(file, entries)
        # Part of the work: without it nothing is saved.
        original.mend(file)
        file.save(str(theirs_at))
        original.close(file)

    def check() -> None:
        ours()
        theirs()
        agree("the saved files", ours_at.read_bytes(), theirs_at.read_bytes())

    return Work(
        name=f"add {len(entries):,} mixed masks and save",
        ours=[
            Contender.of("save(), flushed to the disk", ours),
            Contender.of("to_bytes(), no file", encoded),
        ],
        theirs=Contender.of(f"{original.NAME} save, not flushed", theirs),
        promise=Promise.faster(5),
        repeats=scale.of(5, 3),
        check=check,
        reason=(
            "Nearly all of the time is spent on splitting masks into regions. Most of that is "
            "for the larger masks, which are split one after another when they are added. Also, "
            "`save` waits until the file is on the disk, which the other program does not."
        ),
    )
