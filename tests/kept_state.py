"""A database as it was, to begin from again; what is in it, and whether that is sound."""

import shutil
import sqlite3
import time

import psycopg

import iidindex
from iidindex.catalog.schema import last_ids, metadata

ROWS = {
    "roots": "SELECT name, location FROM roots ORDER BY 1",
    "files": "SELECT path, size, mtime_ns, state, n_entries FROM files ORDER BY 1",
    "iids": "SELECT domain, address FROM iids ORDER BY 1, 2",
    "groups": "SELECT name FROM groups ORDER BY 1",
    "overlaps": 'SELECT path, e.key, pixels FROM "overlaps" JOIN entries e ON e.id = a_id '
    "JOIN files f ON f.id = e.file_id ORDER BY 1, 2, 3",
    "overlap_files": "SELECT path FROM overlap_files JOIN files ON id = file_id ORDER BY 1",
}


def kept(location):
    """Keep what a database holds now."""
    return InSchema(location) if "://" in str(location) else InFile(location)


class InFile:
    """SQLite."""

    def __init__(self, db):
        self.location = db
        self._before = db.with_name("before.db")
        connection = sqlite3.connect(db)
        connection.execute("VACUUM INTO ?", (str(self._before),))
        connection.close()

    def wait_for_the_dead(self):
        """What a process held is free when it is gone."""

    def close(self):
        """Nothing is open."""

    def restore(self):
        for place in self.location.parent.glob(f"{self.location.name}*"):
            place.unlink()
        shutil.copy(self._before, self.location)

    def rows(self):
        return rows_of_file(self.location)


def rows_of_file(db):
    """All that a SQLite database holds of files."""
    connection = sqlite3.connect(db)
    indexes = "SELECT name FROM sqlite_master WHERE type = 'index' ORDER BY 1"
    queries = ROWS | {"indexes": indexes}
    found = {name: connection.execute(query).fetchall() for name, query in queries.items()}
    connection.close()
    return found


class InSchema:
    """PostgreSQL."""

    def __init__(self, url):
        self.location = url
        self._tables = [table.name for table in metadata.sorted_tables if table is not last_ids]
        with psycopg.connect(url, autocommit=True) as connection:
            (self._schema,) = connection.execute("SELECT current_schema()").fetchone()
            self._kept = f"kept_{self._schema}"
            connection.execute(f"CREATE SCHEMA {self._kept}")
            for name in self._tables:
                connection.execute(f'CREATE TABLE {self._kept}."{name}" AS TABLE "{name}"')
            self._sequences = connection.execute(
                "SELECT sequencename, coalesce(last_value, 1), last_value IS NOT NULL "
                "FROM pg_sequences WHERE schemaname = current_schema()"
            ).fetchall()
            self._indexes = self._defined(connection)

    def restore(self):
        self.wait_for_the_dead()
        with psycopg.connect(self.location) as connection:
            connection.execute("TRUNCATE " + ", ".join(f'"{name}"' for name in self._tables))
            for name in self._tables:
                connection.execute(f'INSERT INTO "{name}" TABLE {self._kept}."{name}"')
            for row in self._sequences:
                connection.execute("SELECT setval(%s::regclass, %s, %s)", row)
            missing = self._indexes.keys() - self._defined(connection).keys()
            for name in missing:
                connection.execute(self._indexes[name])

    def close(self):
        with psycopg.connect(self.location) as connection:
            connection.execute(f"DROP SCHEMA IF EXISTS {self._kept} CASCADE")

    def rows(self):
        with psycopg.connect(self.location) as connection:
            found = {name: connection.execute(query).fetchall() for name, query in ROWS.items()}
            return found | {"indexes": sorted(self._defined(connection))}

    def wait_for_the_dead(self):
        """The server finds out a moment later that a process is gone, and undoes what it began."""
        end = time.monotonic() + 60
        with psycopg.connect(self.location, autocommit=True) as connection:
            others = (
                "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                "AND application_name = current_setting('application_name')"
            )
            while connection.execute(others).fetchone() != (0,):
                assert time.monotonic() < end
                time.sleep(0.005)

    def _defined(self, connection):
        return dict(
            connection.execute(
                "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()"
            ).fetchall()
        )


def sound(location):
    """Whether the database is whole, and all files in it are."""
    if "://" in str(location):
        with iidindex.open(location) as index, index._catalog.reading() as connection:
            assert index._catalog.store.damage(connection) == []
        return
    connection = sqlite3.connect(location)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("SELECT rtreecheck('entry_boxes')").fetchone() == ("ok",)
    assert not connection.execute("PRAGMA foreign_key_check").fetchall()
    boxes = connection.execute("SELECT count(*) FROM entry_boxes").fetchone()
    assert boxes == connection.execute("SELECT count(*) FROM entries").fetchone()
    torn = connection.execute(
        "SELECT count(*) FROM files f WHERE n_entries != "
        "(SELECT count(*) FROM entries e WHERE e.file_id = f.id)"
    )
    assert torn.fetchone() == (0,)
    connection.close()
