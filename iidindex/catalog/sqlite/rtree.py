"""Keeping SQLite's R*Tree in step with the entries.

The tree lies in three ordinary tables that SQLite calls its shadow tables. Inserting a box takes
thirteen microseconds or more; when many are new, their nodes are packed in NumPy and written
into those tables instead, ten times as fast. GDAL writes GeoPackage's trees the same way
(https://github.com/OSGeo/gdal/pull/8596).

Format of the tables (https://www.sqlite.org/rtree.html, and the comments of SQLite's rtree.c):
``_node`` holds a blob for each node: depth of the tree (u16, in the root only), number of cells
(u16), then cells of an id (i64) and minr, maxr, minc, maxc (i32 each), all big-endian, padded to
a fixed size. The root is node 1; the ids in leaves are entries, those above are nodes. ``_rowid``
tells the leaf of every entry, ``_parent`` the parent of every other node but the root.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from iidindex.catalog.schema import entry_boxes
from iidindex.catalog.sqlite.multirow import insert
from iidindex.catalog.sqlite.writer import Writer

Ints = npt.NDArray[np.int64]
# Cells as one array: id, minr, maxr, minc, maxc; closed boxes.
Cells = npt.NDArray[np.int64]

_COLUMNS = [column.name for column in entry_boxes.columns]
_NODE, _ROWID, _PARENT = (f"{entry_boxes.name}_{part}" for part in ("node", "rowid", "parent"))

_CELL = np.dtype([("id", ">i8"), ("box", ">i4", (4,))])
# SQLite's RTREE_MAXCELLS, which a node of five columns reaches from a page of 2 KiB upwards.
_FULL = 51
_NODE_TYPE = np.dtype([("depth", ">u2"), ("count", ">u2"), ("cells", _CELL, (_FULL,))])
_HEAD_SIZE = 4
_ROOT = 1
# Nodes that are made at a time.
_NODES = 2000
# Boxes that are packed at a time when all are packed anew.
_SLAB = 1_000_000

# Takes ids and the nodes that hold them.
Own = Callable[[Ints, Ints], object]

# Packing is quicker than inserting from a hundred boxes upwards. But every packing adds leaves
# that may overlap all others, so that the many small additions of a year would leave a slower
# tree than inserting does: fewer boxes than these, or than this part of the tree, are inserted.
PACK_FROM = 2000
_PACK_PART = 1 / 200


def cells_of(ids: Ints, bbox: npt.NDArray[np.uint16]) -> Cells:
    """The cells of entries; those whose box has no pixel have none.

    Parameters
    ----------
    ids : ndarray of int64, shape (n,)
    bbox : ndarray of uint16, shape (n, 4)
        ``(minr, minc, maxr, maxc)``, half-open.

    Returns
    -------
    ndarray of int64, shape (m, 5)
    """
    box = bbox.astype(np.int64)
    filled = (box[:, 0] < box[:, 2]) & (box[:, 1] < box[:, 3])
    minr, minc, maxr, maxc = box[filled].T
    return np.column_stack([ids[filled], minr, maxr - 1, minc, maxc - 1])


class Tree(NamedTuple):
    """What has to be known of a tree to add to it.

    ``depth`` of the root, whose cells are ``root``; ``last`` is the largest number of a node.
    A tree that cannot be packed, only inserted into, has depth -1.
    """

    depth: int
    root: Cells
    last: int


def read_tree(connection: Connection) -> Tree:
    """Look at the tree; it must not change until `add_boxes`."""
    if not _may_pack(connection):
        return Tree(-1, np.empty((0, len(_COLUMNS)), np.int64), 0)
    depth, root = _read_nodes(connection, [_ROOT])[0]
    last = connection.exec_driver_sql(f"SELECT max(nodeno) FROM {_NODE}").scalar_one()  # noqa: S608
    return Tree(depth, root, last)


def add_boxes(writer: Writer, tree: Tree, cells: Cells, size: int) -> None:
    """Add cells of entries that have none yet, in the way that is quicker.

    Parameters
    ----------
    writer : Writer
    tree : Tree
        From `read_tree`.
    cells : ndarray of int64, shape (m, 5)
    size : int
        About how many entries there are already.
    """
    if len(cells) >= max(PACK_FROM, size * _PACK_PART) and tree.depth >= 0:
        pack(writer, tree, cells)
    else:
        flat = cells.ravel().tolist()
        writer.later(lambda connection: insert(connection, entry_boxes.name, _COLUMNS, flat))


def remove_boxes(connection: Connection, first_id: int, count: int) -> None:
    """Remove the boxes of entries with consecutive ids, before the entries themselves."""
    # The tree finds a single id at once, but would be read whole for a range of them.
    connection.exec_driver_sql(
        "DELETE FROM entry_boxes WHERE id IN (SELECT id FROM entries WHERE id BETWEEN ? AND ?)",
        (first_id, first_id + count - 1),
    )


def repack(connection: Connection) -> bool:
    """Pack the whole tree anew; return whether this build of SQLite allows it."""
    if not _may_pack(connection):
        return False
    for table in (_NODE, _ROWID, _PARENT):
        connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608  (names are ours)
    last = connection.exec_driver_sql("SELECT coalesce(max(id), 0) FROM entries").scalar_one()
    leaf_of = np.zeros(last + 1, np.int32)
    with Writer(connection) as writer:
        _write_root(writer, np.empty((0, len(_COLUMNS)), np.int64), 0)
        for low, high in _slabs(writer.connection):
            cells = _cells_between(writer.connection, low, high)
            pack(writer, read_tree(writer.connection), cells, leaf_of.__setitem__)
        # At the end, and in the order of ids: those of a slab lie all over the table.
        for ids in np.array_split(np.flatnonzero(leaf_of), 1 + last // _SLAB):
            writer.insert_integers(
                _ROWID, ["rowid", "nodeno"], np.column_stack([ids, leaf_of[ids]])
            )
        _ = writer.connection  # wait for all
    return True


def _slabs(connection: Connection) -> Iterator[tuple[int, int]]:
    """Cut the entries into ranges of minc + maxc, each of bounded size if that can be."""
    listed = connection.exec_driver_sql(
        "SELECT minc + maxc, count(*) FROM entries WHERE minr < maxr AND minc < maxc "
        "GROUP BY 1 ORDER BY 1"
    )
    low, high, size = 0, 0, 0
    for place, count in listed.all():
        if size and size + count > _SLAB:
            yield low, high
            low, size = place, 0
        high, size = place, size + count
    if size:
        yield low, high


def _cells_between(connection: Connection, low: int, high: int) -> Cells:
    cursor = connection.exec_driver_sql(
        "SELECT id, minr, maxr - 1, minc, maxc - 1 FROM entries "
        "WHERE minr < maxr AND minc < maxc AND minc + maxc BETWEEN ? AND ?",
        (low, high),
    ).cursor
    assert cursor is not None
    parts = []
    while rows := cursor.fetchmany(10_000):
        parts.append(np.array(rows, np.int64))
    return np.concatenate(parts)


def can_pack() -> bool:
    """Whether this build of SQLite lets its shadow tables be written."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("CREATE VIRTUAL TABLE t USING rtree_i32(id, a, b)")
        connection.execute("UPDATE t_node SET data = data")
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()
    return True


