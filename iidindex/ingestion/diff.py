"""Comparing places on disk with what the catalogue holds of them; no file is opened."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.file_rows import (
    failures,
    files_at,
    files_of_root,
    other_files_of_root,
    stamps_of_root,
)
from iidindex.catalog.roots import (
    KnownRoots,
    RootDirectory,
    add_roots,
    keep_fixity_of,
    root_directories,
)
from iidindex.errors import IngestError, SourceError, SourceNotFoundError
from iidindex.ingestion.discover import discover
from iidindex.ingestion.linked import Recorded
from iidindex.ingestion.plan import Known, plan
from iidindex.ingestion.reappearing import reappeared
from iidindex.ingestion.report import IngestReport
from iidindex.ingestion.too_long import take_long_paths
from iidindex.ingestion.unchanged import of_others, without_unchanged
from iidindex.ingestion.unread import ToRead, Unread
from iidindex.model import FileStamp
from iidindex.storage.enclosing import Enclosing
from iidindex.storage.object_urls import is_web, web_homes
from iidindex.storage.paths import is_iid
from iidindex.storage.places import Ways, exist_at, is_remote, location_of, stamps_at, storage_at
from iidindex.storage.protocol import Listing

# Files that are compared in one transaction, or one directory of more.
_TOGETHER = 2_000


class Looking(NamedTuple):
    """How to look.

    Attributes
    ----------
    checksum : bool
        Read every file, whatever its stamp.
    fixity : bool
        Record the fixity of these roots, and read the files that have none.
    dry_run : bool
        Record nothing.
    """

    checksum: bool = False
    fixity: bool = False
    dry_run: bool = False


@dataclass(slots=True)
class Findings:
    """What looking has found, over all places.

    Attributes
    ----------
    to_read : ToRead
        Files that are new or have another stamp.
    gone, lost : dict of Known to Unread
        Files that were there and are not now, and those that were missing before and still are.
    """

    to_read: ToRead
    gone: dict[Known, Unread]
    lost: dict[Known, Unread]


class Places(NamedTuple):
    """Absolute places.

    Attributes
    ----------
    there : list of str
        What is to be looked at.
    directories : set of str
        Those that are directories.
    absent : dict of str to str
        What is not there, and how it was given.
    """

    there: list[str]
    directories: set[str]
    absent: dict[str, str]


def places_of(paths: Iterable[str | os.PathLike[str]], catalog: Catalog | None = None) -> Places:
    """Absolute places of paths, without those that lie inside another.

    Parameters
    ----------
    paths : iterable of path-like
    catalog : Catalog, optional
        Which may know places under the names of links that lead to them.

    Raises
    ------
    IngestError
        If something is no path, or is neither a directory nor a ``.iid`` file.
    """
    ways = Ways()
    named = [_checked(path, ways) for path in paths]
    with nullcontext() if catalog is None else catalog.reading() as connection:
        recorded = Recorded(connection, (one.ways[-1] for one in named if one.is_directory))
        placed = {recorded.chosen(one.ways, one.is_directory): one for one in named}
    directories = {place for place, one in placed.items() if one.is_directory}
    single = [place for place in placed if place not in directories]
    exist = zip(single, exist_at(single), strict=True)
    there = directories | {place for place, is_there in exist if is_there}
    lost = [place for place in single if place not in there and is_web(place)]
    if lost and catalog is not None:
        # It is looked at as what is there, and missed: no list will ever say that it is gone.
        with catalog.reading() as connection:
            there.update(filter(Recorded(connection, ()).knows, lost))
    enclosing = Enclosing(there)
    kept = [place for place in sorted(there) if not enclosing.over(storage_at(place).parent(place))]
    absent = {place: one.given for place, one in placed.items() if place not in there}
    return Places(kept, directories, absent)


class _Named(NamedTuple):
    """A path as it was given, all ways to it, and whether they lead to a directory."""

    given: str
    ways: list[str]
    is_directory: bool


def _checked(path: str | os.PathLike[str], known: Ways) -> _Named:
    try:
        given = os.fsdecode(path)
        storage = storage_at(given)
        ways = known.to(given)
        os.fsencode(ways[-1])
    except SourceError as error:
        raise IngestError(str(error)) from None
    except (TypeError, ValueError):
        raise IngestError(f"{path!r:.200}: is no path") from None
    is_directory = storage.is_dir(ways[-1])
    if not is_directory and not any(map(is_iid, ways)) and storage.exists(ways[-1]):
        raise IngestError(f"{given}: is no directory, and does not end in .iid")
    return _Named(given, ways, is_directory)


def look(
    catalog: Catalog,
    places: Places,
    report: IngestReport,
    asked: Looking,
) -> Findings:
    """Compare directories and single files with what the catalogue holds of them.

    Parameters
    ----------
    catalog : Catalog
    places : Places
        Those of `places_of`.
    report : IngestReport
        Takes the files that need not be read.
    asked : Looking

    Returns
    -------
    Findings
    """
    findings = Findings(ToRead(), {}, {})
    longest = catalog.store.longest_name
    for seen in _batches(_parts(catalog, places, report, asked)):
        with catalog.reading() as connection:
            for part, listing in seen:
                for path, reason in take_long_paths(listing, longest).items():
                    report.failed += 1
                    report.failures[location_of(part.root.location, path)] = reason
                _compare(connection, part, listing, findings, report, asked.checksum)
    return findings


class _Part(NamedTuple):
    """Part of a root that is looked at: one of its directories, or some of its files, by path."""

    root: RootDirectory
    is_directory: bool
    paths: list[str]


def _parts(catalog: Catalog, places: Places, report: IngestReport, asked: Looking) -> list[_Part]:
    """The places inside their roots; neighbouring files of one root are one part."""
    parts: list[_Part] = []
    for root, is_directory, place in _roots_of(catalog, places, report, asked):
        path = storage_at(root.location).relative(root.location, place) or ""
        last = parts[-1] if parts else None
        if last is not None and not (is_directory or last.is_directory) and last.root is root:
            last.paths.append(path)
        else:
            parts.append(_Part(root, is_directory, [path]))
    return parts


def _roots_of(
    catalog: Catalog, places: Places, report: IngestReport, asked: Looking
) -> Iterator[tuple[RootDirectory, bool, str]]:
    """The root of each place: one that it lies in, or else itself; whether it is a directory."""
    whole = [place for place in places.there if place in places.directories]
    directories = [
        place if place in places.directories else storage_at(place).parent(place)
        for place in places.there
    ]
    distinct = list(dict.fromkeys(directories))
    with catalog.reading() as connection:
        known = root_directories(connection)
    known = reappeared(catalog, known, whole, report, asked.dry_run)
    roots = KnownRoots(known)
    new = [directory for directory in distinct if roots.over(directory) is None]
    homes = web_homes(place for place in new if place not in places.directories)
    if homes:
        directories = [homes.get(directory, directory) for directory in directories]
        distinct = list(dict.fromkeys(directories))
        new = [directory for directory in distinct if roots.over(directory) is None]
    if new and not asked.dry_run:
        with catalog.writing() as connection:
            add_roots(connection, new)
            roots = KnownRoots(root_directories(connection))
    found = {directory: roots.over(directory) for directory in distinct}
    plain = {root.id for root in found.values() if root is not None and not root.has_fixity}
    if asked.fixity and plain and not asked.dry_run:
        with catalog.writing() as connection:
            keep_fixity_of(connection, plain)
    # One object for each root, whatever lies in it.
    taken: dict[str, RootDirectory] = {}
    for directory, place in zip(directories, places.there, strict=True):
        root = found[directory] or RootDirectory(0, "", directory)
        if root.location not in taken:
            taken[root.location] = _asked(root, asked.fixity)
        yield taken[root.location], place == directory, place


def _asked(root: RootDirectory, fixity: bool) -> RootDirectory:
    return root._replace(has_fixity=bool(root.has_fixity or fixity))


def _batches(parts: Iterable[_Part]) -> Iterator[list[tuple[_Part, Listing]]]:
    """Look at parts; hand on together those with few files, to be compared in one transaction."""
    seen: list[tuple[_Part, Listing]] = []
    number = 0
    for part in parts:
        root, paths = part.root, part.paths
        listing = discover(root.location, paths[0]) if part.is_directory else _stamps(root, paths)
        seen.append((part, listing))
        number += 1 + len(listing.found)
        if number >= _TOGETHER:
            yield seen
            seen, number = [], 0
    if seen:
        yield seen


def _stamps(root: RootDirectory, paths: Iterable[str]) -> Listing:
    join = storage_at(root.location).join
    named = list(paths)
    listing = Listing()
    for path, stamp in zip(
        named, stamps_at([join(root.location, path) for path in named]), strict=True
    ):
        if isinstance(stamp, FileStamp):
            listing.found[path] = stamp
        elif not isinstance(stamp, SourceNotFoundError):
            listing.unreadable[path] = _reason(stamp, join(root.location, path))
    return listing


def _reason(error: SourceError, location: str) -> str:
    return str(error).removeprefix(f"{location}: ")


def _compare(
    connection: Connection,
    part: _Part,
    seen: Listing,
    findings: Findings,
    report: IngestReport,
    checksum: bool,
) -> None:
    """Compare what was seen of a part with what the catalogue holds of it."""
    root, found, unreadable = part.root, seen.found, seen.unreadable
    below, fixity = part.paths[0], root.has_fixity
    # A list is a store's word that nothing is there, where a disk may not be mounted.
    is_empty = not found and (bool(unreadable) or not is_remote(root.location))
    if not part.is_directory:
        rows = files_at(connection, root.id, part.paths)
    elif checksum:
        rows = files_of_root(connection, root.id, below)
    else:
        stamps = stamps_of_root(connection, root.id, below, fixity=fixity)
        n_unchanged, others = without_unchanged(found, stamps)
        report.unchanged += n_unchanged
        if others:
            rows = of_others(files_of_root(connection, root.id, below), others, fixity)
        else:
            rows = other_files_of_root(connection, root.id, below, fixity=fixity)
    todo = plan(
        found,
        rows,
        unreadable=unreadable,
        checksum=checksum,
        fixity=fixity,
        is_empty=is_empty,
    )
    findings.to_read.add(root, todo.scan, todo.known)
    for lost, taken in ((todo.gone, findings.gone), (todo.lost, findings.lost)):
        for path in lost:
            known = todo.known[path]
            taken[known] = Unread(root, path, known.stamp, known)
    report.unchanged += todo.unchanged
    report.failed += len(todo.failed)
    # Of a list that broke off, nobody knows what is there.
    report.kept += 0 if unreadable and is_remote(root.location) else todo.kept
    reasons = failures(connection, root.id, todo.failed)
    for path in todo.failed:
        report.failures[location_of(root.location, path)] = reasons[path]
    for path, reason in unreadable.items():
        report.unreadable[location_of(root.location, path)] = reason
