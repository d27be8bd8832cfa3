"""How long a question may take, for who answers many people at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic

from iidindex.errors import TimeLimitError

_END: ContextVar[tuple[float, float] | None] = ContextVar("iidindex_time_limit", default=None)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Within this context, a question that takes longer raises an error.

    It is looked at while the database works, and before originals are read.

    Raises
    ------
    TimeLimitError
        If the time is over.
    """
    known = _END.set((monotonic() + seconds, seconds))
    try:
        yield
    finally:
        _END.reset(known)


def is_over() -> bool:
    """Whether a time limit is over."""
    end = _END.get()
    return end is not None and monotonic() > end[0]


def seconds_left() -> float | None:
    """How long an answer may still take, not below 0; None if there is no limit."""
    end = _END.get()
    return None if end is None else max(0.0, end[0] - monotonic())


def check_time(*, within: float = 0) -> None:
    """Go on only within the time limit, if there is one.

    Parameters
    ----------
    within : float
        Seconds before its end from which it counts as over, for who was told by another clock.

    Raises
    ------
    TimeLimitError
        If it is over.
    """
    end = _END.get()
    if end is not None and monotonic() > end[0] - within:
        raise TimeLimitError(f"the answer takes longer than the limit of {end[1]:g} s")
