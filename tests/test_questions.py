"""Questions over an archive large enough that it matters how they are answered."""

import json
import os
import pickle
import shutil
import sqlite3
import tracemalloc
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

import brute
import iidindex
from conftest import write_garden
from iidindex import (
    CatalogLockedError,
    IIDFile,
    QueryError,
    SourceNotFoundError,
    StaleFileError,
)
from iidindex.catalog.lock import sole_writer
from iidindex.files.source import LocalFile
from iidindex.query import nearest

N_FILES, PER_FILE, FRAME = 60, 60, 400


@pytest.fixture(scope="module")
def blobs(tmp_path_factory):
    """Files of round, ragged, square and empty masks, and the slow reader's view of them."""
    place = tmp_path_factory.mktemp("blobs")
    rng = np.random.default_rng(7)
    slow = {}
    for number in range(N_FILES):
        file = IIDFile()
        file.meta.data = {"number": number, "camera": {"iso": 100 * (number % 3)}, "x": None}
        for nth in range(PER_FILE):
            side = int(rng.integers(1, 25))
            mask = np.hypot(*np.ogrid[-side:side, -side:side]) < side
            mask &= rng.random(mask.shape) < rng.choice([0.05, 0.6, 1])
            if nth % 10 == 0:
                mask[:] = nth % 20 == 0
            row, col = rng.integers(0, FRAME, 2).tolist()
            box = (row, col, row + mask.shape[0], col + mask.shape[1])
            groups = ["even", "all"] if nth % 2 == 0 else ["all"]
            file.add(b"%02d" % rng.integers(0, 90), b"blobs", box, mask, groups)
        path = place / "archive" / f"{number // 20}" / f"{number}.iid"
        path.parent.mkdir(parents=True, exist_ok=True)
        file.save(path)
        slow[f"{number // 20}/{number}.iid"] = brute.read_path(path)
    with iidindex.open(place / "x.db", create=True) as index:
        index.ingest(place / "archive")
        yield index, slow


def every(slow):
    return [(path, entry) for path, file in slow.items() for entry in file.entries]


def seen(question):
    return sorted((entry.path, entry.key) for entry in question)


def test_equal_distances_are_equal(tmp_path):
    """Whether a mask fills its box or not, to the last bit."""
    file = IIDFile()
    holed = np.ones((9, 9), bool)
    holed[4, 4] = False
    for row, col in ((113, 15), (17, 27), (27, 17), (15, 113)):
        for mask in (holed, np.ones((9, 9), bool)):
            file.add(b"a", None, (row, col, row + 9, col + 9), mask)
    (tmp_path / "archive").mkdir()
    file.save(tmp_path / "archive" / "a.iid")
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path / "archive")
        found = list(index.entries.nearest(0, 0, 8))
        assert [entry.key for entry in found] == [2, 3, 4, 5, 0, 1, 6, 7]
        for k in range(1, 9):
            assert [e.key for e in index.entries.nearest(0, 0, k)] == [e.key for e in found[:k]]


@pytest.mark.parametrize("k", [1, 7, 300])
def test_nearest(blobs, k):
    index, slow = blobs
    rng = np.random.default_rng(k)
    points = [*rng.integers(-60, FRAME + 60, (12, 2)).tolist(), [3000, 9], [65535, 65535]]
    some = [("0/1.iid", e) for e in slow["0/1.iid"].entries]
    for path, entries in ((None, every(slow)), ("0/1.iid", some)):
        pixels = [(p, e, np.argwhere(e.mask) + e.bbox[:2]) for p, e in entries if e.mask.any()]
        for x, y in points:
            away = sorted(
                (float(np.sqrt(((at - (y, x)) ** 2).sum(axis=1).min())), p, e.key)
                for p, e, at in pixels
            )
            question = index.entries if path is None else index.entries.where(path=path)
            found = list(question.nearest(x, y, k))
            assert [e.distance for e in found] == [d for d, *_ in away[:k]]
            assert {(e.distance, e.path, e.key) for e in found} <= set(away)
            assert question.nearest(x, y, k).count() == len(found)
            columns = question.nearest(x, y, k).to_columns()
            assert columns["distance"].tolist() == [e.distance for e in found]
            assert question.nearest(x, y, k).limit(2).ids().tolist() == [e.id for e in found[:2]]


