"""Scanning files in other processes, a bounded number of them ahead of the writer."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Protocol

from iidindex.errors import IngestError
from iidindex.ingestion.borrowed_executor import Borrowed
from iidindex.ingestion.work import Scanned, ToScan, scan_many
from iidindex.processes import MOST_JOBS, can_start, new_pool, starting
from iidindex.system.spawning import processors

# Files, and bytes of them, that a worker is given at a time: what comes of some tasks is held while
# the writer is busy, and so many bytes of small masks are a transaction's entries.
_TASK_FILES = 256
_TASK_BYTES = 24 << 20
# Files of a hundred entries below which starting processes takes longer than reading.
_FEW_FILES = 1000

# Tasks that the writing process scans itself at first.
_OWN_TASKS = 2
# While the writer commits, workers go on: at least so many tasks each, and up to so many bytes
# of files. A hundred bytes of columns come of sixty or more in a file.
_AHEAD = 3
_AHEAD_BYTES = 24 << 20

Task = Sequence[ToScan]
Waiting = Iterator[tuple[Task, int]]


class Workers(Protocol):
    """Whoever scans files for the process that writes."""

    def submit(self, task: Task) -> Future[Scanned]:
        """Have files scanned."""
        ...

    def result(self, task: Task, future: Future[Scanned]) -> Scanned:
        """Wait for what came of them."""
        ...

    def have_enough(self, n_tasks: int, n_bytes: int) -> bool:
        """Whether so many tasks under way, of files of so many bytes, are to be no more."""
        ...


def processes(jobs: int | None, n_files: int) -> int:
    """How many processes to use: what was asked for, or what pays."""
    if jobs is not None:
        return min(jobs, MOST_JOBS)
    return processors() if n_files >= _FEW_FILES and can_start() else 1


def tasks(files: Task, sizes: Sequence[int]) -> Waiting:
    """Cut files into runs of bounded number and size; yield each run and its bytes."""
    begin = size = 0
    for end, more in enumerate(sizes):
        if end > begin and (end - begin == _TASK_FILES or size + more > _TASK_BYTES):
            yield files[begin:end], size
            begin, size = end, 0
        size += more
    if begin < len(files):
        yield files[begin:], size


def scan_all(
    files: Task, sizes: Sequence[int], jobs: int, executor: Executor | None = None
) -> Iterator[tuple[Task, Scanned]]:
    """Scan files, in their order.

    Parameters
    ----------
    files : sequence of ToScan
    sizes : sequence of int
        In bytes, to share the work out.
    jobs : int
        Processes; 1 scans in this one.
    executor : Executor, optional
        Scans every file instead. It is not shut down.

    Yields
    ------
    (sequence of str, Scanned)
        Some files, and what came of them.

    Raises
    ------
    IngestError
        If a worker process is ended from outside, or the executor fails.
    """
    waiting = tasks(files, sizes)
    if executor is not None:
        yield from _in_order(Borrowed(executor), waiting)
    elif jobs == 1:
        for task, _ in waiting:
            yield task, scan_many(task)
    else:
        with new_pool(jobs) as pool:
            try:
                # Processes take a while to start; meanwhile the first files are scanned here.
                yield from _in_order(_Processes(pool, jobs), waiting, _OWN_TASKS)
            except BrokenProcessPool as error:
                raise IngestError(
                    "the system ended a worker process, perhaps because there was too little "
                    "memory; what was finished is kept: run it again, with fewer jobs"
                ) from error
            finally:
                pool.shutdown(cancel_futures=True)


class _Processes:
    """Processes of our own."""

    def __init__(self, pool: ProcessPoolExecutor, jobs: int) -> None:
        self._pool = pool
        self._jobs = jobs

    def submit(self, task: Task) -> Future[Scanned]:
        with starting():
            return self._pool.submit(scan_many, task)

    def result(self, task: Task, future: Future[Scanned]) -> Scanned:  # noqa: ARG002
        return future.result()

    def have_enough(self, n_tasks: int, n_bytes: int) -> bool:
        return n_tasks >= _AHEAD * self._jobs and n_bytes >= _AHEAD_BYTES


def _in_order(workers: Workers, waiting: Waiting, n_own: int = 0) -> Iterator[tuple[Task, Scanned]]:
    """Have tasks done; the first of them are done here, while others are under way."""
    under_way: deque[tuple[Task, int, Future[Scanned]]] = deque()
    under_way_bytes = 0

    def submit() -> None:
        nonlocal under_way_bytes
        for task, size in waiting:
            under_way.append((task, size, workers.submit(task)))
            under_way_bytes += size
            if workers.have_enough(len(under_way), under_way_bytes):
                return

    own = list(islice(waiting, n_own))
    try:
        submit()
        for task, _ in own:
            yield task, scan_many(task)
        while under_way:
            task, size, future = under_way.popleft()
            done = workers.result(task, future)
            under_way_bytes -= size
            submit()
            yield task, done
    finally:
        for _, _, future in under_way:
            future.cancel()
