"""Decoding where the regions of segments lie; their bits are left alone."""

from __future__ import annotations

from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from iidindex.buffers import Bytes
from iidindex.codec import layout
from iidindex.codec.reader import Ints, heads_at
from iidindex.errors import IIDFormatError
from iidindex.masks.regions import Regions
from iidindex.model import BBox
from iidindex.plural import counted


class RegionTable(NamedTuple):
    """The regions of several segments.

    Attributes
    ----------
    segment : ndarray of int64, shape (k,)
        For each region, the position of its segment among those asked for; ascending.
    regions : Regions
        Boxes in image coordinates, and where the bits begin in the file.
    is_one_each : bool
        Whether it was seen that every segment has just one region.
    """

    segment: Ints
    regions: Regions
    is_one_each: bool = False


def read_regions(
    data: Bytes, offset: Ints, length: Ints, bbox: npt.NDArray[np.uint16]
) -> RegionTable:
    """Find the regions of segments; their bits are located, not decoded.

    Parameters
    ----------
    data : ndarray of uint8, shape (size,)
        The bytes that hold the segments.
    offset, length : ndarray of int64, shape (n,)
        Where each segment lies in `data`, checked (as by `read_lut`), in bytes.
    bbox : ndarray of uint16, shape (n, 4)
        The segments' own boxes, ``(minr, minc, maxr, maxc)``.

    Returns
    -------
    RegionTable

    Raises
    ------
    IIDFormatError
        If a region's length does not fit its box or its segment, or its box is reversed or
        reaches outside the segment's.
    """
    head = _first_regions(data, offset, length)
    more = None if head is None else np.flatnonzero(head["length"] < length - _BEFORE)
    is_one_each = more is not None and not len(more)
    if head is not None and is_one_each:
        segment, start = np.arange(len(offset)), offset + _BEFORE
        outer = bbox.T.astype(np.int64, order="C")
    else:
        if head is None or more is None:
            segment, start = _region_starts(data, offset + _BEFORE, offset + length)
        else:
            begin = offset + _BEFORE
            behind = (begin + head["length"])[more]
            segment, start = _region_starts(data, behind, (offset + length)[more])
            segment, start = _in_order([np.arange(len(offset)), more[segment]], [begin, start])
        if not len(start):
            return RegionTable(segment, Regions(data, start, np.empty((0, 4), np.int64)))
        head = heads_at(data, start, layout.REGION_HEAD)
        outer = bbox[segment].T.astype(np.int64, order="C")
    # Corner by corner, each a contiguous array.
    inner = head["bbox"].T.astype(np.int64, order="C")
    size = inner[2:] - inner[:2]
    needed = size[0] * size[1]
    needed += 7
    needed >>= 3
    needed += layout.REGION_HEAD_SIZE
    wrong = head["length"] != needed
    # None of these may be negative; the sign of all is the sign of each.
    distances = np.concatenate([size, inner[:2] - outer[:2], outer[2:] - inner[2:]])
    wrong |= np.bitwise_or.reduce(distances, axis=0) < 0
    if np.count_nonzero(wrong):
        at = int(np.argmax(wrong))
        raise _region_error(int(start[at]), int(head["length"][at]), inner[:, at], outer[:, at])
    regions = Regions(data, start + layout.REGION_HEAD_SIZE, inner.T)
    return RegionTable(segment, regions, is_one_each)


# What lies in a segment before its regions.
_BEFORE = layout.SEGMENT_HEAD_SIZE


def _first_regions(data: Bytes, offset: Ints, length: Ints) -> npt.NDArray[np.void] | None:
    """The heads of the first regions, if every segment has one that ends within it."""
    if not len(offset) or np.count_nonzero(length < _BEFORE + layout.REGION_HEAD_SIZE):
        return None
    head = heads_at(data, offset + _BEFORE, layout.REGION_HEAD)
    stated = head["length"]
    wrong = (stated < layout.REGION_HEAD_SIZE) | (stated > length - _BEFORE)
    return None if np.count_nonzero(wrong) else head


# A segment of so few regions is read faster one by one than all at once.
_FEW_REGIONS = 16


