"""Keeping SQLite's R*Tree in step with the entries."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from iidindex.catalog.rows import insert
from iidindex.catalog.schema import entry_boxes

_COLUMNS = [column.name for column in entry_boxes.columns]


def add_boxes(connection: Connection, first_id: int, bbox: npt.NDArray[np.uint16]) -> None:
    """Insert the boxes of entries with consecutive ids.

    Parameters
    ----------
    connection : Connection
        In a transaction.
    first_id : int
    bbox : ndarray of uint16, shape (n, 4)
        ``(minr, minc, maxr, maxc)``, half-open; those without pixels are left out.
    """
    box = bbox.astype(np.int64)
    filled = np.flatnonzero((box[:, 0] < box[:, 2]) & (box[:, 1] < box[:, 3]))
    rows = np.column_stack(
        [
            first_id + filled,
            box[filled, 0],
            box[filled, 2] - 1,
            box[filled, 1],
            box[filled, 3] - 1,
        ]
    )
    insert(connection, entry_boxes.name, _COLUMNS, rows.ravel().tolist())


def remove_boxes(connection: Connection, first_id: int, count: int) -> None:
    """Remove the boxes of entries with consecutive ids."""
    connection.exec_driver_sql(
        "DELETE FROM entry_boxes WHERE id BETWEEN ? AND ?", (first_id, first_id + count - 1)
    )
