"""SQL that people write: what it may do, and what PostgreSQL says of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.types.numeric import NumericLoader
from psycopg.types.string import TextLoader
from sqlalchemy import Connection, Engine

from iidindex.catalog.postgres.sessions import Driver, driver_of, reason_of, translated
from iidindex.catalog.statement import Cursor, close_all, close_later
from iidindex.catalog.views import VIEWS

# Types whose values are Python's own; all others are told as PostgreSQL writes them.
_KEPT = {"bool", "bytea", "float4", "float8", "int2", "int4", "int8", "name", "numeric", "text"}

# What a statement may hold besides words, so that nothing in it is taken for a parameter.
_PARTS = re.compile(
    r"""
      '(?:[^']|'')*' | "(?:[^"]|"")*"      # text and names; a backslash ends neither
    | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$      # text between dollars
    | --[^\n]* | /\*.*?\*/                 # remarks
    | ::                                   # another type
    | :(?P<name>[A-Za-z_]\w*)              # a parameter
    | %
    """,
    re.VERBOSE | re.DOTALL,
)

# What is no question, but tells how one is answered.
_TELLING = re.compile(r"\s*(explain|show)\b", re.IGNORECASE)

_READ_ONLY, _NO_TABLE, _CANCELED = "25006", "42P01", "57014"
# Classes of errors that are not of the statement, but of the server or the connection.
_OF_THE_SERVER = {"08", "53", "57", "58", "F0", "XX"}


class _PlainNumber(NumericLoader):
    """Sums of integers are integers, and other numbers of any length are floats."""

    def load(self, data: Any) -> Any:
        found: Decimal = super().load(data)
        return int(found) if found.is_finite() and found == found.to_integral() else float(found)


@contextmanager
def reading(engine: Engine, name: str) -> Iterator[Connection]:
    """Hold a connection on which nothing can be changed, and that nobody is given later."""
    with translated(name), engine.connect() as connection:
        connection.begin()
        driver = driver_of(connection)
        # From the first statement on, a transaction cannot be made one that writes.
        driver.execute("SELECT 1")
        _tell_plainly(driver)
        try:
            yield connection
        finally:
            close_all(connection.info)
            # What a statement sets, or locks, must not outlast it.
            connection.invalidate()


def asked(connection: Connection, statement: str, values: Mapping[str, Any]) -> Cursor:
    """Run a statement, in which ``:name`` stands for a value; its rows come as they are read."""
    driver = driver_of(connection)
    # What is declared as a cursor is one statement, and a question. Any other is one, too, if it
    # is answered in binary: https://www.postgresql.org/docs/current/libpq-exec.html
    cursor: Any
    if _TELLING.match(statement):
        cursor = driver.cursor(binary=True)
    else:
        cursor = driver.cursor(name="asked")
    try:
        cursor.execute(_marked(statement).encode(), values)
    except BaseException:
        cursor.close()
        raise
    close_later(connection, cursor)
    found: Cursor = cursor
    return found


def told(error: Exception) -> str | None:
    """What was wrong with a statement that somebody wrote; None, if it was not that."""
    if not isinstance(error, (psycopg.Error, ValueError, OverflowError)):
        return None
    if not isinstance(error, psycopg.Error):
        return f"SQL: {error}"
    state, reason = error.sqlstate, reason_of(error)
    if state is None:
        is_ours = isinstance(error, (psycopg.ProgrammingError, psycopg.DataError))
        return f"SQL: {reason}" if is_ours else None
    if state == _CANCELED or state[:2] in _OF_THE_SERVER:
        return None
    if state == _READ_ONLY:
        return f"SQL: {reason}; a statement may only read"
    if state == _NO_TABLE:
        return f"SQL: {reason}; the views are {', '.join(VIEWS)}"
    if "multiple commands" in reason:
        return "SQL: one statement at a time"
    return f"SQL: {reason}"


def _marked(statement: str) -> str:
    """A statement with the marks of the driver."""

    def mark(found: re.Match[str]) -> str:
        if found["name"]:
            return f"%({found['name']})s"
        return found[0].replace("%", "%%")

    return _PARTS.sub(mark, statement.strip().rstrip(";"))


def _tell_plainly(driver: Driver) -> None:
    """Have values of other types as text."""
    for kind in psycopg.adapters.types:
        if kind.name not in _KEPT:
            driver.adapters.register_loader(kind.oid, TextLoader)
        if kind.array_oid:
            driver.adapters.register_loader(kind.array_oid, TextLoader)
    driver.adapters.register_loader("numeric", _PlainNumber)
