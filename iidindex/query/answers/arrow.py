"""Answers as Arrow tables, built column by column; pyarrow is imported when it is asked for."""

from __future__ import annotations

import json
import os
from binascii import b2a_base64
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import Connection

from iidindex.catalog.lookup import Ids, group_names, members_of
from iidindex.errors import QueryError
from iidindex.metadata_names import asked_of, value_in
from iidindex.query.answers.file_metadata import Told, metadata_of
from iidindex.query.question.asking import Row
from iidindex.rows import Column, Kind, Type, as_text
from iidindex.storage.places import location_of

if TYPE_CHECKING:
    import pyarrow as pa

# Rows of a batch: many enough that making it costs little beside them, and few enough to stay
# in the processor's cache.
BATCH_ROWS = 4096


def library(name: str, extra: str) -> Any:
    """Import a library that is an extra.

    Raises
    ------
    QueryError
        If it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise QueryError(
            f"{name} is not installed; `pip install {name}` installs it, as does "
            f"`pip install 'iidindex[{extra}]'`"
        ) from error


def schema_of(kind: Kind) -> pa.Schema:
    """The Arrow schema of a kind of row; JSON is text in it."""
    pa = library("pyarrow", "arrow")
    types = {
        Type.TEXT: pa.string(),
        Type.INTEGER: pa.int64(),
        Type.REAL: pa.float64(),
        Type.BOX: pa.list_(pa.int32(), 4),
        Type.TEXTS: pa.list_(pa.string()),
        Type.JSON: pa.string(),
    }
    return pa.schema(
        [pa.field(column.name, types[column.type], column.nullable) for column in kind.columns]
    )


def batches_of_records(kind: Kind, records: Iterable[Any]) -> Iterator[pa.RecordBatch]:
    """Records as batches of columns, as they come."""
    pa = library("pyarrow", "arrow")
    schema = schema_of(kind)
    waiting = iter(records)
    while part := list(islice(waiting, BATCH_ROWS)):
        arrays = [
            _values(column, [column.get(record) for record in part]) for column in kind.columns
        ]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def batches_of_entries(
    kind: Kind, connection: Connection, parts: Iterable[Sequence[Row]]
) -> Iterator[pa.RecordBatch]:
    """Hits as batches of columns, as they come.

    Parameters
    ----------
    kind : Kind
        ``ENTRY`` or ``NEAREST``, or some of their columns.
    connection : Connection
        That sees the state of the catalogue which the hits are of.
    parts : iterable of sequence of Row
        Of ``HIT_COLUMNS``; in ``NEAREST``, with the distance behind.
    """
    pa = library("pyarrow", "arrow")
    schema = schema_of(kind)
    for rows in _larger(parts):
        columns = EntryColumns(connection, rows)
        arrays = [columns[column.name] for column in kind.columns]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _larger(parts: Iterable[Sequence[Row]]) -> Iterator[Sequence[Row]]:
    """Put small parts together."""
    waiting: list[Row] = []
    for rows in parts:
        waiting += rows
        if len(waiting) >= BATCH_ROWS:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


class EntryColumns:
    """The columns of some hits as Arrow arrays, each made when it is asked for.

    Parameters
    ----------
    connection : Connection
    rows : sequence of Row
        Of ``HIT_COLUMNS``, one at least, with the distance behind, if there is one.
    metadata : callable, optional
        What those of the files say, by id, where this has been looked up before.
    """

    def __init__(
        self,
        connection: Connection,
        rows: Sequence[Row],
        metadata: Callable[[], dict[int, Told]] | None = None,
    ) -> None:
        self._pa = library("pyarrow", "arrow")
        self._connection = connection
        self._rows = rows
        self._columns = tuple(zip(*rows, strict=True))
        self._encoded: dict[int, Any] = {}
        self._metadata = metadata
        # Of each file, one row; and for each row, which of them is of its file.
        self._file_id = np.array(self._columns[1], np.int64)
        _, self._first, self._nth = np.unique(self._file_id, return_index=True, return_inverse=True)

    def __getitem__(self, name: str) -> Any:
        names = asked_of(name)
        return _MAKERS[name](self) if names is None else self.metadata(names)

    def integers(self, place: int) -> Any:
        """A column of integers as it is."""
        return self._pa.array(self._columns[place], self._pa.int64())

    def reals(self, place: int) -> Any:
        """A column of floats as it is."""
        return self._pa.array(self._columns[place], self._pa.float64())

    def of_files(self, value: Callable[[Row], str]) -> Any:
        """What is the same for all entries of a file."""
        values = as_texts([value(self._rows[row]) for row in self._first.tolist()])
        return values.take(self._pa.array(self._nth))

    def metadata(self, names: tuple[str, ...]) -> Any:
        """What the metadata of their files say under names, as JSON."""
        file_ids = self._file_id[self._first].tolist()
        if self._metadata is None:
            looked_up = metadata_of(self._connection, file_ids)
            self._metadata = lambda: looked_up
        told = self._metadata()
        found = [value_in(told[file_id].meta, names) for file_id in file_ids]
        return as_texts(list(map(_as_json, found))).take(self._pa.array(self._nth))

    def _distinct(self, place: int) -> Any:
        """Bytes, each value once, and which of them each row has."""
        if place not in self._encoded:
            values = self._pa.array(self._columns[place], self._pa.binary())
            self._encoded[place] = values.dictionary_encode()
        return self._encoded[place]

    def texts(self, place: int) -> Any:
        """Bytes as text where they are UTF-8; null elsewhere."""
        found = self._distinct(place)
        try:
            # Arrow takes what Python takes for UTF-8.
            values = found.dictionary.cast(self._pa.string())
        except self._pa.ArrowInvalid:
            texts = [as_text(value) for value in found.dictionary.to_pylist()]
            values = self._pa.array(texts, self._pa.string())
        return values.take(found.indices)

    def exact(self, place: int) -> Any:
        """Bytes in base64."""
        found = self._distinct(place)
        values = [b2a_base64(value, newline=False) for value in found.dictionary.to_pylist()]
        return self._pa.array(values, self._pa.binary()).cast(self._pa.string()).take(found.indices)

    def boxes(self) -> Any:
        """``(minr, minc, maxr, maxc)`` of each entry."""
        edges = np.array(self._columns[3:7], np.int32).T.ravel()
        return self._pa.FixedSizeListArray.from_arrays(self._pa.array(edges), 4)

    def groups(self) -> Any:
        """The names of each entry's groups, in their order."""
        ids = np.array(self._columns[0], np.int64)
        return group_lists(self._connection, self._file_id, ids)


