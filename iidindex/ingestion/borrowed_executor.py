"""Scanning by somebody else's executor: Dask's, MPI's, or any other."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future

from iidindex.errors import IngestError
from iidindex.ingestion.work import Scanned, ToScan, scan_many
from iidindex.storage.places import storage_at

# Nobody says how many workers an executor has. So many tasks keep more of them busy than one
# writer can take results from; of large files, fewer, so that their columns fit into memory.
_MOST_TASKS = 32
_LEAST_TASKS = 8
_MOST_BYTES = 1 << 30


def checked_executor(executor: object, jobs: object) -> Executor | None:
    """What was given as an executor, if anything.

    Raises
    ------
    IngestError
        If it is none, or a number of jobs is given beside it.
    """
    if executor is None:
        return None
    if not isinstance(executor, Executor):
        kind = f"the class {executor.__name__}" if isinstance(executor, type) else _kind(executor)
        raise IngestError(
            f"executor is {kind}; expected a concurrent.futures.Executor, such as a "
            "ProcessPoolExecutor, or what `client.get_executor()` gives for Dask"
        )
    if jobs is not None:
        raise IngestError(
            f"jobs is {jobs!r} beside an executor; expected one of them: the executor has "
            "workers of its own"
        )
    return executor


class Borrowed:
    """An executor that belongs to the caller.

    Its futures may fail in any way; each comes out as an `IngestError` with the cause behind it.

    Parameters
    ----------
    executor : Executor
        It is left as it is, and never shut down.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def submit(self, task: Sequence[ToScan]) -> Future[Scanned]:
        """Have files scanned; if no more work is taken, the future says so."""
        try:
            return self._executor.submit(scan_many, task)
        except Exception as error:
            # What was submitted before may be done, and is not to be lost.
            refused: Future[Scanned] = Future()
            refused.set_exception(error)
            return refused

    def result(self, task: Sequence[ToScan], future: Future[Scanned]) -> Scanned:
        """Wait for what came of them.

        Raises
        ------
        IngestError
            Whatever the future ended with, even what would end a program: that was the worker's.
            Or if a file was not there for the worker, which is there for this process.
        """
        try:
            error = future.exception()
        except CancelledError as cancelled:
            error = cancelled
        if error is not None:
            raise self._failed(task, error) from error
        done = future.result()
        self._check_seen(task, done)
        return done

    def have_enough(self, n_tasks: int, n_bytes: int) -> bool:
        """Whether so many tasks under way, of files of so many bytes, are to be no more."""
        return n_tasks >= _MOST_TASKS or (n_tasks >= _LEAST_TASKS and n_bytes >= _MOST_BYTES)

    def _check_seen(self, task: Sequence[ToScan], done: Scanned) -> None:
        for which, failure in done.failures.items():
            location = task[which].location
            if failure.is_absent and storage_at(location).exists(location):
                raise IngestError(
                    f"{location}: it is there for this process, but not for a worker of "
                    f"{_kind(self._executor)}; expected the archive at the same place on every "
                    "machine; what was finished is kept"
                )

    def _failed(self, task: Sequence[ToScan], error: BaseException) -> IngestError:
        how = ", with a new executor" if isinstance(error, BrokenExecutor) else ""
        said = f"{_kind(error)}: {error}" if str(error) else _kind(error)
        first = task[0].location
        files = first if len(task) == 1 else f"{first} and {len(task) - 1} more"
        return IngestError(
            f"{files}: {_kind(self._executor)} failed to scan them ({said}); what was finished is "
            f"kept: run it again{how}"
        )


def _kind(thing: object) -> str:
    return type(thing).__name__
