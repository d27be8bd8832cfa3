"""The nodes of SQLite's R*Tree: reading them, and packing boxes into new ones.

The tree lies in three ordinary tables that SQLite calls its shadow tables. Their format
(https://www.sqlite.org/rtree.html, and the comments of SQLite's rtree.c): ``_node`` holds a blob
for each node: depth of the tree (u16, in the root only), number of cells (u16), then cells of an id
(i64) and minr, maxr, minc, maxc (i32 each), all big-endian, padded to a fixed size. The root is
node 1; the ids in leaves are entries, those above are nodes. ``_rowid`` tells the leaf of every
entry, ``_parent`` the parent of every other node but the root.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from iidindex.catalog.schema import entry_boxes
from iidindex.catalog.sqlite.multirow import insert
from iidindex.catalog.sqlite.writer import Writer

Ints = npt.NDArray[np.int64]
# Cells as one array: id, minr, maxr, minc, maxc; closed boxes.
Cells = npt.NDArray[np.int64]

COLUMNS = [column.name for column in entry_boxes.columns]
NODE, ROWID, PARENT = (f"{entry_boxes.name}_{part}" for part in ("node", "rowid", "parent"))

_CELL = np.dtype([("id", ">i8"), ("box", ">i4", (4,))])
# SQLite's RTREE_MAXCELLS, which a node of five columns reaches from a page of 2 KiB upwards.
FULL = 51
_NODE_TYPE = np.dtype([("depth", ">u2"), ("count", ">u2"), ("cells", _CELL, (FULL,))])
NODE_SIZE = _NODE_TYPE.itemsize
ROOT = 1
# Nodes that are made, read or deleted at a time.
_NODES = 2000

# Takes ids and the nodes that hold them.
Own = Callable[[Ints, Ints], object]


def no_cells() -> Cells:
    """Of nothing."""
    return np.empty((0, len(COLUMNS)), np.int64)


def write_level(writer: Writer, cells: Cells, first_id: int, own: Own) -> Cells:
    """Write nodes full of cells that lie close together; return the nodes' own cells."""
    # Cells of a large packing are not copied as a whole: they are most of an ingest's memory.
    order = _tiled(cells)
    opens = np.arange(0, len(cells), FULL)
    ids = np.arange(first_id, first_id + len(opens))
    write_nodes(writer, ids, cells, opens, order)
    own(cells[order, 0], np.repeat(ids, np.diff(opens, append=len(cells))))
    return bounds(cells, opens, ids, order)


def build_up(writer: Writer, level: Cells, first_id: int) -> None:
    """Build the levels above the leaves' parents, up to the root."""
    depth = 2
    while len(level) > FULL:
        level = write_level(writer, level, first_id, own_nodes(writer))
        first_id = int(level[-1, 0]) + 1
        depth += 1
    adopt(own_nodes(writer), level, ROOT)
    write_root(writer, level, depth)


