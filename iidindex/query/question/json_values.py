r"""What the metadata of a file say under names, in PostgreSQL's JSON.

PostgreSQL has no text with a NUL or a lone surrogate in it, and refuses JSON that would be one,
even if it is not asked for. So every escape is made a text of its own before the JSON is read:
``\n`` is then a backslash and an n. A quotation mark and a backslash, which are escaped as
themselves, are written ``\u0022`` and ``\u005c`` first. Metadata are stored in ASCII, as
`json.dumps` writes them; so the same text is the same value, with all its characters.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Double,
    LargeBinary,
    Numeric,
    Select,
    String,
    bindparam,
    case,
    exists,
    literal_column,
    select,
    type_coerce,
)

Condition = ColumnElement[bool]

# The metadata as JSON that can be read, whatever they say.
_READABLE = r"replace(replace(replace(files.meta, '\\', '\u005c'), '\"', '\u0022'), '\', '\\')"
_JSON = rf"(CASE WHEN strpos(files.meta, '\') = 0 THEN files.meta ELSE {_READABLE} END)::json"
_IS_REAL = "(token ~ '[.e]')"
# Whether 64 bits with a sign hold a whole number; to `SQLite` one that they do not is a float.
_IS_LONG = (
    "(length(token) > 18 AND (length(token) > 20 OR token::numeric NOT BETWEEN "
    "-9223372036854775808 AND 9223372036854775807))"
)
# A number as a float; so many digits are more than any has.
_FLOAT = (
    "(CASE WHEN length(token) < 300 THEN token::float8 WHEN token LIKE '-%' "
    "THEN '-Infinity'::float8 ELSE 'Infinity'::float8 END)"
)
_LEAST = "'-9223372036854775808'::int8"
# The bits of a float, so that bytes are in the order of numbers: -0.0 is made 0.0.
_BITS = "('x' || encode(float8send(number + 0.0), 'hex'))::bit(64)::int8"
_IN_ORDER = f"int8send(CASE WHEN {_BITS} < 0 THEN ~ ({_BITS}) ELSE {_BITS} # {_LEAST} END)"
# What floats do not tell apart.
_TAIL = (
    "CASE WHEN abs(number) < 9007199254740992 THEN ''::bytea "
    f"WHEN NOT is_real AND NOT is_long THEN int8send(token::int8 # {_LEAST}) "
    f"WHEN number >= -9223372036854775808 AND number < 9223372036854775808 "
    f"THEN int8send(number::int8 # {_LEAST}) "
    r"WHEN number > 0 THEN '\xffffffffffffffffff'::bytea ELSE ''::bytea END"
)
# A text up to the first NUL, with the escapes of JSON; a lone surrogate is the last character
# before all surrogates.
_ESCAPED = r"split_part(replace(substr(token, 2, length(token) - 2), '\\', '\'), '\u0000', 1)"
_HIGH, _LOW = r"\\ud[89ab][0-9a-f]{2}", r"\\ud[c-f][0-9a-f]{2}"
_WHOLE = (
    rf"CASE WHEN strpos({_ESCAPED}, '\ud') = 0 THEN {_ESCAPED} ELSE "
    rf"regexp_replace({_ESCAPED}, '{_HIGH}(?!{_LOW})|(?<!{_HIGH}){_LOW}', '\\ud7ff', 'g') END"
)
_TEXT = f"""convert_to(('"' || {_WHOLE} || '"')::json #>> '{{}}', 'UTF8')"""
# What is ordered by, as bytes: numbers, text, false, true, and all else; null for nothing.
_KEY = (
    rf"CASE kind WHEN 'number' THEN '\x10'::bytea || {_IN_ORDER} || {_TAIL} "
    rf"WHEN 'string' THEN '\x20'::bytea || {_TEXT} "
    r"WHEN 'boolean' THEN CASE token WHEN 'true' THEN '\x31'::bytea ELSE '\x30'::bytea END "
    r"WHEN 'object' THEN '\x40'::bytea WHEN 'array' THEN '\x40'::bytea END"
)


def _literal(text: str) -> ColumnElement[Any]:
    return literal_column(text)


def _value(name: str, depth: int) -> ColumnElement[Any]:
    """What lies under so many names, as JSON; null, if nothing does."""
    found: ColumnElement[Any] = _literal(_JSON)
    for nth in range(depth):
        found = found.op("->")(bindparam(f"{name}_key{nth}", type_=String))
    return found


def _told(name: str, depth: int) -> Any:
    """A row of that value: its ``token`` as it is written, and the ``kind`` that it is of."""
    value = select(_value(name, depth).label("value")).offset(_literal("0")).subquery("said")
    columns = _literal("value::text AS token"), _literal("json_typeof(value) AS kind")
    return select(*columns).select_from(value).offset(_literal("0")).subquery(f"{name}_told")


def keys_of(name: str, names: Sequence[str]) -> dict[str, str]:
    """The values of the names in `says`, `order_key` and `mapping_under`."""
    return {f"{name}_key{nth}": _in_ascii(part) for nth, part in enumerate(names)}


def values_of_value(name: str, value: Any) -> dict[str, Any]:
    """The values of `says` for what is asked for: text, a number, or None for what has none."""
    if isinstance(value, str):
        return {f"{name}_token": '"' + _in_ascii(value).replace("\\", "\\\\") + '"'}
    if isinstance(value, bool) or value is None:
        return {}
    whole = None if isinstance(value, float) and not value.is_integer() else str(int(value))
    nearest = float(value)
    return {f"{name}_token": whole, f"{name}_real": nearest if nearest == value else None}


def values_of_range(name: str, low: float | None, high: float | None) -> dict[str, Any]:
    """The values of `says` for a range: exactly, and as the last floats in it."""
    found: dict[str, Any] = {}
    for side, end, outwards in (("low", low, math.inf), ("high", high, -math.inf)):
        if end is None:
            continue
        real = float(end)
        if (real < end) if side == "low" else (real > end):
            real = math.nextafter(real, outwards)
        found |= {f"{name}_{side}_whole": Decimal(end), f"{name}_{side}_real": real}
    return found


def says(name: str, kind: str, depth: int, ends: tuple[bool, bool]) -> Condition:
    """Whether the metadata say a value of a kind under so many names; kinds as of `MetaShape`."""
    told = _told(name, depth)
    return exists(select(_literal("1")).select_from(told).where(*_is(name, kind, ends)))


def _is(name: str, kind: str, ends: tuple[bool, bool]) -> list[Condition]:
    if kind in ("true", "false", "null"):
        return [_literal(f"token = '{kind}'")]
    token = _literal("token")
    if kind == "text":
        return [_literal("kind = 'string'"), token == bindparam(f"{name}_token", type_=String)]
    is_number = _literal("kind = 'number'")
    if kind == "range":
        return [is_number, *_lies_between(name, ends)]
    same = case(
        (
            type_coerce(_literal(_IS_REAL), Boolean),
            _literal("token::float8") == bindparam(f"{name}_real", type_=Double),
        ),
        else_=token == bindparam(f"{name}_token", type_=String),
    )
    # Other kinds are no numbers, so they are not made any.
    return [case((type_coerce(is_number, Boolean), same), else_=_literal("false"))]


def _lies_between(name: str, ends: tuple[bool, bool]) -> list[Condition]:
    is_float = type_coerce(_literal(f"({_IS_REAL} OR {_IS_LONG})"), Boolean)
    is_number = type_coerce(_literal("kind = 'number'"), Boolean)
    found: list[Condition] = []
    for side, operator, is_given in zip(("low", "high"), (">=", "<="), ends, strict=True):
        if not is_given:
            continue
        real, whole = (
            _literal(number).op(operator)(bindparam(f"{name}_{side}_{which}", type_=type_))
            for number, which, type_ in (
                (_FLOAT, "real", Double),
                ("token::numeric", "whole", Numeric),
            )
        )
        found.append(
            case((is_number, case((is_float, real), else_=whole)), else_=_literal("false"))
        )
    return found


def order_key(name: str, depth: int) -> ColumnElement[Any]:
    """What files are ordered by, as bytes; null for what comes last."""
    told = _told(name, depth)
    number = f"CASE WHEN kind = 'number' THEN {_FLOAT} END AS number"
    long = f"CASE WHEN kind = 'number' THEN {_IS_LONG} END AS is_long"
    seen: Select[Any] = (
        select(_literal("token"), _literal("kind"), _literal(number), _literal(long))
        .add_columns(_literal(f"{_IS_REAL} AS is_real"))
        .select_from(told)
        .offset(_literal("0"))
    )
    key = select(literal_column(_KEY, LargeBinary)).select_from(seen.subquery(f"{name}_seen"))
    return key.scalar_subquery()


def mapping_under(name: str, depth: int) -> ColumnElement[Any]:
    """The mapping under so many names, as JSON; null, if there is none."""
    mapping = _literal(r"CASE kind WHEN 'object' THEN replace(token, '\\', '\') END")
    return select(mapping).select_from(_told(name, depth)).scalar_subquery()


def _in_ascii(text: str) -> str:
    """A text as it is read from what `_JSON` is."""
    return json.dumps(text)[1:-1].replace("\\\\", "\\u005c").replace('\\"', "\\u0022")


def plain(text: str) -> str:
    """From a text that was read so, what it is."""
    found: str = json.loads(f'"{text}"')
    return found


def known_values(depth: int) -> str:
    """The statement of values under so many names that are no mapping or list, each once."""
    return (
        rf"SELECT replace(token, '\\', '\') FROM (SELECT id, value::text AS token, "  # noqa: S608  (ours)
        f"json_typeof(value) AS kind FROM (SELECT id, {_JSON}{' -> ?' * depth} AS value "
        "FROM files OFFSET 0) said OFFSET 0) told WHERE kind NOT IN ('object', 'array') "
        "GROUP BY token ORDER BY min(id) LIMIT ?"
    )


def known_names(depth: int) -> str:
    """The statement of names under so many names, as `plain` reads them, each once."""
    return (
        "SELECT name FROM (SELECT id, value FROM (SELECT id, "  # noqa: S608  (ours)
        f"{_JSON}{' -> ?' * depth} AS value FROM files OFFSET 0) said "
        "WHERE json_typeof(value) = 'object' OFFSET 0) told, json_object_keys(value) name "
        "GROUP BY name ORDER BY min(id) LIMIT ?"
    )