def test_nearest_in_processes(blobs, monkeypatch):
    index, _ = blobs
    expected = list(index.entries.nearest(7, 390, 500))
    monkeypatch.setattr(nearest, "_WORTHWHILE", 1)
    found = list(index.entries.nearest(7, 390, 500, jobs=2))
    assert [(e.id, e.distance) for e in found] == [(e.id, e.distance) for e in expected]


def test_nearest_among_those_that_hold_a_pixel(blobs):
    index, slow = blobs
    for x, y in ((200, 200), (50, 300)):
        holding = {(p, e.key) for p, e in every(slow) if e.has(y, x)}
        found = [(e.path, e.key) for e in index.entries.at(x, y).nearest(x + 30, y, 50)]
        assert len(found) == min(50, len(holding))
        assert set(found) <= holding


def test_nearest_reads_only_what_may_be_near(blobs, monkeypatch):
    index, _ = blobs
    opened = []
    real = LocalFile.__init__

    def noted(self, path):
        opened.append(path)
        real(self, path)

    with iidindex.open(index._catalog.path) as other:
        question = other.entries.where(path="1/25.iid")
        monkeypatch.setattr(LocalFile, "__init__", noted)
        assert len(list(question.nearest(100, 100, 3))) == 3
    assert len(opened) == 1


def test_hits_stream(tmp_path):
    """However many there are, few are in memory at a time."""
    file = IIDFile()
    dot = np.ones((1, 1), bool)
    for nth in range(40_000):
        row, col = divmod(nth, 200)
        file.add(b"%d" % nth, b"d", (row, col, row + 1, col + 1), dot)
    (tmp_path / "files").mkdir()
    file.save(tmp_path / "files" / "a.iid")
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path / "files", jobs=1)
        for entry in index.entries:  # what is made once is made before
            assert entry.key == 0
            break
        for question in (index.entries, index.entries.region((0, 0, 300, 300), exact=False)):
            tracemalloc.start()
            try:
                assert sum(1 for _ in question) == 40_000
                streamed = tracemalloc.get_traced_memory()[1]
                tracemalloc.reset_peak()
                assert len(list(question)) == 40_000
                kept = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            assert streamed < kept / 8


def test_exact_questions_over_many_files(blobs):
    index, slow = blobs
    rng = np.random.default_rng(5)
    for row, col in rng.integers(0, FRAME, (8, 2)).tolist():
        wanted = sorted((p, e.key) for p, e in every(slow) if e.has(row, col))
        assert seen(index.entries.at(col, row)) == wanted
        assert index.entries.at(col, row).ids().shape == (len(wanted),)
        box = (row, col, row + 17, col + 40)
        wanted = sorted((p, e.key) for p, e in every(slow) if e.crop(box).any())
        assert seen(index.entries.region(box)) == wanted
        assert index.entries.region(box).limit(3).count() == min(3, len(wanted))


