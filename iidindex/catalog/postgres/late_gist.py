"""Indexes of entries that are quicker to make after a first big load than to keep during it."""

from __future__ import annotations

from sqlalchemy import Connection

from iidindex.catalog.schema import last_ids, metadata

# A box as `entry_boxes` of SQLite has it, closed: the last row and the last column are in it. One
# without a pixel is in no index, as PostgreSQL would turn it round.
BOX = "box(point(minr, minc), point(maxr - 1, maxc - 1))"
HAS_PIXELS = "maxr > minr AND maxc > minc"

# Sequences remember what last ids were.
TABLES = [table.name for table in metadata.sorted_tables if table is not last_ids]

BOXES = "ix_entries_box"
_LATE = {
    "ix_entries_iid_id_file_id": "ON entries (iid_id, file_id)",
    BOXES: f"ON entries USING gist ({BOX}) WHERE {HAS_PIXELS}",
}


def drop_late_indexes(connection: Connection) -> None:
    """Drop what would be kept up to date row by row; questions are slow until it is made."""
    for name in _LATE:
        connection.exec_driver_sql(f"DROP INDEX IF EXISTS {name}")


def make_late_indexes(connection: Connection) -> bool:
    """Make the indexes that are not there, and gather statistics then; whether any was made."""
    if not lacks_late_indexes(connection):
        return False
    for name, what in _LATE.items():
        connection.exec_driver_sql(f"CREATE INDEX IF NOT EXISTS {name} {what}")
    gather_statistics(connection)
    return True


def gather_statistics(connection: Connection) -> None:
    """Of our tables; others of the same database are not ours to look at."""
    connection.exec_driver_sql("ANALYZE " + ", ".join(f'"{name}"' for name in TABLES))


def lacks_late_indexes(connection: Connection) -> bool:
    """Whether one of them is not there."""
    found: int = connection.exec_driver_sql(
        "SELECT count(*) FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c "
        "ON c.oid = i.indexrelid WHERE i.indrelid = to_regclass('entries') AND i.indisvalid "
        "AND c.relname = ANY(%s)",
        ([*_LATE],),
    ).scalar_one()
    return found < len(_LATE)


def is_empty(connection: Connection) -> bool:
    """Whether there are no entries yet."""
    return connection.exec_driver_sql("SELECT 1 FROM entries LIMIT 1").scalar() is None
