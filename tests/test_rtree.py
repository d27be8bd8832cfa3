"""The R-tree: packed, inserted into, packed anew, and always as SQLite wants it."""

import json
import os
import sqlite3

import numpy as np
import pytest

import iidindex
from conftest import write_garden
from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.contract import MANY_LAYERS
from iidindex.catalog.schema import entries
from iidindex.catalog.sqlite import rtree
from iidindex.catalog.sqlite.repacking import repack
from iidindex.catalog.sqlite.tree_nodes import read_root
from iidindex.catalog.sqlite.writer import Writer


def test_rtree_is_sound_and_agrees_with_the_entries(index, archive, tmp_path):
    write_garden(archive / "d.iid", shift=1)
    write_garden(archive / "e.iid", shift=2)
    index.ingest(archive)
    os.utime(archive / "2020" / "a.iid")
    (archive / "2021" / "c.iid").unlink()
    write_garden(archive / "2020" / "b.iid", shift=40)  # other boxes, and fewer
    (archive / "d.iid").write_bytes(b"damaged")
    report = index.ingest(archive)
    assert (report.touched, report.missing, report.updated, report.failed) == (1, 1, 1, 1)
    connection = sqlite3.connect(tmp_path / "index.db")
    assert connection.execute("SELECT rtreecheck('entry_boxes')").fetchone() == ("ok",)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert not connection.execute("PRAGMA foreign_key_check").fetchall()
    boxes = connection.execute("SELECT id, minr, maxr + 1, minc, maxc + 1 FROM entry_boxes")
    rows = connection.execute(
        "SELECT id, minr, maxr, minc, maxc FROM entries WHERE minr < maxr AND minc < maxc"
    )
    boxes = sorted(boxes)
    assert boxes == sorted(rows)
    assert len(boxes) == 4 * 3  # of all but the damaged one
    connection.close()


@pytest.mark.parametrize(
    "sizes",
    [
        [0],
        [1],
        [40],
        [51],
        [52],
        [30, 30],
        [3000, 10, 2500, 60],
        [60, 0, 40],
        [60, 1, 3000],
        [0, 30, 90],
    ],
)
def test_packed_tree_takes_everything_that_an_inserted_one_does(tmp_path, sizes):
    """Pack, add to it, find, delete all; SQLite finds no damage at any point."""
    rng = np.random.default_rng(len(sizes) + sizes[0])
    cells = np.empty((0, 5), np.int64)
    with (
        Catalog(tmp_path / "x.db", create=True) as catalog,
        catalog.writing() as connection,
        Writer(connection) as writer,
    ):

        def check():
            assert connection.exec_driver_sql("SELECT rtreecheck('entry_boxes')").scalar() == "ok"
            for x, y in rng.integers(0, 2000, (10, 2)).tolist():
                found = connection.exec_driver_sql(
                    "SELECT id FROM entry_boxes WHERE minr <= ? AND maxr >= ? AND minc <= ? "
                    "AND maxc >= ?",
                    (y, y, x, x),
                ).scalars()
                low, high = cells[:, [1, 3]] <= (y, x), cells[:, [2, 4]] >= (y, x)
                assert sorted(found) == sorted(cells[low.all(1) & high.all(1), 0].tolist())

        for nth, size in enumerate(sizes):
            corner = rng.integers(0, 1900, (size, 2))
            bbox = np.concatenate([corner, corner + rng.integers(1, 99, (size, 2))], axis=1)
            new = rtree.cells_of(np.arange(size) + 1 + len(cells), bbox.astype(np.uint16))
            if nth % 2:
                rtree.add_boxes(writer, rtree.read_tree(connection), new, 0)
            else:
                rtree.pack(writer, rtree.read_tree(connection), new)
            _ = writer.connection
            cells = np.concatenate([cells, new])
            check()
        for entry_id in rng.permutation(cells[:, 0]).tolist():
            connection.exec_driver_sql("DELETE FROM entry_boxes WHERE id = ?", (entry_id,))
        cells = cells[:0]
        check()


