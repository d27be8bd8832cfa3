"""Engines that iidindex hands its rows to, asked by hand: DuckDB over Parquet, PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import psycopg

import iidindex
from benchmarks.peers.corpus import Corpus
from benchmarks.peers.peer import Named, Peer
from benchmarks.peers.tables import batched_rows
from iidindex.model import BBox

# Where a PostgreSQL is, in whose database a table may be made.
SERVER = "IIDINDEX_BENCH_POSTGRES"

_TABLE = "iidindex_bench_entries"


class Parquet(Peer):
    """A lake that iidindex has exported, in both sortings; it has no masks."""

    name = f"DuckDB {duckdb.__version__}, Parquet"
    shape = "Parquet that iidindex exported, sorted by individual and by place; no masks"
    _columns = "path, key, address, minr, minc, maxr, maxc, area"

    @classmethod
    def build(cls, corpus: Corpus, place: Path) -> None:
        """Write the files, ingest them, export, and keep the lake alone."""
        corpus.write(place / "archive")
        with iidindex.open(place / "index.db", create=True) as index:
            index.ingest(place / "archive")
            index.entries.export(place / "lake", to="parquet")
        for path in [*place.glob("index.db*"), *(place / "archive").iterdir()]:
            path.unlink()

    def __init__(self, place: Path) -> None:
        """Connect to nothing; the files are found by their names."""
        self._connection = duckdb.connect()
        self._lake = place / "lake"

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _asked(self, by: str, condition: str, values: Sequence[object]) -> Any:
        text = f"SELECT {self._columns} FROM '{self._lake}/by={by}/*.parquet' WHERE {condition}"
        return self._connection.execute(text, values).fetchall()

    def named(self, answer: Any) -> Iterable[Named]:
        """Tell the file and key of each row."""
        return [(Path(row[0]).name, row[1]) for row in answer]

    def find(self, address: bytes) -> Any:
        """In the sorting by individual."""
        return self._asked("iid", "address = ?", [address])

    def boxes_at(self, x: int, y: int) -> Any:
        """Those of one pixel."""
        return self.boxes_in(BBox(y, x, y + 1, x + 1))

    def boxes_in(self, box: BBox) -> Any:
        """In the sorting by place."""
        condition = "minr < ? AND maxr > ? AND minc < ? AND maxc > ?"
        return self._asked("place", condition, [box.maxr, box.minr, box.maxc, box.minc])


class PostgreSQL(Peer):
    """One table with masks as blobs and a GiST index of boxes."""

    name = "PostgreSQL alone"
    shape = "one table with masks as blobs, indexes on address and file, a GiST index of boxes"
    _columns = "file, key, address, minr, minc, maxr, maxc, area"

    @classmethod
    def build(cls, corpus: Corpus, place: Path) -> None:
        """COPY, then indexes; how large it is stands in the directory, for the table of costs."""
        with psycopg.connect(os.environ[SERVER], autocommit=True) as connection:
            connection.execute(f"DROP TABLE IF EXISTS {_TABLE}")
            connection.execute(
                f"CREATE TABLE {_TABLE} (file text, key int, address bytea, minr int, minc int, "
                "maxr int, maxc int, area int, mask bytea)"
            )
            with (
                connection.cursor() as cursor,
                cursor.copy(f"COPY {_TABLE} FROM STDIN (FORMAT binary)") as copy,
            ):
                copy.set_types(["text", "int4", "bytea", *["int4"] * 5, "bytea"])
                for some in batched_rows(corpus):
                    for row in some:
                        copy.write_row(
                            (row.file, row.key, row.address, *row.bbox, row.area, row.packed)
                        )
            connection.execute(f"CREATE INDEX ON {_TABLE} (address)")
            connection.execute(f"CREATE INDEX ON {_TABLE} (file, key)")
            connection.execute(
                f"CREATE INDEX ON {_TABLE} USING gist "
                "(box(point(minr, minc), point(maxr - 1, maxc - 1)))"
            )
            connection.execute(f"VACUUM ANALYZE {_TABLE}")
            size = connection.execute(f"SELECT pg_total_relation_size('{_TABLE}')").fetchone()
            with (place / "size").open("wb") as file:
                file.truncate(0 if size is None else int(size[0]))

    def __init__(self, place: Path) -> None:  # noqa: ARG002
        """Connect."""
        self._connection = psycopg.connect(os.environ[SERVER], autocommit=True)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _asked(self, condition: str, values: Sequence[object]) -> Any:
        text = f"SELECT {self._columns} FROM {_TABLE} WHERE {condition}"
        return self._connection.execute(text.encode(), values).fetchall()

    def named(self, answer: Any) -> Iterable[Named]:
        """Tell the file and key of each row."""
        return [(row[0], row[1]) for row in answer]

    def find(self, address: bytes) -> Any:
        """By an index on addresses."""
        return self._asked("address = %s", [address])

    def boxes_at(self, x: int, y: int) -> Any:
        """Those of one pixel."""
        return self.boxes_in(BBox(y, x, y + 1, x + 1))

    def boxes_in(self, box: BBox) -> Any:
        """By the index of boxes."""
        condition = (
            "box(point(minr, minc), point(maxr - 1, maxc - 1)) && box(point(%s, %s), point(%s, %s))"
        )
        return self._asked(condition, [box.minr, box.minc, box.maxr - 1, box.maxc - 1])

    def masks_at(self, x: int, y: int) -> Any:
        """The one byte of each mask whose box holds the pixel."""
        bit = f"(({y} - minr) * (maxc - minc) + {x} - minc)"
        text = (
            f"SELECT {self._columns} FROM {_TABLE} WHERE "
            "box(point(minr, minc), point(maxr - 1, maxc - 1)) && box(point(%s, %s), point(%s, %s))"
            f" AND get_byte(mask, {bit} / 8) >> (7 - {bit} %% 8) & 1 = 1"
        )
        return self._connection.execute(text.encode(), [y, x, y, x]).fetchall()
