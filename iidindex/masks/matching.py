"""Which masks of two sides are the same: matched one to one, and what was split or merged."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def ious(pixels: Ints, area_a: Ints, area_b: Ints) -> Floats:
    """Pixels in both over pixels in either, of pairs of masks: the Jaccard index.

    Parameters
    ----------
    pixels : ndarray of int64, shape (m,)
        Shared by each pair, at least 1.
    area_a, area_b : ndarray of int64, shape (m,)
        Of the masks of each pair. One that is smaller than what is shared, as a careless file may
        state it, counts as that much.

    Returns
    -------
    ndarray of float64, shape (m,)

    References
    ----------
    P. Jaccard, "The distribution of the flora in the alpine zone", New Phytologist 11 (1912).
    """
    either = np.maximum(area_a, pixels) + np.maximum(area_b, pixels) - pixels
    found: Floats = pixels / either
    return found


def matched(a: Ints, b: Ints, iou: Floats, least: float) -> Ints:
    """Match masks one to one, greedily from the best pair down.

    The pair with the highest IoU is a match; then the highest among pairs of masks that are both
    still without one, and so on. Of equal pairs, that with the lower `a` comes first, then that
    with the lower `b`.

    Parameters
    ----------
    a, b : ndarray of int64, shape (m,)
        Pairs that share pixels, as numbers of masks on either side, from 0. Those of many pictures
        may be among them, if none have a number in common.
    iou : ndarray of float64, shape (m,)
    least : float
        No pair with less is a match.

    Returns
    -------
    ndarray of int64, shape (k,)
        Positions of the matches among the pairs, ascending.

    Notes
    -----
    In each round, all pairs are taken that are the best of both their masks, which are just those
    that would be taken one by one. Of masks that share no pixel with others of their own side, at
    most one can have an IoU above one half with another mask (Kirillov et al., "Panoptic
    Segmentation", CVPR 2019, section 4.1), so that there are two rounds at the most.

    Examples
    --------
    >>> import numpy as np
    >>> a, b = np.array([0, 0, 1]), np.array([0, 1, 1])
    >>> matched(a, b, np.array([0.6, 0.8, 0.7]), 0.5)
    array([1])
    """
    left = np.flatnonzero(iou >= least)
    left = left[np.lexsort((b[left], a[left], -iou[left]))]
    first_a, first_b = (np.empty(int(side.max(initial=-1)) + 1, np.int64) for side in (a, b))
    is_taken_a, is_taken_b = (np.zeros(len(first), np.bool_) for first in (first_a, first_b))
    rounds = [left[:0]]
    while len(left):
        ours, theirs, nth = a[left], b[left], np.arange(len(left))
        # Of several places written to one mask the last one stays: here, the best pair.
        first_a[ours[::-1]] = nth[::-1]
        first_b[theirs[::-1]] = nth[::-1]
        best = (first_a[ours] == nth) & (first_b[theirs] == nth)
        rounds.append(left[best])
        is_taken_a[ours[best]] = True
        is_taken_b[theirs[best]] = True
        left = left[~(is_taken_a[ours] | is_taken_b[theirs])]
    return np.sort(np.concatenate(rounds))


def holding_several(holder: Ints, pixels: Ints, area: Ints) -> Ints:
    """Masks that hold at least half of each of two or more masks of the other side.

    Parameters
    ----------
    holder : ndarray of int64, shape (m,)
        Of each pair that shares pixels, the mask that may hold the other.
    pixels, area : ndarray of int64, shape (m,)
        What the pair shares, and the area of the other.

    Returns
    -------
    ndarray of int64, shape (k,)
        Their numbers, ascending, each once.
    """
    held, times = np.unique(holder[2 * pixels >= np.maximum(area, pixels)], return_counts=True)
    several: Ints = held[times > 1]
    return several


class Quality(NamedTuple):
    """How well B matches A, the truth; None, where a figure would be of nothing."""

    precision: float | None
    recall: float | None
    f1: float | None
    sq: float | None
    rq: float | None
    pq: float | None


def quality(n_matched: int, only_a: int, only_b: int, iou_sum: float) -> Quality:
    """Figures of how B matches A, the truth.

    Parameters
    ----------
    n_matched, only_a, only_b : int
        Matches, and masks without one on either side.
    iou_sum : float
        Over the matches.

    Returns
    -------
    Quality
        Segmentation quality is the mean IoU of the matches, recognition quality the same as F1, and
        panoptic quality their product.

    References
    ----------
    A. Kirillov et al., "Panoptic Segmentation", CVPR 2019, section 4.2.

    Examples
    --------
    >>> quality(3, 1, 0, 2.4)[:3]
    (1.0, 0.75, 0.8571428571428571)
    >>> tuple(quality(0, 1, 0, 0.0))
    (None, 0.0, 0.0, None, 0.0, 0.0)
    """

    def part(value: float, whole: float) -> float | None:
        return value / whole if whole else None

    rq = part(2 * n_matched, 2 * n_matched + only_a + only_b)
    return Quality(
        part(n_matched, n_matched + only_b),
        part(n_matched, n_matched + only_a),
        rq,
        part(iou_sum, n_matched),
        rq,
        part(2 * iou_sum, 2 * n_matched + only_a + only_b),
    )
