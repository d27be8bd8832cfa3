"""Choosing the way to answer a question."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from iidindex.query.compile import Way, ways
from iidindex.query.filters import Filters

# What an entry costs on each way, relative to looking at every one in turn. Ways that lead
# here and there fetch a page for many of them, and sort what they find.
_COSTS = {Way.SCAN: 1.0, Way.FILES: 2.0, Way.GROUPS: 2.0, Way.BOXES: 2.5, Way.IIDS: 4.0}
# Of few entries, it does not matter; an index is taken.
_FEW = 2_000
# Candidates are counted up to these numbers; if all ways have more, up to a part of all.
_LEVELS = (2_000, 50_000)
_PART = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """The way chosen, and how many entries each way was found to lead to, or more."""

    way: Way
    found: dict[Way, int]

    def __str__(self) -> str:
        counts = ", ".join(f"{way.name.lower()} {count:,}" for way, count in self.found.items())
        return f"way: {self.way.name.lower()}: {self.way.value} (candidates: {counts})"


def choose(filters: Filters, count: Callable[[Way, int], int]) -> Plan:
    """Choose the cheapest way.

    Parameters
    ----------
    filters : Filters
    count : callable
        Counts the entries that a way leads to, up to so many.

    Returns
    -------
    Plan

    Notes
    -----
    Counting is bounded by a small part of what answering costs, whichever way is taken.
    """
    possible = ways(filters)
    found = {way: count(way, _LEVELS[0]) for way in possible}
    few = {way: n * _COSTS[way] for way, n in found.items() if n < _LEVELS[0]}
    if few and min(few.values()) <= _FEW:
        # Cheaper than looking at every entry of any archive.
        return Plan(min(few, key=few.__getitem__), found)
    total = found[Way.SCAN] = count(Way.SCAN, 1)
    costs = {Way.SCAN: _FEW + total * _COSTS[Way.SCAN]}
    for most in (*_LEVELS, max(_LEVELS[-1], total // _PART)):
        for way in possible:
            if most > _LEVELS[0] and way is not Way.FILES:  # files are all counted at once
                found[way] = count(way, most)
            # A way that leads to more than were counted may lead to all.
            many = found[way] >= most and way is not Way.FILES
            costs[way] = (total if many else found[way]) * _COSTS[way]
        if any(found[way] < most for way in possible):
            break
    return Plan(min(costs, key=costs.__getitem__), found)
