"""Opening an index to ask it."""

from __future__ import annotations

from iidindex.catalog.engine import can_write
from iidindex.index import Index


def asking(db: str) -> Index:
    """Open an index that is not to be changed, which may lie on a disk that cannot be.

    Where SQLite may write, it takes its log away in the end; opened read-only, it leaves it.
    """
    return Index(db, read_only=not can_write(db))
