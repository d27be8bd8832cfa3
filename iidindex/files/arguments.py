"""Reading the liberal arguments of `IIDFile` into strict ones."""

from __future__ import annotations

import operator
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from iidindex.errors import EncodeError, QueryError


def what_to_load(iids: bool | None, segs: bool | None) -> tuple[bool, bool]:
    """Whether to load IIDs and segments.

    Naming one loads that one alone, naming neither loads both; False loads the other.

    Examples
    --------
    >>> what_to_load(True, None), what_to_load(None, None), what_to_load(False, None)
    ((True, False), (True, True), (False, True))
    """
    if iids is None and segs is None:
        return True, True
    return (not segs if iids is None else iids), (not iids if segs is None else segs)


def integers(keys: int | Iterable[int]) -> list[int]:
    """One integer or several as a list.

    Raises
    ------
    TypeError
        If something else is among them.
    """
    if isinstance(keys, Iterable):
        return [operator.index(key) for key in keys]
    return [operator.index(keys)]


def all_bytes(values: bytes | Iterable[bytes], name: str) -> list[bytes]:
    """One value or several as a list.

    Raises
    ------
    QueryError
        If something else than bytes is among them.
    """
    listed = [values] if isinstance(values, (bytes, str)) else list(values)
    for value in listed:
        check_bytes(value, name)
    return listed


def check_bytes(
    value: object, name: str, error: type[QueryError] | type[EncodeError] = QueryError
) -> None:
    """Refuse what is not bytes; text gets a hint, as no encoding is taken for granted."""
    if not isinstance(value, bytes):
        hint = f" (try {value!r}.encode())" if isinstance(value, str) else ""
        raise error(f"{name} must be bytes, not {type(value).__name__}: {value!r}{hint}")


def within(
    values: npt.NDArray[np.uint32], bounds: tuple[float | None, float | None]
) -> npt.NDArray[np.bool_]:
    """Which values lie between two bounds, both inclusive; None leaves an end open.

    Raises
    ------
    QueryError
        If `bounds` are not two.
    """
    try:
        low, high = bounds
    except (TypeError, ValueError):
        raise QueryError(f"area must be (min, max), not {bounds!r}") from None
    inside = np.ones(len(values), np.bool_)
    if low is not None:
        inside &= values >= low
    if high is not None:
        inside &= values <= high
    return inside
