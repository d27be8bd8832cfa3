"""The rows of a part of a lake: columns of entries, sorted, as a Parquet file."""

from __future__ import annotations

import os
from itertools import islice
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from iidindex.catalog.dialect import Text
from iidindex.catalog.lookup import asked
from iidindex.masks.hilbert import along_curve
from iidindex.query.answers.arrow import as_texts, group_lists, library

Ints = npt.NDArray[np.int64]

# Rows of a row group: DuckDB's own number, and few enough that to read one is little.
_ROW_GROUP = 122_880
# IIDs that are looked up together.
_TOGETHER = 1 << 16

_IIDS = Text(
    "SELECT i.domain, i.address FROM {rows} {then} iids i ON i.id = {value} ORDER BY {nth}"
)
_PATHS = Text(
    "SELECT r.name, f.path FROM {rows} {then} files f ON f.id = {value} "
    "{then} roots r ON r.id = f.root_id ORDER BY {nth}"
)

_COORDINATES = ("minr", "minc", "maxr", "maxc")
# What is read of each entry.
NUMBERS = ("id", "file_id", "iid_id", "key", *_COORDINATES, "area", "offset", "length")

# By what the rows of each are sorted, for the reader of a file.
SORTINGS = {
    "iid": "domain address root path key",
    "place": "Hilbert order of the middle of the box, root path key",
}


class PartRows:
    """The entries of a part.

    Parameters
    ----------
    connection : Connection
        In a transaction.
    found : ndarray of int64, shape (n, 11)
        Rows of `NUMBERS`, in the order of ids.
    chosen : ndarray of int64, optional
        The ids of those that are wanted, sorted; without this, all are.
    """

    def __init__(self, connection: Connection, found: Ints, chosen: Ints | None = None) -> None:
        self._pa = library("pyarrow", "arrow")
        if chosen is not None:
            found = found[np.isin(found[:, 0], chosen)]
        ids, file_id, iid_id, *numbers = found.T
        self._length = len(ids)
        names = NUMBERS[3:]
        self._numbers: dict[str, npt.NDArray[np.integer]] = {
            name: column.astype(np.int32 if name in _COORDINATES else np.int64)
            for name, column in zip(names, numbers, strict=True)
        }
        file_ids, self._file = np.unique(file_id, return_inverse=True)
        iid_ids, self._iid = np.unique(iid_id, return_inverse=True)
        self._root, self._path = self._looked_up(connection, _PATHS, file_ids, _texts)
        self._domain, self._address = self._looked_up(connection, _IIDS, iid_ids, self._binary)
        self._groups = group_lists(connection, file_id, ids)

    def __len__(self) -> int:
        return self._length

    def _looked_up(
        self, connection: Connection, statement: Text, ids: Ints, made: Any
    ) -> tuple[Any, Any]:
        """Two columns of what ids stand for, without many Python objects at a time."""
        cursor = iter(asked(connection, statement, [ids]))
        firsts, seconds = [made([])], [made([])]
        while rows := list(islice(cursor, _TOGETHER)):
            first, second = zip(*rows, strict=True)
            firsts.append(made(first))
            seconds.append(made(second))
        return self._pa.concat_arrays(firsts), self._pa.concat_arrays(seconds)

    def _binary(self, values: Any) -> Any:
        return self._pa.array(values, self._pa.binary())

    def write(self, file: BinaryIO, sorting: str) -> None:
        """Write them as Parquet, in one of the orders of `SORTINGS`."""
        parquet = library("pyarrow.parquet", "arrow")
        order = self._by_iid() if sorting == "iid" else self._by_place()
        schema = self._schema(sorting)
        with parquet.ParquetWriter(
            file, schema, compression="zstd", store_schema=False, write_page_index=True
        ) as writer:
            for begin in range(0, self._length, _ROW_GROUP):
                rows = order[begin : begin + _ROW_GROUP]
                columns = self._columns(rows)
                table = self._pa.table([columns[name] for name in schema.names], schema=schema)
                writer.write_table(table, row_group_size=_ROW_GROUP)

    def _schema(self, sorting: str) -> Any:
        pa = self._pa
        types = {
            "root": pa.string(),
            "path": pa.string(),
            "key": pa.int64(),
            "domain": pa.binary(),
            "address": pa.binary(),
            **{name: pa.int32() for name in _COORDINATES},
            **{name: pa.int64() for name in ("area", "offset", "length")},
            "groups": pa.list_(pa.string()),
        }
        fields = [pa.field(name, type_, False) for name, type_ in types.items()]
        return pa.schema(fields, {"iidindex": "1", "sorted by": SORTINGS[sorting]})

    def _columns(self, rows: Ints) -> dict[str, Any]:
        file, iid = self._pa.array(self._file[rows]), self._pa.array(self._iid[rows])
        return {
            "root": self._root.take(file),
            "path": self._path.take(file),
            "domain": self._domain.take(iid),
            "address": self._address.take(iid),
            "groups": self._groups.take(self._pa.array(rows)),
            **{name: self._pa.array(column[rows]) for name, column in self._numbers.items()},
        }

    def _by_iid(self) -> Ints:
        iid = self._rank("domain", self._domain, "address", self._address)[self._iid]
        return np.lexsort((self._numbers["key"], self._file_rank(), iid))

    def _by_place(self) -> Ints:
        minr, minc, maxr, maxc = (self._numbers[name] for name in _COORDINATES)
        distance = along_curve((minr + maxr) // 2, (minc + maxc) // 2)
        return np.lexsort((self._numbers["key"], self._file_rank(), distance))

    def _file_rank(self) -> Ints:
        return self._rank("root", self._root, "path", self._path)[self._file]

    def _rank(self, name: str, first: Any, other: str, second: Any) -> Ints:
        """The places of rows of two columns when these are sorted."""
        compute = library("pyarrow.compute", "arrow")
        table = self._pa.table({name: first, other: second})
        order = compute.sort_indices(table, [(name, "ascending"), (other, "ascending")])
        rank = np.empty(len(first), np.int64)
        rank[order.to_numpy()] = np.arange(len(first))
        return rank


def _texts(values: Any) -> Any:
    return as_texts([os.fsdecode(value) for value in values])
