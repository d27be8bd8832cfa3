"""Splitting a mask into its 8-connected regions, row by row of runs.

A *run* is a row's unbroken stretch of set pixels. A mask has far fewer of them than pixels,
and two runs of neighbouring rows belong together if they touch, also at a corner.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from iidindex.masks.regions import LEAD, Bool2D, Ints, Regions, pack
from iidindex.model import BBox

_ONE = np.uint64(1)
# Pixels handled at a time.
_BLOCK = 1 << 16


# Runs that are shorter than this on the average, in a mask of at least so many pixels, are many
# to join one by one; then scikit-image labels the pixels faster.
_SHORT_RUN = 8
_LARGE_MASK = 1 << 14


def split(mask: Bool2D, minr: int = 0, minc: int = 0, *, gap: int = LEAD) -> tuple[Regions, int]:
    """Split a mask into its 8-connected regions and pack each within its tight box.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
    minr, minc : int
        Image coordinates of the mask's first pixel.
    gap : int
        Bytes left free before each region's bits, at least ``LEAD``.

    Returns
    -------
    regions : Regions
        In the order in which their first pixels come, row by row, as
        ``skimage.measure.label`` with ``connectivity=2`` numbers them.
    area : int
        Set pixels.
    """
    edges = _edges(mask) if mask.size else np.empty(0, np.int64)
    begin, end = edges[::2], edges[1::2]
    if not len(begin):
        return Regions(np.empty(0, np.uint8), np.empty(0, np.int64), np.empty((0, 4), np.int64)), 0
    area = int(np.add.reduce(end) - np.add.reduce(begin))
    if mask.size > _LARGE_MASK and len(begin) * _SHORT_RUN > area:
        return _split_by_labels(mask, minr, minc, gap), area
    stride = mask.shape[1] + 1
    row = begin // stride
    left = begin - row * stride
    right = end - row * stride
    number = _components(begin, end, stride)
    if number is None:
        top, bottom = int(row[0]), int(row[-1]) + 1
        first, last = int(np.minimum.reduce(left)), int(np.maximum.reduce(right))
        return _one_region(mask, BBox(top, first, bottom, last), minr, minc, gap), area
    regions = _pack_runs(number, row, left, right, gap)
    regions.bbox[:] += (minr, minc, minr, minc)
    return regions, area


def split_many(
    masks: Sequence[Bool2D], corners: Ints, *, gap: int = LEAD
) -> tuple[Regions, Ints, Ints]:
    """Split many small masks at once, in a fraction of the time that they take one by one.

    Parameters
    ----------
    masks : sequence of ndarray of bool, shape (height, width)
        At least one. They are laid on one canvas, which is as wide as the widest.
    corners : ndarray of int64, shape (len(masks), 2)
        Image row and column of each mask's first pixel.
    gap : int
        As for `split`.

    Returns
    -------
    regions : Regions
        Those of each mask as from `split`, mask by mask.
    owner : ndarray of int64, shape (k,)
        The mask of each region, ascending.
    area : ndarray of int64, shape (len(masks),)
        Set pixels.
    """
    width = max(mask.shape[1] for mask in masks)
    # A row of zeros behind each mask keeps it apart from the next.
    heights = np.array([len(mask) + 1 for mask in masks])
    bottom = np.cumsum(heights)
    canvas = np.zeros((int(bottom[-1]), width), np.bool_)
    for mask, first in zip(masks, (bottom - heights).tolist(), strict=True):
        canvas[first : first + len(mask), : mask.shape[1]] = mask
    edges = _edges(canvas) if canvas.size else np.empty(0, np.int64)
    begin, end = edges[::2], edges[1::2]
    if not len(begin):
        none = np.empty(0, np.int64)
        empty = Regions(np.empty(0, np.uint8), none, np.empty((0, 4), np.int64))
        return empty, none, np.zeros(len(masks), np.int64)
    stride = width + 1
    row = begin // stride
    length = end - begin
    left = begin - row * stride
    number = _components(begin, end, stride)
    regions = _pack_runs(
        np.zeros(len(begin), np.int64) if number is None else number, row, left, left + length, gap
    )
    area = np.zeros(len(masks), np.int64)
    np.add.at(area, bottom.searchsorted(row, side="right"), length)
    owner = bottom.searchsorted(regions.bbox[:, 0], side="right")
    shift = corners.copy()
    shift[:, 0] -= bottom - heights
    regions.bbox[:] += np.tile(shift, 2)[owner]
    return regions, owner, area


def _one_region(mask: Bool2D, tight: BBox, minr: int, minc: int, gap: int) -> Regions:
    top, left, bottom, right = tight
    packed = pack(mask[top:bottom, left:right])
    data = np.empty(gap + len(packed), np.uint8)
    data[gap:] = packed
    box = [[minr + top, minc + left, minr + bottom, minc + right]]
    return Regions(data, np.array([gap]), np.array(box))


def _split_by_labels(mask: Bool2D, minr: int, minc: int, gap: int) -> Regions:
    # scikit-image takes longer to import than most programs run.
    from skimage.measure import label

    labels, n_regions = label(mask, connectivity=2, return_num=True)
    return _many_regions(labels, int(n_regions), minr, minc, gap)


def _edges(mask: Bool2D) -> Ints:
    """Where runs begin and end, in turn, counted along rows that are a pixel longer.

    With a column of zeros behind each row, a run never continues in the next one, and
    positions of neighbouring rows differ by a constant.
    """
    height, width = mask.shape
    stride = width + 1
    rows = max(1, min(height, _BLOCK // stride))
    padded = np.zeros(rows * stride + 1, np.bool_)
    inner = padded[1:].reshape(rows, stride)[:, :width]
    found = []
    for top in range(0, height, rows):
        n = min(rows, height - top)
        inner[:n] = mask[top : top + n]
        changes = padded[1 : n * stride + 1] != padded[: n * stride]
        edges = changes.nonzero()[0]
        if top:
            edges += top * stride
        found.append(edges)
    return found[0] if len(found) == 1 else np.concatenate(found)


def _components(begin: Ints, end: Ints, stride: int) -> Ints | None:
    """Number the regions that runs belong to, by their first runs; None, if there is one."""
    # Runs of the row above that touch a run come in one range.
    first = end.searchsorted(begin - stride)
    above = begin.searchsorted(end - stride, side="right") - first
    # Every run hangs on the first that it touches, so that those which touch none are roots.
    hangs = above > 0
    n_roots = len(begin) - np.count_nonzero(hangs)
    if n_roots == 1:
        return None
    each = np.arange(len(begin))
    root = np.where(hangs, first, each)
    depth = int(begin[-1] - begin[0]) // stride + 1
    for _ in range(depth.bit_length()):
        root = root[root]
    # Where a run touches several, their trees are one, neighbour by neighbour.
    joins = (above > 1).nonzero()[0]
    if len(joins):
        n = above[joins] - 1
        which = np.repeat(first[joins] - n.cumsum() + n, n) + np.arange(int(np.add.reduce(n)))
        a, b = root[which], root[which + 1]
        differ = a != b
        parent = _joined(a[differ].tolist(), b[differ].tolist())
        if len(parent) == n_roots - 1:
            return None
        joined = each
        for node in parent:
            joined[node] = _find(parent, node)
        root = joined[root]
    roots = (root == np.arange(len(root))).nonzero()[0]
    number: Ints = roots.searchsorted(root)
    return number


def _joined(a: list[int], b: list[int]) -> dict[int, int]:
    """Join the trees of pairs of roots: the smaller root is the other's parent."""
    parent: dict[int, int] = {}
    for one, other in zip(a, b, strict=True):
        one, other = _find(parent, one), _find(parent, other)
        if one < other:
            parent[other] = one
        elif other < one:
            parent[one] = other
    return parent


