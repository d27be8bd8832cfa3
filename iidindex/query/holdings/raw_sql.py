"""Answers to questions that people put in SQL."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.statement import Cursor, run
from iidindex.catalog.views import VIEWS
from iidindex.errors import QueryError
from iidindex.query.answers.records import Tabular
from iidindex.rows import Column, Kind, Type

if TYPE_CHECKING:
    import pyarrow

Value: TypeAlias = str | int | float | bytes | None

_ROWS = 1024

# How a database says that a table has no such column, with the table's name before it or not.
_NO_COLUMN = re.compile(
    r"no such column: (?:\w+\.)*(?P<name>\w+)|column \"?(?:\w+\.)*(?P<other>\w+)\"? does not exist"
)


class SQLRows(Tabular, Iterator[dict[str, Value]]):
    """An iterator of the rows of a statement, which are fetched while it is read.

    It can be read once.

    The methods that return all rows at once return those that are left. Values are those of SQL:
    bytes stay bytes, also in `to_dicts`. Columns have the types of their values.
    """

    def __init__(self, names: Sequence[str], rows: Generator[dict[str, Value], None, None]) -> None:
        self._names = names
        self._rows = rows

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> dict[str, Value]:
        return next(self._rows)

    def close(self) -> None:
        """Stop fetching."""
        self._rows.close()

    def _kind_of_rows(self) -> Kind:
        # Which types they are of turns out when they are fetched.
        columns = (Column(name, Type.TEXT, itemgetter(name), True) for name in self._names)
        return Kind("sql", tuple(columns))

    def _batches(self, kind: Kind) -> Iterator[pyarrow.RecordBatch]:
        return iter(self._table(kind).to_batches())

    def to_arrow(self, fields: Sequence[str] | None = None) -> pyarrow.Table:
        """The rows as an Arrow table.

        Parameters
        ----------
        fields : sequence of str, optional
            As in `to_dicts`.

        Raises
        ------
        QueryError
            If there is no such column, a column has values of several types, or pyarrow is not
            installed.
        """
        return self._table(self._kind_of_rows().select(fields))

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The rows as an Arrow stream; all are fetched first, for their types."""
        capsule: object = self._table(self._kind_of_rows()).__arrow_c_stream__(requested_schema)
        return capsule

    def _table(self, kind: Kind) -> pyarrow.Table:
        from iidindex.query.answers.arrow import table_of_values

        return table_of_values(kind.names, list(self))


def ask(catalog: Catalog, statement: str, parameters: Mapping[str, Value] | None = None) -> SQLRows:
    """Run a statement that reads, and stream its rows.

    Parameters
    ----------
    catalog : Catalog
    statement : str
        One statement in the SQL of the database, over the tables and the views of the catalogue.
    parameters : mapping of str to str, int, float, bytes or None, optional
        What ``:name`` in the statement stands for. Scalars of NumPy are taken, too.

    Returns
    -------
    SQLRows
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
        told = f"not {type(parameters).__name__}: {parameters!r:.200}"
        raise QueryError(f"parameters must be a mapping of names to values, {told}")
    values = {name: _plain(name, value) for name, value in (parameters or {}).items()}
    catalog.check_open()
    rows = _rows(catalog, statement, values)
    # What is wrong with a statement shows before its first row.
    first = next(rows)
    return SQLRows(list(first), _after(next(rows, None), rows))


def _plain(name: object, value: Any) -> Value:
    if not isinstance(name, str):
        raise QueryError(f"a name in parameters must be text, not {type(name).__name__}: {name!r}")
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, (str, int, float, bytes, type(None))):
        raise QueryError(
            f"parameter {name} must be text, a number, bytes or None, not "
            f"{type(value).__name__}: {value!r:.200}"
        )
    return value


def _after(
    first: dict[str, Value] | None, rows: Generator[dict[str, Value], None, None]
) -> Generator[dict[str, Value], None, None]:
    if first is not None:
        yield first
    yield from rows


def _rows(
    catalog: Catalog, statement: str, values: dict[str, Value]
) -> Generator[dict[str, Value], None, None]:
    """A row that has but the names of the columns, and then the rows."""
    with catalog.reading_sql() as connection:
        try:
            yield from _asked(catalog.store.run_sql(connection, statement, values))
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
    having, name = [], unknown["name"] or unknown["other"]
    with catalog.reading_sql() as connection:
        for view in VIEWS:
            columns = run(connection, f"SELECT * FROM {view} LIMIT 0", []).description  # noqa: S608
            if name.lower() in [column[0] for column in columns]:
                having.append(view)
    return f"; it is in the view{'s' if len(having) > 1 else ''} {', '.join(having)}" * bool(having)


def _asked(cursor: Cursor) -> Iterator[dict[str, Value]]:
    try:
        names = [column[0] for column in cursor.description or ()]
        for name in names:
            if names.count(name) > 1:
                raise QueryError(
                    f"two columns are called {name}; give them different names with AS"
                )
        yield dict.fromkeys(names)
        while rows := cursor.fetchmany(_ROWS):
            for row in rows:
                yield dict(zip(names, row, strict=True))
    finally:
        # Whoever does not read to the end may come here after the database was closed.
        with suppress(Exception):
            cursor.close()
