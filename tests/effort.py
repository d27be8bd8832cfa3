"""How much work something is, counted: the same on every machine, and however busy it is."""

import gc
import sys
from contextlib import contextmanager
from typing import NamedTuple

import pytest
from sqlalchemy import event


class Effort(NamedTuple):
    """Calls of functions in this thread, and steps of SQLite's machine in hundreds."""

    calls: int
    steps: int

    def is_within(self, other, times):
        return self.calls <= times * other.calls and self.steps <= times * other.steps


def effort(index, job):
    """Count what a job does, which asks an index or changes it."""
    steps = 0

    def on_steps():
        nonlocal steps
        steps += 1
        return 0

    with _watched(index, lambda connection: connection.set_progress_handler(on_steps, 100)):
        calls = calls_of(job)
    return Effort(calls, steps)


def calls_of(job):
    """Count the calls of functions that a job makes in this thread."""
    calls = 0

    def on_call(frame, what, argument):
        nonlocal calls
        calls += what in ("call", "c_call")

    before = sys.getprofile()
    # What is garbage of others would be thrown away, and counted, in the middle of this: even while
    # SQLite works, which then must not be touched.
    gc.collect()
    gc.disable()
    sys.setprofile(on_call)
    try:
        job()
    finally:
        sys.setprofile(before)
        gc.enable()
    return calls


def traced(index, tell):
    """Have every statement that is asked told."""
    return _watched(index, lambda connection: connection.set_trace_callback(tell))


@contextmanager
def _watched(index, watch):
    engine = index._catalog.engine
    if engine.dialect.name != "sqlite":
        pytest.skip("only SQLite tells what it does")
    connections = []

    def take(connection, *_):
        watch(connection)
        connections.append(connection)

    event.listen(engine, "checkout", take)
    try:
        yield
    finally:
        event.remove(engine, "checkout", take)
        for connection in connections:
            connection.set_trace_callback(None)
            connection.set_progress_handler(None, 0)
