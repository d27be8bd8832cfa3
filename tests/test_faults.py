"""Kills, interrupts, rivals and full disks, for real: child processes and real databases."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import iidindex
from conftest import write_garden
from iidindex import CatalogLockedError, IngestError
from iidindex.catalog.sqlite.lock import sole_writer
from iidindex.cli.main import run
from iidindex.ingestion import pool
from kept_state import sound
from test_ingest import content, fresh

N_FILES = 600


@pytest.fixture
def large(tmp_path):
    """Some hundred files, so that an ingest takes long enough to be disturbed."""
    root = tmp_path / "archive"
    write_garden(root / "0.iid")
    raw = (root / "0.iid").read_bytes()
    for number in range(1, N_FILES):
        path = root / str(number % 7) / f"{number}.iid"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(raw.replace(b"tree", b"%04d" % number))
    return root


def program(db, *arguments):
    return [sys.executable, "-m", "iidindex", "--db", str(db), *map(str, arguments)]


def child(db, root, written, signal_number, jobs=1):
    """Ingest in small transactions in another process; disturb it when so much is written."""
    code = (
        "import sys; from iidindex.ingestion import run, pool; "
        "run._BATCH_FILES = 40; pool._TASK_FILES = 8; "
        "from iidindex.cli.main import run as main; sys.exit(main(sys.argv[1:]))"
    )
    arguments = ["--db", str(db), "ingest", str(root), "--jobs", str(jobs)]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    log = db.with_name(f"{db.name}-wal")
    lock = db.with_name(f"{db.name}-lock")
    while process.poll() is None:
        if lock.exists() and log.exists() and log.stat().st_size >= written:
            break
        time.sleep(0.0002)
    process.send_signal(signal_number)
    _, err = process.communicate()
    return process.returncode, err


def test_killed_at_many_moments(large, tmp_path):
    expected = fresh(large, tmp_path)
    partly = 0
    moments = np.linspace(0, 1_000_000, 12).astype(int).tolist()
    # How far it is by then differs; some have to be killed in the middle.
    for nth, written in enumerate([*moments, *moments, *moments]):
        if nth >= len(moments) and partly > 3:
            break
        db = tmp_path / "killed.db"
        code, _ = child(db, large, written, signal.SIGKILL, jobs=2 if nth == 5 else 1)
        sound(db)
        with iidindex.open(db) as index:
            done = index.stats().files
            partly += code == -signal.SIGKILL and 0 < done < N_FILES
            index.ingest(large)
            assert content(index) == expected
        sound(db)
        for path in tmp_path.glob("killed.db*"):
            path.unlink()
    assert partly > 3


def test_interrupted_between_two_files(large, tmp_path):
    # How much is written at which moment differs; one of these is in the middle.
    for nth, written in enumerate([150_000, 120_000, 200_000, 250_000, 100_000] * 4):
        db = tmp_path / f"{nth}.db"
        code, err = child(db, large, written, signal.SIGINT)
        with iidindex.open(db) as index:
            files = index.stats().files
        if 0 < files < N_FILES:
            break
    assert code == 130
    assert b"whatever was finished is kept" in err
    assert b"Traceback" not in err
    sound(db)
    with iidindex.open(db) as index:
        index.ingest(large)
        assert index.stats().files == N_FILES


def test_second_ingest_is_refused_at_once(large, tmp_path):
    db = tmp_path / "x.db"
    with iidindex.open(db, create=True) as index, sole_writer(str(db)):
        with pytest.raises(CatalogLockedError, match="another process"):
            index.ingest(large)
        with pytest.raises(CatalogLockedError):
            index.optimize()
    assert not (tmp_path / "x.db-lock").exists()
    with iidindex.open(db) as index:
        assert index.ingest(large).added == N_FILES


def test_killed_worker(large, tmp_path, monkeypatch):
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        real = pool._in_order

        def kills(workers, *rest):
            submit = workers.submit

            def submit_and_kill(task):
                future = submit(task)
                for process in workers._pool._processes.values():
                    process.kill()
                return future

            workers.submit = submit_and_kill
            return real(workers, *rest)

        monkeypatch.setattr(pool, "_in_order", kills)
        with pytest.raises(IngestError, match="worker"):
            index.ingest(large, jobs=2)
        monkeypatch.undo()
        assert index.verify() == []
        index.ingest(large)
        assert content(index) == fresh(large, tmp_path)


def test_full_disk(large, tmp_path):
    """A limit on the size of files stands in for a disk without room."""
    db = tmp_path / "x.db"
    iidindex.open(db, create=True).close()
    limit = 300_000

    def small():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    result = subprocess.run(
        program(db, "ingest", large), preexec_fn=small, capture_output=True, text=True, check=False
    )
    assert result.returncode == 2, result.stderr
    assert result.stderr.count("\n") == 1
    assert "x.db" in result.stderr
    sound(db)
    with iidindex.open(db) as index:
        index.ingest(large)
        assert content(index) == fresh(large, tmp_path)


def test_read_only_database():
    place = Path(tempfile.mkdtemp())
    write_garden(place / "archive" / "a.iid")
    iidindex.open(place / "x.db", create=True).close()
    place.chmod(0o555)
    (place / "x.db").chmod(0o444)
    try:
        child = os.fork()
        if child == 0:
            # The superuser may write anywhere, so that only somebody else is refused.
            if os.getuid() == 0:
                os.setuid(65534)
            os._exit(run(["--db", str(place / "x.db"), "ingest", str(place / "archive")]))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
    finally:
        place.chmod(0o755)
        shutil.rmtree(place)


def test_file_that_vanishes_and_file_that_grows(archive, tmp_path, monkeypatch):
    from iidindex.storage.local import LocalFile

    real = LocalFile.read
    growing = archive / "2020" / "a.iid"
    vanishing = archive / "2020" / "b.iid"

    def disturbed(source, *place):
        found = real(source, *place)
        if source.name == str(growing):
            with growing.open("ab") as file:
                file.write(b"x")
        if source.name == str(vanishing):
            vanishing.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(LocalFile, "read", disturbed)
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        report = index.ingest(archive)
        assert (report.added, report.failed) == (1, 2)
        assert "changes while" in report.failures[str(growing)]
        monkeypatch.undo()
        shutil.copy(archive / "2021" / "c.iid", growing)
        report = index.ingest(archive)
        assert (report.updated, report.missing, report.failed) == (1, 1, 0)


def test_readers_see_whole_batches_and_are_never_refused(large, tmp_path):
    seen = set()
    for nth in range(20):  # until it was read while it was written
        seen |= _states_seen(large, tmp_path / f"{nth}.db")
        if len(seen) > 3:
            break
    assert all(count % 20 == 0 for count in seen)
    assert len(seen) > 3


def _states_seen(large, db):
    """Numbers of files that a reader sees, one after another, while they are taken up."""
    iidindex.open(db, create=True).close()
    code = (
        "import sys; from iidindex.ingestion import run, pool; "
        "run._BATCH_FILES = 20; pool._TASK_FILES = 4; "
        "from iidindex.cli.main import run as main; sys.exit(main(sys.argv[1:]))"
    )
    arguments = ["--db", str(db), "ingest", str(large), "--jobs", "1"]
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.DEVNULL)
    seen = set()
    with iidindex.open(db, read_only=True) as index:
        while process.poll() is None:
            found = list(index.entries)
            by_file = Counter(entry.path for entry in found)
            assert set(by_file.values()) <= {3}
            assert index.entries.at(60, 120, exact=False).count() % 40 == 0
            seen.add(len(by_file))
            time.sleep(0.005)
        assert index.stats().files == N_FILES
    assert process.returncode == 0
    return seen
