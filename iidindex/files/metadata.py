"""The metadata of one file."""

from __future__ import annotations

from math import isfinite
from typing import Any


class Metadata:
    """What a file says of itself and its picture; ``iidfile.meta``.

    Attributes
    ----------
    data : object
        Anything that JSON can hold, by custom a dict. It may be changed or replaced; `save`
        writes it.
    """

    __slots__ = ("data",)

    def __init__(self, data: Any) -> None:
        self.data = data

    def __repr__(self) -> str:
        return f"Metadata({self.data!r})"


def without_nan(value: Any) -> Any:
    """Values without what is NaN or infinite, as if it were not said; null in its place in a list.

    Examples
    --------
    >>> without_nan({"a": float("nan"), "b": [1, float("inf")]})
    {'b': [1, None]}
    """
    if isinstance(value, dict):
        return {name: without_nan(item) for name, item in value.items() if not _is_nan(item)}
    if isinstance(value, list):
        return [without_nan(item) for item in value]
    return None if _is_nan(value) else value


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and not isfinite(value)
