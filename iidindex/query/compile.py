"""From filters to SQL. Pure: statements are built here and run elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    and_,
    cast,
    func,
    literal_column,
    select,
    type_coerce,
)

from iidindex.catalog.schema import (
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
from iidindex.query.filters import Filters

# What a hit is made of, in this order.
HIT_COLUMNS = (
    entries.c.id,
    entries.c.file_id,
    entries.c.key,
    iids.c.domain,
    iids.c.address,
    entries.c.minr,
    entries.c.minc,
    entries.c.maxr,
    entries.c.maxc,
    entries.c.area,
    entries.c.offset,
    entries.c.length,
    files.c.path,
    files.c.size,
    files.c.mtime_ns,
    roots.c.location,
)

_ORDERS: dict[str, ColumnElement[Any]] = {
    "id": entries.c.id,
    "path": files.c.path,
    "key": entries.c.key,
    "area": entries.c.area,
    "address": iids.c.address,
    "domain": iids.c.domain,
}


def hits(filters: Filters) -> Select[Any]:
    """Select the columns of ``HIT_COLUMNS``; boxes are compared, pixels are not.

    The limit is applied only where no pixel has to be looked at afterwards.
    """
    statement = _joined(select(*HIT_COLUMNS), filters)
    for name in filters.order_by:
        column = _ORDERS[name.removeprefix("-")]
        statement = statement.order_by(column.desc() if name.startswith("-") else column)
    # The last criterion makes every order a total one, so that the same question has the
    # same answer twice.
    statement = statement.order_by(entries.c.id)
    if filters.limit is not None and not needs_pixels(filters):
        statement = statement.limit(filters.limit)
    return statement


def count(filters: Filters) -> Select[Any]:
    """Count the hits in SQL; only where no pixel has to be looked at."""
    inner = _joined(select(entries.c.id), filters)
    if filters.limit is not None:
        inner = inner.limit(filters.limit)
    return select(func.count()).select_from(inner.subquery())


def needs_pixels(filters: Filters) -> bool:
    """Whether boxes alone cannot answer."""
    return bool(filters.regions) and filters.exact


def _joined(statement: Select[Any], filters: Filters) -> Select[Any]:
    source = (
        entries.join(files, files.c.id == entries.c.file_id)
        .join(roots, roots.c.id == files.c.root_id)
        .join(iids, iids.c.id == entries.c.iid_id)
    )
    return statement.select_from(source).where(and_(*_conditions(filters)))


def _conditions(filters: Filters) -> Sequence[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [files.c.state == "ok"]
    if filters.addresses is not None:
        conditions.append(iids.c.address.in_(filters.addresses))
    if filters.domains is not None:
        conditions.append(iids.c.domain.in_(filters.domains))
    if filters.groups is not None:
        members = (
            select(entry_groups.c.entry_id)
            .join(groups, groups.c.id == entry_groups.c.group_id)
            .where(groups.c.name.in_(filters.groups))
        )
        conditions.append(entries.c.id.in_(members))
    if filters.keys is not None:
        conditions.append(entries.c.key.in_(filters.keys))
    if filters.path is not None:
        # What begins with a slash is no path inside a root, but where files lie on disk.
        path: ColumnElement[str] = (
            type_coerce(roots.c.location, Text) + "/" + type_coerce(files.c.path, Text)
            if filters.path.startswith("/")
            else files.c.path
        )
        # An exact path is a hit even if it is no pattern of itself, as "a[1].iid".
        # Casting lets a pattern meet names that are no text, which are stored as bytes.
        pattern = cast(type_coerce(filters.path, PathText), Text)
        conditions.append((path == filters.path) | cast(path, Text).op("GLOB")(pattern))
    if filters.area is not None:
        low, high = filters.area
        if low is not None:
            conditions.append(entries.c.area >= low)
        if high is not None:
            conditions.append(entries.c.area <= high)
    conditions.extend(_meets(box) for box in filters.regions)
    return conditions


def _meets(box: BBox) -> ColumnElement[bool]:
    """The entry's box shares a pixel with `box`; the R*Tree's own boxes are closed."""
    if not box.n_pixels:
        return literal_column("0").op("=")(literal_column("1"))
    near = select(entry_boxes.c.id).where(
        entry_boxes.c.minr < box.maxr,
        entry_boxes.c.maxr >= box.minr,
        entry_boxes.c.minc < box.maxc,
        entry_boxes.c.maxc >= box.minc,
    )
    return entries.c.id.in_(near)
