"""A chosen few works, small, for every day, to see whether anything got slower.

``python -m benchmarks.quick`` takes less than two minutes and compares ratios with those kept in
``benchmarks/baseline.json``. Seconds are not compared, as machines differ; ratios differ less,
but for a baseline to be trusted it should be saved on the machine that it is compared on.

Here a ratio is that of the least times, not of the medians. On a busy machine a short job is
done before anything interrupts it and a long one is not, so that medians of the two drift apart;
the least times of many repetitions stay where they are.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tabulate import tabulate

from benchmarks import codec, cold, ingest, overlaps, questions
from benchmarks.peers import works as peers
from benchmarks.results import machine
from benchmarks.runner import Contest, Scale, Times, Work, measure, ratio

BASELINE = Path(__file__).with_name("baseline.json")

# Works whose names begin so, of the quick scale.
_CHOSEN: tuple[tuple[Callable[[Path, Scale], Sequence[Work | Contest]], tuple[str, ...]], ...] = (
    (codec.works, ("open", "fetch everything, decode 200 mixed", "add")),
    (overlaps.works, ("overlap graph of 500 mixed", "overlap graph of 100")),
    (ingest.works, ("ingest",)),
    (questions.works, ("entries", "boxes that meet", "the masks", "count boxes in a square of 3")),
    (cold.works, ("command line, fresh process: find", "command line, fresh process: --help")),
)
_LEFT_OUT = "with nothing in the page cache"
# Of the peers, the quickest at each.
_RIVALS = ("sqlite3", "pycocotools")


# A ratio must also fall below this part of what it was.
_NOTICED = 0.8

# Each work is repeated for so many seconds, within these bounds.
_SECONDS = 1.5
_REPEATS = (5, 40)


@dataclass(frozen=True)
class Ratio:
    """A ratio of the least times, and how far it is known.

    Attributes
    ----------
    best : float
        Their least time divided by our least time.
    low, high : float
        The same, had either been seen at no better than its lower quartile.
    """

    best: float
    low: float
    high: float

    @classmethod
    def of(cls, ours: Times, theirs: Times) -> Ratio:
        """Divide theirs by ours."""
        (least, quartile), (their_least, their_quartile) = map(_least_and_quartile, (ours, theirs))
        return cls(their_least / least, their_least / quartile, their_quartile / least)

    def is_below(self, other: Ratio) -> bool:
        """Whether it is lower than another beyond the noise of both."""
        return self.high < other.low and self.best < _NOTICED * other.best

    def __str__(self) -> str:
        return f"{ratio(self.best)} ({ratio(self.low)} … {ratio(self.high)})"


def _least_and_quartile(times: Times) -> tuple[float, float]:
    low, _, _ = statistics.quantiles(times.seconds, n=4, method="inclusive")
    return min(times.seconds), low


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quick", description=__doc__)
    parser.add_argument("--save", action="store_true", help="keep these ratios as the baseline")
    parser.add_argument("--check", action="store_true", help="exit with 1 if anything is slower")
    parser.add_argument("--baseline", type=Path, default=BASELINE, help="another baseline")
    options = parser.parse_args()
    if not options.save and not options.baseline.exists():
        parser.error(f"{options.baseline}: there is no baseline; make one with --save")
    before = {} if options.save else load(options.baseline)
    with tempfile.TemporaryDirectory() as temporary:
        now = measured(Path(temporary), Scale(quick=True), before)
    if options.save:
        save(now, options.baseline)
        print(f"saved {len(now)} ratios in {options.baseline}")
        return
    text, slower = compared(before, now)
    print(text)
    if slower and options.check:
        sys.exit(1)


def measured(place: Path, scale: Scale, before: Mapping[str, Ratio]) -> dict[str, Ratio]:
    """Measure ratios, by work, contender and rival.

    What is slower than before is measured once more when all is done, and the better one counts.
    """
    found: dict[str, Ratio] = {}
    works = list(_works(place, scale))
    for work in works:
        found.update(_ratios(work))
    for work in works:
        suspects = [name for name in found if name.startswith(f"{work.name} | ")]
        if any(name in before and found[name].is_below(before[name]) for name in suspects):
            for name, again in _ratios(work).items():
                found[name] = max(found[name], again, key=lambda ratio: ratio.best)
    return found


def _works(place: Path, scale: Scale) -> Iterator[Work | Contest]:
    for family, names in _CHOSEN:
        directory = place / family.__module__.rpartition(".")[2]
        directory.mkdir()
        for work in family(directory, scale):
            if work.name.startswith(names) and _LEFT_OUT not in work.name:
                yield work
    directory = place / "peers"
    directory.mkdir()
    yield from peers.quick(directory, scale, _RIVALS)


def _ratios(work: Work | Contest) -> dict[str, Ratio]:
    work.check()
    ours = [work.ours] if isinstance(work, Contest) else list(work.ours)
    theirs = list(work.theirs) if isinstance(work, Contest) else [work.theirs]
    begin = time.perf_counter()
    measure([*ours, *theirs], 1)
    once = time.perf_counter() - begin
    repeats = max(_REPEATS[0], min(_REPEATS[1], int(_SECONDS / once)))
    times = measure([*ours, *theirs], repeats)
    print(f"{work.name}, {repeats} times", file=sys.stderr)
    mine, rivals = times[: len(ours)], times[len(ours) :]
    return {
        f"{work.name} | {us.name} | {_unversioned(them.name)}": Ratio.of(taken, theirs_taken)
        for us, taken in zip(ours, mine, strict=True)
        for them, theirs_taken in zip(theirs, rivals, strict=True)
    }


def _unversioned(name: str) -> str:
    """Name a rival without the digits of its version, which change."""
    return " ".join(word for word in name.split() if not word[0].isdigit())


def save(ratios: Mapping[str, Ratio], path: Path) -> None:
    """Write a baseline."""
    text = {
        "machine": machine(),
        "ratios": {
            name: {key: float(f"{value:.4g}") for key, value in asdict(kept).items()}
            for name, kept in ratios.items()
        },
    }
    path.write_text(json.dumps(text, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load(path: Path) -> dict[str, Ratio]:
    """Read a baseline."""
    text = json.loads(path.read_text(encoding="utf-8"))
    return {name: Ratio(**kept) for name, kept in text["ratios"].items()}


def compared(before: Mapping[str, Ratio], now: Mapping[str, Ratio]) -> tuple[str, list[str]]:
    """Compare with a baseline.

    Returns
    -------
    str
        A table, and what got slower.
    list of str
        Names of what got slower beyond the noise.
    """
    slower = [name for name in now if name in before and now[name].is_below(before[name])]
    faster = [name for name in now if name in before and before[name].is_below(now[name])]
    rows = [
        [
            name,
            str(before.get(name, "")),
            str(is_now),
            f"{is_now.best / before[name].best:.2f}" if name in before else "",
            "**slower**" if name in slower else "faster" if name in faster else "",
        ]
        for name, is_now in now.items()
    ]
    table = tabulate(
        rows,
        headers=["work | iidindex | other", "baseline", "now", "now ÷ baseline", ""],
        tablefmt="github",
        disable_numparse=True,
    )
    gone = [name for name in before if name not in now]
    parts = [table, *(f"no longer measured: {name}" for name in gone)]
    changes = [now[name].best / before[name].best for name in now if name in before]
    if changes:
        parts.append(
            f"all ratios together: {statistics.geometric_mean(changes):.2f} of the baseline"
        )
    parts.append(
        "slower beyond the noise:\n" + "\n".join(f"- {name}" for name in slower)
        if slower
        else "nothing is slower beyond the noise"
    )
    return "\n\n".join(parts), slower


if __name__ == "__main__":
    main()
