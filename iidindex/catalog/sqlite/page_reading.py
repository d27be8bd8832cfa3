"""Many rows of integers out of SQLite without a Python object for any number.

The driver makes an object for each value, which takes longer than SQLite takes to find it. So a
statement fills a table of a database in memory, of which SQLite hands out the bytes
(``sqlite3_serialize``), and NumPy reads the rows from its pages: the way back of `pages`.

The layout is that of https://www.sqlite.org/fileformat2.html, sections 1.6 and 2.1.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided
from sqlalchemy import Connection

from iidindex.catalog.sqlite.attached import attach_empty, shrink

Ints = npt.NDArray[np.int64]
Cells = npt.NDArray[np.uint8]

# So many integers fit into a record whose length is told by one byte, as is that of its head.
MOST_COLUMNS = 13

_SCHEMA = "iidindex_read"
# Where things are in a database, and in a page; sections 1.3 and 1.6.
_PAGE_SIZE = 16
_LEAF_HEAD, _INTERIOR_HEAD = 8, 12
_INTERIOR = 5
_COUNT, _RIGHTMOST = 3, 8
# Bytes of an integer in a record, by the type that its header states: 0 is null, 8 and 9 are the
# numbers 0 and 1 themselves.
_WIDTHS = np.array([0, 1, 2, 3, 4, 6, 8, 0, 0, 0], np.int64)
_ONE = 9


def read_rows(
    connection: Connection, statement: str, parameters: Sequence[object], width: int
) -> Ints:
    """All rows of a statement that selects integers.

    Parameters
    ----------
    connection : Connection
        In a transaction, whose state of the database is read.
    statement : str
        In SQLite's words, with ``?`` for parameters. Null is told as 0.
    parameters : sequence
    width : int
        How many columns it selects, at most `MOST_COLUMNS`.

    Returns
    -------
    ndarray of int64, shape (n, width)
        In the order of the statement.
    """
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    with _may_write(driver):
        if not _has_table(connection, driver, width):
            return _by_driver(driver, statement, parameters, width)
        try:
            driver.execute(f"INSERT INTO {_SCHEMA}.found {statement}", parameters)
            (root,) = driver.execute(f"SELECT rootpage FROM {_SCHEMA}.sqlite_master").fetchone()  # noqa: S608
            pages = driver.serialize(name=_SCHEMA)
        finally:
            driver.execute(f"DROP TABLE {_SCHEMA}.found")
            # Or else the next rows, if they are few, would come among as many pages.
            shrink(driver, _SCHEMA)
    return _rows(np.frombuffer(pages, np.uint8), root, width)


def _has_table(connection: Connection, driver: sqlite3.Connection, width: int) -> bool:
    """Make a table for rows, unless SQLite was built without what that needs."""
    if not hasattr(driver, "serialize"):
        return False
    columns = ", ".join(f"c{nth}" for nth in range(width))
    try:
        attach_empty(connection, _SCHEMA)
        driver.execute(f"CREATE TABLE {_SCHEMA}.found ({columns})")
    except sqlite3.OperationalError:
        # As few databases as are attached already may be attached, or none be written to.
        return False
    return True


def _by_driver(
    driver: sqlite3.Connection, statement: str, parameters: Sequence[object], width: int
) -> Ints:
    """The same where SQLite was built without what hands out bytes."""
    values = chain.from_iterable(driver.execute(statement, parameters))
    rows = np.fromiter((value or 0 for value in values), np.int64)
    return rows.reshape(-1, width)


@contextmanager
def _may_write(driver: sqlite3.Connection) -> Iterator[None]:
    """Let a connection that only reads write to what it has in memory.

    The file itself is opened for reading then, and cannot be written all the same.
    """
    (only_reads,) = driver.execute("PRAGMA query_only").fetchone()
    if only_reads:
        driver.execute("PRAGMA query_only = OFF")
    try:
        yield
    finally:
        if only_reads:
            driver.execute("PRAGMA query_only = ON")


def _rows(data: Cells, root: int, width: int) -> Ints:
    """The rows of a table whose root is a page with this number."""
    stated = _pairs(data, np.array([_PAGE_SIZE]))[0]
    size = 1 << 16 if stated == 1 else int(stated)
    pages = np.array([root - 1], np.int64) * size
    while data[pages[0]] == _INTERIOR:
        # All leaves of a tree lie equally deep. What is right of the last cell is in the head.
        page, cell = _cells(data, pages, _INTERIOR_HEAD)
        below = np.append(_longs(data, cell), _longs(data, pages + _RIGHTMOST))
        order = np.argsort(np.append(page, pages), kind="stable")
        pages = (below[order] - 1) * size
    _, cell = _cells(data, pages, _LEAF_HEAD)
    # The length of a record takes a byte, as it is short; then comes the number of the row.
    return _integers(data, _behind_varint(data, cell + 1), width)


def _cells(data: Cells, pages: Ints, head: int) -> tuple[Ints, Ints]:
    """Where the cells of pages begin, in their order, and where the page of each does."""
    counts = _pairs(data, pages + _COUNT)
    page = np.repeat(pages, counts)
    nth = np.arange(len(page)) - np.repeat(np.cumsum(counts) - counts, counts)
    return page, page + _pairs(data, page + head + 2 * nth)


def _pairs(data: Cells, at: Ints) -> Ints:
    """Numbers of two bytes."""
    return data[at].astype(np.int64) << 8 | data[at + 1]


def _longs(data: Cells, at: Ints) -> Ints:
    """Numbers of four bytes."""
    return _pairs(data, at) << 16 | _pairs(data, at + 2)


def _behind_varint(data: Cells, at: Ints) -> Ints:
    """Where numbers of up to nine bytes end, all but the last of which have their first bit set."""
    goes_on = np.flatnonzero(data[at] >= 128)
    at = at + 1
    while len(goes_on):
        is_last = data[at[goes_on]] < 128
        at[goes_on] += 1
        goes_on = goes_on[~is_last]
    return at


def _integers(data: Cells, head: Ints, width: int) -> Ints:
    """The integers of records whose heads are at these places."""
    found = np.empty((len(head), width), np.int64)
    # Eight bytes from anywhere, as one number.
    eights = as_strided(
        np.append(np.zeros(8, np.uint8), data)[:8].view(">i8"), (len(data) + 1,), (1,)
    )
    end = head + data[head]
    for nth in range(width):
        type_ = data[head + 1 + nth]
        n_bytes = _WIDTHS[type_]
        end += n_bytes
        unused = 64 - 8 * n_bytes
        value = eights[end].astype(np.int64)
        np.left_shift(value, unused, out=value, where=n_bytes > 0)
        np.right_shift(value, unused, out=value, where=n_bytes > 0)
        empty = n_bytes == 0
        if empty.any():
            value[empty] = type_[empty] == _ONE
        found[:, nth] = value
    return found
