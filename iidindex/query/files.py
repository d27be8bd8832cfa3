"""The files of the archive, as the catalogue knows them."""

from __future__ import annotations

import os
from typing import NamedTuple

from sqlalchemy import select

from iidindex.catalog.engine import Catalog
from iidindex.catalog.schema import FAILED, MISSING, OK, files, roots
from iidindex.errors import QueryError


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
    columns = (files.c.path, roots.c.location, files.c.state, files.c.reason)
    statement = (
        select(*columns, files.c.n_entries, files.c.size)
        .join(roots, roots.c.id == files.c.root_id)
        .order_by(files.c.root_id, files.c.path)
    )
    if state is not None:
        statement = statement.where(files.c.state == state)
    with catalog.reading() as connection:
        return [
            IndexedFile(path, os.path.join(root, path), *rest)
            for path, root, *rest in connection.execute(statement)
        ]
