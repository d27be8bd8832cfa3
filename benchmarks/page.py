"""Writing ``docs/benchmarks.md``: tables, and the prose between them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby

from tabulate import tabulate

from benchmarks.results import Results
from benchmarks.runner import Figure, Line, duration, ratio
from benchmarks.versions import SAVED

PLOT = "peers.png"

_HEAD = """\
# How fast it is

Written by `make bench`; do not edit. Contenders do the same work in the same run, in turn, several
times, and their answers are checked to be equal first. Times are medians, with the least and the
greatest behind. A ratio is how many times longer the other program takes, median by median: above
1, iidindex is faster. Behind it stand the quartiles of the ratios of single repetitions. What each
work is, and how masks and archives are made, is in `benchmarks/README.md`.
"""

_PROMISES = """\
## Promises

What the project set out to reach, against whom, and whether this run reached it. *6×* means six
times as fast as the other, *0.8× the time* that it takes four fifths of the other's time.
"""

_ALL = """\
## Everything measured

Where several lines share a work, the promise is about the first.
"""

_MENDED = """\
## What measuring has led to

The same works with two versions, {before} and {after}, in turn, each seven times in a process
of its own (`python -m benchmarks.versions`). The archive has a thousand files of a hundred small
masks.

{table}
- **Questions.** SQLAlchemy put the SQL of every question together anew and looked it up among the
  statements it had compiled: some 0.7 ms, whatever was found. Now a statement is built once for
  all questions that ask for the same things, and the driver runs it.
- **Counts and ids** were joined with the individuals and the directories of all hits, which nobody
  asked for.
- **One mask** was read by way of the arrays that thousands are read with.
- **Overlaps of an archive** were counted file by file; now small files are taken together.
- **Overlaps of large masks** compared every word of two boxes; now blocks of 64 × 16 pixels that
  hold something.
- **Reading and writing files**: fewer and plainer array operations for each file, one view for each
  mask's bits, and small masks split into regions many at a time.
"""

_PEERS = """\
## Beside the peers

Other ways to keep the same masks, {entries:,} entries in {files:,} files, each in the shape that
suits it. All answers are records with file, key, IID, box and area, and all are the same.
Questions are asked of what is already open and warm. The ratio is the peer's time divided by that
of iidindex: **below 1, the peer is faster**.

