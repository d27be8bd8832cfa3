"""How SQLite says what others say in another way."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from iidindex.catalog.dialect import Dialect, Rows


def _rows(width: int) -> Rows:
    """A JSON array, of numbers or of arrays of them: it takes no bytes."""
    values = [f"json_extract(j.value, '$[{place}]')" for place in range(width)]
    return Rows("json_each(?) j", "j.key", ("j.value",) if width == 1 else tuple(values))


def _array(values: Any) -> str:
    return json.dumps(values.tolist() if isinstance(values, np.ndarray) else values)


# CROSS JOIN fixes the order of tables (https://www.sqlite.org/optoverview.html, section 7).
# Left to itself, SQLite may read all rows of a table and look each up among the ids.
SQLITE = Dialect(
    name="sqlite",
    paramstyle="qmark",
    then="CROSS JOIN",
    rows=_rows,
    array=_array,
    explain="EXPLAIN QUERY PLAN ",
)
