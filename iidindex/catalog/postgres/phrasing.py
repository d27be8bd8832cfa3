"""How PostgreSQL says what others say in another way."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import chain, count
from typing import Any

import numpy as np
import numpy.typing as npt
from psycopg import Connection as DriverConnection
from psycopg import Cursor, ServerCursor
from sqlalchemy import Connection

from iidindex.catalog.dialect import Dialect, Rows, WayCosts
from iidindex.catalog.postgres.integers import Integers
from iidindex.catalog.schema import name_bytes

Ints = npt.NDArray[np.int64]

# Cursors of the server have names.
_NUMBERS = count()
_ROWS = 4096


def _rows(width: int) -> Rows:
    """An array of one dimension, or of two if each row has several integers."""
    if width == 1:
        source = "unnest(?::bigint[]) WITH ORDINALITY AS j (value, place)"
        return Rows(source, "(j.place - 1)", ("j.value",))
    source = (
        "(SELECT ?::bigint[] AS a) p CROSS JOIN LATERAL "
        "generate_series(1, coalesce(array_length(p.a, 1), 0)) AS j (place)"
    )
    values = (f"p.a[j.place][{place}]" for place in range(1, width + 1))
    return Rows(source, "(j.place - 1)", tuple(values))


def _array(values: Any) -> object:
    if isinstance(values, np.ndarray):
        return Integers(values)
    if not len(values):
        return "{}"  # of whatever type stands there
    if isinstance(values[0], (str, bytes)):
        return list(values)
    return Integers(np.array(values, np.int64))


def _read_rows(
    connection: Connection, text: str, values: Sequence[object], width: int
) -> npt.NDArray[np.int64]:
    driver = connection.connection.driver_connection
    assert isinstance(driver, DriverConnection)
    with driver.cursor(binary=True) as cursor:
        cursor.execute(text.encode(), values)
        every = chain.from_iterable(cursor)
        return np.fromiter((value or 0 for value in every), np.int64).reshape(-1, width)


def _cursor(driver: DriverConnection[Any]) -> Cursor[Any]:
    return driver.cursor(binary=True)


class _Stream(ServerCursor[Any]):
    """A cursor of the server: another holds all rows of an answer before the first is read."""

    def __del__(self, *_: Any) -> None:
        # One that nobody reads to its end goes with the transaction.
        pass


def _stream(driver: DriverConnection[Any]) -> _Stream:
    found = _Stream(driver, f"rows_{next(_NUMBERS)}")
    # So that iterating over it does not ask the server for every few.
    found.itersize = _ROWS
    return found


POSTGRES = Dialect(
    name="postgresql",
    paramstyle="format",
    then="JOIN",
    rows=_rows,
    array=_array,
    explain="EXPLAIN ",
    cursor=_cursor,
    stream=_stream,
    read_rows=_read_rows,
    path=os.fsencode,
    group_name=name_bytes,
    keeps_order=False,
    # How many entries lie between two is guessed at, and how many a file has is known.
    also_of_file=" AND e.file_id = f.id",
    # Before version 18 there was no least of bytes.
    of_bytes="decode({}(encode({}, 'hex')), 'hex')",
    new_id="nextval('{table}_id_seq')",
    # Measured with 1,000,000 entries; a box takes some 0.15 µs.
    way_costs=WayCosts(
        each={"FILES": 1.0, "GROUPS": 20.0, "BOXES": 7.0, "IIDS": 7.0},
        looked_up={"FILES": 0.5, "GROUPS": 12.0, "BOXES": 0.0, "IIDS": 1.5},
    ),
    # Any number that no other lock of ours has.
    altering="SELECT pg_advisory_xact_lock(4978712301)",
)
