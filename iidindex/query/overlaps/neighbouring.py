"""The entries of a file that one of them touches, or nearly."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from sqlalchemy import Connection

from iidindex.catalog.catalogue import Catalog
from iidindex.errors import QueryError
from iidindex.query.answers.entry import Entry
from iidindex.query.overlaps.counting import check_order, told_of
from iidindex.query.overlaps.overlap import Overlaps
from iidindex.query.overlaps.pair_filters import distance_of
from iidindex.query.overlaps.sided import laid_pairs
from iidindex.query.pixels.originals import Originals
from iidindex.query.pixels.segments import Ints
from iidindex.query.question.asked import Filters


def neighbours(
    catalog: Catalog, originals: Originals, filters: Filters, entry: Entry, within: int
) -> Overlaps:
    """Find the hits near an entry, in its file.

    Parameters
    ----------
    catalog : Catalog
    originals : Originals
    filters : Filters
        What is asked of the neighbours.
    entry : Entry
    within : int
        The largest Chebyshev distance, in pixels.
    """
    check_order(filters)
    if not isinstance(entry, Entry):
        raise QueryError(f"entry is {entry!r:.200}; expected an Entry of this index")
    most = distance_of(within)
    own = Filters().where(key=entry.key).reading(filters.on_stale, filters.jobs)
    file = np.array([entry.file_id], np.int64)

    def pairs(connection: Connection) -> Iterator[Ints]:
        for _, rows in laid_pairs(connection, originals, own, filters, (file, file), most):
            yield rows

    return told_of(catalog, originals, pairs)
