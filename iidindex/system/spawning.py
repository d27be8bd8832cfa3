"""How many processes pay, and how Ctrl-C is kept from those that are started."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from iidindex.system.portable import FORCED

_HAS_AFFINITY = hasattr(os, "sched_getaffinity") and not FORCED
_HAS_MASK = hasattr(signal, "pthread_sigmask") and not FORCED


def processors() -> int:
    """How many processors this process may use; all there are, if the system does not say."""
    return len(os.sched_getaffinity(0)) if _HAS_AFFINITY else os.cpu_count() or 1


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back for a moment; processes started meanwhile never receive it.

    A terminal sends it to every process, and one that is just importing would die of it. Where
    signals cannot be held, that may happen; `ignore_interrupts` is all that is left.
    """
    if not _HAS_MASK:
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore_interrupts() -> None:
    """Leave Ctrl-C to the process that this one works for, if it was not held back."""
    if not _HAS_MASK:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
