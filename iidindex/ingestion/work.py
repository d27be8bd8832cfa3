"""What a worker process does. It imports no more than that: SQL stays with the writer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from iidindex.columns import Batch, FileColumns, gather
from iidindex.errors import IIDFormatError
from iidindex.files.scan import is_small, scan
from iidindex.files.scan_together import TOGETHER, scan_together
from iidindex.storage.places import opening


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a file could not be read.

    Attributes
    ----------
    reason : str
    transient : bool
        Whether trying again may help though nothing changes.
    is_absent : bool
        Whether it was not there, for the process that was to read it.
    """

    reason: str
    transient: bool
    is_absent: bool = False


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
    """A file to scan.

    Attributes
    ----------
    location : str
        Where it can be opened.
    fixity : bool
        Whether it is recorded.
    size : int
        In bytes, as it was listed.
    """

    location: str
    fixity: bool = False
    size: int = 0


def scan_many(files: Sequence[ToScan]) -> Scanned:
    """Scan files, or say why they cannot be: one bad file never stops the rest."""
    with opening([files[nth].location for nth in _order(files)]):
        return _scan_many(files)


def _order(files: Sequence[ToScan]) -> Iterator[int]:
    """In which order files are opened, unless one has to be opened twice."""
    for low in range(0, len(files), TOGETHER):
        some = range(low, min(low + TOGETHER, len(files)))
        yield from (nth for nth in some if _fits(files[nth]))
        yield from (nth for nth in some if not _fits(files[nth]))


def _fits(file: ToScan) -> bool:
    """Whether a file can be scanned together with others."""
    return not file.fixity and is_small(file.size)


def _scan_many(files: Sequence[ToScan]) -> Scanned:
    found: list[FileColumns] = []
    read: list[int] = []
    failures: dict[int, Failure] = {}
    for which, ((location, fixity, _), columns) in enumerate(
        zip(files, _together(files), strict=True)
    ):
        try:
            found.append(scan(location, fixity=fixity) if columns is None else columns)
            read.append(which)
        except IIDFormatError as error:
            error.source = None  # the file is named beside the reason
            failures[which] = Failure(str(error), transient=False)
        except OSError as error:
            reason = str(error).removeprefix(f"{location}: ")
            is_absent = isinstance(error, FileNotFoundError)
            failures[which] = Failure(reason, transient=True, is_absent=is_absent)
    return Scanned(gather(found) if found else None, read, failures)


def _together(files: Sequence[ToScan]) -> Iterator[FileColumns | None]:
    """The columns of those that can be scanned together, some at a time; None for the others."""
    for low in range(0, len(files), TOGETHER):
        some = files[low : low + TOGETHER]
        fit = [nth for nth, file in enumerate(some) if _fits(file)]
        found: list[FileColumns | None] = [None] * len(some)
        for nth, columns in zip(
            fit, scan_together([some[nth].location for nth in fit]), strict=True
        ):
            found[nth] = columns
        yield from found
