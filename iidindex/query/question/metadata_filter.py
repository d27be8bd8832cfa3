"""The filter by what the metadata of a file say."""

from __future__ import annotations

import json
import operator
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from numbers import Real
from typing import Any, ClassVar, NamedTuple

import numpy as np
from sqlalchemy import Boolean, and_, bindparam, exists, func, literal_column, or_, select

from iidindex.catalog.statement import Worded
from iidindex.errors import QueryError
from iidindex.query.question import json_values
from iidindex.query.question.filter_kinds import Condition, Filter, encodable, one_text
from iidindex.query.question.metadata_levels import (
    Level,
    before_nul,
    check_names,
    is_whole,
    level,
    names_of,
    text,
    written_of,
)


class Range(NamedTuple):
    """Numbers from one to another, both included; None leaves an end open."""

    low: float | None
    high: float | None

    def __str__(self) -> str:
        return "..".join("" if end is None else str(end) for end in self)


Value = str | float | bool | None | Range


class Meta(NamedTuple):
    """What a file's metadata must say: under these names, each inside the one before."""

    names: tuple[str, ...]
    value: Value


class MetaShape(NamedTuple):
    """How deep a value of the metadata lies, and what it is.

    Attributes
    ----------
    depth : int
    kind : {"null", "true", "false", "text", "number", "huge", "range"}
        As SQLite's ``json_type`` calls them, but for numbers, of which it has two. A number is huge
        if it is whole and 64 bits with a sign do not hold it.
    has_nul : bool
        Whether there is a NUL in it or in one of its names.
    ends : (bool, bool)
        Of a range, whether it has one.
    """

    depth: int
    kind: str
    has_nul: bool
    ends: tuple[bool, bool] = (False, False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata(Filter):
    """The file's metadata say some values."""

    is_repeatable: ClassVar[bool] = True
    type_told: ClassVar[str] = "mapping"

    def read(self, name: str, given: Any) -> tuple[Meta, ...]:
        """Conditions for every value of a mapping, which may hold mappings."""
        return tuple(_said(name, given, ()))

    def meet(self, name: str, known: Any, given: Any) -> Any:
        """All of them must fit."""
        return (*known, *self.read(name, given))

    def shape(self, value: Any) -> Hashable:
        """Of each value."""
        return tuple(map(_meta_shape, value)) or None

    def conditions(self, name: str, shape: Any) -> list[Condition]:
        """All of the values."""
        return [_says(f"{name}{place}", meta) for place, meta in enumerate(shape)]

    def values(self, name: str, value: Any) -> dict[str, Any]:
        """Names, values, and how they are written."""
        found: dict[str, Any] = {}
        for place, meta in enumerate(value):
            found |= _of_meta(f"{name}{place}", meta)
        return found


def _said(name: str, wanted: Any, names: tuple[str, ...]) -> Iterator[Meta]:
    told = " ".join([name, *([".".join(names)] if names else [])])
    check_names(names, name)
    if isinstance(wanted, Mapping):
        if names and not wanted:
            raise QueryError(f"{told} is an empty mapping, which asks for nothing")
        for inner, value in wanted.items():
            yield from _said(name, value, (*names, one_text(inner, f"a name in {name}")))
    elif not names:
        raise QueryError(
            f"{name} must be a mapping, such as {{'camera': 'x'}}, not {wanted!r:.200}"
        )
    else:
        yield Meta(names, _value(wanted, names[-1], told))


def _value(wanted: Any, name: str, told: str) -> Value:
    """A value as Python's own."""
    if isinstance(wanted, tuple):
        return _range(wanted, told)
    if isinstance(wanted, (np.generic, np.ndarray)) and wanted.ndim == 0:
        wanted = wanted.item()
    if wanted is None or isinstance(wanted, bool):
        return wanted
    if isinstance(wanted, str):
        return encodable(str(wanted))
    if not isinstance(wanted, Real):
        raise QueryError(f"{told} must be text, a number, True, False or None, not {wanted!r:.200}")
    number = _number(wanted, told)
    if not _fits(number) and '"' in name:
        raise QueryError(
            f"{told}: {number} has more than 64 bits, and cannot be looked for under a name with "
            "a quotation mark"
        )
    return number


def _range(wanted: tuple[Any, ...], told: str) -> Range:
    """Two ends, each of them a number or None."""
    ends: list[float | None] = []
    for end in wanted:
        if isinstance(end, (np.generic, np.ndarray)) and end.ndim == 0:
            end = end.item()
        is_number = isinstance(end, Real) and not isinstance(end, bool)
        if len(wanted) != 2 or (end is not None and not is_number):
            break
        ends.append(None if end is None else _number(end, told))
    if len(ends) != 2:
        raise QueryError(f"{told} must be (min, max), numbers or None, not {wanted!r:.200}")
    low, high = ends
    if low is not None and high is not None and low > high:
        raise QueryError(f"{told} {wanted!r:.200} is reversed: expected (min, max)")
    return Range(low, high)


def _number(wanted: Any, told: str) -> float:
    try:
        number: float = operator.index(wanted) if hasattr(wanted, "__index__") else float(wanted)
        float(number)
    except OverflowError:
        raise QueryError(f"{told}: {wanted!r:.40} is too large") from None
    if not isfinite(number):
        # JSON has no word for them, and the catalogue null.
        raise QueryError(f"{told}: {wanted!r} is no number that can be looked for")
    # So large, every float is a whole number, and one is compared with others exactly.
    return number if _fits(number) else int(number)


def _fits(number: float) -> bool:
    # The least one is what those below it become as floats.
    return -(2**63) < number < 2**63


def _meta_shape(meta: Meta) -> MetaShape:
    if isinstance(meta.value, Range):
        low, high = meta.value
        has_nul = "\0" in "".join(meta.names)
        return MetaShape(len(meta.names), "range", has_nul, (low is not None, high is not None))
    if meta.value is None or isinstance(meta.value, bool):
        kind = json.dumps(meta.value)
    elif isinstance(meta.value, str):
        kind = "text"
    else:
        kind = "number" if _fits(meta.value) else "huge"
    return MetaShape(len(meta.names), kind, "\0" in "".join(map(str, (*meta.names, meta.value))))


def _of_meta(name: str, meta: Meta) -> dict[str, Any]:
    values, value = names_of(name, meta.names), meta.value
    # What is written in the file, as a NUL is not an end there.
    if isinstance(value, Range):
        low, high = (end if end is None or _fits(end) else float(end) for end in value)
        values |= {f"{name}_low": low, f"{name}_high": high}
        values |= json_values.values_of_range(name, low, high)
        return values | written_of(name, meta.names)
    values |= written_of(name, meta.names, json.dumps(value))
    values |= json_values.values_of_value(name, value)
    if isinstance(value, str):
        value = before_nul(value)
    elif value is not None and not _fits(value):
        # An integer that no database holds is a float to it, in the metadata as well. So it is
        # compared as it is written; only a float, if it is the same number, as a float.
        values[f"{name}_digits"] = f"[{value},{value}]"
        value = float(value) if int(float(value)) == value else None
    values[f"{name}_value"] = value
    return values


def _says(name: str, meta: MetaShape) -> Condition:
    """The file's metadata has this value under these names."""
    found = level(name, meta.depth)
    conditions = [*found.conditions, is_whole(name, meta.has_nul)]
    if meta.kind == "range":
        conditions += _is_between(name, meta.ends, found)
    elif meta.kind == "huge":
        conditions.append(_is_huge(name, found))
    else:
        conditions.append(_is(f"{name}_value", meta.kind, found))
    said = exists(select(literal_column("1")).select_from(found.source).where(and_(*conditions)))
    return Worded(said, json_values.says(name, meta.kind, meta.depth, meta.ends), Boolean())


def _is_huge(name: str, found: Level) -> Condition:
    """A number of more than 64 bits is the one asked for, to the last digit."""
    # With two paths, the values are given as they are written, in an array; with one, as a float.
    written = func.json_extract(found.inside, found.path, found.path)
    return or_(
        and_(found.kind == text("integer"), written == bindparam(f"{name}_digits")),
        and_(found.kind == text("real"), found.value == bindparam(f"{name}_value")),
    )


def _is(name: str, wanted: str, found: Level) -> Condition:
    if wanted == "text":
        return and_(found.kind == text("text"), found.value == bindparam(name))
    if wanted == "number":
        return and_(_is_number(found), found.value == bindparam(name))
    return found.kind == text(wanted)


def _is_between(name: str, ends: tuple[bool, bool], found: Level) -> list[Condition]:
    has_low, has_high = ends
    conditions = [_is_number(found)]
    if has_low:
        conditions.append(found.value >= bindparam(f"{name}_low"))
    if has_high:
        conditions.append(found.value <= bindparam(f"{name}_high"))
    return conditions


def _is_number(found: Level) -> Condition:
    return found.kind.in_((text("integer"), text("real")))
