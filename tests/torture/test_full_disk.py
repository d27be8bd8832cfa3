"""A disk without room: a clear error, nothing half-written, and the next run goes on.

The disk is a small one in memory, which only the superuser may mount; elsewhere a limit on the
size of files stands in for it, which every process has.
"""

import os
import random
import resource
import shutil
import subprocess
import sys

import numpy as np
import pytest

import iidindex
from campaign import rounds, seeded
from conftest import write_garden
from iidindex import IIDFile, IIDIndexError, SourceError
from iidindex.cli.main import run
from iidindex.ingestion import pool
from iidindex.ingestion import run as running
from kept_state import rows_of_file, sound
from test_kills import entries_of
from test_random_kills import copy_database, disturb

KIB = 1024


def whole(db):
    return rows_of_file(db) | entries_of(db)


class Disk:
    """A file system whose size can be changed."""

    def __init__(self, place):
        self.place = place

    def free(self, n_bytes):
        """Let so much be left."""
        status = os.statvfs(self.place)
        used = (status.f_blocks - status.f_bfree) * status.f_frsize
        self._resize(used + n_bytes)

    def enlarge(self):
        self._resize(64 << 20)

    def _resize(self, n_bytes):
        pages = -(-n_bytes // 4096)
        subprocess.run(
            ["mount", "-o", f"remount,size={4 * max(pages, 1)}k", self.place], check=True
        )


@pytest.fixture
def disk(tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "none", str(place)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no disk can be mounted here")
    try:
        yield Disk(place)
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def in_child(work):
    """Do it in another process; return 0, or 1 if it ended in an error of ours.

    Anything else, a signal above all, is a fault.
    """
    child = os.fork()
    if child == 0:
        code = 99
        try:
            work()
            code = 0
        except IIDIndexError as error:
            code = 1 if str(error) else 98
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 1), code
    return code


@pytest.fixture
def archive_that_changed(tmp_path, monkeypatch):
    """An archive, an index of what it was, and one of what it is now."""
    monkeypatch.setattr(running, "_BATCH_FILES", 15)
    monkeypatch.setattr(pool, "_TASK_FILES", 5)
    chance = random.Random(3)
    root = tmp_path / "archive"
    disturb(chance, root)
    base = tmp_path / "base.db"
    with iidindex.open(base, create=True) as index:
        index.ingest(root)
    disturb(chance, root)
    return root, base


def works(root):
    def opened(work):
        def with_index(db):
            with iidindex.open(db) as index:
                work(index)

        return with_index

    return {
        "ingest": opened(lambda index: index.ingest(root)),
        "optimize": opened(lambda index: index.optimize()),
        "prune": opened(lambda index: index.prune()),
        "overlaps": opened(lambda index: index.overlaps(store=True)),
    }


@pytest.mark.parametrize("name", ["ingest", "optimize", "prune", "overlaps"])
def test_no_room_for_the_index(name, disk, archive_that_changed, tmp_path, counted):
    root, base = archive_that_changed
    work = works(root)[name]
    if name in ("prune", "overlaps"):
        works(root)["ingest"](base)
    db = disk.place / "x.db"
    copy_database(base, db)
    work(db)
    expected = whole(db)
    refused = 0
    for seed in rounds(4, share=0.015):
        with seeded(seed) as chance:
            disk.enlarge()
            copy_database(base, db)
            some = chance.choice([0, 4 * KIB, chance.randrange(600 * KIB)])
            disk.free(some if refused else 0)
            failed = in_child(lambda: work(db))
            refused += failed
            counted("full disks met" if failed else "disks with just enough room")
            disk.enlarge()
            sound(db)
            with iidindex.open(db) as index:
                for path, number in _entries_by_file(index).items():
                    assert number == index.entries.where(path=path).count()
            work(db)
            sound(db)
            assert whole(db) == expected
            assert sorted(os.listdir(disk.place)) == ["x.db"]
    assert refused


def _entries_by_file(index):
    return {file.path: file.entries for file in index.files(state="ok") if file.entries}


def test_no_room_for_a_new_index(disk, archive_that_changed, tmp_path, counted):
    root, _ = archive_that_changed
    db = disk.place / "x.db"
    codes = set()
    for free in (0, 4 * KIB, 20 * KIB, 60 * KIB, 100 * KIB, 150 * KIB, 250 * KIB):
        disk.free(free)

        def make():
            with iidindex.open(db, create=True) as index:
                index.ingest(root)

        codes.add(in_child(make))
        counted("full disks met")
        disk.enlarge()
        with iidindex.open(db, create=True) as index:
            index.ingest(root)
            assert index.verify() == []
        sound(db)
        for path in disk.place.iterdir():
            path.unlink()
    assert 1 in codes


def test_no_room_for_the_copy_of_a_migration(disk, counted):
    from iidindex.catalog.migrate import migrate
    from test_migrate import DATA

    db = disk.place / "x.db"
    refused = 0
    for free in range(0, 400 * KIB, 40 * KIB):
        disk.enlarge()
        for path in disk.place.iterdir():
            path.unlink()
        shutil.copy(DATA / "0001.db", db)
        disk.free(free)
        refused += in_child(lambda: migrate(db))
        counted("full disks met")
        disk.enlarge()
        migrate(db)
        sound(db)
        assert len(whole(db)["entries"]) == 9
    assert refused


def test_no_room_for_a_file(disk, counted):
    path = disk.place / "garden.iid"
    write_garden(path)
    before = path.read_bytes()
    refused = 0
    for free in range(0, 80 * KIB, 8 * KIB):
        disk.free(free)
        with IIDFile(path) as file:
            file.add(b"new", None, (0, 0, 600, 600), np.ones((600, 600), bool))
            try:
                file.save(path)
            except SourceError as error:
                refused += "cannot be written: No space left" in str(error)
                assert path.read_bytes() == before
                assert len(file) == 4
                counted("full disks met")
            else:
                path.write_bytes(before)
        assert os.listdir(disk.place) == ["garden.iid"]
    disk.enlarge()
    assert refused


@pytest.mark.parametrize(
    "words",
    [["mask", "2020/a.iid", 0, "-o", "tree.png"], ["mask", "2020/a.iid", 0, "-o", "tree.npy"],
     ["graph", "-o", "g.graphml"]],
    ids=["png", "npy", "graphml"],
)  # fmt: skip
def test_no_room_for_what_a_verb_writes(words, disk, index, tmp_path, capsys):
    db = ["--db", str(tmp_path / "index.db")]
    *verb, name = map(str, words)
    target = disk.place / name
    target.write_bytes(b"before")
    disk.free(0)
    assert run([*db, *verb, str(target)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert name in told.err
    assert "No space left" in told.err
    assert target.read_bytes() == b"before"
    assert os.listdir(disk.place) == [name]
    disk.enlarge()
    assert run([*db, *verb, str(target)]) == 0
    assert target.read_bytes() != b"before"
    assert os.listdir(disk.place) == [name]


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("limit", [40_000, 100_000, 200_000])
def test_a_limit_on_the_size_of_files(limit, jobs, archive_that_changed, tmp_path, counted):
    """The signal that such a limit sends by default must not end the program."""
    root, base = archive_that_changed
    db = tmp_path / "x.db"
    copy_database(base, db)
    with iidindex.open(base) as index:
        index.ingest(root)
    result = subprocess.run(
        [sys.executable, "-m", "iidindex", "--db", db, "ingest", "-j", str(jobs), root],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2, result
    assert result.stderr.splitlines()[-1].startswith("iidindex: ")
    assert "Traceback" not in result.stderr
    sound(db)
    with iidindex.open(db) as index:
        index.ingest(root)
    assert whole(db) == whole(base)
    counted("limits on the size of files met")
