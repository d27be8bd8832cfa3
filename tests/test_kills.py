"""Processes that kill themselves at every statement of everything that writes."""

import contextlib
import itertools
import os
import shutil
import signal
from multiprocessing import Value

import psycopg
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

import iidindex
from conftest import write_garden
from iidindex.catalog.migrate import migrate
from iidindex.catalog.postgres import loading
from iidindex.catalog.sqlite import intake, rtree
from iidindex.ingestion import pool, run
from iidindex.query.overlaps import pairs, storing
from kept_state import InSchema, kept, sound
from test_ingest import content
from test_migrate import newer  # noqa: F401  (a fixture)

ON_BOTH = True


# Moments of what goes to a server, each of which takes connections and processes to be tried.
_ON_A_SERVER = 16


def killed(work, moment, reached=None):
    """Do it in a process that kills itself at its n-th statement or commit; whether it did.

    How many it came to is told in a value that both processes share.
    """
    reached = Value("q", lock=False) if reached is None else reached
    reached.value = 0
    child = os.fork()
    if child == 0:

        def reach(*_):
            reached.value += 1
            if reached.value == moment:
                os.kill(os.getpid(), signal.SIGKILL)

        wait = psycopg.Connection.wait

        def waiting(connection, *arguments, **options):
            found = wait(connection, *arguments, **options)
            reach()
            return found

        # Every statement, commit and part of a COPY waits for the server.
        psycopg.Connection.wait = waiting
        event.listen(Engine, "after_cursor_execute", reach)
        event.listen(Engine, "commit", reach)
        try:
            work()
        finally:
            os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL)
    return status != 0


def rows(state):
    return state.rows() | entries_of(state.location)


def entries_of(location):
    with iidindex.open(location) as index:
        return {"entries": content(index)}


def at_every_moment(db, work, *, step=1):
    """Kill it at every moment; each time it must go on to where an undisturbed run ends."""
    reached = Value("q", lock=False)
    with contextlib.closing(kept(db)) as state:
        killed(work, 0, reached)
        expected = rows(state)
        if isinstance(state, InSchema):
            step = max(step, reached.value // _ON_A_SERVER)
        for moment in itertools.count(1, step):
            state.restore()
            was_killed = killed(work, moment, reached)
            state.wait_for_the_dead()
            sound(db)
            work()
            sound(db)
            assert rows(state) == expected, moment
            if not was_killed:
                return moment - 1
    raise AssertionError


@pytest.fixture
def changed(archive, database, monkeypatch):
    """An index, and an archive that has changed in every way since."""
    monkeypatch.setattr(run, "_BATCH_FILES", 3)
    monkeypatch.setattr(pool, "_TASK_FILES", 2)
    for number in range(6):
        write_garden(archive / f"{number}.iid", shift=number, extra=[b"%d" % number])
    db = database("x")
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


@pytest.mark.of_sqlite
def test_ingest_that_packs(changed, archive, monkeypatch):
    monkeypatch.setattr(rtree, "PACK_FROM", 1)
    assert at_every_moment(changed, ingesting(changed, archive)) > 40


def test_first_big_load(archive, database, monkeypatch):
    monkeypatch.setattr(run, "_BATCH_FILES", 2)
    monkeypatch.setattr(intake, "_BIG_LOAD", 2)
    monkeypatch.setattr(loading, "_BIG_LOAD", 2)
    monkeypatch.setattr(pool, "_TASK_FILES", 1)
    db = database("x")
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


@pytest.mark.of_sqlite
def test_migrate(newer, index):  # noqa: F811
    path = newer()
    index.close()
    assert at_every_moment(path, lambda: migrate(path)) > 5
