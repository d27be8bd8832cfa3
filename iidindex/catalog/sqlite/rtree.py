"""Keeping SQLite's R*Tree in step with the entries.

Inserting a box takes thirteen microseconds or more; when many are new, their nodes are packed in
NumPy and written into the tree's own tables instead, ten times as fast. GDAL writes GeoPackage's
trees the same way (https://github.com/OSGeo/gdal/pull/8596). Each packing is a run of nodes that
may overlap all others, so that runs are merged as they become many: as log-structured trees do
(P. O'Neil et al., "The log-structured merge-tree (LSM-tree)", Acta Informatica 33, 1996).
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from iidindex.catalog.schema import entry_boxes
from iidindex.catalog.sqlite.multirow import insert
from iidindex.catalog.sqlite.tree_nodes import (
    COLUMNS,
    FULL,
    NODE,
    NODE_SIZE,
    ROOT,
    ROWID,
    Cells,
    Ints,
    adopt,
    bounds,
    build_up,
    delete_nodes,
    no_cells,
    own_leaves,
    own_nodes,
    read_nodes,
    read_root,
    write_level,
    write_nodes,
    write_root,
)
from iidindex.catalog.sqlite.writer import Writer

# Packing is quicker than inserting from a hundred boxes upwards. But every packing builds the
# levels above the leaves' parents anew, which costs some ten microseconds for each of these: fewer
# boxes than this part of the tree are inserted. And fewer than these are, whatever the tree: the
# many small additions of a year would be many runs.
PACK_FROM = 2000
_PACK_PART = 1 / 5000


# Nodes above whose middles is counted how many lie there.
_LOOKED_AT = 200


class Merging(NamedTuple):
    """When runs are merged, by how many parents of leaves they have.

    Those of up to `fan` are, as soon as there are so many of them; larger ones, of up to half of
    `most`, as soon as they have `most` together. No more than these are merged at a time, which is
    what bounds memory: they are of four million boxes, 40 bytes each.
    """

    fan: int = 16
    most: int = 1540


MERGING = Merging()


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
    if not may_pack(connection):
        return Tree(-1, no_cells(), 0)
    depth, root = read_root(connection)
    last = connection.exec_driver_sql(f"SELECT max(nodeno) FROM {NODE}").scalar_one()  # noqa: S608
    return Tree(depth, root, last)


def add_boxes(
    writer: Writer, tree: Tree, cells: Cells, size: int, merging: Merging = MERGING
) -> None:
    """Add cells of entries that have none yet, in the way that is quicker.

    Parameters
    ----------
    writer : Writer
    tree : Tree
        From `read_tree`.
    cells : ndarray of int64, shape (m, 5)
    size : int
        About how many entries there are already.
    merging : Merging
    """
    if len(cells) >= max(PACK_FROM, size * _PACK_PART) and tree.depth >= 0:
        pack(writer, tree, cells, merging)
    else:
        flat = cells.ravel().tolist()
        writer.later(lambda connection: insert(connection, entry_boxes.name, COLUMNS, flat))


def remove_boxes(connection: Connection, first_id: int, count: int) -> None:
    """Remove the boxes of entries with consecutive ids, before the entries themselves."""
    # The tree finds a single id at once, but would be read whole for a range of them.
    connection.exec_driver_sql(
        "DELETE FROM entry_boxes WHERE id IN (SELECT id FROM entries WHERE id BETWEEN ? AND ?)",
        (first_id, first_id + count - 1),
    )


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


def may_pack(connection: Connection) -> bool:
    """Whether the shadow tables may be written and their nodes have the size expected."""
    try:
        connection.exec_driver_sql(f"UPDATE {NODE} SET data = data WHERE nodeno = 0")  # noqa: S608
    except OperationalError:
        return False
    root = connection.exec_driver_sql(
        f"SELECT length(data) FROM {NODE} WHERE nodeno = {ROOT}"  # noqa: S608
    ).scalar()
    return root == NODE_SIZE


def pack(writer: Writer, tree: Tree, cells: Cells, merging: Merging = MERGING) -> None:
    """Pack cells into leaves and their parents, and build the levels above over old and new.

    Parameters
    ----------
    writer : Writer
    tree : Tree
        From `read_tree`.
    cells : ndarray of int64, shape (m, 5)
    merging : Merging
    """
    depth, root, last = tree
    parents = no_cells()
    replace = False
    if depth == 0:
        cells = np.concatenate([root, cells]) if len(root) else cells
        writer.later(lambda connection: connection.exec_driver_sql(f"DELETE FROM {ROWID}"))  # noqa: S608
        if len(cells) <= FULL:  # SQLite takes a root of one child for damage
            adopt(own_leaves(writer), cells, ROOT)
            write_root(writer, cells, 0)
            return
    elif depth > 1:
        parents = _take_down(writer, root, depth)
        merged = _to_merge(parents, len(cells), merging)
        if merged.any():
            cells = _taken(writer, parents[merged, 0], cells)
            parents = parents[~merged]
            replace = True
    leaves = write_level(writer, cells, last + 1, own_leaves(writer, replace=replace))
    if depth == 0 and len(leaves) <= FULL:
        adopt(own_nodes(writer), leaves, ROOT)
        write_root(writer, leaves, 1)
        return
    new = write_level(writer, leaves, int(leaves[-1, 0]) + 1, own_nodes(writer))
    last = int(new[-1, 0])
    if depth == 1:
        # The root holds leaves itself: its content becomes a node beside the new ones.
        last += 1
        one, all_of_it = np.array([last]), np.arange(len(root))
        write_nodes(writer, one, root, np.array([0]), all_of_it)
        adopt(own_nodes(writer), root, last)
        parents = bounds(root, np.array([0]), one, all_of_it)
    build_up(writer, np.concatenate([parents, new]), last + 1)


def _take_down(writer: Writer, root: Cells, depth: int) -> Cells:
    """Delete all nodes between the root and the leaves' parents; return the parents' cells."""
    level = root
    for _ in range(depth - 2):
        ids = level[:, 0]
        level = read_nodes(writer.connection, ids)
        delete_nodes(writer.connection, ids)
    return level


def _taken(writer: Writer, parents: Ints, new: Cells) -> Cells:
    """Delete parents of leaves, and these; return what they held, behind what is new."""
    leaves = read_nodes(writer.connection, parents)[:, 0]
    cells = read_nodes(writer.connection, leaves, len(new))
    cells[: len(new)] = new
    delete_nodes(writer.connection, leaves)
    delete_nodes(writer.connection, parents)
    return cells


def _to_merge(parents: Cells, n_new: int, merging: Merging) -> npt.NDArray[np.bool_]:
    """Which of the leaves' parents to merge with so many new boxes."""
    merged = np.zeros(len(parents), bool)
    order, run_of = _runs(parents)
    sizes = np.bincount(run_of)
    fan, most = merging
    left = most - n_new // FULL**2
    few = np.flatnonzero((sizes > 0) & (sizes <= fan))
    many = np.flatnonzero((sizes > fan) & (sizes <= most // 2))
    # What is new is a run, too.
    for tier, is_due in ((few, len(few) >= fan - 1), (many, int(sizes[many].sum()) >= left)):
        if is_due:
            chosen = tier[np.argsort(sizes[tier], kind="stable")]
            chosen = chosen[np.cumsum(sizes[chosen]) <= left]
            merged[order[np.isin(run_of, chosen)]] = True
            left -= int(sizes[chosen].sum())
    return merged


def _runs(parents: Cells) -> tuple[Ints, Ints]:
    """The order of leaves' parents by id, and in that order, of which run each is.

    A packing numbers its leaves, and then their parents: these are consecutive, and between those
    of two packings lie leaves. What SQLite has split or deleted since is a run of its own, or parts
    one; it is merged all the sooner.
    """
    order = np.argsort(parents[:, 0], kind="stable")
    return order, np.cumsum(np.diff(parents[order, 0], prepend=0) != 1)


def layers(connection: Connection) -> float:
    """How many parents of leaves lie over each other where boxes are, on average.

    A question about a pixel looks into as many: some two in a tree that was packed at once, and
    one or two more for every run of nodes that has come since.
    """
    depth, level = read_root(connection)
    for _ in range(depth - 2):
        level = read_nodes(connection, level[:, 0])
    if depth < 2:
        return 1.0
    middles = level[:: -(-len(level) // _LOOKED_AT)]
    row, column = (middles[:, 1] + middles[:, 2]) // 2, (middles[:, 3] + middles[:, 4]) // 2
    held = [
        (level[:, 1] <= r) & (r <= level[:, 2]) & (level[:, 3] <= c) & (c <= level[:, 4])
        for r, c in zip(row.tolist(), column.tolist(), strict=True)
    ]
    return float(np.count_nonzero(held)) / len(middles)
