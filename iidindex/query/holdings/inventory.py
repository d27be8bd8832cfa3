"""The IIDs and the groups of an archive, and how often each is met."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    distinct,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.dialect import Text
from iidindex.catalog.lookup import group_names, numbers
from iidindex.catalog.schema import entries, files
from iidindex.catalog.schema import iids as iid_table
from iidindex.catalog.statement import Ordered, Statement
from iidindex.errors import QueryError
from iidindex.files.arguments import check_number, is_positive, read_order
from iidindex.model import IID
from iidindex.query.question.asked import Filters
from iidindex.query.question.compile import Way, candidates, from_files
from iidindex.query.question.conditions import of_files, of_iids
from iidindex.query.question.filter_kinds import MAX_INTEGER
from iidindex.query.question.shape import Shape, shape_of, values_of

ORDERS = ("address", "domain", "files", "entries")

# Rows fetched at a time.
_ROWS = 1000
# Of files that hold less than one in so many of all entries, IIDs are sorted.
_SMALL_PART = 8

# The members of each group in each file are a range of a primary key.
_MEMBERS = Text(
    "SELECT g.group_id, (SELECT count(*) FROM entry_groups m WHERE m.group_id = g.group_id "
    "AND m.entry_id BETWEEN f.first_entry_id AND f.first_entry_id + f.n_entries - 1) "
    "FROM files f {then} file_groups g ON g.file_id = f.id WHERE f.state = 'ok'"
)


class IIDCount(NamedTuple):
    """An IID, the number of files that it is in, and the number of its entries."""

    iid: IID
    files: int
    entries: int


class GroupCount(NamedTuple):
    """The name of a group, and the numbers of its files and of its entries."""

    name: str
    files: int
    entries: int


def iids(
    catalog: Catalog,
    filters: Filters,
    *,
    min_files: int = 1,
    order_by: str | Iterable[str] = (),
    limit: int | None = None,
    after: IIDCount | None = None,
) -> Callable[[], Iterator[IIDCount]]:
    """Ask for the IIDs that are in files.

    Parameters
    ----------
    catalog : Catalog
    filters : Filters
        Of files and of IIDs.
    min_files : int
        Only those that are in so many files.
    order_by : str or iterable of str
        Names of ``ORDERS``, with a ``-`` before it to begin with the largest.
    limit : int, optional
        The largest number of rows.
    after : IIDCount, optional
        Only those that come later in their order.

    Returns
    -------
    callable
        Asks, and gives them one after the other: in that order, and then by address and domain,
        none first.

    Notes
    -----
    It takes a row of an index for every entry of the IIDs that are read, and no memory for them,
    unless they have an order of their own, or are those of a small part of the files.
    """
    if not is_positive(min_files):
        raise QueryError(f"min_files is {min_files!r}; expected at least 1")
    number = check_number(limit, "limit")
    criteria = read_order(order_by, ORDERS)
    values: dict[str, Any] = {
        "limit": MAX_INTEGER if number is None else number,
        "min_files": int(min_files),
    }
    if after is not None:
        told = {
            "domain": after.iid.domain or b"",
            "address": after.iid.address,
            "files": after.files,
            "entries": after.entries,
        }
        values |= {f"after_{name}": value for name, value in told.items()}
    return partial(_counted, catalog, filters, criteria, values)


def _counted(
    catalog: Catalog, filters: Filters, criteria: tuple[str, ...], others: dict[str, Any]
) -> Iterator[IIDCount]:
    shape, values = shape_of(filters), values_of(filters) | others
    with catalog.reading() as connection:
        is_small = bool(shape.of("files")) and _are_few(connection, shape, values)
        statement = Statement(
            _counting(shape, criteria, is_small, others["min_files"] > 1, "after_address" in others)
        )
        with closing(statement.parts(connection, values, _ROWS)) as parts:
            for rows in parts:
                for domain, address, *counts in rows:
                    yield IIDCount(IID(domain, address), *counts)


def _are_few(connection: Connection, shape: Shape, values: dict[str, Any]) -> bool:
    """Whether the files that fit hold so few entries that their IIDs are quicker to sort."""
    few, every = (
        candidates(shape, way).run(connection, values).fetchone()[0]
        for way in (Way.FILES, Way.SCAN)
    )
    return bool(few * _SMALL_PART < every)


def _counting(
    shape: Shape,
    criteria: tuple[str, ...],
    is_small: bool,
    has_least: bool,
    has_after: bool = False,
) -> Select[Any]:
    """From IIDs, in the order of their index, so that a limit ends it early; or from files."""
    columns: dict[str, ColumnElement[Any]] = {
        "domain": iid_table.c.domain,
        "address": iid_table.c.address,
        "files": func.count(distinct(entries.c.file_id)),
        "entries": func.count(),
    }
    source = Ordered(iid_table, entries, entries.c.iid_id == iid_table.c.id)
    source = Ordered(source, files, files.c.id == entries.c.file_id)
    if is_small:
        source = Ordered(from_files(), iid_table, iid_table.c.id == entries.c.iid_id)
    statement: Select[Any] = (
        select(*(column.label(f"its_{name}") for name, column in columns.items()))
        .select_from(source)
        .where(*of_files(shape), *of_iids(shape, False))
        .group_by(iid_table.c.address, iid_table.c.domain)
    )
    if has_least:
        statement = statement.having(columns["files"] >= bindparam("min_files"))
    if has_after:
        later = _later(columns, (*criteria, "address", "domain"))
        # Without counts among them, the index over addresses leads to where it goes on.
        statement = statement.having(later) if criteria else statement.where(later)
    for name in criteria:
        column: ColumnElement[Any] = literal_column(f"its_{name.removeprefix('-')}")
        statement = statement.order_by(column.desc() if name.startswith("-") else column)
    ends = (iid_table.c.address, iid_table.c.domain)
    return statement.order_by(*ends).limit(bindparam("limit"))


def _later(
    columns: Mapping[str, ColumnElement[Any]], criteria: Sequence[str]
) -> ColumnElement[bool]:
    """Whether an IID comes after the one whose values are called ``after_…``."""
    if len(criteria) == 2:
        own = tuple_(*(columns[name] for name in criteria))
        return own > tuple_(*(bindparam(f"after_{name}") for name in criteria))
    same: list[ColumnElement[bool]] = []
    found: list[ColumnElement[bool]] = []
    for criterion in criteria:
        name = criterion.removeprefix("-")
        column = columns[name]
        value: ColumnElement[Any] = bindparam(f"after_{name}")
        found.append(and_(*same, column < value if criterion != name else column > value))
        same.append(column == value)
    return or_(*found)


def groups(catalog: Catalog) -> list[GroupCount]:
    """Groups that have members in files, by name."""
    with catalog.reading() as connection:
        rows = numbers(connection, _MEMBERS)
        ids, nth = np.unique(rows[:, 0], return_inverse=True)
        n_files = np.bincount(nth, rows[:, 1] > 0).astype(np.int64)
        n_entries = np.bincount(nth, rows[:, 1]).astype(np.int64)
        names = group_names(connection, ids)
        found = zip(names, n_files.tolist(), n_entries.tolist(), strict=True)
        return sorted(GroupCount(*row) for row in found if row[2])
