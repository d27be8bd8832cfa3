"""Which entries of two sides are in the same groups."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from iidindex.catalog.lookup import members_of
from iidindex.query.pixels.segments import Ints, Segments


class Membership(NamedTuple):
    """Rows of segments and ids of their groups, by row and group; 0 for a row without any."""

    row: Ints
    group: Ints

    def of(self, chosen: npt.NDArray[np.bool_]) -> Membership:
        """Those of some rows alone."""
        kept = chosen[self.row]
        return Membership(self.row[kept], self.group[kept])


def memberships(connection: Connection, segments: Segments) -> Membership:
    """The groups that segments are in, which are in the order of ids."""
    found = members_of(connection, segments.file_id, segments.id)
    row = np.searchsorted(segments.id, found[:, 0])
    is_here = row < len(segments)
    is_here[is_here] = segments.id[row[is_here]] == found[is_here, 0]
    row, group = row[is_here], found[is_here, 1]
    alone = np.setdiff1d(np.arange(len(segments)), row)
    row = np.concatenate([row, alone])
    group = np.concatenate([group, np.zeros(len(alone), np.int64)])
    order = np.lexsort((group, row))
    return Membership(row[order], group[order])


def pairs_in_groups(
    a: Ints, b: Ints, of_a: Membership, of_b: Membership
) -> tuple[Ints, Ints, Ints]:
    """Pairs of rows once for each group that both rows are in.

    Parameters
    ----------
    a, b : ndarray of int64, shape (m,)
    of_a, of_b : Membership

    Returns
    -------
    pair, a, b : ndarray of int64, shape (k,)
        Positions among the pairs, and in either membership.
    """
    begin = np.searchsorted(of_a.row, a)
    times = np.searchsorted(of_a.row, a, side="right") - begin
    pair = np.repeat(np.arange(len(a)), times)
    member = np.arange(len(pair)) - np.repeat(np.cumsum(times) - times, times) + begin[pair]
    n = 1 + int(max(of_a.group.max(initial=0), of_b.group.max(initial=0)))
    codes = of_b.row * n + of_b.group
    wanted = b[pair] * n + of_a.group[member]
    other = np.searchsorted(codes, wanted)
    is_there = other < len(codes)
    is_there[is_there] = codes[other[is_there]] == wanted[is_there]
    return pair[is_there], member[is_there], other[is_there]
