"""The metadata of one file."""

from __future__ import annotations

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
