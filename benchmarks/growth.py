"""How an index grows: ingest and questions from ten thousand entries to ten million.

``python -m benchmarks.growth`` goes up to a million entries and writes ``docs/growth.md`` with its
plots; it takes some five minutes and 1 GB of disk. ``--large`` adds ten million, and 3 GB.
Each ingest, and the questions about each index, run in a process of their own, so that their
memory can be measured.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tabulate import tabulate

from benchmarks import long_load, memory, plots
from benchmarks.growing import Asked
from benchmarks.ingest import build
from benchmarks.memory import HERE
from benchmarks.results import machine
from benchmarks.runner import duration

PAGE = HERE / "docs" / "growth.md"
KEPT = HERE / ".benchmarks" / "growth.json"
# Entries of a line of the long ingest.
_STRETCH = 10_000_000
PLOTS = ("growth-ingest.png", "growth-questions.png")

# Files, and entries of each: many files as large as each other, and one as large as all.
MANY = [(100, 100), (1_000, 100), (10_000, 100)]
LARGE = [(100_000, 100)]
ONE = [(1, 10_000), (1, 100_000), (1, 1_000_000)]

_ASK = "import sys; from benchmarks.growing import main; main(sys.argv[1])"

_HEAD = """\
# How it grows

Written by `make bench`; do not edit. This page shows how time, memory and size grow with the number
of entries: of an ingest, and of each question.

The files are those of the ingest benchmark: masks of 16 × 16 pixels of 200,000 individuals, at
random places in a frame of 3016 × 3016. Memory is the largest sum, over all processes, of the
memory of each process and its share of what they have in common (PSS).

![Seconds, memory and bytes of an ingest over the number of entries](growth-ingest.png)
"""

_INGEST = """\
## Ingest

The column *again* is a second ingest, which finds nothing changed: it looks at every file and opens
none. *Memory while asking* is the memory of a process that asks all the questions below, one after
another.
"""

_QUESTIONS = """\
## Questions

The index is open and in memory. The questions are asked one after another, each about another
individual, pixel or file. The times are medians. The number in brackets is how much was found.
The number of individuals stays the same, and all masks lie in the same frame. So most questions
find more in a larger archive: with ten times the entries, ten times the hits at a pixel.

![Milliseconds of each question over the number of entries](growth-questions.png)
"""

_LONG = """\
## A hundred million

This is one first ingest of files of 10,000 entries, as `benchmarks/long_load.py` makes them.
There is a new individual for every fifty entries, and each entry is of any individual so far. A
large archive has as many masks at a pixel as a small one, so questions find as much in both.
"""

_WINDOWS = """\
The machine did other work during this ingest. So parts of it are compared by the processor time of
the process that writes. All work of the database is in that process:
"""

_POINTS = """\
These are point questions, right after the ingest and after `optimize`. The times are medians of
processor time. The number in brackets is the median of how much was found:
"""

_READING = """\
## How to read this

- The time of `find`, `links`, `at` and `region` depends on how much they find: with ten times the
  hits, up to ten times as long, whatever the number of other entries. `at` with boxes reads the
  R-tree only. `at` with masks reads every file that has a hit, and if there is one huge file, it
  opens only that one.
- The time of `cooccurring` and `related` depends on the number of entries in the files that the
  individual is in, or in the file whose individuals are looked for in others.
- In one huge file all individuals are together. So `cooccurring` counts them all, and `related`
  has no other file to rank.
- Overlaps are counted in the masks. All masks are read, whether they overlap or not. Ten times
  the masks in one picture make a hundred times the pairs, so this question is not asked of a file
  with a million entries.
