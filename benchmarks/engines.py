"""The engines that an archive can be asked with, in one run: what each costs, and how fast it is.

``python -m benchmarks.engines [ENTRIES] [--postgres URL]`` builds an archive of masks of 16 × 16
pixels in files of 10,000 entries, makes an index on SQLite of it, one on PostgreSQL if a server is
named (in a schema that is dropped afterwards), and a lake of Parquet; then asks each the same, in
turn, and prints the table of ``docs/howto/large.md``. Answers are records, and have to be equal.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl

import iidindex
from benchmarks.long_load import PER_FILE, build
from benchmarks.results import machine
from benchmarks.runner import Contender, agree, duration, measure

_REPEATS = 9
_QUESTIONS = 10

Named = tuple[str, int]


@dataclass
class Engine:
    """Something that answers.

    Attributes
    ----------
    name : str
    seconds : float
        To make it.
    n_bytes : int
        That it takes on the disk.
    find, at, region : callable
        From an address, a pixel ``(x, y)``, or a box, to the paths and keys of entries, by boxes.
    """

    name: str
    seconds: float
    n_bytes: int
    find: Callable[[bytes], list[Named]]
    at: Callable[[int, int], list[Named]]
    region: Callable[[tuple[int, int, int, int]], list[Named]]


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engines", description=__doc__)
    parser.add_argument("entries", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--postgres", help="the URL of a database that may be written to")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        build(place / "archive", max(PER_FILE, options.entries // PER_FILE * PER_FILE))
        with engines(place, options.postgres) as found:
            print(machine(), "\n", *table(found, options.entries), sep="\n")


@contextmanager
def engines(place: Path, postgres: str | None) -> Iterator[list[Engine]]:
    """Make all engines below a directory that has the archive."""
    with iidindex.open(place / "x.db", create=True) as index:
        begin = time.perf_counter()
        index.ingest(place / "archive")
        seconds = time.perf_counter() - begin
        found = [_indexed("SQLite", index, seconds, (place / "x.db").stat().st_size)]
        begin = time.perf_counter()
        index.entries.export(place / "lake", to="parquet")
        seconds = time.perf_counter() - begin
        if postgres is None:
            yield found + _lake(place / "lake", seconds)
            return
        with _on_postgres(postgres, place / "archive") as theirs:
            yield [*found, theirs, *_lake(place / "lake", seconds)]


@contextmanager
def _on_postgres(url: str, archive: Path) -> Iterator[Engine]:
    import psycopg

    plain = url.replace("+psycopg", "")
    with psycopg.connect(plain, autocommit=True) as server:
        server.execute("CREATE SCHEMA iidindex_bench")
        try:
            options = "options=-csearch_path%3Diidindex_bench"
            separator = "&" if "?" in url else "?"
            with iidindex.open(f"{url}{separator}{options}", create=True) as index:
                begin = time.perf_counter()
                index.ingest(archive)
                seconds = time.perf_counter() - begin
                size = server.execute(
                    "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class "
                    "WHERE relkind = 'r' AND relnamespace = 'iidindex_bench'::regnamespace"
                ).fetchone()
                yield _indexed("PostgreSQL", index, seconds, size[0] if size else 0)
        finally:
            server.execute("DROP SCHEMA iidindex_bench CASCADE")


def _indexed(name: str, index: iidindex.Index, seconds: float, n_bytes: int) -> Engine:
    def named(question: Any) -> list[Named]:
        return [(entry.path, entry.key) for entry in question]

    return Engine(
        name,
        seconds,
        n_bytes,
        lambda address: named(index.entries.where(address=address)),
        lambda x, y: named(index.entries.at(x, y, exact=False)),
        lambda box: named(index.entries.region(box, exact=False)),
    )


def _lake(lake: Path, seconds: float) -> list[Engine]:
    n_bytes = sum(path.stat().st_size for path in lake.rglob("*.parquet"))
    by_iid, by_place = (f"{lake}/by={by}/*.parquet" for by in ("iid", "place"))
    connection = duckdb.connect()

    def asked(source: str, condition: str, values: dict[str, Any]) -> list[Named]:
        text = f"SELECT path, key FROM '{source}' WHERE {condition}"
        return connection.execute(text, values).fetchall()

    meets = "minr < $maxr AND $minr < maxr AND minc < $maxc AND $minc < maxc"

    def boxes(box: tuple[int, int, int, int]) -> list[Named]:
        values = dict(zip(("minr", "minc", "maxr", "maxc"), box, strict=True))
        return asked(by_place, meets, values)

    def scanned(source: str, condition: pl.Expr) -> list[Named]:
        return pl.scan_parquet(source).filter(condition).select("path", "key").collect().rows()

    def scanned_boxes(box: tuple[int, int, int, int]) -> list[Named]:
        minr, minc, maxr, maxc = box
        rows = (pl.col("minr") < maxr) & (pl.col("maxr") > minr)
        return scanned(by_place, rows & (pl.col("minc") < maxc) & (pl.col("maxc") > minc))

    return [
        Engine(
            f"DuckDB {duckdb.__version__}, Parquet",
            seconds,
            n_bytes,
            lambda address: asked(by_iid, "address = $address", {"address": address}),
            lambda x, y: boxes((y, x, y + 1, x + 1)),
            boxes,
        ),
        Engine(
            f"Polars {pl.__version__}, Parquet",
            seconds,
            n_bytes,
            lambda address: scanned(by_iid, pl.col("address") == address),
            lambda x, y: scanned_boxes((y, x, y + 1, x + 1)),
            scanned_boxes,
        ),
    ]


def table(found: list[Engine], entries: int) -> Iterator[str]:
    """Ask all in turn, and tell what each took, beside the first."""
    draw = np.random.default_rng(3)
    side = int(3 * entries**0.5)
    addresses = [f"{number:08d}".encode() for number in draw.integers(0, 1000, _QUESTIONS)]
    pixels = draw.integers(100, side - 100, (_QUESTIONS, 2)).tolist()
    boxes = [(y, x, y + 100, x + 100) for x, y in pixels]
    jobs: dict[str, Callable[[Engine], list[list[Named]]]] = {
        "an individual": lambda one: [one.find(address) for address in addresses],
        "boxes at a pixel": lambda one: [one.at(x, y) for x, y in pixels],
        "boxes in a square of 100": lambda one: [one.region(box) for box in boxes],
    }
    yield f"| | made in | bytes an entry | {' | '.join(jobs)} |"
    yield f"|---|{'---|' * (len(jobs) + 2)}"
    rows = [[one.name, duration(one.seconds), f"{one.n_bytes / entries:.0f}"] for one in found]
    for name, job in jobs.items():
        answers = [[sorted(map(tuple, answer)) for answer in job(one)] for one in found]
        for one, answer in zip(found, answers, strict=True):
            agree(f"{name}: {one.name}", answers[0], answer)
        contenders = [
            Contender(one.name, lambda one=one, job=job: lambda: job(one)) for one in found
        ]
        times = measure(contenders, _REPEATS)
        for row, its in zip(rows, times, strict=True):
            ratio = its.median / times[0].median
            row.append(f"{duration(its.median / _QUESTIONS)} ({ratio:.1f}×)")
    yield from (f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    main()
