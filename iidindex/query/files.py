"""The files of the archive, as the catalogue knows them."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, select

from iidindex.catalog.engine import Catalog
from iidindex.catalog.schema import FAILED, MISSING, OK, files, overlap_files, roots
from iidindex.errors import QueryError
from iidindex.query.conditions import of_files
from iidindex.query.filters import Filters
from iidindex.query.shape import shape_of, values_of


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


def indexed_files(catalog: Catalog, state: str | None = None) -> list[IndexedFile]:
    """List files by root and path; only those in `state`, if it is given.

    Raises
    ------
    QueryError
        If there is no such state.
    """
    if state not in (None, OK, MISSING, FAILED):
        raise QueryError(f"state is {state!r}; expected {OK}, {MISSING} or {FAILED}")
    return _listed(catalog, [] if state is None else [files.c.state == state])


def files_without_overlaps(catalog: Catalog, filters: Filters) -> list[IndexedFile]:
    """List files that fit and have entries, but whose overlaps are not stored."""
    is_kept = files.c.id.in_(select(overlap_files.c.file_id))
    fits = of_files(shape_of(filters))
    return _listed(catalog, [*fits, files.c.n_entries > 0, ~is_kept], values_of(filters))


def _listed(
    catalog: Catalog, conditions: list[ColumnElement[bool]], values: dict[str, Any] | None = None
) -> list[IndexedFile]:
    columns = (files.c.path, roots.c.location, files.c.state, files.c.reason)
    statement = (
        select(*columns, files.c.n_entries, files.c.size)
        .join(roots, roots.c.id == files.c.root_id)
        .where(*conditions)
        .order_by(files.c.root_id, files.c.path)
    )
    with catalog.reading() as connection:
        return [
            IndexedFile(path, os.path.join(root, path), *rest)
            for path, root, *rest in connection.execute(statement, values or {})
        ]
