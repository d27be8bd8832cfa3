"""The filters by the path of a file: it fits a pattern, or none of some."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from sqlalchemy import (
    ColumnElement,
    Text,
    and_,
    bindparam,
    cast,
    not_,
    or_,
    select,
    type_coerce,
)

from iidindex.catalog.schema import PathText, files, path_value, roots
from iidindex.errors import QueryError
from iidindex.files.arguments import BYTES_LIKE, several
from iidindex.query.question.filter_kinds import FEW, Condition, Filter, one_text
from iidindex.storage.places import is_absolute

# Characters of a pattern; SQLite takes so many bytes, and no path is as long.
_LONGEST_PATH = 10_000

# How a path is compared.
Way = Literal["exact", "pattern", "location"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Path(Filter):
    """The file's path fits a pattern, or is it."""

    type_told: ClassVar[str] = "str"

    def read(self, name: str, given: Any) -> str:
        """Text that a file's name can be."""
        return _read(name, given)

    def shape(self, value: Any) -> Hashable:
        """How it is compared: ``exact``, as a ``pattern``, or with where the file lies."""
        return _way_of(value)

    def conditions(self, name: str, shape: Any) -> list[Condition]:
        """The path is what is asked for, or fits it as a pattern."""
        if shape == "exact":
            # With the roots named, the index over root and path leads to it.
            return [and_(files.c.root_id.in_(select(roots.c.id)), _is(name))]
        return [_fits(shape, name)]

    def values(self, name: str, value: Any) -> dict[str, Any]:
        """The path as the database stores it."""
        return {name: path_value(value)}


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPath(Filter):
    """The file's path fits none of some patterns."""

    is_repeatable: ClassVar[bool] = True
    is_excluding: ClassVar[bool] = True
    type_told: ClassVar[str] = "str or iterable of str"

    def read(self, name: str, given: Any) -> tuple[str, ...]:
        """One or several, each once."""
        one = isinstance(given, BYTES_LIKE) or not isinstance(given, Iterable)
        listed = (given,) if one else several(given)
        return _few(name, dict.fromkeys(_read(name, one) for one in listed))

    def meet(self, name: str, known: Any, given: Any) -> tuple[str, ...]:
        """It fits none of either."""
        return _few(name, dict.fromkeys((*known, *self.read(name, given))))

    def shape(self, value: Any) -> Hashable:
        """How each is compared."""
        return tuple(map(_way_of, value)) or None

    def conditions(self, name: str, shape: Any) -> list[Condition]:
        """The path neither is one of them nor fits it."""
        return [
            not_(_is(f"{name}{place}") if way == "exact" else _fits(way, f"{name}{place}"))
            for place, way in enumerate(shape)
        ]

    def values(self, name: str, value: Any) -> dict[str, Any]:
        """Each as the database stores it."""
        return {f"{name}{place}": path_value(one) for place, one in enumerate(value)}


def _few(name: str, paths: dict[str, None]) -> tuple[str, ...]:
    if len(paths) > FEW:
        raise QueryError(
            f"{name} has {len(paths)} paths; expected at most {FEW}, of which each may be a pattern"
        )
    return tuple(paths)


def _read(name: str, given: Any) -> str:
    """Text that a file's name can be."""
    try:
        os.fsencode(one_text(given, name))
    except UnicodeEncodeError:
        raise QueryError(f"{given!r}: no file can have this path") from None
    if len(given) > _LONGEST_PATH:
        raise QueryError(f"{name} has {len(given)} characters; expected at most {_LONGEST_PATH}")
    return str(given)


def _way_of(path: str) -> Way:
    # What begins with a slash is no path inside a root, but where files lie.
    if is_absolute(path):
        return "location"
    return "pattern" if set(path) & set("*?[") else "exact"


def _is(name: str) -> Condition:
    """The path is the one of this name."""
    return files.c.path == bindparam(name, type_=PathText)


def _fits(way: Way, name: str) -> Condition:
    """The path fits the pattern of this name."""
    found: ColumnElement[str] = (
        type_coerce(_location(), Text) + "/" + type_coerce(files.c.path, Text)
        if way == "location"
        else files.c.path
    )
    # An exact path is a hit even if it is no pattern of itself, as "a[1].iid".
    # Casting lets a pattern meet names that are no text, which are stored as bytes.
    pattern = cast(bindparam(name, type_=PathText), Text)
    return or_(cast(found, Text) == pattern, cast(found, Text).op("GLOB")(pattern))


def _location() -> ColumnElement[str]:
    """The location of a file's root."""
    return (
        select(roots.c.location)
        .where(roots.c.id == files.c.root_id)
        .correlate(files)
        .scalar_subquery()
    )
