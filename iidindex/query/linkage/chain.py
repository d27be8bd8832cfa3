"""How two IIDs are linked: the shortest way from one to the other, through files."""

from __future__ import annotations

from itertools import zip_longest

import numpy as np
from sqlalchemy import Connection

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.dialect import Text
from iidindex.catalog.lookup import (
    FILES_OF_IIDS,
    IIDS_OF_FILES,
    Ids,
    blocks,
    iid_ids,
    iids_of,
    numbers,
    ok_files,
    places_of,
)
from iidindex.errors import QueryError
from iidindex.model import IID, check_bytes
from iidindex.query.answers.located import Located, located

# Ids in one parameter.
_IDS_AT_A_TIME = 10_000

# Whether a file that is there has an IID.
_IS_SEEN = Text(
    "SELECT 1 FROM entries e {then} files f ON f.id = e.file_id "
    "WHERE e.iid_id = ? AND f.state = 'ok' LIMIT 1"
)


class FileStep(str, Located):
    """The path of a file on a chain; its ``location`` is where it can be opened."""


def chain(
    catalog: Catalog, a: tuple[bytes | None, bytes], b: tuple[bytes | None, bytes]
) -> list[IID | FileStep] | None:
    """The shortest chain of files, each of which shares an IID with the next.

    The search goes from both ends at once. What it holds are arrays, some 16 bytes for each
    IID or file that it came to.

    Parameters
    ----------
    catalog : Catalog
    a, b : IID or (bytes or None, bytes)
        Domain and address; None or ``b""`` stands for no domain.

    Returns
    -------
    list of IID and FileStep, or None
        `a`, the path of a file that has it, an IID of that file, a path, …, `b`; only `a`, if
        they are the same. None, if nothing links them, or one is in no file. Of several chains
        it is always the same one.

    Raises
    ------
    QueryError
        If `a` or `b` is something else.
    """
    ends = _as_iid(a, "a"), _as_iid(b, "b")
    with catalog.reading() as connection:
        found = [_id_of(connection, end) for end in ends]
        if None in found:
            return None
        if ends[0] == ends[1]:
            return [ends[0]]
        sides = [_Side(np.array([end], np.int64)) for end in found]
        nodes = _search(connection, *sides)
        if nodes is None:
            return None
        iids = iids_of(connection, nodes[::2])
        steps = [
            located(FileStep(path), place) for path, place in places_of(connection, nodes[1::2])
        ]
    links = zip_longest(iids, steps)
    return [node for link in links for node in link if node is not None]


class _Side:
    """What can be reached from one end: IIDs, the files that have them, the IIDs of those, ….

    A neighbour of a level is in the level before it or in the one after it, never in another:
    otherwise there were a shorter way to one of the two.
    """

    def __init__(self, end: Ids) -> None:
        self.levels = [end]
        # For each node the one of the level before that it was reached from.
        self.parents = [end]

    @property
    def last(self) -> Ids:
        """Ids of the newest level, sorted."""
        return self.levels[-1]

    @property
    def is_at_files(self) -> bool:
        """Whether these are ids of files, not of IIDs."""
        return len(self.levels) % 2 == 0

    def expand(self, connection: Connection) -> None:
        """Go one level on."""
        statement = IIDS_OF_FILES if self.is_at_files else FILES_OF_IIDS
        nodes, parents = np.empty(0, np.int64), np.empty(0, np.int64)
        for start in range(0, len(self.last), _IDS_AT_A_TIME):
            ids = self.last[start : start + _IDS_AT_A_TIME]
            for block in blocks(connection, statement, ids):
                # Of several parents, the first, which is the one of the least id.
                all_nodes = np.concatenate([nodes, block[:, 1]])
                all_parents = np.concatenate([parents, block[:, 2]])
                nodes, first = np.unique(all_nodes, return_index=True)
                parents = all_parents[first]
        keep = np.ones(len(nodes), np.bool_)
        if len(self.levels) > 1:
            keep = np.isin(nodes, self.levels[-2], assume_unique=True, invert=True)
        if not self.is_at_files:
            keep &= np.isin(nodes, _ok_among(connection, nodes[keep]), assume_unique=True)
        self.levels.append(nodes[keep])
        self.parents.append(parents[keep])

    def way_back(self, node: int) -> list[int]:
        """From a node of the newest level to the end where this began."""
        way = [node]
        for ids, parents in zip(self.levels[:0:-1], self.parents[:0:-1], strict=True):
            way.append(int(parents[np.searchsorted(ids, way[-1])]))
        return way


def _search(connection: Connection, one: _Side, other: _Side) -> Ids | None:
    """Ids of the nodes of a shortest way: of IIDs and files by turns."""
    while len(one.last) and len(other.last):
        min(one, other, key=lambda side: len(side.last)).expand(connection)
        if one.is_at_files is other.is_at_files:
            # Before, no node had been reached from both; so those of now are on newest levels.
            common = np.intersect1d(one.last, other.last, assume_unique=True)
            if len(common):
                node = int(common[0])
                return np.array(one.way_back(node)[::-1] + other.way_back(node)[1:], np.int64)
    return None


def _ok_among(connection: Connection, file_ids: Ids) -> Ids:
    parts = [
        ok_files(connection, file_ids[start : start + _IDS_AT_A_TIME])[:, 0]
        for start in range(0, len(file_ids), _IDS_AT_A_TIME)
    ]
    return np.concatenate([np.empty(0, np.int64), *parts])


def _as_iid(value: object, name: str) -> IID:
    if not isinstance(value, tuple) or len(value) != 2:
        raise QueryError(f"{name} must be an IID or (domain, address), not {value!r}")
    domain, address = value
    if domain is not None:
        check_bytes(domain, f"the domain of {name}")
    check_bytes(address, f"the address of {name}")
    return IID(domain, address)


def _id_of(connection: Connection, iid: IID) -> int | None:
    """The id of an IID that is in a file; None, if it is in none."""
    for (id_,) in iid_ids(connection, iid.address, iid.domain or b"").reshape(-1, 1).tolist():
        if len(numbers(connection, _IS_SEEN, id_)):
            return int(id_)
    return None
