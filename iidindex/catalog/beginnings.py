"""Values of a column that begin with what somebody typed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Connection, func, literal, select

from iidindex.catalog.schema import OK, files


def beginning_with(
    connection: Connection, column: Column[Any], low: str | bytes, most: int
) -> list[Any]:
    """Different values of a column, in its order; paths are those of files that are there.

    Parameters
    ----------
    connection : Connection
    column : Column
        Of text or bytes.
    low : str or bytes
        What they begin with.
    most : int
        So many at the most.
    """
    typed = literal(low, column.type)
    statement = (
        select(column)
        .distinct()
        .where(column >= typed, func.substr(column, 1, func.length(typed)) == typed)
        .order_by(column)
        .limit(most)
    )
    behind = _behind(low) if isinstance(low, bytes) else None
    if behind is not None:  # an index over the column need not be read to its end
        statement = statement.where(column < behind)
    if column is files.c.path:
        statement = statement.where(files.c.state == OK)
    return [*connection.scalars(statement)]


def _behind(low: bytes) -> bytes | None:
    """The least bytes that are greater than all that begin so; None, if there are none."""
    kept = low.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1]) if kept else None