def test_several_processes_give_the_same(blobs, archive, tmp_path):
    index, slow = blobs
    box = (100, 100, 300, 300)
    one, two = index.entries.region(box), index.entries.region(box, jobs=2)
    assert two.count() == one.count() == sum(e.crop(box).any() for _, e in every(slow))
    assert list(two.limit(700)) == list(one.limit(700))
    alone = [(o.a.id, o.b.id, o.pixels) for o in index.overlaps("1/*")]
    assert [(o.a.id, o.b.id, o.pixels) for o in index.overlaps("1/*", jobs=2)] == alone
    with iidindex.open(tmp_path / "x.db", create=True) as other:
        other.ingest(archive)
        assert len(list(other.overlaps(store=True, jobs=2))) == 3
        write_garden(archive / "2020" / "a.iid", shift=3)
        with pytest.raises(StaleFileError):
            other.entries.at(78, 120, jobs=2).count()
        with pytest.warns(UserWarning, match="2020/a.iid"):
            assert other.entries.at(78, 120, jobs=2, on_stale="warn").count() == 3


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ({"number": 3}, 1),
        ({"number": 3.0}, 1),
        ({"number": "3"}, 0),
        ({"number": True}, 0),
        ({"number": None}, 0),
        ({"camera": {"iso": 200}}, 20),
        ({"camera": {"iso": 200}, "number": 2}, 1),
        ({"camera": {"iso": 200}, "number": 1}, 0),
        ({"iso": 200}, 0),
        ({"camera": {"number": 3}}, 0),
        ({"number": {"iso": 3}}, 0),
        ({"x": None}, 60),
        ({"y": None}, 0),
        ({"x": False}, 0),
    ],
)
def test_metadata(blobs, where, count):
    index, _ = blobs
    assert index.entries.where(meta=where).count() == count * PER_FILE
    assert len({e.path for e in index.entries.where(meta=where)}) == count


def test_metadata_of_every_kind(tmp_path):
    kinds = [
        {"a": True}, {"a": False}, {"a": "true"}, {"a": 1}, {"a": 1.5}, {"a": -0.0}, {"a": 2**70},
        {"a": "ü\u2028"}, {"a": ""}, {'q"u.o[t]e$': 1}, {"": 1}, {"ü": {"": {"a": 1}}}, {"a": [1]},
        {"a": {}}, [1, {"a": 1}], None, "a", 7, {"a": "x\0y"}, {"a": "x"}, {"n\0m": 9}, {"n": 9},
    ]  # fmt: skip
    for number, meta in enumerate(kinds):
        file = IIDFile()
        file.meta.data = meta
        file.add(b"a", None, (0, 0, 1, 1), np.ones((1, 1), bool))
        (tmp_path / "archive").mkdir(exist_ok=True)
        (tmp_path / "archive" / f"{number}.iid").write_bytes(file.to_bytes())

    def ask(meta):
        return sorted(int(entry.path[:-4]) for entry in index.entries.where(meta=meta))

    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path / "archive")
        assert ask({"a": True}) == [0]
        assert ask({"a": "true"}) == [2]
        assert ask({"a": 1}) == [3]
        assert ask({"a": 1.5}) == [4]
        assert ask({"a": 0}) == [5]
        assert ask({"a": 2**70}) == [6]
        assert ask({"a": "ü\u2028"}) == [7]
        assert ask({"a": ""}) == [8]
        assert ask({'q"u.o[t]e$': 1}) == [9]
        assert ask({"": 1}) == [10]
        assert ask({"ü": {"": {"a": 1}}}) == [11]
        assert ask({"a": "x\0y"}) == [18]
        assert ask({"a": "x"}) == [19]
        assert ask({"n\0m": 9}) == [20]
        assert ask({"n": 9}) == [21]
        assert ask({}) == list(range(len(kinds)))
        for wrong in ([1], {"a": [1]}, {1: 2}, {"a": b"x"}, "a", {"a": "\ud800"}):
            with pytest.raises(QueryError):
                index.entries.where(meta=wrong)


def test_a_hundred_thousand_addresses(blobs):
    index, slow = blobs
    wanted = [b"%02d" % number for number in range(10)]
    many = [*wanted, *(b"no%d" % number for number in range(100_000))]
    count = sum(e.address in wanted for _, e in every(slow))
    question = index.entries.where(address=many)
    assert question.count() == len(list(question)) == count
    assert question.where(address=wanted[:1]).count() < count
    assert question.where(domain=b"other").count() == 0
    assert question.where(prefix=b"09").count() == index.entries.where(address=b"09").count()


