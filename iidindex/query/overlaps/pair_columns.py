"""The overlaps of some files as columns: positions in rows, and Arrow arrays of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from sqlalchemy import Connection

from iidindex.metadata_names import META
from iidindex.query.answers.arrow import BATCH_ROWS, EntryColumns, library, schema_of
from iidindex.query.answers.entry import Chunk
from iidindex.query.pixels.segments import Ints
from iidindex.query.question.asking import Row
from iidindex.rows import Kind, Type

if TYPE_CHECKING:
    import pyarrow as pa


class OverlapsOfFiles(NamedTuple):
    """The overlaps of some files: positions in rows of ``HIT_COLUMNS``, and shared pixels."""

    connection: Connection
    chunk: Chunk
    rows: Sequence[Row]
    a: Ints
    b: Ints
    pixels: Ints
    distance: Ints

    def after(self, number: int) -> Self:
        """Without the first so many."""
        left = {name: getattr(self, name)[number:] for name in ("a", "b", "pixels", "distance")}
        return self._replace(**left)


def batches_of_overlaps(kind: Kind, parts: Iterable[OverlapsOfFiles]) -> Iterator[pa.RecordBatch]:
    """Overlaps as batches of columns, as they are counted.

    Parameters
    ----------
    kind : Kind
        ``OVERLAP``, or some of its columns.
    parts : iterable of OverlapsOfFiles
    """
    pa = library("pyarrow", "arrow")
    schema = schema_of(kind)
    says = any(column.type is Type.JSON for column in kind.columns)
    for listed in _many_pairs(parts, says):
        columns = PairColumns(listed)
        arrays = [columns[column.name] for column in kind.columns]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _many_pairs(parts: Iterable[OverlapsOfFiles], says: bool) -> Iterator[list[OverlapsOfFiles]]:
    """Put parts of few pairs together; with what the metadata of their files say, if it matters."""
    waiting: list[OverlapsOfFiles] = []
    number = 0
    for one in parts:
        if says:
            # Behind the last part, the view of the catalogue is no longer there.
            one.chunk.metadata()
        if len(one.pixels):
            waiting.append(one)
            number += len(one.pixels)
        if number >= BATCH_ROWS:
            yield waiting
            waiting, number = [], 0
    if waiting:
        yield waiting


class PairColumns:
    """The columns of the overlaps of some files as Arrow arrays, each made when it is asked for."""

    def __init__(self, parts: Sequence[OverlapsOfFiles]) -> None:
        self._pa = library("pyarrow", "arrow")
        starts = np.cumsum([0, *(len(one.rows) for one in parts)])
        a, b = (
            np.concatenate(
                [start + one[side] for one, start in zip(parts, starts.tolist(), strict=False)]
            )
            for side in (3, 4)
        )
        self._pixels = np.concatenate([one.pixels for one in parts])
        self._distance = np.concatenate([one.distance for one in parts])
        places, nth = np.unique(np.concatenate([a, b]), return_inverse=True)
        rows = list(chain.from_iterable(one.rows for one in parts))
        self._entries = EntryColumns(
            parts[0].connection,
            [rows[place] for place in places.tolist()],
            lambda: {key: told for one in parts for key, told in one.chunk.metadata().items()},
        )
        self._sides = dict(zip("ab", nth.reshape(2, -1), strict=True))

    def __getitem__(self, name: str) -> Any:
        if name == "pixels":
            return self._pa.array(self._pixels)
        if name in ("iou", "a_in_b", "b_in_a"):
            # A fraction of nothing is 0.
            return self._pa.array(self._pixels / np.maximum(self._whole(name), 1))
        if name == "distance":
            return self._pa.array(self._distance)
        if name in ("path", "location") or name.startswith(META):
            return self._of("a", name)
        side, _, name = name.partition("_")
        return self._of(side, name)

    def _of(self, side: str, name: str) -> Any:
        return self._entries[name].take(self._pa.array(self._sides[side]))

    def _whole(self, name: str) -> Ints:
        """The pixels that a ratio is of."""
        # A careless file may state less than what is shared.
        area_a, area_b = (
            np.maximum(self._of(side, "area").to_numpy(), self._pixels) for side in "ab"
        )
        wholes = {"iou": area_a + area_b - self._pixels, "a_in_b": area_a, "b_in_a": area_b}
        return np.asarray(wholes[name])
