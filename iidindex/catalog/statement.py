"""Statements that are compiled once, and run with other values each time.

To build a statement of five tables and to find it among those compiled takes SQLAlchemy more
than ten times as long as SQLite takes to answer it for few entries; even one that is kept
takes it more than three times as long to run as the driver.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Mapping, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self
from weakref import WeakSet

from sqlalchemy import Connection, Select
from sqlalchemy.dialects.sqlite import dialect

_SQLITE = dialect(paramstyle="qmark")
# Where the open cursors of a connection are kept.
_OPEN = "iidindex_cursors"


@dataclass(frozen=True, slots=True)
class Statement:
    """A compiled statement.

    Attributes
    ----------
    text : str
    names : tuple of str
        Of the values that stand at its question marks.
    constants : dict
        Those of them that are always the same.
    """

    text: str
    names: tuple[str, ...]
    constants: dict[str, Any]

    @classmethod
    def of(cls, select: Select[Any]) -> Self:
        """Compile a statement whose values are ``bindparam`` with names."""
        compiled = select.compile(dialect=_SQLITE)
        constants = {
            name: value.value for name, value in compiled.binds.items() if not value.required
        }
        return cls(str(compiled), tuple(compiled.positiontup or ()), constants)

    def run(self, connection: Connection, values: Mapping[str, object]) -> sqlite3.Cursor:
        """Run it; rows come as the driver gives them, so paths may be text or bytes."""
        every = {**self.constants, **values}
        return run(connection, self.text, [every[name] for name in self.names])

    def parts(
        self, connection: Connection, values: Mapping[str, object], size: int
    ) -> Generator[list[Sequence[Any]], None, None]:
        """Run it, and have its rows so many at a time."""
        cursor = self.run(connection, values)
        try:
            while rows := cursor.fetchmany(size):
                yield rows
        finally:
            # Whoever does not read to the end may come here after the database was closed.
            with suppress(sqlite3.ProgrammingError):
                cursor.close()


def run(
    connection: Connection, text: str, values: Sequence[Any] | Mapping[str, Any] = ()
) -> sqlite3.Cursor:
    """Run a statement by the driver, past all that makes a row comfortable.

    A cursor that somebody leaves half read would hold its view of the database for as long as
    it lives, even after the connection was given back, so it is closed then.
    """
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    cursor = driver.execute(text, values)
    connection.info.setdefault(_OPEN, WeakSet()).add(cursor)
    return cursor


def close_all(info: MutableMapping[Any, Any]) -> None:
    """Close the cursors of a connection that `run` has opened.

    Parameters
    ----------
    info : mutable mapping
        What SQLAlchemy keeps beside the driver's connection.
    """
    for cursor in info.pop(_OPEN, ()):
        # Whoever is reading in another thread finds out for himself.
        with suppress(sqlite3.ProgrammingError):
            cursor.close()
