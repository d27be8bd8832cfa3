"""Which of several ways to a place is meant, where links lead to it.

A place is recorded once: under the name that it has in the catalogue, whoever names it how.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from iidindex.catalog.file_rows import files_of_root
from iidindex.catalog.roots import root_directories, root_over
from iidindex.storage.paths import is_iid
from iidindex.storage.places import storage_at


def chosen(ways: Sequence[str], connection: Connection | None, tops: Sequence[str]) -> str:
    """Choose a way to a place.

    Parameters
    ----------
    ways : sequence of str
        Of a storage: absolute, with more and more of their links followed.
    connection : Connection, optional
        To a catalogue that may know the place.
    tops : sequence of str
        Directories that are ingested, too.

    Returns
    -------
    str
        The first of which the catalogue knows files; else the last inside a root, or inside a
        directory that is ingested, as there it is found; else the last.
    """
    if len(ways) == 1:
        return ways[0]
    final = ways[-1]
    storage = storage_at(final)
    is_directory = storage.is_dir(final)
    # A file that a search would not find under its own name has that of a link to it.
    ways = [way for way in ways if is_directory or is_iid(way)] or ways
    others = [top for top in tops if top != final]
    inside = [way for way in ways if any(storage.relative(top, way) is not None for top in others)]
    if connection is not None:
        known = root_directories(connection)
        for way in ways:
            root = root_over(known, way if is_directory else storage.parent(way))
            if root is None:
                continue
            below = storage.relative(root.location, way) or ""
            if any(True for _ in files_of_root(connection, root.id, below)):
                return way
            inside.append(way)
    # The more links were followed, the later a way comes.
    return max(inside or ways, key=ways.index)
