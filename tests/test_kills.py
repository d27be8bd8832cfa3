"""Processes that kill themselves at every statement of everything that writes."""

import itertools
import os
import shutil
import signal
import sqlite3

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

import iidindex
from conftest import write_garden
from iidindex.catalog.migrate import migrate
from iidindex.catalog.sqlite import intake, rtree
from iidindex.ingestion import pool, run
from iidindex.query.overlaps import pairs, storing
from test_faults import sound
from test_ingest import content
from test_migrate import newer  # noqa: F401  (a fixture)


def killed(work, moment):
    """Do it in a process that kills itself at its n-th statement or commit; whether it did."""
    child = os.fork()
    if child == 0:
        moments = itertools.count(1)

        def reach(*_):
            if next(moments) == moment:
                os.kill(os.getpid(), signal.SIGKILL)

        event.listen(Engine, "after_cursor_execute", reach)
        event.listen(Engine, "commit", reach)
        try:
            work()
        finally:
            os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL)
    return status != 0


def rows(db):
    connection = sqlite3.connect(db)
    found = {
        "roots": "SELECT name, location FROM roots ORDER BY 1",
        "files": "SELECT path, size, mtime_ns, state, n_entries FROM files ORDER BY 1",
        "iids": "SELECT domain, address FROM iids ORDER BY 1, 2",
        "groups": "SELECT name FROM groups ORDER BY 1",
        "overlaps": "SELECT path, e.key, pixels FROM overlaps JOIN entries e ON e.id = a_id "
        "JOIN files f ON f.id = e.file_id ORDER BY 1, 2, 3",
        "overlap_files": "SELECT path FROM overlap_files JOIN files ON id = file_id ORDER BY 1",
        "indexes": "SELECT name FROM sqlite_master WHERE type = 'index' ORDER BY 1",
    }
    result = {name: connection.execute(query).fetchall() for name, query in found.items()}
    connection.close()
    with iidindex.open(db) as index:
        return result | {"entries": content(index)}


def at_every_moment(db, work, *, step=1):
    """Kill it at every moment; each time it must go on to where an undisturbed run ends."""
    before = db.with_name("before.db")
    connection = sqlite3.connect(db)
    connection.execute("VACUUM INTO ?", (str(before),))
    connection.close()

    def restore():
        for place in db.parent.glob(f"{db.name}*"):
            place.unlink()
        shutil.copy(before, db)

    work()
    expected = rows(db)
    for moment in itertools.count(1, step):
        restore()
        was_killed = killed(work, moment)
        sound(db)
        work()
        sound(db)
        assert rows(db) == expected, moment
        if not was_killed:
            return moment - 1
    raise AssertionError


@pytest.fixture
def changed(archive, tmp_path, monkeypatch):
    """An index, and an archive that has changed in every way since."""
    monkeypatch.setattr(run, "_BATCH_FILES", 3)
    monkeypatch.setattr(pool, "_TASK_FILES", 2)
    for number in range(6):
        write_garden(archive / f"{number}.iid", shift=number, extra=[b"%d" % number])
    db = tmp_path / "x.db"
    with iidindex.open(db, create=True) as index:
        index.ingest(archive)
    write_garden(archive / "0.iid", shift=50, extra=[b"new"])
    (archive / "1.iid").unlink()
    (archive / "2.iid").rename(archive / "moved.iid")
    os.utime(archive / "3.iid", (5, 5))
    (archive / "4.iid").write_bytes(b"damaged")
    for number in range(10, 14):
        write_garden(archive / f"{number}.iid", shift=number)
    return db


def ingesting(db, archive):
    def work():
        with iidindex.open(db) as index:
            index.ingest(archive)

    return work


def test_ingest(changed, archive):
    assert at_every_moment(changed, ingesting(changed, archive)) > 40


def test_ingest_that_packs(changed, archive, monkeypatch):
    monkeypatch.setattr(rtree, "PACK_FROM", 1)
    assert at_every_moment(changed, ingesting(changed, archive)) > 40


def test_first_big_load(archive, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "_BATCH_FILES", 2)
    monkeypatch.setattr(intake, "_BIG_LOAD", 2)
    monkeypatch.setattr(pool, "_TASK_FILES", 1)
    db = tmp_path / "x.db"
    iidindex.open(db, create=True).close()
    assert at_every_moment(db, ingesting(db, archive)) > 15


def test_prune(changed, archive):
    ingesting(changed, archive)()

    def work():
        with iidindex.open(changed) as index:
            index.prune()

    assert at_every_moment(changed, work) > 5


def test_optimize(changed, archive):
    def work():
        with iidindex.open(changed) as index:
            index.optimize()

    assert at_every_moment(changed, work) > 5


def test_storing_overlaps(changed, monkeypatch, archive):
    ingesting(changed, archive)()
    monkeypatch.setattr(storing, "_COMMIT_SECONDS", 0)
    monkeypatch.setattr(pairs, "_BATCH_BYTES", 1)

    def work():
        with iidindex.open(changed) as index:
            assert len(list(index.overlaps(store=True))) > 9

    assert at_every_moment(changed, work, step=3) > 40


def test_ingest_of_files_whose_overlaps_are_kept(changed, archive):
    with iidindex.open(changed) as index:
        index.overlaps(store=True, path="202*")
        index.overlaps(store=True, path="5.iid")
    os.utime(archive / "5.iid", (5, 5))
    for path in (archive / "2020").iterdir():
        write_garden(path, shift=9)
    assert at_every_moment(changed, ingesting(changed, archive), step=5) > 40


def test_relocate(changed, archive, tmp_path):
    shutil.copytree(archive, tmp_path / "copy")

    def work():
        with iidindex.open(changed) as index:
            index.relocate("archive", tmp_path / "copy")

    assert at_every_moment(changed, work) > 2


def test_a_root_over_others(changed, archive, tmp_path):
    def work():
        with iidindex.open(changed) as index:
            index.ingest(tmp_path)

    assert at_every_moment(changed, work) > 40


def test_migrate(newer, index):  # noqa: F811
    path = newer()
    index.close()
    assert at_every_moment(path, lambda: migrate(path)) > 5
