"""Opening and creating a catalogue: connections, pragmas, and the check of its version."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from iidindex.catalog import schema
from iidindex.catalog.image import detach_all
from iidindex.catalog.lock import sole_writer
from iidindex.catalog.statement import close_all
from iidindex.errors import (
    CatalogError,
    CatalogLockedError,
    CatalogNotFoundError,
    SchemaVersionError,
)

# A database without tables is no larger than a page.
_BLANK_BYTES = 65536

# Of a new database: filled 1.13 times as fast as at SQLite's 4,096, read as fast, 1 % smaller.
_PAGE_BYTES = 8192
_JOURNAL = "WAL"

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


class Catalog:
    """An open catalogue. It can be shared by threads; each gets connections of its own.

    Parameters
    ----------
    location : path-like or str
        A path, or a SQLAlchemy URL such as ``sqlite:////data/archive.db``.
    create : bool
        Make a new, empty catalogue if there is none.
    read_only : bool
        Never write, not even a lock: works from a read-only disk.

    Raises
    ------
    CatalogNotFoundError
        If there is none, and `create` was not given.
    SchemaVersionError
        If it is of another version of this program.
    CatalogError
        If it is something else, or cannot be read.
    """

    def __init__(
        self, location: str | os.PathLike[str], *, create: bool = False, read_only: bool = False
    ) -> None:
        url = as_url(location)
        if url.database in (None, "", ":memory:"):
            raise CatalogError("a catalogue in memory is not supported; give a path")
        # Connections are made later, and the program may be in another directory then.
        self.path = Path(url.database).absolute()
        self.name = os.fspath(url.database)
        self.read_only = read_only
        # How to open it again in another process.
        self.arguments = {"location": str(self.path), "read_only": read_only}
        self._is_closed = False
        self._check_lock: Callable[[], None] | None = None
        is_new = not self.path.exists() or (create and _is_blank(self.path))
        if is_new and not create:
            raise CatalogNotFoundError(
                f"{self.name}: there is no index here; `iidindex --db {self.name} ingest DIR` "
                "makes one (in Python: create=True)"
            )
        self.engine = make_engine(url, self.path, read_only)
        try:
            if is_new:
                _touch(self.path)
                self._create()
            self._check_version()
        except BaseException:
            self.engine.dispose()
            raise

    def _create(self) -> None:
        from iidindex.catalog.migrate import upgrade

        with translated(self.name):
            with self.engine.connect() as connection:
                # Cannot be changed within a transaction, which SQLAlchemy has begun.
                driver = connection.connection.driver_connection
                assert isinstance(driver, sqlite3.Connection)
                driver.rollback()
                driver.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
                driver.execute(f"PRAGMA journal_mode = {_JOURNAL}")
            with self.writing() as connection:
                upgrade(connection)

    def _check_version(self) -> None:
        with self.reading() as connection:
            found = revision_of(connection)
        if found is None:
            raise CatalogError(
                f"{self.name}: is a SQLite database, but no iidindex catalogue; name another"
            )
        if found < schema.HEAD:
            raise SchemaVersionError(
                f"{self.name}: has schema {found}, this iidindex needs {schema.HEAD}; "
                f"upgrade it with `iidindex --db {self.name} migrate`"
            )
        if found > schema.HEAD:
            raise SchemaVersionError(
                f"{self.name}: has schema {found}, newer than the {schema.HEAD} of this "
                "iidindex; upgrade iidindex"
            )

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Hold a connection that sees one state of the catalogue until it is given back."""
        self.check_open()
        with translated(self.name), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Hold the one connection that may write; commit at the end, or undo on an error.

        Raises
        ------
        CatalogLockedError
            If another process is writing.
        """
        self.check_open()
        self.check_writable()
        with translated(self.name), self.engine.connect() as connection:
            connection = connection.execution_options(iidindex_writer=True)
            with connection.begin():
                if self._check_lock is not None:
                    self._check_lock()
                yield connection

    @contextmanager
    def sole_writer(self) -> Iterator[None]:
        """Be the only one to write, over several transactions of `writing`.

        Raises
        ------
        CatalogLockedError
            If another process is. `writing` raises it, too, once somebody has removed the
            file of the lock.
        CatalogError
            If the catalogue was opened read-only.
        """
        self.check_writable()
        with sole_writer(str(self.path)) as self._check_lock:
            try:
                yield
            finally:
                self._check_lock = None

    def check_open(self) -> None:
        """Refuse to go on if the catalogue has been closed."""
        if self._is_closed:
            raise CatalogError(f"{self.name}: the index is closed")

    def check_writable(self) -> None:
        """Refuse to go on if the catalogue was opened read-only."""
        if self.read_only:
            raise CatalogError(f"{self.name}: was opened read-only")

    def close(self) -> None:
        """Close all connections; what is asked afterwards raises an error."""
        self._is_closed = True
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _touch(path: Path) -> None:
    """Make an empty file, which SQLite takes for an empty database."""
    try:
        path.touch()
    except FileNotFoundError:
        raise CatalogNotFoundError(f"{path}: there is no directory {path.parent}") from None
    except OSError as error:
        raise CatalogError(f"{path}: cannot be made: {error.strerror}") from error


def _is_blank(path: Path) -> bool:
    """Whether a database holds nothing: its making may have been interrupted."""
    if not path.is_file() or path.stat().st_size > _BLANK_BYTES:
        return False
    connection = sqlite3.connect(path)
    try:
        return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None
    except sqlite3.DatabaseError:
        return False
    finally:
        connection.close()


def revision_of(connection: Connection) -> str | None:
    """The revision of a catalogue's schema; None, if the database is none."""
    tables = connection.exec_driver_sql(
        "SELECT name FROM sqlite_master WHERE name IN ('alembic_version', 'entries')"
    ).scalars()
    if "alembic_version" not in set(tables):
        return None
    found: str | None = connection.exec_driver_sql(
        "SELECT version_num FROM alembic_version"
    ).scalar()
    return found


