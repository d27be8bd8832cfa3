"""Bringing files into SQLite: what an ingest remembers, and what it writes with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from iidindex.catalog.sqlite.intern import Interner
from iidindex.catalog.sqlite.late_indexes import (
    drop_late_indexes,
    is_empty,
    lacks_late_indexes,
    make_late_indexes,
)
from iidindex.catalog.sqlite.multirow import insert
from iidindex.catalog.sqlite.rtree import Tree, add_boxes, cells_of, read_tree
from iidindex.catalog.sqlite.tree_nodes import Cells
from iidindex.catalog.sqlite.writer import Writer
from iidindex.iidwords import IIDWords

Ints = npt.NDArray[np.int64]

# Tables whose ids are never given twice.
NUMBERED = ("files", "entries", "groups")
# Files of an archive that is new from which indexes are made at the end.
_BIG_LOAD = 1000


class SQLiteTarget:
    """One transaction that loads files; see `Target`.

    Parameters
    ----------
    writer : Writer
        In a transaction that may write, so that nobody else hands out ids.
    interner : Interner
        Kept from one transaction to the next.
    """

    def __init__(self, writer: Writer, interner: Interner) -> None:
        self._writer = writer
        self._interner = interner
        self._next = {
            table: self._scalar(
                f"SELECT 1 + max((SELECT coalesce(max(id), 0) FROM {table}), "  # noqa: S608
                f"(SELECT coalesce(max(id), 0) FROM last_ids WHERE name = '{table}'))"
            )
            for table in NUMBERED
        }
        self._entries_before = self._next["entries"]
        self._cells: list[Cells] = []
        self._tree: Tree | None = None

    @property
    def connection(self) -> Connection:
        """The connection, when all that was inserted before has been."""
        return self._writer.connection

    def _scalar(self, statement: str) -> int:
        found: int = self._writer.connection.exec_driver_sql(statement).scalar_one()
        return found

    def take(self, table: str, count: int = 1) -> int:
        """Reserve consecutive ids; return the first."""
        first = self._next[table]
        self._next[table] = first + count
        return first

    def iid_ids(self, iids: IIDWords) -> Ints:
        """The ids of IIDs; those that are new are stored with the next entries."""
        return self._interner.ids_of(self._writer, iids)

    def make_groups(self, names: Sequence[str]) -> list[int]:
        """Make groups that are not there yet; their ids."""
        first = self.take("groups", len(names))
        ids = list(range(first, first + len(names)))
        if ids:
            rows = [value for row in zip(ids, names, strict=True) for value in row]
            self.insert_rows("groups", ["id", "name"], rows)
        return ids

    def insert_rows(self, table: str, columns: Sequence[str], values: list[Any]) -> None:
        """Insert rows of anything, given as one flat list."""
        self._writer.later(lambda connection: insert(connection, table, columns, values))

    def insert_integers(self, table: str, columns: Sequence[str], rows: Ints) -> None:
        """Insert rows of integers, and the IIDs that came with them."""
        self._interner.write(self._writer)
        self._writer.insert_integers(table, columns, rows)

    def insert_pairs(self, table: str, columns: Sequence[str], pairs: Ints) -> None:
        """Insert pairs of integers."""
        self._writer.insert_pairs(table, columns, pairs)

    def add_boxes(self, ids: Ints, bbox: npt.NDArray[np.uint16]) -> None:
        """Hold back the boxes of entries that are new, to be packed together."""
        self._cells.append(cells_of(ids, bbox))

    def entries_end(self) -> None:
        """Look at the R*Tree, so that packing goes on while what is left is written."""
        self._interner.write(self._writer)
        if self._cells:
            self._tree = read_tree(self._writer.connection)

    def finish(self) -> None:
        """Add the boxes, and keep the ids that were given."""
        if self._tree is not None:
            cells = np.concatenate(self._cells)
            self._cells = []
            add_boxes(self._writer, self._tree, cells, self._entries_before)
        last = [value for table in NUMBERED for value in (table, self._next[table] - 1)]
        insert(self._writer.connection, "last_ids", ["name", "id"], last, replace=True)


class SQLiteIntake:
    """The database while files are brought in; see `Intake`."""

    def __init__(self) -> None:
        self._interner = Interner()

    def prepare(self, connection: Connection, n_files: int) -> None:
        """Before a first big load, drop what is quicker to make at its end.

        Before any other, make what one that was cut off has not.
        """
        if not is_empty(connection):
            make_late_indexes(connection)
        elif n_files >= _BIG_LOAD:
            drop_late_indexes(connection)

    @contextmanager
    def loading(self, connection: Connection) -> Iterator[SQLiteTarget]:
        """Load files in the transaction of a connection."""
        with Writer(connection) as writer:
            yield SQLiteTarget(writer, self._interner)

    def is_complete(self, connection: Connection) -> bool:
        """Whether all indexes are there."""
        return not lacks_late_indexes(connection)

    def complete(self, connection: Connection) -> None:
        """Make the indexes that are not there."""
        make_late_indexes(connection)
