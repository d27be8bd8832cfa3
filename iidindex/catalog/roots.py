"""Roots: the directories that files are recorded relative to, so that an archive can move."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import NamedTuple

from sqlalchemy import Connection, delete, exists, func, select, update

from iidindex.catalog.dialect import dialect_of
from iidindex.catalog.schema import files, roots
from iidindex.catalog.statement import execute_many, share
from iidindex.errors import CatalogError
from iidindex.storage.enclosing import Enclosing, above
from iidindex.storage.places import storage_at


class RootDirectory(NamedTuple):
    """A directory that files are recorded relative to; whether their fixity is recorded."""

    id: int
    name: str
    location: str
    has_fixity: bool = False


class Root(NamedTuple):
    """A directory that the paths of files begin at, and the number of these files."""

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


def roots_over(connection: Connection, location: str) -> list[RootDirectory]:
    """The roots that a location lies in, by id."""
    lies_in = roots.c.location.in_(list(above(location)))
    return [RootDirectory(*row) for row in connection.execute(_DIRECTORIES.where(lies_in))]


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


def keep_fixity_of(connection: Connection, root_ids: Iterable[int]) -> None:
    """Record the fixity of the files of roots from now on."""
    execute_many(
        connection, "UPDATE roots SET fixity = 1 WHERE id = ?", [(one,) for one in root_ids]
    )


def forget_root(connection: Connection, root_id: int) -> None:
    """Delete a root that has no files any more."""
    connection.execute(delete(roots).where(roots.c.id == root_id))


class KnownRoots:
    """Roots, looked up by what lies in them.

    Parameters
    ----------
    known : iterable of RootDirectory
    """

    def __init__(self, known: Iterable[RootDirectory]) -> None:
        self._by_location: dict[str, RootDirectory] = {}
        for root in known:
            self._by_location.setdefault(root.location, root)
        self._enclosing = Enclosing(self._by_location)

    def over(self, directory: str) -> RootDirectory | None:
        """The root that a directory is, or lies in."""
        found = (self._by_location[place] for place in self._enclosing.over(directory))
        return min(found, key=attrgetter("id"), default=None)


def add_roots(connection: Connection, locations: Iterable[str]) -> None:
    """Record roots, and take into them the roots that lie below them.

    Otherwise a file below both would be recorded twice. The name of each is the directory's, made
    unique.

    Parameters
    ----------
    connection : Connection
        In a transaction that may write.
    locations : iterable of str
        Absolute directories that no root lies over. Of two that lie in each other, the outer one
        is recorded.
    """
    share(connection)
    every = list(dict.fromkeys(locations))
    enclosing = Enclosing(every)
    new = [location for location in every if len(enclosing.over(location)) == 1]
    known = root_directories(connection)
    outer = {root.id: place for root in known for place in enclosing.over(root.location)[-1:]}
    children = [root for root in known if root.id in outer]
    # What was promised of a part holds for the whole: the flag cannot stand for a part.
    fixed = {outer[child.id] for child in children if child.has_fixity}
    names = _Names(root.name for root in known)
    path = dialect_of(connection).path
    execute_many(
        connection,
        "INSERT INTO roots (name, location, fixity) VALUES (?, ?, ?)",
        [(names.of(one), path(one), 1 if one in fixed else None) for one in new],
    )
    ids = {root.location: root.id for root in root_directories(connection)} if children else {}
    for child in children:
        _absorb(connection, child, ids[outer[child.id]], _inside(outer[child.id], child.location))


class _Names:
    """Names for roots, each unlike all before: the directory's, with a number if it is taken."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)
        self._last: dict[str, int] = {}

    def of(self, location: str) -> str:
        last = _inside(storage_at(location).parent(location), location) or ""
        name = stem = last.encode("utf-8", "replace").decode() or "root"
        number = self._last.get(stem, 1)
        while name in self._taken:
            number += 1
            name = f"{stem}-{number}"
        # Hundreds of directories may have the same name; none looks through those before it.
        self._last[stem] = number
        self._taken.add(name)
        return name


def _absorb(connection: Connection, child: RootDirectory, root_id: int, prefix: str | None) -> None:
    rows = connection.execute(
        select(files.c.id, files.c.path).where(files.c.root_id == child.id)
    ).all()
    value = dialect_of(connection).path
    execute_many(
        connection,
        "UPDATE files SET root_id = ?, path = ? WHERE id = ?",
        [(root_id, value(f"{prefix}/{path}"), file_id) for file_id, path in rows],
    )
    forget_root(connection, child.id)


def move_root(connection: Connection, root: Root | RootDirectory) -> None:
    """Record that a root, and all that is in it, now lies at its location, where no other is."""
    share(connection)
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
            raise CatalogError(f"{location}: overlaps the root {other.name!r}, {other.location}")
    return root._replace(location=location)


def _meet(one: str, other: str) -> bool:
    return _inside(one, other) is not None or _inside(other, one) is not None


def _inside(root: str, location: str) -> str | None:
    """The path of a location inside a root, empty for the root itself; None if it is not."""
    return storage_at(root).relative(root, location)
