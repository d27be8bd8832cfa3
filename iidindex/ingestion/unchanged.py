"""Leaving out what is as it was, before anything is made for a file. Pure: no disk, no database."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator

from iidindex.ingestion.plan import Row


def without_unchanged(
    found: dict[str, tuple[int, int]], stamps: Iterable[tuple[str | bytes, int, int]]
) -> tuple[int, set[str]]:
    """Take out of what was found what has the size and time that it had.

    Parameters
    ----------
    found : dict of str to (int, int)
        Size and time, by path inside the root; the others are left.
    stamps : iterable of (str or bytes, int, int)
        Path, size and time of files that were read and need not be read again. A path that is
        no text is bytes.

    Returns
    -------
    n_unchanged : int
    others : set of str
        The paths of all others among `stamps`.
    """
    n_unchanged = 0
    others = set()
    pop: Callable[..., tuple[int, int] | None] = found.pop
    for path, size, mtime_ns in stamps:
        stamp = pop(path, None)
        if stamp == (size, mtime_ns):
            n_unchanged += 1
            continue
        name = os.fsdecode(path)
        if isinstance(path, bytes):
            stamp = pop(name, None)
            if stamp == (size, mtime_ns):
                n_unchanged += 1
                continue
        others.add(name)
        if stamp is not None:
            found[name] = stamp
    return n_unchanged, others


def of_others(rows: Iterable[Row], others: set[str], fixity: bool) -> Iterator[Row]:
    """The rows of those files that `without_unchanged` did not take out.

    Parameters
    ----------
    rows : iterable of Row
    others : set of str
    fixity : bool
        Whether those of which no fixity is recorded were not among the stamps.
    """
    for row in rows:
        if row[5] != "ok" or row[0] in others or (fixity and row[6] is None):
            yield row
