"""Files named as people name them: inside their root, or by where they lie on disk."""

from __future__ import annotations

import os

from iidindex.errors import QueryError
from iidindex.query.entries import Entries, Entry


def entry_of(entries: Entries, path: str, key: int) -> Entry | None:
    """One entry of one file, or None if there is none.

    Where the file lies on disk comes first; a path inside a root must fit one root only.

    Raises
    ------
    QueryError
        If files of several roots have that path.
    """
    question = entries.where(key=key)
    place = os.path.realpath(path)
    for entry in question.where(path=place):
        if entry.location == place:
            return entry
    # A path is a pattern to `where`; here it is meant as it stands.
    found = [entry for entry in question.where(path=path) if entry.path == path]
    places = sorted({entry.location for entry in found})
    if len(places) > 1:
        raise QueryError(f"{path}: several files have this path; name one of {', '.join(places)}")
    return found[0] if found else None
