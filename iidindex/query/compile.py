"""From filters to SQL. Pure: statements are built here and run elsewhere.

The same question can be answered in several ways, of which `plan` chooses one. SQLite is kept
to it by CROSS JOIN, which fixes the order of tables, and by a ``+`` before a column whose
index is not to be used (https://www.sqlite.org/optoverview.html, sections 4 and 7).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import Enum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Join,
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
from sqlalchemy.ext.compiler import compiles
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

# What a hit is made of, in this order.
HIT_COLUMNS = (
    entries.c.id,
    entries.c.file_id,
    entries.c.key,
    entries.c.minr,
    entries.c.minc,
    entries.c.maxr,
    entries.c.maxc,
    entries.c.area,
    entries.c.offset,
    entries.c.length,
    iids.c.domain,
    iids.c.address,
    files.c.path,
    files.c.size,
    files.c.mtime_ns,
    roots.c.location,
)
# Those of them that say where a segment lies.
SEGMENT_COLUMNS = HIT_COLUMNS[:10]

_ORDERS: dict[str, ColumnElement[Any]] = {
    "id": entries.c.id,
    "path": files.c.path,
    "key": entries.c.key,
    "area": entries.c.area,
    "address": iids.c.address,
    "domain": iids.c.domain,
}

# Values that a statement is given one by one; more than these go as one JSON array.
_FEW = 500


class Way(Enum):
    """What leads to the entries."""

    SCAN = "every entry is looked at"
    FILES = "from the files that fit to their ranges of entries"
    IIDS = "from the IIDs that fit to their entries"
    GROUPS = "from the groups to their members"
    BOXES = "from the R*Tree over the boxes of all files"


def hits(filters: Filters, way: Way, iid_ids: Sequence[int] | None = None) -> Select[Any]:
    """Select the columns of ``HIT_COLUMNS``; boxes are compared, pixels are not.

    The limit is applied only where no pixel has to be looked at afterwards.
    """
    statement = _joined(select(*HIT_COLUMNS), filters, way, iid_ids)
    for name in filters.order_by:
        column = _ORDERS[name.removeprefix("-")]
        statement = statement.order_by(column.desc() if name.startswith("-") else column)
    # The last criterion makes every order a total one, so that the same question has the
    # same answer twice.
    return _limited(statement.order_by(entries.c.id), filters)


def segments(filters: Filters, way: Way, iid_ids: Sequence[int] | None = None) -> Select[Any]:
    """Select the columns of ``SEGMENT_COLUMNS``, in the order of ids."""
    statement = _joined(select(*SEGMENT_COLUMNS), filters, way, iid_ids)
    return _limited(statement.order_by(entries.c.id), filters)


def which_exist(ids: Sequence[int]) -> Select[Any]:
    """Select those ids that are of entries."""
    return select(entries.c.id).where(entries.c.id.in_(_array(ids)))


def hits_of_file(file_id: int) -> Select[Any]:
    """Select the columns of ``HIT_COLUMNS`` of a file's entries, in the order of ids."""
    last = files.c.first_entry_id + files.c.n_entries - 1
    source = _with_names(
        _Ordered(files, entries, entries.c.id.between(files.c.first_entry_id, last))
    )
    statement = select(*HIT_COLUMNS).select_from(source)
    return statement.where(files.c.id == file_id).order_by(entries.c.id)


def hits_of(ids: Sequence[int]) -> Select[Any]:
    """Select the columns of ``HIT_COLUMNS`` of entries with these ids."""
    source = _with_names(_Ordered(entries, files, files.c.id == entries.c.file_id))
    return select(*HIT_COLUMNS).select_from(source).where(entries.c.id.in_(_array(ids)))


