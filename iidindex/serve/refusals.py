"""Why a request is not answered: a status, what is wrong, and what to do."""

from __future__ import annotations

from typing import NamedTuple

from iidindex.errors import (
    CatalogError,
    CatalogLockedError,
    IIDFormatError,
    QueryError,
    SeveralDomainsError,
    SourceError,
    TimeLimitError,
)
from iidindex.typed_iids import show

SEE = "see /api/openapi.json"


class Refusal(NamedTuple):
    """An answer that is none."""

    status: int
    error: str
    hint: str = SEE

    @property
    def body(self) -> dict[str, str]:
        """As JSON has it."""
        return {"error": self.error, "hint": self.hint}


class Refused(Exception):  # noqa: N818  (it says what happened)
    """Raised to refuse a request.

    Parameters
    ----------
    status : int
    error, hint : str
    """

    def __init__(self, status: int, error: str, hint: str = SEE) -> None:
        super().__init__(status, error, hint)
        self.refusal = Refusal(status, error, hint)


def refusal_of(error: Exception) -> Refusal | None:
    """What to answer after an error; None, if it was not expected."""
    if isinstance(error, Refused):
        return error.refusal
    if isinstance(error, SeveralDomainsError):
        return told_apart(error, "domain")
    if isinstance(error, QueryError):
        return _parted(400, str(error))
    if isinstance(error, (SourceError, IIDFormatError)):
        return _parted(409, str(error))
    if isinstance(error, CatalogLockedError):
        return _parted(503, str(error))
    if isinstance(error, TimeLimitError):
        return Refusal(503, str(error), "ask for less: fewer rows, a smaller box, more filters")
    if isinstance(error, CatalogError):
        return _parted(503, str(error))
    if isinstance(error, MemoryError):
        return Refusal(503, "there is not enough memory for it", "ask for less")
    return None


def told_apart(error: SeveralDomainsError, parameter: str) -> Refusal:
    """That several individuals have an address, and how one is named."""
    told = error.told(lambda value: f"'{show(value)}'", f"{parameter} or as iid:DOMAIN.ADDRESS")
    return _parted(400, told)


def _parted(status: int, told: str) -> Refusal:
    """A message, which says what is wrong, and often what to do behind a semicolon."""
    error, _, hint = told.partition("; ")
    return Refusal(status, error, hint or SEE)
