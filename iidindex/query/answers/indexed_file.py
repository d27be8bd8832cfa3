"""One file of the archive, as the catalogue knows it."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, select

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.schema import files, roots
from iidindex.storage.places import location_of


class IndexedFile(NamedTuple):
    """A file: its path inside its root, where it lies, how many entries it has.

    ``state`` is ``ok``, ``missing`` or ``failed``, and ``reason`` says why it is not ok.
    ``size`` is in bytes.
    """

    path: str
    location: str
    state: str
    reason: str | None
    entries: int
    size: int


def listed_files(
    catalog: Catalog, conditions: list[ColumnElement[bool]], values: dict[str, Any] | None = None
) -> list[IndexedFile]:
    """List files that fit, by root and path."""
    columns = (files.c.path, roots.c.location, files.c.state, files.c.reason)
    statement = (
        select(*columns, files.c.n_entries, files.c.size)
        .join(roots, roots.c.id == files.c.root_id)
        .where(*conditions)
        .order_by(files.c.root_id, files.c.path)
    )
    with catalog.reading() as connection:
        return [
            IndexedFile(path, location_of(root, path), *rest)
            for path, root, *rest in connection.execute(statement, values or {})
        ]
