"""Measurements behind the catalogue's choices: ``python -m benchmarks.database [NAME …]``.

They write real databases in a temporary directory, in turn, several times.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
from tabulate import tabulate

from benchmarks.runner import Contender, Job, duration, measure, ratio
from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.sqlite import connections, database, rtree, writer
from iidindex.catalog.sqlite.writer import Writer

Ints = npt.NDArray[np.int64]
_ROWS = 300_000
_SCHEMA_PRAGMAS = connections._PRAGMAS


@contextmanager
def _catalog(directory: Path, name: str) -> Iterator[Catalog]:
    for place in directory.glob(f"{name}.db*"):
        place.unlink()
    with Catalog(directory / f"{name}.db", create=True) as catalog:
        yield catalog


def _entries(count: int) -> Ints:
    rng = np.random.default_rng(0)
    rows = np.empty((count, 11), np.int64)
    rows[:, 0] = np.arange(count) + 1
    rows[:, 1] = rows[:, 0] // 100
    rows[:, 2] = rows[:, 0] % 100
    rows[:, 3] = rng.integers(1, 100_000, count)
    rows[:, 4:6] = rng.integers(0, 3000, (count, 2))
    rows[:, 6:8] = rows[:, 4:6] + rng.integers(1, 100, (count, 2))
    rows[:, 8] = 150
    rows[:, 9] = 5000 + 64 * rows[:, 2]
    rows[:, 10] = 64
    return rows


def _write(catalog: Catalog, rows: Ints, images: int = 10) -> None:
    names = [str(column) for column in range(11)]
    with (
        patch.object(writer, "most_images", lambda _: images),
        patch.object(writer, "insert", _insert_all),
        catalog.writing() as connection,
        Writer(connection) as target,
    ):
        target.insert_integers("entries", names, rows)
        _ = target.connection


def _insert_all(connection: object, table: str, _: object, values: list[object]) -> None:
    from iidindex.catalog.schema import entries
    from iidindex.catalog.sqlite.multirow import insert

    insert(connection, table, [column.name for column in entries.columns], values)  # type: ignore[arg-type]


def rows(directory: Path) -> None:
    """Rows of parameters, or copied from an image."""
    table = _entries(_ROWS)

    def job(name: str, images: int) -> Job:
        def run() -> None:
            with _catalog(directory, name) as catalog:
                _write(catalog, table, images)

        return run

    _tell(
        f"{_ROWS:,} rows of entries into an empty table",
        {"parameters": job("parameters", 0), "image": job("image", 10)},
    )


def pragmas(directory: Path) -> None:
    """Page size, journal and flushing, for the same rows and a tree over them."""
    table = _entries(_ROWS)
    cells = rtree.cells_of(table[:, 0], table[:, 4:8].astype(np.uint16))

    def job(page: int, journal: str, synchronous: str) -> Job:
        changed = tuple(
            f"PRAGMA synchronous = {synchronous}" if "synchronous" in pragma else pragma
            for pragma in _SCHEMA_PRAGMAS
        )

        def run() -> None:
            with (
                patch.object(database, "_PAGE_BYTES", page),
                patch.object(database, "_JOURNAL", journal),
                patch.object(connections, "_PRAGMAS", changed),
                _catalog(directory, f"{page}{journal}{synchronous}") as catalog,
            ):
                _write(catalog, table)
                with catalog.writing() as connection, Writer(connection) as target:
                    rtree.pack(target, rtree.read_tree(connection), cells)
                    _ = target.connection

        return run

    _tell(
        f"{_ROWS:,} rows of entries and a packed tree over them",
        {
            f"pages of {page:,}, {journal}, synchronous {synchronous}": job(
                page, journal, synchronous
            )
            for page, journal, synchronous in (
                (4096, "WAL", "NORMAL"),
                (8192, "WAL", "NORMAL"),
                (16384, "WAL", "NORMAL"),
                (8192, "WAL", "FULL"),
                (8192, "DELETE", "FULL"),
            )
        },
    )


def packing(directory: Path) -> None:
    """Sort-tile-recursive or Hilbert order, for one packing and for questions of the tree."""
    table = _entries(_ROWS)
    cells = rtree.cells_of(table[:, 0], table[:, 4:8].astype(np.uint16))
    rng = np.random.default_rng(1)
    points = np.repeat(rng.integers(0, 3100, (500, 2)), 2, axis=1)[:, [0, 1, 2, 3]].tolist()

    def made(name: str, order: object) -> Job:
        def run() -> None:
            with (
                patch.object(rtree, "_tiled", order),
                _catalog(directory, name) as catalog,
                catalog.writing() as connection,
                Writer(connection) as target,
            ):
                rtree.pack(target, rtree.read_tree(connection), cells)
                _ = target.connection

        return run

    def asked(name: str) -> Job:
        catalog = Catalog(directory / f"{name}.db")

        def run() -> None:
            with catalog.reading() as connection:
                for point in points:
                    connection.exec_driver_sql(
                        "SELECT count(*) FROM entry_boxes WHERE minr <= ? AND maxr >= ? "
                        "AND minc <= ? AND maxc >= ?",
                        tuple(point),
                    ).scalar()

        return run

    orders = {"sort-tile-recursive": rtree._tiled, "Hilbert": hilbert_order}
    _tell(f"a tree of {_ROWS:,} boxes packed", {name: made(name, orders[name]) for name in orders})
    _tell("500 pixels asked of it", {name: asked(name) for name in orders})


def hilbert_order(cells: Ints) -> Ints:
    """Order cells by the Hilbert value of their middle.

    References
    ----------
    J. Skilling, "Programming the Hilbert curve", AIP Conference Proceedings 707 (2004); for two
    dimensions, as in the Wikipedia article "Hilbert curve".
    """
    x, y = (cells[:, 3] + cells[:, 4]) // 2, (cells[:, 1] + cells[:, 2]) // 2
    x, y = x.copy(), y.copy()
    value = np.zeros(len(cells), np.int64)
    side = 1 << 15
    while side:
        right, upper = (x & side) > 0, (y & side) > 0
        value += side * side * ((3 * right) ^ upper)
        turned = ~upper
        flipped = turned & right
        x = np.where(flipped, 65_535 - x, x)
        y = np.where(flipped, 65_535 - y, y)
        x, y = np.where(turned, y, x), np.where(turned, x, y)
        side >>= 1
    return np.argsort(value, kind="stable")


def growing(directory: Path) -> None:
    """From how many boxes on packing pays, in a tree that is there."""
    base = _entries(100_000)
    old = rtree.cells_of(base[:, 0], base[:, 4:8].astype(np.uint16))
    for count in (30, 100, 300, 1_000, 3_000):
        new = old[:count].copy()
        new[:, 0] += len(old)

        def made(name: str, pack_from: int, new: Ints = new) -> Contender:
            def prepare() -> Job:
                with (
                    _catalog(directory, name) as catalog,
                    catalog.writing() as connection,
                    Writer(connection) as target,
                ):
                    rtree.pack(target, rtree.read_tree(connection), old)
                    _ = target.connection

                def run() -> None:
                    with (
                        patch.object(rtree, "PACK_FROM", pack_from),
                        patch.object(rtree, "_PACK_PART", 0),
                        Catalog(directory / f"{name}.db") as catalog,
                        catalog.writing() as connection,
                        Writer(connection) as target,
                    ):
                        tree = rtree.read_tree(connection)
                        rtree.add_boxes(target, tree, new, len(old))
                        _ = target.connection

                return run

            return Contender(name, prepare)

        _compare(
            f"{count:,} boxes added to {len(old):,}", [made("inserted", 1 << 60), made("packed", 0)]
        )


def layers(directory: Path) -> None:
    """What each packing that lies over the others costs a question about a pixel."""
    made = _entries(600_000)
    cells = rtree.cells_of(made[:, 0], made[:, 4:8].astype(np.uint16))
    pixels = np.random.default_rng(1).integers(0, 3000, (200, 2)).tolist()
    jobs: dict[str, Job] = {}
    for number in (1, 10, 30, 100):
        with (
            _catalog(directory, f"layers{number}") as catalog,
            catalog.writing() as connection,
            Writer(connection) as target,
        ):
            for part in np.array_split(cells, number):
                tree = rtree.read_tree(target.connection)
                rtree.pack(target, tree, part, rtree.Merging(fan=1 << 30))
            name = f"{number} packings, {rtree.layers(target.connection):.0f} layers"

        def ask(number: int = number) -> None:
            with (
                Catalog(directory / f"layers{number}.db") as catalog,
                catalog.reading() as connection,
            ):
                for row, column in pixels:
                    connection.exec_driver_sql(
                        "SELECT id FROM entry_boxes WHERE minr <= ? AND maxr >= ? "
                        "AND minc <= ? AND maxc >= ?",
                        (row, row, column, column),
                    ).all()

        jobs[name] = ask
    _tell("200 pixels of 600,000 boxes", jobs)


def _tell(title: str, jobs: dict[str, Job]) -> None:
    _compare(title, [Contender.of(name, job) for name, job in jobs.items()])


def _compare(title: str, contenders: list[Contender]) -> None:
    found = measure(contenders, 7)
    lines = [
        (contender.name, duration(times.median), ratio(found[0].median / times.median))
        for contender, times in zip(contenders, found, strict=True)
    ]
    print(f"\n{title}\n\n{tabulate(lines, headers=['', 'time', 'ratio'], tablefmt='github')}")


MEASUREMENTS = {
    "rows": rows,
    "pragmas": pragmas,
    "packing": packing,
    "growing": growing,
    "layers": layers,
}


def main() -> int:
    """Run what is named, or everything."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.database", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *MEASUREMENTS], metavar="NAME")
    with tempfile.TemporaryDirectory(prefix="iidindex-benchmarks-") as directory:
        for name in parser.parse_args().names or MEASUREMENTS:
            MEASUREMENTS[name](Path(directory))
    return 0


if __name__ == "__main__":
    sys.exit(main())
