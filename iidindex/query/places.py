"""Files named as people name them: inside their root, or by where they lie on disk."""

from __future__ import annotations

import os

from iidindex.catalog.engine import Catalog
from iidindex.catalog.places import all_roots
from iidindex.query.entries import Entries, Entry


def entry_of(entries: Entries, catalog: Catalog, path: str, key: int) -> Entry | None:
    """One entry of one file, or None if there is none."""
    for candidate in (path, *_inside_roots(catalog, path)):
        for entry in entries.where(path=candidate, key=key):
            if entry.path == candidate:  # and not only its pattern
                return entry
    return None


def _inside_roots(catalog: Catalog, path: str) -> list[str]:
    place = os.path.realpath(path)
    with catalog.reading() as connection:
        locations = [root.location.rstrip("/") + "/" for root in all_roots(connection)]
    return [place.removeprefix(base) for base in locations if place.startswith(base)]