def _find(parent: dict[int, int], node: int) -> int:
    """The root of a node; the way up is shortened for the next time."""
    while (up := parent.get(node)) is not None:
        above = parent.get(up)
        if above is None:
            return up
        parent[node] = node = above
    return node


def _pack_runs(number: Ints, row: Ints, left: Ints, right: Ints, gap: int) -> Regions:
    """Pack all regions at once from the ends of their runs."""
    order = number.argsort(kind="stable")
    number, row, left, right = number[order], row[order], left[order], right[order]
    opens = number.searchsorted(np.arange(number[-1] + 1))
    bbox = np.empty((len(opens), 4), np.int64)
    bbox[:, 0] = row[opens]
    bbox[:, 1] = np.minimum.reduceat(left, opens)
    bbox[:, 2] = np.maximum.reduceat(row, opens) + 1
    bbox[:, 3] = np.maximum.reduceat(right, opens)
    width = bbox[:, 3] - bbox[:, 1]
    size = (bbox[:, 2] - bbox[:, 0]) * width + 7 >> 3
    start = np.cumsum(size + gap) - size
    total = int(start[-1] + size[-1])
    # A bit is set after every beginning of a run and no longer after its end.
    base = start * 8 - bbox[:, 0] * width - bbox[:, 1]
    base = base[number] + row * width[number]
    words = _marks(base + left, total) ^ _marks(base + right, total)
    for step in (1, 2, 4, 8, 16, 32):
        words ^= words >> np.uint64(step)
    # The last bit of a word goes on through the next.
    odd = np.bitwise_xor.accumulate(words & _ONE)
    words[1:] ^= np.uint64(0) - odd[:-1]
    return Regions(words.astype(">u8").view(np.uint8)[:total], start, bbox)