def _tiled(cells: Cells) -> Ints:
    """Order cells so that every run of a node's length lies close together.

    Sort-tile-recursive packing: vertical slabs of whole nodes, sorted by row within.

    References
    ----------
    S. Leutenegger, M. Lopez, J. Edgington, "STR: A Simple and Efficient Algorithm for R-Tree
    Packing", ICDE 1997.
    """
    n_nodes = -(-len(cells) // FULL)
    slab = FULL * max(1, round(np.sqrt(n_nodes)))
    by_column = np.argsort(cells[:, 3] + cells[:, 4], kind="stable")
    slab_of = np.empty(len(cells), np.int64)
    slab_of[by_column] = np.arange(len(cells)) // slab
    order: Ints = np.lexsort((cells[:, 1] + cells[:, 2], slab_of))
    return order


def bounds(cells: Cells, opens: Ints, ids: Ints, order: Ints) -> Cells:
    """The cells that stand for nodes in their parents."""
    found = np.empty((len(ids), len(COLUMNS)), np.int64)
    found[:, 0] = ids
    for column, side in ((1, np.minimum), (2, np.maximum), (3, np.minimum), (4, np.maximum)):
        found[:, column] = side.reduceat(cells[order, column], opens)
    return found


def write_nodes(
    writer: Writer, ids: Ints, cells: Cells, opens: Ints, order: Ints, depth: int = 0
) -> None:
    """Write nodes; in this order of the cells, those of each begin at `opens`."""
    edges = np.append(opens, len(cells))
    for low in range(0, len(ids), _NODES):
        some = ids[low : low + _NODES]
        first = edges[low : low + len(some) + 1]
        counts = np.diff(first)
        nodes = np.zeros(len(some), _NODE_TYPE)
        nodes["depth"], nodes["count"] = depth, counts
        node = np.repeat(np.arange(len(some)), counts)
        place = np.arange(first[0], first[-1]) - first[node]
        held = cells[order[first[0] : first[-1]]]
        nodes["cells"]["id"][node, place] = held[:, 0]
        nodes["cells"]["box"][node, place] = held[:, 1:]
        raw, size = nodes.tobytes(), nodes.itemsize
        rows: list[object] = []
        for nth, node_id in enumerate(some.tolist()):
            rows += (node_id, raw[nth * size : (nth + 1) * size])

        def work(connection: Connection, rows: list[object] = rows) -> None:
            insert(connection, NODE, ["nodeno", "data"], rows, replace=True)

        writer.later(work)


def write_root(writer: Writer, cells: Cells, depth: int) -> None:
    """Write the node of which all others are children."""
    write_nodes(writer, np.array([ROOT]), cells, np.array([0]), np.arange(len(cells)), depth)


def adopt(own: Own, cells: Cells, node_id: int) -> None:
    """Record that a node holds all of these."""
    own(cells[:, 0], np.full(len(cells), node_id))


def own_leaves(writer: Writer, *, replace: bool = False) -> Own:
    """What records which leaf holds which entry: in the order of ids, which is quicker to write."""

    def own(ids: Ints, leaf_of: Ints) -> None:
        order = np.argsort(ids, kind="stable")
        pairs = np.column_stack([ids[order], leaf_of[order]])
        writer.insert_integers(ROWID, ["rowid", "nodeno"], pairs, replace=replace)

    return own


def own_nodes(writer: Writer) -> Own:
    """What records which node is the parent of which."""

    def own(ids: Ints, parent_of: Ints) -> None:
        flat = np.column_stack([ids, parent_of]).ravel().tolist()
        names = ["nodeno", "parentnode"]
        writer.later(lambda connection: insert(connection, PARENT, names, flat, replace=True))

    return own


def read_root(connection: Connection) -> tuple[int, Cells]:
    """The depth of the tree, and the cells of its root."""
    (data,) = _data_of(connection, [ROOT])
    return int.from_bytes(data[:2], "big"), _cells_in([data])


def read_nodes(connection: Connection, ids: Ints, room: int = 0) -> Cells:
    """The cells of nodes that are no root, and before them room for others."""
    # No more than are in use takes memory.
    cells = np.empty((room + FULL * len(ids), len(COLUMNS)), np.int64)
    size = room
    for some in each_node(connection, ids):
        cells[size : size + len(some)] = some
        size += len(some)
    return cells[:size]


def each_node(connection: Connection, ids: Ints) -> Iterator[Cells]:
    """The cells of nodes that are no root, of some nodes at a time."""
    for some in _some(ids):
        yield _cells_in(_data_of(connection, some))


def delete_nodes(connection: Connection, ids: Ints) -> None:
    """Delete nodes that are no root, and who their parents are."""
    for some in _some(ids):
        for table in (NODE, PARENT):
            connection.exec_driver_sql(
                f"DELETE FROM {table} WHERE nodeno IN ({_marks(some)})",  # noqa: S608  (ours)
                tuple(some),
            )


def _some(ids: Ints) -> Iterator[list[int]]:
    for low in range(0, len(ids), _NODES):
        yield ids[low : low + _NODES].tolist()


def _data_of(connection: Connection, ids: Sequence[int]) -> list[bytes]:
    rows = connection.exec_driver_sql(
        f"SELECT data FROM {NODE} WHERE nodeno IN ({_marks(ids)})",  # noqa: S608  (names are ours)
        tuple(ids),
    )
    return list(rows.scalars())


def _marks(ids: Sequence[int]) -> str:
    return ", ".join("?" * len(ids))


def _cells_in(data: Sequence[bytes]) -> Cells:
    nodes = np.frombuffer(b"".join(data), _NODE_TYPE)
    held = np.arange(FULL) < nodes["count"][:, None]
    cells = np.empty((int(held.sum()), len(COLUMNS)), np.int64)
    cells[:, 0] = nodes["cells"]["id"][held]
    cells[:, 1:] = nodes["cells"]["box"][held]
    return cells
