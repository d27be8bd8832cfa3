"""What lies around an IID or a file: files and IIDs, by turns, a bounded number of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sqlalchemy import Connection

from iidindex.catalog.lookup import (
    FILES_OF_IIDS,
    IIDS_OF_FILES,
    Ids,
    blocks,
    ok_files,
)

# Ids in one parameter.
_IDS_AT_A_TIME = 10_000


class Nodes(NamedTuple):
    """Ids of files or of IIDs, ascending, and how many links away each is."""

    id: Ids
    depth: Ids

    def with_more(self, ids: Ids, depth: int) -> Nodes:
        """These and others, which are not among them."""
        every = np.concatenate([self.id, ids])
        depths = np.concatenate([self.depth, np.full(len(ids), depth)])
        order = np.argsort(every)
        return Nodes(every[order], depths[order])


class Neighbourhood(NamedTuple):
    """Files and IIDs near some of them.

    ``pairs`` has a row (IID, file) for each entry that links two of them. ``left_out`` is how
    many nodes more there were, of those that are as near as the farthest of these.
    """

    iids: Nodes
    files: Nodes
    pairs: Ids
    left_out: int


def neighbourhood(
    connection: Connection,
    iids: Ids,
    files: Ids,
    depth: int,
    limit: int,
    counted: tuple[bool, bool] = (True, True),
) -> Neighbourhood:
    """Go from IIDs or files to their neighbours, level by level.

    Parameters
    ----------
    connection : Connection
    iids, files : ndarray of int64
        Where to begin: one of the two is empty.
    depth : int
        Levels.
    limit : int
        Of nodes. Where a level is too large, those with the most links stay.
    counted : (bool, bool)
        Whether the limit is one of IIDs, and one of files.
    """
    begin = iids if len(iids) else files
    at_files = not len(iids)
    level = begin[:limit] if counted[at_files] else begin
    left_out = len(begin) - len(level)
    empty = np.empty(0, np.int64)
    known = [Nodes(empty, empty), Nodes(empty, empty)]
    known[at_files] = known[at_files].with_more(np.sort(level), 0)
    for away in range(1, depth + 1):
        room = limit - sum(len(nodes.id) for nodes, n in zip(known, counted, strict=True) if n)
        if not len(level) or left_out:
            break
        found, weight = _neighbours(connection, level, at_files)
        at_files = not at_files
        is_new = ~np.isin(found, known[at_files].id)
        found, weight = found[is_new], weight[is_new]
        chosen = np.lexsort((found, -weight))
        if counted[at_files]:
            chosen = chosen[:room]
        left_out = len(found) - len(chosen)
        level = np.sort(found[chosen])
        known[at_files] = known[at_files].with_more(level, away)
    pairs = _pairs(connection, known[0], known[1])
    return Neighbourhood(known[0], known[1], pairs, left_out)


def _neighbours(connection: Connection, ids: Ids, at_files: bool) -> tuple[Ids, Ids]:
    """IIDs of files, or files of IIDs, that are there; and by how many entries they are linked."""
    nodes, count = np.empty(0, np.int64), np.empty(0, np.int64)
    for start in range(0, len(ids), _IDS_AT_A_TIME):
        part = ids[start : start + _IDS_AT_A_TIME]
        for block in blocks(connection, IIDS_OF_FILES if at_files else FILES_OF_IIDS, part):
            nodes, inverse = np.unique(np.concatenate([nodes, block[:, 1]]), return_inverse=True)
            weight = np.concatenate([count, np.ones(len(block), np.int64)])
            count = np.bincount(inverse, weight, len(nodes)).astype(np.int64)
    if not at_files:
        kept = np.isin(nodes, ok_files(connection, nodes)[:, 0])
        nodes, count = nodes[kept], count[kept]
    return nodes, count


def _pairs(connection: Connection, iids: Nodes, files: Nodes) -> Ids:
    """A row (IID, file) for each entry of these files that has one of these IIDs."""
    found = (
        block[np.isin(block[:, 1], iids.id)][:, 1:]
        for block in blocks(connection, IIDS_OF_FILES, files.id)
    )
    return np.concatenate([np.empty((0, 2), np.int64), *found])
