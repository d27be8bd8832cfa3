"""What a worker process does. It imports no more than that: SQL stays with the writer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from iidindex.columns import Batch, FileColumns, gather
from iidindex.errors import IIDFormatError
from iidindex.files.scan import scan


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a file could not be read; whether trying again may help though nothing changes."""

    reason: str
    transient: bool


@dataclass(frozen=True, slots=True)
class Scanned:
    """What came of some files.

    Attributes
    ----------
    batch : Batch or None
        The columns of those that could be read; None if there are none.
    read : list of int
        Which they were, by position among those asked for.
    failures : dict of int to Failure
        Why the others could not be.
    """

    batch: Batch | None
    read: list[int]
    failures: dict[int, Failure]


class ToScan(NamedTuple):
    """A file to scan: where it can be opened, and whether its fixity is recorded."""

    location: str
    fixity: bool = False


def scan_many(files: Sequence[ToScan]) -> Scanned:
    """Scan files, or say why they cannot be: one bad file never stops the rest."""
    found: list[FileColumns] = []
    read: list[int] = []
    failures: dict[int, Failure] = {}
    for which, (location, fixity) in enumerate(files):
        try:
            found.append(scan(location, fixity=fixity))
            read.append(which)
        except IIDFormatError as error:
            error.source = None  # the file is named beside the reason
            failures[which] = Failure(str(error), transient=False)
        except OSError as error:
            reason = str(error).removeprefix(f"{location}: ")
            failures[which] = Failure(reason, transient=True)
    return Scanned(gather(found) if found else None, read, failures)
