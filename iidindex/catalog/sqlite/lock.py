"""One ingest at a time: a lock that dies with the process that holds it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from iidindex.errors import CatalogError, CatalogLockedError


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
    """
    # A database with two names is one database.
    name = f"{os.path.realpath(database)}-lock"
    fd = _locked(name, database)

    def check() -> None:
        if not _is_named(fd, name):
            raise CatalogLockedError(
                f"{database}: {name} was removed, and another process may be writing; what was "
                "written so far is whole: run it again"
            )

    try:
        yield check
    finally:
        # Removed while it is held: whoever opened it meanwhile will notice. What lies there
        # after somebody has removed ours is another's. What cannot be removed locks nothing.
        if _is_named(fd, name):
            with suppress(OSError):
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
        except BlockingIOError:
            os.close(fd)
            raise CatalogLockedError(
                f"{database}: another process is writing to this catalogue; "
                "try again when it is done"
            ) from None
        if _is_named(fd, name):
            return fd
        os.close(fd)


def _is_named(fd: int, name: str) -> bool:
    """Whether an open file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(fd), os.stat(name))
    except FileNotFoundError:
        return False