def count(filters: Filters, way: Way, iid_ids: Sequence[int] | None = None) -> Select[Any]:
    """Count the hits in SQL; only where no pixel has to be looked at."""
    if way is Way.FILES and only_files(filters):
        found: Select[Any] = select(func.coalesce(func.sum(files.c.n_entries), 0)).where(
            and_(*_file_conditions(filters))
        )
        return found
    inner = _limited(_joined(select(entries.c.id), filters, way, iid_ids), filters)
    return select(func.count()).select_from(inner.subquery())


def count_filled_files(filters: Filters) -> Select[Any]:
    """Count the files that fit and have entries."""
    conditions = [*_file_conditions(filters), files.c.n_entries > 0]
    return select(func.count()).select_from(files).where(and_(*conditions))


def originals_of(file_ids: Sequence[int]) -> Select[Any]:
    """Select id, path, size, mtime_ns and the root's location of files."""
    return (
        select(files.c.id, files.c.path, files.c.size, files.c.mtime_ns, roots.c.location)
        .join(roots, roots.c.id == files.c.root_id)
        .where(files.c.id.in_(_array(file_ids)))
    )


def iids_of(addresses: Sequence[bytes], domains: Sequence[bytes] | None) -> Select[Any]:
    """Select the ids of IIDs with any of some addresses, and of some domains."""
    statement = select(iids.c.id).where(iids.c.address.in_(addresses))
    return statement if domains is None else statement.where(iids.c.domain.in_(domains))


def needs_pixels(filters: Filters) -> bool:
    """Whether boxes alone cannot answer."""
    return bool(filters.regions) and filters.exact


def ways(filters: Filters) -> list[Way]:
    """The ways that a question can go, besides looking at every entry."""
    found = []
    if filters.path is not None or filters.root is not None or filters.meta:
        found.append(Way.FILES)
    if filters.addresses is not None or filters.prefix is not None or filters.domains is not None:
        found.append(Way.IIDS)
    if filters.groups is not None:
        found.append(Way.GROUPS)
    if any(box.n_pixels for box in filters.regions):
        found.append(Way.BOXES)
    if not found and only_files(filters):
        found.append(Way.FILES)
    return found


def candidates(
    filters: Filters, way: Way, most: int, iid_ids: Sequence[int] | None = None
) -> Select[Any]:
    """Count the entries that a way leads to, up to so many."""
    if way is Way.SCAN:
        return select(func.coalesce(func.max(entries.c.id), 0))
    if way is Way.FILES:
        return select(func.coalesce(func.sum(files.c.n_entries), 0)).where(
            and_(*_file_conditions(filters))
        )
    if way is Way.BOXES:
        inner = _near(_smallest(filters))
    elif way is Way.GROUPS:
        inner = _members(filters)
    else:
        inner = select(entries.c.id).where(_of_iids(entries.c.iid_id, filters, iid_ids))
    return select(func.count()).select_from(inner.limit(most).subquery())


def only_files(filters: Filters) -> bool:
    """Whether nothing is asked of the entries themselves, so that files can be counted."""
    asked = (
        filters.addresses,
        filters.prefix,
        filters.domains,
        filters.groups,
        filters.keys,
        filters.area,
        filters.after,
        filters.limit,
    )
    return not filters.regions and all(value is None for value in asked)


def _limited(statement: Select[Any], filters: Filters) -> Select[Any]:
    if filters.limit is None or needs_pixels(filters):
        return statement
    return statement.limit(filters.limit)


def _joined(
    statement: Select[Any], filters: Filters, way: Way, iid_ids: Sequence[int] | None
) -> Select[Any]:
    last = files.c.first_entry_id + files.c.n_entries - 1
    both = (
        _Ordered(files, entries, entries.c.id.between(files.c.first_entry_id, last))
        if way is Way.FILES
        else _Ordered(entries, files, files.c.id == entries.c.file_id)
    )
    source = _with_names(both)
    conditions = [
        *_file_conditions(filters),
        *_iid_conditions(filters, way, iid_ids),
        *_group_conditions(filters, way),
        *_box_conditions(filters, way),
    ]
    if filters.keys is not None:
        conditions.append(_any_of(entries.c.key, filters.keys))
    if filters.area is not None:
        low, high = filters.area
        if low is not None:
            conditions.append(entries.c.area >= low)
        if high is not None:
            conditions.append(entries.c.area <= high)
    if filters.after is not None:
        conditions.append(entries.c.id > filters.after)
    return statement.select_from(source).where(and_(*conditions))


