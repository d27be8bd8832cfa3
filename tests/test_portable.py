"""The ways that work on every system, each beside the one that this system has."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import iidindex
from iidindex import CatalogLockedError
from iidindex.catalog.sqlite.lock import sole_writer
from iidindex.system import durable, filelock, listing, portable, positioned, spawning

HERE = Path(__file__).parent

# What reads, writes, asks, locks, and starts processes.
CORE = ["source", "saving", "ingest", "catalog", "transactions", "iidfile"]


@pytest.mark.skipif(portable.FORCED, reason="this is the run that it starts")
def test_the_core_in_portable_ways():
    result = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *(HERE / f"test_{name}.py" for name in CORE),
            HERE / "test_faults.py::test_killed_worker",
            HERE / "test_portable.py",
        ],
        env={**os.environ, "IIDINDEX_PORTABLE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout


def test_nothing_else_asks_for_what_some_systems_lack():
    names = (
        r"\b(fcntl|msvcrt|preadv?|register_at_fork|sched_getaffinity|pthread_sigmask|fchmod"
        r"|O_NONBLOCK|O_CLOEXEC)\b"
    )
    package = HERE.parent / "iidindex"
    found = {
        path.relative_to(package).parts[0]
        for path in package.rglob("*.py")
        if re.search(names, path.read_text())
    }
    assert found == {"system"}


def test_which_ways_are_taken():
    ways = {
        filelock.take is filelock.take_by_making,
        positioned.read_at is positioned.read_in_turn,
        positioned.open_to_read is positioned.open_looked_at,
        positioned.open_alone is positioned.open_seen,
        positioned.fill is positioned.fill_by_copying,
        not spawning._HAS_MASK,
        not durable._HAS_FCHMOD,
        listing.listed is listing.list_by_path,
    }
    assert ways == {portable.FORCED}
    assert spawning.processors() >= 1


def test_reading_in_turn(tmp_path):
    content = bytes(range(256)) * 64
    (tmp_path / "x").write_bytes(content)
    fd, status = positioned.open_looked_at(str(tmp_path / "x"))
    wrong = []

    def read(first):
        for at in range(first, len(content), 97):
            if positioned.read_in_turn(fd, 50, at) != content[at : at + 50]:
                wrong.append(at)

    threads = [threading.Thread(target=read, args=(first,)) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (wrong, status.st_size) == ([], len(content))
    assert positioned.read_in_turn(fd, 50, len(content) - 3) == content[-3:]
    assert positioned.read_in_turn(fd, 50, len(content)) == b""
    for fill in (positioned.fill, positioned.fill_by_copying):
        out = memoryview(bytearray(60))
        assert fill(fd, (out[:50], out[50:]), 7) == 60
        assert bytes(out) == content[7:67]
        assert fill(fd, (out,), len(content) - 3) == 3
        assert bytes(out) == content[-3:] + content[10:67]
    os.close(fd)


def test_a_pipe_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    fd, _ = positioned.open_looked_at(str(tmp_path / "pipe"))
    assert fd == positioned.open_seen(str(tmp_path / "pipe")) == -1


@pytest.fixture
def name(tmp_path, monkeypatch):
    monkeypatch.setattr(filelock, "_NAMELESS", 0.01)
    return str(tmp_path / "x.db-lock")


def test_a_file_that_is_made_is_held(name):
    lock = filelock.take_by_making(name)
    assert lock.is_ours()
    with pytest.raises(filelock.HeldError, match=rf"process {os.getpid()}; .* remove {name}"):
        filelock.take_by_making(name)
    lock.release()
    assert not os.path.exists(name)
    lock.release()
    filelock.take_by_making(name).release()


def holder(name):
    """A process that holds a file until it is ended."""
    code = (
        "import sys; from iidindex.system.filelock import take_by_making; "
        "lock = take_by_making(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"held\n"
    return process


def test_a_dead_process_holds_nothing(name):
    with holder(name) as process:
        with pytest.raises(filelock.HeldError, match=f"process {process.pid};"):
            filelock.take_by_making(name)
        process.send_signal(signal.SIGKILL)
    assert os.path.exists(name)
    lock = filelock.take_by_making(name)
    assert lock.is_ours()
    assert os.listdir(os.path.dirname(name)) == ["x.db-lock"]
    lock.release()


@pytest.mark.parametrize(
    ("told", "held_by"),
    [
        ("", None),
        ("12 ", None),
        ("nonsense\n", None),
        ("OURS HERE 0123\n", None),  # of a dead process that had our number
        (f"{2**70} HERE 0123\n", "process"),
        ("12 elsewhere 0123\n", "process 12 on elsewhere; if it is dead, remove"),
    ],
)
def test_what_a_file_says(name, told, held_by):
    told = told.replace("OURS", str(os.getpid())).replace("HERE", filelock._machine())
    Path(name).write_text(told)
    if held_by is None:
        lock = filelock.take_by_making(name)
        assert lock.is_ours()
        lock.release()
    else:
        with pytest.raises(filelock.HeldError, match=held_by):
            filelock.take_by_making(name)
        assert Path(name).read_text() == told


@pytest.mark.parametrize("is_there_again", [False, True])
def test_two_find_the_file_of_a_dead_process(name, monkeypatch, is_there_again):
    """The slower of them takes nothing away from the quicker."""
    Path(name).write_text("")
    quicker = []
    real = os.rename

    def rename(old, new):
        if not quicker:
            os.unlink(name)
            quicker.append(filelock.take_by_making(name))
        real(old, new)
        if is_there_again and len(quicker) == 1:
            quicker.append(filelock.take_by_making(name))

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(filelock.HeldError):
        filelock.take_by_making(name)
    monkeypatch.undo()
    assert [lock.is_ours() for lock in quicker] == ([False, True] if is_there_again else [True])
    assert os.listdir(os.path.dirname(name)) == ["x.db-lock"]
    for lock in quicker:
        lock.release()
    assert not os.path.exists(name)


def test_who_writes_is_named(archive, tmp_path, monkeypatch):
    monkeypatch.setattr(filelock, "take", filelock.take_by_making)
    path = str(tmp_path / "x.db")
    with iidindex.open(path, create=True) as index:
        with holder(f"{path}-lock") as process:
            with pytest.raises(CatalogLockedError, match=rf"x\.db: .*\(process {process.pid}; if"):
                index.ingest(archive)
            process.kill()
        assert index.ingest(archive).added == 3
    with sole_writer(path) as sole:
        os.unlink(f"{path}-lock")
        with pytest.raises(CatalogLockedError, match="was removed"):
            sole.check()
