"""What a question asks, as conditions in SQL. Pure, as `compile` is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BindParameter,
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
from iidindex.catalog.statement import is_among
from iidindex.model import BBox
from iidindex.query.question.shape import MANY, MetaShape, PathShape, Shape


def of_files(shape: Shape) -> list[ColumnElement[bool]]:
    """What is asked of files; that they are there, at least."""
    conditions: list[ColumnElement[bool]] = [files.c.state == literal_column(f"'{OK}'")]
    if shape.path is not None:
        conditions.append(_fits(shape.path))
    if shape.has_root:
        named = select(roots.c.id).where(roots.c.name == bindparam("root"))
        conditions.append(files.c.root_id.in_(named))
    conditions.extend(_says(f"meta{place}", meta) for place, meta in enumerate(shape.meta))
    return conditions


def _fits(path: PathShape) -> ColumnElement[bool]:
    """The path is what is asked for, or fits it as a pattern."""
    wanted = bindparam("path", type_=PathText)
    if path == "exact":
        # With the roots named, the index over root and path leads to it.
        return and_(files.c.root_id.in_(select(roots.c.id)), files.c.path == wanted)
    found: ColumnElement[str] = (
        type_coerce(_location(), Text) + "/" + type_coerce(files.c.path, Text)
        if path == "location"
        else files.c.path
    )
    # An exact path is a hit even if it is no pattern of itself, as "a[1].iid".
    # Casting lets a pattern meet names that are no text, which are stored as bytes.
    pattern = cast(wanted, Text)
    return or_(cast(found, Text) == pattern, cast(found, Text).op("GLOB")(pattern))


def _location() -> ColumnElement[str]:
    """The location of a file's root."""
    return (
        select(roots.c.location)
        .where(roots.c.id == files.c.root_id)
        .correlate(files)
        .scalar_subquery()
    )


def _says(name: str, meta: MetaShape) -> ColumnElement[bool]:
    """The file's metadata has this value under these names.

    ``json_each`` rather than ``json_extract``, as a path has no way to quote every name.
    """
    inside: ColumnElement[Any] = files.c.meta
    kind: ColumnElement[Any] = func.json_type(files.c.meta)
    levels: list[Any] = []
    conditions: list[ColumnElement[bool]] = []
    for depth in range(meta.depth):
        objects = case((kind == _text("object"), inside), else_=_text("{}"))
        level = func.json_each(objects).table_valued(
            "key", "value", "type", name=f"{name}_level{depth}"
        )
        levels.append(level)
        conditions.append(level.c.key == bindparam(f"{name}_name{depth}"))
        inside, kind = level.c.value, level.c.type
    conditions.append(_is(f"{name}_value", meta.kind, kind, inside))
    # SQLite ends a text at a NUL. Where there is one, what was written is looked for as well.
    whole = func.instr(files.c.meta, bindparam(f"{name}_written")) > literal_column("0")
    if not meta.has_nul:
        no_nul = func.instr(files.c.meta, _text("\\u0000")) == literal_column("0")
        whole = or_(no_nul, whole)
    conditions.append(whole)
    source: Any = levels[0]
    for level in levels[1:]:
        source = source.join(level, true())
    return exists(select(literal_column("1")).select_from(source).where(and_(*conditions)))


def _text(value: str) -> ColumnElement[str]:
    """A text that is the same in all questions."""
    return literal_column(f"'{value}'", Text)


def _is(
    name: str, wanted: str, kind: ColumnElement[Any], value: ColumnElement[Any]
) -> ColumnElement[bool]:
    if wanted == "text":
        return and_(kind == _text("text"), value == bindparam(name))
    if wanted == "number":
        return and_(kind.in_((_text("integer"), _text("real"))), value == bindparam(name))
    return kind == _text(wanted)


def of_iids(shape: Shape, leads: bool) -> list[ColumnElement[bool]]:
    """What is asked of IIDs; by their index, if it leads to the entries."""
    if leads:
        return [has_iid(entries.c.iid_id, shape)]
    if shape.iids_are_known:
        return [is_among(_plus(entries.c.iid_id), "iid_ids")]
    return _iids_fit(shape)