def as_url(location: str | os.PathLike[str]) -> URL:
    """Read a path or a URL."""
    text = os.fspath(location)
    if "://" in text:
        try:
            url = make_url(text)
        except ArgumentError:
            raise CatalogError(f"{text}: is not a database URL") from None
        if url.drivername not in ("sqlite", "sqlite+pysqlite"):
            raise CatalogError(
                f"{url.render_as_string()}: only SQLite catalogues are supported so far"
            )
        return url
    return URL.create("sqlite", database=text)


def can_write(location: str | os.PathLike[str]) -> bool:
    """Whether the system lets SQLite write a database and its log, or there is none yet."""
    path = Path(as_url(location).database or "")
    return not path.exists() or (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def make_engine(url: URL, path: Path, read_only: bool) -> Engine:
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

    engine = create_engine(url, creator=connect, poolclass=QueuePool, max_overflow=-1)

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
        writer = connection.get_execution_options().get("iidindex_writer", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")

    @event.listens_for(engine, "checkin")
    def _forget_images(connection: sqlite3.Connection | None, record: ConnectionPoolEntry) -> None:
        close_all(record.info)
        if connection is not None:
            detach_all(connection, record.info)

    return engine


def _go_on() -> int:
    return 0


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Turn the driver's errors into ours."""
    try:
        yield
    except DatabaseError as error:
        raise _as_catalog_error(name, str(error.orig)) from error
    except sqlite3.DatabaseError as error:
        raise _as_catalog_error(name, str(error)) from error


def _as_catalog_error(name: str, reason: str) -> BaseException:
    if reason == "interrupted":
        return KeyboardInterrupt()
    if "locked" in reason or "busy" in reason:
        return CatalogLockedError(
            f"{name}: another process is writing to this catalogue; try again when it is done"
        )
    if "malformed" in reason:
        return CatalogError(
            f"{name}: is damaged ({reason}); delete it and ingest again, the originals have it all"
        )
    if "readonly database" in reason:
        return CatalogError(
            f"{name}: cannot be written to: it, its directory or the disk is read-only; to ask it, "
            "open it with read_only=True"
        )
    if "unable to open" in reason:
        what = "is a directory" if os.path.isdir(name) else "cannot be opened or written to"
        return CatalogError(f"{name}: {what}")
    if "not a database" in reason:
        return CatalogError(f"{name}: is not a SQLite database")
    return CatalogError(f"{name}: {reason}")
