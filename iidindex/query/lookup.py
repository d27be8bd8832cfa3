"""From ids to what they stand for, and back; many at a time, as one JSON parameter."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from iidindex.catalog.statement import run
from iidindex.errors import QueryError
from iidindex.files.arguments import one_integer
from iidindex.model import IID

Ids: TypeAlias = npt.NDArray[np.int64]

# Rows of a large answer that are held at a time.
BLOCK = 1 << 20

# CROSS JOIN keeps SQLite to this order: from each id to its rows, and the rows in the order of
# the ids. Left to itself, it may read all rows and look each up among the ids.
FILES_OF_IIDS = (
    "SELECT j.key, e.file_id, j.value FROM json_each(?) j "
    "CROSS JOIN entries e ON e.iid_id = j.value"
)
IIDS_OF_FILES = (
    "SELECT j.key, e.iid_id, j.value FROM json_each(?) j CROSS JOIN files f ON f.id = j.value "
    "CROSS JOIN entries e "
    "ON e.id BETWEEN f.first_entry_id AND f.first_entry_id + f.n_entries - 1"
)
_OK_FILES = (
    "SELECT f.id, f.n_entries FROM json_each(?) j CROSS JOIN files f ON f.id = j.value "
    "WHERE f.state = 'ok'"
)
_IIDS = (
    "SELECT i.domain, i.address FROM json_each(?) j CROSS JOIN iids i ON i.id = j.value "
    "ORDER BY j.key"
)
_PLACES = (
    "SELECT f.path, roots.location FROM json_each(?) j CROSS JOIN files f ON f.id = j.value "
    "CROSS JOIN roots ON roots.id = f.root_id ORDER BY j.key"
)


def blocks(connection: Connection, statement: str, *parameters: object) -> Iterator[Ids]:
    """Rows of integers, as arrays of so many rows that they stay small."""
    values, width = _values(connection, statement, parameters)
    while True:
        block = np.fromiter(islice(values, BLOCK * width), np.int64).reshape(-1, width)
        if not len(block):
            return
        yield block


def numbers(connection: Connection, statement: str, *parameters: object) -> Ids:
    """All rows of a statement that selects integers, as one array of two dimensions."""
    values, width = _values(connection, statement, parameters)
    return np.fromiter(values, np.int64).reshape(-1, width)


def _values(
    connection: Connection, statement: str, parameters: tuple[object, ...]
) -> tuple[Iterator[int], int]:
    """Row after row, and how many values each has."""
    cursor = run(connection, statement, parameters)
    return chain.from_iterable(cursor), len(cursor.description)


def as_json(ids: Ids) -> str:
    """Ids as the parameter of ``json_each``."""
    return json.dumps(ids.tolist())


def iid_ids(connection: Connection, address: bytes, domain: bytes | None) -> Ids:
    """Ids of the IIDs of an address: in any domain, if it is None; ``b""`` stands for none."""
    statement, parameters = "SELECT id FROM iids WHERE address = ?", (address,)
    if domain is None:
        return numbers(connection, statement, *parameters)[:, 0]
    return numbers(connection, f"{statement} AND domain = ?", *parameters, domain)[:, 0]


def distinct(parts: Iterable[Ids]) -> Ids:
    """Ids that come in several arrays, each once, sorted."""
    found = np.empty(0, np.int64)
    for part in parts:
        found = np.union1d(found, part)
    return found


def ok_files(connection: Connection, file_ids: Ids) -> Ids:
    """Which of the files are there, in their order: rows of id and number of entries."""
    return numbers(connection, _OK_FILES, as_json(file_ids))


def iids_of(connection: Connection, ids: Ids) -> list[IID]:
    """What IIDs are, in the order of their ids."""
    return [IID(*row) for row in connection.exec_driver_sql(_IIDS, (as_json(ids),))]


def places_of(connection: Connection, file_ids: Ids) -> list[tuple[str, str]]:
    """Paths of files inside their roots, and where they lie, in the order of their ids."""
    rows = connection.exec_driver_sql(_PLACES, (as_json(file_ids),))
    named = ((os.fsdecode(path), os.fsdecode(root)) for path, root in rows)
    return [(path, os.path.join(root, path)) for path, root in named]


def check_number(value: object, name: str) -> int | None:
    """How many of an answer are wanted; None stands for all.

    Raises
    ------
    QueryError
        If it is no integer, or below zero.
    """
    if value is None:
        return None
    number = one_integer(value, name)  # type: ignore[arg-type]
    if not 0 <= number < 2**63:
        raise QueryError(f"{name} is {number}; expected 0 … {2**63 - 1}")
    return number


def leading(keys: list[npt.NDArray[np.float64]] | list[Ids], number: int | None) -> Ids:
    """Positions by one key after the other, the largest first.

    Parameters
    ----------
    keys : list of ndarray, shape (n,)
        The most important first.
    number : int, optional
        How many are wanted. All that tie with the last of them are in the answer, for the
        caller to choose among.
    """
    order = np.lexsort([-key for key in reversed(keys)])
    if number is None or number >= len(order):
        return order
    if not number:
        return order[:0]
    rest = order[number:]
    ties = np.logical_and.reduce([key[rest] == key[order[number - 1]] for key in keys])
    return order[: number + int(np.count_nonzero(ties))]
