"""Recognising a root that lies elsewhere now, by its files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.file_rows import some_files
from iidindex.catalog.roots import KnownRoots, RootDirectory, move_root
from iidindex.errors import IIDFormatError, SourceError
from iidindex.files.scan import scan
from iidindex.ingestion.discover import discover
from iidindex.ingestion.report import IngestReport
from iidindex.model import FileStamp
from iidindex.storage.enclosing import Enclosing
from iidindex.storage.places import storage_at

# Files of a root that are looked for where it may have gone; which part of them has to be there,
# as they were to the nanosecond; and how many of these are read, to be sure.
_LOOKED_FOR = 100
_MOST_OF_IT = 0.5
_READ = 5
# Paths that are looked for one by one; for more, of many roots, a directory is listed.
_FEW_PATHS = 10 * _LOOKED_FOR

# Path, stamp and digest of some files.
_Sample = Sequence[tuple[str, FileStamp, bytes | None]]


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
    roots = KnownRoots(known)
    new = [place for place in dict.fromkeys(directories) if roots.over(place) is None]
    gone = [root for root in known if new and _is_gone(root)]
    if not gone:
        return known
    fits = list(_fits(catalog, gone, new))
    of_root = Counter(root.id for root, _ in fits)
    of_directory = Counter(directory for _, directory in fits)
    enclosing = Enclosing(new)
    inside = {(place, root.id) for root in known for place in enclosing.over(root.location)}
    below = Counter(place for place, _ in inside)
    moved: dict[int, RootDirectory] = {}
    for root, directory in fits:
        # Nobody can tell which of several it is.
        if of_root[root.id] > 1 or of_directory[directory] > 1:
            continue
        if below[directory] > ((directory, root.id) in inside):
            continue  # another root lies there, or below it
        below.subtract(enclosing.over(root.location))
        report.relocated[root.name] = directory
        moved[root.id] = root._replace(location=directory)
    if moved and not dry_run:
        catalog.write_also(root.location for root in gone if root.id in moved)
        with catalog.writing() as connection:
            for root in moved.values():
                move_root(connection, root)
    return [moved.get(root.id, root) for root in known]


def _is_gone(root: RootDirectory) -> bool:
    """Whether nothing lies where a root was: there is no such directory, or it is empty."""
    storage = storage_at(root.location)
    if not storage.is_dir(root.location):
        return True
    return not storage.has_any(root.location)


def _fits(
    catalog: Catalog, gone: Sequence[RootDirectory], new: Sequence[str]
) -> Iterator[tuple[RootDirectory, str]]:
    """Roots, and directories in which most of some of their files lie, as they were.

    A directory is looked into once, and not once for each root.
    """
    with catalog.reading() as connection:
        samples = [some_files(connection, root.id, _LOOKED_FOR) for root in gone]
    owners: dict[tuple[str, FileStamp], list[int]] = {}
    for nth, sample in enumerate(samples):
        for path, stamp, _ in sample:
            owners.setdefault((path, stamp), []).append(nth)
    paths = {path for path, _ in owners}
    for directory in new:
        there = _stamps_in(directory, paths)
        met = Counter(nth for one in there.items() for nth in owners.get(one, ()))
        for nth, number in sorted(met.items()):
            is_most = number >= _MOST_OF_IT * len(samples[nth])
            if is_most and _is_of(directory, there, samples[nth]):
                yield gone[nth], directory


def _stamps_in(directory: str, paths: Collection[str]) -> dict[str, FileStamp]:
    """The stamps of those files of a directory that are looked for, and perhaps of others."""
    if len(paths) > _FEW_PATHS:
        return {path: FileStamp(*stamp) for path, stamp in discover(directory).found.items()}
    storage = storage_at(directory)
    found: dict[str, FileStamp] = {}
    for path in paths:
        with suppress(SourceError):
            found[path] = storage.stamp(storage.join(directory, path))
    return found


def _is_of(directory: str, there: dict[str, FileStamp], sample: _Sample) -> bool:
    """Whether some of the files that lie in a directory hold what they did."""
    storage = storage_at(directory)
    found = [(path, digest) for path, stamp, digest in sample if there.get(path) == stamp]
    try:
        return all(
            scan(storage.join(directory, path)).digest == digest for path, digest in found[:_READ]
        )
    except (SourceError, IIDFormatError):
        return False
