"""What a catalogue needs of the database that holds it.

Everything above goes through these; what only one kind of database can do lies in its own room.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Engine

from iidindex.catalog.statement import Cursor
from iidindex.iidwords import IIDWords

Ints = npt.NDArray[np.int64]

# Tables whose rows have ids of their own.
WITH_IDS = ("roots", "files", "iids", "entries", "groups", "ingests", "changes")

# Layers of the spatial index from which to tell people to `optimize`: the box of a pixel then takes
# up to three times as long to look up as in one that was packed at once: `benchmarks/database.py`.
MANY_LAYERS = 30


class Optimization(NamedTuple):
    """What `Index.optimize` has to do.

    Attributes
    ----------
    lacks_indexes : bool
        Whether a database index has to be made, because a first ingest was cut off.
    boxes, nodes : int
        The number of boxes in the spatial index, which is packed again, and of the nodes that hold
        them.
    has_statistics : bool
        Whether statistics were gathered before.
    bytes, free_bytes : int
        The size of the database, and how much of it is free.
    layers : float
        How many parts of the spatial index lie over each other; see `Index.layers`.
    """

    lacks_indexes: bool
    boxes: int
    nodes: int
    has_statistics: bool
    bytes: int
    free_bytes: int
    layers: float


class Target(Protocol):
    """The database within one transaction that loads files."""

    @property
    def connection(self) -> Connection:
        """The connection, when all that was inserted before has been."""
        ...

    def take(self, table: str, count: int = 1) -> int:
        """Reserve consecutive ids, which are never given twice; return the first."""
        ...

    def iid_ids(self, iids: IIDWords) -> Ints:
        """The ids of IIDs, any of them any number of times; those that are new are stored."""
        ...

    def make_groups(self, names: Sequence[str]) -> list[int]:
        """The ids of groups that were not there when the transaction began; they are made."""
        ...

    def insert_rows(self, table: str, columns: Sequence[str], values: list[Any]) -> None:
        """Insert rows of anything, given as one flat list."""
        ...

    def insert_integers(self, table: str, columns: Sequence[str], rows: Ints) -> None:
        """Insert rows of integers, all columns of the table, ascending by the first, its key."""
        ...

    def insert_pairs(self, table: str, columns: Sequence[str], pairs: Ints) -> None:
        """Insert pairs of integers into a table whose key they are, in that key's order."""
        ...

    def add_boxes(self, ids: Ints, bbox: npt.NDArray[np.uint16]) -> None:
        """Add the boxes of entries that are new: half-open; those without a pixel have none."""
        ...

    def entries_end(self) -> None:
        """Be told that no more entries come: what has to be read is read before the rest."""
        ...

    def finish(self) -> None:
        """Write what was held back to be written together."""
        ...


class Intake(Protocol):
    """The database while files are brought in, over several transactions."""

    def prepare(self, connection: Connection, n_files: int) -> None:
        """Make ready for so many files: a first big load goes without what slows it down."""
        ...

    def loading(self, connection: Connection) -> AbstractContextManager[Target]:
        """Load files in the transaction of a connection; `Target.finish` it before the end."""
        ...

    def is_complete(self, connection: Connection) -> bool:
        """Whether nothing of what was left out has still to be made."""
        ...

    def complete(self, connection: Connection) -> None:
        """Make what was left out."""
        ...


class Sole(Protocol):
    """The right to be the only one to write, while it is held."""

    def check(self) -> None:
        """Raise `CatalogLockedError` if that is no longer so. Call it in each transaction."""
        ...

    def extend(self, places: Iterable[str]) -> None:
        """Be the only one for these locations, too.

        Raises
        ------
        CatalogLockedError
            If another process is.
        """
        ...


class Store(Protocol):
    """A database that holds a catalogue, or may.

    Attributes
    ----------
    name : str
        What to call it in errors.
    location : str
        How to open it again, in this process or another.
    engine : Engine
        Nothing is opened until it is asked for a connection.
    longest_name : int or None
        The most bytes that the path of a file, the name of a group, or the domain and the address
        of an IID together may have; None for any.
    """

    name: str
    location: str
    longest_name: int | None

    @property
    def engine(self) -> Engine:
        """What makes connections, with transactions as they have to be."""
        ...

    def close(self) -> None:
        """Close what was opened in this process to look at it."""
        ...

    def exists(self) -> bool:
        """Whether there is anything of its name."""
        ...

    def is_blank(self) -> bool:
        """Whether it is there, but holds nothing: its making may have been interrupted."""
        ...

    def make(self) -> None:
        """Make it, without tables."""
        ...

    def can_write(self) -> bool:
        """Whether this user may change it, or make it."""
        ...

    def translated(self) -> AbstractContextManager[None]:
        """Turn the errors of its driver into ours."""
        ...

    def sole_writer(self, places: Sequence[str] | None = None) -> AbstractContextManager[Sole]:
        """Be the only one to write, over several transactions.

        Parameters
        ----------
        places : sequence of str, optional
            Only what lies in these directories, and in the roots that they lie in, is going to be
            written. Who can tells others apart from that; without it, all may be.

        Raises
        ------
        CatalogLockedError
            If another process is.
        """
        ...

    def revision(self, connection: Connection) -> str | None:
        """The revision of the tables in it; None, if they are none of a catalogue."""
        ...

    def keep_copy(self, revision: str) -> str | None:
        """Copy it before it is changed to another revision; return where the copy is."""
        ...

    def reading_sql(self) -> AbstractContextManager[Connection]:
        """Hold a connection for SQL that people write: with the views, and unable to change."""
        ...

    def run_sql(self, connection: Connection, statement: str, values: Mapping[str, Any]) -> Cursor:
        """Run a statement that somebody wrote on such a connection: ``:name`` is a value in it."""
        ...

    def what_sql_said(self, error: Exception) -> str | None:
        """What was wrong with a statement that somebody wrote; None, if it was not that."""
        ...

    def intake(self) -> Intake:
        """Bring files in."""
        ...

    def insert_rows(
        self, connection: Connection, table: str, columns: Sequence[str], values: list[Any]
    ) -> None:
        """Insert rows of anything, given as one flat list."""
        ...

    def last_ids(self, connection: Connection) -> dict[str, int]:
        """The largest id that each table ever had, by its name; 0 for none."""
        ...

    def keep_last_ids(self, connection: Connection, last: Mapping[str, int]) -> None:
        """Give none of these ids, and none below, to anything new."""
        ...

    def remove_boxes(self, connection: Connection, first_id: int, count: int) -> None:
        """Remove the boxes of entries with consecutive ids, before the entries themselves."""
        ...

    def damage(self, connection: Connection) -> Iterable[str]:
        """What the database finds wrong with itself; nothing, if all is well."""
        ...

    def layers(self, connection: Connection) -> float:
        """How many parts of the spatial index lie over each other where boxes are, on average.

        A question about a pixel looks into as many; from `MANY_LAYERS` on, `optimize` pays.
        """
        ...

    def to_optimize(self, connection: Connection) -> Optimization:
        """Look at what `optimize` would do; change nothing."""
        ...

    def optimize(self, connection: Connection) -> None:
        """Make what is quick to be asked: indexes, the spatial one anew, statistics."""
        ...

    def facts(self, connection: Connection) -> dict[str, Any]:
        """What whoever is asked for help needs to know of it, by name."""
        ...
