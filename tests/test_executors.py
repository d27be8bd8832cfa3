"""Ingesting by somebody else's executor, and what becomes of one that fails."""

import os
import signal
import threading
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from multiprocessing import get_context

import pytest

from conftest import write_garden
from iidindex import IngestError
from iidindex.ingestion import borrowed_executor
from test_ingest import content, fresh


class Foreign(Exception):  # noqa: N818
    """An error that nobody here knows."""


class Lazy(Executor):
    """Does what it is given when the result is asked for, or fails; counts what is under way."""

    def __init__(self, fails_at=None, error=None):
        self.given = self.under_way = self.most = 0
        self.fails_at, self.error = fails_at, error
        self.futures = []
        self.is_shut = False

    def submit(self, function, /, *arguments, **named):
        self.given += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        error = self.error if self.given == self.fails_at else None
        future = Asked(self, function, arguments, error)
        self.futures.append(future)
        return future

    def shutdown(self, wait=True, *, cancel_futures=False):
        self.is_shut = True


class Asked(Future):
    def __init__(self, executor, function, arguments, error):
        super().__init__()
        self.work = executor, function, arguments, error

    def exception(self, timeout=None):
        if not self.done():
            executor, function, arguments, error = self.work
            executor.under_way -= 1
            if error is None:
                self.set_result(function(*arguments))
            else:
                self.set_exception(error)
        return super().exception(timeout)


def test_threads(many, new, tmp_path, monkeypatch):
    used = set()
    real = borrowed_executor.scan_many

    def noted(locations):
        used.add(threading.current_thread().name.rpartition("_")[0])
        return real(locations)

    monkeypatch.setattr(borrowed_executor, "scan_many", noted)
    with ThreadPoolExecutor(3, thread_name_prefix="lent") as executor:
        assert new.ingest(many, executor=executor).added == 9
        assert used == {"lent"}
        (many / "3.iid").write_bytes(b"nothing")
        report = new.ingest(many, executor=executor)
        assert (report.failed, report.unchanged) == (1, 8)
        assert executor.submit(len, "abc").result() == 3  # it is not shut down
    assert content(new) == fresh(many, tmp_path)


def test_processes(many, new, tmp_path):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        assert new.ingest(many, dry_run=True, executor=executor).added == 9
        assert new.stats().files == 0
        assert new.ingest(many, executor=executor).added == 9
        assert executor.submit(len, "abc").result() == 3
    assert content(new) == fresh(many, tmp_path)


def test_killed_process(many, new, tmp_path):
    for nth in range(9, 60):  # more than are given to the worker before it is killed
        write_garden(many / f"{nth}.iid", shift=nth)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        worker = executor.submit(os.getpid).result()

        def kill(progress):
            if progress.files == 3:
                os.kill(worker, signal.SIGKILL)

        with pytest.raises(IngestError, match=r"ProcessPoolExecutor failed .*is kept: run it"):
            new.ingest(many, executor=executor, progress=kill)
    kept = new.stats().files
    assert 3 <= kept < 60
    assert new.verify() == []
    assert new.ingest(many).added == 60 - kept
    assert content(new) == fresh(many, tmp_path)


def test_pool_that_is_broken_already(many, new):
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        with pytest.raises(BrokenExecutor):
            executor.submit(os._exit, 1).result()
        with pytest.raises(IngestError, match=r"0\.iid: .*BrokenProcessPool.*, with a new exec"):
            new.ingest(many, executor=executor)
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(IngestError, match="ThreadPoolExecutor failed .*after shutdown") as caught:
        new.ingest(many, executor=executor)
    assert isinstance(caught.value.__cause__, RuntimeError)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Foreign("the node is gone"), r"\(Foreign: the node is gone\)"),
        (CancelledError(), r"\(CancelledError\)"),
        (SystemExit(3), r"\(SystemExit: 3\)"),
        (KeyboardInterrupt(), r"\(KeyboardInterrupt\)"),
        (MemoryError(), r"\(MemoryError\)"),
    ],
    ids=repr,
)
def test_future_that_fails(many, new, tmp_path, error, said):
    executor = Lazy(fails_at=5, error=error)
    with pytest.raises(IngestError, match=rf"4\.iid: Lazy failed to scan them {said}; ") as caught:
        new.ingest(many, executor=executor)
    assert caught.value.__cause__ is error
    # What came before is kept; what came after is given up, not the executor.
    assert {entry.path for entry in new.entries} == {f"{nth}.iid" for nth in range(4)}
    assert [future.cancelled() for future in executor.futures] == [False] * 5 + [True] * 4
    assert not executor.is_shut
    assert new.ingest(many, executor=Lazy()).added == 5
    assert content(new) == fresh(many, tmp_path)


def test_future_that_was_cancelled(many, new):
    class Cancelled(Lazy):
        def submit(self, function, /, *arguments, **named):
            future = Future()
            future.cancel()
            return future

    with pytest.raises(IngestError, match=r"Cancelled failed .*\(CancelledError\)"):
        new.ingest(many, executor=Cancelled())


def test_worker_that_ctrl_c_has_reached(many, new, tmp_path):
    """A terminal sends it to all: it is an interrupt then, and no fault of the executor."""
    executor = Lazy(fails_at=5, error=KeyboardInterrupt())

    def interrupted(progress):
        if progress.files == 4:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        new.ingest(many, executor=executor, progress=interrupted)
    assert new.stats().files == 4
    assert new.ingest(many).added == 5


def test_only_so_many_are_ahead(many, new, monkeypatch):
    executor = Lazy()
    monkeypatch.setattr(borrowed_executor, "_MOST_TASKS", 4)
    new.ingest(many, executor=executor)
    assert (executor.given, executor.most) == (9, 4)
    monkeypatch.setattr(borrowed_executor, "_MOST_TASKS", 40)
    monkeypatch.setattr(borrowed_executor, "_LEAST_TASKS", 2)
    monkeypatch.setattr(borrowed_executor, "_MOST_BYTES", 1)
    executor = Lazy()
    new.ingest(many, checksum=True, executor=executor)
    assert (executor.given, executor.most) == (9, 2)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (2, "executor is int; expected a concurrent.futures.Executor"),
        (ThreadPoolExecutor, "executor is the class ThreadPoolExecutor; expected"),
        (Foreign(), "executor is Foreign; .*client.get_executor"),
    ],
    ids=["number", "class", "something"],
)
def test_what_is_no_executor(archive, new, wrong, said):
    with pytest.raises(IngestError, match=said):
        new.ingest(archive, executor=wrong)
    assert new.stats().roots == 0


def test_jobs_beside_an_executor(archive, new):
    executor = Lazy()
    with pytest.raises(IngestError, match="jobs is 2 beside an executor; expected one of them"):
        new.ingest(archive, jobs=2, executor=executor)
    assert executor.given == 0
