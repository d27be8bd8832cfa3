"""What somebody needs to know who is asked for help."""

from __future__ import annotations

import os
import platform
import sqlite3
from importlib.metadata import version
from typing import Any

from iidindex.catalog.engine import Catalog, revision_of
from iidindex.catalog.image import most_images
from iidindex.catalog.late_indexes import lacks_late_indexes
from iidindex.catalog.rtree import can_pack
from iidindex.query.stats import stats
from iidindex.query.verify import changed_files


def doctor(catalog: Catalog) -> dict[str, Any]:
    """Versions, what this build of SQLite can do, and the state of the catalogue.

    Returns
    -------
    dict
        By name, in the order in which they are told. Every file is looked at, but none is
        opened.
    """
    counts = stats(catalog)
    with catalog.reading() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("page_size", "journal_mode", "freelist_count")
        }
        found = {
            "iidindex": version("iidindex"),
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
            "sqlite_options": sorted(
                connection.exec_driver_sql("PRAGMA compile_options").scalars()
            ),
            **{name: version(name) for name in ("sqlalchemy", "numpy")},
            "writes_packed_rtree": can_pack(),
            "writes_rows_as_pages": most_images(connection) > 0,
            "database": catalog.name,
            "schema": revision_of(connection),
            "bytes": _size(catalog, ""),
            "log_bytes": _size(catalog, "-wal"),
            **pragmas,
            "lacks_indexes": lacks_late_indexes(connection),
        }
    problems = changed_files(catalog)
    return found | counts._asdict() | {"changed_or_gone": sum(1 for _ in problems)}


def _size(catalog: Catalog, suffix: str) -> int:
    try:
        return os.path.getsize(f"{catalog.path}{suffix}")
    except FileNotFoundError:
        return 0
