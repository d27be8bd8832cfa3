"""From the shape of a question to SQL. Pure: statements are built here and run elsewhere.

The same question can be answered in several ways, of which `plan` chooses one. SQLite is kept
to it by CROSS JOIN, which fixes the order of tables, and by a ``+`` before a column whose
index is not to be used (https://www.sqlite.org/optoverview.html, sections 4 and 7).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from functools import lru_cache, wraps
from typing import Any, ParamSpec, cast

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Join,
    Select,
    Subquery,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    select,
)

from iidindex.catalog.schema import (
    entries,
    files,
    iids,
    roots,
)
from iidindex.catalog.statement import Ordered, Statement, Wide, Worded, is_among
from iidindex.query.question.conditions import (
    boxes_near,
    has_iid,
    members,
    near_elsewhere,
    of_boxes,
    of_entries,
    of_files,
    of_groups,
    of_iids,
)
from iidindex.query.question.metadata_order import (
    MetaOrder,
    comparable,
    directed,
    key_name,
    said_of,
)
from iidindex.query.question.place_in_order import comes_later, told
from iidindex.query.question.shape import Shape

P = ParamSpec("P")

# What an object store calls a file's content, which is read on from where no time is below zero:
# to read a column so far behind in the row takes a twentieth of a hit's time.
ETAG = case((files.c.mtime_ns < literal_column("0"), files.c.etag)).label("etag")

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
    entries.c.checksum,
    ETAG,
)
# Those of them that say where a segment lies.
SEGMENT_COLUMNS = (*HIT_COLUMNS[:10], entries.c.checksum)


def _box_in_one() -> ColumnElement[Any]:
    """The sides of the box as one number, sixteen bits each: four would take twice the time."""
    sides = (entries.c.minr, entries.c.minc, entries.c.maxr, entries.c.maxc)
    shifts = (48, 32, 16, 0)
    first, *others = (
        Wide(side).op("<<")(literal_column(str(shift)))
        for side, shift in zip(sides, shifts, strict=True)
    )
    for other in others:
        first = first.op("|")(other)
    return first


# The name of that number among columns.
BOX = "box"

# Statements that are kept, of each kind: some 6 KiB each, and 150 KiB with two thousand values.
_STATEMENTS = 256

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
    BOXES = "from the index over the boxes of all files"


def _kept(build: Callable[P, Select[Any] | Statement]) -> Callable[P, Statement]:
    """Compile what is built, once for all calls with the same arguments."""

    def compiled(*args: P.args, **kwargs: P.kwargs) -> Statement:
        built = build(*args, **kwargs)
        return built if isinstance(built, Statement) else Statement(built)

    return cast("Callable[P, Statement]", lru_cache(_STATEMENTS)(wraps(build)(compiled)))


@_kept
def hits(shape: Shape, way: Way) -> Select[Any]:
    """Select the columns of ``HIT_COLUMNS``; boxes are compared, pixels are not.

    The limit is applied only where no pixel has to be looked at afterwards.
    """
    return _listed(HIT_COLUMNS, shape, way, True)


@_kept
def ids(shape: Shape, way: Way) -> Select[Any]:
    """Select the ids of what `hits` selects."""
    return _listed((entries.c.id,), shape, way, bool(shape.order_by))


@_kept
def files_of_hits(shape: Shape, way: Way) -> Select[Any]:
    """Select the ids of the files of what `hits` selects, each once, in no order."""
    return _joined((entries.c.file_id,), shape, way).distinct()


@_kept
def segments(shape: Shape, way: Way) -> Select[Any]:
    """Select the columns of ``SEGMENT_COLUMNS``, in the order of ids."""
    return _limited(_joined(SEGMENT_COLUMNS, shape, way).order_by(entries.c.id), shape)


@_kept
def numbers(shape: Shape, way: Way, names: tuple[str, ...]) -> Select[Any]:
    """Select columns of ``entries``, in the order of ids."""
    return _limited(_joined(_integers(names), shape, way).order_by(entries.c.id), shape)


@_kept
def numbers_of(names: tuple[str, ...]) -> Select[Any]:
    """Select columns of ``entries`` of those with the ``ids``, in their order."""
    chosen = is_among(entries.c.id, "ids")
    return select(*_integers(names)).where(chosen).order_by(entries.c.id)


@_kept
def numbers_of_files(shape: Shape, names: tuple[str, ...]) -> Statement:
    """Select columns of ``entries`` of files with the ``file_ids``, known to fit.

    One file comes after the other; to sort the entries would take as long again.
    """
    found = _joined(_integers(names), shape.of_known_files(), Way.FILES)
    # Others mix files up, as long as they are not told.
    return Statement(found, found.order_by(entries.c.id))


@_kept
def ranges_of_files(shape: Shape) -> Select[Any]:
    """Select the ids of files that fit, their numbers of entries, and the first ids of these."""
    columns = (files.c.id, files.c.n_entries, files.c.first_entry_id)
    fitting = and_(*of_files(shape), files.c.n_entries > literal_column("0"))
    return select(*columns).where(fitting).order_by(files.c.first_entry_id)


def _integers(names: tuple[str, ...]) -> tuple[ColumnElement[Any], ...]:
    return tuple(_box_in_one() if name == BOX else entries.c[name] for name in names)


@_kept
def which_exist() -> Select[Any]:
    """Select those of ``ids`` that are of entries."""
    return select(entries.c.id).where(is_among(entries.c.id, "ids"))


@_kept
def segments_of_files() -> Select[Any]:
    """Select the columns of ``SEGMENT_COLUMNS`` of all entries of the files with the ``ids``."""
    statement = select(*SEGMENT_COLUMNS).select_from(from_files())
    return statement.where(is_among(files.c.id, "ids")).order_by(entries.c.id)


@_kept
def hits_of() -> Select[Any]:
    """Select the columns of ``HIT_COLUMNS`` of the entries with the ``ids``, in their order."""
    return (
        select(*HIT_COLUMNS)
        .select_from(_with_names(_from_entries()))
        .where(is_among(entries.c.id, "ids"))
        .order_by(entries.c.id)
    )


@_kept
def place_of(orders: tuple[str | MetaOrder, ...]) -> Select[Any]:
    """Select where the entry with the id ``after`` stands in an order, as `read_place` reads it."""
    columns = [column for key, _ in _keys(orders, None) for column in told(key)]
    source = _with_names(_from_entries())
    return select(*columns).select_from(source).where(entries.c.id == bindparam("after"))


@_kept
def count(shape: Shape, way: Way) -> Select[Any]:
    """Count the hits in SQL; only where no pixel has to be looked at."""
    if way is Way.FILES and shape.is_of_whole_files:
        return _entries_of_files(shape)
    inner = _limited(_joined((entries.c.id,), shape, way), shape)
    return select(func.count()).select_from(inner.subquery())


@_kept
def count_filled_files(shape: Shape) -> Select[Any]:
    """Count the files that fit and have entries."""
    conditions = [*of_files(shape), files.c.n_entries > literal_column("0")]
    return select(func.count()).select_from(files).where(and_(*conditions))


@_kept
def ranges(shape: Shape) -> Select[Any]:
    """Select the first and the last of the ids of the entries of each file that fits, in order."""
    first = files.c.first_entry_id
    return (
        select(first, first + files.c.n_entries - literal_column("1"))
        .where(and_(*of_files(shape), files.c.n_entries > literal_column("0")))
        .order_by(first)
    )


@_kept
def originals_of() -> Select[Any]:
    """Select what `asking.original` takes of the files with the ``ids``, behind the id."""
    return (
        select(files.c.id, files.c.path, files.c.size, files.c.mtime_ns, roots.c.location, ETAG)
        .join(roots, roots.c.id == files.c.root_id)
        .where(is_among(files.c.id, "ids"))
    )


def ways(shape: Shape) -> list[Way]:
    """The ways that a question can go, besides looking at every entry."""
    found = []
    if shape.of("files") or shape.has_files:
        found.append(Way.FILES)
    if shape.is_led_by_iids:
        found.append(Way.IIDS)
    if shape.of("groups"):
        found.append(Way.GROUPS)
    if shape.n_regions and not shape.is_nowhere:
        found.append(Way.BOXES)
    if not found and shape.is_of_whole_files:
        found.append(Way.FILES)
    return found


@_kept
def candidates(shape: Shape, way: Way) -> Select[Any] | Statement:
    """Count the entries that a way leads to, up to ``at_most``."""
    if way is Way.SCAN:
        return select(func.coalesce(func.max(entries.c.id), literal_column("0")))
    if way is Way.FILES:
        return _entries_of_files(shape)
    if way is Way.BOXES:
        return Statement(_number_of(boxes_near()), _number_of(near_elsewhere()))
    if way is Way.GROUPS:
        inner = members(shape)
    else:
        inner = select(entries.c.id).where(has_iid(entries.c.iid_id, shape))
    return _number_of(inner)


def _number_of(inner: Select[Any]) -> Select[Any]:
    """How many rows there are, up to ``at_most``."""
    return select(func.count()).select_from(inner.limit(bindparam("at_most")).subquery())


def _entries_of_files(shape: Shape) -> Select[Any]:
    """Count the entries of the files that fit."""
    total = func.coalesce(func.sum(files.c.n_entries), literal_column("0"))
    return select(total).where(and_(*of_files(shape)))


def _limited(statement: Select[Any], shape: Shape) -> Select[Any]:
    return statement.limit(bindparam("limit")) if shape.has_limit else statement


def _listed(
    columns: tuple[ColumnElement[Any], ...], shape: Shape, way: Way, with_names: bool
) -> Select[Any]:
    """Select hits in their order."""
    said = _said_of_files(shape, way)
    return _limited(_ordered(_joined(columns, shape, way, with_names, said), shape, said), shape)


def _said_of_files(shape: Shape, way: Way) -> Subquery | None:
    """What is ordered by in the metadata of all files that fit, or None, as for few entries.

    To read the metadata of each file once is as quick as another order; to do so for each entry
    takes more than twice as long, and longer the more they say.
    """
    return said_of(shape.order_by, of_files(shape)) if way in (Way.SCAN, Way.FILES) else None


def _keys(
    orders: Sequence[str | MetaOrder], said: Subquery | None
) -> list[tuple[ColumnElement[Any], bool]]:
    """What is ordered by, and whether it descends."""
    found: list[tuple[ColumnElement[Any], bool]] = []
    for place, name in enumerate(orders):
        if isinstance(name, MetaOrder):
            key = comparable(place, name) if said is None else said.c[key_name(place)]
            found.append((key, name.is_descending))
        else:
            found.append((_ORDERS[name.removeprefix("-")], name.startswith("-")))
    return found


def _ordered(statement: Select[Any], shape: Shape, said: Subquery | None) -> Select[Any]:
    for (key, is_descending), name in zip(_keys(shape.order_by, said), shape.order_by, strict=True):
        if isinstance(name, MetaOrder):
            statement = statement.order_by(directed(key, name))
        else:
            statement = statement.order_by(key.desc() if is_descending else key)
    # The last criterion makes every order a total one, so that the same question has the
    # same answer twice.
    return statement.order_by(entries.c.id)


def _joined(
    columns: tuple[ColumnElement[Any], ...],
    shape: Shape,
    way: Way,
    with_names: bool = False,
    said: Subquery | None = None,
) -> Select[Any]:
    conditions = [
        *of_files(shape),
        *of_iids(shape, way is Way.IIDS),
        *of_groups(shape, way is Way.GROUPS),
        *of_boxes(shape, way is Way.BOXES),
        *of_entries(shape),
    ]
    if shape.place is not None:
        conditions.append(comes_later(_keys(shape.order_by, said), shape.place))
        with_names = True
    source = from_files() if way is Way.FILES else _from_entries()
    if said is not None:
        source = Ordered(source, said, said.c.id == files.c.id)
    if with_names:
        source = _with_names(source)
    elif shape.asks_of_iids and way is not Way.IIDS and not shape.iids_are_known:
        source = _with_iids(source)
    return select(*columns).select_from(source).where(and_(*conditions))


def from_files() -> Join:
    """From files to the ranges of their entries."""
    last = files.c.first_entry_id + files.c.n_entries - 1
    of_file = entries.c.id.between(files.c.first_entry_id, last)
    # A server has to guess how many they are, and knows it of the files of entries.
    also = and_(of_file, entries.c.file_id == files.c.id)
    return Ordered(files, entries, Worded(of_file, also, Boolean()))


def _from_entries() -> Join:
    return Ordered(entries, files, files.c.id == entries.c.file_id)


def _with_names(source: Join) -> Join:
    """With where files lie, and the IIDs themselves."""
    return _with_iids(Ordered(source, roots, roots.c.id == files.c.root_id))


def _with_iids(source: Join) -> Join:
    return Ordered(source, iids, iids.c.id == entries.c.iid_id)
