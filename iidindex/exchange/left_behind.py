"""Files that an earlier import of a source wrote, and for which it has no picture now."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from iidindex.errors import IIDIndexError
from iidindex.exchange.output_paths import whole_of_tile
from iidindex.files.iidfile import IIDFile
from iidindex.storage.paths import is_iid

# Files of which it is looked up whose they are, and of those found how many are named.
MOST_LOOKED_AT = 20_000
_NAMED = 5


class LeftBehind(NamedTuple):
    """What was found.

    Attributes
    ----------
    n_files : int
    first : list of str
        The first few, relative to the archive, in the order of their names.
    is_all : bool
        Whether there was nothing more to look at.
    """

    n_files: int
    first: list[str]
    is_all: bool


def left_behind(out: str, sources: set[tuple[str, str]], places: set[str]) -> LeftBehind:
    """Look through an archive for files of some sources; only metadata are read.

    Parameters
    ----------
    out : str
        The archive.
    sources : set of (str, str)
        Where each source is, and its format.
    places : set of str
        What this import wrote, or would write, relative to the archive: not looked at.

    Returns
    -------
    LeftBehind
    """
    found: list[str] = []
    n_looked_at = 0
    for place in _files_in(out):
        if place in places or whole_of_tile(place) in places:
            continue
        if n_looked_at == MOST_LOOKED_AT:
            return LeftBehind(len(found), found[:_NAMED], False)
        n_looked_at += 1
        if _source_of(os.path.join(out, *place.split("/"))) in sources:
            found.append(place)
    return LeftBehind(len(found), found[:_NAMED], True)


def _files_in(out: str) -> Iterator[str]:
    for folder, folders, names in os.walk(out):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        within = os.path.relpath(folder, out).replace(os.sep, "/")
        lead = "" if within == "." else within + "/"
        yield from (lead + name for name in sorted(names) if is_iid(name))


def _source_of(path: str) -> tuple[str, str] | None:
    """Where the source of a file is, as its metadata tell, and its format."""
    try:
        with IIDFile(path) as file:
            meta = file.meta.data
    except (IIDIndexError, OSError):
        return None
    source = meta.get("source") if isinstance(meta, dict) else None
    place, kind = (
        (source.get("place"), source.get("format")) if isinstance(source, dict) else (None, None)
    )
    if not isinstance(place, str) or not isinstance(kind, str) or "\0" in place:
        return None
    return os.path.normpath(os.path.join(os.path.dirname(path), place)), kind
