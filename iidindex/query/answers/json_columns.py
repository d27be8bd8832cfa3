"""Columns of Arrow that hold what metadata say: of the type that all values have, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from iidindex.query.answers.arrow import as_texts, library
from iidindex.rows import Kind, Type

if TYPE_CHECKING:
    import pyarrow as pa

# Whole numbers that a float holds, and those that Arrow does.
_EXACT, _MOST = 2**53, 2**63


def typed(kind: Kind, table: pa.Table) -> pa.Table:
    """Give columns of JSON the type of their values, where they have one in common.

    Parameters
    ----------
    kind : Kind
    table : pyarrow.Table
        With the columns of the kind, JSON as text.
    """
    for nth, column in enumerate(kind.columns):
        if column.type is Type.JSON:
            table = table.set_column(nth, column.name, _typed(table.column(nth)))
    return table


def _typed(column: pa.ChunkedArray) -> Any:
    pa = library("pyarrow", "arrow")
    # Values are those of files, so that most are there many times.
    encoded = pa.concat_arrays([pa.array([], pa.string()), *column.chunks]).dictionary_encode()
    values = [json.loads(text) for text in encoded.dictionary.to_pylist()]
    kinds = {type(value) for value in values}
    if not kinds:
        return pa.nulls(len(column))
    if kinds == {str}:
        return as_texts(values).take(encoded.indices)
    if kinds == {bool}:
        return pa.array(values, pa.bool_()).take(encoded.indices)
    if kinds == {int} and _are_below(_MOST, values):
        return pa.array(values, pa.int64()).take(encoded.indices)
    whole = [value for value in values if isinstance(value, int)]
    if kinds <= {int, float} and _are_below(_EXACT, whole):
        return pa.array(values, pa.float64()).take(encoded.indices)
    return column


def _are_below(most: int, values: Sequence[int]) -> bool:
    return all(-most < value < most for value in values)
