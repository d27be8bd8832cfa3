"""Before and after: the same works with two versions of the package, in turn.

    python -m benchmarks.versions OTHER [--save] [--files N] [--rounds N]

OTHER is a checkout of the version to compare with, ``git worktree add ../before COMMIT`` say.
Both read the same files, and each makes an index of its own. In every round, one process of
each version does all works; of the figures of all rounds, medians are shown. ``--save`` writes
them to ``versions.json``, from which ``docs/benchmarks.md`` shows them.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click
from tabulate import tabulate

HERE = Path(__file__).resolve().parent
SAVED = HERE / "versions.json"

Work = tuple[str, Callable[[], object], int]


class Compared(NamedTuple):
    """Seconds that a work took with either version, in each round."""

    work: str
    before: list[float]
    after: list[float]

    @property
    def ratio(self) -> float:
        """How many times as long it took before."""
        return statistics.median(self.before) / statistics.median(self.after)


@click.command()
@click.argument("other", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--save", is_flag=True, help="Keep the figures for docs/benchmarks.md.")
@click.option("--files", default=1000, show_default=True, help="Files of 100 entries each.")
@click.option("--rounds", default=7, show_default=True, help="Processes of each version.")
def main(other: Path, save: bool, files: int, rounds: int) -> None:
    """Compare this version with OTHER, another checkout."""
    from benchmarks import archive

    with tempfile.TemporaryDirectory(prefix="iidindex-versions-") as name:
        place = Path(name)
        archive.write_files(place / "archive", files, 100, sizes=(archive.SMALL,))
        mixed = archive.labelled(7, 2000)
        (place / "mixed.iid").write_bytes(archive.encode(mixed))
        (place / "one.iid").write_bytes(archive.encode(mixed[:1000]))
        versions = {"before": other.resolve(), "after": HERE.parent}
        seconds: dict[str, dict[str, list[float]]] = {}
        for number in range(rounds + 1):
            for version, checkout in versions.items():
                for work, took in _measured(checkout, place, version).items():
                    # The first round makes the indexes and warms the files.
                    if number:
                        seconds.setdefault(work, {}).setdefault(version, []).append(took)
    compared = [Compared(work, found["before"], found["after"]) for work, found in seconds.items()]
    rows = [
        (one.work, *(f"{1e3 * statistics.median(side):.3g} ms" for side in one[1:]), one.ratio)
        for one in compared
    ]
    headers = ["work", "before", "after", "ratio"]
    click.echo(tabulate(rows, headers=headers, tablefmt="github", floatfmt=".2f"))
    if save:
        kept = {
            "before": _commit(other),
            "after": _commit(HERE.parent),
            "works": {
                one.work: [statistics.median(one.before), statistics.median(one.after)]
                for one in compared
            },
        }
        SAVED.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def _commit(checkout: Path) -> str:
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _measured(checkout: Path, place: Path, version: str) -> dict[str, float]:
    """Do the works in a process that imports the package from a checkout."""
    command = [sys.executable, str(Path(__file__).resolve()), "--works", str(place), version]
    found = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=_environment(checkout)
    )
    result: dict[str, float] = json.loads(found.stdout)
    return result


def _environment(checkout: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(checkout), "PYTHONSAFEPATH": "1"}


# ------------------------------------------------------------ in the other process


def _do_works(place: Path, version: str) -> dict[str, float]:
    import iidindex

    assert Path(iidindex.__file__).is_relative_to(sys.path[0])
    path = place / f"{version}.db"
    with iidindex.open(path, create=True) as index:
        index.ingest(place / "archive")
        return {name: _median(work, repeats) for name, work, repeats in _works(index, place, path)}


def _median(work: Callable[[], object], repeats: int) -> float:
    work()
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds)


def _works(index: Any, place: Path, path: Path) -> list[Work]:
    """What is measured; only of what every version can do, in the same words."""
    import iidindex
    from iidindex import IIDFile

    entries = index.entries
    some = list(entries.limit(500))
    addresses = [entry.iid.address for entry in some[:20]]
    files = sorted((place / "archive").iterdir())[:200]
    masks = [
        (entry.iid.address, entry.iid.domain, entry.seg.bbox, entry.seg.mask())
        for entry in IIDFile(place / "one.iid").fetch(everything=True)
    ]

    def find_few() -> None:
        for address in addresses:
            list(entries.where(address=address, path="000000.iid"))

    def links() -> None:
        for address in addresses:
            index.links(address)

    def open_columns() -> None:
        for name in files:
            with IIDFile(name) as file:
                _ = file.bboxes, file.areas

    def decode() -> None:
        for name in files[:20]:
            with IIDFile(name) as file:
                for _ in file.masks(file.fetch(everything=True)):
                    pass

    def graph() -> None:
        with IIDFile(place / "mixed.iid") as file:
            file.overlap_graph()

    def add() -> None:
        file = IIDFile()
        for address, domain, bbox, mask in masks:
            file.add(address, domain, bbox, mask)
        file.to_bytes()

    def ask_anew() -> None:
        with iidindex.open(path) as opened:
            opened.entries.where(address=b"nobody").count()

    return [
        ("find the few entries of an individual, 20 times", find_few, 15),
        ("links of an individual, 20 times", links, 15),
        ("open an index and ask a question", ask_anew, 15),
        ("count the boxes in a quarter of the frame", _count(entries, 1000), 9),
        ("ids of all entries", entries.ids, 5),
        ("masks at a pixel, exactly", lambda: list(entries.at(1000, 1000)), 9),
        ("masks in a box of 100 × 100, exactly", _exact(entries), 9),
        ("entry.mask(), 500 times", lambda: [entry.mask() for entry in some], 9),
        ("overlaps of all files", lambda: sum(1 for _ in index.overlaps()), 3),
        ("IIDFile: open 200 files, boxes and areas", open_columns, 9),
        ("IIDFile: decode the 2,000 small masks of 20 files", decode, 9),
        ("IIDFile: overlap graph of 2,000 mixed masks", graph, 3),
        ("IIDFile: add 1,000 mixed masks, to_bytes", add, 3),
    ]


def _count(entries: Any, side: int) -> Callable[[], object]:
    question = entries.region((0, 0, side, side), exact=False)
    return lambda: question.count()


def _exact(entries: Any) -> Callable[[], object]:
    question = entries.region((900, 900, 1000, 1000))
    return lambda: question.count()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--works"]:
        print(json.dumps(_do_works(Path(sys.argv[2]), sys.argv[3])))
    else:
        main()
