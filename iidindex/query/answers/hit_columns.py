"""Hits as NumPy columns."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from iidindex.query.pixels.segments import Segments
from iidindex.query.question.asking import Row
from iidindex.storage.places import location_of


def columns_of(rows: Sequence[Row], *, has_distance: bool) -> dict[str, npt.NDArray[Any]]:
    """The columns of `Entries.to_columns`.

    Parameters
    ----------
    rows : sequence of Row
        Of ``HIT_COLUMNS``, with the distance behind, if there is one.
    has_distance : bool
    """
    segments = Segments.of([(*row[:10], row[16]) for row in rows])
    locations = [location_of(os.fsdecode(row[15]), os.fsdecode(row[12])) for row in rows]
    columns: dict[str, npt.NDArray[Any]] = {
        "id": segments.id,
        "path": _objects([os.fsdecode(row[12]) for row in rows]),
        "location": _objects(locations),
        "key": segments.key,
        "domain": _objects([row[10] for row in rows]),
        "address": _objects([row[11] for row in rows]),
        "bbox": segments.bbox,
        "area": segments.area,
        "offset": segments.offset,
        "length": segments.length,
    }
    if has_distance:
        columns["distance"] = np.array([row[18] for row in rows], np.float64)
    return columns


def _objects(values: list[Any]) -> npt.NDArray[Any]:
    column = np.empty(len(values), object)
    column[:] = values
    return column
