"""Changing a catalogue other than by ingesting: one at a time, as ingests are."""

from __future__ import annotations

import os

from iidindex.catalog import places, upkeep
from iidindex.catalog.engine import Catalog
from iidindex.catalog.lock import sole_writer
from iidindex.catalog.places import Root, all_roots
from iidindex.errors import CatalogError


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
        If there is no root of that name, `place` is no directory, or it meets another root.
    """
    location = os.path.realpath(place)
    if not os.path.isdir(location):
        raise CatalogError(f"{os.fspath(place)}: there is no such directory")
    if dry_run:
        with catalog.reading() as connection:
            return places.relocated(connection, name, location)
    catalog.check_writable()
    with sole_writer(str(catalog.path)), catalog.writing() as connection:
        return places.relocate(connection, name, location)


def prune(catalog: Catalog, *, dry_run: bool = False) -> list[str]:
    """Delete what is known of missing files; return their paths."""
    if dry_run:
        with catalog.reading() as connection:
            return [path for _, path in upkeep.missing_files(connection)]
    catalog.check_writable()
    with sole_writer(str(catalog.path)), catalog.writing() as connection:
        return upkeep.prune(connection)


def optimize(catalog: Catalog) -> None:
    """Pack the R-tree anew and gather statistics."""
    catalog.check_writable()
    with sole_writer(str(catalog.path)), catalog.writing() as connection:
        upkeep.optimize(connection)
