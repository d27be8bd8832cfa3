"""Reading the liberal arguments of `IIDFile` into strict ones."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any, SupportsIndex, cast

import numpy as np
import numpy.typing as npt

from iidindex.errors import EncodeError, QueryError
from iidindex.model import check_bytes

# One value, though it can be iterated over.
BYTES_LIKE = (bytes, bytearray, memoryview, str)


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


def one_integer(value: SupportsIndex, name: str) -> int:
    """One integer as Python's own.

    Raises
    ------
    QueryError
        If it is something else.
    """
    try:
        return operator.index(value)
    except TypeError:
        raise QueryError(f"{name} must be an integer, not {value!r}") from None


def all_texts(
    values: str | Iterable[str] | None, name: str, error: type[QueryError] | type[EncodeError]
) -> list[str]:
    """One text, several, or none as a list; whether they are text is not checked.

    Raises
    ------
    QueryError
        Or `error`, if it is nothing to iterate over.
    """
    if values is None or isinstance(values, str):
        return [] if values is None else [values]
    try:
        return list(values)
    except TypeError:
        raise error(f"{name} must be text or several of it, not {values!r}") from None


def several(values: Iterable[object]) -> tuple[object, ...]:
    """What can be iterated over as a tuple; an array of one value and no dimension cannot."""
    try:
        return tuple(values)
    except TypeError:
        return (values,)


def all_bytes(values: bytes | Iterable[bytes], name: str) -> list[bytes]:
    """One value or several as a list.

    Raises
    ------
    QueryError
        If something else than bytes is among them.
    """
    try:
        listed: list[object] = [values] if isinstance(values, BYTES_LIKE) else list(values)
    except TypeError:
        raise QueryError(f"{name} must be bytes or several of it, not {values!r}") from None
    for value in listed:
        check_bytes(value, name)
    return cast("list[bytes]", listed)


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
        inside = np.ones(len(values), np.bool_)
        if low is not None:
            inside &= values >= low
        if high is not None:
            inside &= values <= high
    except (TypeError, ValueError):
        raise QueryError(f"area must be (min, max), numbers or None, not {bounds!r}") from None
    return inside


def check_number(value: object, name: str) -> int | None:
    """How many of an answer are wanted; None stands for all.

    Raises
    ------
    QueryError
        If it is no integer, or below zero.
    """
    if value is None:
        return None
    number = one_integer(value, name)  # type: ignore[arg-type]
    if not 0 <= number < 2**63:
        raise QueryError(f"{name} is {number}; expected 0 … {2**63 - 1}")
    return number


def read_order(given: str | Iterable[str], known: Sequence[str]) -> tuple[str, ...]:
    """Criteria of an order, each of which may have a ``-`` before it.

    Raises
    ------
    QueryError
        If one is not known.
    """
    if isinstance(given, str):
        given = (given,)
    try:
        names = tuple(given)
    except TypeError:
        raise QueryError(f"order_by must be names, not {given!r:.200}") from None
    name: Any
    for name in names:
        if not isinstance(name, str) or name.removeprefix("-") not in known:
            raise QueryError(
                f"order_by is {name!r:.200}; expected one of {', '.join(known)}, with a - before "
                "it to begin with the largest"
            )
    return names


def is_one_of(value: object, *known: str) -> bool:
    """Whether a value is one of some words, or None.

    An array, say, has no answer to being compared with them.
    """
    return value is None or (isinstance(value, str) and value in known)


def is_positive(value: object) -> bool:
    """Whether a value is an integer from 1."""
    return isinstance(value, Integral) and int(value) >= 1


def is_between(value: object, low: float, high: float) -> bool:
    """Whether a value is a number in a range, both ends included."""
    return isinstance(value, Real) and low <= float(value) <= high


def has_none(values: object) -> bool:
    """Whether these are no values, or None."""
    try:
        return values is None or not len(values)  # type: ignore[arg-type]
    except TypeError:
        return False