def test_packing_into_a_tree_of_four_levels(tmp_path):
    """The levels between the root and the parents of leaves are built anew."""
    rng = np.random.default_rng(4)
    with (
        Catalog(tmp_path / "x.db", create=True) as catalog,
        catalog.writing() as connection,
        Writer(connection) as writer,
    ):
        cells = np.empty((0, 5), np.int64)
        for size in (51**3 + 1, 3000):
            corner = rng.integers(0, 1900, (size, 2))
            bbox = np.concatenate([corner, corner + 1], axis=1).astype(np.uint16)
            new = rtree.cells_of(np.arange(size) + 1 + len(cells), bbox)
            rtree.pack(writer, rtree.read_tree(writer.connection), new)
            cells = np.concatenate([cells, new])
            assert rtree.read_tree(writer.connection).depth == 3
            assert connection.exec_driver_sql("SELECT rtreecheck('entry_boxes')").scalar() == "ok"
            found = connection.exec_driver_sql("SELECT id FROM entry_boxes WHERE minc <= 900")
            assert sorted(found.scalars()) == cells[cells[:, 3] <= 900, 0].tolist()


def filled(path, sizes, merging):
    """A catalogue with entries of these many boxes, packed one batch after the other."""
    rng = np.random.default_rng(sum(sizes))
    catalog = Catalog(path, create=True)
    names = [column.name for column in entries.columns]
    first = 1
    for size in sizes:
        corner = rng.integers(0, 1900, (size, 2))
        bbox = np.concatenate([corner, corner + rng.integers(0, 60, (size, 2))], axis=1)
        ids = np.arange(first, first + size)
        zeros = np.zeros((size, 4), np.int64)
        rows = np.column_stack([ids, zeros[:, 1:], bbox, zeros])
        with catalog.writing() as connection, Writer(connection) as writer:
            writer.insert_integers("entries", names, rows)
            tree = rtree.read_tree(writer.connection)
            cells = rtree.cells_of(ids, bbox.astype(np.uint16))
            rtree.add_boxes(writer, tree, cells, first - 1, merging)
            _ = writer.connection
        first += size
    return catalog


def is_that_of_the_entries(connection):
    """Whether the tree is sound, and finds what looking at all entries finds."""
    assert connection.exec_driver_sql("SELECT rtreecheck('entry_boxes')").scalar() == "ok"
    filled = "FROM entries WHERE minr < maxr AND minc < maxc"
    rows = connection.exec_driver_sql(
        f"SELECT id, minr, maxr - 1, minc, maxc - 1 {filled} ORDER BY id"
    ).all()
    boxes = np.array([tuple(row) for row in rows], np.int64)
    kept = connection.exec_driver_sql("SELECT * FROM entry_boxes ORDER BY id").all()
    assert np.array_equal(np.array([tuple(row) for row in kept], np.int64), boxes)
    for y, x in np.random.default_rng(0).integers(0, 1900, (20, 2)).tolist():
        found = connection.exec_driver_sql(
            "SELECT id FROM entry_boxes WHERE minr <= ? AND maxr >= ? AND minc <= ? AND maxc >= ?",
            (y, y + 50, x, x + 50),
        ).scalars()
        meets = (boxes[:, 1] <= y) & (boxes[:, 2] >= y + 50)
        meets &= (boxes[:, 3] <= x) & (boxes[:, 4] >= x + 50)
        assert sorted(found) == sorted(boxes[meets, 0].tolist())


def n_runs(connection):
    depth, root = read_root(connection)
    parents = rtree._runs(root)[1] if depth == 2 else np.zeros(1, int)
    return len(set(parents.tolist()))


