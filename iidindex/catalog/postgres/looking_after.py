"""Keeping a catalogue on PostgreSQL small, quick and sound."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection

from iidindex.catalog.contract import Optimization
from iidindex.catalog.postgres.late_gist import (
    BOXES,
    HAS_PIXELS,
    TABLES,
    gather_statistics,
    lacks_late_indexes,
    make_late_indexes,
)
from iidindex.catalog.schema import metadata

# Rows that refer to rows of another table: table, column, table. Nothing keeps them from doing so
# wrongly, as each would be looked up for every entry that is brought in.
_REFERENCES = [
    (table.name, key.parent.name, key.column.table.name)
    for table in metadata.sorted_tables
    for key in sorted(table.foreign_keys, key=lambda key: key.parent.name)
]

_OURS = (
    "pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_stat_user_tables s ON s.relid = c.oid "
    "WHERE c.relkind = 'r' AND c.relname = ANY(%s) AND c.relnamespace = "
    "(SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = current_schema())"
)
# The rows that are dead are taken to be as large as the others.
_SIZES = (
    "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint, "  # noqa: S608  (our names)
    "coalesce(sum(pg_relation_size(c.oid) * s.n_dead_tup / "
    "greatest(s.n_live_tup + s.n_dead_tup, 1)), 0)::bigint, "
    f"coalesce(bool_or(c.relname = 'entries' AND c.reltuples >= 0), false) FROM {_OURS}"
)
_INVALID = (
    "SELECT i.indexrelid::regclass::text FROM pg_catalog.pg_index i "  # noqa: S608
    f"WHERE NOT i.indisvalid AND i.indrelid IN (SELECT c.oid FROM {_OURS})"
)
_SETTINGS = (
    "server_version",
    "server_encoding",
    "fsync",
    "synchronous_commit",
    "shared_buffers",
    "work_mem",
    "maintenance_work_mem",
    "max_connections",
)


def to_optimize(connection: Connection) -> Optimization:
    """Look at what `optimize` would do; change nothing."""
    size, dead, has_statistics = connection.exec_driver_sql(_SIZES, (TABLES,)).one()
    return Optimization(
        lacks_late_indexes(connection),
        _number(connection, f"SELECT count(*) FROM entries WHERE {HAS_PIXELS}"),  # noqa: S608
        _number(
            connection,
            f"SELECT coalesce(pg_relation_size(to_regclass('{BOXES}')), 0) "
            "/ current_setting('block_size')::bigint",
        ),
        bool(has_statistics),
        size,
        dead,
        1.0,
    )


def optimize(connection: Connection) -> None:
    """Make the indexes that are not there, the one of boxes anew, and gather statistics.

    Space that deleted rows took is given back by the server itself, by autovacuum.
    """
    if not make_late_indexes(connection):
        connection.exec_driver_sql(f"REINDEX INDEX {BOXES}")
        gather_statistics(connection)


def damage(connection: Connection) -> Iterator[str]:
    """What is wrong with the tables: rows that refer to none, and indexes that are not valid."""
    for table, column, other in _REFERENCES:
        found = _number(
            connection,
            f'SELECT count(*) FROM "{table}" t WHERE NOT EXISTS '  # noqa: S608  (our names)
            f'(SELECT 1 FROM "{other}" o WHERE o.id = t.{column})',
        )
        if found:
            yield f"rows of {table} refer to rows of {other} that are not there: {found} of them"
    wrong = _number(
        connection,
        "SELECT count(*) FROM files f WHERE n_entries <> (SELECT count(*) FROM entries e "
        "WHERE e.id BETWEEN f.first_entry_id AND f.first_entry_id + f.n_entries - 1 "
        "AND e.file_id = f.id)",
    )
    if wrong:
        yield f"entries of files are not those that their rows tell of: of {wrong} files"
    invalid = connection.exec_driver_sql(_INVALID, (TABLES,)).scalars()
    for name in invalid:
        yield f"the index {name} is not valid; REINDEX makes it anew"


def facts(connection: Connection) -> dict[str, Any]:
    """What the server is, and how large the tables are, by name."""
    size, _, _ = connection.exec_driver_sql(_SIZES, (TABLES,)).one()
    rows = connection.exec_driver_sql(
        "SELECT name, current_setting(name) FROM pg_catalog.pg_settings WHERE name = ANY(%s)",
        ([*_SETTINGS],),
    )
    settings = {row[0]: row[1] for row in rows}
    return {
        **{name: settings.get(name) for name in _SETTINGS},
        "tables_in": _text(connection, "SELECT current_schema()"),
        "user": _text(connection, "SELECT current_user"),
        "bytes": size,
        "lacks_indexes": lacks_late_indexes(connection),
    }


def _number(connection: Connection, statement: str) -> int:
    found: int = connection.exec_driver_sql(statement).scalar_one()
    return found


def _text(connection: Connection, statement: str) -> str:
    found: str = connection.exec_driver_sql(statement).scalar_one()
    return found
