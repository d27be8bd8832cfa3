"""Long lists of whole numbers in little memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


class NumberList:
    """Whole numbers from 0 on, in an order, of which any part can be taken.

    Stretches that count up by one are kept as their beginnings, in integers no wider than it
    takes; numbers of no order are kept as they are.

    Parameters
    ----------
    numbers : ndarray of int64, shape (n,)

    Examples
    --------
    >>> import numpy as np
    >>> numbers = NumberList(np.array([7, 8, 9, 3, 4]))
    >>> len(numbers), numbers.take(1, 4).tolist()
    (5, [8, 9, 3])
    """

    __slots__ = ("_first", "_place", "_size")

    def __init__(self, numbers: Ints) -> None:
        begins = np.append(True, np.diff(numbers) != 1)[: len(numbers)]
        places = np.flatnonzero(begins)
        self._size = len(numbers)
        self._first = _narrowed(numbers[places])
        self._place: npt.NDArray[np.unsignedinteger] | None = _narrowed(places)
        # The beginnings take two numbers each.
        if 2 * len(places) > len(numbers):
            self._first, self._place = _narrowed(numbers), None

    def __len__(self) -> int:
        return self._size

    def take(self, low: int, high: int) -> Ints:
        """Those from one place to another, half-open."""
        if self._place is None:
            return self._first[low:high].astype(np.int64)
        # Of another type, all places would be converted to look for one.
        wanted = np.arange(low, high).astype(self._place.dtype)
        nth = np.searchsorted(self._place, wanted, side="right") - 1
        first, place = self._first[nth].astype(np.int64), self._place[nth].astype(np.int64)
        found: Ints = first + (np.arange(low, high) - place)
        return found


def _narrowed(numbers: Ints) -> npt.NDArray[np.unsignedinteger]:
    most = int(numbers.max()) if len(numbers) else 0
    return numbers.astype(np.min_scalar_type(most))
