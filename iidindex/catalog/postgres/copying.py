"""Many rows by COPY: of integers as bytes that NumPy lays out, of anything else as text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import BigInteger

from iidindex.catalog.postgres.sessions import Driver
from iidindex.catalog.schema import metadata

Ints = npt.NDArray[np.int64]

# https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format"
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"

# Rows that are laid out at a time, some megabytes.
_ROWS = 1 << 15


def copy_integers(driver: Driver, table: str, columns: Sequence[str], rows: Ints) -> None:
    """Append rows of integers to a table.

    Parameters
    ----------
    driver : Driver
        In a transaction that may write.
    table : str
    columns : sequence of str
    rows : ndarray of int64, shape (n, c)
    """
    layout = _layout(table, tuple(columns))
    with driver.cursor() as cursor, cursor.copy(_statement(table, columns, binary=True)) as copy:
        copy.write(_HEADER)
        for first in range(0, len(rows), _ROWS):
            copy.write(_laid_out(rows[first : first + _ROWS], layout))
        copy.write(_TRAILER)


def copy_rows(driver: Driver, table: str, columns: Sequence[str], values: list[Any]) -> None:
    """Append rows of anything, given as one flat list."""
    width = len(columns)
    with driver.cursor() as cursor, cursor.copy(_statement(table, columns)) as copy:
        for first in range(0, len(values), width):
            copy.write_row(values[first : first + width])


def _statement(table: str, columns: Sequence[str], *, binary: bool = False) -> bytes:
    names = ", ".join(f'"{name}"' for name in columns)
    how = " (FORMAT binary)" if binary else ""
    return f'COPY "{table}" ({names}) FROM STDIN{how}'.encode()


@cache
def _layout(table: str, columns: tuple[str, ...]) -> np.dtype[np.void]:
    """A row as it is sent: how many fields, and before each field its length."""
    fields = [("fields", ">i2")]
    for name in columns:
        is_wide = isinstance(metadata.tables[table].c[name].type, BigInteger)
        fields += [(f"length of {name}", ">i4"), (name, ">i8" if is_wide else ">i4")]
    return np.dtype(fields)


def _laid_out(rows: Ints, layout: np.dtype[np.void]) -> bytes:
    names = layout.names
    assert names is not None
    sent = np.empty(len(rows), layout)
    sent["fields"] = rows.shape[1]
    for nth, (length, name) in enumerate(zip(names[1::2], names[2::2], strict=True)):
        sent[length] = layout[name].itemsize
        sent[name] = rows[:, nth]
    return sent.tobytes()
