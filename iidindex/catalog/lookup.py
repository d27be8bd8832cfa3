"""From ids to what they stand for, and back; many at a time, as one parameter."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from iidindex.catalog.dialect import Text, dialect_of, marked
from iidindex.catalog.schema import name_of
from iidindex.catalog.statement import Cursor, read_rows, run
from iidindex.model import IID
from iidindex.storage.places import location_of

Ids: TypeAlias = npt.NDArray[np.int64]

# Rows of a large answer that are held at a time.
BLOCK = 1 << 20
# From so many entries on, their groups are read by `many_numbers`.
_MANY = 100_000

# From each id to its rows, and the rows in the order of the ids.
FILES_OF_IIDS = Text(
    "SELECT {nth}, e.file_id, {value} FROM {rows} {then} entries e ON e.iid_id = {value}",
    in_order="{nth}, e.file_id",
)
IIDS_OF_FILES = Text(
    "SELECT {nth}, e.iid_id, {value} FROM {rows} {then} files f ON f.id = {value} "
    "{then} entries e ON {e_of_f}",
    in_order="{nth}, e.id",
)
_OK_FILES = Text(
    "SELECT f.id, f.n_entries FROM {rows} {then} files f ON f.id = {value} WHERE f.state = 'ok'",
    in_order="{nth}",
)
_IIDS = Text(
    "SELECT i.domain, i.address FROM {rows} {then} iids i ON i.id = {value} ORDER BY {nth}"
)
_PLACES = Text(
    "SELECT f.path, roots.location, roots.name FROM {rows} {then} files f ON f.id = {value} "
    "{then} roots ON roots.id = f.root_id ORDER BY {nth}"
)
# From a file to its groups to their members, in a range of ids.
_MEMBERS = Text(
    "SELECT m.entry_id, g.group_id FROM {rows} {then} file_groups g ON g.file_id = {values[0]} "
    "{then} entry_groups m ON m.group_id = g.group_id "
    "AND m.entry_id BETWEEN {values[1]} AND {values[2]}",
    width=3,
)
_GROUP_NAMES = Text("SELECT g.name FROM {rows} {then} groups g ON g.id = {value} ORDER BY {nth}")


def blocks(connection: Connection, statement: Text | str, *parameters: object) -> Iterator[Ids]:
    """Rows of integers, as arrays of so many rows that they stay small."""
    values, width = _values(connection, statement, parameters, streams=True)
    while True:
        block = np.fromiter(islice(values, BLOCK * width), np.int64).reshape(-1, width)
        if not len(block):
            return
        yield block


def numbers(connection: Connection, statement: Text | str, *parameters: object) -> Ids:
    """All rows of a statement that selects integers, as one array of two dimensions."""
    values, width = _values(connection, statement, parameters)
    return np.fromiter(values, np.int64).reshape(-1, width)


def many_numbers(
    connection: Connection, statement: Text | str, width: int, *parameters: object
) -> Ids:
    """As `numbers`, of so many integers a row: quicker for hundreds of thousands, slower for few.

    Null is told as 0.
    """
    return read_rows(connection, _text_of(connection, statement), parameters, width)


def _values(
    connection: Connection,
    statement: Text | str,
    parameters: tuple[object, ...],
    *,
    streams: bool = False,
) -> tuple[Iterator[int], int]:
    """Row after row, and how many values each has."""
    cursor = run(connection, _text_of(connection, statement), parameters, streams=streams)
    return chain.from_iterable(cursor), len(cursor.description)


def asked(
    connection: Connection, statement: Text | str, parameters: Sequence[object] = ()
) -> Cursor:
    """Run a statement of ours, which has ``?`` as marks; an array is one parameter."""
    return run(connection, _text_of(connection, statement), parameters)


def _text_of(connection: Connection, statement: Text | str) -> str:
    dialect = dialect_of(connection)
    return statement.of(dialect) if isinstance(statement, Text) else marked(statement, dialect)


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
    return numbers(connection, _OK_FILES, file_ids)


def iids_of(connection: Connection, ids: Ids) -> list[IID]:
    """What IIDs are, in the order of their ids."""
    return [IID(*row) for row in asked(connection, _IIDS, [ids])]


def places_of(connection: Connection, file_ids: Ids) -> list[tuple[str, str]]:
    """Paths of files inside their roots, and where they lie, in the order of their ids."""
    rows = asked(connection, _PLACES, [file_ids])
    named = ((os.fsdecode(path), os.fsdecode(root)) for path, root, _ in rows)
    return [(path, location_of(root, path)) for path, root in named]


def roots_and_paths(connection: Connection, file_ids: Ids) -> list[tuple[str, bytes]]:
    """Names of the roots of files, and paths inside them as bytes, in the order of their ids."""
    rows = asked(connection, _PLACES, [file_ids])
    return [(name, os.fsencode(path)) for path, _, name in rows]


def group_names(connection: Connection, ids: Ids) -> list[str]:
    """Names of groups, in the order of their ids."""
    return [name_of(row[0]) for row in asked(connection, _GROUP_NAMES, [ids])]


def members_of(connection: Connection, file_ids: Ids, ids: Ids) -> Ids:
    """Rows of an entry and a group it is in, of entries by their files and ids.

    Others of the same files, between the first and the last of these, may be among them.
    """
    if not len(ids):
        return np.empty((0, 2), np.int64)
    order = np.lexsort((ids, file_ids))
    file_ids, ids = file_ids[order], ids[order]
    first = np.flatnonzero(np.diff(file_ids, prepend=-1))
    last = np.append(first[1:], len(ids)) - 1
    spans = np.column_stack([file_ids[first], ids[first], ids[last]])
    if len(ids) < _MANY:
        return numbers(connection, _MEMBERS, spans)
    return many_numbers(connection, _MEMBERS, 2, spans)


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


def iid_order(iid: IID) -> tuple[bytes, bytes]:
    """Sorted by domain, then by address; no domain comes first."""
    return iid.domain or b"", iid.address