def _location(row: Row) -> str:
    return location_of(os.fsdecode(row[15]), os.fsdecode(row[12]))


# Not in the objects themselves: bound to them, they would keep every batch of a stream in memory.
_MAKERS: dict[str, Callable[[EntryColumns], Any]] = {
    "path": lambda entries: entries.of_files(lambda row: os.fsdecode(row[12])),
    "location": lambda entries: entries.of_files(_location),
    "address": lambda entries: entries.texts(11),
    "domain": lambda entries: entries.texts(10),
    "address_b64": lambda entries: entries.exact(11),
    "domain_b64": lambda entries: entries.exact(10),
    "bbox": lambda entries: entries.boxes(),
    "groups": lambda entries: entries.groups(),
    "id": lambda entries: entries.integers(0),
    "key": lambda entries: entries.integers(2),
    "area": lambda entries: entries.integers(7),
    "offset": lambda entries: entries.integers(8),
    "length": lambda entries: entries.integers(9),
    "distance": lambda entries: entries.reals(18),
}


def group_lists(connection: Connection, file_id: Ids, ids: Ids) -> Any:
    """The names of the groups of entries, as an Arrow array of lists in their order."""
    pa = library("pyarrow", "arrow")
    if not len(ids):
        return pa.array([], pa.list_(pa.string()))
    order = np.argsort(ids)
    sorted_ids = ids[order]
    member, group = members_of(connection, file_id[order], sorted_ids).T
    place = np.minimum(np.searchsorted(sorted_ids, member), len(ids) - 1)
    is_hit = sorted_ids[place] == member
    row, group = order[place[is_hit]], group[is_hit]
    group_ids, nth = np.unique(group, return_inverse=True)
    texts = group_names(connection, group_ids)
    rank = np.argsort(np.array(sorted(range(len(texts)), key=texts.__getitem__), np.int64))
    by_row = np.lexsort((rank[nth], row))
    offsets = np.zeros(len(ids) + 1, np.int32)
    np.cumsum(np.bincount(row, minlength=len(ids)), out=offsets[1:])
    values = as_texts(texts).take(pa.array(nth[by_row]))
    return pa.ListArray.from_arrays(pa.array(offsets), values)


def table_of_values(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows of anything as a table, whose types are those of the values.

    Raises
    ------
    QueryError
        If the values of a column have several types.
    """
    pa = library("pyarrow", "arrow")
    arrays = []
    for name in names:
        values = [row[name] for row in rows]
        try:
            arrays.append(pa.array(values))
        except UnicodeEncodeError:
            arrays.append(as_texts(values))
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise QueryError(
                f"column {name} has values of several types, which a table cannot hold; CAST it: "
                f"{error}"
            ) from None
    return pa.table(arrays, names=list(names))


def _values(column: Column, values: list[Any]) -> Any:
    """Values as rows have them, as an array."""
    pa = library("pyarrow", "arrow")
    if column.type is Type.TEXT:
        return as_texts(values)
    if column.type is Type.JSON:
        return as_texts(list(map(_as_json, values)))
    return pa.array(values, schema_of(Kind("", (column,))).field(0).type)


def _as_json(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


def as_texts(values: Sequence[str | None]) -> Any:
    r"""Text, in which bytes of a file name that are none are written as ``\udcff``."""
    pa = library("pyarrow", "arrow")
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:
        readable = [
            None if value is None else value.encode("utf-8", "backslashreplace").decode()
            for value in values
        ]
        return pa.array(readable, pa.string())