class _Ordered(Join):
    """A join whose left side SQLite takes first."""

    inherit_cache = True


@compiles(_Ordered, "sqlite")
def _cross_join(element: _Ordered, compiler: Any, **options: Any) -> str:
    left, right = (
        compiler.process(side, asfrom=True, from_linter=None, **_without_linter(options))
        for side in (element.left, element.right)
    )
    assert element.onclause is not None
    condition = compiler.process(element.onclause, **_without_linter(options))
    return f"{left} CROSS JOIN {right} ON {condition}"


def _without_linter(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in ("from_linter", "asfrom")}


def _with_names(source: Join) -> Join:
    """With where files lie, and the IIDs themselves."""
    source = _Ordered(source, roots, roots.c.id == files.c.root_id)
    return _Ordered(source, iids, iids.c.id == entries.c.iid_id)


def _file_conditions(filters: Filters) -> list[ColumnElement[bool]]:
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


def _iid_conditions(
    filters: Filters, way: Way, iid_ids: Sequence[int] | None
) -> list[ColumnElement[bool]]:
    if way is Way.IIDS:
        return [_of_iids(entries.c.iid_id, filters, iid_ids)]
    if iid_ids is not None:
        return [_plus(entries.c.iid_id).in_(_array(iid_ids))]
    return _iids_fit(filters)


def _of_iids(
    column: ColumnElement[int], filters: Filters, iid_ids: Sequence[int] | None
) -> ColumnElement[bool]:
    if iid_ids is not None:
        return column.in_(_array(iid_ids))
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


def _group_conditions(filters: Filters, way: Way) -> list[ColumnElement[bool]]:
    if filters.groups is None:
        return []
    if way is Way.GROUPS:
        return [entries.c.id.in_(_members(filters))]
    named = select(groups.c.id).where(_any_of(groups.c.name, filters.groups))
    member: Select[Any] = select(literal_column("1")).where(
        entry_groups.c.group_id.in_(named), entry_groups.c.entry_id == entries.c.id
    )
    return [exists(member)]


def _members(filters: Filters) -> Select[Any]:
    assert filters.groups is not None
    named = select(groups.c.id).where(_any_of(groups.c.name, filters.groups))
    return select(entry_groups.c.entry_id).where(entry_groups.c.group_id.in_(named))


def _box_conditions(filters: Filters, way: Way) -> list[ColumnElement[bool]]:
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
    if way is Way.BOXES:
        conditions.append(entries.c.id.in_(_near(_smallest(filters))))
    return conditions


def _smallest(filters: Filters) -> BBox:
    return min(filters.regions, key=lambda box: box.n_pixels)


def _near(box: BBox) -> Select[Any]:
    """The ids of boxes that share a pixel with `box`; the R*Tree's own boxes are closed."""
    return select(entry_boxes.c.id).where(
        entry_boxes.c.minr < box.maxr,
        entry_boxes.c.maxr >= box.minr,
        entry_boxes.c.minc < box.maxc,
        entry_boxes.c.maxc >= box.minc,
    )


def _any_of(column: ColumnElement[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    return column.in_(values if len(values) <= _FEW else _array(values))


def _array(values: Sequence[Any]) -> Select[Any]:
    """Values as one parameter."""
    return select(literal_column("value")).select_from(func.json_each(json.dumps(list(values))))


def _plus(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return UnaryExpression(column, operator=custom_op("+"), type_=column.type)
