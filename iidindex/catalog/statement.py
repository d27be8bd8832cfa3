"""Statements that are compiled once, and run with other values each time.

To build a statement of five tables and to find it among those compiled takes SQLAlchemy more
than ten times as long as SQLite takes to answer it for few entries; even one that is kept
takes it more than three times as long to run as the driver.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, MutableMapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Protocol
from weakref import WeakSet

import numpy as np
import numpy.typing as npt
from sqlalchemy import (
    ARRAY,
    BindParameter,
    Boolean,
    ColumnElement,
    Connection,
    CursorResult,
    Join,
    UnaryExpression,
    bindparam,
)
from sqlalchemy.engine import Dialect as SQLDialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ClauseElement, operators
from sqlalchemy.types import NULLTYPE

from iidindex.catalog.dialect import Dialect, dialect_of, marked

# Where the open cursors of a connection are kept.
_OPEN = "iidindex_cursors"
# What is given to the database as one parameter.
_ARRAYS = frozenset((list, np.ndarray))


class _Said(ColumnElement[Any]):
    """An expression that says itself whether it holds: SQLite need not be told to compare it."""

    inherit_cache = False

    def self_group(self, against: Any = None) -> Any:  # noqa: ARG002
        """Itself, which no operator takes apart."""
        return self

    def _negate(self) -> Any:
        return UnaryExpression(self, operator=operators.inv, type_=Boolean())


class Among(_Said):
    """Whether a column has one of the values of a parameter."""

    inherit_cache = False
    type = Boolean()

    def __init__(self, column: ColumnElement[Any], parameter: BindParameter[Any]) -> None:
        self.column = column
        self.parameter = parameter

    @property
    def _from_objects(self) -> Any:
        return self.column._from_objects


@compiles(Among, "sqlite")
def _in_json_array(element: Among, compiler: Any, **options: Any) -> str:
    column = compiler.process(element.column, **options)
    values = compiler.process(element.parameter, **options)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608  (a mark)


@compiles(Among)
def _in_array(element: Among, compiler: Any, **options: Any) -> str:
    column = compiler.process(element.column, **options)
    return f"{column} = ANY ({compiler.process(element.parameter, **options)})"


def is_among(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """The column has one of the values of a parameter, which is a list or an array."""
    return Among(column, bindparam(name, type_=ARRAY(column.type)))


class Worded(_Said):
    """What SQLite says in one way, and other databases in another."""

    inherit_cache = False

    def __init__(
        self, sqlite: ColumnElement[Any], other: ColumnElement[Any], type_: Any = NULLTYPE
    ) -> None:
        self.sqlite = sqlite
        self.other = other
        self.type = type_

    @property
    def _from_objects(self) -> Any:
        return self.sqlite._from_objects


@compiles(Worded, "sqlite")
def _in_sqlite(element: Worded, compiler: Any, **options: Any) -> str:
    return f"({compiler.process(element.sqlite, **options)})"


@compiles(Worded)
def _elsewhere(element: Worded, compiler: Any, **options: Any) -> str:
    return f"({compiler.process(element.other, **options)})"


class Wide(ColumnElement[Any]):
    """An integer of 64 bits, as all are to SQLite, which takes its time to say so."""

    inherit_cache = True

    def __init__(self, column: ColumnElement[int]) -> None:
        self.column = column


@compiles(Wide, "sqlite")
def _as_it_is(element: Wide, compiler: Any, **options: Any) -> str:
    column: str = compiler.process(element.column, **options)
    return column


@compiles(Wide)
def _widened(element: Wide, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(element.column, **options)} AS BIGINT)"


class Ordered(Join):
    """A join whose left side is taken first: SQLite is told so, others keep to it as it stands."""

    inherit_cache = True


@compiles(Ordered, "sqlite")
def _cross_join(element: Ordered, compiler: Any, **options: Any) -> str:
    left, right = (
        compiler.process(side, asfrom=True, from_linter=None, **_without_linter(options))
        for side in (element.left, element.right)
    )
    assert element.onclause is not None
    condition = compiler.process(element.onclause, **_without_linter(options))
    return f"{left} CROSS JOIN {right} ON {condition}"


@compiles(Ordered)
def _join(element: Ordered, compiler: Any, **options: Any) -> str:
    text: str = compiler.visit_join(element, **options)
    return text


def _without_linter(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in ("from_linter", "asfrom")}


class Cursor(Protocol):
    """What a driver answers with (https://peps.python.org/pep-0249/); rows are iterated over."""

    @property
    def description(self) -> Any:
        """Of each column, a tuple that begins with its name."""
        ...

    def execute(self, text: str, values: Any, /) -> object:
        """Run a statement."""
        ...

    def fetchone(self) -> Any:
        """The next row, or None."""
        ...

    def fetchmany(self, size: int, /) -> list[Any]:
        """So many rows at the most."""
        ...

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        ...

    def close(self) -> None:
        """Let go of what is held for it."""
        ...

    def __iter__(self) -> Any: ...


class Compiled(NamedTuple):
    """A statement in a dialect.

    ``names`` are of the values that stand at its marks, and ``constants`` those that are always
    the same. ``readers`` bring values into the form in which the database has them, by name.
    """

    text: str
    names: tuple[str, ...]
    constants: dict[str, Any]
    readers: dict[str, Callable[[Any], Any]]

    def values(self, given: Mapping[str, object]) -> list[Any]:
        """What stands at its marks."""
        every = {**self.constants, **given} if self.constants else given
        if not self.readers:
            return [every[name] for name in self.names]
        readers = self.readers
        return [
            readers[name](every[name]) if name in readers else every[name] for name in self.names
        ]


# SQLAlchemy's dialects with the marks that we use, by name: each takes longer to make than to use.
_WORDS: dict[str, SQLDialect] = {}


def _words(connection: Connection, dialect: Dialect) -> SQLDialect:
    if dialect.name not in _WORDS:
        kind: Callable[..., SQLDialect] = type(connection.dialect)
        _WORDS[dialect.name] = kind(paramstyle=dialect.paramstyle)
    return _WORDS[dialect.name]


class Statement:
    """A statement, compiled for each dialect when it is first run there.

    Parameters
    ----------
    built : ClauseElement
        Its values are ``bindparam`` with names.
    elsewhere : ClauseElement, optional
        What takes its place in other databases than SQLite.
    """

    def __init__(self, built: ClauseElement, elsewhere: ClauseElement | None = None) -> None:
        self._built = built
        self._elsewhere = built if elsewhere is None else elsewhere
        self._compiled: dict[str, Compiled] = {}

    def compiled(self, connection: Connection) -> Compiled:
        """The statement for the database that is connected."""
        dialect = dialect_of(connection)
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = self._compile(connection, dialect)
        return found

    def _compile(self, connection: Connection, dialect: Dialect) -> Compiled:
        words = _words(connection, dialect)
        is_sqlite = words.name == "sqlite"
        compiled: Any = (self._built if is_sqlite else self._elsewhere).compile(dialect=words)
        constants = {
            name: value.value for name, value in compiled.binds.items() if not value.required
        }
        # To SQLite values are given as it has them.
        readers = {} if is_sqlite else dict(compiled._bind_processors)
        return Compiled(str(compiled), tuple(compiled.positiontup or ()), constants, readers)

    def run(self, connection: Connection, values: Mapping[str, object]) -> Cursor:
        """Run it; rows come as the driver gives them, so paths may be text or bytes.

        A list or an array among the values is one parameter.
        """
        compiled = self.compiled(connection)
        return run(connection, compiled.text, compiled.values(values))

    def integers(
        self, connection: Connection, values: Mapping[str, object], width: int
    ) -> npt.NDArray[np.int64]:
        """Run it, and have all its rows of so many integers as an array, quickly if they are many.

        Null is told as 0.
        """
        compiled = self.compiled(connection)
        return read_rows(connection, compiled.text, compiled.values(values), width)

    def parts(
        self,
        connection: Connection,
        values: Mapping[str, object],
        size: int,
        *,
        are_few: bool = False,
    ) -> Generator[list[Sequence[Any]], None, None]:
        """Run it, and have its rows so many at a time; all are held at once if they `are_few`."""
        compiled = self.compiled(connection)
        cursor = run(connection, compiled.text, compiled.values(values), streams=not are_few)
        try:
            while rows := cursor.fetchmany(size):
                yield rows
        finally:
            _close(cursor)

    def explained(
        self, connection: Connection, values: Mapping[str, object]
    ) -> tuple[str, list[str]]:
        """The statement, and the plan that the database makes for it."""
        compiled = self.compiled(connection)
        told = f"{dialect_of(connection).explain}{compiled.text}"
        plan = run(connection, told, compiled.values(values))
        return compiled.text, [row[-1] for row in plan]


def run(
    connection: Connection,
    text: str,
    values: Sequence[Any] | Mapping[str, Any] = (),
    *,
    streams: bool = False,
) -> Cursor:
    """Run a statement by the driver, past all that makes a row comfortable.

    Rows may be any number if it `streams`, of which then only some are held. A cursor that somebody
    leaves half read would hold its view of the database for as long as
    it lives, even after the connection was given back, so it is closed then.
    """
    driver = connection.connection.driver_connection
    assert driver is not None
    dialect = dialect_of(connection)
    cursor: Cursor = (dialect.stream if streams else dialect.cursor)(driver)
    if not isinstance(values, Mapping):
        array = dialect.array
        values = [array(value) if type(value) in _ARRAYS else value for value in values]
    cursor.execute(text, values)
    connection.info.setdefault(_OPEN, WeakSet()).add(cursor)
    return cursor


def read_rows(
    connection: Connection, text: str, values: Sequence[Any], width: int
) -> npt.NDArray[np.int64]:
    """All rows of a statement that selects so many integers, quickly even if they are millions.

    Null is told as 0.
    """
    dialect = dialect_of(connection)
    values = [dialect.array(value) if type(value) in _ARRAYS else value for value in values]
    return dialect.read_rows(connection, text, values, width)


def execute(connection: Connection, text: str, values: Sequence[Any] = ()) -> CursorResult[Any]:
    """Run a statement of ours, with ``?`` as marks, for all who listen to the connection."""
    return connection.exec_driver_sql(marked(text, dialect_of(connection)), tuple(values))


def execute_many(connection: Connection, text: str, rows: Sequence[Sequence[Any]]) -> None:
    """Run a statement of ours once for each row of values."""
    if rows:
        connection.exec_driver_sql(marked(text, dialect_of(connection)), [*map(tuple, rows)])


def share(connection: Connection) -> None:
    """Begin a transaction that changes what all writers share: one after the other does."""
    first = dialect_of(connection).altering
    if first:
        connection.exec_driver_sql(first)


def close_later(connection: Connection, cursor: Cursor) -> None:
    """Close a cursor when its connection is given back."""
    connection.info.setdefault(_OPEN, WeakSet()).add(cursor)


def close_all(info: MutableMapping[Any, Any]) -> None:
    """Close the cursors of a connection that `run` has opened.

    Parameters
    ----------
    info : mutable mapping
        What SQLAlchemy keeps beside the driver's connection.
    """
    for cursor in info.pop(_OPEN, ()):
        _close(cursor)


def _close(cursor: Cursor) -> None:
    # Whoever reads in another thread finds out for himself, and whoever does not read to the
    # end may come here after the database was closed: a driver calls that an error.
    with suppress(Exception):
        cursor.close()