def _marks(position: Ints, n_bytes: int) -> npt.NDArray[np.uint64]:
    """Set the bits at some positions, all different."""
    words = np.zeros((n_bytes >> 3) + 1, np.uint64)
    np.add.at(words, position >> 6, _ONE << (~position & 63).astype(np.uint64))
    return words


def _many_regions(
    labels: npt.NDArray[np.integer], n_regions: int, minr: int, minc: int, gap: int
) -> Regions:
    """Pack every region at once from the list of set pixels, grouped by label.

    Within a label the pixels stay in row order, so a region's rows are the first and the last
    of its group, and its bits come out in ascending order: bits of one byte are neighbours,
    and their sum is the byte.
    """
    flat = np.flatnonzero(labels)
    label_of = labels.reshape(-1)[flat].astype(np.int64) - 1
    order = np.argsort(label_of, kind="stable")
    flat, label_of = flat[order], label_of[order]
    row, col = np.divmod(flat, labels.shape[1])
    first = np.searchsorted(label_of, np.arange(n_regions))
    last = np.append(first[1:], len(flat)) - 1
    bbox = np.empty((n_regions, 4), np.int64)
    bbox[:, 0] = row[first]
    bbox[:, 1] = np.minimum.reduceat(col, first)
    bbox[:, 2] = row[last] + 1
    bbox[:, 3] = np.maximum.reduceat(col, first) + 1
    width = bbox[:, 3] - bbox[:, 1]
    size = ((bbox[:, 2] - bbox[:, 0]) * width + 7) // 8
    start = np.cumsum(size + gap) - size
    bit = (row - bbox[label_of, 0]) * width[label_of] + (col - bbox[label_of, 1])
    byte = start[label_of] + (bit >> 3)
    opens = np.flatnonzero(np.diff(byte, prepend=-1))
    data = np.zeros(int(start[-1] + size[-1]), np.uint8)
    data[byte[opens]] = np.add.reduceat(np.uint8(128) >> (bit & 7).astype(np.uint8), opens)
    bbox += (minr, minc, minr, minc)
    return Regions(data, start, bbox)
