"""Sifting candidates whose boxes fit down to those whose pixels do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from iidindex.codec.decode import decode_masks
from iidindex.codec.region_table import RegionTable, read_regions
from iidindex.errors import IIDFormatError
from iidindex.files.part import naming
from iidindex.masks.measure import any_in
from iidindex.masks.regions import Bool2D, pixel_in
from iidindex.model import BBox
from iidindex.query.pixels.originals import OnStale, Originals, Read
from iidindex.query.pixels.segments import Original, Segments

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def sift(
    originals: Originals,
    files: Mapping[int, Original],
    candidates: Segments,
    boxes: Sequence[BBox],
    on_stale: OnStale = "error",
) -> Bools:
    """Which candidates have a mask pixel in every box: bool, shape (n,).

    Parameters
    ----------
    originals : Originals
    files : mapping of int to Original
        By id.
    candidates : Segments
        Whose boxes meet `boxes`.
    boxes : sequence of BBox
    on_stale : {"error", "skip", "warn"}
        Candidates of files that are not what they were are no hits, if that is no error.

    Notes
    -----
    A mask that fills its box needs no look, only its file's stamp. Of the others, neighbours
    in a file are read together, those of many files are looked at together, and nothing is
    unpacked.
    """
    keep = candidates.fills_box
    doubtful = np.flatnonzero(~keep)
    looked_at = np.zeros(len(candidates), np.bool_)
    for rows, table in regions_of(originals, files, candidates, doubtful, on_stale):
        hits = np.ones(len(rows), np.bool_)
        for box in boxes:
            inside = (
                pixel_in(table.regions, box.minr, box.minc)
                if box.n_pixels == 1
                else any_in(table.regions, box)
            )
            hit = np.zeros(len(rows), np.bool_)
            hit[table.segment[inside]] = True
            hits &= hit
        keep[rows] = hits
        looked_at[rows] = True
    read = np.unique(candidates.file_id[doubtful])
    stale = np.setdiff1d(read, candidates.file_id[looked_at])
    others = np.setdiff1d(candidates.file_id, read)
    changed = originals.changed(files, others, on_stale)
    return keep & ~np.isin(candidates.file_id, [*stale.tolist(), *changed])


def regions_of(
    originals: Originals,
    files: Mapping[int, Original],
    segments: Segments,
    rows: Ints,
    on_stale: OnStale,
) -> Iterator[tuple[Ints, RegionTable]]:
    """Read the regions of some rows, by file and offset, a bounded part at a time.

    Yields
    ------
    rows : ndarray of int64, shape (k,)
        Those of the part that could be read.
    regions : RegionTable
        Their segments are positions in these rows.
    """
    for part, found in readings(originals, files, segments, rows, on_stale):
        bbox = segments.bbox[part].astype(np.uint16)
        try:
            table = read_regions(found.data, found.offset, found.length, bbox)
        except IIDFormatError:
            _name(files, segments.file_id[part], found, bbox)
            raise
        yield part, table


def readings(
    originals: Originals,
    files: Mapping[int, Original],
    segments: Segments,
    rows: Ints,
    on_stale: OnStale,
) -> Iterator[tuple[Ints, Read]]:
    """Read the bytes of some rows, as `regions_of` does."""
    for portion in segments.portions(rows):
        found = originals.read(files, segments.take(portion), on_stale)
        there = found.is_there
        if there.any():
            yield (
                portion[there],
                Read(found.data, found.offset[there], found.length[there], there[there]),
            )


def _name(
    files: Mapping[int, Original], file_of: Ints, found: Read, bbox: npt.NDArray[np.uint16]
) -> None:
    """Raise the error of the file whose regions are not valid."""
    for file_id in np.unique(file_of).tolist():
        of_file = file_of == file_id
        with naming(files[file_id].location):
            read_regions(found.data, found.offset[of_file], found.length[of_file], bbox[of_file])


def read_masks(
    originals: Originals,
    files: Mapping[int, Original],
    segments: Segments,
    on_stale: OnStale = "error",
) -> Iterator[tuple[int, Bool2D]]:
    """Read and decode masks, by file and offset.

    Yields
    ------
    (int, ndarray of bool, shape (height, width))
        The row in `segments`, and its mask.
    """
    every = np.arange(len(segments))
    for part, found in readings(originals, files, segments, every, on_stale):
        file_of = segments.file_id[part]
        for rows in np.split(np.arange(len(part)), np.flatnonzero(np.diff(file_of)) + 1):
            bbox = segments.bbox[part[rows]].astype(np.uint16)
            with naming(files[int(file_of[rows[0]])].location):
                masks = decode_masks(found.data, found.offset[rows], found.length[rows], bbox)
                yield from zip(part[rows].tolist(), masks, strict=True)
