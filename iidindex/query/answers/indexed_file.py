"""One file of the archive, as the catalogue knows it."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, literal, select, tuple_

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.roots import roots_over
from iidindex.catalog.schema import files, roots
from iidindex.errors import QueryError
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
    catalog: Catalog,
    conditions: list[ColumnElement[bool]],
    values: dict[str, Any] | None = None,
    *,
    limit: int | None = None,
    after: IndexedFile | None = None,
) -> list[IndexedFile]:
    """List files that fit, by root and path; only those that come after one, if it is given."""
    columns = (files.c.path, roots.c.location, files.c.state, files.c.reason)
    statement = (
        select(*columns, files.c.n_entries, files.c.size)
        .join(roots, roots.c.id == files.c.root_id)
        .where(*conditions)
        .order_by(files.c.root_id, files.c.path)
        .limit(limit)
    )
    with catalog.reading() as connection:
        if after is not None:
            statement = statement.where(_comes_later(connection, after))
        return [
            IndexedFile(path, location_of(root, path), *rest)
            for path, root, *rest in connection.execute(statement, values or {})
        ]


def _comes_later(connection: Connection, after: IndexedFile) -> ColumnElement[bool]:
    """Whether a file comes after one, which need not be there any more; its root must be.

    Raises
    ------
    QueryError
        If it is not.
    """
    known = roots_over(connection, after.location)
    own = [root.id for root in known if location_of(root.location, after.path) == after.location]
    if not own:
        raise QueryError(f"{after.location}: is in no root any more; ask again")
    return tuple_(files.c.root_id, files.c.path) > tuple_(
        literal(own[0]), literal(after.path, files.c.path.type)
    )
