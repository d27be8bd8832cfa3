"""Tables with masks packed into them, as one would make them in an afternoon: SQLite, DuckDB.

Boxes come from the database; masks are unpacked and compared in NumPy.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from benchmarks.peers.corpus import Corpus
from benchmarks.peers.peer import Edge, Named, Peer, Row, rows, shared, unpacked
from iidindex.model import BBox

_COLUMNS = "e.file, e.key, e.address, e.minr, e.minc, e.maxr, e.maxc, e.area"
_FILE, _KEY, _BOX = 0, 1, slice(3, 7)
_TABLE = """
CREATE TABLE entries (
    id INTEGER PRIMARY KEY, file TEXT, key INTEGER, address BLOB,
    minr INTEGER, minc INTEGER, maxr INTEGER, maxc INTEGER, area INTEGER, mask BLOB
)
"""


class _Table(Peer):
    """What both do alike."""

    _boxes: str

    def _rows(self, sql: str, values: Sequence[object]) -> list[Any]:
        raise NotImplementedError

    def named(self, answer: Any) -> Iterable[Named]:
        """Tell the file and key of each row."""
        return [(row[_FILE], row[_KEY]) for row in answer]

    def find(self, address: bytes) -> Any:
        """By an index on addresses."""
        return self._rows(f"SELECT {_COLUMNS} FROM entries e WHERE e.address = ?", [address])

    def boxes_at(self, x: int, y: int) -> Any:
        """Those of one pixel."""
        return self.boxes_in(BBox(y, x, y + 1, x + 1))

    def boxes_in(self, box: BBox) -> Any:
        """By the R-tree, or reading the columns."""
        sql = f"SELECT {_COLUMNS} FROM {self._boxes}"
        return self._rows(sql, [box.maxr, box.minr, box.maxc, box.minc])

    def masks_at(self, x: int, y: int) -> Any:
        """The one byte of each mask whose box holds the pixel."""
        bit = f"(({y} - e.minr) * (e.maxc - e.minc) + {x} - e.minc)"
        byte = self._byte.format(f"({bit} {self._divided} 8 + 1)")
        found = self._rows(
            f"SELECT {_COLUMNS}, {byte}, {bit} % 8 FROM {self._boxes}", [y + 1, y, x + 1, x]
        )
        return [row for row in found if row[-2][0] >> (7 - row[-1]) & 1]

    _byte = "substr(e.mask, {}, 1)"
    _divided = "/"

    def masks(self, file: str) -> Iterator[tuple[int, Any]]:
        """Unpacked one by one."""
        for row in self._of_file(file):
            yield row[_KEY], unpacked(row[-1], *row[_BOX])

    def overlaps(self, file: str) -> Sequence[Edge]:
        """Every pair whose boxes meet, one by one."""
        found = self._of_file(file)
        boxes = np.array([row[_BOX] for row in found])
        minr, minc, maxr, maxc = boxes.T[:, :, None]
        meet = (minr < maxr.T) & (maxr > minr.T) & (minc < maxc.T) & (maxc > minc.T)
        masks = [unpacked(row[-1], *row[_BOX]) for row in found]
        edges = (
            (
                found[a][_KEY],
                found[b][_KEY],
                shared(masks[a], found[a][_BOX], masks[b], found[b][_BOX]),
            )
            for a, b in np.argwhere(np.triu(meet, 1)).tolist()
        )
        return [edge for edge in edges if edge[2]]

    def _of_file(self, file: str) -> list[Any]:
        sql = f"SELECT {_COLUMNS}, e.mask FROM entries e WHERE e.file = ? ORDER BY e.key"
        return self._rows(sql, [file])


def _flat(row: Row) -> tuple[object, ...]:
    return (row.id, row.file, row.key, row.address, *row.bbox, row.area, row.packed)


class SQLite(_Table):
    """One table, two indexes, one R-tree."""

    name = f"sqlite3 {sqlite3.sqlite_version} alone"
    shape = "one table with masks as blobs, indexes on address and file, an R-tree of boxes"
    _boxes = (
        "boxes b JOIN entries e ON e.id = b.id "
        "WHERE b.minr < ? AND b.maxr > ? AND b.minc < ? AND b.maxc > ?"
    )

    @classmethod
    def build(cls, corpus: Corpus, place: Path) -> None:
        """Insert row by row, in one transaction."""
        connection = sqlite3.connect(place / "entries.db")
        connection.execute("PRAGMA page_size = 8192")
        connection.execute(_TABLE)
        connection.execute("CREATE VIRTUAL TABLE boxes USING rtree_i32(id, minr, maxr, minc, maxc)")
        with connection:
            for some in batched_rows(corpus):
                connection.executemany(
                    f"INSERT INTO entries VALUES ({', '.join('?' * 10)})", map(_flat, some)
                )
                connection.executemany(
                    "INSERT INTO boxes VALUES (?, ?, ?, ?, ?)",
                    ((r.id, r.bbox.minr, r.bbox.maxr, r.bbox.minc, r.bbox.maxc) for r in some),
                )
            connection.execute("CREATE INDEX by_address ON entries (address)")
            connection.execute("CREATE INDEX by_file ON entries (file, key)")
        connection.close()

    def __init__(self, place: Path) -> None:
        """Open the database."""
        self._connection = sqlite3.connect(place / "entries.db")
        self._connection.execute("PRAGMA cache_size = -65536")

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def _rows(self, sql: str, values: Sequence[object]) -> list[Any]:
        return self._connection.execute(sql, values).fetchall()


class DuckDB(_Table):
    """One table and an index; it has no R-tree without an extension that PyPI does not carry."""

    name = f"DuckDB {duckdb.__version__}"
    shape = "one table with masks as blobs, an index on address; boxes are found by reading columns"
    _boxes = "entries e WHERE e.minr < ? AND e.maxr > ? AND e.minc < ? AND e.maxc > ?"
    _divided = "//"
    _byte = "array_slice(e.mask, {0}, {0})"

    @classmethod
    def build(cls, corpus: Corpus, place: Path) -> None:
        """Append, through a table of pandas, which it reads quickest."""
        import pandas

        connection = duckdb.connect(place / "entries.duckdb")
        connection.execute(_TABLE)
        names = ["id", "file", "key", "address", "minr", "minc", "maxr", "maxc", "area", "mask"]
        for some in batched_rows(corpus):
            frame = pandas.DataFrame([_flat(row) for row in some], columns=names)
            connection.register("chunk", frame)
            connection.execute("INSERT INTO entries SELECT * FROM chunk")
            connection.unregister("chunk")
        connection.execute("CREATE INDEX by_address ON entries (address)")
        connection.close()

    def __init__(self, place: Path) -> None:
        """Open the database."""
        self._connection = duckdb.connect(place / "entries.duckdb", read_only=True)

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def _rows(self, sql: str, values: Sequence[object]) -> list[Any]:
        return self._connection.execute(sql, values).fetchall()


def batched_rows(corpus: Corpus) -> Iterable[Sequence[Row]]:
    """Rows, five thousand at a time."""
    found = iter(rows(corpus))
    while some := list(islice(found, 5000)):
        yield some
