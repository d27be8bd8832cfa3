"""Work in other processes: how they begin, what interrupts them, and how they end."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from typing import Any, TypeVar

from iidindex.errors import IIDIndexError
from iidindex.system.spawning import ignore_interrupts, interrupts_held

T = TypeVar("T")
P = TypeVar("P")
Task = tuple[P, tuple[Any, ...]]

# So many are never started: one begins when there is work for it.
MOST_JOBS = 1 << 15

# Tasks that each process may be ahead of whoever takes the results.
_AHEAD = 3


def new_pool(jobs: int) -> ProcessPoolExecutor:
    """A pool of processes that end with this one. Submit to it within `starting`.

    Raises
    ------
    IIDIndexError
        If this system has no means for it.
    """
    why_not = _why_none()
    if why_not is not None:
        raise IIDIndexError(
            f"no other processes can be started: {why_not}; use one: --jobs 1 (in Python: jobs=1)"
        )
    # A forked child would hold the parent's connections and locks.
    return ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_begin)


def can_start() -> bool:
    """Whether this system has all that processes of a pool need."""
    return _why_none() is None


def _why_none() -> str | None:
    try:
        os.getcwd()  # where they begin
    except OSError:
        return "the working directory is not there any more"
    try:
        get_context("spawn").Lock()
    except (ImportError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        return f"they need memory in common, which /dev/shm does not give ({reason})"
    return None


@contextmanager
def starting() -> Iterator[None]:
    """Where a process may be started: Ctrl-C is not for it, and nor is the program's script."""
    with interrupts_held(), _main_hidden():
        yield


def in_order(
    function: Callable[..., T], tasks: Iterable[Task[P]], jobs: int
) -> Generator[tuple[P, T], None, None]:
    """Call a function for each task, in other processes, and yield the results in order.

    What it warns of there, it warns of here.

    Parameters
    ----------
    function : callable
        Of a module, so that the other process finds it.
    tasks : iterable of (object, tuple)
        What to yield with the result, and the arguments. Taken as they are needed.
    jobs : int
        How many processes; with 1, none is started.

    Raises
    ------
    IIDIndexError
        If a process is ended from outside.
    """
    waiting = iter(tasks)
    if jobs == 1:
        for payload, arguments in waiting:
            yield payload, function(*arguments)
        return
    under_way: deque[tuple[P, Future[tuple[T, list[str]]]]] = deque()
    pool = new_pool(jobs)

    def submit(some: Iterable[Task[P]]) -> None:
        for payload, arguments in some:
            with starting():
                under_way.append((payload, pool.submit(_recorded, function, arguments)))

    try:
        submit(islice(waiting, _AHEAD * jobs))
        while under_way:
            payload, future = under_way.popleft()
            result, told = future.result()
            submit(islice(waiting, 1))
            for text in told:
                warnings.warn(text, stacklevel=2)
            yield payload, result
    except BrokenProcessPool as error:
        raise IIDIndexError(
            "the system ended a worker process, perhaps because there was too little memory; try "
            "again with fewer jobs"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _recorded(function: Callable[..., T], arguments: tuple[Any, ...]) -> tuple[T, list[str]]:
    """Call a function; return what it warned of, too, which nobody hears in this process."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        result = function(*arguments)
    return result, [str(warning.message) for warning in told]


@contextmanager
def _main_hidden() -> Iterator[None]:
    """Keep processes that are started meanwhile from importing the program's own script.

    They need nothing of it, and a script that asks for several jobs without asking whether it
    is ``__main__``, as most short ones do, would do so again in each of them.
    """
    main = sys.modules["__main__"]
    names = vars(main)
    kept: dict[str, object] = {
        name: names.pop(name) for name in ("__file__", "__spec__") if name in names
    }
    names["__spec__"] = None
    try:
        yield
    finally:
        names.update(kept)


def _begin() -> None:
    """Prepare a worker process."""
    ignore_interrupts()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the one it works for is gone: it would wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
