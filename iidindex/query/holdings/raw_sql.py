"""Answers to questions that people put in SQL."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import TypeAlias

from sqlalchemy import Connection

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.statement import run
from iidindex.catalog.views import VIEWS
from iidindex.errors import QueryError

Value: TypeAlias = str | int | float | bytes | None

_ROWS = 1024

# How a database says that a table has no such column, with the table's name before it or not.
_NO_COLUMN = re.compile(r"no such column: (?:\w+\.)*(?P<name>\w+)")


def ask(
    catalog: Catalog, statement: str, parameters: Mapping[str, Value] | None = None
) -> Iterator[dict[str, Value]]:
    """Run a statement that reads, and stream its rows.

    Parameters
    ----------
    catalog : Catalog
    statement : str
        One statement in SQLite's SQL, over the tables and the views of the catalogue.
    parameters : mapping of str to str, int, float, bytes or None, optional
        What ``:name`` in the statement stands for.

    Returns
    -------
    iterator of dict
        The values of a row by the names of its columns.

    Raises
    ------
    QueryError
        If the statement is not valid, would change something, needs other parameters, or has
        two columns of one name.
    """
    if not isinstance(statement, str):
        raise QueryError(f"statement must be text, not {type(statement).__name__}")
    if not isinstance(parameters, (Mapping, type(None))):
        raise QueryError(f"parameters must be a mapping of names to values, not {parameters!r}")
    values = dict(parameters or {})
    for name, value in values.items():
        if not isinstance(value, (str, int, float, bytes, type(None))):
            raise QueryError(f"parameter {name} must be text, a number, bytes or None: {value!r}")
    catalog.check_open()
    rows = _rows(catalog, statement, values)
    # What is wrong with a statement shows before its first row.
    first = next(rows, None)
    return chain(() if first is None else [first], rows)


def _rows(catalog: Catalog, statement: str, values: dict[str, Value]) -> Iterator[dict[str, Value]]:
    with catalog.reading_sql() as connection:
        try:
            yield from _asked(connection, statement, values)
        except Exception as error:
            said = catalog.store.what_sql_said(error)
            if said is None:
                raise
            raise QueryError(f"{said}{_views_with(catalog, said)}") from None


def _views_with(catalog: Catalog, said: str) -> str:
    """Which views have a column that a statement looked for elsewhere."""
    unknown = _NO_COLUMN.search(said)
    if unknown is None:
        return ""
    having = []
    with catalog.reading_sql() as connection:
        for view in VIEWS:
            columns = run(connection, f"SELECT * FROM {view} LIMIT 0", []).description  # noqa: S608
            if unknown["name"].lower() in [column[0] for column in columns]:
                having.append(view)
    return f"; it is in the view{'s' if len(having) > 1 else ''} {', '.join(having)}" * bool(having)


def _asked(
    connection: Connection, statement: str, values: dict[str, Value]
) -> Iterator[dict[str, Value]]:
    cursor = run(connection, statement, values)
    names = [column[0] for column in cursor.description or ()]
    for name in names:
        if names.count(name) > 1:
            raise QueryError(f"two columns are called {name}; name them apart with AS")
    while rows := cursor.fetchmany(_ROWS):
        for row in rows:
            yield dict(zip(names, row, strict=True))
