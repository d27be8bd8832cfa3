"""What some constants in the code rest on; run as ``python -m benchmarks.micro``."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import numpy as np
from rtree.index import Index

from benchmarks.runner import Contender, duration, measure


def main() -> None:
    """Print all measurements."""
    print("masks/boxes.py: all pairs of n boxes of 60 pixels in a frame of 2,000")
    for n in (100, 500, 2000, 8000):
        _compare({"sweep": _sweep(n), "R-tree": _tree(n)})
    print("catalog/rows.py: 200,000 rows of ten integers")
    _compare({"VALUES, 1,000 rows": _values(1000), "executemany": _executemany})


def _compare(jobs: dict[str, Callable[[], object]]) -> None:
    times = measure([Contender.of(name, job) for name, job in jobs.items()], 5)
    told = (f"{name} {duration(time.median)}" for name, time in zip(jobs, times, strict=True))
    print("  " + ", ".join(told))


def _boxes(n: int) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    low = np.random.default_rng(n).integers(0, 2000, (n, 2))
    return low, low + 60


def _sweep(n: int) -> Callable[[], object]:
    from iidindex.masks.boxes import BoxIndex

    boxes = np.concatenate(_boxes(n), axis=1)
    return lambda: sum(len(i) for i, _ in BoxIndex(boxes).pairs())


def _tree(n: int) -> Callable[[], object]:
    low, high = (side.astype(float) for side in _boxes(n))

    def job() -> object:
        tree = Index((np.arange(n), low, high - 1))
        return tree.intersection_v(low, high - 1)

    return job


_ROWS = np.arange(2_000_000).reshape(-1, 10)


def _table() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b, c, d, e, f, g, h, i, j)")
    connection.execute("BEGIN")
    return connection


def _values(n_rows: int) -> Callable[[], object]:
    def job() -> None:
        connection = _table()
        flat = _ROWS.ravel().tolist()
        marks = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"] * n_rows)
        for low in range(0, len(flat), 10 * n_rows):
            part = flat[low : low + 10 * n_rows]
            connection.execute(f"INSERT INTO t VALUES {marks}", part)
        connection.close()

    return job


def _executemany() -> None:
    connection = _table()
    rows = list(map(tuple, _ROWS.tolist()))
    connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    connection.close()


if __name__ == "__main__":
    main()
