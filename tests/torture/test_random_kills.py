"""Processes killed at any moment, with their workers: whatever they did, it can be gone on with.

`test_kills` kills at every statement. Here the moment is a time, so that it may lie within a
statement, a commit, a checkpoint, the start of a worker or the scan of a file.
"""

import os
import random
import shutil
import signal
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

import iidindex
from campaign import rounds, seeded
from iidindex.catalog import schema
from iidindex.catalog.migrate import migrate
from iidindex.catalog.postgres import loading
from iidindex.catalog.sqlite import intake, rtree
from iidindex.cli.main import run as main
from iidindex.ingestion import pool, run
from iidindex.query.overlaps import storing
from kept_state import kept, rows_of_file
from model import make
from test_faults import sound
from test_kills import entries_of

OLD = Path(__file__).parents[1] / "data" / "0001.db"
N_FILES = 150


def whole(db):
    return rows_of_file(db) | entries_of(db)


def disturb(chance, root, n_files=N_FILES):
    """Let an archive change in every way that one can."""
    root.mkdir(exist_ok=True)
    for nth in range(n_files):
        path = root / str(nth % 5) / f"{nth}.iid"
        path.parent.mkdir(exist_ok=True)
        kind = chance.random()
        if not path.exists() or kind < 0.3:
            path.write_bytes(make(chance))
        elif kind < 0.4:
            path.unlink()
        elif kind < 0.5:
            path.rename(path.with_name(f"moved-{nth}-{chance.random()}.iid"))
        elif kind < 0.6:
            path.write_bytes(b"damaged")
        elif kind < 0.7:
            os.utime(path)


def copy_database(source, target):
    for path in target.parent.glob(f"{target.name}*"):
        path.unlink()
    connection = sqlite3.connect(source)
    connection.execute("VACUUM INTO ?", (str(target),))
    connection.close()


def start(db, *arguments):
    """The program as a group of processes of its own, which can be killed together."""
    child = os.fork()
    if child:
        return child
    code = 99
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)
        os.dup2(1, 2)
        # Small transactions, so that there are many.
        run._BATCH_FILES, intake._BIG_LOAD, pool._TASK_FILES, rtree.PACK_FROM = 20, 40, 5, 30
        loading._BIG_LOAD = 40
        storing._COMMIT_SECONDS = 0
        code = main(["--db", str(db), *map(str, arguments)])
    finally:
        os._exit(code)