@pytest.mark.parametrize(
    ("ask", "way", "plan"),
    [
        (lambda q: q.where(address=b"07"), "iids", "ix_entries_iid_id_file_id"),
        (lambda q: q.where(prefix=b"07"), "iids", "ix_iids_address_domain (address>? AND addre"),
        (lambda q: q.where(path="0/7.iid"), "files", "entries USING INTEGER PRIMARY KEY (rowid>?"),
        (lambda q: q.where(path="0/7.iid"), "files", "ix_files_root_id_path (root_id=? AND path=?"),
        (lambda q: q.where(meta={"number": 7}), "files", "SCAN files"),
        (lambda q: q.at(7, 7), "boxes", "entry_boxes"),
        (
            lambda q: q.region((0, 0, 99, 99)).where(path="0/7.iid"),
            "files",
            "(rowid>? AND rowid<?)",
        ),
        (lambda q: q.region((0, 0, 300, 300)).where(address=b"07"), "iids", "ix_entries_iid_id"),
        (lambda q: q.where(path="?/*7.iid", address=b"07"), "iids", "ix_entries_iid_id"),
        (lambda q: q.where(group="all"), "scan", "SCAN entries"),
        (lambda q: q.region((0, 0, 999, 999)), "scan", "SCAN entries"),
        (lambda q: q.where(path="*"), "scan", "SCAN entries"),
        (lambda q: q, "scan", "SCAN entries"),
    ],
)
def test_the_way_a_question_goes(blobs, ask, way, plan):
    index, _ = blobs
    told = ask(index.entries).explain()
    assert told.startswith(f"way: {way}:")
    assert plan in told
    # What orders all entries needs no sorting, and so no memory.
    assert way != "scan" or "TEMP B-TREE" not in told


def test_counting_whole_files_touches_no_entry(blobs):
    index, _ = blobs
    connection = sqlite3.connect(index._catalog.path)
    connection.execute("CREATE TEMP TABLE t AS SELECT 1")
    connection.close()
    assert index.entries.where(path="0/*").count() == 20 * PER_FILE


def test_overlaps_of_a_file_and_between_some(blobs):
    index, slow = blobs
    for path in ("0/0.iid", "2/59.iid"):
        wanted = slow[path].overlaps()
        found = list(index.overlaps(path=path))
        assert {(o.a.key, o.b.key): o.pixels for o in found} == wanted
        assert [(o.a.key, o.b.key) for o in found] == sorted(wanted)
        keyed = slow[path].by_key()
        for one in found[:20]:
            a, b = keyed[one.a.key], keyed[one.b.key]
            assert one.iou == one.pixels / (a.mask.sum() + b.mask.sum() - one.pixels)
            assert (one.a_in_b, one.b_in_a) == (
                one.pixels / a.mask.sum(),
                one.pixels / b.mask.sum(),
            )
        even = index.entries.where(path=path, group="even").overlaps()
        assert {(o.a.key, o.b.key) for o in even} == {k for k in wanted if not (k[0] | k[1]) % 2}
    assert list(index.overlaps(path="nothing")) == []
    for wrong in ("limit", "order_by", "nearest"):
        arguments = {"limit": (5,), "order_by": ("area",), "nearest": (1, 1)}[wrong]
        with pytest.raises(QueryError):
            getattr(index.entries, wrong)(*arguments).overlaps()


def test_what_meets_nothing_is_not_read(tmp_path, monkeypatch):
    file = IIDFile()
    far = np.eye(50, dtype=bool)
    for row, col in ((0, 0), (5, 5), (900, 900)):
        file.add(b"%d" % row, None, (row, col, row + 50, col + 50), far)
    (tmp_path / "archive").mkdir()
    file.save(tmp_path / "archive" / "a.iid")
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path / "archive")
        far_away = list(index.entries)[-1]
        reads = []
        real = os.pread

        def counted(fd, length, offset):
            reads.append((offset, offset + length))
            return real(fd, length, offset)

        monkeypatch.setattr(os, "pread", counted)
        assert [(o.a.key, o.b.key, o.pixels) for o in index.overlaps()] == [(0, 1, 45)]
        assert max(end for _, end in reads) <= far_away.bufloc.offset


