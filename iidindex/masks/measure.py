"""Questions about placed masks: overlap, union, IoU, containment."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from iidindex.masks.boxes import BoxIndex
from iidindex.masks.regions import Bool2D, Regions, paint
from iidindex.masks.split import split
from iidindex.masks.windows import count_common, count_inside
from iidindex.model import BBox

Ints = npt.NDArray[np.int64]


class Overlap(NamedTuple):
    """How two masks share pixels.

    ``pixels`` is how many lie in both, ``union`` how many in either; ``iou`` is their ratio.
    ``a_in_b`` is the fraction of the first mask that lies in the second, ``b_in_a`` the
    reverse. Fractions of nothing are 0.
    """

    pixels: int
    union: int
    iou: float
    a_in_b: float
    b_in_a: float


def hull(regions: Regions) -> BBox:
    """The smallest box around all regions; ``BBox(0, 0, 0, 0)`` around none."""
    if not len(regions):
        return BBox(0, 0, 0, 0)
    low, high = regions.bbox[:, :2].min(axis=0), regions.bbox[:, 2:].max(axis=0)
    return BBox(*low.tolist(), *high.tolist())


def areas(regions: Regions) -> Ints:
    """Count the set pixels of each region: int64, shape (k,)."""
    return count_inside(regions, np.arange(len(regions)), regions.bbox)


def any_in(regions: Regions, box: BBox) -> npt.NDArray[np.bool_]:
    """Whether each region has a pixel inside `box`: bool, shape (k,). Nothing is unpacked."""
    boxes = np.broadcast_to(np.array(box, np.int64), (len(regions), 4))
    return count_inside(regions, np.arange(len(regions)), boxes) > 0


def place(mask: Bool2D, minr: int = 0, minc: int = 0) -> Regions:
    """Pack a mask whose first pixel lies at row `minr`, column `minc` of the image.

    Examples
    --------
    >>> import numpy as np
    >>> square = place(np.ones((4, 4), bool))
    >>> overlap(square, place(np.ones((4, 4), bool), 2, 0)).pixels
    8
    """
    return split(mask, minr, minc)[0]


def overlap(a: Regions, b: Regions) -> Overlap:
    """Compare two placed masks.

    Parameters
    ----------
    a, b : Regions
        The regions of one mask each. Regions of one mask must not share pixels; those of
        `split` and `disjoint` never do.

    Returns
    -------
    Overlap
        ``iou`` is the Jaccard index, intersection over union.

    References
    ----------
    P. Jaccard, "The distribution of the flora in the alpine zone", New Phytologist 11 (1912).
    """
    both = BoxIndex(np.concatenate([a.bbox, b.bbox]))
    pixels = 0
    for i, j in both.pairs():
        across = (i < len(a)) & (j >= len(a))
        pixels += int(count_common(a, b, i[across], j[across] - len(a)).sum())
    of_a, of_b = int(areas(a).sum()), int(areas(b).sum())
    return overlap_of(pixels, of_a, of_b)


def overlap_of(pixels: int, area_a: int, area_b: int) -> Overlap:
    """Derive all figures from the shared pixels and the two areas.

    An area that is smaller than what is shared, as a careless file may state it, counts as
    that much.
    """
    area_a, area_b = max(area_a, pixels), max(area_b, pixels)
    either = area_a + area_b - pixels

    def part(whole: int) -> float:
        return pixels / whole if whole else 0.0

    return Overlap(pixels, either, part(either), part(area_a), part(area_b))


def union(a: Regions, b: Regions) -> tuple[BBox, Bool2D]:
    """Join two placed masks.

    Returns
    -------
    bbox : BBox
        The smallest box around both.
    mask : ndarray of bool, shape (bbox.height, bbox.width)
    """
    full = [side for side in (a, b) if len(side)]
    if not full:
        return BBox(0, 0, 0, 0), np.zeros((0, 0), np.bool_)
    box = hull(full[0]) | hull(full[-1])
    mask = paint(full[0], box)
    mask |= paint(full[-1], box)
    return box, mask
