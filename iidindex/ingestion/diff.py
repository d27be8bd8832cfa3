"""Comparing places on disk with what the catalogue holds of them; no file is opened."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import NamedTuple

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.file_rows import (
    failures,
    files_of_root,
    other_files_of_root,
    stamps_of_root,
)
from iidindex.catalog.roots import (
    RootDirectory,
    add_root,
    keep_fixity_of,
    root_directories,
    root_over,
)
from iidindex.errors import IngestError, SourceError
from iidindex.ingestion.discover import discover
from iidindex.ingestion.linked import chosen
from iidindex.ingestion.plan import Known, Plan, plan
from iidindex.ingestion.reappearing import reappeared
from iidindex.ingestion.report import IngestReport
from iidindex.ingestion.unchanged import of_others, without_unchanged
from iidindex.model import FileStamp
from iidindex.storage.paths import is_iid
from iidindex.storage.places import location_of, storage_at


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


@dataclass(frozen=True, slots=True)
class Unread:
    """A file to be read: its root, its path inside, its stamp, and what is known of it."""

    root: RootDirectory
    path: str
    stamp: FileStamp
    known: Known | None

    @property
    def has_fixity(self) -> bool:
        """Whether fixity is to be recorded: what has it once is never without."""
        known = self.known
        return self.root.has_fixity or (known is not None and known.fixity is not None)

    @property
    def location(self) -> str:
        """Where it can be opened."""
        return location_of(self.root.location, self.path)


@dataclass(slots=True)
class Findings:
    """What looking has found, over all places.

    Attributes
    ----------
    to_read : list of Unread
        Files that are new or have another stamp.
    gone, lost : dict of Known to Unread
        Files that were there and are not now, and those that were missing before and still are.
    """

    to_read: list[Unread]
    gone: dict[Known, Unread]
    lost: dict[Known, Unread]


class Places(NamedTuple):
    """What is to be looked at, and what is not there: absolute places, and how they were given."""

    there: list[str]
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
    named = [_checked(path) for path in paths]
    tops = [ways[-1] for _, ways in named if storage_at(ways[-1]).is_dir(ways[-1])]
    places: set[str] = set()
    absent: dict[str, str] = {}
    with nullcontext() if catalog is None else catalog.reading() as connection:
        for given, ways in named:
            place = chosen(ways, connection, tops)
            if _is_there(place):
                places.add(place)
            else:
                absent[place] = given
    kept = [place for place in sorted(places) if not _lies_in_any(place, places)]
    return Places(kept, absent)


def _lies_in_any(place: str, places: set[str]) -> bool:
    """Whether one of the directories that it lies in is among some places."""
    storage = storage_at(place)
    above = storage.parent(place)
    while above and above != place:
        if above in places:
            return True
        place, above = above, storage.parent(above)
    return False


def _checked(path: str | os.PathLike[str]) -> tuple[str, list[str]]:
    """A path as it was given, and all ways to it."""
    try:
        given = os.fsdecode(path)
        storage = storage_at(given)
        ways = storage.ways(given)
        os.fsencode(ways[-1])
    except SourceError as error:
        raise IngestError(str(error)) from None
    except (TypeError, ValueError):
        raise IngestError(f"{path!r:.200}: is no path") from None
    if not any(map(is_iid, ways)) and not storage.is_dir(ways[-1]) and storage.exists(ways[-1]):
        raise IngestError(f"{given}: is no directory, and does not end in .iid")
    return given, ways


def _is_there(place: str) -> bool:
    storage = storage_at(place)
    return storage.is_dir(place) or storage.exists(place)


def look(
    catalog: Catalog,
    places: list[str],
    report: IngestReport,
    asked: Looking,
) -> Findings:
    """Compare directories and single files with what the catalogue holds of them.

    Parameters
    ----------
    catalog : Catalog
    places : list of str
        Those of `places_of` that are there.
    report : IngestReport
        Takes the files that need not be read.
    asked : Looking

    Returns
    -------
    Findings
    """
    findings = Findings([], {}, {})
    for root, place in _roots_of(catalog, places, report, asked):
        todo = _compare(catalog, root, place, asked.checksum, report)
        findings.to_read += [
            Unread(root, path, stamp, todo.known.get(path)) for path, stamp in todo.scan.items()
        ]
        for paths, taken in ((todo.gone, findings.gone), (todo.lost, findings.lost)):
            for path in paths:
                known = todo.known[path]
                taken[known] = Unread(root, path, known.stamp, known)
    return findings


def _roots_of(
    catalog: Catalog, places: list[str], report: IngestReport, asked: Looking
) -> list[tuple[RootDirectory, str]]:
    """The root of each place: one that it lies in, or else itself."""
    directories = [_directory_of(place) for place in places]
    whole = [place for place, own in zip(places, directories, strict=True) if place == own]
    with catalog.reading() as connection:
        known = root_directories(connection)
    known = reappeared(catalog, known, whole, report, asked.dry_run)
    new = [directory for directory in directories if root_over(known, directory) is None]
    if new and not asked.dry_run:
        with catalog.writing() as connection:
            for directory in new:
                # Two files of one directory have one root.
                if root_over(known, directory) is None:
                    add_root(connection, directory)
                    known = root_directories(connection)
    found = [root_over(known, directory) for directory in directories]
    plain = {root.id for root in found if root is not None and not root.has_fixity}
    if asked.fixity and plain and not asked.dry_run:
        with catalog.writing() as connection:
            for root_id in plain:
                keep_fixity_of(connection, root_id)
    return [
        (_asked(root or RootDirectory(0, "", directory), asked.fixity), place)
        for root, directory, place in zip(found, directories, places, strict=True)
    ]


def _directory_of(place: str) -> str:
    storage = storage_at(place)
    return place if storage.is_dir(place) else storage.parent(place)


def _asked(root: RootDirectory, fixity: bool) -> RootDirectory:
    return root._replace(has_fixity=bool(root.has_fixity or fixity))


def _compare(
    catalog: Catalog, root: RootDirectory, place: str, checksum: bool, report: IngestReport
) -> Plan:
    storage = storage_at(root.location)
    below = storage.relative(root.location, place) or ""
    if storage.is_dir(place):
        discovery = discover(root.location, below)
        found, unreadable = discovery.found, discovery.unreadable
    else:
        found, unreadable = {below: storage.stamp(place)[:2]}, {}
    is_empty, fixity = not found, root.has_fixity
    with catalog.reading() as connection:
        if checksum:
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
        reasons = failures(connection, root.id) if todo.failed else {}
    report.unchanged += todo.unchanged
    report.failed += len(todo.failed)
    report.kept += todo.kept
    for path in todo.failed:
        report.failures[location_of(root.location, path)] = reasons[path]
    for path, reason in unreadable.items():
        report.unreadable[location_of(root.location, path)] = reason
    return todo
