"""SQL that people write: what it may do, and what SQLite says of it."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection, event

from iidindex.catalog.sqlite.connections import make_engine, translated
from iidindex.catalog.views import SQLITE_WORDS, VIEWS, said

# What a statement may do: read. A pragma may only tell.
_ALLOWED = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}
_TELLING = {
    "table_info",
    "table_xinfo",
    "table_list",
    "index_list",
    "index_info",
    "index_xinfo",
    "foreign_key_list",
    "compile_options",
    "function_list",
    "data_version",
}


@contextmanager
def with_views(path: Path, name: str) -> Iterator[Connection]:
    """Hold a connection that has the views, and on which nothing can be changed."""
    # Its views and its authorizer are not for anybody who is given a connection later.
    engine = make_engine(path, read_only=True)
    # Whoever does not read to the end may leave it to the collector of garbage to give the
    # connection back, which then may roll back before anything in here is closed.
    event.listen(engine, "reset", _allow_all)
    try:
        with translated(name), engine.connect() as connection, connection.begin():
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            # The views are of this connection alone; even so they count as writing.
            driver.execute("PRAGMA query_only = OFF")
            _complete(driver)
            for view, statement in said(SQLITE_WORDS).items():
                driver.execute(f"CREATE TEMP VIEW {view} AS {statement}")
            driver.execute("PRAGMA query_only = ON")
            driver.text_factory = _text
            driver.set_authorizer(_authorize)
            try:
                yield connection
            finally:
                driver.set_authorizer(None)
    finally:
        engine.dispose()


def told(error: Exception) -> str | None:
    """What was wrong with a statement that somebody wrote; None, if it was not that."""
    reason = str(error)
    kinds = (sqlite3.Warning, sqlite3.Error, ValueError, OverflowError)
    if not isinstance(error, kinds) or reason == "interrupted":
        return None
    if "prohibited" in reason or "not authorized" in reason:
        return f"SQL: {reason}; a statement may only read"
    if "no such table" in reason:
        return f"SQL: {reason}; the views are {', '.join(VIEWS)}"
    if "one statement at a time" in reason:
        return "SQL: one statement at a time"
    return f"SQL: {reason}"


def _complete(driver: sqlite3.Connection) -> None:
    """Give it what views need and SQLite may have been built without.

    See https://www.sqlite.org/lang_mathfunc.html.
    """
    try:
        driver.execute("SELECT sqrt(1)")
    except sqlite3.OperationalError:
        driver.create_function("sqrt", 1, math.sqrt, deterministic=True)


def _allow_all(driver: sqlite3.Connection, *_: object) -> None:
    with suppress(sqlite3.ProgrammingError):
        driver.set_authorizer(None)


def _text(data: bytes) -> str:
    """Text, even if it is no UTF-8: as Python knows paths."""
    return data.decode("utf-8", "surrogateescape")


def _authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    if action in _ALLOWED or (
        action == sqlite3.SQLITE_PRAGMA and (second is None or first in _TELLING)
    ):
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY
