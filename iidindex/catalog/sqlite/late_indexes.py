"""Indexes that are quicker to make after a first big load than to keep during it."""

from __future__ import annotations

from sqlalchemy import Connection, Index

from iidindex.catalog.schema import entries, iids_by_address

_LATE = [*entries.indexes, iids_by_address]


def drop_late_indexes(connection: Connection) -> None:
    """Drop what would be kept up to date row by row; questions are slow until it is made."""
    for index in _LATE:
        connection.exec_driver_sql(f"DROP INDEX IF EXISTS {index.name}")


def make_late_indexes(connection: Connection) -> None:
    """Make the indexes that are not there: after a first big load, or one that was cut off."""
    for index in _LATE:
        make_index(connection, index)


def make_index(connection: Connection, index: Index) -> None:
    """Make one index, if it is not there."""
    assert index.table is not None
    columns = ", ".join(column.name for column in index.columns)
    kind = "UNIQUE INDEX" if index.unique else "INDEX"
    connection.exec_driver_sql(
        f"CREATE {kind} IF NOT EXISTS {index.name} ON {index.table.name} ({columns})"
    )


def lacks_late_indexes(connection: Connection) -> bool:
    """Whether one of them is not there."""
    names = set(connection.exec_driver_sql("SELECT name FROM sqlite_master").scalars())
    return any(index.name not in names for index in _LATE)


def is_empty(connection: Connection) -> bool:
    """Whether there are no entries yet."""
    return connection.exec_driver_sql("SELECT 1 FROM entries LIMIT 1").scalar() is None
