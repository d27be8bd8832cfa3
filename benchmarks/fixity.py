"""What fixity costs: ``python -m benchmarks.fixity [--rounds N]``.

The same archives are ingested and asked with and without it, in turn; medians are shown. Files
are in the system's cache, so what is compared is processor time.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
from tabulate import tabulate

import iidindex
from benchmarks import archive

# Masks of a file, files, and the sizes of masks.
_ARCHIVES = {
    "masks of 16 × 16": (400, 100, (archive.SMALL,)),
    "masks of 16 × 16 to 1,000 × 1,000": (60, 100, archive.MIXED),
}


@click.command()
@click.option("--rounds", default=5, show_default=True)
def main(rounds: int) -> None:
    """Measure, and print a table."""
    for name, (files, entries, sizes) in _ARCHIVES.items():
        with tempfile.TemporaryDirectory() as temporary:
            place = Path(temporary)
            archive.write_files(place / "archive", files, entries, sizes=sizes)
            for path in (place / "archive").rglob("*.iid"):
                os.utime(path, (1e9, 1e9))
            rows = _measured(place, rounds)
        print(f"\n{name}: {files} files of {entries} entries\n")
        headers = ("work", "without", "with", "ratio")
        print(tabulate(rows, headers, floatfmt=("", ".1f", ".1f", ".2f")))


def _measured(place: Path, rounds: int) -> list[tuple[str, float, float, float]]:
    times: dict[str, tuple[list[float], list[float]]] = {}
    for nth in range(rounds):
        for fixity in (False, True):
            db = place / f"{nth}{fixity}.db"
            with iidindex.open(db, create=True) as index:
                for name, work in _works(index, place / "archive", fixity).items():
                    begin = time.perf_counter()
                    work()
                    spent = 1000 * (time.perf_counter() - begin)
                    times.setdefault(name, ([], []))[fixity].append(spent)
            for path in place.glob(f"{db.name}*"):
                path.unlink()
    medians = {name: tuple(map(statistics.median, both)) for name, both in times.items()}
    return [(name, *both, both[1] / both[0]) for name, both in medians.items()]


def _works(index: iidindex.Index, directory: Path, fixity: bool) -> dict[str, Callable[[], object]]:
    every = index.entries
    return {
        "ingest": lambda: index.ingest(directory, fixity=fixity),
        "ingest again, nothing changed": lambda: index.ingest(directory),
        "masks at a pixel, 20 times": lambda: [every.at(1500, 70 * n).count() for n in range(20)],
        "masks in 1,000 × 1,000": lambda: every.region((500, 500, 1500, 1500)).count(),
        "all masks": lambda: sum(1 for _ in every.masks()),
        "overlaps of all": lambda: sum(1 for _ in index.overlaps()),
        "entry.mask(), 500 times": lambda: [entry.mask() for entry in every.limit(500)],
        "verify --masks": lambda: index.verify(masks=True),
        "verify, or verify --fixity": lambda: index.verify(fixity=fixity),
    }


if __name__ == "__main__":
    main()
