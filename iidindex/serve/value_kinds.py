"""The kinds of values that parameters have: how text is read, and how OpenAPI tells of it."""

from __future__ import annotations

import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from iidindex.model import IID, BBox
from iidindex.query.question.typed_values import fractions_in, integer_in
from iidindex.typed_iids import parse, parse_named


@dataclass(frozen=True)
class ValueKind:
    """A kind of value.

    Attributes
    ----------
    read : callable
        Makes a value of text, or raises a ``ValueError``.
    schema : dict
        As OpenAPI has it.
    may_be_empty : bool
        Whether an empty text is one.
    """

    read: Callable[[str], Any]
    schema: dict[str, Any] = field(default_factory=lambda: {"type": "string"})
    may_be_empty: bool = False


def _iid_text(text: str) -> bytes | IID:
    try:
        return parse_named(text)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def _bytes_text(text: str) -> bytes:
    try:
        return parse(text)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def _box(text: str) -> BBox:
    sides = text.split(",")
    if len(sides) != 4:
        raise ValueError(f"{text!r:.200}: expected minr,minc,maxr,maxc")
    return BBox.of([integer_in(side.strip()) for side in sides], "box")


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"{text!r:.200}: expected true or false")
    return text == "true"


def _domains(text: str) -> tuple[bytes, bytes]:
    both = text.split(",")
    if len(both) != 2:
        raise ValueError(f"{text!r:.200}: expected two domains with a comma between")
    return _bytes_text(both[0]), _bytes_text(both[1])


def _names(text: str) -> list[str]:
    from iidindex.metadata_names import listed

    return list(listed(text))


TEXT = ValueKind(str)
INDIVIDUAL = ValueKind(_iid_text)
BYTES = ValueKind(_bytes_text, may_be_empty=True)
INTEGER = ValueKind(integer_in, {"type": "integer"})
BOX = ValueKind(_box, {"type": "string", "pattern": r"^[-+]?\d+(,[-+]?\d+){3}$"})
FLAG = ValueKind(_flag, {"type": "boolean"})
NAMES = ValueKind(_names)
FRACTIONS = ValueKind(fractions_in)
DOMAINS = ValueKind(_domains)


def number(low: int, high: int) -> ValueKind:
    """Whole numbers from one to another."""

    def read(text: str) -> int:
        found = integer_in(text)
        if not low <= found <= high:
            raise ValueError(f"{text:.50}: expected {low} … {high}")
        return found

    return ValueKind(read, {"type": "integer", "minimum": low, "maximum": high})


def fraction(low: float, high: float) -> ValueKind:
    """Numbers from one to another."""

    def read(text: str) -> float:
        found = float(text)
        if not low <= found <= high:
            raise ValueError(f"{text!r:.50}: expected {low:g} … {high:g}")
        return found

    return ValueKind(read, {"type": "number", "minimum": low, "maximum": high})


def one_of(*names: str) -> ValueKind:
    """One of some words."""

    def read(text: str) -> str:
        if text not in names:
            raise ValueError(f"{text!r:.200}: expected {', '.join(names)}")
        return text

    return ValueKind(read, {"type": "string", "enum": list(names)})
