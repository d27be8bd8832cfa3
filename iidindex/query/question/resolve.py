"""Files named as people name them: inside their root, or by where they lie on disk."""

from __future__ import annotations

import os
from typing import NamedTuple

from sqlalchemy import Connection, and_, func, select

from iidindex.catalog.roots import roots_over
from iidindex.catalog.schema import OK, files, roots
from iidindex.catalog.statement import Ordered
from iidindex.errors import QueryError, SourceError, SourceNotFoundError
from iidindex.query.question.near_names import near_path
from iidindex.storage.places import location_of, storage_at


class Span(NamedTuple):
    """A file by its id, and the consecutive ids of its entries."""

    file_id: int
    first_entry_id: int
    n_entries: int


def file_of(connection: Connection, path: str) -> Span:
    """One file that is there, by where it lies on disk, or else by its path inside its root.

    Raises
    ------
    QueryError
        If files of several roots have that path, or none has it.
    """
    places = places_meant(path)
    storage = storage_at(path)
    for place in places:
        for root in roots_over(connection, place):
            relative = storage.relative(root.location, place)
            for span, _ in _spans(connection, relative, root.id) if relative else []:
                return span
    found = _spans(connection, path)
    if len(found) > 1:
        named = ", ".join(sorted(location for _, location in found))
        raise QueryError(f"{path}: several files have this path; name one of {named}")
    if not found:
        _, hint = near_path(connection, path)
        raise QueryError(f"{path}: no indexed file has this path; {hint}")
    return found[0][0]


def places_meant(path: str) -> list[str]:
    """Where a file of this path may lie, as it stands first.

    A link may have been indexed itself, or a directory on the way may be one.

    Raises
    ------
    QueryError
        If no file can have this path.
    """
    if not isinstance(path, str):
        raise QueryError(f"path must be text, not {type(path).__name__}: {path!r:.200}")
    try:
        os.fsencode(path)
        return storage_at(path).ways(path)
    except ValueError:
        raise QueryError(f"{path!r}: no file can have this path") from None
    except SourceNotFoundError:
        # It is empty, or the working directory is gone: it may be a path inside a root.
        return []
    except SourceError as error:
        raise QueryError(str(error)) from None


def _spans(connection: Connection, path: str, root_id: int | None = None) -> list[tuple[Span, str]]:
    """Files of a path inside a root, or inside any, and where they lie."""
    placed = and_(files.c.root_id == roots.c.id, files.c.path == path)
    statement = (
        select(files.c.id, func.coalesce(files.c.first_entry_id, 0), files.c.n_entries)
        .add_columns(roots.c.location)
        .select_from(Ordered(roots, files, placed))
        .where(files.c.state == OK)
    )
    if root_id is not None:
        statement = statement.where(roots.c.id == root_id)
    rows = connection.execute(statement)
    return [(Span(*span), location_of(location, path)) for *span, location in rows]
