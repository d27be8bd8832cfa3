"""What a question asks, as conditions in SQL. Pure, as `compile` is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BindParameter,
    Boolean,
    ColumnElement,
    Integer,
    Select,
    and_,
    bindparam,
    exists,
    false,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import custom_op

from iidindex.catalog.schema import OK, entries, entry_boxes, files, iids, overlap_files
from iidindex.catalog.statement import Worded, is_among
from iidindex.model import BBox
from iidindex.query.question.filters import FILTERS
from iidindex.query.question.group_filters import InAll, InAny
from iidindex.query.question.shape import Shape

Conditions = list[ColumnElement[bool]]


def _asked(table: str, shape: Shape) -> Conditions:
    """What the filters ask of a table."""
    found: Conditions = []
    for name, one in shape.of(table):
        found += FILTERS[name].conditions(name, one)
    return found


def of_all_files(shape: Shape) -> Conditions:
    """What the filters ask of files, be they there or not."""
    return _asked("files", shape)


def of_files(shape: Shape) -> Conditions:
    """What is asked of files; that they are there, at least."""
    found = [files.c.state == literal_column(f"'{OK}'"), *_asked("files", shape)]
    if shape.has_files:
        found.append(is_among(files.c.id, "file_ids"))
    if shape.stored is not None:
        is_stored = exists().where(overlap_files.c.file_id == files.c.id)
        found.append(is_stored if shape.stored else ~is_stored)
    return found


def of_iids(shape: Shape, leads: bool) -> Conditions:
    """What is asked of IIDs; by their index, if it leads to the entries."""
    if leads:
        return [has_iid(entries.c.iid_id, shape)]
    if shape.iids_are_known:
        return [is_among(_plus(entries.c.iid_id), "iid_ids")]
    return _asked("iids", shape)


def has_iid(column: ColumnElement[int], shape: Shape) -> ColumnElement[bool]:
    """The column is the id of an IID that fits."""
    if shape.iids_are_known:
        return is_among(column, "iid_ids")
    # An alias: the table itself is joined to tell of each hit.
    return column.in_(select(iids.c.id).where(and_(*_asked("iids", shape))).correlate(None))


def of_groups(shape: Shape, leads: bool) -> Conditions:
    """What is asked of groups; by the members of some, if they lead to the entries."""
    leading = _leading(shape) if leads else None
    found: Conditions = []
    for name, one in shape.of("groups"):
        kind = FILTERS[name]
        found += kind.led(name, one) if kind is leading else kind.conditions(name, one)
    return found


def members(shape: Shape) -> Select[Any]:
    """Select entries of groups asked for, among which are all that fit."""
    kind = _leading(shape)
    name, one = next(asked for asked in shape.of("groups") if FILTERS[asked[0]] is kind)
    return kind.members(name, one)


def _leading(shape: Shape) -> InAny:
    """The filter whose groups lead to entries: those in all of some are the fewest."""
    kinds = [kind for name, _ in shape.of("groups") if isinstance(kind := FILTERS[name], InAny)]
    return max(kinds, key=lambda kind: isinstance(kind, InAll))


def of_entries(shape: Shape) -> Conditions:
    """What is asked of entries themselves, and of their ids."""
    found = _asked("entries", shape)
    if shape.has_after:
        found.append(entries.c.id > bindparam("after"))
    return found


def of_boxes(shape: Shape, leads: bool) -> Conditions:
    """What is asked of boxes; by the R*Tree, if it leads to the entries."""
    if shape.is_nowhere:
        return [false()]
    conditions: Conditions = []
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
    if not leads:
        return conditions
    near = Worded(entries.c.id.in_(boxes_near()), and_(*_is_near()), Boolean())
    if shape.n_regions == 1:
        # Elsewhere that says all. With more, PostgreSQL would take the hits for far fewer than
        # they are, and join each of them with every file.
        conditions = [Worded(and_(*conditions), true(), Boolean())]
    return [*conditions, near]


def near_elsewhere() -> Select[Any]:
    """As `boxes_near`, in databases that have an index over the boxes of ``entries``."""
    return select(entries.c.id).where(*_is_near())


def _is_near() -> Conditions:
    """The box shares a pixel with the smallest region: PostgreSQL's are closed, too."""
    minr, minc, maxr, maxc = _sides("smallest")
    box = func.box(
        func.point(entries.c.minr, entries.c.minc),
        func.point(entries.c.maxr - literal_column("1"), entries.c.maxc - literal_column("1")),
    )
    one: ColumnElement[Any] = literal_column("1")
    smallest = func.box(func.point(minr, minc), func.point(maxr - one, maxc - one))
    return [
        box.op("&&", is_comparison=True)(smallest),
        # As the index has it, in which no box is without a pixel.
        entries.c.maxr > entries.c.minr,
        entries.c.maxc > entries.c.minc,
    ]


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
    return tuple(bindparam(f"{name}_{side}", type_=Integer) for side in BBox._fields)


def _plus(column: ColumnElement[Any]) -> ColumnElement[Any]:
    plus = UnaryExpression(column, operator=custom_op("+"), type_=column.type)
    return Worded(plus, column, column.type)
