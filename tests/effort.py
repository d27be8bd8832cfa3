"""How much work something is, counted: the same on every machine, and however busy it is."""

import sys
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import event


class Effort(NamedTuple):
    """Calls of functions in this thread, and steps of SQLite's machine in hundreds."""

    calls: int
    steps: int

    def is_within(self, other, times):
        return self.calls <= times * other.calls and self.steps <= times * other.steps


def effort(index, job):
    """Count what a job does, which asks an index or changes it."""
    calls = steps = 0

    def on_call(frame, what, argument):
        nonlocal calls
        calls += what in ("call", "c_call")

    def on_steps():
        nonlocal steps
        steps += 1
        return 0

    with _watched(index, on_steps):
        before = sys.getprofile()
        sys.setprofile(on_call)
        try:
            job()
        finally:
            sys.setprofile(before)
    return Effort(calls, steps)


@contextmanager
def _watched(index, on_steps):
    engine = index._catalog.engine

    def watch(connection, *_):
        connection.set_progress_handler(on_steps, 100)

    event.listen(engine, "checkout", watch)
    try:
        yield
    finally:
        event.remove(engine, "checkout", watch)