def finish(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill_after(seconds, db, *arguments, whole_group=False):
    """Kill it; whether it was still running. Workers that it leaves behind end by themselves."""
    child = start(db, *arguments)
    time.sleep(seconds)
    if whole_group:
        with suppress(ProcessLookupError):  # it has not become one yet
            os.killpg(child, signal.SIGKILL)
    os.kill(child, signal.SIGKILL)
    return finish(child) == -signal.SIGKILL


def duration(db, *arguments):
    begin = time.monotonic()
    assert finish(start(db, *arguments)) in (0, 4)
    return time.monotonic() - begin


@pytest.fixture
def before(tmp_path):
    """An archive that changed in every way after it was indexed, and its index."""
    chance = random.Random(5)
    root = tmp_path / "archive"
    disturb(chance, root)
    db = tmp_path / "before.db"
    with iidindex.open(db, create=True) as index:
        index.ingest(root)
        index.overlaps(store=True, path="1/*")
    disturb(chance, root)
    return root, db


def verbs(root, tmp_path):
    return {
        "ingest": (["ingest", "-j", 1, root], 6),
        "ingest with workers": (["ingest", "-j", 2, root], 2),
        "first ingest": (["ingest", "-j", 1, root], 6),
        "checksum": (["ingest", "-j", 1, "--checksum", root], 6),
        "prune": (["prune"], 4),
        "optimize": (["optimize"], 4),
        "relocate": (["relocate", "archive", tmp_path / "copy"], 4),
        "overlaps": (["overlaps", "--store"], 2),
        "migrate": (["migrate"], 4),
        "a root over another": (["ingest", "-j", 1, root.parent], 4),
        "prune of a root": (["prune", "--root", "archive"], 4),
    }


def made_ready(name, root, base, tmp_path):
    """Let there be what the verb works on; return the database to begin with."""
    if name == "migrate":
        return OLD
    if name == "first ingest":
        base = tmp_path / "empty.db"
        iidindex.open(base, create=True).close()
    if name in ("prune", "overlaps"):
        with iidindex.open(base) as index:
            index.ingest(root)
    if name == "relocate":
        shutil.copytree(root, tmp_path / "copy")
    if name == "prune of a root":
        shutil.rmtree(root)
    return base


@pytest.mark.parametrize(
    "name",
    [
        "ingest",
        "ingest with workers",
        "first ingest",
        "checksum",
        "prune",
        "optimize",
        "relocate",
        "overlaps",
        "migrate",
        "a root over another",
        "prune of a root",
    ],
)
def test_killed_at_any_time(name, before, tmp_path, counted):
    root, base = before
    arguments, few = verbs(root, tmp_path)[name]
    db = tmp_path / "x.db"
    base = made_ready(name, root, base, tmp_path)
    copy_database(base, db)
    longest = duration(db, *arguments)
    expected = whole(db)
    for seed in rounds(few, share=0.03):
        with seeded(seed) as chance:
            copy_database(base, db)
            # Several times in a row: who is killed may find what somebody killed has left.
            for _ in range(chance.choice([1, 1, 2, 4])):
                moment = chance.uniform(0, longest)
                is_group = chance.random() < 0.5
                if not kill_after(moment, db, *arguments, whole_group=is_group):
                    counted("kills that came too late")
                    longest *= 0.9
                    continue
                counted("kills survived")
                longest *= 1.05
                if name == "migrate" and _revision(db) != schema.HEAD:
                    continue
                sound(db)
            finish(start(db, *arguments))
            sound(db)
            assert whole(db) == expected
            for left in tmp_path.glob("x.db.*"):  # copies that a migration makes
                left.unlink()


SERVED = ["ingest", "ingest with workers", "first ingest", "prune", "optimize", "overlaps"]


@pytest.mark.parametrize("name", SERVED)
def test_killed_beside_a_server(name, before, schema_url, tmp_path, counted):
    """The same with PostgreSQL, which outlives who writes to it."""
    root, base = before
    arguments, _ = verbs(root, tmp_path)[name]
    with iidindex.open(made_ready(name, root, base, tmp_path)) as index:
        index.copy_to(schema_url)
    with closing(kept(schema_url)) as state:
        longest = duration(schema_url, *arguments)
        expected = state.rows() | entries_of(schema_url)
        for seed in rounds(1, share=0.03):
            with seeded(seed) as chance:
                state.restore()
                for _ in range(chance.choice([1, 1, 2, 4])):
                    is_group = chance.random() < 0.5
                    moment = chance.uniform(0, longest)
                    if kill_after(moment, schema_url, *arguments, whole_group=is_group):
                        counted("kills of those who write to PostgreSQL")
                    state.wait_for_the_dead()
                    sound(schema_url)
                finish(start(schema_url, *arguments))
                sound(schema_url)
                assert state.rows() | entries_of(schema_url) == expected


def _revision(db):
    connection = sqlite3.connect(db)
    found = connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    return found


def test_workers_end_when_their_writer_is_killed(before, tmp_path):
    root, base = before
    db = tmp_path / "x.db"
    for _ in range(20):  # until it is killed while it has them
        copy_database(base, db)
        group = start(db, "ingest", "--checksum", "-j", 2, root)
        # The writer, two workers, and the process of Python's that minds what they share.
        while _is_running(group) and _members(group) < 3:
            time.sleep(0.001)
        had_workers = _members(group) >= 3
        os.kill(group, signal.SIGKILL)
        if finish(group) == -signal.SIGKILL and had_workers:
            break
    else:
        pytest.fail("it was never killed while it had workers")
    while _members(group):
        time.sleep(0.01)
    finish(start(db, "ingest", root))
    sound(db)


def _is_running(child):
    ended = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, child, ended) is None


def _members(group):
    """How many processes of a group are alive."""
    found = 0
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, member_of = place.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        found += int(member_of) == group and state != "Z"
    return found


def test_migrated_database_is_the_one_that_was_killed(tmp_path):
    """The comparison above would not notice a database that is simply empty."""
    db = tmp_path / "x.db"
    shutil.copy(OLD, db)
    migrate(db)
    assert len(whole(db)["entries"]) == 9
