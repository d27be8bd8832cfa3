"""Boxes and areas of masks, from their run lengths alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


def extents(counts: Sequence[Ints], height: int) -> tuple[Ints, Ints]:
    """Tight boxes and areas of masks of one frame.

    Parameters
    ----------
    counts : sequence of ndarray of int64
        Run lengths of each, down the columns of the frame, background first.
    height : int
        Rows of the frame.

    Returns
    -------
    bbox : ndarray of int64, shape (n, 4)
        ``(minr, minc, maxr, maxc)``, half-open, pixels; zeros for a mask without pixels.
    area : ndarray of int64, shape (n,)

    Examples
    --------
    >>> extents([np.array([5, 2, 3]), np.array([10])], height=5)
    (array([[0, 1, 2, 2],
           [0, 0, 0, 0]]), array([2, 0]))
    """
    n_runs = np.array([len(one) for one in counts], np.int64)
    bbox, area = np.zeros((len(counts), 4), np.int64), np.zeros(len(counts), np.int64)
    if not n_runs.sum() or not height:
        return bbox, area
    every = np.concatenate(counts)
    first = np.cumsum(n_runs) - n_runs
    ends = np.cumsum(every)
    before = np.append(0, ends)[first]
    ends -= np.repeat(before, n_runs)
    place = np.arange(len(every)) - np.repeat(first, n_runs)
    inside = np.flatnonzero((place % 2 == 1) & (every > 0))
    if not len(inside):
        return bbox, area
    owner = np.repeat(np.arange(len(counts)), n_runs)[inside]
    last, begin = ends[inside] - 1, ends[inside] - every[inside]
    left, right = begin // height, last // height
    # A run that goes on in the next column reaches the frame's edges.
    crosses = left != right
    top = np.where(crosses, 0, begin - left * height)
    bottom = np.where(crosses, height, last - right * height + 1)
    opens = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
    which = owner[opens]
    bbox[which, 0] = np.minimum.reduceat(top, opens)
    bbox[which, 1] = left[opens]
    bbox[which, 2] = np.maximum.reduceat(bottom, opens)
    bbox[which, 3] = right[np.append(opens[1:], len(right)) - 1] + 1
    area[which] = np.add.reduceat(every[inside], opens)
    return bbox, area
