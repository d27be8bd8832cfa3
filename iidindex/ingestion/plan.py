"""Deciding what to do with each file. Pure: no disk, no database."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from iidindex.model import FileStamp


@dataclass(frozen=True, slots=True)
class Known:
    """What the catalogue holds of a file."""

    id: int
    stamp: FileStamp
    digest: bytes | None
    state: str


@dataclass(slots=True)
class Plan:
    """What to do, by path, before any file is opened.

    Attributes
    ----------
    scan : dict of str to FileStamp
        Files that are new or have another stamp.
    known : dict of str to Known
        What the catalogue holds of files that are scanned or gone, if anything.
    unchanged : int
        How many files have the stamp they had, and could be read then.
    failed : list of str
        Files that have the stamp they had, and could not be read then.
    gone : list of str
        Files that were there and are not now.
    lost : list of str
        Files that were missing before and still are; one that turns up elsewhere has moved.
    kept : int
        How many files were there, while now there is none at all: perhaps a disk is not
        mounted.
    """

    scan: dict[str, FileStamp]
    known: dict[str, Known] = field(default_factory=dict)
    unchanged: int = 0
    failed: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    kept: int = 0


# Path, id, size, mtime_ns, digest, state: as the catalogue lists a file.
Row = tuple[str, int, int, int, bytes | None, str]


def plan(
    found: dict[str, FileStamp],
    rows: Iterable[Row],
    *,
    unreadable: Collection[str] = (),
    checksum: bool = False,
) -> Plan:
    """Compare what is on disk with what the catalogue holds.

    Most files of a large archive are as they were. Those cost a dictionary look-up each, and
    nothing is made or kept for them.

    Parameters
    ----------
    found : dict of str to FileStamp
        By path inside the root. It is used up.
    rows : iterable of Row
        What the catalogue holds of the part of the root that was walked.
    unreadable : collection of str
        Directories and files that could not be looked at.
    checksum : bool
        Read every file, whatever its stamp.

    Returns
    -------
    Plan
    """
    # An empty directory may be one where the disk is not mounted.
    may_be_gone = bool(found)
    hidden = tuple(f"{path}/" for path in unreadable)
    result = Plan(scan=found)
    changed: dict[str, FileStamp] = {}
    for path, file_id, size, mtime_ns, digest, state in rows:
        stamp = found.pop(path, None)
        if stamp is None:
            if not may_be_gone or path in unreadable or path.startswith(hidden):
                result.kept += state == "ok" and not may_be_gone
                continue
            (result.lost if state == "missing" else result.gone).append(path)
        elif stamp == (size, mtime_ns) and state != "missing" and not checksum:
            if state == "ok":
                result.unchanged += 1
            else:
                result.failed.append(path)
            continue
        else:
            changed[path] = stamp
        result.known[path] = Known(file_id, FileStamp(size, mtime_ns), digest, state)
    found.update(changed)
    return result


class Outcome(Enum):
    """What became of a file that was read."""

    ADDED = "added"
    UPDATED = "updated"
    TOUCHED = "touched"
    MOVED = "moved"


class Matcher:
    """Decides what became of each file that was read, one after the other.

    Parameters
    ----------
    known : mapping of str to Known
        By path inside the root.
    gone : collection of str
        Paths of `known` that a file may have moved from.
    """

    def __init__(self, known: Mapping[str, Known], gone: Collection[str]) -> None:
        self._known = known
        self._gone: dict[bytes, list[str]] = {}
        for path in gone:
            digest = known[path].digest
            if digest is not None:
                self._gone.setdefault(digest, []).append(path)

    def match(self, path: str, digest: bytes) -> tuple[Outcome, Known | None, str | None]:
        """Match a file that was read with what was known.

        Returns
        -------
        outcome : Outcome
        known : Known or None
            What the catalogue holds of it, unless it is added.
        old_path : str or None
            Where it was, if it moved. It is not gone then.
        """
        before = self._known.get(path)
        if before is not None:
            same = before.digest == digest and before.state != "failed"
            return (Outcome.TOUCHED if same else Outcome.UPDATED), before, None
        candidates = self._gone.get(digest)
        if candidates:
            old_path = candidates.pop(0)
            return Outcome.MOVED, self._known[old_path], old_path
        return Outcome.ADDED, None, None
