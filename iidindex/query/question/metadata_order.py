"""The order of files by what their metadata say.

Numbers come first, then text, false, true, and then lists and mappings, which are all equal here.
Where nothing is said, or null, comes last, be the order ascending or descending.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, literal_column, select

from iidindex.catalog.schema import files
from iidindex.catalog.statement import Worded
from iidindex.metadata_names import asked_of
from iidindex.query.question.filter_kinds import NO_LIMIT
from iidindex.query.question.json_values import order_key
from iidindex.query.question.metadata_levels import (
    check_names,
    is_whole,
    level,
    names_of,
    text,
    written_of,
)

# To SQLite, bytes come behind text, and null is not compared.
_FALSE, _TRUE, _OTHER = "x'00'", "x'01'", "x'02'"


class MetaOrder(NamedTuple):
    """What the SQL of an order by metadata depends on."""

    depth: int
    has_nul: bool
    is_descending: bool


def names_in_order(name: str) -> tuple[str, ...] | None:
    """The names in a criterion such as ``-meta.camera.iso``; None, if it is not of metadata.

    Raises
    ------
    QueryError
        If no file can hold them.
    """
    names = asked_of(name.removeprefix("-"))
    if names is not None:
        check_names(names, "order_by")
    return names


def shape_of_order(name: str) -> str | MetaOrder:
    """A criterion without its values; itself, if it has none."""
    names = names_in_order(name)
    if names is None:
        return name
    return MetaOrder(len(names), "\0" in "".join(names), name.startswith("-"))


def values_of_order(place: int, name: str) -> dict[str, Any]:
    """The values of the criterion at a place."""
    names = names_in_order(name)
    if names is None:
        return {}
    return names_of(f"order{place}", names) | written_of(f"order{place}", names)


def comparable(place: int, order: MetaOrder) -> ColumnElement[Any]:
    """What is ordered by at a place, of the file at hand."""
    found = level(f"order{place}", order.depth)
    # The other kinds are numbers, text and null, which SQLite has in this order.
    value = case(
        (found.kind == text("false"), literal_column(_FALSE)),
        (found.kind == text("true"), literal_column(_TRUE)),
        (found.kind.in_((text("array"), text("object"))), literal_column(_OTHER)),
        else_=found.value,
    )
    said: Select[Any] = (
        select(value)
        .select_from(found.source)
        .where(and_(*found.conditions, is_whole(f"order{place}", order.has_nul)))
        .limit(literal_column("1"))
    )
    in_sqlite = said.correlate(files).scalar_subquery()
    return Worded(in_sqlite, order_key(f"order{place}", order.depth))


def directed(key: ColumnElement[Any], order: MetaOrder) -> ColumnElement[Any]:
    """What is ordered by, in its direction."""
    return (key.desc() if order.is_descending else key.asc()).nulls_last()


def key_name(place: int) -> str:
    """What the column of a place is called in `said_of`."""
    return f"key{place}"


def said_of(
    orders: Sequence[str | MetaOrder], conditions: Sequence[ColumnElement[bool]]
) -> Subquery | None:
    """What is ordered by of each file that fits; None, if that are no metadata."""
    keys = [
        comparable(place, order).label(key_name(place))
        for place, order in enumerate(orders)
        if isinstance(order, MetaOrder)
    ]
    if not keys:
        return None
    said: Select[Any] = select(files.c.id, *keys).where(and_(*conditions))
    # What has a limit is not merged into what it is selected by, and so made once.
    return said.limit(literal_column(NO_LIMIT)).subquery("said")
