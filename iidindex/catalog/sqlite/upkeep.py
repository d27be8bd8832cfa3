"""Keeping a catalogue small, quick and sound."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from iidindex.catalog.contract import Optimization
from iidindex.catalog.schema import entry_boxes
from iidindex.catalog.sqlite.attached import most_images
from iidindex.catalog.sqlite.late_indexes import lacks_late_indexes, make_late_indexes
from iidindex.catalog.sqlite.repacking import repack
from iidindex.catalog.sqlite.rtree import can_pack, layers


def to_optimize(connection: Connection) -> Optimization:
    """Look at what `optimize` would do; change nothing."""

    def number(statement: str) -> int:
        found: int = connection.exec_driver_sql(statement).scalar_one()
        return found

    page = number("PRAGMA page_size")
    return Optimization(
        lacks_late_indexes(connection),
        number(f"SELECT count(*) FROM {entry_boxes.name}_rowid"),  # noqa: S608  (our name)
        number(f"SELECT count(*) FROM {entry_boxes.name}_node"),  # noqa: S608
        number("SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_stat1'") > 0,
        number("PRAGMA page_count") * page,
        number("PRAGMA freelist_count") * page,
        layers(connection),
    )


def optimize(connection: Connection) -> None:
    """Make the indexes that are not there, pack the R*Tree anew, and gather statistics."""
    make_late_indexes(connection)
    repack(connection)
    connection.exec_driver_sql("ANALYZE")


def damage(connection: Connection) -> list[str]:
    """What SQLite finds wrong with the database; nothing, if all is well."""
    found = []
    for check in ("PRAGMA integrity_check", "SELECT rtreecheck('entry_boxes')"):
        found += [text for text in connection.exec_driver_sql(check).scalars() if text != "ok"]
    for row in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        found.append(f"row {row[1]} of {row[0]} refers to a row of {row[2]} that is not there")
    return found


def facts(connection: Connection, path: Path) -> dict[str, Any]:
    """What this build of SQLite can do, and how the database is, by name."""
    return {
        "sqlite": sqlite3.sqlite_version,
        "sqlite_options": sorted(connection.exec_driver_sql("PRAGMA compile_options").scalars()),
        "writes_packed_rtree": can_pack(),
        "writes_rows_as_pages": most_images(connection) > 0,
        "bytes": _size(f"{path}"),
        "log_bytes": _size(f"{path}-wal"),
        **{
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("page_size", "journal_mode", "freelist_count")
        },
        "lacks_indexes": lacks_late_indexes(connection),
        "rtree_layers": round(layers(connection), 1),
    }


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except FileNotFoundError:
        return 0
