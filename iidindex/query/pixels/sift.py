"""Sifting candidates whose boxes fit down to those whose pixels do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from iidindex.buffers import Bytes
from iidindex.codec.decode import decode_mask, decode_masks
from iidindex.codec.region_table import RegionTable, read_regions
from iidindex.errors import DamagedFileError, IIDFormatError
from iidindex.masks.measure import any_in
from iidindex.masks.regions import Bool2D, pixel_in
from iidindex.model import BBox
from iidindex.query.pixels.originals import OnStale, Originals, Read, damaged, tell
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
    read = candidates.file_id[doubtful]
    # Nothing of a file is believed of which a part is not.
    stale = read[~looked_at[doubtful]].tolist()
    if len(doubtful) < len(candidates):
        others = np.setdiff1d(candidates.file_id, read)
        stale += originals.changed(files, others, on_stale)
    return keep & ~np.isin(candidates.file_id, stale) if stale else keep


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
            sound = _sound(files, segments, part, found, on_stale)
            part, bbox = part[sound], bbox[sound]
            if not len(part):
                continue
            table = read_regions(found.data, found.offset[sound], found.length[sound], bbox)
        yield part, table


def _sound(
    files: Mapping[int, Original], segments: Segments, part: Ints, found: Read, on_stale: OnStale
) -> Bools:
    """Which rows are of files whose regions are all valid."""
    bbox = segments.bbox[part].astype(np.uint16)
    file_of = segments.file_id[part]
    sound = np.ones(len(part), np.bool_)
    for file_id in np.unique(file_of).tolist():
        of_file = file_of == file_id
        try:
            read_regions(found.data, found.offset[of_file], found.length[of_file], bbox[of_file])
        except IIDFormatError:
            tell(_first_damaged(files[file_id], segments, part[of_file], found, of_file), on_stale)
            sound &= ~of_file
    return sound


def _first_damaged(
    file: Original, segments: Segments, rows: Ints, found: Read, of_file: Bools
) -> DamagedFileError:
    """The error of the first segment of a file whose regions are not valid."""
    for row, place in zip(rows.tolist(), np.flatnonzero(of_file).tolist(), strict=True):
        one = slice(place, place + 1)
        try:
            bbox = segments.bbox[row : row + 1].astype(np.uint16)
            read_regions(found.data, found.offset[one], found.length[one], bbox)
        except IIDFormatError as error:
            return damaged(file, int(segments.key[row]), error.problem)
    return damaged(file, int(segments.key[rows[0]]), "its regions overlap those of others")


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
            file = files[int(file_of[rows[0]])]
            chosen = part[rows]
            bbox = segments.bbox[chosen].astype(np.uint16)
            masks = decode_masks(found.data, found.offset[rows], found.length[rows], bbox)
            keys, areas = segments.key[chosen].tolist(), segments.area[chosen].tolist()
            told = zip(chosen.tolist(), keys, areas, strict=True)
            try:
                for (row, key, area), mask in zip(told, masks, strict=True):
                    check_area(file, key, area, mask)
                    yield row, mask
            except DamagedFileError as error:
                # What came before was right; of the rest, nobody can tell.
                tell(error, on_stale)
            except IIDFormatError as error:
                if isinstance(error.__context__, MemoryError):
                    error.source = file.location
                    raise
                of_file = np.isin(np.arange(len(part)), rows)
                tell(_first_damaged(file, segments, chosen, found, of_file), on_stale)


def believed_mask(
    file: Original, data: Bytes, key: int, bbox: BBox, area: int, crop: BBox | None
) -> Bool2D:
    """Decode the mask of a segment's bytes, which has as many pixels as its area.

    Parameters
    ----------
    file : Original
    data : ndarray of uint8, shape (size,)
        The segment alone.
    key, bbox, area : int, BBox, int
        What the catalogue knows of it.
    crop : BBox, optional
        Decode what lies in it; pixels are not counted then.

    Raises
    ------
    DamagedFileError
        If its regions are not valid, or the number of pixels is another.
    IIDFormatError
        If the mask does not fit into memory.
    """
    try:
        mask = decode_mask(data, 0, len(data), bbox, crop)
    except IIDFormatError as error:
        if isinstance(error.__context__, MemoryError):
            error.source = file.location
            raise
        raise damaged(file, key, error.problem) from None
    if crop is None:
        check_area(file, key, area, mask)
    return mask


def check_area(file: Original, key: int, area: int, mask: Bool2D) -> None:
    """Refuse a mask that has another number of pixels than were indexed.

    Raises
    ------
    DamagedFileError
    """
    pixels = int(np.count_nonzero(mask))
    if pixels != area:
        raise damaged(file, key, f"its mask has {pixels} pixels, its area is {area}")
