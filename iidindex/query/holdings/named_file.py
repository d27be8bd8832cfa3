"""One indexed file by its exact name: a path inside a root, or where it lies.

Nothing is looked for on a disk, so a name that a stranger made up leads nowhere else.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.roots import roots_over
from iidindex.catalog.schema import OK, files, roots
from iidindex.errors import QueryError
from iidindex.model import FileStamp, stamp_as_indexed
from iidindex.query.pixels.segments import Original
from iidindex.storage.places import is_absolute, location_of, storage_at

# Characters; no storage has longer names.
_LONGEST = 4096


class NamedFile(NamedTuple):
    """A file that is there, as it was indexed.

    Attributes
    ----------
    file_id, root_id : int
    path : str
        Inside its root.
    location : str
        Where it can be opened.
    stamp : FileStamp
        Its size and time.
    first_entry_id : int
        Another one each time that other entries take their place.
    """

    file_id: int
    root_id: int
    path: str
    location: str
    stamp: FileStamp
    first_entry_id: int

    @property
    def original(self) -> Original:
        """Where it can be opened, and what it has to be."""
        return Original(self.location, self.stamp)


_COLUMNS = (
    files.c.id,
    files.c.root_id,
    files.c.path,
    roots.c.location,
    files.c.size,
    files.c.mtime_ns,
    files.c.etag,
    func.coalesce(files.c.first_entry_id, 0),
)


def named_file(catalog: Catalog, path: str, root: str | None = None) -> NamedFile | None:
    """The file of a path.

    Parameters
    ----------
    catalog : Catalog
    path : str
        Inside a root, or where the file lies.
    root : str, optional
        The name of the root.

    Returns
    -------
    NamedFile or None
        None, if no file that is there has this path.

    Raises
    ------
    QueryError
        If files of several roots have it.
    """
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return None
    if len(path) > _LONGEST:
        return None
    with catalog.reading() as connection:
        if root is None and is_absolute(path):
            return _at(connection, path)
        named = _of_path(connection, path, root)
    if len(named) > 1:
        places = ", ".join(sorted(file.location for file in named))
        raise QueryError(f"{path}: several files have this path; name the root, or one of {places}")
    return named[0] if named else None


def _at(connection: Connection, location: str) -> NamedFile | None:
    """The file that lies at a location."""
    storage = storage_at(location)
    for root in roots_over(connection, location):
        relative = storage.relative(root.location, location)
        for found in _of_path(connection, relative, root_id=root.id) if relative else []:
            # What is written in another way, as `a/../b`, is no name of it.
            if found.location == location:
                return found
    return None


def _of_path(
    connection: Connection, path: str, root: str | None = None, root_id: int | None = None
) -> list[NamedFile]:
    statement = (
        select(*_COLUMNS)
        .select_from(roots.join(files, files.c.root_id == roots.c.id))
        .where(files.c.path == path, files.c.state == OK)
    )
    if root is not None:
        statement = statement.where(roots.c.name == root)
    if root_id is not None:
        statement = statement.where(roots.c.id == root_id)
    return [
        NamedFile(
            file_id,
            its_root,
            its_path,
            location_of(place, its_path),
            stamp_as_indexed(size, mtime_ns, etag),
            first,
        )
        for file_id, its_root, its_path, place, size, mtime_ns, etag, first in connection.execute(
            statement
        )
    ]
