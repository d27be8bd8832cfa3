"""One ingest at a time: a lock that dies with the process that holds it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from iidindex.errors import CatalogError, CatalogLockedError
from iidindex.system import filelock


class Held:
    """The lock of a database; see `Sole`."""

    def __init__(self, lock: filelock.Lock, name: str, database: str) -> None:
        self._lock = lock
        self._name = name
        self._database = database

    def check(self) -> None:
        """Raise `CatalogLockedError` if somebody has removed the file of the lock.

        Another process may have begun then. Until the transaction ends in which this was called,
        no other can write.
        """
        if not self._lock.is_ours():
            raise CatalogLockedError(
                f"{self._database}: {self._name} was removed, and another process may be writing; "
                "what was written so far is whole: run it again"
            )

    def extend(self, places: Iterable[str]) -> None:
        """Do nothing: it is held for all places."""


@contextmanager
def sole_writer(database: str) -> Iterator[Held]:
    """Hold the right to change a catalogue over several transactions.

    Between two transactions SQLite's own lock is free, and two ingests would take turns.

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
    try:
        yield Held(lock, name, database)
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