@pytest.mark.parametrize(
    ("sizes", "merging", "most_runs"),
    [
        ([2200] * 12, rtree.Merging(fan=100), 12),
        ([2200] * 12, rtree.Merging(fan=3), 4),
        ([2200] * 12, rtree.Merging(fan=3, most=4), 8),
        ([2200] * 12, rtree.Merging(fan=2), 4),
        ([8000] * 7, rtree.Merging(fan=2, most=8), 4),
        ([8000] * 7, rtree.Merging(fan=2, most=7), 7),
        ([9000, 2200, 2500, 40, 30_000, 2200, 60, 2300, 2300, 2300], rtree.Merging(fan=3), 6),
        ([2200, 1, 2200, 1, 2200, 0, 2200, 1], rtree.Merging(fan=2, most=10), 6),
    ],
)
def test_runs_are_merged_and_hold_what_they_held(tmp_path, sizes, merging, most_runs):
    with filled(tmp_path / "x.db", sizes, merging) as catalog, catalog.reading() as connection:
        is_that_of_the_entries(connection)
        assert n_runs(connection) <= most_runs
        assert rtree.layers(connection) <= 2.5 * most_runs


@pytest.mark.parametrize("batch", [2, 9, 60, 130, 258, 400, 700])
def test_runs_stay_few_and_boxes_are_seldom_packed_again(batch):
    """By numbers of nodes alone, up to 38,000 parents of leaves: a hundred million boxes."""
    total = min(38_000, 1000 * batch)
    runs, last, again = [], 10, 0
    for _ in range(total // batch):
        parents = np.concatenate([np.empty(0, int), *(np.arange(*run) for run in runs)])
        cells = np.zeros((len(parents), 5), np.int64)
        cells[:, 0] = parents
        gone = set(cells[rtree._to_merge(cells, batch * 51**2, rtree.MERGING), 0].tolist())
        merged = sum(high - low for low, high in runs if low in gone)
        runs = [(low, high) for low, high in runs if low not in gone]
        assert len(gone) == merged <= rtree.MERGING.most
        again += merged
        last += 51 * (batch + merged)  # leaves
        runs.append((last, last + batch + merged))
        last += batch + merged + 1
    assert len(runs) <= total // 700 + 40
    assert again <= 2.5 * total


def test_a_tree_of_merged_runs_can_be_changed(tmp_path):
    with (
        filled(tmp_path / "x.db", [4000] * 8, rtree.Merging(fan=3)) as catalog,
        catalog.writing() as connection,
    ):
        rtree.remove_boxes(connection, 5000, 9000)
        connection.exec_driver_sql("DELETE FROM entries WHERE id BETWEEN 5000 AND 13999")
        is_that_of_the_entries(connection)
        repack(connection, slab=3000)
        is_that_of_the_entries(connection)


@pytest.mark.parametrize("slab", [60, 1000, 9999, 10_000, 1_000_000])
@pytest.mark.parametrize("sizes", [[], [1], [51, 1], [3000, 10, 2500, 60, 4430]])
def test_repacking_in_slabs_of_any_size(tmp_path, sizes, slab):
    """However many slabs, the tree is sound; no runs lie over each other."""
    with (
        filled(tmp_path / "x.db", sizes, rtree.MERGING) as catalog,
        catalog.writing() as connection,
    ):
        assert repack(connection, slab)
        assert slab < 1000 or rtree.layers(connection) < 3
        if sizes:
            is_that_of_the_entries(connection)


def test_repacking_when_all_boxes_lie_at_one_place(tmp_path):
    with (
        filled(tmp_path / "x.db", [5000], rtree.MERGING) as catalog,
        catalog.writing() as connection,
    ):
        connection.exec_driver_sql("UPDATE entries SET minr = 7, minc = 7, maxr = 9, maxc = 9")
        connection.exec_driver_sql("DELETE FROM entry_boxes")
        connection.exec_driver_sql("INSERT INTO entry_boxes SELECT id, 7, 8, 7, 8 FROM entries")
        assert repack(connection, 500)
        is_that_of_the_entries(connection)


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM entry_boxes WHERE id = 77",
        "UPDATE entry_boxes SET maxr = maxr + 1 WHERE id = 77",
        "UPDATE entry_boxes_node SET data = x'00' WHERE nodeno = 5",
        "DELETE FROM entry_boxes_node WHERE nodeno = 5",
        "DELETE FROM entry_boxes_node WHERE nodeno > 1",
    ],
)
def test_repacking_mends_a_tree_that_is_not_that_of_the_entries(tmp_path, damage):
    with (
        filled(tmp_path / "x.db", [5000], rtree.MERGING) as catalog,
        catalog.writing() as connection,
    ):
        connection.exec_driver_sql(damage)
        assert repack(connection, 500)
        is_that_of_the_entries(connection)


