"""Measure everything, print a table, and write ``docs/benchmarks.md``."""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from tabulate import tabulate

from benchmarks import codec, ingest, overlaps, questions
from benchmarks.runner import Line, Scale, ratio, run

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
FAMILIES = (codec.works, overlaps.works, ingest.works, questions.works)
PACKAGES = ("numpy", "scikit-image", "rtree", "sqlalchemy", "iidfile", "pycocotools")

HEAD = """\
# How fast it is

Written by `make bench`; do not edit. Contenders do the same work in the same run, in turn, several
times, and their answers are checked to be equal first. Times are medians, with the least and the
greatest behind. A ratio is how many times longer the other program takes: above 1, iidindex is
faster. What each work is, and how masks and archives are made, is in `benchmarks/README.md`.
"""


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a look; writes no page")
    parser.add_argument("--only", help="works whose family has this in its name")
    options = parser.parse_args()
    scale = Scale(quick=options.quick)
    lines: list[Line] = []
    with tempfile.TemporaryDirectory() as temporary:
        for family in FAMILIES:
            name = family.__module__.rpartition(".")[2]
            if options.only and options.only not in name:
                continue
            place = Path(temporary) / name
            place.mkdir()
            for work in family(place, scale):
                lines += run(work)
                print(f"{work.name}: {ratio(lines[-len(work.ours)].ratio)}", file=sys.stderr)
    table = _table(lines)
    print(table)
    if not options.quick and not options.only:
        PAGE.write_text(f"{HEAD}\n{table}\n\n{machine()}\n{_unmet(lines)}", encoding="utf-8")


def _table(lines: list[Line]) -> str:
    rows = []
    work = ""
    for line in lines:
        promise = "" if line.promise is None else line.promise.text
        met = "" if line.met is None else "yes" if line.met else "**no**"
        rows.append(
            [
                line.work if line.work != work else "",
                f"{line.contender}: {line.ours}",
                f"{line.rival}: {line.theirs}",
                ratio(line.ratio),
                promise,
                met,
            ]
        )
        work = line.work
    headers = ["work", "iidindex", "other", "ratio", "promise", "met"]
    return tabulate(rows, headers=headers, tablefmt="github", disable_numparse=True)


def machine() -> str:
    """What was measured, and on what."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    commit = subprocess.run(
        ["git", "describe", "--always"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return (
        f"Measured on {os.cpu_count()} cores of {platform.machine()}, {platform.system()}, with "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {packages}"
        + (f"; iidindex at {commit}.\n" if commit else ".\n")
    )


def _unmet(lines: list[Line]) -> str:
    unmet = [line for line in lines if line.met is False]
    if not unmet:
        return ""
    listed = "\n".join(
        f"- {line.work}: {ratio(line.ratio)}; promised {line.promise.text if line.promise else ''}."
        for line in unmet
    )
    return f"\nPromises that this run did not keep:\n\n{listed}\n"


if __name__ == "__main__":
    main()
