"""What ingests changed, by name: the journal, read."""

from __future__ import annotations

import os
import re
import time
from datetime import UTC, date, datetime
from numbers import Real
from typing import Any, NamedTuple

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.lookup import asked
from iidindex.errors import QueryError
from iidindex.files.arguments import check_number
from iidindex.query.question.filter_kinds import MAX_INTEGER

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}

_CHANGES = (
    "SELECT c.id, i.started, c.kind, c.path, c.old_path FROM changes c "
    "JOIN ingests i ON i.id = c.ingest_id WHERE {} AND c.id > ? ORDER BY c.id LIMIT ?"
)


class _Change(NamedTuple):
    time: str
    kind: str
    path: str
    old_path: str | None


class Change(_Change):
    """What became of a file: when, what, its path inside its root, and where it was.

    ``time`` is when the ingest began, as ISO 8601 writes it, in UTC. ``old_path`` lies inside the
    root, too, or is where the file lay on the disk, if it was in another. Beside the tuple, ``id``
    is the number of the change in the journal.
    """

    id: int = 0


def changes(
    catalog: Catalog,
    since: str | datetime | float | None = None,
    *,
    limit: int | None = None,
    after: Change | None = None,
) -> list[Change]:
    """What changed since a time, the oldest first.

    Raises
    ------
    QueryError
        If `since` is no time that is understood.
    """
    if isinstance(since, str) and since == "last":
        condition, values = "i.id = (SELECT max(id) FROM ingests)", list[float]()
    elif since is None:
        condition, values = "1 = 1", []
    else:
        condition, values = "i.started >= ?", [begin_of(since, time.time())]
    limit = check_number(limit, "limit")
    values += [0 if after is None else after.id, MAX_INTEGER if limit is None else limit]
    with catalog.reading() as connection:
        return [_read(*row) for row in asked(connection, _CHANGES.format(condition), values)]


def _read(number: int, started: float, kind: str, path: Any, old_path: Any) -> Change:
    found = Change(
        datetime.fromtimestamp(started, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        kind,
        os.fsdecode(path),
        None if old_path is None else os.fsdecode(old_path),
    )
    found.id = number
    return found


def begin_of(since: str | datetime | float, now: float) -> float:
    """A time in seconds since the epoch.

    Parameters
    ----------
    since : str, datetime or float
        As `Index.changes` takes it, but for ``last``.
    now : float

    Examples
    --------
    >>> begin_of("2h", 10_000), begin_of("1970-01-02T00:00Z", 0)
    (2800, 86400.0)
    """
    try:
        if isinstance(since, Real) and not isinstance(since, bool):
            return float(datetime.fromtimestamp(float(since), UTC).timestamp())
        if isinstance(since, datetime):
            return since.timestamp()
        if isinstance(since, date):
            return datetime(since.year, since.month, since.day).timestamp()
        if isinstance(since, str):
            span = re.fullmatch(r"(\d{1,9})([smhdw])", since, re.ASCII)
            if span is not None:
                return now - int(span[1]) * _SECONDS[span[2]]
            return datetime.fromisoformat(since).timestamp()
    except (ValueError, OverflowError, OSError):
        pass
    raise QueryError(
        f"since is {since!r:.200}; expected last, a span such as 1d or 12h, or a date such as "
        "2026-11-30"
    )
