"""How much a catalogue holds."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import func, select

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.schema import FAILED, MISSING, OK, files, groups, iids, roots


class Stats(NamedTuple):
    """Counts over the whole catalogue.

    ``files`` counts the files that could be read and are there, and ``entries`` counts their
    entries, which questions find. ``iids`` and ``groups`` count all that are stored. Until
    `prune`, these include those of missing files, and those that no entry has any more.
    """

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

        states = select(files.c.state, func.count(), func.sum(files.c.n_entries))
        found = connection.execute(states.group_by(files.c.state))
        by_state = {state: (n_files, n_entries) for state, n_files, n_entries in found}
        n_files, n_entries = by_state.get(OK, (0, 0))
        return Stats(
            count(roots),
            n_files,
            by_state.get(MISSING, (0, 0))[0],
            by_state.get(FAILED, (0, 0))[0],
            n_entries,
            count(iids),
            count(groups),
        )
