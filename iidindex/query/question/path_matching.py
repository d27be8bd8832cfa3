"""Comparing paths in SQL: inside a root or where a file lies, as they stand or as patterns."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    CTE,
    Boolean,
    ColumnElement,
    LargeBinary,
    Select,
    Text,
    TypeDecorator,
    and_,
    bindparam,
    cast,
    collate,
    column,
    func,
    literal_column,
    or_,
    select,
    type_coerce,
    union_all,
    values,
)
from sqlalchemy.engine import Dialect

from iidindex.catalog.schema import PathText, files, path_value, roots
from iidindex.catalog.statement import Ordered, Worded
from iidindex.query.question.filter_kinds import (
    Condition,
    end_of_prefix,
    rounded,
)
from iidindex.query.question.path_patterns import regex_of
from iidindex.storage.enclosing import above
from iidindex.storage.places import is_absolute, storage_at

_WILD = frozenset("*?[")
# A slash in bytes, to PostgreSQL.
_SLASH = r"'\x2f'::bytea"


class _Regex(TypeDecorator[str]):
    """A pattern, of which only a database without ``GLOB`` is given the regular expression."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:  # noqa: ARG002
        """Translate it."""
        return regex_of(value)


class PathShape(NamedTuple):
    """How a path is compared.

    Attributes
    ----------
    is_pattern : bool
    tops : int
        How many directories of a location there are that may be its root, or the next power of
        two; 0 for a path inside a root.
    fixed : int
        The same of those in whose names a pattern has no wildcard.
    """

    is_pattern: bool
    tops: int = 0
    fixed: int = 0


def shape_of_path(path: str) -> PathShape:
    """How a path is compared: with what, and whether as it stands."""
    is_pattern = not _WILD.isdisjoint(path)
    # What begins with a slash is no path inside a root, but where files lie.
    if not is_absolute(path):
        return PathShape(is_pattern)
    return PathShape(
        is_pattern,
        rounded(len(_splits(path))),
        rounded(len(_fixed_splits(path))) if is_pattern else 0,
    )


def fits_path(name: str, shape: PathShape) -> Condition:
    """The path is what is asked for, or fits it as a pattern."""
    if shape.tops:
        return files.c.id.in_(_located(name, shape))
    wanted = bindparam(name, type_=PathText)
    if not shape.is_pattern:
        # With the roots named, the index over root and path leads to it.
        return and_(files.c.root_id.in_(select(roots.c.id)), files.c.path == wanted)
    # An exact path is a hit even if it is no pattern of itself, as "a[1].iid".
    by_glob = or_(_as_text(files.c.path) == _as_text(wanted), _globs(files.c.path, wanted))
    by_regex = or_(
        files.c.path == wanted, _matches(files.c.path, bindparam(f"{name}_regex", type_=_Regex))
    )
    return Worded(by_glob, by_regex, Boolean())


def values_of_path(name: str, path: str) -> dict[str, Any]:
    """The path as the database stores it; of a location, all that may be root and path."""
    found: dict[str, Any] = {name: path_value(path)}
    is_pattern = not _WILD.isdisjoint(path)
    if is_pattern:
        found[f"{name}_regex"] = path
    if not is_absolute(path):
        return found
    found |= _filled(f"{name}_top", _splits(path))
    if is_pattern:
        splits = _fixed_splits(path)
        found |= _filled(f"{name}_fixed", splits)
        for nth in range(rounded(len(splits))):
            found[f"{name}_fixed{nth}_regex"] = splits[min(nth, len(splits) - 1)][1]
        stem = os.fsencode(_stem(path))
        found |= {f"{name}_stem": stem, f"{name}_stem_end": end_of_prefix(stem)}
    return found


def _splits(location: str) -> list[tuple[str, str]]:
    """Every directory that a location may be in, and the path from there."""
    storage = storage_at(location)
    found = ((place, storage.relative(place, location)) for place in above(location))
    return [(place, path) for place, path in found if path]


def _stem(pattern: str) -> str:
    """What stands before the first wildcard."""
    wild = (place for place, character in enumerate(pattern) if character in _WILD)
    return pattern[: next(wild, None)]


