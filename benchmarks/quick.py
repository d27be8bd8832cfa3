"""A chosen few works, small, for every day, to see whether anything got slower.

``python -m benchmarks.quick`` takes less than two minutes and compares ratios with those kept in
``benchmarks/baseline.json``. Seconds are not compared, as machines differ; ratios differ less,
but for a baseline to be trusted it should be saved on the machine that it is compared on.

Here a ratio is that of the least times, not of the medians. On a busy machine a short job is
done before anything interrupts it and a long one is not, so that medians of the two drift apart;
the least times of many repetitions stay where they are.

All works are measured in rounds, one after the other in each, so that every work is looked at in
several moments, minutes apart. What is slow or quick for a while, as caches and clocks of
processors are, then shows in how far the ratios of its rounds lie apart, which no number of
repetitions within one moment could tell. A work is slower than its baseline if its ratio was
lower in every round than in every round of the baseline, and by a fifth over all; and if that is
so once more.
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

from benchmarks import agreement, codec, cold, ingest, overlaps, places, questions, tracks
from benchmarks.peers import works as peers
from benchmarks.results import machine
from benchmarks.runner import Contender, Contest, Scale, Times, Work, measure, ratio

BASELINE = Path(__file__).with_name("baseline.json")

# Works whose names begin so, of the quick scale.
_CHOSEN: tuple[tuple[Callable[[Path, Scale], Sequence[Work | Contest]], tuple[str, ...]], ...] = (
    (codec.works, ("open", "one after the other", "fetch everything, decode 200 mixed", "add")),
    (overlaps.works, ("overlap graph of 500 mixed", "overlap graph of 100")),
    (agreement.works, ("agreement over 400 pictures of 10 masks",)),
    (tracks.works, ("tracks of 50,000 entries",)),
    (ingest.works, ("scan", "ingest")),
    (questions.works, ("entries", "boxes that meet", "the masks", "count boxes in a square of 3")),
    (places.works, (*places.PROMISES,)),
    (cold.works, ("command line, fresh process: find", "command line, fresh process: --help")),
)
_LEFT_OUT = "with nothing in the page cache"
# Of the peers, the quickest at each.
_RIVALS = ("sqlite3", "pycocotools")


# A ratio must also fall below this part of what it was.
_NOTICED = 0.8

# With nothing changed, every one of five ratios is lower than each of five others once in 252
# times.
_ROUNDS = 5
# In each round, a work is repeated for so many seconds, but no more often than this.
_SECONDS = 0.3
_MOST_REPEATS = 200


@dataclass(frozen=True)
class Ratio:
    """A ratio of the least times, and how far it is known.

    Attributes
    ----------
    best : float
        Their least time of all rounds, divided by our least time of all.
    low, high : float
        The least and the greatest of the same within one round.
    """

    best: float
    low: float
    high: float

    @classmethod
    def of(cls, ours: Sequence[Times], theirs: Sequence[Times]) -> Ratio:
        """Divide theirs by ours, round by round."""
        mine, others = ([min(times.seconds) for times in rounds] for rounds in (ours, theirs))
        ratios = [other / own for own, other in zip(mine, others, strict=True)]
        return cls(min(others) / min(mine), min(ratios), max(ratios))

    def is_below(self, other: Ratio) -> bool:
        """Whether it is lower than another beyond the noise of both."""
        return self.high < other.low and self.best < _NOTICED * other.best

    def __str__(self) -> str:
        return f"{ratio(self.best)} ({ratio(self.low)} … {ratio(self.high)})"


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
    broken = not_kept(now)
    print("\n\n".join([text, *broken]))
    if (slower or broken) and options.check:
        sys.exit(1)


def measured(place: Path, scale: Scale, before: Mapping[str, Ratio]) -> dict[str, Ratio]:
    """Measure ratios, by work, contender and rival.

    What is slower than before is measured once more when all is done, and the better one counts.
    """
    works = list(_works(place, scale))
    for work in works:
        work.check()
    found = _ratios(works)
    slower = {name for name in found if name in before and found[name].is_below(before[name])}
    suspects = [work for work in works if any(name in slower for name, *_ in _pairs(work))]
    for name, again in _ratios(suspects).items():
        found[name] = max(found[name], again, key=lambda ratio: ratio.best)
    return found


def not_kept(now: Mapping[str, Ratio]) -> list[str]:
    """What is promised at every scale, and was in no round so; of each, the first contender."""
    found, seen = [], set[str]()
    for name, is_now in now.items():
        work = name.partition(" | ")[0]
        promise = None if work in seen else places.PROMISES.get(work)
        seen.add(work)
        if promise is not None and is_now.high < promise.ratio:
            found.append(f"promise not kept: {name}: {promise.text}, now {is_now}")
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


def _ratios(works: Sequence[Work | Contest]) -> dict[str, Ratio]:
    repeats = [_repeats(work) for work in works]
    rounds: list[list[list[Times]]] = [[] for _ in works]
    for number in range(_ROUNDS):
        for work, times, taken in zip(works, repeats, rounds, strict=True):
            taken.append(measure([*_ours(work), *_theirs(work)], times))
            print(f"{number + 1} of {_ROUNDS}: {work.name}, {times} times", file=sys.stderr)
    return {
        name: Ratio.of([times[us] for times in taken], [times[them] for times in taken])
        for work, taken in zip(works, rounds, strict=True)
        for name, us, them in _pairs(work)
    }


def _repeats(work: Work | Contest) -> int:
    """How often it is repeated in a round."""
    begin = time.perf_counter()
    measure([*_ours(work), *_theirs(work)], 1)
    once = time.perf_counter() - begin
    return max(1, min(_MOST_REPEATS, int(_SECONDS / once)))


def _pairs(work: Work | Contest) -> Iterator[tuple[str, int, int]]:
    """The name of each ratio, and the places of its two contenders among all of a work."""
    ours, theirs = _ours(work), _theirs(work)
    for us, contender in enumerate(ours):
        for them, rival in enumerate(theirs, len(ours)):
            yield f"{work.name} | {contender.name} | {_unversioned(rival.name)}", us, them


def _ours(work: Work | Contest) -> Sequence[Contender]:
    return [work.ours] if isinstance(work, Contest) else work.ours


def _theirs(work: Work | Contest) -> Sequence[Contender]:
    return work.theirs if isinstance(work, Contest) else [work.theirs]


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