def read_few_regions(
    data: Bytes, offset: int, length: int, bbox: BBox
) -> list[tuple[BBox, int]] | None:
    """Find the regions of a segment that has few, several times faster than `read_regions`.

    Parameters
    ----------
    data : ndarray of uint8, shape (size,)
        The bytes that hold the segment.
    offset, length : int
        Where it lies in `data`, checked, in bytes.
    bbox : BBox
        The segment's own box.

    Returns
    -------
    list of (BBox, int), or None
        Each region's box and the byte at which its bits begin; None if there are too many, or
        something is wrong: then `read_regions` tells.
    """
    found: list[tuple[BBox, int]] = []
    at, end = offset + layout.SEGMENT_HEAD_SIZE, offset + length
    while at < end:
        if len(found) == _FEW_REGIONS or end - at < layout.REGION_HEAD_SIZE:
            return None
        stated, minr, minc, maxr, maxc = layout.REGION_HEAD_STRUCT.unpack_from(data.data, at)
        needed = layout.REGION_HEAD_SIZE + ((maxr - minr) * (maxc - minc) + 7) // 8
        if (
            not stated == needed <= end - at
            or not bbox.minr <= minr <= maxr <= bbox.maxr
            or not bbox.minc <= minc <= maxc <= bbox.maxc
        ):
            return None
        found.append((BBox(minr, minc, maxr, maxc), at + layout.REGION_HEAD_SIZE))
        at += stated
    return found


def _region_error(offset: int, length: int, box: Ints, outer: Ints) -> IIDFormatError:
    minr, minc, maxr, maxc = box.tolist()
    bbox = (minr, minc, maxr, maxc)
    if maxr < minr or maxc < minc:
        problem = f"bbox {bbox} is reversed; expected minr <= maxr and minc <= maxc"
    elif (box[:2] < outer[:2]).any() or (box[2:] > outer[2:]).any():
        problem = f"bbox {bbox} reaches outside its segment's, {tuple(outer.tolist())}"
    else:
        needed = layout.REGION_HEAD_SIZE + ((maxr - minr) * (maxc - minc) + 7) // 8
        problem = f"length is {length}; its bbox {bbox} needs {needed}"
    return IIDFormatError(f"a region's {problem}", section="segs", offset=offset)


# Below this many segments still unfinished, following each chain in Python is quicker than
# another round of array operations over them all.
_FEW_CHAINS = 24


def _region_starts(data: Bytes, position: Ints, end: Ints) -> tuple[Ints, Ints]:
    """Follow the chain of region lengths in every segment, from `position` to `end`.

    Each region's place depends on the one before it, so the chains of all segments are
    followed side by side, one array round per region; the last few long chains one by one.
    """
    active = np.flatnonzero(position < end)
    position, end = position[active], end[active]
    segments: list[Ints] = []
    starts: list[Ints] = []
    while len(active) > _FEW_CHAINS:
        if np.logical_or.reduce(position + layout.REGION_HEAD_SIZE > end):
            break  # one of them is cut short: the loop below says where
        step = heads_at(data, position, layout.REGION_HEAD)["length"].astype(np.int64)
        after = position + step
        if np.logical_or.reduce(after > end) or np.minimum.reduce(step) < layout.REGION_HEAD_SIZE:
            break
        segments.append(active)
        starts.append(position)
        unfinished = after < end
        active, position, end = active[unfinished], after[unfinished], end[unfinished]
    chains = [
        _follow_chain(data, at, stop)
        for at, stop in zip(position.tolist(), end.tolist(), strict=True)
    ]
    if chains or not starts:
        segments.append(np.repeat(active, np.array([*map(len, chains)], np.int64)))
        starts.append(np.array([*chain.from_iterable(chains)], np.int64))
    if len(starts) == 1:
        return segments[0], starts[0]
    return _in_order(segments, starts)


def _in_order(segments: list[Ints], starts: list[Ints]) -> tuple[Ints, Ints]:
    """Put regions into the order of their segments."""
    segment, start = np.concatenate(segments), np.concatenate(starts)
    # What is found of a segment later lies behind what was found before.
    order = np.argsort(segment, kind="stable")
    return segment[order], start[order]


def _follow_chain(data: Bytes, at: int, stop: int) -> list[int]:
    """Starts of the regions of one segment, from byte `at` to byte `stop`."""
    view = data.data
    starts = []
    while at < stop:
        starts.append(at)
        left = stop - at
        length = layout.REGION_LENGTH.unpack_from(view, at)[0] if left >= 4 else 0
        if length < layout.REGION_HEAD_SIZE or length > left:
            raise IIDFormatError(
                f"a region's length is {length}; expected {layout.REGION_HEAD_SIZE} to the "
                f"{counted(left, 'byte')} left of its segment",
                section="segs",
                offset=at,
            )
        at += length
    return starts
