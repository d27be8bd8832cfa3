"""Questions over an archive large enough that it matters how they are answered."""

import json
import os
import pickle
import sqlite3
import tracemalloc
import warnings
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np
import pytest

import iidindex
from blobs import FRAME, PER_FILE, every, seen
from conftest import write_garden
from iidindex import CatalogLockedError, IIDFile, QueryError, SourceNotFoundError, StaleFileError
from iidindex.catalog.sqlite.lock import sole_writer


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
    connection = sqlite3.connect(index._catalog.store.path)
    connection.execute("CREATE TEMP TABLE t AS SELECT 1")
    connection.close()
    assert index.entries.where(path="0/*").count() == 20 * PER_FILE


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
        relocate = partial(index.relocate, "archive", archive)
        for work in (lambda: index.ingest(archive), index.prune, index.optimize, relocate):
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
