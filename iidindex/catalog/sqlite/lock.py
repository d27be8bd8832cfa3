"""One ingest at a time: a lock that dies with the process that holds it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from iidindex.errors import CatalogError, CatalogLockedError
from iidindex.system import filelock


@contextmanager
def sole_writer(database: str) -> Iterator[Callable[[], None]]:
    """Hold the right to change a catalogue over several transactions.

    Between two transactions SQLite's own lock is free, and two ingests would take turns.

    Yields
    ------
    callable
        Raises `CatalogLockedError` if somebody has removed the file of the lock, so that
        another process may have begun. Call it within each transaction: until that ends, no
        other can write.

    Raises
    ------
    CatalogLockedError
        If another process holds it.
    CatalogError
        If the file of the lock cannot be made.
    """
    # A database with two names is one database.
    name = f"{os.path.realpath(database)}-lock"
    lock = _taken(name, database)

    def check() -> None:
        if not lock.is_ours():
            raise CatalogLockedError(
                f"{database}: {name} was removed, and another process may be writing; what was "
                "written so far is whole: run it again"
            )

    try:
        yield check
    finally:
        lock.release()


def _taken(name: str, database: str) -> filelock.Lock:
    try:
        return filelock.take(name)
    except filelock.HeldError as error:
        who = f" ({error})" if str(error) else ""
        raise CatalogLockedError(
            f"{database}: another process is writing to this index{who}; try again when it is done"
        ) from None
    except OSError as error:
        raise CatalogError(f"{name}: cannot be made: {error.strerror}") from error
