"""What a worker process does. It imports no more than that: SQL stays with the writer."""

from __future__ import annotations

from dataclasses import dataclass

from iidindex.errors import IIDFormatError
from iidindex.files.scan import scan
from iidindex.model import FileColumns


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a file could not be read; whether trying again may help though nothing changes."""

    reason: str
    transient: bool


def scan_one(location: str) -> FileColumns | Failure:
    """Scan a file, or say why it cannot be: one bad file never stops the rest."""
    try:
        return scan(location)
    except IIDFormatError as error:
        error.source = None  # the file is named beside the reason
        return Failure(str(error), transient=False)
    except OSError as error:
        return Failure(error.strerror or str(error), transient=True)