def _fixed_splits(pattern: str) -> list[tuple[str, str]]:
    """Of the splits, those that have wildcards only in the path."""
    most = len(pattern) - len(_stem(pattern))
    return [split for split in _splits(pattern) if len(split[1]) >= most]


def _filled(name: str, splits: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Values for splits, of which the last fills what is left, which changes nothing."""
    found: dict[str, Any] = {}
    for nth in range(rounded(len(splits))):
        place, path = splits[min(nth, len(splits) - 1)]
        found |= {f"{name}{nth}": path_value(place), f"{name}{nth}_path": path_value(path)}
    return found


def _located(name: str, shape: PathShape) -> Any:
    """Select the files that lie at a location, or where it leads to as a pattern.

    To put together where each file lies would take a look at all of them. So each directory that
    the location may be in is looked up among the roots, and the rest of it inside that root.
    """
    wanted = bindparam(name, type_=PathText)
    tops = _given(f"{name}_top", shape.tops)
    found = [_placed(tops).where(_PLACED.c.path == tops.c.path)]
    if shape.fixed:
        fixed = _given(f"{name}_fixed", shape.fixed)
        by_regex = or_(
            *(
                and_(
                    roots.c.location == bindparam(f"{name}_fixed{nth}", type_=PathText),
                    _matches(_PLACED.c.path, bindparam(f"{name}_fixed{nth}_regex", type_=_Regex)),
                )
                for nth in range(shape.fixed)
            )
        )
        fits = Worded(_globs(_PLACED.c.path, fixed.c.path), by_regex, Boolean())
        found.append(_placed(fixed).where(fits))
    if shape.is_pattern:
        # Roots on whose own names the pattern has its first wildcard.
        stem, end = (
            bindparam(f"{name}_{side}", type_=LargeBinary) for side in ("stem", "stem_end")
        )
        location = type_coerce(roots.c.location, Text) + "/" + type_coerce(_PLACED.c.path, Text)
        in_bytes = roots.c.location.op("||")(literal_column(_SLASH)).op("||")(_PLACED.c.path)
        fits = Worded(
            _globs(location, wanted),
            _matches(in_bytes, bindparam(f"{name}_regex", type_=_Regex)),
            Boolean(),
        )
        found.append(
            _placed()
            .where(cast(roots.c.location, LargeBinary) >= stem)
            .where(cast(roots.c.location, LargeBinary) < end)
            .where(fits)
        )
    return union_all(*found)


_PLACED = files.alias("placed")


def _given(name: str, number: int) -> CTE:
    """Directories and paths below them, as a table of parameters."""
    given = values(column("place", PathText), column("path", PathText), name=name)
    rows = [
        tuple(bindparam(f"{name}{nth}{end}", type_=PathText) for end in ("", "_path"))
        for nth in range(number)
    ]
    return given.data(rows).cte(name)


def _placed(given: CTE | None = None) -> Select[Any]:
    """Select the files of all roots, or of those that are among the directories given."""
    if given is None:
        source = Ordered(roots, _PLACED, _PLACED.c.root_id == roots.c.id)
        return select(_PLACED.c.id).select_from(source).correlate(None)
    known = Ordered(roots, given, roots.c.location == given.c.place)
    source = Ordered(known, _PLACED, _PLACED.c.root_id == roots.c.id)
    # Of many roots, those that are none of the directories are passed by in a step each.
    is_known = roots.c.location.in_(select(given.c.place))
    return select(_PLACED.c.id).select_from(source).where(is_known).correlate(None)


def _as_text(path: ColumnElement[Any]) -> ColumnElement[str]:
    # Names that are no text, which are stored as bytes, meet a pattern, too.
    return cast(path, Text)


def _globs(path: ColumnElement[Any], pattern: ColumnElement[Any]) -> Condition:
    """Whether a path fits a pattern, as SQLite says it."""
    return _as_text(path).op("GLOB", is_comparison=True)(_as_text(pattern))


def _matches(path: ColumnElement[Any], regex: ColumnElement[Any]) -> Condition:
    """The same, as PostgreSQL says it: each byte is a character, so that all paths are text."""
    characters = func.convert_from(path, literal_column("'LATIN1'"))
    return collate(characters, "C").op("~", is_comparison=True)(regex)
