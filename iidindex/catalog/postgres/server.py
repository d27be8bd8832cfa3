"""A PostgreSQL database as what holds a catalogue.

What only those who write or look after it need is imported when they do: to ask has to begin at
once.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any
from weakref import finalize

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL

from iidindex.catalog.contract import WITH_IDS, Intake, Optimization, Sole
from iidindex.catalog.schema import metadata
from iidindex.catalog.statement import Cursor
from iidindex.errors import CatalogError, CatalogNotFoundError

_DRIVERS = ("postgresql", "postgresql+psycopg")
_VERSIONS = "alembic_version"

# What a URL may hold that is not for others to see.
_SECRETS = ("password", "sslpassword")

_THERE = (
    "SELECT count(*) FROM pg_catalog.pg_class c WHERE c.relnamespace = "
    "(SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = current_schema()) "
    "AND c.relname = ANY(%s)"
)


def _dispose(engine: Engine, process: int) -> None:
    if os.getpid() == process:
        engine.dispose()


class Database:
    """The tables of a schema of a PostgreSQL database; see `Store`.

    Parameters
    ----------
    url : URL
        Its `options` may set another ``search_path``; the tables are in the first schema of it.
    read_only : bool

    Raises
    ------
    CatalogError
        If it names another driver, or psycopg is not installed.
    """

    # A row of an index takes up to a third of a page of 8,192 bytes.
    longest_name: int | None = 2600

    def __init__(self, url: URL, *, read_only: bool) -> None:
        hidden = {key: "***" for key in _SECRETS if key in url.query}
        self.name = url.update_query_dict(hidden).render_as_string(hide_password=True)
        if url.drivername not in _DRIVERS:
            raise CatalogError(
                f"{self.name}: PostgreSQL is reached by psycopg only: write postgresql://…"
            )
        try:
            import psycopg  # noqa: F401
        except ImportError:
            raise CatalogError(
                f"{self.name}: a catalogue on PostgreSQL needs psycopg: "
                "`pip install 'iidindex[postgres]'`"
            ) from None
        self.location = url.render_as_string(hide_password=False)
        self.read_only = read_only
        self._url = url
        # By process: a forked one must not speak on the connections of its parent.
        self._engines: dict[int, Engine] = {}
        # What arrives in another process opens a catalogue that nobody closes.
        finalize(self, _close_here, self._engines)

    @property
    def engine(self) -> Engine:
        """What makes connections, in this process."""
        from iidindex.catalog.postgres.sessions import make_engine

        process = os.getpid()
        found = self._engines.get(process)
        if found is None:
            made = make_engine(self._url, self.read_only)
            # Another thread may have been quicker; what was made has no connections yet.
            found = self._engines.setdefault(process, made)
            if found is made:
                # Questions that arrive in a process open it anew, and nobody closes it. A server
                # has so many connections only, which would wait for Python to look for garbage.
                finalize(self, _dispose, made, process).atexit = False
        return found

    def close(self) -> None:
        """Close all connections of this process."""
        engine = self._engines.pop(os.getpid(), None)
        if engine is not None:
            engine.dispose()

    def exists(self) -> bool:
        """Whether any table of a catalogue's names is there."""
        names = [_VERSIONS, *metadata.tables]
        with self.translated(), self.engine.connect() as connection:
            found: int = connection.exec_driver_sql(_THERE, (names,)).scalar_one()
        return found > 0

    def is_blank(self) -> bool:
        """Whether none is: the tables are made in one transaction."""
        return not self.exists()

    def make(self) -> None:
        """See that the tables can be made."""
        with self.translated(), self.engine.connect() as connection:
            schema = connection.exec_driver_sql("SELECT current_schema()").scalar_one()
        if schema is None:
            raise CatalogNotFoundError(
                f"{self.name}: none of the schemas of its search_path is there; make one: "
                "CREATE SCHEMA …"
            )

    def can_write(self) -> bool:
        """Whether this user may add to the tables, or make them."""
        with self.translated(), self.engine.connect() as connection:
            found: bool | None = connection.exec_driver_sql(
                "SELECT CASE WHEN to_regclass('entries') IS NULL "
                "THEN has_schema_privilege(current_schema(), 'CREATE') "
                "ELSE has_table_privilege(to_regclass('entries'), 'INSERT') END "
                "AND NOT pg_is_in_recovery()"
            ).scalar_one()
        return bool(found)

    def translated(self) -> AbstractContextManager[None]:
        """Turn the driver's errors into ours."""
        from iidindex.catalog.postgres.sessions import translated

        return translated(self.name)

    def sole_writer(self, places: Sequence[str] | None = None) -> AbstractContextManager[Sole]:
        """Hold locks of the server."""
        from iidindex.catalog.postgres.advisory import sole_writer

        return sole_writer(self.engine, self.name, places)

    def revision(self, connection: Connection) -> str | None:
        """The revision of its tables; None, if they are none of a catalogue."""
        # Other programs of the same database keep theirs in tables of the same name.
        wanted = [_VERSIONS, "roots", "files", "iids", "entries"]
        if connection.exec_driver_sql(_THERE, (wanted,)).scalar_one() < len(wanted):
            return None
        found: str | None = connection.exec_driver_sql(
            f"SELECT version_num FROM {_VERSIONS}"  # noqa: S608  (our name)
        ).scalar()
        return found

    def keep_copy(self, revision: str) -> str | None:  # noqa: ARG002
        """Copy nothing: what changes tables is undone as a whole if it fails."""
        return None

    def reading_sql(self) -> AbstractContextManager[Connection]:
        """Hold a connection of its own, on which only reading is allowed."""
        from iidindex.catalog.postgres import asked_sql

        return asked_sql.reading(self.engine, self.name)

    def run_sql(self, connection: Connection, statement: str, values: Mapping[str, Any]) -> Cursor:
        """Run a statement that somebody wrote on such a connection."""
        from iidindex.catalog.postgres import asked_sql

        return asked_sql.asked(connection, statement, values)

    def what_sql_said(self, error: Exception) -> str | None:
        """What was wrong with a statement that somebody wrote; None, if it was not that."""
        from iidindex.catalog.postgres import asked_sql

        return asked_sql.told(error)

    def intake(self) -> Intake:
        """Bring files in."""
        from iidindex.catalog.postgres.loading import PostgresIntake

        return PostgresIntake(self.engine)

    def insert_rows(
        self, connection: Connection, table: str, columns: Sequence[str], values: list[Any]
    ) -> None:
        """Insert rows of anything, given as one flat list."""
        from iidindex.catalog.postgres.copying import copy_rows
        from iidindex.catalog.postgres.sessions import driver_of

        copy_rows(driver_of(connection), table, columns, values)

    def last_ids(self, connection: Connection) -> dict[str, int]:
        """Up to where the sequences of ids have come."""
        return {
            table: connection.exec_driver_sql(
                "SELECT CASE WHEN is_called THEN last_value ELSE 0 END "  # noqa: S608  (our names)
                f"FROM {table}_id_seq"
            ).scalar_one()
            for table in WITH_IDS
        }

    def keep_last_ids(self, connection: Connection, last: Mapping[str, int]) -> None:
        """Let the sequences of ids go on from there."""
        for table in WITH_IDS:
            connection.exec_driver_sql(
                f"SELECT setval('{table}_id_seq', greatest(%s, 1), %s)",
                (last[table], last[table] > 0),
            )

    def remove_boxes(self, connection: Connection, first_id: int, count: int) -> None:
        """Do nothing: the index on boxes is one of the table of entries."""

    def damage(self, connection: Connection) -> list[str]:
        """What is wrong with the tables; nothing, if all is well."""
        from iidindex.catalog.postgres import looking_after

        return [*looking_after.damage(connection)]

    def layers(self, connection: Connection) -> float:  # noqa: ARG002
        """One: the index on boxes is kept as a whole."""
        return 1.0

    def to_optimize(self, connection: Connection) -> Optimization:
        """Look at what `optimize` would do; change nothing."""
        from iidindex.catalog.postgres import looking_after

        return looking_after.to_optimize(connection)

    def optimize(self, connection: Connection) -> None:
        """Make the indexes that are not there, the one of boxes anew, and gather statistics."""
        from iidindex.catalog.postgres import looking_after

        looking_after.optimize(connection)

    def facts(self, connection: Connection) -> dict[str, Any]:
        """What the server is, and how large the tables are."""
        from iidindex.catalog.postgres import looking_after

        return looking_after.facts(connection)


def _close_here(engines: dict[int, Engine]) -> None:
    found = engines.get(os.getpid())
    if found is not None:
        found.dispose()
