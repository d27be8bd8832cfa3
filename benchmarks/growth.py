"""How an index grows: ingest from a thousand files to a hundred thousand, and one huge file.

``python -m benchmarks.growth`` takes some ten minutes and 2 GB of disk, and writes
``docs/growth.md``. Each ingest runs in a process of its own, so that its memory can be measured.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from tabulate import tabulate

import iidindex
from benchmarks.__main__ import machine
from benchmarks.ingest import build

PAGE = Path(__file__).resolve().parents[1] / "docs" / "growth.md"
# Files, and entries of each.
SIZES = [(1_000, 100), (10_000, 100), (100_000, 100), (1, 1_000_000)]
_QUESTIONS = 200

HEAD = """\
# How it grows

Written by `python -m benchmarks.growth`; do not edit. The files are those of the ingest benchmark,
with 200,000 individuals. Memory is the greatest sum, over all processes of an ingest, of what each
has of its own and its share of the rest (PSS). The second ingest finds nothing changed. Questions
are asked of a warm index; their times are medians.
"""


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--place", type=Path, help="where to build; kept if given")
    parser.add_argument("--ingest", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ingest:
        _ingest(*options.ingest)
        return
    place = options.place or Path(tempfile.mkdtemp())
    try:
        lines = [_measure(place, *size) for size in SIZES]
    finally:
        if options.place is None:
            shutil.rmtree(place)
    table = tabulate(lines, headers="keys", tablefmt="github", disable_numparse=True)
    print(table)
    PAGE.write_text(f"{HEAD}\n{table}\n\n{machine()}", encoding="utf-8")


def _measure(place: Path, n_files: int, per_file: int) -> dict[str, str]:
    root = place / f"{n_files}x{per_file}"
    if not root.exists():
        build(root, n_files, per_file)
    database = place / f"{root.name}.db"
    for suffix in ("", "-wal", "-shm", "-lock"):
        Path(f"{database}{suffix}").unlink(missing_ok=True)
    first, memory = _watched(database, root)
    again, _ = _watched(database, root)
    n_entries = n_files * per_file
    with iidindex.open(database) as index:
        assert index.stats().entries == n_entries
        # Any that exist; not the first, which lie together.
        some = list(index.entries.where(key=per_file // 2).limit(_QUESTIONS))
        some = (some * _QUESTIONS)[:_QUESTIONS]
        addresses = [entry.iid.address for entry in some]
        links = _time(lambda nth: index.links(addresses[nth], domain=b"bench"))
        pixels = [(entry.bbox.minc, entry.bbox.minr) for entry in some]
        at = _time(lambda nth: index.entries.at(*pixels[nth], exact=False).count())
        hits = index.entries.at(*pixels[0], exact=False).count()
    line = {
        "files × entries": f"{n_files:,} × {per_file:,}",
        "ingest": f"{first:.1f} s",
        "entries/s": f"{n_entries / first:,.0f}",
        "again": f"{again:.2f} s",
        "memory": f"{memory / 1e6:.0f} MB",
        "bytes/entry": f"{database.stat().st_size / n_entries:.0f}",
        "links of one IID": f"{links * 1e3:.2f} ms",
        "boxes at a pixel": f"{at * 1e3:.2f} ms, {hits:,} hits",
    }
    print(line, file=sys.stderr)
    return line


def _time(question: Any) -> float:
    times = []
    for nth in range(_QUESTIONS):
        begin = time.perf_counter()
        question(nth)
        times.append(time.perf_counter() - begin)
    return median(times)


def _watched(database: Path, root: Path) -> tuple[float, int]:
    """Ingest in another process; its seconds, without imports, and its greatest memory in bytes."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.growth", "--ingest", str(database), str(root)],
        stdout=subprocess.PIPE,
    )
    greatest = 0
    while process.poll() is None:
        greatest = max(greatest, sum(map(_memory, _family(process.pid))))
        time.sleep(0.2)
    assert process.stdout is not None
    return json.loads(process.stdout.read()), greatest


def _ingest(database: str, root: str) -> None:
    with iidindex.open(database, create=True) as index:
        print(json.dumps(index.ingest(root).seconds))


def _family(process: int) -> list[int]:
    """A process and all that it started."""
    try:
        listed = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii")
    except OSError:
        return [process]
    return [process, *(found for child in listed.split() for found in _family(int(child)))]


def _memory(process: int) -> int:
    try:
        rollup = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    return next((int(row.split()[1]) * 1024 for row in rollup.splitlines() if row[:4] == "Pss:"), 0)


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parents[1])
    main()
