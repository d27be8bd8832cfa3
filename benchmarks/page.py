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

Written by `make bench`; do not edit. This page compares the speed of iidindex with that of other
programs. The first table lists the targets of the project and says whether they were reached. Then
come all measurements, and at the end other programs that can keep the same masks.

Both programs do the same work in the same run, in turn, several times. Before that, their answers
are checked to be equal. A time is the median, followed by the minimum and the maximum in
brackets. A **ratio** is the median time of the other program divided by that of iidindex: above
1, iidindex is faster. It is followed by the quartiles of the ratios of single repetitions.
`benchmarks/README.md` says what each work is, and how masks and archives are made.
"""

_PROMISES = """\
## Targets

This table lists what the project wants to reach, against which program, and whether this run
reached it. *6×* means six times as fast as the other program. *0.8× the time* means four fifths of
the other program's time.
"""

_ALL = """\
## All measurements

If several lines belong to one work, the target is about the first line.
"""

_MENDED = """\
## What became faster

The same works were measured with two versions, {before} and {after}, in turn, each seven times in a
process of its own (`python -m benchmarks.versions`). The archive has a thousand files of a hundred
small masks.

{table}
- **Questions.** SQLAlchemy built the SQL of every question again and looked it up among the
  statements that it had compiled. That took some 0.7 ms, whatever was found. Now a statement is
  built once for all questions of the same form, and the driver runs it.
- **Counts and ids.** The hits were joined with their individuals and directories, which nobody had
  asked for. Now they are not.
- **One mask.** It was read with the arrays that are made for thousands of masks. Now it is read
  directly.
- **Overlaps of an archive.** They were counted file by file. Now small files are counted together.
- **Overlaps of large masks.** Every word of two boxes was compared. Now only blocks of 64 × 16
  pixels are compared in which there are pixels.
- **Reading and writing files.** There are fewer and simpler array operations for each file, one
  view for the bits of each mask, and small masks are split into regions many at a time.
"""

_PEERS = """\
## Comparison with other programs

These are other programs that can keep the same masks: {entries:,} entries in {files:,} files.
Each of them keeps them in the form that suits it. All answers are records with file, key, IID,
box and area, and all are the same. Everything is open and in memory before a question is
measured. The ratio is the other program's time divided by that of iidindex: **below 1, the other
program is faster**.

![The other programs' times divided by those of iidindex, on a logarithmic axis](peers.png)
"""

_READING = """\
### How to read this

- **rtree, pycocotools and GeoPandas hold everything in the memory of one process.** That makes
  questions fast. But everything is loaded before the first question, and the time and the memory
  for this grow with the archive. iidindex holds a cache of limited size; [how it
  grows](growth.md) shows what it needs.
- **A question has a fixed cost** of some 0.1 ms. In this time, iidindex compares the plans by
  which it can answer, and takes a view of one state of the index. A statement that is written by
  hand for `sqlite3` does neither. So the fewer hits a question has, the faster `sqlite3` is in
  comparison.
- **Masks stay in their files.** SQLite and DuckDB have copies of the masks as blobs here. These
  are read without opening a file, and nothing checks that they are still what the files hold.
  iidindex checks the size and the time of every file before it uses what it knows about it.
- **Polygons cost time when they are made**, and only a library that draws can turn them back into
  masks.
- **pycocotools decodes a mask as large as its picture**, because COCO has no other form. It
  compares all pairs of a file in both directions.
- iidfile 0.2.0 has no question about boxes alone. rtree has no question about IIDs or masks.
  DuckDB has an R-tree in an extension, which does not come with its package on PyPI and is not
  used here.
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
    return "" if met is None else "reached" if met else "**not reached**"


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
    return _table(rows, ["work", "against", "target", "measured", ""])


def _unmet(lines: Sequence[Line], figures: Sequence[Figure]) -> str:
    """List what was not kept; works with the same reason stand together."""
    by_reason: dict[str, list[str]] = {}
    for line in lines:
        if line.met is False and line.promise is not None:
            text = f"{line.work}: {_as_promised(line)}; target {line.promise.text}."
            by_reason.setdefault(line.reason, []).append(text)
    for figure in figures:
        if figure.met is False:
            text = f"{figure.work}, {figure.against}: {figure.measured}; target {figure.promise}."
            by_reason.setdefault(figure.reason, []).append(text)
    if not by_reason:
        return ""
    parts = ["### Targets that were not reached, and why\n"]
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
        "### Time, disk and memory\n\n"
        "Building begins with masks in memory and ends with everything on the disk. It is done\n"
        "once. Memory is that of a process that opens everything and asks one question of each\n"
        "kind, without the memory of its imports.\n\n"
        + _table(rows, ["", "form", "build", "on the disk", "memory, open"])
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
    return "### Where other programs are faster\n\n" + "\n".join([*parts, ""])
