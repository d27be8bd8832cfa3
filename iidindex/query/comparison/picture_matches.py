"""Which entries of some pictures match, and how many do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from iidindex.masks.matching import holding_several, ious, matched
from iidindex.query.comparison.shared_groups import Membership, memberships, pairs_in_groups
from iidindex.query.overlaps.between import Laid, Pictures
from iidindex.query.pixels.segments import Ints

Floats = npt.NDArray[np.float64]
Listed: TypeAlias = Literal["only_a", "only_b", "split", "merged"]

# What is counted of a picture, in this order.
COUNTS = ("matched", "only_a", "only_b", "split", "merged")


@dataclass(frozen=True, slots=True)
class Scores:
    """What was counted of some pictures.

    Attributes
    ----------
    picture : ndarray of int64, shape (n,)
        Their numbers.
    counts : ndarray of int64, shape (n, 5)
        By the names of ``COUNTS``.
    iou_sum : ndarray of float64, shape (n,)
        Over the matches.
    """

    picture: Ints
    counts: Ints
    iou_sum: Floats

    def __len__(self) -> int:
        return len(self.picture)

    def take(self, rows: Ints) -> Scores:
        """Some of them."""
        return Scores(self.picture[rows], self.counts[rows], self.iou_sum[rows])

    @classmethod
    def joined(cls, parts: Sequence[Scores]) -> Scores:
        """Several, one behind the other."""
        nothing = cls(np.empty(0, np.int64), np.empty((0, len(COUNTS)), np.int64), np.empty(0))
        parts = [nothing, *parts]
        return cls(
            np.concatenate([part.picture for part in parts]),
            np.concatenate([part.counts for part in parts]),
            np.concatenate([part.iou_sum for part in parts]),
        )

    @property
    def mean_iou(self) -> Floats:
        """Of the matches; NaN, where there is none."""
        return _ratio(self.iou_sum, self.counts[:, 0])

    @property
    def panoptic(self) -> Floats:
        """Panoptic quality, as in `TotalAgreement`; NaN, where there is nothing."""
        return _ratio(self.iou_sum, self.counts[:, 0] + self.counts[:, 1:3].sum(axis=1) / 2)


def _ratio(part: Floats, whole: npt.NDArray[Any]) -> Floats:
    nothing: Floats = np.full(len(whole), np.nan)
    found: Floats = np.divide(part, whole, where=whole > 0, out=nothing)
    return found


class Met:
    """What meets in some pictures, and which of it is a match."""

    def __init__(self, laid: Laid, pictures: Pictures, least: float) -> None:
        self._laid, self._least = laid, least
        self._first, self._n = laid.pictures.start, len(laid.pictures)
        pairs, some = laid.pairs, slice(laid.pictures.start, laid.pictures.stop)
        self._iou = ious(pairs.pixels, laid.a.area[pairs.a], laid.b.area[pairs.b])
        self._matches = matched(pairs.a, pairs.b, self._iou, least)
        self._split = holding_several(pairs.a, pairs.pixels, laid.b.area[pairs.b])
        self._merged = holding_several(pairs.b, pairs.pixels, laid.a.area[pairs.a])
        # Of a picture of which a file could not be read, nothing is known.
        self._is_read = ~(
            np.isin(pictures.a[some], pairs.unread) | np.isin(pictures.b[some], pairs.unread)
        )

    def _count(self, picture: Ints, weights: Floats | None = None) -> npt.NDArray[Any]:
        return np.bincount(picture - self._first, weights, self._n)

    def scores(self) -> Scores:
        """Counts of each picture that could be read."""
        laid, matches = self._laid, self._matches
        where = laid.a_picture[laid.pairs.a[matches]]
        n_matched = self._count(where)
        counts = (
            n_matched,
            self._count(laid.a_picture) - n_matched,
            self._count(laid.b_picture) - n_matched,
            self._count(laid.a_picture[self._split]),
            self._count(laid.b_picture[self._merged]),
        )
        every = Scores(
            np.arange(self._first, self._first + self._n),
            np.column_stack(counts),
            self._count(where, self._iou[matches]),
        )
        return every if self._is_read.all() else every.take(np.flatnonzero(self._is_read))

    def ids(self, which: Listed) -> Ints:
        """Entries, picture by picture, by key."""
        side, picture = (
            (self._laid.a, self._laid.a_picture)
            if which in ("only_a", "split")
            else (self._laid.b, self._laid.b_picture)
        )
        if which in ("split", "merged"):
            rows = self._split if which == "split" else self._merged
        else:
            is_alone = self._is_read[picture - self._first]
            pairs = self._laid.pairs
            is_alone[(pairs.a if which == "only_a" else pairs.b)[self._matches]] = False
            rows = np.flatnonzero(is_alone)
        return side.id[rows[np.argsort(picture[rows], kind="stable")]]

    def matches(self) -> tuple[Ints, Ints, Ints]:
        """Ids of either side and shared pixels, picture by picture, by the key of A."""
        laid, pairs = self._laid, self._laid.pairs.among(self._is_match())
        order = np.lexsort((pairs.a, laid.a_picture[pairs.a]))
        return laid.a.id[pairs.a[order]], laid.b.id[pairs.b[order]], pairs.pixels[order]

    def _is_match(self) -> npt.NDArray[np.bool_]:
        found = np.zeros(len(self._iou), np.bool_)
        found[self._matches] = True
        return found

    def add_groups(self, connection: Connection, counts: Ints, iou_sum: Floats) -> None:
        """Match anew within each group, and add up.

        Parameters
        ----------
        connection : Connection
        counts : ndarray of int64, shape (4, n)
            Pictures, matched, only in A and only in B, by group.
        iou_sum : ndarray of float64, shape (n,)
        """
        laid, n_groups = self._laid, len(iou_sum)
        is_read_a = self._is_read[laid.a_picture - self._first]
        is_read_b = self._is_read[laid.b_picture - self._first]
        of_a = memberships(connection, laid.a).of(is_read_a)
        of_b = memberships(connection, laid.b).of(is_read_b)
        pair, a, b = pairs_in_groups(laid.pairs.a, laid.pairs.b, of_a, of_b)
        matches = matched(a, b, self._iou[pair], self._least)
        group = of_a.group[a[matches]]
        n_matched = np.bincount(group, minlength=n_groups)
        counts[0] += self._pictures_of(of_a, of_b, n_groups)
        counts[1] += n_matched
        counts[2] += np.bincount(of_a.group, minlength=n_groups) - n_matched
        counts[3] += np.bincount(of_b.group, minlength=n_groups) - n_matched
        iou_sum += np.bincount(group, self._iou[pair[matches]], n_groups)

    def _pictures_of(self, of_a: Membership, of_b: Membership, n_groups: int) -> Ints:
        """In how many pictures each group is."""
        laid = self._laid
        places = (
            picture[members.row] * n_groups + members.group
            for picture, members in ((laid.a_picture, of_a), (laid.b_picture, of_b))
        )
        found: Ints = np.bincount(
            np.unique(np.concatenate([*places])) % n_groups, minlength=n_groups
        )
        return found
