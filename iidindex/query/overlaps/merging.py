"""What is counted anew and what the catalogue holds, in one order."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
from sqlalchemy import Connection

from iidindex.catalog.lookup import numbers
from iidindex.query.pixels.segments import Ints

_KEPT_FILES = "SELECT file_id FROM overlap_files"


def kept_files(connection: Connection) -> Ints:
    """The files whose overlaps are in the catalogue."""
    return numbers(connection, _KEPT_FILES)[:, 0]


def merged(new: Iterator[tuple[int, Ints]], kept: Iterator[Ints]) -> Generator[Ints, None, None]:
    """Rows of two kinds in one order.

    Parameters
    ----------
    new : iterator of (int, ndarray)
        With each, the id that none of those that come later falls below.
    kept : iterator of ndarray
    """
    waiting = next(kept, None)
    for end, rows in new:
        while waiting is not None and waiting[0, 0] <= end:
            cut = int(np.searchsorted(waiting[:, 0], end, side="right"))
            is_all = cut == len(waiting)
            # Of a later part of what is kept, some may come before some of the new ones.
            until = int(waiting[-1, 0]) if is_all else end
            split = int(np.searchsorted(rows[:, 0], until, side="right"))
            both = np.concatenate([rows[:split], waiting[:cut]])
            yield both[np.lexsort((both[:, 1], both[:, 0]))]
            rows = rows[split:]
            waiting = next(kept, None) if is_all else waiting[cut:]
        yield rows
    while waiting is not None:
        yield waiting
        waiting = next(kept, None)
