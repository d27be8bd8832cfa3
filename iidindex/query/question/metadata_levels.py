"""Where in the metadata of a file a value lies, in SQL: each mapping beside the one it is in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Text,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    true,
)

from iidindex.catalog.schema import files
from iidindex.errors import QueryError
from iidindex.query.question.filter_kinds import Condition, encodable
from iidindex.query.question.json_values import keys_of

# Names of metadata inside each other: each is a table joined.
_DEEPEST = 32


class Level(NamedTuple):
    """A value that lies under some names.

    Attributes
    ----------
    source : FromClause
        What is selected from.
    conditions : list of ColumnElement
        That the names are those of the place.
    key, value, kind, path : ColumnElement
        The last name, the value, what it is (as SQLite's ``json_type`` calls it), and the path to
        it in `inside`.
    inside : ColumnElement
        The mapping that it is in.
    """

    source: Any
    conditions: list[Condition]
    value: ColumnElement[Any]
    kind: ColumnElement[Any]
    path: ColumnElement[Any]
    inside: ColumnElement[Any]


def level(name: str, depth: int) -> Level:
    """The value under so many names, which `names_of` gives as values called after `name`.

    ``json_each`` rather than ``json_extract``, as a path has no way to quote every name.
    """
    inside: ColumnElement[Any] = files.c.meta
    kind: ColumnElement[Any] = func.json_type(files.c.meta)
    source: Any = None
    conditions: list[Condition] = []
    for nth in range(depth):
        objects = case((kind == text("object"), inside), else_=text("{}"))
        found = func.json_each(objects).table_valued(
            "key", "value", "type", "fullkey", name=f"{name}_level{nth}"
        )
        source = found if source is None else source.join(found, true())
        conditions.append(found.c.key == bindparam(f"{name}_name{nth}"))
        inside, kind = found.c.value, found.c.type
    return Level(source, conditions, inside, kind, found.c.fullkey, objects)


def names_of(name: str, names: Sequence[str]) -> dict[str, Any]:
    """The values of the conditions of a level, and of `json_values`."""
    found = {f"{name}_name{depth}": before_nul(part) for depth, part in enumerate(names)}
    return found | keys_of(name, names)


def is_whole(name: str, has_nul: bool) -> Condition:
    """What is asked for is written in the metadata, as `written_of` has it, if it matters.

    SQLite ends a text at a NUL. Where there is one, what was written is looked for as well.
    """
    whole = func.instr(files.c.meta, bindparam(f"{name}_written")) > literal_column("0")
    if has_nul:
        return whole
    no_nul = func.instr(files.c.meta, text("\\u0000")) == literal_column("0")
    return or_(no_nul, whole)


def written_of(name: str, names: Sequence[str], value: str = "") -> dict[str, str]:
    """How a name, and perhaps a value as JSON, are written in the metadata."""
    return {f"{name}_written": f"{json.dumps(names[-1])}: {value}"}


def before_nul(text: str) -> str:
    """What SQLite takes a text for, which ends it at a NUL."""
    return text.partition("\0")[0]


def text(value: str) -> ColumnElement[str]:
    """A text that is the same in all questions."""
    return literal_column(f"'{value}'", Text)


def check_names(names: Sequence[str], what: str) -> None:
    """Refuse names that lie too deep, or that no file can hold.

    Raises
    ------
    QueryError
        If they are such.
    """
    if len(names) > _DEEPEST:
        raise QueryError(f"{what} is nested deeper than {_DEEPEST} names")
    for name in names:
        encodable(name)
