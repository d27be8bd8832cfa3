"""Cutting work into portions of bounded size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt


def portions(sizes: npt.NDArray[np.int64], most: int) -> Iterator[slice]:
    """Cut elements into runs that are together no larger than `most`, or are one element.

    Parameters
    ----------
    sizes : ndarray of int64, shape (n,)
        How large each element is; none is negative.
    most : int

    Yields
    ------
    slice
        One behind the other, none of them empty.

    Examples
    --------
    >>> list(portions(np.array([3, 3, 9, 1]), 6))
    [slice(0, 2, None), slice(2, 3, None), slice(3, 4, None)]
    """
    ends = np.cumsum(sizes)
    low, done = 0, 0
    while low < len(ends):
        high = max(low + 1, int(ends.searchsorted(done + most, side="right")))
        yield slice(low, high)
        low, done = high, int(ends[high - 1])
