"""From entries to where each individual begins and ends: columns in, columns out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

# Spans that may wait to be united with those that are kept.
_WAITING = 1 << 20
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Spans:
    """What individuals come to, each from the first of its files to the last.

    Attributes
    ----------
    group : ndarray of int64, shape (n,)
        Whose span it is; sorted, each once.
    first, last : ndarray of int64, shape (n,)
        Places of files in their order.
    first_box, last_box : ndarray of int64, shape (n, 4)
        The box around all of its entries in the first file, and in the last.
    files, entries : ndarray of int64, shape (n,)
        How many there are.
    gaps : ndarray of int64, shape (n,)
        Files that lack it. They are counted once a span is complete.
    area_min, area_sum, area_max : ndarray of int64, shape (n,)
        Of the entries, in pixels.
    """

    group: Ints
    first: Ints
    last: Ints
    first_box: Ints
    last_box: Ints
    files: Ints
    entries: Ints
    gaps: Ints
    area_min: Ints
    area_sum: Ints
    area_max: Ints

    @classmethod
    def of_entries(cls, group: Ints, place: Ints, box: Ints, area: Ints) -> Self:
        """The spans of some entries; all entries of a group in a file must be among them.

        Parameters
        ----------
        group, place, area : ndarray of int64, shape (n,)
        box : ndarray of int64, shape (n, 4)
        """
        order = _by_group(group, place)
        group, place, box, area = group[order], place[order], box[order], area[order]
        is_new = np.append(True, (group[1:] != group[:-1]) | (place[1:] != place[:-1]))[
            : len(group)
        ]
        low, opens = area, np.flatnonzero(is_new)
        high = area
        entries = np.diff(opens, append=len(group))
        if len(opens) < len(group):
            # Several entries in a file are one appearance.
            corners = np.minimum.reduceat(box[:, :2], opens), np.maximum.reduceat(box[:, 2:], opens)
            box = np.concatenate(corners, axis=1)
            low, high = np.minimum.reduceat(area, opens), np.maximum.reduceat(area, opens)
            area = np.add.reduceat(area, opens)
            group, place = group[opens], place[opens]
        begins = np.flatnonzero(np.append(True, group[1:] != group[:-1])[: len(group)])
        ends = np.append(begins[1:], len(group))[: len(begins)] - 1
        return cls(
            group=group[begins],
            first=place[begins],
            last=place[ends],
            first_box=box[begins],
            last_box=box[ends],
            files=ends - begins + 1,
            entries=_reduced(np.add, entries, begins),
            gaps=np.zeros(len(begins), np.int64),
            area_min=_reduced(np.minimum, low, begins),
            area_sum=_reduced(np.add, area, begins),
            area_max=_reduced(np.maximum, high, begins),
        )

    def __len__(self) -> int:
        return len(self.group)

    def take(self, rows: Ints | npt.NDArray[np.bool_]) -> Self:
        """Some of them."""
        return type(self)(*(column[rows] for column in self._columns()))

    def _columns(self) -> Sequence[Ints]:
        return [getattr(self, field.name) for field in fields(self)]

    @classmethod
    def united(cls, parts: Sequence[Self]) -> Self:
        """The spans of several parts, those of a group together; no file is in two of them."""
        both = cls(
            *(
                np.concatenate(columns)
                for columns in zip(*(p._columns() for p in parts), strict=True)
            )
        )
        by_first = np.lexsort((both.first, both.group))
        group = both.group[by_first]
        begins = np.flatnonzero(np.append(True, group[1:] != group[:-1])[: len(group)])
        if len(begins) == len(group):
            return both.take(by_first)
        # Of those that are first in their groups, and of those that are last.
        first = by_first[begins]
        by_last = np.lexsort((both.last, both.group))
        last = by_last[np.append(begins[1:], len(group)) - 1]
        return cls(
            group=both.group[first],
            first=both.first[first],
            last=both.last[last],
            first_box=both.first_box[first],
            last_box=both.last_box[last],
            files=_reduced(np.add, both.files[by_first], begins),
            entries=_reduced(np.add, both.entries[by_first], begins),
            gaps=_reduced(np.add, both.gaps[by_first], begins),
            area_min=_reduced(np.minimum, both.area_min[by_first], begins),
            area_sum=_reduced(np.add, both.area_sum[by_first], begins),
            area_max=_reduced(np.maximum, both.area_max[by_first], begins),
        )


def united(parts: Iterable[Spans]) -> Spans | None:
    """Unite spans as they come; None, if none do.

    In memory are those of each group, and some more that wait.
    """
    kept: list[Spans] = []
    waiting = 0
    for part in parts:
        kept.append(part)
        waiting += len(part)
        if waiting > _WAITING + len(kept[0]):
            kept, waiting = [Spans.united(kept)], 0
    return Spans.united(kept) if kept else None


def _by_group(group: Ints, place: Ints) -> Ints:
    """Positions by group, then by place; in whichever order where both are equal."""
    n_places = int(place.max(initial=0)) + 1
    if int(group.max(initial=0)) < _LARGEST // n_places:
        # To sort single numbers takes a third of the time.
        return np.argsort(group * n_places + place)
    return np.lexsort((place, group))


def _reduced(function: np.ufunc, values: Ints, begins: Ints) -> Ints:
    # Of nothing, NumPy reduces nothing.
    return function.reduceat(values, begins) if len(begins) else values
