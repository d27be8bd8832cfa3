"""Bringing files into PostgreSQL: what an ingest remembers, and what it writes with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Engine

from iidindex.catalog.postgres.briefly import Briefly
from iidindex.catalog.postgres.copying import copy_integers, copy_rows
from iidindex.catalog.postgres.interning import Interning
from iidindex.catalog.postgres.late_gist import (
    drop_late_indexes,
    is_empty,
    lacks_late_indexes,
    make_late_indexes,
)
from iidindex.catalog.postgres.sessions import driver_of
from iidindex.iidwords import IIDWords

Ints = npt.NDArray[np.int64]

# Files of an archive that is new from which indexes are made at the end.
_BIG_LOAD = 1000


class PostgresTarget:
    """One transaction that loads files; see `Target`.

    Parameters
    ----------
    connection : Connection
        In a transaction that may write.
    briefly : Briefly
    interning : Interning
        Kept from one transaction to the next.
    """

    def __init__(self, connection: Connection, briefly: Briefly, interning: Interning) -> None:
        self._connection = connection
        self._briefly = briefly
        self._interning = interning

    @property
    def connection(self) -> Connection:
        """The connection, on which all that was inserted before has been."""
        return self._connection

    def take(self, table: str, count: int = 1) -> int:
        """Reserve consecutive ids; return the first."""
        return self._briefly.take(table, count) if count else 0

    def iid_ids(self, iids: IIDWords) -> Ints:
        """The ids of IIDs; those that are new are stored and committed."""
        return self._interning.ids_of(iids)

    def make_groups(self, names: Sequence[str]) -> list[int]:
        """The ids of groups, which somebody else may have made meanwhile; they are committed."""
        return self._interning.make_groups(names)

    def insert_rows(self, table: str, columns: Sequence[str], values: list[Any]) -> None:
        """Insert rows of anything, given as one flat list."""
        if values:
            copy_rows(driver_of(self._connection), table, columns, values)

    def insert_integers(self, table: str, columns: Sequence[str], rows: Ints) -> None:
        """Insert rows of integers."""
        copy_integers(driver_of(self._connection), table, columns, rows)

    def insert_pairs(self, table: str, columns: Sequence[str], pairs: Ints) -> None:
        """Insert pairs of integers."""
        copy_integers(driver_of(self._connection), table, columns, pairs)

    def add_boxes(self, ids: Ints, bbox: npt.NDArray[np.uint16]) -> None:
        """Do nothing: the index on boxes is one of the table of entries."""

    def entries_end(self) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing: nothing was held back."""


class PostgresIntake:
    """The database while files are brought in; see `Intake`.

    Parameters
    ----------
    engine : Engine
    """

    def __init__(self, engine: Engine) -> None:
        self._briefly = Briefly(engine)
        self._interning = Interning(self._briefly)

    def prepare(self, connection: Connection, n_files: int) -> None:
        """Before a first big load, drop what is quicker to make at its end.

        Before any other, make what one that was cut off has not.
        """
        if not is_empty(connection):
            make_late_indexes(connection)
        elif n_files >= _BIG_LOAD:
            drop_late_indexes(connection)

    @contextmanager
    def loading(self, connection: Connection) -> Iterator[PostgresTarget]:
        """Load files in the transaction of a connection."""
        yield PostgresTarget(connection, self._briefly, self._interning)

    def is_complete(self, connection: Connection) -> bool:
        """Whether all indexes are there."""
        return not lacks_late_indexes(connection)

    def complete(self, connection: Connection) -> None:
        """Make the indexes that are not there."""
        make_late_indexes(connection)
