"""Roots: the directories that files are recorded relative to, so that an archive can move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, exists, func, insert, select, update

from iidindex.catalog.schema import files, path_value, roots
from iidindex.errors import CatalogError
from iidindex.storage.places import storage_at


class RootDirectory(NamedTuple):
    """A directory that files are recorded relative to; whether their fixity is recorded."""

    id: int
    name: str
    location: str
    has_fixity: bool = False


class Root(NamedTuple):
    """A directory that files are recorded relative to, and how many are."""

    id: int
    name: str
    location: str
    files: int


_DIRECTORIES = select(
    roots.c.id, roots.c.name, roots.c.location, func.coalesce(roots.c.fixity, 0)
).order_by(roots.c.id)


def root_directories(connection: Connection) -> list[RootDirectory]:
    """All roots, by id; no file is counted, which takes as long as there are many."""
    return [RootDirectory(*row) for row in connection.execute(_DIRECTORIES)]


def roots_in_use(connection: Connection) -> list[RootDirectory]:
    """The roots that any file is recorded relative to, by id."""
    used = _DIRECTORIES.where(exists().where(files.c.root_id == roots.c.id))
    return [RootDirectory(*row) for row in connection.execute(used)]


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
        if root.name == str(name):
            return root
    names = ", ".join(repr(root.name) for root in known) or "none"
    raise CatalogError(f"there is no root {name!r}; the roots are {names}")


def keep_fixity_of(connection: Connection, root_id: int) -> None:
    """Record the fixity of a root's files from now on."""
    connection.execute(update(roots).where(roots.c.id == root_id).values(fixity=1))


def forget_root(connection: Connection, root_id: int) -> None:
    """Delete a root that has no files any more."""
    connection.execute(delete(roots).where(roots.c.id == root_id))


def root_over(known: Sequence[RootDirectory], directory: str) -> RootDirectory | None:
    """The root that a directory is, or lies in."""
    for root in known:
        if _inside(root.location, directory) is not None:
            return root
    return None


def add_root(connection: Connection, location: str) -> None:
    """Record a root, and take into it the roots that lie below it.

    Otherwise a file below both would be recorded twice. Its name is the directory's, made
    unique.

    Parameters
    ----------
    connection : Connection
        In a transaction that may write.
    location : str
        An absolute directory that no root lies over.
    """
    known = root_directories(connection)
    inside = [(root, _inside(location, root.location)) for root in known]
    taken = {root.name for root in known}
    last = _inside(storage_at(location).parent(location), location) or ""
    stem = last.encode("utf-8", "replace").decode() or "root"
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    # What was promised of a part holds for the whole: the flag cannot stand for a part.
    fixity = 1 if any(child.has_fixity for child, prefix in inside if prefix) else None
    result = connection.execute(insert(roots).values(name=name, location=location, fixity=fixity))
    assert result.inserted_primary_key is not None
    root_id = result.inserted_primary_key[0]
    for child, prefix in inside:
        if prefix:
            _absorb(connection, child, root_id, prefix)


def _absorb(connection: Connection, child: RootDirectory, root_id: int, prefix: str) -> None:
    rows = connection.execute(
        select(files.c.id, files.c.path).where(files.c.root_id == child.id)
    ).all()
    for file_id, path in rows:
        connection.exec_driver_sql(
            "UPDATE files SET root_id = ?, path = ? WHERE id = ?",
            (root_id, path_value(f"{prefix}/{path}"), file_id),
        )
    forget_root(connection, child.id)


def move_root(connection: Connection, root: Root) -> None:
    """Record that a root, and all that is in it, now lies at its location; from `relocated`."""
    connection.execute(update(roots).where(roots.c.id == root.id).values(location=root.location))


def relocated(connection: Connection, name: str, location: str) -> Root:
    """What a root would be elsewhere; nothing is changed.

    Raises
    ------
    CatalogError
        If there is no root of that name, or another root lies there.
    """
    root = root_named(connection, name)
    for other in root_directories(connection):
        if other.id != root.id and _meet(other.location, location):
            raise CatalogError(f"{location}: meets the root {other.name!r}, {other.location}")
    return root._replace(location=location)


def _meet(one: str, other: str) -> bool:
    return _inside(one, other) is not None or _inside(other, one) is not None


def _inside(root: str, location: str) -> str | None:
    """The path of a location inside a root, empty for the root itself; None if it is not."""
    return storage_at(root).relative(root, location)
