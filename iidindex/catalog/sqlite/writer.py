"""Writing many rows in a thread of its own, while the next are prepared.

SQLite works without Python's lock, and NumPy mostly does, so that two processors are in use.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from iidindex.catalog.sqlite.attached import attach, most_images
from iidindex.catalog.sqlite.multirow import insert
from iidindex.catalog.sqlite.pages import image_of, most_rows, parts
from iidindex.iidwords import IIDWords

Ints = npt.NDArray[np.int64]
Work = Callable[[Connection], object]

# Copying is quicker from 200 rows of entries on, 1.5 times at these. For fewer, none of the
# images is spent, of which a transaction has some ten.
_COPY_FROM = 500
# Works that may wait; each holds the rows of one image.
_AHEAD = 4

_PAIRS = "CREATE TABLE pairs (id INTEGER PRIMARY KEY, one INTEGER, other INTEGER)"
_RANGES = (
    "CREATE TABLE ranges (id INTEGER PRIMARY KEY, domain INTEGER, domain_length INTEGER, "
    "address INTEGER, address_length INTEGER)"
)


class Writer:
    """One transaction's connection, and the work that waits for it, done in its order.

    Parameters
    ----------
    connection : Connection
        In a transaction that may write. Use it through `connection` only until `close`.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._thread = ThreadPoolExecutor(1)
        self._waiting: deque[Future[object]] = deque()
        self._has_failed = False
        self._definitions: dict[str, str] = {}
        self._images_left = most_images(connection)

    @property
    def connection(self) -> Connection:
        """The connection, when all work that waited is done."""
        while self._waiting:
            self._waiting.popleft().result()
        return self._connection

    def later(self, work: Work) -> None:
        """Do something with the connection after all that waits; its errors come later, too."""
        while len(self._waiting) >= _AHEAD:
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(self._do, work))

    def _do(self, work: Work) -> object:
        # SQLite may have undone the transaction by itself, on a full disk for instance. What is
        # written after that would be a transaction of its own.
        if self._has_failed:
            return None
        try:
            return work(self._connection)
        except BaseException:
            self._has_failed = True
            raise

    def close(self) -> None:
        """Do no more; work under way is finished."""
        self._has_failed = True
        self._thread.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def insert_integers(
        self, table: str, columns: Sequence[str], rows: Ints, *, replace: bool = False
    ) -> None:
        """Insert rows of integers in the ascending order of their key, the first column.

        Parameters
        ----------
        table : str
        columns : sequence of str
            All columns of the table, in their order.
        rows : ndarray of int64, shape (n, c)
        replace : bool
            Take the place of rows with the same key.
        """
        if not self._may_copy(len(rows), len(columns)):
            self.later(
                lambda connection: insert(connection, table, columns, _flat(rows), replace=replace)
            )
            return
        # SQLite copies whole cells if nothing but `SELECT *` stands here.
        verb = "INSERT OR REPLACE" if replace else "INSERT"
        statement = f'{verb} INTO main."{table}" SELECT * FROM {{image}}."{table}"'  # noqa: S608
        self._copy(self._definition(table), rows, statement)

    def insert_pairs(self, table: str, columns: Sequence[str], pairs: Ints) -> None:
        """Insert pairs of integers into a table whose key they are, in that key's order.

        Parameters
        ----------
        table : str
        columns : sequence of str
            The two columns.
        pairs : ndarray of int64, shape (n, 2)
        """
        if not self._may_copy(len(pairs), 3):
            self.later(lambda connection: insert(connection, table, columns, _flat(pairs)))
            return
        names = ", ".join(columns)
        self._copy(
            _PAIRS,
            _numbered(pairs, 0),
            f'INSERT INTO main."{table}" ({names}) '  # noqa: S608  (names are ours)
            "SELECT one, other FROM {image}.pairs ORDER BY id",
        )

    def insert_iids(self, first_id: int, iids: IIDWords) -> None:
        """Store IIDs that are not there yet, with consecutive ids.

        Parameters
        ----------
        first_id : int
        iids : IIDWords
        """
        if not self._may_copy(len(iids), 5):
            rows: list[Any] = []
            for iid_id, pair in enumerate(iids.pairs(), first_id):
                rows += (iid_id, *pair)
            self.later(
                lambda connection: insert(connection, "iids", ["id", "domain", "address"], rows)
            )
            return
        data, offset, lengths = iids.text()
        domain, address = lengths.T
        start = offset + 1  # SQL counts bytes from one
        self._copy(
            _RANGES,
            _numbered(np.column_stack([start, domain, start + domain, address]), first_id),
            "INSERT INTO main.iids (id, domain, address) SELECT id, "
            "substr(?1, domain, domain_length), substr(?1, address, address_length) "
            "FROM {image}.ranges ORDER BY id",
            (data,),
        )

    def _may_copy(self, n_rows: int, n_columns: int) -> bool:
        n_images = -(-n_rows // most_rows(n_columns))
        return n_rows >= _COPY_FROM and n_images <= self._images_left

    def _copy(
        self, definition: str, rows: Ints, statement: str, parameters: tuple[object, ...] = ()
    ) -> None:
        """Run a statement on rows as a table of the schema ``{image}``."""
        for part in parts(rows):
            image = image_of(definition, part)
            self._images_left -= 1
            schema = f"image{self._images_left}"

            def work(connection: Connection, image: bytes = image, schema: str = schema) -> None:
                attach(connection, image, schema)
                connection.exec_driver_sql(statement.format(image=schema), parameters)

            self.later(work)

    def _definition(self, table: str) -> str:
        if table not in self._definitions:
            found = self.connection.exec_driver_sql(
                "SELECT sql FROM main.sqlite_master WHERE type = 'table' AND name = ?", (table,)
            )
            self._definitions[table] = found.scalar_one()
        return self._definitions[table]


def _flat(rows: Ints) -> list[Any]:
    found: list[Any] = rows.ravel().tolist()
    return found


def _numbered(rows: Ints, first: int) -> Ints:
    return np.column_stack([np.arange(first, first + len(rows)), rows])
