"""Packing the whole R*Tree anew, in memory that does not grow with it.

The boxes are sorted outside of memory: they are read once and laid, slab by slab, into a temporary
file; each slab is packed; and which leaf holds which entry goes through a second such file, to be
written in the order of entries. Both lie in the directory that SQLite takes for its own.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, Any, Self

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from iidindex.catalog.sqlite.rtree import Tree, may_pack, pack
from iidindex.catalog.sqlite.tree_nodes import (
    FULL,
    NODE,
    PARENT,
    ROOT,
    ROWID,
    Cells,
    Ints,
    build_up,
    each_node,
    no_cells,
    own_nodes,
    read_nodes,
    read_root,
    write_level,
    write_root,
)
from iidindex.catalog.sqlite.writer import Writer

# Boxes that are packed at a time, and entries whose leaves are written at a time.
SLAB = 1_000_000
# Rows that are read at a time, where the tree cannot be believed.
_ROWS = 50_000

# A closed box; the leaf of an entry.
_BOX = np.dtype([("id", "<i8"), ("box", "<u2", (4,))])
_OWNED = np.dtype([("id", "<i8"), ("leaf", "<i8")])
Records = npt.NDArray[Any]

_FILLED = "FROM entries WHERE minr < maxr AND minc < maxc"
# Sums of all boxes; the last one tells if two have changed places.
_SUMS = (
    "SELECT count(*), sum(id), sum(minr), sum(maxr - 1), sum(minc), sum(maxc - 1), "
    "sum(id % 8191 * (minr + 3 * (maxr - 1) + 7 * minc + 11 * (maxc - 1))) "
)


def repack(connection: Connection, slab: int = SLAB) -> bool:
    """Pack the whole tree anew; return whether this build of SQLite allows it.

    Parameters
    ----------
    connection : Connection
        In a transaction that may write.
    slab : int
        Boxes that are packed at a time.
    """
    if not may_pack(connection):
        return False
    leaves = _leaves(connection)
    edges = _edges(leaves, slab)
    with _Sorted(_BOX, len(edges) + 1) as boxes:
        # Leaves are read four times as fast as rows. What does not agree with these is not used.
        if _lay(boxes, edges, _boxes_of(connection, leaves[:, 0])) != _sums_of_rows(connection):
            boxes.clear()
            _lay(boxes, edges, _boxes_of_rows(connection))
        for table in (NODE, ROWID, PARENT):
            connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608  (names are ours)
        with Writer(connection) as writer:
            write_root(writer, no_cells(), 0)
            if len(boxes) <= slab + slab // 4:
                cells = np.concatenate([no_cells(), *map(_cells_of, boxes.parts(slab))])
                pack(writer, Tree(0, no_cells(), ROOT), cells)
            else:
                _pack_slabs(writer, boxes, slab)
            _ = writer.connection  # wait for all
    return True


def _pack_slabs(writer: Writer, boxes: _Sorted, slab: int) -> None:
    parents = []
    last = ROOT
    with _Sorted(_OWNED, boxes.largest_id // slab + 1) as owned:

        def own(ids: Ints, leaf_of: Ints) -> None:
            some = np.empty(len(ids), _OWNED)
            some["id"], some["leaf"] = ids, leaf_of
            owned.add(some, ids // slab)

        for part in boxes.parts(slab):
            leaves = write_level(writer, _cells_of(part), last + 1, own)
            parents.append(write_level(writer, leaves, int(leaves[-1, 0]) + 1, own_nodes(writer)))
            last = int(parents[-1][-1, 0])
        boxes.clear()
        build_up(writer, np.concatenate(parents), last + 1)
        for part in owned.parts(slab):
            pairs = np.column_stack([part["id"], part["leaf"]])
            pairs = pairs[np.argsort(pairs[:, 0])]
            writer.insert_integers(ROWID, ["rowid", "nodeno"], pairs)


def _leaves(connection: Connection) -> Cells:
    """The cells of all leaves: as far as can be read of a damaged tree."""
    depth, level = read_root(connection)
    if depth == 0:
        return np.array([[ROOT, 0, 0, 0, 0]])
    with suppress(ValueError):
        for _ in range(depth - 1):
            level = read_nodes(connection, level[:, 0])
    return level


def _edges(leaves: Cells, slab: int) -> Ints:
    """Where slabs begin, but for the first; none, if all boxes are one slab."""
    places = np.sort(_place_of(leaves[:, 1:]))
    n_slabs = -(-len(places) * FULL // slab)
    return places[np.arange(1, n_slabs) * len(places) // n_slabs]


def _place_of(box: npt.NDArray[Any]) -> Ints:
    """By column first, as slabs are; by row, where boxes have the same columns."""
    minr, maxr, minc, maxc = box.astype(np.int64).T
    place: Ints = (minc + maxc) << 17 | (minr + maxr)
    return place


def _lay(boxes: _Sorted, edges: Ints, found: Iterator[Records]) -> list[int]:
    """Lay boxes apart by slab; return their sums."""
    sums = np.zeros(7, np.int64)
    for some in found:
        sums += _sums_of(some)
        boxes.add(some, np.searchsorted(edges, _place_of(some["box"]), side="right"))
    told: list[int] = sums.tolist()
    return told


def _boxes_of(connection: Connection, leaves: Ints) -> Iterator[Records]:
    """The boxes in leaves, some at a time, up to one that is damaged."""
    with suppress(ValueError):
        for cells in each_node(connection, leaves):
            some = np.empty(len(cells), _BOX)
            some["id"], some["box"] = cells[:, 0], cells[:, 1:]
            yield some


def _boxes_of_rows(connection: Connection) -> Iterator[Records]:
    """The boxes of entries that have a pixel, some at a time."""
    statement = f"SELECT id, minr, maxr - 1, minc, maxc - 1 {_FILLED}"
    cursor = connection.exec_driver_sql(statement).cursor
    assert cursor is not None
    while rows := cursor.fetchmany(_ROWS):
        table = np.array(rows, np.int64)
        some = np.empty(len(table), _BOX)
        some["id"], some["box"] = table[:, 0], table[:, 1:]
        yield some


def _sums_of_rows(connection: Connection) -> list[int]:
    found = connection.exec_driver_sql(_SUMS + _FILLED).one()
    return [number or 0 for number in found]


def _sums_of(some: Records) -> Ints:
    ids, box = some["id"], some["box"].astype(np.int64)
    mixed = (ids % 8191 * (box @ np.array([1, 3, 7, 11]))).sum()
    return np.array([len(some), ids.sum(), *box.sum(axis=0), mixed])


def _cells_of(some: Records) -> Cells:
    return np.column_stack([some["id"], some["box"].astype(np.int64)])


class _Sorted:
    """Records in a temporary file, apart by parts, of which each can be read alone.

    Parameters
    ----------
    dtype : dtype
        With a field `id`.
    n_parts : int
    """

    def __init__(self, dtype: np.dtype[Any], n_parts: int) -> None:
        self._dtype = dtype
        self._n_parts = n_parts
        # Without a name where the system can: nothing is left, however the process ends.
        self._file: IO[bytes] = tempfile.TemporaryFile(  # noqa: SIM115  (closed by __exit__)
            prefix="iidindex-", dir=os.environ.get("SQLITE_TMPDIR")
        )
        self.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._size

    def clear(self) -> None:
        """Forget all, and give the room back."""
        self._file.seek(0)
        self._file.truncate()
        # Of each part, where stretches of it begin, and how many records they are.
        self._stretches: list[list[tuple[int, int]]] = [[] for _ in range(self._n_parts)]
        self._size = 0
        self.largest_id = 0

    def add(self, records: Records, part_of: Ints) -> None:
        """Lay records behind what is there."""
        order = np.argsort(part_of, kind="stable")
        counts = np.bincount(part_of, minlength=self._n_parts)
        first = self._size + np.cumsum(counts) - counts
        for part in np.flatnonzero(counts).tolist():
            self._stretches[part].append((int(first[part]), int(counts[part])))
        records[order].tofile(self._file)
        self._size += len(records)
        self.largest_id = max(self.largest_id, int(records["id"].max(initial=0)))

    def parts(self, most: int) -> Iterator[Records]:
        """Read part after part; what is larger than these and a quarter, in several."""
        for stretches in self._stretches:
            held: list[Records] = []
            size = 0
            for first, count in stretches:
                for low in range(0, count, most):
                    n = min(most, count - low)
                    if size + n > most + most // 4:
                        yield np.concatenate(held)
                        held, size = [], 0
                    held.append(self._read(first + low, n))
                    size += n
            if held:
                yield np.concatenate(held)

    def _read(self, first: int, count: int) -> Records:
        self._file.seek(first * self._dtype.itemsize)
        return np.fromfile(self._file, self._dtype, count)
