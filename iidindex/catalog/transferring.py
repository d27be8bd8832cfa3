"""Copying an index to another place, or from one kind of database to another, with all ids."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Table, func, select

from iidindex.catalog import schema
from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.contract import Intake, Target
from iidindex.catalog.dialect import Dialect, dialect_of, marked
from iidindex.catalog.schema import NameText, PathText
from iidindex.catalog.statement import read_rows
from iidindex.catalog.stores import store_at
from iidindex.errors import CatalogError

Ints = npt.NDArray[np.int64]

# Rows that are read and written together: of anything, and of integers, which take less.
_ROWS = 10_000
_INTEGERS = 500_000

# What is copied as it stands, in the order in which one refers to another; and of integers alone.
_TABLES = (
    *(schema.roots, schema.groups, schema.files, schema.iids),
    *(schema.ingests, schema.changes, schema.overlap_files),
)
_PAIRS = (schema.entry_groups, schema.file_groups)
_OF_INTEGERS = (schema.entries, *_PAIRS, schema.overlaps)


class Copied(NamedTuple):
    """How much was copied: files, whatever their state, and entries."""

    files: int
    entries: int


class CopyProgress(NamedTuple):
    """How many rows of all tables are copied, and how many there are."""

    files: int
    total: int

    def __str__(self) -> str:
        return f"copied {self.files} of {self.total} rows"


def transfer(
    source: Catalog,
    to: str | os.PathLike[str],
    progress: Callable[[CopyProgress], object] | None = None,
) -> Copied:
    """Copy all that a catalogue holds, as it is now.

    Parameters
    ----------
    source : Catalog
    to : path-like or str
        Where there is no index yet, or on a server an empty one.
    progress : callable, optional
        Called with a `CopyProgress`.

    Raises
    ------
    CatalogError
        If there is something. Then, and if anything else fails, nothing is copied.
    """
    store = store_at(to)
    is_file = isinstance(path := getattr(store, "path", None), Path)
    if is_file and store.exists() and not store.is_blank():
        raise CatalogError(f"{store.name}: is there already; name another place for the copy")
    with source.reading() as connection:
        copying = _Copying(source, connection, progress)
        if is_file:
            assert path is not None
            copying.to_file(path)
        else:
            copying.to_server(to)
        return Copied(copying.counts[schema.files.name], copying.counts[schema.entries.name])


class _Copying:
    """A copy that is being made, of one state of the catalogue."""

    def __init__(
        self,
        source: Catalog,
        connection: Connection,
        progress: Callable[[CopyProgress], object] | None,
    ) -> None:
        self._source = source
        self._connection = connection
        self._progress = progress
        self._done = 0
        self.counts: dict[str, int] = {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (*_TABLES, *_OF_INTEGERS)
        }

    def to_file(self, path: Path) -> None:
        """Fill a file beside the place, and put it there when it is whole."""
        part = Path(f"{path}.part")
        ends = ("", "-wal", "-shm", ".lock")
        for end in ends:
            Path(f"{part}{end}").unlink(missing_ok=True)
        try:
            with Catalog(part, create=True) as target:
                self._fill(target, target.writing)
            part.replace(path)
        finally:
            for end in ends:
                Path(f"{part}{end}").unlink(missing_ok=True)

    def to_server(self, to: str | os.PathLike[str]) -> None:
        """Fill tables that are empty, in one transaction."""
        with Catalog(to, create=True) as target, target.sole_writer():
            with target.reading() as connection:
                if not _is_empty(connection):
                    raise CatalogError(
                        f"{target.name}: holds an index already; name another place for the copy"
                    )
            with target.writing() as connection:

                @contextmanager
                def same() -> Iterator[Connection]:
                    yield connection

                self._fill(target, same)

    def _fill(self, target: Catalog, writing: Callable[[], Any]) -> None:
        intake = target.store.intake()
        with writing() as connection:
            intake.prepare(connection, self.counts[schema.files.name])
        for table in _TABLES:
            for rows in self._rows_of(table):
                self._write(writing, intake, table, rows)
        for table in _OF_INTEGERS:
            for numbers in self._integers_of(table):
                self._write(writing, intake, table, numbers)
        last = self._source.store.last_ids(self._connection)
        with writing() as connection:
            target.store.keep_last_ids(connection, last)
            intake.complete(connection)
            connection.exec_driver_sql("ANALYZE")

    def _write(self, writing: Callable[[], Any], intake: Intake, table: Table, rows: Any) -> None:
        with writing() as connection, intake.loading(connection) as loader:
            if isinstance(rows, list):
                _insert(loader, dialect_of(connection), table, rows)
            else:
                _insert_integers(loader, table, rows)
            loader.entries_end()
            loader.finish()
        self._done += len(rows)
        if self._progress is not None:
            self._progress(CopyProgress(self._done, sum(self.counts.values())))

    def _rows_of(self, table: Table) -> Iterator[list[Sequence[Any]]]:
        """The rows of a table, some at a time, in the order of their key."""
        (key,) = table.primary_key
        last = 0
        while True:
            statement = select(table).where(key > last).order_by(key).limit(_ROWS)
            rows: list[Sequence[Any]] = [*map(tuple, self._connection.execute(statement))]
            if not rows:
                return
            yield rows
            last = rows[-1][0]

    def _integers_of(self, table: Table) -> Iterator[Ints]:
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        keys = [column.name for column in table.primary_key]
        marks = ", ".join("?" * len(keys))
        text = (
            f'SELECT {names} FROM "{table.name}" WHERE ({", ".join(keys)}) > ({marks}) '  # noqa: S608
            f"ORDER BY {', '.join(keys)} LIMIT ?"
        )
        text = marked(text, dialect_of(self._connection))
        last = [0] * len(keys)
        while True:
            rows = read_rows(self._connection, text, [*last, _INTEGERS], len(table.columns))
            if not len(rows):
                return
            yield rows
            last = rows[-1, : len(keys)].tolist()


def _is_empty(connection: Connection) -> bool:
    every = (*_TABLES, *_OF_INTEGERS)
    firsts = (connection.execute(select(table.c[0]).limit(1)).first() for table in every)
    return not any(firsts)


def _insert(loader: Target, dialect: Dialect, table: Table, rows: list[Sequence[Any]]) -> None:
    """Insert rows as they are read by SQLAlchemy."""
    columns = list(table.columns)
    writers = [_writer(dialect, column.type) for column in columns]
    values = [
        value if value is None or write is None else write(value)
        for row in rows
        for write, value in zip(writers, row, strict=True)
    ]
    loader.insert_rows(table.name, [column.name for column in columns], values)


def _writer(dialect: Dialect, kind: object) -> Callable[[Any], Any] | None:
    """What makes of a value what the database stores."""
    if isinstance(kind, PathText):
        return dialect.path
    return dialect.group_name if isinstance(kind, NameText) else None


def _insert_integers(loader: Target, table: Table, rows: Ints) -> None:
    names = [column.name for column in table.columns]
    if table in _PAIRS:
        loader.insert_pairs(table.name, names, rows)
    elif table is schema.entries:
        loader.insert_integers(table.name, names, rows)
        first = names.index("minr")
        loader.add_boxes(rows[:, 0], rows[:, first : first + 4].astype(np.uint16))
    else:
        loader.insert_rows(table.name, names, rows.ravel().tolist())
