"""Changing a catalogue other than by ingesting: one at a time, as ingests are."""

from __future__ import annotations

import os

from sqlalchemy import Connection

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.contract import Optimization
from iidindex.catalog.file_rows import missing_files, paths_of, some_paths
from iidindex.catalog.forget import forget
from iidindex.catalog.roots import (
    Root,
    all_roots,
    forget_root,
    move_root,
    relocated,
    root_named,
)
from iidindex.errors import CatalogError, SourceError
from iidindex.storage.places import exist_at, storage_at

# Files of a root of which one at least must lie where it is said to be now; so many are looked for
# together.
_LOOKED_FOR = 100


def roots(catalog: Catalog) -> list[Root]:
    """The directories that files are recorded relative to."""
    with catalog.reading() as connection:
        return all_roots(connection)


def relocate(
    catalog: Catalog, name: str, place: str | os.PathLike[str], *, dry_run: bool = False
) -> Root:
    """Record that a root now lies elsewhere.

    Raises
    ------
    CatalogError
        If there is no root of that name, `place` is no directory, none of the root's files is
        there, or it meets another root.
    """
    try:
        given = os.fsdecode(place)
        storage = storage_at(given)
        location = storage.ways(given)[-1]
    except SourceError as error:
        # What was given is not repeated here: of a URL, it may be a password.
        raise CatalogError(f"there is no such directory: {error}") from None
    except (TypeError, ValueError) as error:
        raise CatalogError(f"{place!r:.200}: there is no such directory: {error}") from None
    if not storage.is_dir(location):
        raise CatalogError(f"{given}: there is no such directory")
    if dry_run:
        with catalog.reading() as connection:
            return _relocated(connection, name, location)
    with catalog.sole_writer(), catalog.writing() as connection:
        root = _relocated(connection, name, location)
        move_root(connection, root)
        return root


def _relocated(connection: Connection, name: str, location: str) -> Root:
    root = relocated(connection, name, location)
    paths = some_paths(connection, root.id, _LOOKED_FOR)
    storage = storage_at(location)
    if paths and not any(storage.exists(storage.join(location, path)) for path in paths):
        raise CatalogError(
            f"{location}: none of the files of the root {name!r} is there, {paths[0]} for one; "
            "name the directory that they lie in now"
        )
    return root


def prune(catalog: Catalog, *, root: str | None = None, dry_run: bool = False) -> list[str]:
    """Delete what is known of missing files, or of all files of a root; return their paths.

    Raises
    ------
    CatalogError
        If there is no root of that name, or its files are there.
    """
    if dry_run:
        with catalog.reading() as connection:
            return [path for _, path in _useless(connection, root)]
    with catalog.sole_writer(), catalog.writing() as connection:
        useless = _useless(connection, root)
        forget(connection, [file_id for file_id, _ in useless], catalog.store)
        if root is not None:
            forget_root(connection, root_named(connection, root).id)
        return [path for _, path in useless]


def _useless(connection: Connection, root: str | None) -> list[tuple[int, str]]:
    if root is None:
        return missing_files(connection)
    directory = root_named(connection, root)
    found = paths_of(connection, directory.id)
    join = storage_at(directory.location).join
    for low in range(0, len(found), _LOOKED_FOR):
        some = [join(directory.location, path) for _, path in found[low : low + _LOOKED_FOR]]
        for location, is_there in zip(some, exist_at(some), strict=True):
            if is_there:
                raise CatalogError(
                    f"{root}: {location} is there; a root is forgotten only when its files are gone"
                )
    return found


def optimize(catalog: Catalog, *, dry_run: bool = False) -> Optimization:
    """Pack the R-tree anew and gather statistics; return what there was to do."""
    if dry_run:
        with catalog.reading() as connection:
            return catalog.store.to_optimize(connection)
    with catalog.sole_writer(), catalog.writing() as connection:
        found = catalog.store.to_optimize(connection)
        catalog.store.optimize(connection)
        return found
