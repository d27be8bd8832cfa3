"""Many rows of integers into SQLite without a Python object for any number.

Bound parameters cost an object and a call for each value. SQLite can also take a whole
database, in memory, from bytes (``sqlite3_deserialize``). So the rows are laid out in NumPy as
the pages of a table, attached, and copied by ``INSERT … SELECT``: into a table of the same
definition and no index that is a copy of cells, without looking into them.

The layout is that of https://www.sqlite.org/fileformat2.html, sections 1.6 and 2. All records
of a table made here are equally long: each column has the width that its largest number needs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Cells = npt.NDArray[np.uint8]

_PAGE = 1 << 16
_LEAF, _INTERIOR = 13, 5
_LEAF_HEAD, _INTERIOR_HEAD = 8, 12
_ROOT = 2  # page 1 holds the schema
# Leaves of an image: few enough that one page can point to all, some of them not full.
_MOST_LEAVES = (_PAGE - _INTERIOR_HEAD) // (2 + 4 + 9) - 16
# Bytes of an integer in a record, by the type that its header states; types 8 and 9 are the
# numbers 0 and 1 themselves.
_WIDTHS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_ZERO, _ONE = 8, 9
_NULL = 0


def image_of(definition: str, rows: Ints) -> bytes:
    """A database that holds rows in a table.

    Parameters
    ----------
    definition : str
        The statement that creates the table; its first column is the primary key.
    rows : ndarray of int64, shape (n, c)
        Ascending by the first column, which is not negative; at least one row, and no more than
        `most_rows`.
    """
    return _filled(_blank(definition), rows)


def most_rows(n_columns: int) -> int:
    """How many rows of so many columns are sure to fit into an image."""
    key, header, record = 9, 1 + n_columns, 8 * (n_columns - 1)
    cell = 1 + key + header + record
    return _MOST_LEAVES * ((_PAGE - _LEAF_HEAD) // (cell + 2))


def parts(rows: Ints) -> Iterator[Ints]:
    """Cut rows into those of one image each."""
    most = most_rows(rows.shape[1])
    for low in range(0, len(rows), most):
        yield rows[low : low + most]


@lru_cache(maxsize=16)
def _blank(definition: str) -> bytes:
    """A database with that table, empty."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute(f"PRAGMA page_size = {_PAGE}")
        connection.execute(definition)
        return connection.serialize()
    finally:
        connection.close()


def _filled(blank: bytes, rows: Ints) -> bytes:
    """A blank database filled with rows."""
    leaves = []
    ends = []
    for part in _by_key_length(rows[:, 0]):
        pages, last = _leaves(rows[part])
        leaves.append(pages)
        ends += last
    n_leaves = len(ends)
    head = np.frombuffer(blank, np.uint8)[:_PAGE].copy()
    if n_leaves == 1:
        root = [leaves[0].ravel()]
    else:
        root = [_interior(np.array(ends)), *(pages.ravel() for pages in leaves)]
    n_pages = 1 + (n_leaves if n_leaves == 1 else n_leaves + 1)
    head[28:32] = _big_endian(np.array([n_pages]), 4)[0]
    return np.concatenate([head, *root]).tobytes()


def _by_key_length(keys: Ints) -> Iterator[slice]:
    """Runs of keys whose varints are equally long."""
    limits = np.searchsorted(keys, [1 << 7 * length for length in range(1, 9)])
    edges = np.unique([0, *limits.tolist(), len(keys)])
    for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        yield slice(low, high)


def _leaves(rows: Ints) -> tuple[Cells, list[int]]:
    """Pages full of rows, and the last key on each."""
    cells = _cells(rows)
    n, size = cells.shape
    full = (_PAGE - _LEAF_HEAD) // (size + 2)
    n_pages = -(-n // full)
    pages = np.zeros((n_pages, _PAGE), np.uint8)
    whole = n // full
    for low, high, count in ((0, whole, full), (whole, n_pages, n - whole * full)):
        if low == high:
            continue
        start = _PAGE - count * size
        pages[low:high, 0] = _LEAF
        pages[low:high, 3:5] = _big_endian(np.array([count]), 2)
        pages[low:high, 5:7] = _big_endian(np.array([start]), 2)
        pointers = _big_endian(start + size * np.arange(count), 2).ravel()
        pages[low:high, _LEAF_HEAD : _LEAF_HEAD + 2 * count] = pointers
        held = cells[low * full : low * full + (high - low) * count]
        pages[low:high, start:] = held.reshape(high - low, count * size)
    last = np.minimum(np.arange(1, n_pages + 1) * full, n) - 1
    return pages, rows[last, 0].tolist()


def _cells(rows: Ints) -> Cells:
    """Rows as cells: length of the record, key, record."""
    types, columns = [_NULL], []  # the key stands outside of the record
    for column in rows.T[1:]:
        low, high = int(column.min()), int(column.max())
        if low == high and low in (0, 1):
            types.append(_ONE if low else _ZERO)
            continue
        kind, width = next(
            (kind, width)
            for kind, width in _WIDTHS.items()
            if -(1 << 8 * width - 1) <= low and high < 1 << 8 * width - 1
        )
        types.append(kind)
        columns.append(_big_endian(column, width))
    header = [1 + len(types), *types]
    record = len(header) + sum(column.shape[1] for column in columns)
    assert record < 1 << 7  # a varint of one byte
    key = _varints(rows[:, 0])
    head = np.broadcast_to(np.array(header, np.uint8), (len(rows), len(header)))
    size = np.full((len(rows), 1), record, np.uint8)
    return np.concatenate([size, key, head, *columns], axis=1)


def _interior(ends: Ints) -> Cells:
    """The page that points to the leaves, which follow it."""
    page = np.zeros(_PAGE, np.uint8)
    cells = []
    for nth, end in enumerate(ends[:-1]):
        child = _big_endian(np.array([_ROOT + 1 + nth]), 4)
        cells.append(np.concatenate([child[0], _varints(np.array([end]))[0]]))
    sizes = np.array([len(cell) for cell in cells])
    starts = _PAGE - int(sizes.sum()) + np.cumsum(sizes) - sizes
    page[0] = _INTERIOR
    page[3:5] = _big_endian(np.array([len(cells)]), 2)
    page[5:7] = _big_endian(starts[:1], 2)
    page[8:12] = _big_endian(np.array([_ROOT + len(ends)]), 4)
    page[_INTERIOR_HEAD : _INTERIOR_HEAD + 2 * len(cells)] = _big_endian(starts, 2).ravel()
    page[int(starts[0]) :] = np.concatenate(cells)
    return page


def _big_endian(numbers: Ints, width: int) -> Cells:
    """The low bytes of numbers, shape (n, width)."""
    raw = numbers.astype(">i8").view(np.uint8).reshape(len(numbers), 8)
    return raw[:, 8 - width :]


def _varints(numbers: Ints) -> Cells:
    """Numbers below 2**56 whose varints are equally long: seven bits a byte, high ones first."""
    length = max(1, -(-int(numbers[-1]).bit_length() // 7))
    shifts = 7 * np.arange(length - 1, -1, -1)
    groups = (numbers[:, None] >> shifts) & 0x7F
    groups[:, :-1] |= 0x80
    return groups.astype(np.uint8)
