"""Recognising a root that lies elsewhere now, by its files."""

from __future__ import annotations

from contextlib import suppress

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.file_rows import some_files
from iidindex.catalog.roots import RootDirectory, move_root, relocated, root_over
from iidindex.errors import CatalogError, IIDFormatError, SourceError
from iidindex.files.scan import scan
from iidindex.ingestion.report import IngestReport
from iidindex.storage.places import storage_at

# Files of a root that are looked for where it may have gone; which part of them has to be there,
# as they were to the nanosecond; and how many of these are read, to be sure.
_LOOKED_FOR = 100
_MOST_OF_IT = 0.5
_READ = 5


def reappeared(
    catalog: Catalog,
    known: list[RootDirectory],
    directories: list[str],
    report: IngestReport,
    dry_run: bool,
) -> list[RootDirectory]:
    """Roots as they lie now: one that is gone, and whose files lie in a new directory, is there.

    Otherwise all of them would be indexed twice. Wherever there is a doubt, the directory is a
    new root: to take another archive for the old one would lose what is known of that.
    """
    new = [place for place in dict.fromkeys(directories) if root_over(known, place) is None]
    gone = [root for root in known if new and _is_gone(root)]
    fits = [
        (root, directory)
        for root in gone
        for directory in new
        if _lies_in(catalog, root, directory)
    ]
    for root, directory in fits:
        # Nobody can tell which of several it is.
        if sum(root in fit or directory in fit for fit in fits) > 1:
            continue
        try:
            with catalog.reading() as connection:
                moved = relocated(connection, root.name, directory)
        except CatalogError:
            continue  # another root lies there, or below it
        report.relocated[root.name] = directory
        if not dry_run:
            with catalog.writing() as connection:
                move_root(connection, moved)
        known = [one._replace(location=directory) if one.id == root.id else one for one in known]
    return known


def _is_gone(root: RootDirectory) -> bool:
    """Whether nothing lies where a root was: there is no such directory, or it is empty."""
    storage = storage_at(root.location)
    if not storage.is_dir(root.location):
        return True
    return not storage.has_any(root.location)


def _lies_in(catalog: Catalog, root: RootDirectory, directory: str) -> bool:
    """Whether most of some files of a root lie in a directory, as they were."""
    with catalog.reading() as connection:
        files = some_files(connection, root.id, _LOOKED_FOR)
    storage = storage_at(directory)
    found: list[tuple[str, bytes | None]] = []
    for path, stamp, digest in files:
        location = storage.join(directory, path)
        with suppress(SourceError):
            if storage.stamp(location) == stamp:
                found.append((location, digest))
    if not found or len(found) < _MOST_OF_IT * len(files):
        return False
    try:
        return all(scan(location).digest == digest for location, digest in found[:_READ])
    except (SourceError, IIDFormatError):
        return False
