"""A SQLite file as what holds a catalogue.

What only those who write or look after it need is imported when they do: to ask has to begin at
once.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL

from iidindex.catalog.contract import WITH_IDS, Intake, Optimization, Sole
from iidindex.catalog.sqlite.connections import make_engine, translated
from iidindex.catalog.sqlite.lock import sole_writer
from iidindex.catalog.statement import Cursor, run
from iidindex.errors import CatalogError, CatalogNotFoundError

# A database without tables is no larger than a page.
_BLANK_BYTES = 65536

# Of a new database: filled 1.13 times as fast as at SQLite's 4,096, read as fast, 1 % smaller.
_PAGE_BYTES = 8192
_JOURNAL = "WAL"


class Database:
    """A SQLite file; see `Store`.

    Parameters
    ----------
    url : URL
    read_only : bool

    Raises
    ------
    CatalogError
        If it names no file.
    """

    longest_name: int | None = None

    def __init__(self, url: URL, *, read_only: bool) -> None:
        if url.drivername not in ("sqlite", "sqlite+pysqlite"):
            raise CatalogError(
                f"{url.render_as_string()}: a catalogue is a SQLite file (its path or sqlite:///…) "
                "or lies on PostgreSQL (postgresql://…)"
            )
        if url.database in (None, "", ":memory:"):
            raise CatalogError("a catalogue in memory is not supported; give a path")
        # Connections are made later, and the program may be in another directory then.
        try:
            self.path = Path(url.database).absolute()
        except FileNotFoundError:
            raise CatalogError(
                f"{url.database}: the working directory is not there any more; name an absolute "
                "path"
            ) from None
        self.name = os.fspath(url.database)
        self.location = str(self.path)
        self.read_only = read_only
        # By process. Those of parents are kept, as to forget one would close its connections.
        self._engines: dict[int, Engine] = {}

    @property
    def engine(self) -> Engine:
        """What makes connections, in this process.

        A forked process must neither use nor close those of its parent: SQLite says that either
        can damage the database (https://www.sqlite.org/howtocorrupt.html, section 2.6).
        """
        process = os.getpid()
        found = self._engines.get(process)
        if found is None:
            made = make_engine(self.path, self.read_only)
            # Another thread may have been quicker; what was made has no connections yet.
            found = self._engines.setdefault(process, made)
        return found

    def close(self) -> None:
        """Close all connections of this process."""
        engine = self._engines.pop(os.getpid(), None)
        if engine is not None:
            engine.dispose()

    def exists(self) -> bool:
        """Whether there is anything at the path."""
        try:
            return self.path.exists()
        except OSError as error:
            raise CatalogError(f"{self.name}: cannot be opened: {error.strerror}") from error

    def is_blank(self) -> bool:
        """Whether it holds nothing: its making may have been interrupted."""
        if not self.path.is_file() or self.path.stat().st_size > _BLANK_BYTES:
            return False
        connection = sqlite3.connect(self.path)
        try:
            return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None
        except sqlite3.DatabaseError:
            return False
        finally:
            connection.close()

    def make(self) -> None:
        """Make an empty file, which SQLite takes for an empty database."""
        try:
            self.path.touch()
        except FileNotFoundError:
            raise CatalogNotFoundError(
                f"{self.path}: there is no directory {self.path.parent}"
            ) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise CatalogError(f"{self.path}: cannot be made: {reason}") from error
        with self.translated(), self.engine.connect() as connection:
            # Cannot be changed within a transaction, which SQLAlchemy has begun.
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            driver.rollback()
            driver.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
            driver.execute(f"PRAGMA journal_mode = {_JOURNAL}")

    def can_write(self) -> bool:
        """Whether the system lets SQLite write a database and its log, or there is none yet."""
        path = self.path
        return not path.exists() or (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))

    def translated(self) -> AbstractContextManager[None]:
        """Turn the driver's errors into ours."""
        return translated(self.name)

    def sole_writer(
        self,
        places: Sequence[str] | None = None,  # noqa: ARG002  (one writes at a time, whatever)
    ) -> AbstractContextManager[Sole]:
        """Hold the lock that lies beside the file."""
        return sole_writer(self.location)

    def revision(self, connection: Connection) -> str | None:
        """The revision of its tables; None, if they are none of a catalogue."""
        tables = connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE name IN ('alembic_version', 'entries')"
        ).scalars()
        if "alembic_version" not in set(tables):
            return None
        found: str | None = connection.exec_driver_sql(
            "SELECT version_num FROM alembic_version"
        ).scalar()
        return found

    def keep_copy(self, revision: str) -> str:
        """Copy it, with what is still in its log, beside it; overwrite nothing."""
        backup = Path(f"{self.path}.{revision}.bak")
        number = 1
        while backup.exists():  # of a migration that was cut off
            number += 1
            backup = Path(f"{self.path}.{revision}-{number}.bak")
        temporary = Path(f"{backup}.part")
        temporary.unlink(missing_ok=True)
        source, target = sqlite3.connect(self.path), sqlite3.connect(temporary)
        try:
            source.backup(target)
        except sqlite3.Error as error:
            temporary.unlink(missing_ok=True)
            raise CatalogError(f"{backup}: cannot be written: {error}") from error
        finally:
            source.close()
            target.close()
        temporary.replace(backup)
        return str(backup)

    def reading_sql(self) -> AbstractContextManager[Connection]:
        """Hold a connection of its own, on which only reading is allowed, and has the views."""
        from iidindex.catalog.sqlite.read_only_sql import with_views

        return with_views(self.path, self.name)

    def run_sql(self, connection: Connection, statement: str, values: Mapping[str, Any]) -> Cursor:
        """Run a statement that somebody wrote on such a connection."""
        return run(connection, statement, values)

    def what_sql_said(self, error: Exception) -> str | None:
        """What was wrong with a statement that somebody wrote; None, if it was not that."""
        from iidindex.catalog.sqlite.read_only_sql import told

        return told(error)

    def intake(self) -> Intake:
        """Bring files in."""
        from iidindex.catalog.sqlite.intake import SQLiteIntake

        return SQLiteIntake()

    def insert_rows(
        self, connection: Connection, table: str, columns: Sequence[str], values: list[Any]
    ) -> None:
        """Insert rows of anything, given as one flat list."""
        from iidindex.catalog.sqlite.multirow import insert

        insert(connection, table, columns, values)

    def last_ids(self, connection: Connection) -> dict[str, int]:
        """The largest id that each table ever had, as far as it is kept."""
        kept = dict(map(tuple, connection.exec_driver_sql("SELECT name, id FROM last_ids")))
        there = {
            table: connection.exec_driver_sql(
                f"SELECT coalesce(max(id), 0) FROM {table}"  # noqa: S608  (our names)
            ).scalar_one()
            for table in WITH_IDS
        }
        return {table: max(last, kept.get(table, 0)) for table, last in there.items()}

    def keep_last_ids(self, connection: Connection, last: Mapping[str, int]) -> None:
        """Keep those of the tables whose ids are never given twice."""
        from iidindex.catalog.sqlite.intake import NUMBERED
        from iidindex.catalog.sqlite.multirow import insert

        values = [value for table in NUMBERED for value in (table, last[table])]
        insert(connection, "last_ids", ["name", "id"], values, replace=True)

    def remove_boxes(self, connection: Connection, first_id: int, count: int) -> None:
        """Remove the boxes of entries with consecutive ids, before the entries themselves."""
        from iidindex.catalog.sqlite.rtree import remove_boxes

        remove_boxes(connection, first_id, count)

    def damage(self, connection: Connection) -> list[str]:
        """What SQLite finds wrong with the database; nothing, if all is well."""
        from iidindex.catalog.sqlite import upkeep

        return upkeep.damage(connection)

    def layers(self, connection: Connection) -> float:
        """How many parents of leaves of the R*Tree lie over each other, on average."""
        from iidindex.catalog.sqlite.rtree import layers

        return layers(connection)

    def to_optimize(self, connection: Connection) -> Optimization:
        """Look at what `optimize` would do; change nothing."""
        from iidindex.catalog.sqlite import upkeep

        return upkeep.to_optimize(connection)

    def optimize(self, connection: Connection) -> None:
        """Make the indexes that are not there, pack the R*Tree anew, and gather statistics."""
        from iidindex.catalog.sqlite import upkeep

        upkeep.optimize(connection)

    def facts(self, connection: Connection) -> dict[str, Any]:
        """What this build of SQLite can do, and how the file is."""
        from iidindex.catalog.sqlite import upkeep

        return upkeep.facts(connection, self.path)
