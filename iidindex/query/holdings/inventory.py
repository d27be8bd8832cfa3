"""The IIDs and the groups of an archive, and how often each is met."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.lookup import asked, group_names, numbers
from iidindex.files.arguments import check_number
from iidindex.model import IID, check_bytes
from iidindex.query.question.filter_kinds import end_of_prefix

# Rows fetched at a time.
_ROWS = 1000

# The members of each group in each file are a range of a primary key.
_MEMBERS = (
    "SELECT g.group_id, (SELECT count(*) FROM entry_groups m WHERE m.group_id = g.group_id "
    "AND m.entry_id BETWEEN f.first_entry_id AND f.first_entry_id + f.n_entries - 1) "
    "FROM files f CROSS JOIN file_groups g ON g.file_id = f.id WHERE f.state = 'ok'"
)


class IIDCount(NamedTuple):
    """An IID, in how many files it is, and how many entries have it."""

    iid: IID
    files: int
    entries: int


class GroupCount(NamedTuple):
    """The name of a group, in how many files it has members, and how many they are."""

    name: str
    files: int
    entries: int


def iids(
    catalog: Catalog,
    *,
    prefix: bytes | None = None,
    domain: bytes | None = None,
    limit: int | None = None,
) -> Callable[[], Iterator[IIDCount]]:
    """Ask for the IIDs that are in files.

    Parameters
    ----------
    catalog : Catalog
    prefix : bytes, optional
        What the address begins with.
    domain : bytes, optional
        ``b""`` stands for none given; without it, of any domain.
    limit : int, optional
        How many at the most.

    Returns
    -------
    callable
        Asks, and gives them one after the other: by address, then by domain, none first.

    Notes
    -----
    It takes a row of an index for every entry of the IIDs that are read, and no memory for them.
    """
    conditions, parameters = ["f.state = 'ok'"], list[object]()
    if prefix is not None:
        check_bytes(prefix, "prefix")
        conditions.append("i.address >= ?")
        parameters.append(prefix)
        end = end_of_prefix(prefix)
        if end is not None:
            conditions.append("i.address < ?")
            parameters.append(end)
    if domain is not None:
        check_bytes(domain, "domain")
        conditions.append("i.domain = ?")
        parameters.append(domain)
    number = check_number(limit, "limit")
    # In the order of the index on addresses, so that a limit ends it early.
    statement = (
        "SELECT i.domain, i.address, count(DISTINCT e.file_id), count(*) FROM iids i "  # noqa: S608
        "CROSS JOIN entries e ON e.iid_id = i.id CROSS JOIN files f ON f.id = e.file_id "
        f"WHERE {' AND '.join(conditions)} "
        "GROUP BY i.address, i.domain ORDER BY i.address, i.domain LIMIT ?"
    )
    parameters.append(-1 if number is None else number)
    return partial(_counted, catalog, statement, parameters)


def _counted(catalog: Catalog, statement: str, parameters: list[object]) -> Iterator[IIDCount]:
    with catalog.reading() as connection:
        cursor = asked(connection, statement, parameters)
        while rows := cursor.fetchmany(_ROWS):
            for domain, address, files, entries in rows:
                yield IIDCount(IID(domain, address), files, entries)


def groups(catalog: Catalog) -> list[GroupCount]:
    """Groups that have members in files, by name."""
    with catalog.reading() as connection:
        rows = numbers(connection, _MEMBERS)
        ids, nth = np.unique(rows[:, 0], return_inverse=True)
        files = np.bincount(nth, rows[:, 1] > 0).astype(np.int64)
        entries = np.bincount(nth, rows[:, 1]).astype(np.int64)
        names = group_names(connection, ids)
        found = zip(names, files.tolist(), entries.tolist(), strict=True)
        return sorted(GroupCount(*row) for row in found if row[2])
