"""What a question asks for, checked once at the door."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from numbers import Real
from typing import Any, NamedTuple, Self

import numpy as np

from iidindex.codec.layout import MAX_COORDINATE
from iidindex.errors import QueryError
from iidindex.files.groups import check_name
from iidindex.model import BBox, BBoxLike
from iidindex.query.pixels.originals import OnStale

# The largest that SQLite holds.
_MAX_INTEGER = 2**63 - 1

# Squares of distances from here fit the integers they are counted in.
_FARTHEST = 2**30
# Boxes of one question; SQLite takes somewhat more.
_MOST_REGIONS = 100
# Characters of a pattern; SQLite takes so many bytes, and no path is as long.
_LONGEST_PATH = 10_000
# Names of metadata inside each other: each is a table joined.
_DEEPEST = 32

ORDERS = ("id", "path", "key", "area", "address", "domain")


class Meta(NamedTuple):
    """What a file's metadata must say: under these names, each inside the one before."""

    names: tuple[str, ...]
    value: str | float | bool | None


# Every pixel that a mask can have.
PLANE = BBox(0, 0, MAX_COORDINATE + 1, MAX_COORDINATE + 1)


class Near(NamedTuple):
    """The `k` masks nearest to the pixel in this row and column."""

    row: int
    col: int
    k: int


