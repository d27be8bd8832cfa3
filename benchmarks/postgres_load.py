"""Filling a catalogue on PostgreSQL, beside SQLite in the same run.

    python -m benchmarks.postgres_load [--files N]

It takes the server of ``IIDINDEX_TEST_POSTGRES``, or starts one as the tests do; that one does not
wait for the disk (``fsync=off``), so what is written there takes longer elsewhere.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psycopg

import iidindex
from benchmarks.ingest import build
from benchmarks.memory import HERE, environment
from iidindex.catalog.postgres.copying import copy_integers

sys.path.insert(0, str(HERE / "tests"))
import postgres_server

_PER_FILE = 100
_ROOTS = 4
_COPIED = ["id", "file_id", "key", "iid_id", "minr", "minc", "maxr", "maxc", "area"]
_COPIED += ["offset", "length", "checksum"]
_WRITER = (
    "import sys, iidindex\n"
    "with iidindex.open(sys.argv[1]) as index: index.ingest(sys.argv[2], jobs=1)\n"
)
_SIZE = (
    "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c WHERE relkind = 'r' "
    "AND relnamespace = current_schema()::regnamespace"
)


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.postgres_load", description="Fill both databases."
    )
    parser.add_argument("--files", type=int, default=10_000, help="of a hundred entries")
    options = parser.parse_args()
    postgres_server.begin_run()
    try:
        with tempfile.TemporaryDirectory() as temporary:
            _first(Path(temporary), options.files)
            _writers(Path(temporary), options.files // 10)
    finally:
        postgres_server.end_run()


def _first(place: Path, n_files: int) -> None:
    """Fill both databases with the same archive, twice, and tell how large they are."""
    n = n_files * _PER_FILE
    build(place / "archive", n_files)
    with postgres_server.schema_of_its_own() as url:
        for name, location in (("SQLite", place / "x.db"), ("PostgreSQL", url)):
            with iidindex.open(location, create=True) as index:
                begin, cpu = time.perf_counter(), time.process_time()
                index.ingest(place / "archive", jobs=1)
                wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
                begin = time.perf_counter()
                index.ingest(place / "archive", jobs=1)
                again = time.perf_counter() - begin
            print(f"{name}: {n:,} entries, {n / wall:,.0f} a second, {1e6 * cpu / n:.1f} µs each")
            print(f"    of this process; again, nothing changed: {again:.2f} s")
        with psycopg.connect(url) as raw:
            ((size,),) = raw.execute(_SIZE).fetchall()
            lite = (place / "x.db").stat().st_size
            print(f"bytes an entry: SQLite {lite / n:.0f}, PostgreSQL {float(size) / n:.0f}")
            _copying(raw, n)


def _copying(raw: psycopg.Connection, n: int) -> None:
    """Time COPY alone, of rows that lie ready, into a table without an index."""
    raw.execute("CREATE TEMP TABLE entries (LIKE entries)")
    rows = np.arange(n * len(_COPIED), dtype=np.int64).reshape(n, -1) % 30_000
    begin, cpu = time.perf_counter(), time.process_time()
    copy_integers(raw, "entries", _COPIED, rows)
    wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
    print(f"COPY: {1e6 * wall / n:.2f} µs a row, {1e6 * cpu / n:.2f} µs of this process")
    raw.rollback()


def _writers(place: Path, n_files: int) -> None:
    """Time roots that are ingested one after the other, and side by side."""
    roots = [place / f"root{nth}" for nth in range(_ROOTS)]
    for seed, root in enumerate(roots):
        build(root, n_files, seed=seed)
    for together in (1, _ROOTS):
        with postgres_server.schema_of_its_own() as url:
            iidindex.open(url, create=True).close()
            begin = time.perf_counter()
            for first in range(0, _ROOTS, together):
                writers = [
                    subprocess.Popen(
                        [sys.executable, "-c", _WRITER, url, str(root)], env=environment()
                    )
                    for root in roots[first : first + together]
                ]
                if any(writer.wait() for writer in writers):
                    raise RuntimeError("a writer failed")
            rate = _ROOTS * _PER_FILE * n_files / (time.perf_counter() - begin)
            print(
                f"{_ROOTS} roots of {n_files:,} files, {together} at a time: {rate:,.0f} a second"
            )


if __name__ == "__main__":
    main()
