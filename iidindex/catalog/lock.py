"""One ingest at a time: a lock that dies with the process that holds it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from iidindex.errors import CatalogError, CatalogLockedError


@contextmanager
def sole_writer(database: str) -> Iterator[None]:
    """Hold the right to change a catalogue over several transactions.

    Between two transactions SQLite's own lock is free, and two ingests would take turns.

    Raises
    ------
    CatalogLockedError
        If another process holds it.
    """
    # A database with two names is one database.
    name = f"{os.path.realpath(database)}-lock"
    fd = _locked(name, database)
    try:
        yield
    finally:
        # Removed while it is held: whoever opened it meanwhile will notice.
        os.unlink(name)
        os.close(fd)


def _locked(name: str, database: str) -> int:
    """Open and lock the file of that name, and not one that was removed just before."""
    while True:
        try:
            fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise CatalogError(f"{name}: cannot be made: {error.strerror}") from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(fd), os.stat(name)):
                return fd
        except FileNotFoundError:
            pass
        except BlockingIOError:
            os.close(fd)
            raise CatalogLockedError(
                f"{database}: another process is writing to this catalogue; "
                "try again when it is done"
            ) from None
        os.close(fd)