def has_iid(column: ColumnElement[int], shape: Shape) -> ColumnElement[bool]:
    """The column is the id of an IID that fits."""
    if shape.iids_are_known:
        return is_among(column, "iid_ids")
    # An alias: the table itself is joined to tell of each hit.
    return column.in_(select(iids.c.id).where(and_(*_iids_fit(shape))).correlate(None))


def _iids_fit(shape: Shape) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if shape.n_addresses is not None:
        conditions.append(any_of(iids.c.address, "address", shape.n_addresses))
    if shape.has_prefix:
        conditions.append(iids.c.address >= bindparam("prefix"))
    if shape.has_end:
        conditions.append(iids.c.address < bindparam("end"))
    if shape.n_domains is not None:
        conditions.append(any_of(iids.c.domain, "domain", shape.n_domains))
    return conditions


def of_groups(shape: Shape, leads: bool) -> list[ColumnElement[bool]]:
    """What is asked of groups; by their members, if they lead to the entries."""
    if shape.n_groups is None:
        return []
    if leads:
        return [entries.c.id.in_(members(shape))]
    named = _named(shape)
    member: Select[Any] = select(literal_column("1")).where(
        entry_groups.c.group_id.in_(named), entry_groups.c.entry_id == entries.c.id
    )
    return [exists(member)]


def members(shape: Shape) -> Select[Any]:
    """Select the entries in the groups asked for."""
    return select(entry_groups.c.entry_id).where(entry_groups.c.group_id.in_(_named(shape)))


def _named(shape: Shape) -> Select[Any]:
    assert shape.n_groups is not None
    return select(groups.c.id).where(any_of(groups.c.name, "group", shape.n_groups))


def of_entries(shape: Shape) -> list[ColumnElement[bool]]:
    """What is asked of keys, areas and ids."""
    conditions: list[ColumnElement[bool]] = []
    if shape.n_keys is not None:
        conditions.append(any_of(entries.c.key, "key", shape.n_keys))
    if shape.has_least:
        conditions.append(entries.c.area >= bindparam("least"))
    if shape.has_most:
        conditions.append(entries.c.area <= bindparam("most"))
    if shape.has_after:
        conditions.append(entries.c.id > bindparam("after"))
    return conditions


def of_boxes(shape: Shape, leads: bool) -> list[ColumnElement[bool]]:
    """What is asked of boxes; by the R*Tree, if it leads to the entries."""
    if shape.is_nowhere:
        return [false()]
    conditions: list[ColumnElement[bool]] = []
    for place in range(shape.n_regions):
        minr, minc, maxr, maxc = _sides(f"region{place}")
        conditions += [
            entries.c.minr < maxr,
            entries.c.maxr > minr,
            entries.c.minc < maxc,
            entries.c.maxc > minc,
            # The box of an empty mask may have no pixel, and lie inside all the same.
            entries.c.minr < entries.c.maxr,
            entries.c.minc < entries.c.maxc,
        ]
    if leads:
        conditions.append(entries.c.id.in_(boxes_near()))
    return conditions


def boxes_near() -> Select[Any]:
    """The ids of boxes that share a pixel with the smallest region; the R*Tree's are closed."""
    minr, minc, maxr, maxc = _sides("smallest")
    return select(entry_boxes.c.id).where(
        entry_boxes.c.minr < maxr,
        entry_boxes.c.maxr >= minr,
        entry_boxes.c.minc < maxc,
        entry_boxes.c.maxc >= minc,
    )


def _sides(name: str) -> tuple[BindParameter[int], ...]:
    return tuple(bindparam(f"{name}_{side}") for side in BBox._fields)


def any_of(column: ColumnElement[Any], name: str, number: int) -> ColumnElement[bool]:
    """The column has one of some values, be they none, few or many."""
    if number == MANY:
        return is_among(column, name)
    if not number:
        return false()
    return column.in_([bindparam(f"{name}{place}") for place in range(number)])


def _plus(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return UnaryExpression(column, operator=custom_op("+"), type_=column.type)
