"""What filters ask, as conditions in SQL. Pure, as `compile` is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    exists,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
    type_coerce,
)
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import custom_op

from iidindex.catalog.schema import (
    OK,
    PathText,
    entries,
    entry_boxes,
    entry_groups,
    files,
    groups,
    iids,
    roots,
)
from iidindex.model import BBox
from iidindex.query.filters import Filters, Meta, end_of_prefix

# Values that a statement is given one by one; more than these go as one JSON array.
_FEW = 500


def of_files(filters: Filters) -> list[ColumnElement[bool]]:
    """What is asked of files; that they are there, at least."""
    conditions: list[ColumnElement[bool]] = [files.c.state == OK]
    if filters.path is not None:
        conditions.append(_fits(filters.path))
    if filters.root is not None:
        named = select(roots.c.id).where(roots.c.name == filters.root)
        conditions.append(files.c.root_id.in_(named))
    conditions.extend(_says(meta) for meta in filters.meta)
    return conditions


def _fits(wanted: str) -> ColumnElement[bool]:
    """The path is `wanted`, or fits it as a pattern."""
    if not wanted.startswith("/") and not set(wanted) & set("*?["):
        # With the roots named, the index over root and path leads to it.
        return and_(files.c.root_id.in_(select(roots.c.id)), files.c.path == wanted)
    # What begins with a slash is no path inside a root, but where files lie on disk.
    path: ColumnElement[str] = (
        type_coerce(_location(), Text) + "/" + type_coerce(files.c.path, Text)
        if wanted.startswith("/")
        else files.c.path
    )
    # An exact path is a hit even if it is no pattern of itself, as "a[1].iid".
    # Casting lets a pattern meet names that are no text, which are stored as bytes.
    pattern = cast(type_coerce(wanted, PathText), Text)
    return or_(cast(path, Text) == pattern, cast(path, Text).op("GLOB")(pattern))


def _location() -> ColumnElement[str]:
    """The location of a file's root."""
    return (
        select(roots.c.location)
        .where(roots.c.id == files.c.root_id)
        .correlate(files)
        .scalar_subquery()
    )


def _says(meta: Meta) -> ColumnElement[bool]:
    """The file's metadata has this value under these names.

    ``json_each`` rather than ``json_extract``, as a path has no way to quote every name.
    """
    inside: ColumnElement[Any] = files.c.meta
    kind: ColumnElement[Any] = func.json_type(files.c.meta)
    levels: list[Any] = []
    conditions: list[ColumnElement[bool]] = []
    for name in meta.names:
        level = func.json_each(case((kind == "object", inside), else_="{}")).table_valued(
            "key", "value", "type", name=f"level{len(levels)}"
        )
        levels.append(level)
        conditions.append(level.c.key == _before_nul(name))
        inside, kind = level.c.value, level.c.type
    conditions.append(_is(meta.value, kind, inside))
    # SQLite ends a text at a NUL. Where there is one, what was written is looked for as well.
    written = f"{json.dumps(meta.names[-1])}: {json.dumps(meta.value)}"
    whole = func.instr(files.c.meta, written) > 0
    if "\0" not in "".join(map(str, (*meta.names, meta.value))):
        whole = or_(func.instr(files.c.meta, "\\u0000") == 0, whole)
    conditions.append(whole)
    source: Any = levels[0]
    for level in levels[1:]:
        source = source.join(level, true())
    return exists(select(literal_column("1")).select_from(source).where(and_(*conditions)))


def _is(
    wanted: str | float | bool | None, kind: ColumnElement[Any], value: ColumnElement[Any]
) -> ColumnElement[bool]:
    if wanted is None or isinstance(wanted, bool):
        return kind == json.dumps(wanted)
    if isinstance(wanted, str):
        return and_(kind == "text", value == _before_nul(wanted))
    # An integer that no database holds is a float to it, in the metadata as well.
    number = wanted if -(2**63) <= wanted < 2**63 else float(wanted)
    return and_(kind.in_(("integer", "real")), value == bindparam(None, number, unique=True))