![The peers' times divided by those of iidindex, on a logarithmic axis](peers.png)
"""

_READING = """\
### How to read this

- **rtree, pycocotools and GeoPandas hold everything in the memory of one process.** That is quick
  to ask, but all is loaded before the first question, and what they load and hold grows with the
  archive. iidindex holds a cache of bounded size; [how it grows](growth.md) shows what it takes.
- **A question has a fixed price**, some 0.1 ms: the ways to answer it are compared, and a view of
  one state of the index is held meanwhile. A statement written by hand for `sqlite3` has none of
  this: the fewer hits a question has, the further `sqlite3` is ahead.
- **Masks stay in their files.** SQLite and DuckDB have copies of them as blobs here. These are read
  without opening a file, and nobody checks that they are still what the files hold. iidindex
  looks at size and time of every file before it believes what it knows of it.
- **Polygons have their price when they are made**, and cannot be turned back into masks without
  a library that draws.
- **pycocotools decodes a mask as large as its picture**, as COCO has no other. It compares all
  pairs of a file both ways.
- iidfile 0.2.0 has no question about boxes alone; rtree has none about IIDs or masks. DuckDB has
  an R-tree in an extension, which does not come with its package on PyPI and is not used here.
"""


def page(results: Results) -> str:
    """Write the page."""
    parts = [
        _HEAD,
        f"{results.machine}\n",
        _PROMISES,
        _promises(results.lines, results.figures),
        _unmet(results.lines, results.figures),
        _ALL,
        _everything(results.lines),
        _mended(),
    ]
    if results.contests:
        parts += [_PEERS.format(entries=results.entries, files=results.files)]
        parts += [_costs(results), _contests(results.contests), _ahead(results.contests), _READING]
    return "\n".join(part for part in parts if part)


def everything(results: Results) -> str:
    """Show what was measured, for the terminal."""
    parts = [_everything(results.lines)] if results.lines else []
    parts += [_contests(results.contests)] if results.contests else []
    return "\n".join([*parts, _unmet(results.lines, results.figures)])


def _table(rows: Sequence[Sequence[str]], headers: Sequence[str]) -> str:
    return tabulate(rows, headers=headers, tablefmt="github", disable_numparse=True) + "\n"


def _kept(met: bool | None) -> str:
    return "" if met is None else "kept" if met else "**not kept**"


def with_spread(line: Line) -> str:
    """Write a ratio and its quartiles."""
    low, high = line.spread
    return f"{ratio(line.ratio)} ({ratio(low)} … {ratio(high)})"


def _as_promised(line: Line) -> str:
    """Write a ratio the way round in which it was promised."""
    if line.promise is None or line.promise.ratio > 1:
        return with_spread(line)
    low, high = line.spread
    return f"{ratio(1 / line.ratio)} the time ({ratio(1 / high)} … {ratio(1 / low)})"


def _promises(lines: Sequence[Line], figures: Sequence[Figure]) -> str:
    rows = [
        [line.work, line.rival, line.promise.text, _as_promised(line), _kept(line.met)]
        for line in lines
        if line.promise is not None
    ]
    rows += [
        [figure.work, figure.against, figure.promise, figure.measured, _kept(figure.met)]
        for figure in figures
    ]
    return _table(rows, ["work", "against", "promise", "measured", ""])


def _unmet(lines: Sequence[Line], figures: Sequence[Figure]) -> str:
    """List what was not kept; works with the same reason stand together."""
    by_reason: dict[str, list[str]] = {}
    for line in lines:
        if line.met is False and line.promise is not None:
            text = f"{line.work}: {_as_promised(line)}; promised {line.promise.text}."
            by_reason.setdefault(line.reason, []).append(text)
    for figure in figures:
        if figure.met is False:
            text = f"{figure.work}, {figure.against}: {figure.measured}; promised {figure.promise}."
            by_reason.setdefault(figure.reason, []).append(text)
    if not by_reason:
        return ""
    parts = ["### Not kept, and why\n"]
    for reason, listed in by_reason.items():
        parts += [*(f"- **{text}**" for text in listed), f"\n  {reason}\n"]
    return "\n".join(parts)


def _everything(lines: Sequence[Line]) -> str:
    rows = []
    work = ""
    for line in lines:
        rows.append(
            [
                line.work if line.work != work else "",
                f"{line.contender}: {line.ours}",
                f"{line.rival}: {line.theirs}",
                with_spread(line),
            ]
        )
        work = line.work
    return _table(rows, ["work", "iidindex", "other", "ratio"])


def _mended() -> str:
    """Show what `versions` has kept of the last comparison."""
    if not SAVED.exists():
        return ""
    kept = json.loads(SAVED.read_text(encoding="utf-8"))
    rows = [
        [work, duration(before), duration(after), ratio(before / after)]
        for work, (before, after) in kept["works"].items()
    ]
    table = _table(rows, ["work", "before", "after", "faster"])
    return _MENDED.format(before=kept["before"], after=kept["after"], table=table)


# ---------------------------------------------------------------------- peers


def _costs(results: Results) -> str:
    rows = [
        [
            cost.name,
            cost.shape,
            duration(cost.seconds),
            f"{cost.disk / 1e6:.1f} MB, {cost.disk / max(1, results.entries):.0f} an entry",
            f"{cost.memory / 1e6:.0f} MB",
        ]
        for cost in results.costs
    ]
    return (
        "### What it takes to keep them\n\n"
        "Building begins with masks in memory and ends with all on the disk; it is done once.\n"
        "Memory is what a process that opens all and asks one question of each kind takes beyond\n"
        "what the imports take.\n\n"
        + _table(rows, ["", "kept as", "build", "on the disk", "memory, open"])
    )


def _contests(lines: Sequence[Line]) -> str:
    parts = []
    for work, found in groupby(lines, lambda line: line.work):
        group = list(found)
        rows = [[group[0].contender, str(group[0].ours), ""]]
        rows += [[line.rival, str(line.theirs), with_spread(line)] for line in group]
        parts.append(f"### {work[0].upper()}{work[1:]}\n\n" + _table(rows, ["", "time", "ratio"]))
    return "\n".join(parts)


def _ahead(lines: Sequence[Line]) -> str:
    """Say who is faster at what; those whose quartiles lie on both sides of 1 are equal."""
    parts = []
    for work, found in groupby(lines, lambda line: line.work):
        faster = [
            f"{line.rival} ({1 / line.ratio:.3g} times)" for line in found if line.spread[1] < 1
        ]
        if faster:
            parts.append(f"- {work}: {', '.join(faster)}.")
    if not parts:
        return ""
    return "### Where others are ahead\n\n" + "\n".join([*parts, ""])
