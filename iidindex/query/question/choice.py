"""Choosing the way to answer a question."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from iidindex.catalog.dialect import WayCosts
from iidindex.query.question.compile import Way, ways
from iidindex.query.question.shape import Shape

# What looking at the box of one entry after another costs, for each.
_BOX = 1.0
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


def choose(shape: Shape, count: Callable[[Way, int], int], costs: WayCosts) -> Plan:
    """Choose the cheapest way.

    Parameters
    ----------
    shape : Shape
    count : callable
        Counts the entries that a way leads to, up to so many.
    costs : WayCosts
        Those of the database.

    Returns
    -------
    Plan

    Notes
    -----
    Counting is bounded by a small part of what answering costs, whichever way is taken.
    """
    possible = ways(shape)
    found = {way: count(way, _LEVELS[0]) for way in possible}
    each = {way: costs.each[way.name] for way in possible}
    few = {way: n * each[way] for way, n in found.items() if n < _LEVELS[0]}
    if few and min(few.values()) <= _LITTLE:
        # Cheaper than looking at every entry of any archive.
        return Plan(min(few, key=few.__getitem__), found)
    total = found[Way.SCAN] = count(Way.SCAN, 1)
    scan = _LITTLE + total * (_BOX + sum(costs.looked_up[way.name] for way in possible))
    # With so many candidates, a way is no better than the scan.
    useful = {way: int(scan / each[way]) + 1 for way in possible}
    known = {Way.SCAN: scan}
    for level in (*_LEVELS, total):
        for way in possible:
            # Files have been counted as a whole.
            most = total + 1 if way is Way.FILES else min(level, useful[way])
            if level > _LEVELS[0] and way is not Way.FILES:
                found[way] = count(way, most)
            if found[way] < most:
                known[way] = found[way] * each[way]
        if len(known) > 1:
            break
    return Plan(min(known, key=known.__getitem__), found)
