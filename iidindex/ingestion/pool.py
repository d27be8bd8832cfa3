"""Scanning files in other processes, a bounded number of them ahead of the writer."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from itertools import islice

from iidindex.errors import IngestError
from iidindex.ingestion.work import Scanned, scan_many
from iidindex.processes import new_pool, processors, starting

# Files, and bytes of them, that a worker is given at a time.
_TASK_FILES = 256
_TASK_BYTES = 64 << 20
# Files of a hundred entries below which starting processes takes longer than reading.
_FEW_FILES = 1000

# Tasks that the writing process scans itself at first.
_OWN_TASKS = 2
# While the writer commits, workers go on: at least so many tasks each, and up to so many bytes
# of files. A hundred bytes of columns come of sixty or more in a file.
_AHEAD = 3
_AHEAD_BYTES = 24 << 20

Task = Sequence[str]
Waiting = Iterator[tuple[Task, int]]


def processes(jobs: int | None, n_files: int) -> int:
    """How many processes to use: what was asked for, or what pays."""
    if jobs is not None:
        return jobs
    return 1 if n_files < _FEW_FILES else processors()


def tasks(locations: Sequence[str], sizes: Sequence[int]) -> Waiting:
    """Cut files into runs of bounded number and size; yield each run and its bytes."""
    begin = size = 0
    for end, more in enumerate(sizes):
        if end > begin and (end - begin == _TASK_FILES or size + more > _TASK_BYTES):
            yield locations[begin:end], size
            begin, size = end, 0
        size += more
    if begin < len(locations):
        yield locations[begin:], size


def scan_all(
    locations: Sequence[str], sizes: Sequence[int], jobs: int
) -> Iterator[tuple[Task, Scanned]]:
    """Scan files, in their order.

    Parameters
    ----------
    locations : sequence of str
    sizes : sequence of int
        In bytes, to share the work out.
    jobs : int
        Processes; 1 scans in this one.

    Yields
    ------
    (sequence of str, Scanned)
        Some files, and what came of them.

    Raises
    ------
    IngestError
        If a worker process is ended from outside.
    """
    if jobs == 1:
        for task, _ in tasks(locations, sizes):
            yield task, scan_many(task)
        return
    with new_pool(jobs) as pool:
        try:
            yield from _in_order(pool, tasks(locations, sizes), ahead=_AHEAD * jobs)
        except BrokenProcessPool as error:
            raise IngestError(
                "a worker process was ended by the system, perhaps for want of memory; what "
                "was written so far is whole: run it again, with fewer jobs"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _in_order(pool: Executor, waiting: Waiting, ahead: int) -> Iterator[tuple[Task, Scanned]]:
    under_way: deque[tuple[Task, int, Future[Scanned]]] = deque()
    under_way_bytes = 0

    def submit(more: Iterable[tuple[Task, int]]) -> None:
        nonlocal under_way_bytes
        for task, size in more:
            with starting():
                under_way.append((task, size, pool.submit(scan_many, task)))
            under_way_bytes += size
            if len(under_way) >= ahead and under_way_bytes >= _AHEAD_BYTES:
                return

    # Processes take a while to start; meanwhile the first files are scanned here.
    own = list(islice(waiting, _OWN_TASKS))
    submit(waiting)
    for task, _ in own:
        yield task, scan_many(task)
    while under_way:
        task, size, future = under_way.popleft()
        done = future.result()
        under_way_bytes -= size
        submit(waiting)
        yield task, done