def _may_pack(connection: Connection) -> bool:
    """Whether the shadow tables may be written and their nodes have the size expected."""
    try:
        connection.exec_driver_sql(f"UPDATE {_NODE} SET data = data WHERE nodeno = 0")  # noqa: S608
    except OperationalError:
        return False
    root = connection.exec_driver_sql(
        f"SELECT length(data) FROM {_NODE} WHERE nodeno = {_ROOT}"  # noqa: S608
    ).scalar()
    return root == _NODE_TYPE.itemsize


def pack(writer: Writer, tree: Tree, cells: Cells, own: Own | None = None) -> None:
    """Pack cells into leaves and their parents, and build the levels above over old and new.

    Parameters
    ----------
    writer : Writer
    tree : Tree
        From `read_tree`.
    cells : ndarray of int64, shape (m, 5)
    own : callable, optional
        Takes entries and their leaves, instead of the table of those.
    """
    depth, root, last = tree
    own_leaves = own or partial(_own_leaves, writer)
    own_nodes = partial(_own_nodes, writer)
    if depth == 0:
        cells = np.concatenate([root, cells]) if len(root) else cells
        writer.later(lambda connection: connection.exec_driver_sql(f"DELETE FROM {_ROWID}"))  # noqa: S608
        if len(cells) <= _FULL:  # SQLite takes a root of one child for damage
            _adopt(own_leaves, cells, _ROOT)
            _write_root(writer, cells, 0)
            return
    leaves = _write_level(writer, cells, last + 1, own_leaves)
    if depth == 0 and len(leaves) <= _FULL:
        _adopt(own_nodes, leaves, _ROOT)
        _write_root(writer, leaves, 1)
        return
    parents = _write_level(writer, leaves, int(leaves[-1, 0]) + 1, own_nodes)
    last = int(parents[-1, 0])
    if depth == 1:
        # The root holds leaves itself: its content becomes a node beside the new ones.
        last += 1
        _write_nodes(writer, np.array([last]), root, np.array([0]))
        _adopt(own_nodes, root, last)
        parents = np.concatenate([_bounds(root, np.array([0]), np.array([last])), parents])
    elif depth > 1:
        parents = np.concatenate([_take_down(writer, root, depth), parents])
    _build_up(writer, parents, last + 1, own_nodes)


def _take_down(writer: Writer, root: Cells, depth: int) -> Cells:
    """Delete all nodes between the root and the leaves' parents; return the parents' cells."""
    level = root
    for _ in range(depth - 2):
        ids = level[:, 0].tolist()
        level = np.concatenate([cells for _, cells in _read_nodes(writer.connection, ids)])
        for table in (_NODE, _PARENT):
            marks = ", ".join("?" * len(ids))
            writer.connection.exec_driver_sql(
                f"DELETE FROM {table} WHERE nodeno IN ({marks})",  # noqa: S608
                tuple(ids),
            )
    return level


