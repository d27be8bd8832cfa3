"""Sifting candidates whose boxes fit down to those whose pixels do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Protocol, TypeVar

import numpy as np

from iidindex.codec.decode import decode_masks
from iidindex.codec.regions import read_regions
from iidindex.files.part import naming
from iidindex.masks.measure import any_in
from iidindex.masks.regions import Bool2D, pixel_in
from iidindex.model import BBox, FileStamp
from iidindex.query.originals import Originals, Wanted

# Bytes of masks held at a time.
_READ_BYTES = 16 << 20


class Candidate(Protocol):
    """What has to be known of an entry to look at its pixels."""

    @property
    def location(self) -> str:
        """Where the file can be opened."""

    @property
    def stamp(self) -> FileStamp:
        """Its size and time when it was indexed."""

    @property
    def wanted(self) -> Wanted:
        """What has to be found there."""


C = TypeVar("C", bound=Candidate)


def sift(originals: Originals, candidates: Sequence[C], boxes: Sequence[BBox]) -> list[C]:
    """Keep the candidates that have a mask pixel in every box, in their order.

    A mask that fills its box needs no look; of the others, those of one file are read
    together and nothing is unpacked.
    """
    keep = [all(_is_sure(item.wanted, box) for box in boxes) for item in candidates]
    for which in _readings([index for index, sure in enumerate(keep) if not sure], candidates):
        first = candidates[which[0]]
        wanted = [candidates[index].wanted for index in which]
        hits = _look(originals, first.location, first.stamp, wanted, boxes)
        for index, hit in zip(which, hits, strict=True):
            keep[index] = hit
    return [item for item, kept in zip(candidates, keep, strict=True) if kept]


def read_masks(originals: Originals, entries: Sequence[C]) -> Iterator[tuple[C, Bool2D]]:
    """Read and decode masks, sorted by file and offset.

    Yields
    ------
    (entry, ndarray of bool, shape (height, width))
    """
    for which in _readings(range(len(entries)), entries):
        chosen = [entries[index] for index in which]
        wanted = [entry.wanted for entry in chosen]
        found = originals.read(chosen[0].location, chosen[0].stamp, wanted)
        bbox = np.array([item.bbox for item in wanted], np.uint16)
        with naming(chosen[0].location):
            masks = decode_masks(found.data, found.offset, found.length, bbox)
            yield from zip(chosen, masks, strict=True)


def _readings(which: Iterable[int], candidates: Sequence[C]) -> Iterator[list[int]]:
    """Cut candidates into those to be read together: of one file, and of bounded size."""

    def place(index: int) -> tuple[str, int]:
        return candidates[index].location, candidates[index].wanted.bufloc.offset

    for _, group in groupby(sorted(which, key=place), key=lambda index: place(index)[0]):
        together: list[int] = []
        size = 0
        for index in group:
            length = candidates[index].wanted.bufloc.length
            if together and size + length > _READ_BYTES:
                yield together
                together, size = [], 0
            together.append(index)
            size += length
        yield together


def _is_sure(wanted: Wanted, box: BBox) -> bool:
    """Whether the mask must have a pixel in `box`, as it fills its own, which meets `box`."""
    return wanted.area == wanted.bbox.n_pixels and bool((wanted.bbox & box).n_pixels)


def _look(
    originals: Originals,
    location: str,
    stamp: FileStamp,
    wanted: Sequence[Wanted],
    boxes: Sequence[BBox],
) -> list[bool]:
    found = originals.read(location, stamp, wanted)
    bbox = np.array([item.bbox for item in wanted], np.uint16)
    with naming(location):
        table = read_regions(found.data, found.offset, found.length, bbox)
    hits = np.ones(len(wanted), np.bool_)
    for box in boxes:
        inside = (
            pixel_in(table.regions, box.minr, box.minc)
            if box.n_pixels == 1
            else any_in(table.regions, box)
        )
        hit = np.zeros(len(wanted), np.bool_)
        hit[table.segment[inside]] = True
        hits &= hit
    return hits.tolist()
