"""Indexes that are quicker to make after a first big load than to keep during it."""

from __future__ import annotations

from sqlalchemy import Connection

from iidindex.catalog.schema import entries

_LATE = list(entries.indexes)


def drop_late_indexes(connection: Connection) -> None:
    """Drop what would be kept up to date row by row; questions are slow until it is made."""
    for index in _LATE:
        connection.exec_driver_sql(f"DROP INDEX IF EXISTS {index.name}")


def make_late_indexes(connection: Connection) -> None:
    """Make the indexes that are not there; none are missing but after a first load."""
    for index in _LATE:
        assert index.table is not None
        columns = ", ".join(column.name for column in index.columns)
        connection.exec_driver_sql(
            f"CREATE INDEX IF NOT EXISTS {index.name} ON {index.table.name} ({columns})"
        )


def lacks_late_indexes(connection: Connection) -> bool:
    """Whether one of them is not there."""
    names = set(connection.exec_driver_sql("SELECT name FROM sqlite_master").scalars())
    return any(index.name not in names for index in _LATE)


def is_empty(connection: Connection) -> bool:
    """Whether there are no entries yet."""
    return connection.exec_driver_sql("SELECT 1 FROM entries LIMIT 1").scalar() is None
