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


def check_time() -> None:
    """Go on only within the time limit, if there is one.

    Raises
    ------
    TimeLimitError
        If it is over.
    """
    end = _END.get()
    if end is not None and monotonic() > end[0]:
        raise TimeLimitError(f"the answer takes longer than the limit of {end[1]:g} s")
