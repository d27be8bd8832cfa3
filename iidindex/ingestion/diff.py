"""Comparing places on disk with what the catalogue holds of them; no file is opened."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.file_rows import failures, files_of_root
from iidindex.catalog.roots import RootDirectory, add_root, root_directories, root_over
from iidindex.errors import IngestError, SourceError
from iidindex.ingestion.discover import discover
from iidindex.ingestion.linked import chosen
from iidindex.ingestion.plan import Known, Plan, plan
from iidindex.ingestion.report import IngestReport
from iidindex.model import FileStamp
from iidindex.storage.local import stamp_of
from iidindex.storage.paths import is_iid, ways_to


@dataclass(frozen=True, slots=True)
class Unread:
    """A file to be read: its root, its path inside, its stamp, and what is known of it."""

    root: RootDirectory
    path: str
    stamp: FileStamp
    known: Known | None

    @property
    def location(self) -> str:
        """Where it can be opened."""
        return os.path.join(self.root.location, self.path)


@dataclass(slots=True)
class Findings:
    """What looking has found, over all places.

    Attributes
    ----------
    to_read : list of Unread
        Files that are new or have another stamp.
    gone : dict of Known to str
        Files that were there and are not now, and where they were.
    lost : dict of Known to str
        Files that were missing before and still are.
    """

    to_read: list[Unread]
    gone: dict[Known, str]
    lost: dict[Known, str]


def places_of(paths: Iterable[str | os.PathLike[str]], catalog: Catalog | None = None) -> list[str]:
    """Absolute places of paths, without those that lie inside another.

    Parameters
    ----------
    paths : iterable of path-like
    catalog : Catalog, optional
        Which may know places under the names of links that lead to them.

    Raises
    ------
    IngestError
        If something is not there, or is neither a directory nor a ``.iid`` file.
    """
    ways = [_checked(path) for path in paths]
    tops = [one[-1] for one in ways if os.path.isdir(one[-1])]
    with nullcontext() if catalog is None else catalog.reading() as connection:
        places = sorted({chosen(one, connection, tops) for one in ways})
    kept: list[str] = []
    for place in places:
        if not any(place.startswith(os.path.join(other, "")) for other in kept):
            kept.append(place)
    return kept


def _checked(path: str | os.PathLike[str]) -> list[str]:
    try:
        ways = ways_to(path)
        os.fsencode(ways[-1])
    except SourceError as error:
        raise IngestError(str(error)) from None
    except (TypeError, ValueError):
        raise IngestError(f"{path!r:.200}: is no path") from None
    place = ways[-1]
    if not os.path.exists(place):
        raise IngestError(f"{os.fsdecode(path)}: there is no such file or directory")
    if not os.path.isdir(place) and not any(map(is_iid, ways)):
        raise IngestError(f"{os.fsdecode(path)}: is no directory, and does not end in .iid")
    return ways


def look(
    catalog: Catalog, places: list[str], checksum: bool, dry_run: bool, report: IngestReport
) -> Findings:
    """Compare directories and single files with what the catalogue holds of them.

    Parameters
    ----------
    catalog : Catalog
    places : list of str
        From `places_of`.
    checksum : bool
        Read every file, whatever its stamp.
    dry_run : bool
        Record no root.
    report : IngestReport
        Takes the files that need not be read.

    Returns
    -------
    Findings
    """
    findings = Findings([], {}, {})
    for root, place in _roots_of(catalog, places, dry_run):
        todo = _compare(catalog, root, place, checksum, report)
        findings.to_read += [
            Unread(root, path, stamp, todo.known.get(path)) for path, stamp in todo.scan.items()
        ]
        for paths, taken in ((todo.gone, findings.gone), (todo.lost, findings.lost)):
            taken.update((todo.known[path], os.path.join(root.location, path)) for path in paths)
    return findings


def _roots_of(
    catalog: Catalog, places: list[str], dry_run: bool
) -> list[tuple[RootDirectory, str]]:
    """The root of each place: one that it lies in, or else itself."""
    directories = [place if os.path.isdir(place) else os.path.dirname(place) for place in places]
    with catalog.reading() as connection:
        known = root_directories(connection)
    new = [directory for directory in directories if root_over(known, directory) is None]
    if new and not dry_run:
        with catalog.writing() as connection:
            for directory in new:
                # Two files of one directory have one root.
                if root_over(known, directory) is None:
                    add_root(connection, directory)
                    known = root_directories(connection)
    return [
        (root_over(known, directory) or RootDirectory(0, "", directory), place)
        for directory, place in zip(directories, places, strict=True)
    ]


def _compare(
    catalog: Catalog, root: RootDirectory, place: str, checksum: bool, report: IngestReport
) -> Plan:
    below = os.path.relpath(place, root.location)
    below = "" if below == "." else below
    if os.path.isdir(place):
        discovery = discover(root.location, below)
        found, unreadable = discovery.found, discovery.unreadable
    else:
        stamp = stamp_of(place)
        found, unreadable = {below: (stamp.size, stamp.mtime_ns)}, {}
    with catalog.reading() as connection:
        reasons = failures(connection, root.id)
        rows = files_of_root(connection, root.id, below)
        todo = plan(found, rows, unreadable=unreadable, checksum=checksum)
    report.unchanged += todo.unchanged
    report.failed += len(todo.failed)
    report.kept += todo.kept
    for path in todo.failed:
        report.failures[os.path.join(root.location, path)] = reasons[path]
    for path, reason in unreadable.items():
        report.unreadable[os.path.join(root.location, path)] = reason
    return todo
