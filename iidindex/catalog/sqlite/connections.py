"""Connections to SQLite: how they are opened, their pragmas, transactions and errors."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from iidindex.catalog.dialect import OPTION
from iidindex.catalog.sqlite.attached import detach_all
from iidindex.catalog.sqlite.wording import SQLITE
from iidindex.catalog.statement import close_all
from iidindex.errors import CatalogError, CatalogLockedError, TimeLimitError
from iidindex.time_limit import check_time, is_over

# Milliseconds a writer waits for another. Readers never wait for a writer, nor it for them.
_BUSY_MS = 200

# Write-ahead logging lets readers go on while one process writes; with it, a lost power
# supply can cost the last commits at synchronous=NORMAL, but never the database.
_PRAGMAS = (
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = OFF",
    "PRAGMA cache_size = -65536",
)

# Steps of SQLite's machine after which Python may look for signals: some 20 ms, and no cost
# that could be measured.
_STEPS_BETWEEN_SIGNALS = 1_000_000


def make_engine(path: Path, read_only: bool) -> Engine:
    """Connect to a database that is there, with transactions and pragmas as they have to be."""

    def connect() -> sqlite3.Connection:
        # A URI carries the mode; a question mark in a file's name must not end it.
        uri = path.as_uri() + ("?mode=ro" if read_only else "?mode=rw")
        log = Path(f"{path}-wal")
        if read_only and not log.exists() and not os.access(path.parent, os.W_OK):
            # Without write permission SQLite cannot make the shared-memory file that a
            # write-ahead log needs; with no log there, nobody is writing either.
            uri += "&immutable=1"
        return sqlite3.connect(
            uri, uri=True, timeout=_BUSY_MS / 1000, check_same_thread=False, isolation_level=None
        )

    engine = create_engine(
        "sqlite://",
        creator=connect,
        poolclass=QueuePool,
        max_overflow=-1,
        execution_options={OPTION: SQLITE},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _: object) -> None:
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        if read_only:
            connection.execute("PRAGMA query_only = ON")
        # Python hears of Ctrl-C only when it runs something. An exception in here, such as
        # KeyboardInterrupt, makes SQLite give up the statement.
        connection.set_progress_handler(_go_on, _STEPS_BETWEEN_SIGNALS)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # sqlite3's own transactions begin with the first change and so cannot hold a view
        # over several reads, nor find out at once that another process is writing.
        if connection.get_execution_options().get("iidindex_writer", False):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            return
        # Every question begins so, and goes by the driver: SQLAlchemy takes ten times as long.
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.execute("BEGIN")

    @event.listens_for(engine, "checkin")
    def _forget_images(connection: sqlite3.Connection | None, record: ConnectionPoolEntry) -> None:
        close_all(record.info)
        if connection is not None:
            detach_all(connection, record.info)

    return engine


def _go_on() -> int:
    return is_over()


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Turn the driver's errors into ours."""
    try:
        yield
    except DatabaseError as error:
        raise _as_catalog_error(name, str(error.orig)) from error
    except sqlite3.DatabaseError as error:
        raise _as_catalog_error(name, str(error)) from error


def _interruption() -> BaseException:
    try:
        check_time()
    except TimeLimitError as error:
        return error
    return KeyboardInterrupt()


def _as_catalog_error(name: str, reason: str) -> BaseException:
    if reason == "interrupted":
        return _interruption()
    if "locked" in reason or "busy" in reason:
        return CatalogLockedError(
            f"{name}: another process is writing to this index; try again when it is done"
        )
    if "malformed" in reason:
        return CatalogError(
            f"{name}: is damaged ({reason}); delete it and ingest again: everything is in the "
            "original files"
        )
    if "readonly database" in reason:
        return CatalogError(
            f"{name}: cannot be written to: it, its directory or the disk is read-only "
            "(in Python: to ask it, open it with read_only=True)"
        )
    if "unable to open" in reason:
        what = "is a directory" if os.path.isdir(name) else "cannot be opened or written to"
        return CatalogError(f"{name}: {what}")
    if "not a database" in reason:
        return CatalogError(f"{name}: is not a SQLite database")
    return CatalogError(f"{name}: {reason}")
