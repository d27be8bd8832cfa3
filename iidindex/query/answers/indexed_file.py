"""One file of the archive, as the catalogue knows it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, select

from iidindex.catalog.schema import files, roots
from iidindex.catalog.statement import Ordered, Statement
from iidindex.storage.places import location_of

# Rows fetched at a time.
_ROWS = 1000


class IndexedFile(NamedTuple):
    """A file: its path inside its root, its location, and the number of its entries.

    ``state`` is ``ok``, ``missing`` or ``failed``, and ``reason`` says why it is not ok.
    ``size`` is in bytes.
    """

    path: str
    location: str
    state: str
    reason: str | None
    entries: int
    size: int


def files_that(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Select what `listed_files` reads of files, without an order."""
    columns = (files.c.path, roots.c.location, files.c.state, files.c.reason)
    source = Ordered(files, roots, roots.c.id == files.c.root_id)
    return select(*columns, files.c.n_entries, files.c.size).select_from(source).where(*conditions)


def listed_files(
    connection: Connection, statement: Select[Any], values: Mapping[str, Any]
) -> Iterator[IndexedFile]:
    """Read the files that a statement of `files_that` selects, in its order."""
    with closing(Statement(statement).parts(connection, values, _ROWS)) as parts:
        for rows in parts:
            for path, root, *rest in rows:
                name = os.fsdecode(path)
                yield IndexedFile(name, location_of(os.fsdecode(root), name), *rest)
