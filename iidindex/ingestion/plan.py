"""Deciding what to do with each file. Pure: no disk, no database."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import cast

from iidindex.model import FileStamp


@dataclass(frozen=True, slots=True)
class Known:
    """What the catalogue holds of a file."""

    id: int
    stamp: FileStamp
    digest: bytes | None
    state: str
    fixity: bytes | None = None


@dataclass(slots=True)
class Plan:
    """What to do, by path, before any file is opened.

    Attributes
    ----------
    scan : dict of str to FileStamp
        Files that are new or have another stamp, in the order of their paths.
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


# Path, id, size, mtime_ns, digest, state, fixity: as the catalogue lists a file.
Row = tuple[str, int, int, int, bytes | None, str, bytes | None]


def plan(
    found: dict[str, tuple[int, int]],
    rows: Iterable[Row],
    *,
    unreadable: Collection[str] = (),
    checksum: bool = False,
    fixity: bool = False,
    is_empty: bool | None = None,
) -> Plan:
    """Compare what is on disk with what the catalogue holds.

    Most files of a large archive are as they were. Those cost a dictionary look-up each, and
    nothing is made or kept for them.

    Parameters
    ----------
    found : dict of str to (int, int)
        Size and time, by path inside the root. It becomes what is to be scanned.
    rows : iterable of Row
        What the catalogue holds of the part of the root that was walked.
    unreadable : collection of str
        Directories and files that could not be looked at.
    checksum : bool
        Read every file, whatever its stamp.
    fixity : bool
        Read every file whose fixity is not recorded.
    is_empty : bool, optional
        Whether there is no file at all, should more have been found than `found` tells.

    Returns
    -------
    Plan
    """
    # An empty directory may be one where the disk is not mounted.
    may_be_gone = bool(found) if is_empty is None else not is_empty
    hidden = tuple(f"{path}/" for path in unreadable)
    result = Plan(scan={})
    for path, file_id, size, mtime_ns, digest, state, known_fixity in rows:
        stamp = found.pop(path, None)
        if stamp is None:
            if not may_be_gone or path in unreadable or path.startswith(hidden):
                result.kept += state == "ok" and not may_be_gone
                continue
            (result.lost if state == "missing" else result.gone).append(path)
        elif stamp == (size, mtime_ns) and state == "ok":
            if not checksum and (known_fixity is not None or not fixity):
                result.unchanged += 1
                continue
            found[path] = stamp
        elif stamp == (size, mtime_ns) and state == "failed" and not checksum:
            result.failed.append(path)
            continue
        else:
            found[path] = stamp
        then = FileStamp(*(stamp if stamp == (size, mtime_ns) else (size, mtime_ns)))
        result.known[path] = Known(file_id, then, digest, state, known_fixity)
    # In the same dictionary, as a second one would be as large.
    for path in sorted(found):
        found[path] = FileStamp(*found.pop(path))
    result.scan = cast("dict[str, FileStamp]", found)
    return result


class Outcome(Enum):
    """What became of a file that was read."""

    ADDED = "added"
    UPDATED = "updated"
    TOUCHED = "touched"
    MOVED = "moved"
    RETURNED = "returned"
    UNCHANGED = "unchanged"


class Matcher:
    """Decides what became of each file that was read, one after the other.

    Parameters
    ----------
    gone : collection of Known
        Files that are no longer where they were, and may have moved.
    """

    def __init__(self, gone: Collection[Known]) -> None:
        self._gone: dict[bytes, deque[Known]] = {}
        for known in gone:
            if known.digest is not None:
                self._gone.setdefault(known.digest, deque()).append(known)

    def match(
        self,
        before: Known | None,
        stamp: FileStamp,
        digest: bytes,
        fixity: bytes | None = None,
    ) -> tuple[Outcome, Known | None]:
        """Match a file that was read with what was known.

        Parameters
        ----------
        before : Known or None
            What the catalogue holds under its path.
        stamp : FileStamp
        digest : bytes
            Of everything but the masks.
        fixity : bytes, optional
            Of all bytes, if it was asked for.

        Returns
        -------
        outcome : Outcome
        known : Known or None
            What the catalogue holds of it, unless it is added; if it moved, under another path.
        """
        if before is not None:
            # What could not be read has no digest.
            if before.digest != digest or not _may_be(before, fixity):
                return Outcome.UPDATED, before
            if before.state == "missing":
                return Outcome.RETURNED, before
            return (Outcome.UNCHANGED if before.stamp == stamp else Outcome.TOUCHED), before
        candidates = self._gone.get(digest, deque())
        for known in candidates:
            if _may_be(known, fixity):
                candidates.remove(known)
                return Outcome.MOVED, known
        return Outcome.ADDED, None


def _may_be(known: Known, fixity: bytes | None) -> bool:
    """Whether the masks are the same, as far as that is known."""
    return fixity is None or known.fixity in (None, fixity)
