"""The questions that a growing index is asked, in a process of their own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from statistics import median

import iidindex
from benchmarks.runner import duration
from iidindex.query.answers.entry import Entry

_DOMAIN = b"bench"
_AT_MOST = 100
_AT_LEAST = 3
# Seconds after which a question is not asked again.
_ENOUGH = 2.0
# Masks in a file with which their pairs are too many to wait for.
_TOO_MANY = 200_000


@dataclass(frozen=True)
class Asked:
    """How long a question took: seconds, and the median of how much was found."""

    median: float
    least: float
    greatest: float
    found: float

    def __str__(self) -> str:
        return f"{duration(self.median)} ({self.found:,.0f})"


def main(database: str) -> None:
    """Ask an index everything, and print what it took, as JSON."""
    with iidindex.open(database) as index:
        print(json.dumps({name: asdict(asked) for name, asked in questions(index).items()}))


def questions(index: iidindex.Index) -> dict[str, Asked]:
    """Ask every question several times."""
    stats = index.stats()
    per_file = stats.entries // max(1, stats.files)
    # Any that exist; not the first, which lie together.
    some = list(index.entries.where(key=per_file // 2).limit(_AT_MOST))
    if len(some) == 1:
        # One file: take others from all over it.
        keys = range(1, per_file, max(1, per_file // _AT_MOST))
        some = list(index.entries.where(key=list(keys)).limit(_AT_MOST))
    asked: dict[str, Callable[[Entry], Iterable[object]]] = {
        "find": lambda e: index.entries.where(address=e.iid.address, domain=_DOMAIN),
        "links": lambda e: index.links(e.iid.address, domain=_DOMAIN),
        "at, boxes": lambda e: index.entries.at(e.bbox.minc, e.bbox.minr, exact=False),
        "at, masks": lambda e: index.entries.at(e.bbox.minc + 8, e.bbox.minr + 8),
        "region of 100 × 100, boxes": lambda e: index.entries.region(_around(e), exact=False),
        "cooccurring": lambda e: index.cooccurring(e.iid.address, domain=_DOMAIN),
        "related": lambda e: index.related(e.path),
    }
    if per_file <= _TOO_MANY:
        asked["overlaps of a file"] = lambda e: index.overlaps(e.path)
    found = {name: _asked(question, some) for name, question in asked.items()}
    if per_file <= _TOO_MANY:
        found["overlaps of all"] = _asked(lambda _: index.overlaps(), some[:1])
    return found


def _around(entry: Entry) -> tuple[int, int, int, int]:
    return (entry.bbox.minr, entry.bbox.minc, entry.bbox.minr + 100, entry.bbox.minc + 100)


def _asked(question: Callable[[Entry], Iterable[object]], some: list[Entry]) -> Asked:
    seconds, found = [], []
    until = time.perf_counter() + _ENOUGH
    for nth, entry in enumerate(some):
        if nth >= _AT_LEAST and time.perf_counter() > until:
            break
        begin = time.perf_counter()
        count = sum(1 for _ in question(entry))
        seconds.append(time.perf_counter() - begin)
        found.append(count)
    return Asked(median(seconds), min(seconds), max(seconds), median(found))
