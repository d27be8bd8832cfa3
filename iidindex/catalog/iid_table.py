"""A hash table in arrays: the ids of hundreds of thousands of IIDs, found many at a time.

Open addressing with linear probing, all rows a step at a time: what a dictionary does for one
key after the other, without an object for any of them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from iidindex.iidwords import MAX_WORDS, Words

Ints = npt.NDArray[np.int64]
_FREE = -1
_LEAST = 1 << 12


class IIDTable:
    """Ids by IID, an IID being a row of words.

    Examples
    --------
    >>> table = IIDTable()
    >>> rows = np.array([[1, 7], [1, 8]], np.uint64)
    >>> table.add(rows, np.array([10, 11]))
    >>> table.find(np.array([[1, 8], [1, 9]], np.uint64)).tolist()
    [11, -1]
    """

    def __init__(self) -> None:
        self._factors = _factors()
        self.clear()

    def __len__(self) -> int:
        return self._size

    def clear(self) -> None:
        """Forget all."""
        self._size = 0
        self._words = np.empty((0, 1), np.uint64)
        self._ids = np.empty(0, np.int64)
        self._slots = np.full(_LEAST, _FREE, np.int32)

    def find(self, words: Words) -> Ints:
        """The ids of IIDs; -1 for those that are not there.

        Parameters
        ----------
        words : ndarray of uint64, shape (n, k)

        Returns
        -------
        ndarray of int64, shape (n,)
        """
        found = np.full(len(words), -1, np.int64)
        slots, mask = self._slots, len(self._slots) - 1
        waiting = np.arange(len(words))
        slot = _slots_of(words, self._factors, len(slots))
        while len(waiting):
            held = slots[slot]
            taken = held != _FREE
            waiting, slot, held = waiting[taken], slot[taken], held[taken]
            same = _equal(self._words[held], words[waiting])
            found[waiting[same]] = self._ids[held[same]]
            waiting, slot = waiting[~same], (slot[~same] + 1) & mask
        return found

    def add(self, words: Words, ids: Ints) -> None:
        """Take in IIDs that are not there yet, each once.

        Parameters
        ----------
        words : ndarray of uint64, shape (n, k)
        ids : ndarray of int64, shape (n,)
        """
        old, size = self._size, self._size + len(words)
        self._make_room(size, words.shape[1])
        self._words[old:size, : words.shape[1]] = words
        self._ids[old:size] = ids
        self._size = size
        if size * 2 > len(self._slots):
            self._slots = np.full(_n_slots(size), _FREE, np.int32)
            old = 0
        self._place(np.arange(old, size, dtype=np.int32))

    def _place(self, rows: npt.NDArray[np.int32]) -> None:
        """Give each row the first slot that is free from where it belongs."""
        slots, mask = self._slots, len(self._slots) - 1
        slot = _slots_of(self._words[rows], self._factors, len(slots))
        while len(rows):
            free = slots[slot] == _FREE
            slots[slot[free]] = rows[free]  # one of those that want the same slot has it
            placed = slots[slot] == rows
            rows, slot = rows[~placed], (slot[~placed] + 1) & mask

    def _make_room(self, size: int, width: int) -> None:
        room, wide = self._words.shape
        if size > room or width > wide:
            room, wide = max(room, 1 << (size - 1).bit_length()), max(wide, width)
            words = np.zeros((room, wide), np.uint64)
            words[: self._size, : self._words.shape[1]] = self._words[: self._size]
            ids = np.empty(room, np.int64)
            ids[: self._size] = self._ids[: self._size]
            self._words, self._ids = words, ids


def first_of_each(words: Words) -> tuple[Ints, Ints]:
    """The first row of each different IID, ascending, and for every row its place among those.

    Parameters
    ----------
    words : ndarray of uint64, shape (n, k)

    Returns
    -------
    first : ndarray of int64, shape (m,)
    which : ndarray of int64, shape (n,)
        ``words[first[which]]`` equals ``words``.
    """
    n = len(words)
    slots = np.full(_n_slots(n), _FREE, np.int32)
    first_of = np.empty(n, np.int64)
    rows = np.arange(n, dtype=np.int32)
    slot = _slots_of(words, _factors(), len(slots))
    while len(rows):
        free = slots[slot] == _FREE
        # Equal rows want the same slots all along; written backwards, the first of them has it.
        slots[slot[free][::-1]] = rows[free][::-1]
        held = slots[slot]
        same = _equal(words[held], words[rows])
        first_of[rows[same]] = held[same]
        rows, slot = rows[~same], (slot[~same] + 1) & (len(slots) - 1)
    is_first = first_of == np.arange(n)
    return np.flatnonzero(is_first), (np.cumsum(is_first) - 1)[first_of]


def _factors() -> Words:
    """Odd numbers, drawn anew, so that nobody can make up IIDs that all fall together."""
    drawn = np.random.default_rng().integers(0, 1 << 63, MAX_WORDS, np.uint64, endpoint=True)
    return drawn << np.uint64(1) | np.uint64(1)


def _n_slots(n: int) -> int:
    """A power of two, and at least twice as many."""
    return max(_LEAST, 1 << (2 * n).bit_length())


def _slots_of(words: Words, factors: Words, n_slots: int) -> Ints:
    mixed = words[:, 0] * factors[0]
    for column in range(1, words.shape[1]):
        mixed += words[:, column] * factors[column]
    # The high bits depend on all bits of all words.
    slot: Ints = (mixed >> np.uint64(65 - n_slots.bit_length())).astype(np.int64)
    return slot


def _equal(some: Words, others: Words) -> npt.NDArray[np.bool_]:
    # Where one side is narrower, the first word tells that the other's further words are
    # padding: it holds the lengths.
    same: npt.NDArray[np.bool_] = some[:, 0] == others[:, 0]
    for column in range(1, min(some.shape[1], others.shape[1])):
        same &= some[:, column] == others[:, column]
    return same
