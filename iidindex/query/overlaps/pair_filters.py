"""What pairs of entries can be asked for: whose they are, how much they share, in what order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from iidindex.codec.layout import MAX_COORDINATE
from iidindex.errors import QueryError
from iidindex.files.arguments import BYTES_LIKE, check_number, is_between, one_integer, several
from iidindex.query.pixels.segments import Ints
from iidindex.query.question.asked import Filters

Reals = npt.NDArray[np.float64]

PAIR_ORDERS = ("pixels", "iou", "a_in_b", "b_in_a", "distance", "a_area", "b_area")

# The ends of a range of fractions, both included.
Range = tuple[float | None, float | None]


class Measured(NamedTuple):
    """Pairs as columns: ids, shared pixels, distances, and the areas of both."""

    a: Ints
    b: Ints
    pixels: Ints
    distance: Ints
    a_area: Ints
    b_area: Ints

    def of(self, name: str) -> Reals:
        """One of ``PAIR_ORDERS``."""
        if name in self._fields:
            return np.asarray(getattr(self, name), np.float64)
        # A careless file may state less than what is shared.
        areas = [np.maximum(area, self.pixels) for area in (self.a_area, self.b_area)]
        whole = {"iou": areas[0] + areas[1] - self.pixels, "a_in_b": areas[0], "b_in_a": areas[1]}
        # What has no pixel is a fraction of nothing, which is 0.
        found: Reals = self.pixels / np.maximum(whole[name], 1)
        return found

    def take(self, rows: Ints | npt.NDArray[np.bool_]) -> Self:
        """Some of them."""
        return type(self)(*(column[rows] for column in self))


@dataclass(frozen=True)
class PairFilters:
    """What is asked of pairs; None asks for anything.

    Attributes
    ----------
    between : (bytes, bytes), optional
        The domains of `a` and of `b`.
    a_groups, b_groups : tuple of str
        `a` is in any of these groups, and `b` in any of those.
    ranges : tuple of (str, Range)
        Fractions by name, which lie between two ends.
    within : int
        Pairs that are so many pixels apart; 0 for those that share some.
    order_by : tuple of str
    limit : int, optional
    across : (str, str), optional
        The files of `a` and of `b`, which are laid on one another.
    """

    between: tuple[bytes, bytes] | None = None
    a_groups: tuple[str, ...] = ()
    b_groups: tuple[str, ...] = ()
    ranges: tuple[tuple[str, Range], ...] = ()
    within: int = 0
    order_by: tuple[str, ...] = ()
    limit: int | None = None
    across: tuple[str, str] | None = None

    @classmethod
    def read(
        cls,
        between: Any = None,
        groups: tuple[Any, Any] = (None, None),
        min_iou: Any = None,
        parts: tuple[Any, Any] = (None, None),
        within: Any = None,
        order_by: Any = None,
        limit: Any = None,
        across: Any = None,
    ) -> Self:
        """Read the arguments of `Entries.overlaps`.

        Raises
        ------
        QueryError
            If one has not its form.
        """
        if min_iou is not None and not is_between(min_iou, 0, 1):
            raise QueryError(f"min_iou is {min_iou!r}; expected a number from 0 to 1")
        ranges = {
            "iou": None if min_iou is None else (min_iou, None),
            "a_in_b": _range("a_in_b", parts[0]),
            "b_in_a": _range("b_in_a", parts[1]),
        }
        return cls(
            _two(between, "between", "domains", bytes),
            _names(groups[0], "a_group"),
            _names(groups[1], "b_group"),
            tuple((name, ends) for name, ends in ranges.items() if ends is not None),
            distance_of(within),
            _orders(order_by),
            check_number(limit, "limit"),
            _two(across, "across", "paths", str),
        )

    @property
    def needs_areas(self) -> bool:
        """Whether pairs are measured before they are told."""
        return bool(self.ranges or self.order_by)

    def sides(self, filters: Filters) -> tuple[Filters, Filters] | None:
        """What is asked of the entries of each side; None, if the same is asked of both."""
        domains = self.between or (None, None)
        a, b = (
            _of_groups(filters.where(domain=domain), groups)
            for domain, groups in zip(domains, (self.a_groups, self.b_groups), strict=True)
        )
        return None if a == b and self.across is None else (a, b)

    def common(self, filters: Filters) -> Filters:
        """What is asked of all entries, if the same is asked of both sides."""
        domain = None if self.between is None else self.between[0]
        return _of_groups(filters.where(domain=domain), self.a_groups)

    def fit(self, pairs: Measured) -> npt.NDArray[np.bool_]:
        """Which of the pairs have fractions in the ranges: bool, shape (n,)."""
        found = np.ones(len(pairs.a), np.bool_)
        for name, (low, high) in self.ranges:
            value = pairs.of(name)
            if low is not None:
                found &= value >= low
            if high is not None:
                found &= value <= high
        return found

    def ordered(self, pairs: Measured) -> Ints:
        """The positions of pairs in the order asked for, as many as are wanted."""
        keys = [
            -pairs.of(name[1:]) if name.startswith("-") else pairs.of(name)
            for name in reversed(self.order_by)
        ]
        return np.lexsort(keys)[: self.limit]


PLAIN = PairFilters()


def _of_groups(filters: Filters, groups: tuple[str, ...]) -> Filters:
    if not groups:
        return filters
    # One group can be asked for beside others.
    return filters.where(all_groups=groups) if len(groups) == 1 else filters.where(group=groups)


def _two(given: Any, name: str, what: str, kind: type) -> Any:
    if given is None:
        return None
    try:
        if isinstance(given, (str, *BYTES_LIKE)):
            raise TypeError
        first, second = given
    except (TypeError, ValueError):
        raise QueryError(f"{name} must be two {what}, not {given!r:.200}") from None
    for value in (first, second):
        if not isinstance(value, kind):
            told = f"{type(value).__name__}: {value!r:.200}"
            raise QueryError(f"{name} must be two {what} of {kind.__name__}, not {told}")
    return first, second


def _names(given: Any, name: str) -> tuple[str, ...]:
    if given is None:
        return ()
    one = isinstance(given, (str, *BYTES_LIKE)) or not isinstance(given, Iterable)
    names = (given,) if one else several(given)
    for value in names:
        if not isinstance(value, str):
            raise QueryError(f"{name} must be str, not {type(value).__name__}: {value!r:.200}")
    return tuple(dict.fromkeys(map(str, names)))


def _range(name: str, given: Any) -> Range | None:
    if given is None:
        return None
    try:
        if isinstance(given, str):
            raise TypeError
        low, high = given
    except (TypeError, ValueError):
        raise QueryError(f"{name} must be (low, high), not {given!r:.200}") from None
    for end in (low, high):
        if end is not None and not is_between(end, 0, 1):
            raise QueryError(f"{name} is {given!r:.200}; expected numbers from 0 to 1, or None")
    if low is not None and high is not None and low > high:
        raise QueryError(f"{name} {given!r} is reversed: expected (low, high)")
    return low, high


def distance_of(given: Any) -> int:
    """Read how many pixels apart two masks may be; 0 if nothing is said.

    Raises
    ------
    QueryError
        If it is no such number.
    """
    number = 0 if given is None else one_integer(given, "within")
    if not 0 <= number <= MAX_COORDINATE:
        raise QueryError(f"within is {number}; expected 0 … {MAX_COORDINATE} pixels")
    return number


def _orders(given: Any) -> tuple[str, ...]:
    names = _names(given, "order_by")
    for name in names:
        if name.removeprefix("-") not in PAIR_ORDERS:
            raise QueryError(
                f"order_by is {name!r}; expected one of {', '.join(PAIR_ORDERS)}, with a - before "
                "it to begin with the largest"
            )
    return names
