"""By what masks are coloured: their individual, or a group, a domain, an area, metadata."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from iidindex.errors import QueryError
from iidindex.metadata_names import META, asked_of, value_in
from iidindex.query.answers.entry import Entry
from iidindex.query.question.asked import Filters
from iidindex.render.colors import Colors, colors_of
from iidindex.render.legend import Key, Ramp
from iidindex.render.palettes import (
    CATEGORIES,
    NONE,
    OTHERS,
    PALETTES,
    SCALES,
    categories_of,
    scale_of,
)
from iidindex.render.text import Typeface

INDIVIDUAL, GROUP, DOMAIN, AREA = "individual", "group", "domain", "area"
# From so many times the smallest area on, equal steps of a scale multiply.
_WIDE = 20
# Characters of a value in a legend.
_LONGEST = 40


class Paint(NamedTuple):
    """By what masks are coloured, and in which palette; None for the one that suits.

    With no palette, an individual has a colour of its own.
    """

    by: str = INDIVIDUAL
    palette: str | None = None


def paint_of(by: Any, palette: Any) -> Paint:
    """What was given, checked.

    Raises
    ------
    QueryError
        If nothing can be coloured by that, or the palette does not go with it.
    """
    plain = (INDIVIDUAL, GROUP, DOMAIN, AREA)
    is_metadata = isinstance(by, str) and by.startswith(META) and len(by) > len(META)
    if by not in plain and not is_metadata:
        raise QueryError(
            f"colour_by is {by!r:.200}; expected {', '.join(plain)} or {META}NAME, which is "
            "what the metadata of files say"
        )
    if palette is None:
        return Paint(by)
    if palette not in PALETTES:
        raise QueryError(f"palette is {palette!r:.200}; expected one of {', '.join(PALETTES)}")
    known = SCALES if by == AREA else PALETTES if is_metadata else CATEGORIES
    if palette not in known:
        what = "numbers" if by == AREA else "categories"
        raise QueryError(f"{by} has {what}; expected a palette for them: {', '.join(known)}")
    return Paint(by, palette)


class Coloring:
    """Colours of entries, and the legend that tells what they mean.

    Parameters
    ----------
    paint : Paint
    entries : iterable of Entry
        All that will be drawn, on however many pictures: categories have the same colour on all,
        and a scale goes from the least of their numbers to the largest.
    filters : Filters, optional
        What was asked of them: of groups and domains that are named, the first has the first
        colour.
    """

    def __init__(
        self, paint: Paint, entries: Iterable[Entry], filters: Filters | None = None
    ) -> None:
        self._paint = paint
        self._value = _value_of(paint.by)
        self.ramp: Ramp | None = None
        self._rank: dict[Any, int] = {}
        if paint.by != INDIVIDUAL:
            self._learn(Counter(value for one in entries for value in self._value(one)), filters)

    def _learn(self, times: Counter[Any], filters: Filters | None) -> None:
        by, palette = self._paint
        numbers = [value for value in times if _is_number(value)]
        if by == AREA or (
            by.startswith(META) and len(numbers) == len(times) > 0 and palette not in CATEGORIES
        ):
            self.ramp = _ramp(by, numbers, palette or SCALES[0])
            return
        palette = palette or CATEGORIES[0]
        self._colors = categories_of(palette)
        named = () if filters is None else filters.get(by) or ()
        first = {value: nth for nth, value in enumerate(named)}
        if by == DOMAIN:
            ranked = sorted(times, key=lambda one: (first.get(one, len(first)), one))
        else:
            ranked = sorted(
                times, key=lambda one: (first.get(one, len(first)), -times[one], str(one))
            )
        self._rank = {value: nth for nth, value in enumerate(ranked)}

    def colors(self, entries: Sequence[Entry]) -> Colors:
        """The colour of each: uint8, shape (n, 3)."""
        if self._paint.by == INDIVIDUAL:
            return _of_individuals(entries, self._paint.palette)
        found = np.empty((len(entries), 3), np.uint8)
        found[:] = NONE
        if self.ramp is not None:
            values = [next(filter(_is_number, self._value(one)), None) for one in entries]
            has = np.array([value is not None for value in values], np.bool_)
            numbers = np.array([value for value in values if value is not None], np.float64)
            found[has] = self.ramp.of(numbers)
            return found
        for row, rank in enumerate(map(self._ranked, entries)):
            if rank is not None:
                found[row] = self._colors[rank] if rank < len(self._colors) else OTHERS
        return found

    def _ranked(self, entry: Entry) -> int | None:
        """Which of its values counts: the most common, or the one that was named first."""
        ranks = (self._rank[value] for value in self._value(entry) if value in self._rank)
        return min(ranks, default=None)

    def keys(self, entries: Sequence[Entry], face: Typeface) -> list[Key]:
        """What the colours of some mean, and how many have each."""
        by = self._paint.by
        if by == INDIVIDUAL:
            return []
        if self.ramp is not None:
            without = sum(not any(map(_is_number, self._value(one))) for one in entries)
            return [Key(NONE, f"no number: {without:,}")] if without else []
        times = Counter(map(self._ranked, entries))
        without = times.pop(None, 0)
        ranked = list(self._rank)
        keys, others = [], 0
        for rank in sorted(rank for rank in times if rank is not None):
            if rank >= len(self._colors):
                others += times[rank]
                continue
            red, green, blue = self._colors[rank].tolist()
            name = told(ranked[rank], face) or f"no {by.removeprefix(META)}"
            keys.append(Key((red, green, blue), f"{name}: {times[rank]:,}"))
        if others:
            keys.append(Key(OTHERS, f"others: {others:,}"))
        if without:
            keys.append(Key(NONE, f"no {by.removeprefix(META)}: {without:,}"))
        return keys


def _value_of(by: str) -> Callable[[Entry], Sequence[Any]]:
    """The values that an entry has: of groups perhaps several, of metadata perhaps none."""
    if by == GROUP:
        return lambda entry: entry.groups
    if by == DOMAIN:
        return lambda entry: (entry.iid.domain or b"",)
    if by == AREA:
        return lambda entry: (entry.area,)
    names = asked_of(by) or ()

    def of_metadata(entry: Entry) -> Sequence[Any]:
        value = value_in(entry.meta, names)
        if value is None:
            return ()
        if _is_number(value) or isinstance(value, str):
            return (value,)
        return (json.dumps(value, ensure_ascii=False),)

    return of_metadata


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300


def _of_individuals(entries: Sequence[Entry], palette: str | None) -> Colors:
    own = colors_of(entry.iid for entry in entries)
    if palette is None:
        return own
    few = categories_of(palette)
    # The same for an individual everywhere, as its own colour is.
    code = own.astype(np.int64) @ np.array([7, 31, 1])
    chosen: Colors = few[code % len(few)]
    return chosen


def _ramp(by: str, numbers: Sequence[float], palette: str) -> Ramp:
    low, high = (min(numbers), max(numbers)) if numbers else (0, 1)
    is_log = by == AREA and low > 0 and high >= _WIDE * low
    title = "area in pixels" if by == AREA else by.removeprefix(META)
    if is_log:
        title += " (logarithmic)"
    return Ramp(scale_of(palette), low, high, is_log, title)


def told(value: Any, face: Typeface) -> str:
    """A value as it stands in a legend."""
    raw = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
    text = face.readable(raw)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]}…{text[-_LONGEST // 3 :]}"