"""


@dataclass(frozen=True)
class Point:
    """One archive, and what was measured of it.

    Attributes
    ----------
    ingest, again : float
        Seconds.
    ingesting, asking : int
        Bytes of memory.
    size : int
        Bytes of the database.
    """

    n_files: int
    per_file: int
    ingest: float
    again: float
    ingesting: int
    asking: int
    size: int
    asked: dict[str, Asked]

    @property
    def entries(self) -> int:
        """Entries in all."""
        return self.n_files * self.per_file

    @property
    def name(self) -> str:
        """Files × entries."""
        return f"{self.n_files:,} × {self.per_file:,}"


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--place", type=Path, help="where to build; kept if given")
    parser.add_argument("--large", action="store_true", help="ten million entries as well")
    parser.add_argument("--small", action="store_true", help="a trial; writes no page")
    parser.add_argument("--render", action="store_true", help="measure nothing; write the page")
    options = parser.parse_args()
    if options.render:
        text = json.loads(KEPT.read_text(encoding="utf-8"))
        points, measured_on = [_point(found) for found in text["points"]], text["machine"]
    else:
        sizes = [*MANY[:2], *ONE[:1]] if options.small else [*MANY, *ONE]
        sizes += LARGE if options.large else []
        points, measured_on = _measured(options.place, sizes), machine()
    print(_ingests(points), _questions(points), sep="\n")
    if not options.small:
        KEPT.parent.mkdir(exist_ok=True)
        kept = {"machine": measured_on, "points": [asdict(point) for point in points]}
        KEPT.write_text(json.dumps(kept, indent=1), encoding="utf-8")
        write(points, measured_on, PAGE.parent)


def write(points: Sequence[Point], measured_on: str, directory: Path) -> None:
    """Write the page and its plots."""
    parts = [_HEAD, f"{measured_on}\n", _INGEST, _ingests(points)]
    parts += [_QUESTIONS, _questions(points), *_long(), _READING]
    (directory / PAGE.name).write_text("\n".join(parts), encoding="utf-8")
    plots.growth(_panels_of_ingest(points), directory / PLOTS[0])
    plots.growth(_panels_of_questions(points), directory / PLOTS[1], same=True)


def _point(found: dict[str, object]) -> Point:
    asked = found.pop("asked")
    assert isinstance(asked, dict)
    return Point(**found, asked={name: Asked(**one) for name, one in asked.items()})  # type: ignore[arg-type]


# ---------------------------------------------------------------------- measuring


def _measured(place: Path | None, sizes: Sequence[tuple[int, int]]) -> list[Point]:
    where = place or Path(tempfile.mkdtemp())
    points = []
    try:
        for size in sizes:
            points.append(measure(where, *size))
            print(points[-1], file=sys.stderr)
    finally:
        if place is None:
            shutil.rmtree(where)
    return points


def measure(place: Path, n_files: int, per_file: int) -> Point:
    """Build an archive below a directory, unless it is there; ingest it twice, and ask."""
    root = place / f"{n_files}x{per_file}"
    if not root.exists():
        build(root, n_files, per_file)
    database = place / f"{root.name}.db"
    for path in memory.of_database(database):
        path.unlink(missing_ok=True)
    first, ingesting = memory.ingest(database, root)
    again, _ = memory.ingest(database, root)
    size = database.stat().st_size
    text, asking = memory.watched(["-c", _ASK, str(database)])
    asked = {name: Asked(**found) for name, found in json.loads(text).items()}
    return Point(n_files, per_file, first, again, ingesting, asking, size, asked)


# ---------------------------------------------------------------------- showing


def _table(rows: Sequence[dict[str, str]]) -> str:
    return tabulate(rows, headers="keys", tablefmt="github", disable_numparse=True) + "\n"


def _ingests(points: Sequence[Point]) -> str:
    return _table(
        [
            {
                "files × entries": point.name,
                "ingest": duration(point.ingest),
                "entries/s": f"{point.entries / point.ingest:,.0f}",
                "again": duration(point.again),
                "memory": f"{point.ingesting / 1e6:.0f} MB",
                "bytes/entry": f"{point.size / point.entries:.0f}",
                "memory while asking": f"{point.asking / 1e6:.0f} MB",
            }
            for point in points
        ]
    )


def _questions(points: Sequence[Point]) -> str:
    names = list(dict.fromkeys(name for point in points for name in point.asked))
    return _table(
        [
            {
                "question": name,
                **{
                    point.name: str(point.asked[name]) if name in point.asked else "—"
                    for point in points
                },
            }
            for name in names
        ]
    )


def _long() -> list[str]:
    """What `long_load` kept: the ingests, stretches of the largest, and point questions."""
    kept = json.loads(long_load.SAVED.read_text(encoding="utf-8"))
    runs = kept["runs"]
    names = [run.get("name", f"{run['entries']:,} entries") for run in runs]
    facts: dict[str, Callable[[dict[str, Any]], str]] = {
        "ingest": lambda run: duration(run["seconds"]),
        "of that, after the last file": lambda run: duration(run["ending"]),
        "peak memory, all processes": lambda run: f"{run['peak'] / 1e6:,.0f} MB",
        "database": lambda run: f"{run['size'] / 1e9:.2f} GB",
        "layers of the R-tree": lambda run: f"{run['layers']:.0f}",
        "optimize, processor time": lambda run: duration(run["optimize"]),
        "optimize, peak memory": lambda run: f"{run['optimizing'] / 1e6:,.0f} MB",
    }
    ingests = [
        {"": name, **{of: _told(told, run) for of, run in zip(names, runs, strict=True)}}
        for name, told in facts.items()
    ]
    asked = [
        {
            "question": name,
            **{of: _asked_in(run, "asked", name) for of, run in zip(names, runs, strict=True)},
            **{
                f"{of}, optimized": _asked_in(run, "asked_again", name)
                for of, run in zip(names, runs, strict=True)
                if "asked_again" in run
            },
        }
        for name in runs[0]["asked"]
    ]
    largest = max(runs, key=lambda run: run["entries"])
    windows = _stretches(largest["windows"])
    note = kept.get("note", "")
    told = [textwrap.fill(text, 100) + "\n" for text in (kept["machine"], note) if text]
    parts = [_LONG, *told, _table(ingests)]
    return [*parts, _WINDOWS, _table(windows), _POINTS, _table(asked)]


def _told(fact: Callable[[dict[str, Any]], str], run: dict[str, Any]) -> str:
    try:
        return fact(run)
    except KeyError:  # not measured
        return "—"


def _asked_in(run: dict[str, Any], when: str, name: str) -> str:
    found = run.get(when, {}).get(name)
    return f"{duration(found[0])} ({found[1]:,.0f})" if found else "—"


def _stretches(windows: Sequence[dict[str, float]]) -> list[dict[str, str]]:
    """Windows put together, ten million entries at a time."""
    rows = []
    begin, wall, writer, before = 0.0, 0.0, 0.0, 0.0
    for nth, window in enumerate(windows):
        wall, writer = wall + window["wall"], writer + window["writer"]
        if window["entries"] - begin >= _STRETCH or nth == len(windows) - 1:
            some = window["entries"] - begin
            rate = some / writer
            before = before or rate
            rows.append(
                {
                    "entries from": f"{begin:,.0f}",
                    "to": f"{window['entries']:,.0f}",
                    "entries/s": f"{some / wall:,.0f}",
                    "entries a second of the writer": f"{rate:,.0f}",
                    "of the first": f"{rate / before:.2f}",
                }
            )
            begin, wall, writer = window["entries"], 0.0, 0.0
    return rows


Lines = dict[str, list[tuple[float, float]]]


def _parted(points: Sequence[Point]) -> dict[str, list[Point]]:
    ordered = sorted(points, key=lambda point: point.entries)
    many = [point for point in ordered if point.n_files > 1]
    one = [point for point in ordered if point.n_files == 1]
    return {"files of 100 entries": many, "one file": one}


def _panels_of_ingest(points: Sequence[Point]) -> dict[str, Lines]:
    parted = _parted(points)

    def lines(value: str, per: float) -> Lines:
        return {
            name: [(point.entries, getattr(point, value) / per) for point in some]
            for name, some in parted.items()
        }

    return {
        "first ingest: seconds": lines("ingest", 1),
        "ingest again, nothing changed: seconds": lines("again", 1),
        "first ingest: peak memory, MB": lines("ingesting", 1e6),
        "database: MB": lines("size", 1e6),
    }


def _panels_of_questions(points: Sequence[Point]) -> dict[str, Lines]:
    panels: dict[str, Lines] = {}
    for title, some in _parted(points).items():
        names = dict.fromkeys(name for point in some for name in point.asked)
        panels[f"{title}: milliseconds a question"] = {
            name: [
                (point.entries, point.asked[name].median * 1e3)
                for point in some
                if name in point.asked
            ]
            for name in names
        }
    return panels


if __name__ == "__main__":
    main()
