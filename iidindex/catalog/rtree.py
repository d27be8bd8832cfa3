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

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from iidindex.catalog.rows import insert
from iidindex.catalog.schema import entry_boxes
from iidindex.catalog.writer import Writer

Ints = npt.NDArray[np.int64]
# Cells as one array: id, minr, maxr, minc, maxc; closed boxes.
Cells = npt.NDArray[np.int64]

_COLUMNS = [column.name for column in entry_boxes.columns]
_NODE, _ROWID, _PARENT = (f"{entry_boxes.name}_{part}" for part in ("node", "rowid", "parent"))

_CELL = np.dtype([("id", ">i8"), ("box", ">i4", (4,))])
_HEAD = np.dtype([("depth", ">u2"), ("count", ">u2")])
# SQLite's RTREE_MAXCELLS, which a node of five columns reaches from a page of 2 KiB upwards.
_FULL = 51
_ROOT = 1

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
    rows = connection.exec_driver_sql(
        "SELECT id, minr, maxr - 1, minc, maxc - 1 FROM entries WHERE minr < maxr AND minc < maxc"
    )
    flat = np.fromiter((value for row in rows for value in row), np.int64)
    cells = flat.reshape(len(flat) // len(_COLUMNS), len(_COLUMNS))
    for table in (_NODE, _ROWID, _PARENT):
        connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608  (names are ours)
    with Writer(connection) as writer:
        pack(writer, Tree(0, cells[:0], _ROOT), cells)
        _ = writer.connection  # wait for all
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
    return root == _HEAD.itemsize + _FULL * _CELL.itemsize


def pack(writer: Writer, tree: Tree, cells: Cells) -> None:
    """Pack cells into leaves and their parents, and build the levels above over old and new."""
    depth, root, last = tree
    if depth == 0:
        cells = np.concatenate([root, cells])
        writer.later(lambda connection: connection.exec_driver_sql(f"DELETE FROM {_ROWID}"))  # noqa: S608
        if len(cells) <= _FULL:  # SQLite takes a root of one child for damage
            _adopt(writer, cells, _ROOT, _ROWID)
            _write_root(writer, cells, 0)
            return
    leaves = _write_level(writer, cells, last + 1, _ROWID)
    if depth == 0 and len(leaves) <= _FULL:
        _adopt(writer, leaves, _ROOT, _PARENT)
        _write_root(writer, leaves, 1)
        return
    parents = _write_level(writer, leaves, int(leaves[-1, 0]) + 1, _PARENT)
    last = int(parents[-1, 0])
    if depth == 1:
        # The root holds leaves itself: its content becomes a node beside the new ones.
        last += 1
        _write_nodes(writer, np.array([last]), root, np.array([0]))
        _adopt(writer, root, last, _PARENT)
        parents = np.concatenate([_bounds(root, np.array([0]), np.array([last])), parents])
    elif depth > 1:
        parents = np.concatenate([_take_down(writer, root, depth), parents])
    _build_up(writer, parents, last + 1)


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


def _build_up(writer: Writer, level: Cells, first_id: int) -> None:
    """Build the levels above the leaves' parents, up to the root."""
    depth = 2
    while len(level) > _FULL:
        level = _write_level(writer, level, first_id, _PARENT)
        first_id = int(level[-1, 0]) + 1
        depth += 1
    _adopt(writer, level, _ROOT, _PARENT)
    _write_root(writer, level, depth)


def _write_level(writer: Writer, cells: Cells, first_id: int, owners: str) -> Cells:
    """Write nodes full of cells that lie close together; return the nodes' own cells."""
    cells = cells[_tiled(cells)]
    opens = np.arange(0, len(cells), _FULL)
    ids = np.arange(first_id, first_id + len(opens))
    _write_nodes(writer, ids, cells, opens)
    node_of = np.repeat(ids, np.diff(opens, append=len(cells)))
    _own(writer, owners, cells[:, 0], node_of)
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
    counts = np.diff(opens, append=len(cells))
    padded = np.zeros((len(ids), _FULL), _CELL)
    node = np.repeat(np.arange(len(ids)), counts)
    place = np.arange(len(cells)) - opens[node]
    padded["id"][node, place] = cells[:, 0]
    padded["box"][node, place] = cells[:, 1:]
    heads = np.empty(len(ids), _HEAD)
    heads["depth"], heads["count"] = depth, counts
    blobs = np.concatenate(
        [heads.view(np.uint8).reshape(len(ids), -1), padded.view(np.uint8).reshape(len(ids), -1)],
        axis=1,
    )
    size = blobs.shape[1]
    raw = blobs.tobytes()
    rows: list[object] = []
    for nth, node_id in enumerate(ids.tolist()):
        rows += (node_id, raw[nth * size : (nth + 1) * size])
    writer.later(
        lambda connection: insert(connection, _NODE, ["nodeno", "data"], rows, replace=True)
    )


def _write_root(writer: Writer, cells: Cells, depth: int) -> None:
    _write_nodes(writer, np.array([_ROOT]), cells, np.array([0]), depth)


def _adopt(writer: Writer, cells: Cells, node_id: int, owners: str) -> None:
    _own(writer, owners, cells[:, 0], np.full(len(cells), node_id))


def _own(writer: Writer, owners: str, ids: Ints, node_of: Ints) -> None:
    """Record which node holds which cell; in the order of ids, which is quicker to write."""
    order = np.argsort(ids, kind="stable")
    pairs = np.column_stack([ids[order], node_of[order]])
    if owners == _ROWID:
        writer.insert_integers(owners, ["rowid", "nodeno"], pairs)
    else:
        names = ["nodeno", "parentnode"]
        flat = pairs.ravel().tolist()
        writer.later(lambda connection: insert(connection, owners, names, flat, replace=True))


def _read_nodes(connection: Connection, ids: Sequence[int]) -> list[tuple[int, Cells]]:
    """Read nodes: the depth that each states, and its cells."""
    marks = ", ".join("?" * len(ids))
    rows = connection.exec_driver_sql(
        f"SELECT data FROM {_NODE} WHERE nodeno IN ({marks})",  # noqa: S608  (names are ours)
        tuple(ids),
    )
    found = []
    for (data,) in rows:
        head = np.frombuffer(data, _HEAD, 1)[0]
        cells = np.frombuffer(data, _CELL, int(head["count"]), _HEAD.itemsize)
        columns = np.column_stack([cells["id"], cells["box"]]).astype(np.int64)
        found.append((int(head["depth"]), columns))
    return found