def _build_up(writer: Writer, level: Cells, first_id: int, own: Own) -> None:
    """Build the levels above the leaves' parents, up to the root."""
    depth = 2
    while len(level) > _FULL:
        level = _write_level(writer, level, first_id, own)
        first_id = int(level[-1, 0]) + 1
        depth += 1
    _adopt(own, level, _ROOT)
    _write_root(writer, level, depth)


def _write_level(writer: Writer, cells: Cells, first_id: int, own: Own) -> Cells:
    """Write nodes full of cells that lie close together; return the nodes' own cells."""
    cells = cells[_tiled(cells)]
    opens = np.arange(0, len(cells), _FULL)
    ids = np.arange(first_id, first_id + len(opens))
    _write_nodes(writer, ids, cells, opens)
    node_of = np.repeat(ids, np.diff(opens, append=len(cells)))
    own(cells[:, 0], node_of)
    return _bounds(cells, opens, ids)


def _tiled(cells: Cells) -> Ints:
    """Order cells so that every run of a node's length lies close together.

    Sort-tile-recursive packing: vertical slabs of whole nodes, sorted by row within.

    References
    ----------
    S. Leutenegger, M. Lopez, J. Edgington, "STR: A Simple and Efficient Algorithm for R-Tree
    Packing", ICDE 1997.
    """
    n_nodes = -(-len(cells) // _FULL)
    slab = _FULL * max(1, round(np.sqrt(n_nodes)))
    by_column = np.argsort(cells[:, 3] + cells[:, 4], kind="stable")
    slab_of = np.empty(len(cells), np.int64)
    slab_of[by_column] = np.arange(len(cells)) // slab
    order: Ints = np.lexsort((cells[:, 1] + cells[:, 2], slab_of))
    return order


def _bounds(cells: Cells, opens: Ints, ids: Ints) -> Cells:
    """The cells that stand for nodes in their parents."""
    low = np.minimum.reduceat(cells[:, [1, 3]], opens)
    high = np.maximum.reduceat(cells[:, [2, 4]], opens)
    return np.column_stack([ids, low[:, 0], high[:, 0], low[:, 1], high[:, 1]])


def _write_nodes(writer: Writer, ids: Ints, cells: Cells, opens: Ints, depth: int = 0) -> None:
    """Write nodes; the cells of each begin at `opens`."""
    edges = np.append(opens, len(cells))
    for low in range(0, len(ids), _NODES):
        some = ids[low : low + _NODES]
        first = edges[low : low + len(some) + 1]
        counts = np.diff(first)
        nodes = np.zeros(len(some), _NODE_TYPE)
        nodes["depth"], nodes["count"] = depth, counts
        node = np.repeat(np.arange(len(some)), counts)
        place = np.arange(first[0], first[-1]) - first[node]
        nodes["cells"]["id"][node, place] = cells[first[0] : first[-1], 0]
        nodes["cells"]["box"][node, place] = cells[first[0] : first[-1], 1:]
        raw, size = nodes.tobytes(), nodes.itemsize
        rows: list[object] = []
        for nth, node_id in enumerate(some.tolist()):
            rows += (node_id, raw[nth * size : (nth + 1) * size])

        def work(connection: Connection, rows: list[object] = rows) -> None:
            insert(connection, _NODE, ["nodeno", "data"], rows, replace=True)

        writer.later(work)


def _write_root(writer: Writer, cells: Cells, depth: int) -> None:
    _write_nodes(writer, np.array([_ROOT]), cells, np.array([0]), depth)


def _adopt(own: Own, cells: Cells, node_id: int) -> None:
    own(cells[:, 0], np.full(len(cells), node_id))


def _own_leaves(writer: Writer, ids: Ints, leaf_of: Ints) -> None:
    """Record which leaf holds which entry; in the order of ids, which is quicker to write."""
    order = np.argsort(ids, kind="stable")
    pairs = np.column_stack([ids[order], leaf_of[order]])
    writer.insert_integers(_ROWID, ["rowid", "nodeno"], pairs)


def _own_nodes(writer: Writer, ids: Ints, parent_of: Ints) -> None:
    """Record which node is the parent of which."""
    flat = np.column_stack([ids, parent_of]).ravel().tolist()
    names = ["nodeno", "parentnode"]
    writer.later(lambda connection: insert(connection, _PARENT, names, flat, replace=True))


def _read_nodes(connection: Connection, ids: Sequence[int]) -> list[tuple[int, Cells]]:
    """Read nodes: the depth that each states, and its cells."""
    marks = ", ".join("?" * len(ids))
    rows = connection.exec_driver_sql(
        f"SELECT data FROM {_NODE} WHERE nodeno IN ({marks})",  # noqa: S608  (names are ours)
        tuple(ids),
    )
    found = []
    for (data,) in rows:
        depth, count = np.frombuffer(data, ">u2", 2).tolist()
        cells = np.frombuffer(data, _CELL, count, _HEAD_SIZE)
        found.append((depth, np.column_stack([cells["id"], cells["box"]]).astype(np.int64)))
    return found
