"""From filters to SQL. Pure: statements are built here and run elsewhere.

The same question can be answered in several ways, of which `plan` chooses one. SQLite is kept
to it by CROSS JOIN, which fixes the order of tables, and by a ``+`` before a column whose
index is not to be used (https://www.sqlite.org/optoverview.html, sections 4 and 7).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Join,
    Select,
    and_,
    func,
    select,
)
from sqlalchemy.ext.compiler import compiles

from iidindex.catalog.schema import (
    entries,
    files,
    iids,
    roots,
)
from iidindex.query.conditions import (
    any_of,
    array,
    boxes_near,
    has_iid,
    members,
    of_boxes,
    of_files,
    of_groups,
    of_iids,
    smallest,
)
from iidindex.query.filters import Filters

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
    statement = _joined(HIT_COLUMNS, filters, way, iid_ids)
    for name in filters.order_by:
        column = _ORDERS[name.removeprefix("-")]
        statement = statement.order_by(column.desc() if name.startswith("-") else column)
    # The last criterion makes every order a total one, so that the same question has the
    # same answer twice.
    return _limited(statement.order_by(entries.c.id), filters)


def segments(filters: Filters, way: Way, iid_ids: Sequence[int] | None = None) -> Select[Any]:
    """Select the columns of ``SEGMENT_COLUMNS``, in the order of ids."""
    statement = _joined(SEGMENT_COLUMNS, filters, way, iid_ids)
    return _limited(statement.order_by(entries.c.id), filters)


def which_exist(ids: Sequence[int]) -> Select[Any]:
    """Select those ids that are of entries."""
    return select(entries.c.id).where(entries.c.id.in_(array(ids)))


def hits_of_file(file_id: int) -> Select[Any]:
    """Select the columns of ``HIT_COLUMNS`` of a file's entries, in the order of ids."""
    statement = select(*HIT_COLUMNS).select_from(_with_names(_from_files()))
    return statement.where(files.c.id == file_id).order_by(entries.c.id)


def hits_of(ids: Sequence[int]) -> Select[Any]:
    """Select the columns of ``HIT_COLUMNS`` of entries with these ids."""
    return (
        select(*HIT_COLUMNS)
        .select_from(_with_names(_from_entries()))
        .where(entries.c.id.in_(array(ids)))
    )


def count(filters: Filters, way: Way, iid_ids: Sequence[int] | None = None) -> Select[Any]:
    """Count the hits in SQL; only where no pixel has to be looked at."""
    if way is Way.FILES and only_files(filters):
        return _entries_of_files(filters)
    inner = _limited(_joined((entries.c.id,), filters, way, iid_ids), filters)
    return select(func.count()).select_from(inner.subquery())


def count_filled_files(filters: Filters) -> Select[Any]:
    """Count the files that fit and have entries."""
    conditions = [*of_files(filters), files.c.n_entries > 0]
    return select(func.count()).select_from(files).where(and_(*conditions))


def originals_of(file_ids: Sequence[int]) -> Select[Any]:
    """Select id, path, size, mtime_ns and the root's location of files."""
    return (
        select(files.c.id, files.c.path, files.c.size, files.c.mtime_ns, roots.c.location)
        .join(roots, roots.c.id == files.c.root_id)
        .where(files.c.id.in_(array(file_ids)))
    )


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
        return _entries_of_files(filters)
    if way is Way.BOXES:
        inner = boxes_near(smallest(filters))
    elif way is Way.GROUPS:
        inner = members(filters)
    else:
        inner = select(entries.c.id).where(has_iid(entries.c.iid_id, filters, iid_ids))
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


def _entries_of_files(filters: Filters) -> Select[Any]:
    """Count the entries of the files that fit."""
    total = func.coalesce(func.sum(files.c.n_entries), 0)
    return select(total).where(and_(*of_files(filters)))


def _limited(statement: Select[Any], filters: Filters) -> Select[Any]:
    if filters.limit is None or needs_pixels(filters):
        return statement
    return statement.limit(filters.limit)


def _joined(
    columns: tuple[ColumnElement[Any], ...],
    filters: Filters,
    way: Way,
    iid_ids: Sequence[int] | None,
) -> Select[Any]:
    conditions = [
        *of_files(filters),
        *of_iids(filters, way is Way.IIDS, iid_ids),
        *of_groups(filters, way is Way.GROUPS),
        *of_boxes(filters, way is Way.BOXES),
    ]
    if filters.keys is not None:
        conditions.append(any_of(entries.c.key, filters.keys))
    if filters.area is not None:
        low, high = filters.area
        if low is not None:
            conditions.append(entries.c.area >= low)
        if high is not None:
            conditions.append(entries.c.area <= high)
    if filters.after is not None:
        conditions.append(entries.c.id > filters.after)
    return _of_all(columns, way is Way.FILES).where(and_(*conditions))


@lru_cache
def _of_all(columns: tuple[ColumnElement[Any], ...], from_files: bool) -> Select[Any]:
    """Select columns of every entry; to build the joins takes longer than to run them for few."""
    return select(*columns).select_from(
        _with_names(_from_files() if from_files else _from_entries())
    )


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


def _from_files() -> Join:
    """From files to the ranges of their entries."""
    last = files.c.first_entry_id + files.c.n_entries - 1
    return _Ordered(files, entries, entries.c.id.between(files.c.first_entry_id, last))


def _from_entries() -> Join:
    return _Ordered(entries, files, files.c.id == entries.c.file_id)


def _with_names(source: Join) -> Join:
    """With where files lie, and the IIDs themselves."""
    source = _Ordered(source, roots, roots.c.id == files.c.root_id)
    return _Ordered(source, iids, iids.c.id == entries.c.iid_id)