@pytest.fixture
def stored(archive, tmp_path):
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(archive)
        assert len(list(index.overlaps(store=True))) == 3
        yield index


def kept(index):
    connection = sqlite3.connect(index._catalog.path)
    found = connection.execute(
        "SELECT path, pixels FROM overlaps JOIN entries ON entries.id = a_id "
        "JOIN files ON files.id = file_id ORDER BY path"
    ).fetchall()
    connection.close()
    return found


def test_stored_overlaps_follow_their_files(stored, archive, tmp_path):
    path = archive / "2020" / "a.iid"
    assert kept(stored) == [("2020/a.iid", 649), ("2020/b.iid", 649), ("2020/b.iid", 4)]
    # A question about them opens no original.
    shutil.move(path, tmp_path / "aside.iid")
    assert len(list(stored.overlaps())) == 3
    shutil.move(tmp_path / "aside.iid", archive / "moved.iid")
    stored.ingest(archive)
    assert kept(stored)[-1] == ("moved.iid", 649)  # moved with its file
    os.utime(archive / "moved.iid", (7, 7))
    stored.ingest(archive)
    assert [path for path, _ in kept(stored)] == ["2020/b.iid", "2020/b.iid"]  # touched: forgotten
    write_garden(archive / "2020" / "b.iid", shift=100)
    assert stored.ingest(archive).updated == 1
    assert kept(stored) == []
    assert {o.pixels for o in stored.overlaps(store=True, path="moved.iid")} == {649}
    assert len(kept(stored)) == 1
    (archive / "moved.iid").unlink()
    stored.ingest(archive)
    stored.prune()
    assert kept(stored) == []
    assert stored.verify() == []


def test_nothing_is_stored_of_files_that_cannot_be_read(archive, tmp_path):
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(archive)
        archive.rename(tmp_path / "away")
        for jobs in (1, 2):
            question = index.entries.reading(on_stale="skip", jobs=jobs)
            assert list(question.overlaps(store=True)) == []
        (tmp_path / "away").rename(archive)
        assert len(list(index.overlaps())) == 3
        told = []
        assert len(list(index.overlaps(store=True, progress=told.append))) == 3
        assert len(kept(index)) == 3
        assert [step.files for step in told] == sorted({step.files for step in told})
        assert str(told[-1]) == "3 of 3 files"


def test_ids_are_never_given_twice(index, archive, tmp_path):
    (archive / "2021" / "c.iid").rename(archive / "last.iid")
    index.ingest(archive)
    write_garden(archive / "zz.iid", extra=[b"z"])
    index.ingest(archive)
    last = list(index.entries.where(path="zz.iid"))
    (archive / "zz.iid").unlink()
    index.ingest(archive)
    index.prune()
    write_garden(archive / "new.iid")
    index.ingest(archive)
    assert list(index.entries.after(last[-1])) == list(index.entries.where(path="new.iid"))
    with pytest.raises(QueryError, match="no longer"):
        _ = last[0].groups


