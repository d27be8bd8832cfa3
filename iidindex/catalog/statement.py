"""Statements that are compiled once, and run with other values each time.

To build a statement of five tables and to have it compiled takes SQLAlchemy ten times as long
as SQLite takes to answer it for few entries; even one that is kept costs it three times as
long to run as the driver.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Connection, Select
from sqlalchemy.dialects.sqlite import dialect

_SQLITE = dialect(paramstyle="qmark")


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
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        every = {**self.constants, **values}
        return driver.execute(self.text, [every[name] for name in self.names])