@dataclass(frozen=True, slots=True)
class Filters:
    """One question about entries; None asks for anything.

    Attributes
    ----------
    addresses, domains : tuple of bytes, optional
        Any of these; ``b""`` as a domain stands for none given.
    prefix : bytes, optional
        What the address begins with.
    groups : tuple of str, optional
        In any of these groups.
    keys : tuple of int, optional
        Any of these keys in their files.
    path : str, optional
        A glob over the path inside the root, or, if it begins with ``/``, over the location
        on disk; ``*`` crosses ``/``, case counts.
    root : str, optional
        Name of the root that the file is in.
    meta : tuple of Meta
        All of these.
    area : (int or None, int or None), optional
        Pixels, both ends inclusive.
    after : int, optional
        Entries with a greater id.
    near : Near, optional
    regions : tuple of BBox
        A mask pixel, or the box if not `exact`, in every one of these boxes.
    exact : bool
        Look at the pixels, not only at the boxes.
    order_by : tuple of str
        Names of ``ORDERS``, after a ``-`` to begin with the largest.
    limit : int, optional
    on_stale : {"error", "skip", "warn"}
        What to do about originals that are not what they were.
    jobs : int
        Processes that look at pixels.
    """

    addresses: tuple[bytes, ...] | None = field(default=None, repr=False)
    prefix: bytes | None = None
    domains: tuple[bytes, ...] | None = None
    groups: tuple[str, ...] | None = None
    keys: tuple[int, ...] | None = None
    path: str | None = None
    root: str | None = None
    meta: tuple[Meta, ...] = ()
    area: tuple[int | None, int | None] | None = None
    after: int | None = None
    near: Near | None = None
    regions: tuple[BBox, ...] = ()
    exact: bool = True
    order_by: tuple[str, ...] = ()
    limit: int | None = None
    on_stale: OnStale = "error"
    jobs: int = 1

    def where(
        self,
        *,
        address: bytes | Iterable[bytes] | None = None,
        prefix: bytes | None = None,
        domain: bytes | Iterable[bytes] | None = None,
        group: str | Iterable[str] | None = None,
        key: int | Iterable[int] | None = None,
        path: str | None = None,
        root: str | None = None,
        area: tuple[int | None, int | None] | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> Self:
        """Narrow the question down; what is None stays as it was."""
        for name, known, new in (
            ("group", self.groups, group),
            ("path", self.path, path),
            ("root", self.root, root),
            ("prefix", self.prefix, prefix),
            ("area", self.area, area),
        ):
            if known is not None and new is not None:
                raise QueryError(f"{name} was given before, as {known!r}")
        readers: tuple[tuple[str, object, Callable[[Any], object]], ...] = (
            ("addresses", address, lambda given: _both(self.addresses, given, bytes, "address")),
            ("prefix", prefix, _one_prefix),
            ("domains", domain, lambda given: _both(self.domains, given, bytes, "domain")),
            ("groups", group, _group_names),
            ("keys", key, lambda given: _both(self.keys, given, int, "key")),
            ("path", path, _one_path),
            ("root", root, lambda given: _encodable(_one_text(given, "root"))),
            ("area", area, _range),
            ("meta", meta, lambda given: (*self.meta, *_meta(given, ()))),
        )
        changes = {name: read(given) for name, given, read in readers if given is not None}
        return replace(self, **changes)  # type: ignore[arg-type]

    def within(self, bbox: BBoxLike, exact: bool, name: str = "bbox") -> Self:
        """Ask for a pixel inside a box, too."""
        if self.regions and exact is not self.exact:
            raise QueryError("exact must be the same for all boxes of one question")
        # Nothing lies outside the coordinates that the format can hold.
        box = BBox.of(bbox, name) & PLANE
        if len(self.regions) == _MOST_REGIONS:
            raise QueryError(f"more than {_MOST_REGIONS} boxes in one question")
        return replace(self, regions=(*self.regions, box), exact=exact)

    def nearest(self, x: int, y: int, k: int) -> Self:
        """Ask for the masks nearest to a pixel."""
        numbers = []
        for name, value in (("x", x), ("y", y), ("k", k)):
            try:
                numbers.append(operator.index(value))
            except TypeError:
                raise QueryError(f"{name} must be an integer, not {value!r}") from None
        if k < 1:
            raise QueryError(f"k is {k}; expected at least 1")
        if max(abs(number) for number in numbers[:2]) > _FARTHEST:
            raise QueryError(f"({x}, {y}) is too far away; expected at most {_FARTHEST} pixels")
        if self.near is not None:
            raise QueryError("nearest was asked for before")
        return replace(self, near=Near(numbers[1], numbers[0], numbers[2]))

    def following(self, entry_id: int) -> Self:
        """Ask for entries that come later in the order of ids."""
        if not 0 <= entry_id <= _MAX_INTEGER:
            raise QueryError(f"after is {entry_id}; expected the id of an entry")
        return replace(self, after=max(entry_id, self.after or 0))

    def reading(self, on_stale: OnStale | None, jobs: int | None) -> Self:
        """Say how originals are read; None leaves it as it is."""
        if on_stale not in (None, "error", "skip", "warn"):
            raise QueryError(f"on_stale is {on_stale!r}; expected error, skip or warn")
        if jobs is not None and (not hasattr(jobs, "__index__") or jobs < 1):
            raise QueryError(f"jobs is {jobs!r}; expected at least 1")
        return replace(self, on_stale=on_stale or self.on_stale, jobs=jobs or self.jobs)

    def check(self) -> None:
        """Refuse parts of a question that have no meaning together."""
        if self.order_by and self.after is not None:
            raise QueryError("after goes by the order of ids; leave order_by out")
        if self.near is not None and (self.order_by or self.after is not None):
            raise QueryError("nearest has an order of its own; leave order_by and after out")

    def ordered(self, names: tuple[str, ...]) -> Self:
        """Ask for an order."""
        for name in names:
            if str(name).removeprefix("-") not in ORDERS:
                raise QueryError(
                    f"order_by is {name!r}; expected one of {', '.join(ORDERS)}, "
                    "with a - before it to begin with the largest"
                )
        return replace(self, order_by=names)

    def limited(self, limit: int) -> Self:
        """Ask for so many at the most."""
        try:
            limit = operator.index(limit)
        except TypeError:
            raise QueryError(f"limit must be an integer, not {limit!r}") from None
        if not 0 <= limit <= _MAX_INTEGER:
            raise QueryError(f"limit is {limit}; expected 0 … {_MAX_INTEGER}")
        return replace(self, limit=limit if self.limit is None else min(limit, self.limit))


def end_of_prefix(prefix: bytes) -> bytes | None:
    """The least bytes after all that begin with a prefix; None, if there are none."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else None


def _several(values: Any, kind: type, name: str) -> tuple[Any, ...]:
    """One value or several, each of one kind, without repetition."""
    one = isinstance(values, (bytes, str)) or not isinstance(values, Iterable)
    listed = (values,) if one else tuple(values)
    if kind is int:
        try:
            integers = dict.fromkeys(operator.index(value) for value in listed)
            # No entry has a key that no database can hold.
            return tuple(value for value in integers if abs(value) <= _MAX_INTEGER)
        except TypeError:
            raise QueryError(f"{name} must be an integer or several, not {values!r}") from None
    for value in listed:
        if not isinstance(value, kind):
            hint = f" (try {value!r}.encode())" if isinstance(value, str) else ""
            raise QueryError(
                f"{name} must be {kind.__name__}, not {type(value).__name__}: {value!r}{hint}"
            )
    return tuple(dict.fromkeys(listed))


def _meta(wanted: Any, names: tuple[str, ...]) -> Iterable[Meta]:
    """Conditions for every value of a mapping, which may hold mappings."""
    if len(names) > _DEEPEST:
        raise QueryError(f"meta is nested deeper than {_DEEPEST} names")
    if isinstance(wanted, Mapping):
        if names and not wanted:
            raise QueryError(f"meta {'.'.join(names)} is an empty mapping, which asks for nothing")
        for name, value in wanted.items():
            yield from _meta(value, (*names, _encodable(_one_text(name, "a name in meta"))))
    elif not names:
        raise QueryError(f"meta must be a mapping, such as {{'camera': 'x'}}, not {wanted!r}")
    elif wanted is None or isinstance(wanted, (bool, np.bool_)):
        yield Meta(names, None if wanted is None else bool(wanted))
    elif isinstance(wanted, Real):
        yield Meta(names, _number(wanted, names))
    elif isinstance(wanted, str):
        yield Meta(names, _encodable(wanted))
    else:
        raise QueryError(
            f"meta {'.'.join(names)} must be text, a number, True, False or None, not {wanted!r}"
        )


def _number(wanted: Any, names: tuple[str, ...]) -> float:
    try:
        number: float = operator.index(wanted) if hasattr(wanted, "__index__") else float(wanted)
        float(number)
    except OverflowError:
        raise QueryError(f"meta {'.'.join(names)}: {wanted!r:.40} is too large") from None
    if not isfinite(number):
        # JSON has no word for them, and the catalogue null.
        raise QueryError(f"meta {'.'.join(names)}: {wanted!r} is no number that can be looked for")
    return number


def _one_prefix(given: Any) -> bytes:
    if not isinstance(given, bytes):
        raise QueryError(f"prefix must be bytes, not {type(given).__name__}: {given!r}")
    return given


def _encodable(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise QueryError(f"{text!a} is not valid Unicode") from None
    return text


def _group_names(values: Any) -> tuple[str, ...]:
    names = _several(values, str, "group")
    for name in names:
        check_name(name, QueryError)
    return names


def _one_text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise QueryError(f"{name} must be text, not {type(value).__name__}: {value!r}")
    return value


def _one_path(value: Any) -> str:
    try:
        os.fsencode(_one_text(value, "path"))
    except UnicodeEncodeError:
        raise QueryError(f"{value!r}: no file can have this path") from None
    if len(value) > _LONGEST_PATH:
        raise QueryError(f"path has {len(value)} characters; expected at most {_LONGEST_PATH}")
    return str(value)


def _both(known: tuple[Any, ...] | None, given: Any, kind: type, name: str) -> tuple[Any, ...]:
    """What is asked for twice must fit both times."""
    new = _several(given, kind, name)
    if known is None:
        return new
    wanted = set(new)
    return tuple(value for value in known if value in wanted)


def _range(area: Any) -> tuple[int | None, int | None]:
    try:
        low, high = area
        bounds: tuple[Any, ...] = tuple(
            None if end is None else max(-_MAX_INTEGER, min(_MAX_INTEGER, operator.index(end)))
            for end in (low, high)
        )
    except (TypeError, ValueError):
        raise QueryError(f"area must be (min, max), integers or None, not {area!r}") from None
    if None not in bounds and bounds[0] > bounds[1]:
        raise QueryError(f"area {area!r} is reversed: expected (min, max)")
    return bounds[0], bounds[1]
