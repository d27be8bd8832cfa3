"""Choosing the way to answer a question."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from iidindex.query.question.compile import Way, ways
from iidindex.query.question.shape import Shape

# What a candidate of each way costs, in units of what it costs to look at the box of one entry
# after another, some 0.1 µs; and what looking at each costs besides, where IIDs, groups or
# files are asked for. Measured with 100,000 and 1,000,000 entries; files and groups cost a little
# more here than there, as what they lead to has to be sorted before anything can be streamed.
_COSTS = {Way.FILES: 5.0, Way.GROUPS: 9.0, Way.BOXES: 16.0, Way.IIDS: 20.0}
_BOX = 1.0
_LOOKUPS = {Way.FILES: 2.5, Way.GROUPS: 7.0, Way.IIDS: 3.5, Way.BOXES: 0.0}
# Below such a cost, it does not matter; an index is taken.
_LITTLE = 2_000
# Candidates are counted up to these numbers, and then as far as a way can be the cheapest.
_LEVELS = (2_000, 50_000)


@dataclass(frozen=True, slots=True)
class Plan:
    """The way chosen, and how many entries each way was found to lead to, or more."""

    way: Way
    found: dict[Way, int]

    def __str__(self) -> str:
        counts = ", ".join(f"{way.name.lower()} {count:,}" for way, count in self.found.items())
        return f"way: {self.way.name.lower()}: {self.way.value} (candidates: {counts})"


def choose(shape: Shape, count: Callable[[Way, int], int]) -> Plan:
    """Choose the cheapest way.

    Parameters
    ----------
    shape : Shape
    count : callable
        Counts the entries that a way leads to, up to so many.

    Returns
    -------
    Plan

    Notes
    -----
    Counting is bounded by a small part of what answering costs, whichever way is taken.
    """
    possible = ways(shape)
    found = {way: count(way, _LEVELS[0]) for way in possible}
    few = {way: n * _COSTS[way] for way, n in found.items() if n < _LEVELS[0]}
    if few and min(few.values()) <= _LITTLE:
        # Cheaper than looking at every entry of any archive.
        return Plan(min(few, key=few.__getitem__), found)
    total = found[Way.SCAN] = count(Way.SCAN, 1)
    scan = _LITTLE + total * (_BOX + sum(_LOOKUPS[way] for way in possible))
    # With so many candidates, a way is no better than the scan.
    useful = {way: int(scan / _COSTS[way]) + 1 for way in possible}
    costs = {Way.SCAN: scan}
    for level in (*_LEVELS, total):
        for way in possible:
            # Files have been counted as a whole.
            most = total + 1 if way is Way.FILES else min(level, useful[way])
            if level > _LEVELS[0] and way is not Way.FILES:
                found[way] = count(way, most)
            if found[way] < most:
                costs[way] = found[way] * _COSTS[way]
        if len(costs) > 1:
            break
    return Plan(min(costs, key=costs.__getitem__), found)
