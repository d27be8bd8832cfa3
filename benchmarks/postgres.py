"""Questions to PostgreSQL, beside the same SQL through psycopg, and beside SQLite.

``python -m benchmarks.postgres postgresql://… [--entries N]`` makes an archive of small masks, an
index of it in SQLite, and a copy of that on the server, in a schema of its own that is dropped at
the end. What is compared is asked in turn, in rounds; told are medians of all rounds and ratios.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from tabulate import tabulate

import iidindex
from iidindex import IIDFile
from iidindex.query.entries import Entries
from iidindex.query.question import compile as sql
from iidindex.query.question.asking import Question

# Pixels of a side of each picture; masks are squares of these sides.
_FRAME = 3016
_SIDES = (4, 29)
_PER_FILE = 200
_PER_IID = 5
_ASKED = 60


def write(place: Path, entries: int) -> None:
    """Write an archive of so many entries."""
    rng = np.random.default_rng(3)
    place.mkdir()
    for number in range(entries // _PER_FILE):
        file = IIDFile()
        file.meta.data = {"frame": number}
        for _ in range(_PER_FILE):
            side = int(rng.integers(*_SIDES))
            row, col = (int(one) for one in rng.integers(0, _FRAME - side, 2))
            address = b"p%d" % rng.integers(0, entries // _PER_IID)
            file.add(address, b"d", (row, col, row + side, col + side), np.ones((side, side), bool))
        file.save(place / f"{number:06}.iid")


@contextmanager
def schema(url: str) -> Iterator[str]:
    """The URL of a new schema, which is dropped at the end."""
    name = f"bench_{uuid.uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}".encode())
        try:
            yield f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{name}"
        finally:
            connection.execute(f"DROP SCHEMA {name} CASCADE".encode())


def by_psycopg(driver: psycopg.Connection[Any], question: Entries) -> Callable[[], int]:
    """The statement of a question, run by the driver alone, in a transaction of its own."""
    with question._catalog.reading() as connection:
        asked = Question(connection, question._originals, question._filters)
        compiled = sql.hits(asked._shape, asked.plan.way).compiled(connection)
        values = compiled.values(asked._values)

    def run() -> int:
        with driver.transaction():
            return len(driver.execute(compiled.text.encode(), values).fetchall())

    return run


def seconds(jobs: Sequence[Callable[[], Any]]) -> float:
    """How long one takes, in the middle."""
    took = []
    for job in jobs:
        begin = time.perf_counter()
        job()
        took.append(time.perf_counter() - begin)
    return statistics.median(took)


def main() -> None:
    """Measure, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, schema(options.url) as url:
        place = Path(directory)
        write(place / "archive", options.entries)
        with iidindex.open(place / "x.db", create=True) as here:
            here.ingest(place / "archive")
            begin = time.perf_counter()
            here.copy_to(url)
            print(f"copied in {time.perf_counter() - begin:.1f} s")
            with iidindex.open(url) as there, psycopg.connect(url) as driver:
                print(tabulate(measured(here, there, driver, options.rounds), headers="keys"))


def measured(
    here: iidindex.Index, there: iidindex.Index, driver: psycopg.Connection[Any], rounds: int
) -> list[dict[str, str]]:
    """A row for each kind of question."""
    some = random.Random(3).sample(list(here.entries.where(key=[7])), _ASKED)
    found = []
    kinds: dict[str, Callable[[Entries, Any], Entries]] = {
        "find an address": lambda entries, one: entries.where(address=one.iid.address),
        "boxes at a pixel": lambda entries, one: entries.at(*one.bbox[:2], exact=False),
        "masks at a pixel": lambda entries, one: entries.at(*one.bbox[:2]),
        "boxes in 100 x 100": lambda entries, one: entries.region(
            (*one.bbox[:2], one.bbox[0] + 100, one.bbox[1] + 100), exact=False
        ),
        "a file": lambda entries, one: entries.where(path=one.path),
    }
    for name, question in kinds.items():
        jobs: dict[str, list[Callable[[], Any]]] = {
            "sqlite": [partial(list, question(here.entries, one)) for one in some],
            "postgresql": [partial(list, question(there.entries, one)) for one in some],
            "psycopg": [by_psycopg(driver, question(there.entries, one)) for one in some],
        }
        times: dict[str, list[float]] = {who: [] for who in jobs}
        for _ in range(rounds):
            for who, each in jobs.items():
                times[who].append(seconds(each))
        middle = {who: statistics.median(some) for who, some in times.items()}
        found.append(
            {
                "question": name,
                **{f"{who}, ms": f"{value * 1000:.2f}" for who, value in middle.items()},
                "of psycopg": f"{middle['postgresql'] / middle['psycopg']:.2f}",
                "of SQLite": f"{middle['postgresql'] / middle['sqlite']:.1f}",
            }
        )
    return found


if __name__ == "__main__":
    main()
