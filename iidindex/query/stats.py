"""How much a catalogue holds."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import func, select

from iidindex.catalog.engine import Catalog
from iidindex.catalog.schema import FAILED, MISSING, OK, entries, files, groups, iids, roots


class Stats(NamedTuple):
    """Counts over the whole catalogue; ``files`` are those that could be read."""

    roots: int
    files: int
    missing: int
    failed: int
    entries: int
    iids: int
    groups: int


def stats(catalog: Catalog) -> Stats:
    """Count what a catalogue holds, in one consistent view."""
    with catalog.reading() as connection:

        def count(table: object) -> int:
            number: int = connection.execute(
                select(func.count()).select_from(table)  # type: ignore[arg-type]
            ).scalar_one()
            return number

        states = select(files.c.state, func.count()).group_by(files.c.state)
        by_state = {row[0]: row[1] for row in connection.execute(states)}
        return Stats(
            count(roots),
            by_state.get(OK, 0),
            by_state.get(MISSING, 0),
            by_state.get(FAILED, 0),
            count(entries),
            count(iids),
            count(groups),
        )
