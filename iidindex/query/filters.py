"""What a question asks for, checked once at the door."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Self

from iidindex.codec.layout import MAX_COORDINATE
from iidindex.errors import QueryError
from iidindex.files.groups import check_name
from iidindex.model import BBox, BBoxLike

# The largest that SQLite holds.
_MAX_INTEGER = 2**63 - 1

ORDERS = ("id", "path", "key", "area", "address", "domain")


@dataclass(frozen=True, slots=True)
class Filters:
    """One question about entries; None asks for anything.

    Attributes
    ----------
    addresses, domains : tuple of bytes, optional
        Any of these; ``b""`` as a domain stands for none given.
    groups : tuple of str, optional
        In any of these groups.
    keys : tuple of int, optional
        Any of these keys in their files.
    path : str, optional
        A glob over the path inside the root, or, if it begins with ``/``, over the location
        on disk; ``*`` crosses ``/``, case counts.
    area : (int or None, int or None), optional
        Pixels, both ends inclusive.
    regions : tuple of BBox
        A mask pixel, or the box if not `exact`, in every one of these boxes.
    exact : bool
        Look at the pixels, not only at the boxes.
    order_by : tuple of str
        Names of ``ORDERS``, after a ``-`` to begin with the largest.
    limit : int, optional
    """

    addresses: tuple[bytes, ...] | None = None
    domains: tuple[bytes, ...] | None = None
    groups: tuple[str, ...] | None = None
    keys: tuple[int, ...] | None = None
    path: str | None = None
    area: tuple[int | None, int | None] | None = None
    regions: tuple[BBox, ...] = ()
    exact: bool = True
    order_by: tuple[str, ...] = ()
    limit: int | None = None

    def where(
        self,
        address: bytes | Iterable[bytes] | None,
        domain: bytes | Iterable[bytes] | None,
        group: str | Iterable[str] | None,
        key: int | Iterable[int] | None,
        path: str | None,
        area: tuple[int | None, int | None] | None,
    ) -> Self:
        """Narrow the question down; what is None stays as it was."""
        changes: dict[str, object] = {}
        if address is not None:
            changes["addresses"] = _both(self.addresses, _several(address, bytes, "address"))
        if domain is not None:
            changes["domains"] = _both(self.domains, _several(domain, bytes, "domain"))
        for name, known, new in (
            ("group", self.groups, group),
            ("path", self.path, path),
            ("area", self.area, area),
        ):
            if known is not None and new is not None:
                raise QueryError(f"{name} was given before, as {known!r}")
        if group is not None:
            changes["groups"] = _group_names(group)
        if key is not None:
            changes["keys"] = _both(self.keys, _several(key, int, "key"))
        if path is not None:
            changes["path"] = _one_text(path, "path")
        if area is not None:
            changes["area"] = _range(area)
        return replace(self, **changes)  # type: ignore[arg-type]

    def within(self, bbox: BBoxLike, exact: bool, name: str = "bbox") -> Self:
        """Ask for a pixel inside a box, too."""
        if self.regions and exact is not self.exact:
            raise QueryError("exact must be the same for all boxes of one question")
        # Nothing lies outside the coordinates that the format can hold.
        box = BBox.of(bbox, name) & BBox(0, 0, MAX_COORDINATE + 1, MAX_COORDINATE + 1)
        return replace(self, regions=(*self.regions, box), exact=exact)

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


def _group_names(values: Any) -> tuple[str, ...]:
    names = _several(values, str, "group")
    for name in names:
        check_name(name, QueryError)
    return names


def _one_text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise QueryError(f"{name} must be text, not {type(value).__name__}: {value!r}")
    return value


def _both(known: tuple[Any, ...] | None, new: tuple[Any, ...]) -> tuple[Any, ...]:
    """What is asked for twice must fit both times."""
    return new if known is None else tuple(value for value in known if value in new)


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
