"""Roots: the directories that files are recorded relative to, so that an archive can move."""

from __future__ import annotations

import os
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select

from iidindex.catalog.schema import files, path_value, roots
from iidindex.errors import CatalogError


class Root(NamedTuple):
    """A directory that files are recorded relative to, and how many are."""

    id: int
    name: str
    location: str
    files: int


def all_roots(connection: Connection) -> list[Root]:
    """All roots, by id."""
    statement = (
        select(roots.c.id, roots.c.name, roots.c.location, func.count(files.c.id))
        .select_from(roots.outerjoin(files, files.c.root_id == roots.c.id))
        .group_by(roots.c.id)
        .order_by(roots.c.id)
    )
    return [Root(*row) for row in connection.execute(statement)]


def root_named(connection: Connection, name: str) -> Root:
    """The root of a name.

    Raises
    ------
    CatalogError
        If there is none.
    """
    known = all_roots(connection)
    for root in known:
        if root.name == name:
            return root
    names = ", ".join(repr(root.name) for root in known) or "none"
    raise CatalogError(f"there is no root {name!r}; the roots are {names}")


def forget_root(connection: Connection, name: str) -> None:
    """Delete a root that has no files any more."""
    connection.execute(delete(roots).where(roots.c.name == name))


def root_over(known: list[Root], directory: str) -> Root | None:
    """The root that a directory is, or lies in."""
    for root in known:
        if directory == root.location or directory.startswith(_below(root.location)):
            return root
    return None


def add_root(connection: Connection, location: str) -> Root:
    """Record a root, and take into it the roots that lie below it.

    Otherwise a file below both would be recorded twice.

    Parameters
    ----------
    connection : Connection
        In a transaction that may write.
    location : str
        An absolute directory in which no root lies over.

    Returns
    -------
    Root
        Its name is the directory's, made unique.
    """
    known = all_roots(connection)
    inside = [root for root in known if root.location.startswith(_below(location))]
    taken = {root.name for root in known}
    stem = location.rstrip("/").rpartition("/")[2].encode("utf-8", "replace").decode() or "root"
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    result = connection.execute(insert(roots).values(name=name, location=location))
    assert result.inserted_primary_key is not None
    root_id = result.inserted_primary_key[0]
    for child in inside:
        _absorb(connection, child, root_id, child.location.removeprefix(_below(location)))
    return Root(root_id, name, location, sum(child.files for child in inside))


def _absorb(connection: Connection, child: Root, root_id: int, prefix: str) -> None:
    rows = connection.execute(
        select(files.c.id, files.c.path).where(files.c.root_id == child.id)
    ).all()
    for file_id, path in rows:
        connection.exec_driver_sql(
            "UPDATE files SET root_id = ?, path = ? WHERE id = ?",
            (root_id, path_value(f"{prefix}/{path}"), file_id),
        )
    connection.execute(roots.delete().where(roots.c.id == child.id))


def relocate(connection: Connection, name: str, location: str) -> Root:
    """Record that a root, and all that is in it, now lies elsewhere.

    Raises
    ------
    CatalogError
        As `relocated`.
    """
    root = relocated(connection, name, location)
    connection.execute(roots.update().where(roots.c.id == root.id).values(location=location))
    return root


def relocated(connection: Connection, name: str, location: str) -> Root:
    """What a root would be elsewhere; nothing is changed.

    Raises
    ------
    CatalogError
        If there is no root of that name, or another root lies there.
    """
    root = root_named(connection, name)
    for other in all_roots(connection):
        if other != root and _meet(other.location, location):
            raise CatalogError(f"{location}: meets the root {other.name!r}, {other.location}")
    return root._replace(location=location)


def _meet(one: str, other: str) -> bool:
    return one == other or one.startswith(_below(other)) or other.startswith(_below(one))


def _below(location: str) -> str:
    return location if location.endswith(os.sep) else location + os.sep
