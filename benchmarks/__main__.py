"""Measure everything, print tables, and write ``docs/benchmarks.md`` with its plot."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks import (
    agreement,
    codec,
    cold,
    drawing,
    exchange,
    executors,
    ingest,
    lake,
    overlaps,
    places,
    plots,
    questions,
    tracks,
    viewer,
)
from benchmarks.memory import HERE
from benchmarks.page import PLOT, everything, page
from benchmarks.peers import works as peers
from benchmarks.results import Results, machine
from benchmarks.runner import Family, Scale, ratio

PAGE = HERE / "docs" / "benchmarks.md"
FAMILIES: dict[str, Family] = {
    "codec": codec.works,
    "drawing": drawing.works,
    "exchange": exchange.works,
    "overlaps": overlaps.works,
    "agreement": agreement.works,
    "ingest": ingest.works,
    "executors": executors.works,
    "lake": lake.works,
    "questions": questions.works,
    "places": places.works,
    "tracks": tracks.works,
    "viewer": viewer.works,
    "cold": cold.works,
    "peers": peers.works,
}


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a look; writes no page")
    parser.add_argument("--only", choices=FAMILIES, action="append", help="writes no page")
    parser.add_argument("--tiny", action="store_true", help="a trial; writes no page")
    parser.add_argument("--keep", type=Path, help="write what was measured to this file")
    parser.add_argument(
        "--render", action="store_true", help="measure nothing; write the page of the last full run"
    )
    options = parser.parse_args()
    if options.render:
        results = Results.load()
    else:
        names = options.only or list(FAMILIES)
        scale = Scale(quick=options.quick or options.tiny, tiny=options.tiny)
        with tempfile.TemporaryDirectory() as temporary:
            results = measured(names, Path(temporary), scale)
    print(everything(results))
    if options.keep:
        results.save(options.keep)
    if not (options.quick or options.tiny or options.only):
        results.save()
        PAGE.write_text(page(results), encoding="utf-8")
        plots.peers(results.contests, PAGE.parent / PLOT)


def measured(names: list[str], place: Path, scale: Scale) -> Results:
    """Run families of works, each below a directory of its own."""
    results = Results(machine())
    for name in names:
        directory = place / name
        directory.mkdir()
        into = results.contests if name == "peers" else results.lines
        for work in FAMILIES[name](directory, scale):
            lines, figures = work.run()
            into += lines
            results.figures += figures
            for line in lines:
                print(f"{line.work}, {line.rival}: {ratio(line.ratio)}", file=sys.stderr)
    results.costs = peers.COSTS.listed
    results.entries, results.files = peers.COSTS.entries, peers.COSTS.files
    return results


if __name__ == "__main__":
    main()
