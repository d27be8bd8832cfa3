"""Opening an index to ask it, or to try something on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from tempfile import TemporaryDirectory

from iidindex.catalog.stores import store_at
from iidindex.errors import CatalogNotFoundError
from iidindex.index import Index


def open_to_ask(db: str) -> Index:
    """Open an index that is not to be changed, which may lie on a disk that cannot be.

    Where SQLite may write, it takes its log away in the end; opened read-only, it leaves it.
    """
    return Index(db, read_only=may_only_read(db))


def may_only_read(db: str) -> bool:
    """Whether an index lies where this user can change nothing."""
    with closing(store_at(db)) as store:
        return not store.can_write()


def open_to_change(db: str, *, dry_run: bool = False) -> Index:
    """Open an index to change it; for a dry run, as if to ask it."""
    return open_to_ask(db) if dry_run else Index(db)


@contextmanager
def open_to_try(db: str) -> Iterator[Index]:
    """Open an index for a dry run; an empty one that is thrown away, if there is none yet."""
    try:
        index = open_to_ask(db)
    except CatalogNotFoundError:
        with (
            TemporaryDirectory() as place,
            Index(os.path.join(place, "iidindex.db"), create=True) as index,
        ):
            yield index
        return
    with index:
        yield index