def test_two_boxes_that_have_changed_places_are_noticed(tmp_path):
    with (
        filled(tmp_path / "x.db", [5000], rtree.MERGING) as catalog,
        catalog.writing() as connection,
    ):
        names = "minr, maxr, minc, maxc"
        rows = connection.exec_driver_sql(
            f"SELECT {names}, id FROM entry_boxes WHERE id IN (77, 78, 79)"
        ).all()
        for row, other in zip(rows, rows[::-1], strict=True):
            connection.exec_driver_sql(
                f"UPDATE entry_boxes SET ({names}) = (?, ?, ?, ?) WHERE id = ?",
                (*row[:4], other[4]),
            )
        assert repack(connection, 500)
        is_that_of_the_entries(connection)


def test_who_should_optimize_is_told(call, archive, tmp_path):
    """By status and by the ingest that adds to a tree of many layers, until it was done."""
    filled(tmp_path / "x.db", [2200] * 40, rtree.Merging(fan=1000)).close()

    def told(*arguments):
        code, out, err = call("--db", tmp_path / "x.db", *arguments)
        assert code == 0
        return out, "`iidindex optimize`" in err

    (out, should) = told("status", "--format", "json")
    assert json.loads(out)["layers"] > MANY_LAYERS
    assert not should  # JSON is for programs
    assert told("status")[1]
    (out, should) = told("ingest", archive, "--format", "json")
    assert json.loads(out)["layers"] > MANY_LAYERS
    write_garden(archive / "new.iid")
    assert told("ingest", archive)[1]
    assert not told("ingest", archive)[1]  # nothing was added
    told("optimize")
    assert not told("status")[1]
    write_garden(archive / "newer.iid")
    assert not told("ingest", archive)[1]
    with iidindex.open(tmp_path / "x.db") as index:
        assert 1 <= index.layers() < 3


def test_repacking_a_small_tree_and_then_changing_it(archive, tmp_path):
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.optimize()  # nothing is there yet
        for shift in range(3):
            index.ingest(archive)
            index.optimize()
            for name in ("2020/a.iid", "2020/b.iid", "2021/c.iid"):
                write_garden(archive / name, shift=shift)
        index.ingest(archive)
        assert index.verify() == []


def n_nodes(index):
    with index._catalog.reading() as connection:
        return connection.exec_driver_sql("SELECT count(*) FROM entry_boxes_node").scalar_one()


def test_what_is_packed_has_as_few_nodes_as_can_be(tmp_path, monkeypatch):
    """Many new boxes are packed; few are inserted, which leaves room in nodes until `optimize`."""
    for number in range(60):
        write_garden(tmp_path / "archive" / f"{number}.iid", shift=number)
    full = 1 + -(-3 * 60 // 51)  # the root, and leaves of 51
    with iidindex.open(tmp_path / "few.db", create=True) as index:
        for number in range(60):
            index.ingest(tmp_path / "archive" / f"{number}.iid", jobs=1)
        assert n_nodes(index) > full
        index.optimize()
        assert n_nodes(index) == full
    monkeypatch.setattr(rtree, "PACK_FROM", 180)
    with iidindex.open(tmp_path / "many.db", create=True) as index:
        index.ingest(tmp_path / "archive", jobs=1)
        assert n_nodes(index) == full
    monkeypatch.setattr(rtree, "PACK_FROM", 181)
    with iidindex.open(tmp_path / "some.db", create=True) as index:
        index.ingest(tmp_path / "archive", jobs=1)
        assert n_nodes(index) > full
