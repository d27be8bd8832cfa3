"""What comes after an entry in an order, as conditions in SQL. Pure, as `compile` is.

A place is what the entry is ordered by, as the database has it, and its id. What comes later is
found by comparing, so it is the same whatever was added or deleted before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    LargeBinary,
    Text,
    and_,
    bindparam,
    case,
    cast,
    false,
    func,
    or_,
)
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import custom_op

from iidindex.catalog.schema import entries
from iidindex.catalog.statement import Worded

NULL, TEXT, PLAIN = "null", "text", "plain"


class PlaceInOrder(NamedTuple):
    """Where an entry stands in an order.

    Attributes
    ----------
    values : tuple of (str, object)
        For each criterion, whether it is ``null``, ``text`` or ``plain`` (a number or bytes), and
        what it is; text as bytes, since it may be no Unicode.
    entry_id : int
    """

    values: tuple[tuple[str, Any], ...]
    entry_id: int

    @property
    def shape(self) -> tuple[str, ...]:
        """What the SQL depends on."""
        return tuple(kind for kind, _ in self.values)

    def parameters(self) -> dict[str, Any]:
        """The values of `comes_later`."""
        named = {f"place{nth}": value for nth, (_, value) in enumerate(self.values)}
        return {**named, "after": self.entry_id}


def read_place(row: Sequence[Any], entry_id: int) -> PlaceInOrder:
    """The place of an entry, of which the columns of `told` were selected."""
    kinds = {"null": NULL, "text": TEXT}
    pairs = zip(row[::2], row[1::2], strict=True)
    return PlaceInOrder(tuple((kinds.get(kind, PLAIN), value) for kind, value in pairs), entry_id)


def told(key: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    """Columns that tell what an entry is ordered by: its kind and its value."""
    kind = func.typeof(key)
    value = case((kind == "text", cast(key, LargeBinary)), else_=key)
    # Other databases are ordered by no text.
    null_or_plain = case((key.is_(None), NULL), else_=PLAIN)
    return [Worded(kind, null_or_plain), Worded(value, key)]


def comes_later(
    keys: Sequence[tuple[ColumnElement[Any], bool]],
    shape: Sequence[str],
    behind: ColumnElement[bool] | None = None,
) -> ColumnElement[bool]:
    """Whether an entry comes after a place.

    Parameters
    ----------
    keys : sequence of (ColumnElement, bool)
        What is ordered by, and whether it descends. Nulls come last.
    shape : sequence of str
        As of `PlaceInOrder`.
    behind : ColumnElement, optional
        Whether it comes later where they tie; by its id without this.
    """
    last = entries.c.id > bindparam("after") if behind is None else behind
    same: list[ColumnElement[bool]] = []
    later: list[ColumnElement[bool]] = []
    for nth, ((key, is_descending), kind) in enumerate(zip(keys, shape, strict=True)):
        if kind == NULL:
            beyond: ColumnElement[bool] = false()
            equal: ColumnElement[bool] = key.is_(None)
        else:
            value = _value(nth, kind)
            beyond = or_(key < value if is_descending else key > value, key.is_(None))
            equal = key == value
        later.append(and_(*same, beyond))
        same.append(equal)
    return or_(*later, and_(*same, last))


def _value(nth: int, kind: str) -> ColumnElement[Any]:
    value: ColumnElement[Any] = bindparam(f"place{nth}")
    if kind != TEXT:
        return value
    # Text of a cast would have what it is compared with taken for text, numbers too
    # (https://www.sqlite.org/datatype3.html, section 4.2).
    return UnaryExpression(cast(value, Text), operator=custom_op("+"), type_=Text())
