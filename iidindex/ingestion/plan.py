"""Deciding what to do with each file. Pure: no disk, no database."""

from __future__ import annotations

from collections.abc import Collection, Mapping
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


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, by path, before any file is opened.

    Attributes
    ----------
    scan : list of str
        Files that are new or have another stamp.
    unchanged, failed : list of str
        Files with the stamp they had; those could be read then, and these could not.
    gone : list of str
        Files that were there and are not now.
    """

    scan: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)


def plan(
    found: Mapping[str, FileStamp],
    known: Mapping[str, Known],
    *,
    unreadable: Collection[str] = (),
    checksum: bool = False,
) -> Plan:
    """Compare what is on disk with what the catalogue holds.

    Parameters
    ----------
    found : mapping of str to FileStamp
        By path inside the root.
    known : mapping of str to Known
        By path inside the root, of the part of the root that was walked.
    unreadable : collection of str
        Directories and files that could not be looked at.
    checksum : bool
        Read every file, whatever its stamp.

    Returns
    -------
    Plan
    """
    result = Plan()
    for path, stamp in found.items():
        before = known.get(path)
        if before is None or before.stamp != stamp or before.state == "missing" or checksum:
            result.scan.append(path)
        elif before.state == "failed":
            result.failed.append(path)
        else:
            result.unchanged.append(path)
    if found:  # otherwise the disk may just not be mounted
        hidden = tuple(f"{path}/" for path in unreadable)
        result.gone.extend(
            path
            for path, before in known.items()
            if path not in found
            and before.state != "missing"
            and path not in unreadable
            and not path.startswith(hidden)
        )
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
