"""Small questions about files and roots, for whoever keeps the catalogue."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, insert, select

from iidindex.catalog.schema import FAILED, files, roots


class Root(NamedTuple):
    """A directory that files are recorded relative to."""

    id: int
    name: str
    location: str


class FileRow(NamedTuple):
    """What tells whether a file has changed."""

    path: str
    id: int
    size: int
    mtime_ns: int
    digest: bytes | None
    state: str
    reason: str | None


def all_roots(connection: Connection) -> list[Root]:
    """All roots, by id."""
    rows = connection.execute(select(roots.c.id, roots.c.name, roots.c.location))
    return [Root(*row) for row in rows]


def add_root(connection: Connection, location: str) -> Root:
    """Record a new root; its name is the directory's, made unique."""
    taken = {root.name for root in all_roots(connection)}
    stem = location.rstrip("/").rpartition("/")[2].encode("utf-8", "replace").decode() or "root"
    name = stem
    number = 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    result = connection.execute(insert(roots).values(name=name, location=location))
    assert result.inserted_primary_key is not None
    return Root(result.inserted_primary_key[0], name, location)


def files_of_root(connection: Connection, root_id: int) -> list[FileRow]:
    """Every file of a root, in whatever state."""
    columns = [files.c[name] for name in FileRow._fields]
    rows = connection.execute(select(*columns).where(files.c.root_id == root_id))
    return [FileRow(*row) for row in rows]


def failures(connection: Connection, root_id: int) -> dict[str, str]:
    """Paths of the files of a root that could not be read, and why."""
    rows = connection.execute(
        select(files.c.path, files.c.reason).where(
            files.c.root_id == root_id, files.c.state == FAILED
        )
    )
    return {row.path: row.reason for row in rows}
