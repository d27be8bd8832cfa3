"""The masks of one file as packed bits, for programs that draw them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from iidindex.catalog.catalogue import Catalog
from iidindex.errors import QueryError
from iidindex.exchange.answers_out import Entries
from iidindex.masks.packed_boxes import pack_boxes
from iidindex.masks.regions import Bytes, Ints, packed_sizes
from iidindex.model import BBox
from iidindex.plural import counted
from iidindex.query.answers.entry import Entry, segments_of
from iidindex.query.holdings.named_file import NamedFile
from iidindex.query.pixels.frames import frames_of
from iidindex.query.pixels.originals import Originals, damaged
from iidindex.query.pixels.segments import Segments
from iidindex.query.pixels.sift import regions_of


@dataclass(frozen=True, slots=True)
class PackedMasks:
    """Masks of one file, one bit a pixel.

    Attributes
    ----------
    frame : (int, int) or None
        Height and width of the file's picture, if its metadata state them.
    entries : list of Entry
        Whose masks they are.
    bbox : ndarray of int64, shape (n, 4)
        ``(minr, minc, maxr, maxc)``, half-open, pixels: the box of each mask, or what of it is in
        the box that was asked for.
    bits : ndarray of uint8, shape (size,)
        For each mask the pixels of its box: row-major, most significant bit first, rows not padded.
    start : ndarray of int64, shape (n,)
        Byte of `bits` at which each mask begins.
    """

    frame: tuple[int, int] | None
    entries: list[Entry]
    bbox: Ints
    bits: Bytes
    start: Ints


def packed_masks(
    catalog: Catalog,
    originals: Originals,
    entries: Entries,
    file: NamedFile,
    box: BBox | None,
    most: int,
    most_bytes: int,
) -> PackedMasks:
    """Pack the hits in one file.

    Parameters
    ----------
    catalog : Catalog
    originals : Originals
    entries : Entries
    file : NamedFile
    box : BBox, optional
        Only masks that have a pixel in this box, and of them only what lies in it.
    most, most_bytes : int
        How many masks, and bytes of them, there may be.

    Raises
    ------
    QueryError
        If there are more.
    SourceNotFoundError, SourceError, StaleFileError, DamagedFileError
        As `Entry.mask`.
    """
    question = entries.in_file(file.file_id)
    if box is not None:
        question = question.region(box, exact=False)
    hits = list(question.limit(most + 1))
    if len(hits) > most:
        raise QueryError(
            f"{file.path}: has more than {counted(most, 'mask')} here; ask for a smaller box"
        )
    segments = segments_of(hits)
    wanted = segments.bbox if box is None else _within(segments.bbox, box)
    n_bytes = int(packed_sizes(wanted).sum())
    if n_bytes > most_bytes:
        raise QueryError(
            f"{file.path}: its masks take {n_bytes} bytes here, more than {most_bytes}; ask for a "
            "smaller box"
        )
    originals.check(file.original)
    bits, start, pixels = _packed(originals, file, segments, wanted)
    rows = np.arange(len(hits))
    if box is not None:
        rows = np.flatnonzero(pixels)
        bits, start = _taken(bits, start, wanted, rows)
    with catalog.reading() as connection:
        frame = frames_of(connection, np.array([file.file_id]))[file.file_id].size
    return PackedMasks(frame, [hits[row] for row in rows.tolist()], wanted[rows], bits, start)


def _within(bbox: Ints, box: BBox) -> Ints:
    """What boxes have in common with one that they meet."""
    low = np.maximum(bbox[:, :2], box[:2])
    return np.hstack([low, np.maximum(low, np.minimum(bbox[:, 2:], box[2:]))])


def _packed(
    originals: Originals, file: NamedFile, segments: Segments, wanted: Ints
) -> tuple[Bytes, Ints, Ints]:
    """The bits of masks, where each begins, and how many pixels it has."""
    size = packed_sizes(wanted)
    start = np.cumsum(size) - size
    bits = np.zeros(int(size.sum()), np.uint8)
    pixels = np.zeros(len(segments), np.int64)
    every = np.arange(len(segments))
    files = {file.file_id: file.original}
    for rows, table in regions_of(originals, files, segments, every, "error"):
        part, begin = pack_boxes(table.regions, table.segment, wanted[rows])
        at = np.repeat(start[rows] - begin, size[rows]) + np.arange(len(part))
        bits[at] = part
        sums = np.append(0, np.cumsum(np.bitwise_count(part), dtype=np.int64))
        pixels[rows] = sums[begin + size[rows]] - sums[begin]
    is_whole = (wanted == segments.bbox).all(axis=1)
    for row in np.flatnonzero(is_whole & (pixels != segments.area))[:1].tolist():
        told = f"its mask has {pixels[row]} pixels, its area is {segments.area[row]}"
        raise damaged(file.original, int(segments.key[row]), told)
    return bits, start, pixels


def _taken(bits: Bytes, start: Ints, bbox: Ints, rows: Ints) -> tuple[Bytes, Ints]:
    """The bits of some masks alone."""
    size = packed_sizes(bbox)[rows]
    begin = np.cumsum(size) - size
    return bits[np.repeat(start[rows] - begin, size) + np.arange(int(size.sum()))], begin