def test_writer_is_alone_wherever_the_program_is(archive, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with iidindex.open("x.db", create=True) as index, sole_writer(str(tmp_path / "x.db")):
        monkeypatch.chdir(archive)
        for work in (lambda: index.ingest(archive), index.prune, index.optimize):
            with pytest.raises(CatalogLockedError):
                work()
    assert not list(archive.glob("*.db*"))


def test_paths_that_are_no_text(tmp_path):
    place = tmp_path / "odd"
    name = os.fsdecode(b"x\xff.iid")
    write_garden(place / name)
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(place)
        entry = index.entry(name, 0)
        assert entry == index.entry(str(place / name), 0)
        assert index.entries.where(path=entry.location).count() == 3
        assert len(list(index.overlaps(entry.location))) == 1
        for ask in (
            lambda: index.entry("\ud800", 1),
            lambda: index.entry("a\0", 1),
            lambda: index.entry(4, 1),
            lambda: index.entries.where(path="\ud800"),
            lambda: index.entries.where(root="\ud800"),
        ):
            with pytest.raises(QueryError):
                ask()


def test_storing_overlaps_is_refused(stored):
    with pytest.raises(QueryError, match="whole files"):
        stored.entries.where(address=b"tree").overlaps(store=True)
    with sole_writer(str(stored._catalog.path)), pytest.raises(CatalogLockedError):
        stored.overlaps(store=True)


@pytest.mark.parametrize("damage", ["gone", "cut", "changed", "same size and time"])
def test_on_stale(index, archive, damage):
    path = archive / "2020" / "a.iid"
    status = path.stat()
    if damage == "gone":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-3])
    else:
        write_garden(path, shift=1)
        if damage == "same size and time":
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    error = SourceNotFoundError if damage == "gone" else StaleFileError
    ways = [
        lambda q, on_stale: [e.path for e in q.at(78, 120, on_stale=on_stale).where(key=0)],
        lambda q, on_stale: [e.path for e in q.reading(on_stale=on_stale).at(78, 120).where(key=0)],
        lambda q, on_stale: [
            e.path for e in q.where(key=0).nearest(78, 120, 2, on_stale=on_stale) if not e.distance
        ],
        lambda q, on_stale: [e.path for e, _ in q.where(key=0).masks(on_stale=on_stale)][:1],
    ]
    for ask in ways:
        with pytest.raises(error, match="2020/a.iid"):
            ask(index.entries, "error")
        assert ask(index.entries, "skip") == ["2020/b.iid"]
        with pytest.warns(UserWarning, match="2020/a.iid"):
            assert ask(index.entries, "warn") == ["2020/b.iid"]
    with warnings.catch_warnings():
        assert index.entries.reading(on_stale="skip").at(78, 120).count() == 3
    # The pond fills its box, so that nothing is read of it; but its file is looked at.
    if damage != "same size and time":
        with pytest.raises(error, match="2020/a.iid"):
            index.entries.where(key=1).at(5, 150).ids()
        assert index.entries.where(key=1).at(5, 150, on_stale="skip").count() == 2
    assert {o.a.path for o in index.entries.reading(on_stale="skip").overlaps()} == {"2020/b.iid"}
    with pytest.raises(QueryError, match="on_stale"):
        index.entries.reading(on_stale="ignore")


def ask_elsewhere(question):
    return question.count(), [entry.to_dict() for entry in question]


def test_a_question_in_another_process(index):
    question = index.entries.where(address=[b"tree", b"pond"]).at(70, 125)
    assert len(pickle.dumps(question)) < 1000
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        count, rows = pool.submit(ask_elsewhere, question).result()
    assert count == question.count()
    assert rows == question.to_dicts()
    assert json.dumps(rows)


@pytest.mark.parametrize(
    "ask",
    [
        lambda q: q.nearest(1, 1, 0),
        lambda q: q.nearest(1.5, 1, 2),
        lambda q: q.nearest(1, 1).nearest(2, 2),
        lambda q: q.nearest(2**40, 1),
        lambda q: q.nearest(1, -(10**30)),
        lambda q: q.where(prefix=[b"a", b"b"]),
        lambda q: q.where(meta={"a": {}}),
        lambda q: q.where(meta={"a": 10**400}),
        lambda q: q.where(meta=json.loads('{"a":' * 99 + "1" + "}" * 99)),
        lambda q: q.after("x"),
        lambda q: q.after(-1),
        lambda q: list(q.after(3).order_by("area")),
        lambda q: list(q.nearest(1, 1).order_by("area")),
        lambda q: list(q.nearest(1, 1).masks()),
        lambda q: q.where(prefix="a"),
        lambda q: q.where(root=b"a"),
        lambda q: q.where(prefix=b"a").where(prefix=b"b"),
    ],
)
def test_questions_without_meaning(index, ask):
    with pytest.raises(QueryError):
        ask(index.entries)