def _before_nul(text: str) -> str:
    return text.partition("\0")[0]


def of_iids(
    filters: Filters, leads: bool, iid_ids: Sequence[int] | None
) -> list[ColumnElement[bool]]:
    """What is asked of IIDs; by their index, if it leads to the entries."""
    if leads:
        return [has_iid(entries.c.iid_id, filters, iid_ids)]
    if iid_ids is not None:
        return [_plus(entries.c.iid_id).in_(array(iid_ids))]
    return _iids_fit(filters)


def has_iid(
    column: ColumnElement[int], filters: Filters, iid_ids: Sequence[int] | None
) -> ColumnElement[bool]:
    """The column is the id of an IID that fits."""
    if iid_ids is not None:
        return column.in_(array(iid_ids))
    # An alias: the table itself is joined to tell of each hit.
    return column.in_(select(iids.c.id).where(and_(*_iids_fit(filters))).correlate(None))


def _iids_fit(filters: Filters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.addresses is not None:
        conditions.append(iids.c.address.in_(filters.addresses))
    if filters.prefix:
        conditions.append(iids.c.address >= filters.prefix)
        end = end_of_prefix(filters.prefix)
        if end is not None:
            conditions.append(iids.c.address < end)
    if filters.domains is not None:
        conditions.append(iids.c.domain.in_(filters.domains))
    return conditions


def of_groups(filters: Filters, leads: bool) -> list[ColumnElement[bool]]:
    """What is asked of groups; by their members, if they lead to the entries."""
    if filters.groups is None:
        return []
    if leads:
        return [entries.c.id.in_(members(filters))]
    named = _named(filters)
    member: Select[Any] = select(literal_column("1")).where(
        entry_groups.c.group_id.in_(named), entry_groups.c.entry_id == entries.c.id
    )
    return [exists(member)]


def members(filters: Filters) -> Select[Any]:
    """Select the entries in the groups asked for."""
    return select(entry_groups.c.entry_id).where(entry_groups.c.group_id.in_(_named(filters)))


def _named(filters: Filters) -> Select[Any]:
    assert filters.groups is not None
    return select(groups.c.id).where(any_of(groups.c.name, filters.groups))


def of_boxes(filters: Filters, leads: bool) -> list[ColumnElement[bool]]:
    """What is asked of boxes; by the R*Tree, if it leads to the entries."""
    conditions: list[ColumnElement[bool]] = []
    for box in filters.regions:
        if not box.n_pixels:
            return [false()]
        conditions += [
            entries.c.minr < box.maxr,
            entries.c.maxr > box.minr,
            entries.c.minc < box.maxc,
            entries.c.maxc > box.minc,
            # The box of an empty mask may have no pixel, and lie inside all the same.
            entries.c.minr < entries.c.maxr,
            entries.c.minc < entries.c.maxc,
        ]
    if leads:
        conditions.append(entries.c.id.in_(boxes_near(smallest(filters))))
    return conditions


def smallest(filters: Filters) -> BBox:
    """The smallest of the boxes asked for."""
    return min(filters.regions, key=lambda box: box.n_pixels)


def boxes_near(box: BBox) -> Select[Any]:
    """The ids of boxes that share a pixel with `box`; the R*Tree's own boxes are closed."""
    return select(entry_boxes.c.id).where(
        entry_boxes.c.minr < box.maxr,
        entry_boxes.c.maxr >= box.minr,
        entry_boxes.c.minc < box.maxc,
        entry_boxes.c.maxc >= box.minc,
    )


def any_of(column: ColumnElement[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    """The column has one of some values, be they few or many."""
    return column.in_(values if len(values) <= _FEW else array(values))


def array(values: Sequence[Any]) -> Select[Any]:
    """Values as one parameter."""
    return select(literal_column("value")).select_from(func.json_each(json.dumps(list(values))))


def _plus(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return UnaryExpression(column, operator=custom_op("+"), type_=column.type)
