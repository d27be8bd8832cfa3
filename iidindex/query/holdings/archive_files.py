"""The files of the archive, as the catalogue knows them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    exists,
    literal_column,
    select,
    tuple_,
)

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.dialect import dialect_of
from iidindex.catalog.roots import roots_over
from iidindex.catalog.schema import (
    FAILED,
    MISSING,
    OK,
    entries,
    file_groups,
    files,
    iids,
    path_value,
)
from iidindex.catalog.statement import Ordered, Statement
from iidindex.errors import QueryError
from iidindex.files.arguments import all_texts, check_number, is_one_of
from iidindex.metadata_names import META
from iidindex.query.answers.indexed_file import IndexedFile, files_that, listed_files
from iidindex.query.question.asked import Filters
from iidindex.query.question.asking import resolved_iids
from iidindex.query.question.compile import Way, candidates
from iidindex.query.question.conditions import of_all_files, of_entries, of_groups, of_iids
from iidindex.query.question.filters import FILTERS
from iidindex.query.question.group_filters import InAny
from iidindex.query.question.metadata_order import (
    MetaOrder,
    comparable,
    directed,
    names_in_order,
    shape_of_order,
    values_of_order,
)
from iidindex.query.question.place_in_order import (
    PLAIN,
    TEXT,
    PlaceInOrder,
    comes_later,
    read_place,
    told,
)
from iidindex.query.question.shape import Shape, shape_of, values_of
from iidindex.storage.places import location_of

_COLUMNS: dict[str, ColumnElement[Any]] = {
    "path": files.c.path,
    "state": files.c.state,
    "entries": files.c.n_entries,
    "size": files.c.size,
}
ORDERS = tuple(_COLUMNS)

# Up to so many entries lead to their files; of more, the files are looked through in their order,
# which is quick where many of them fit.
_FEW = 10_000

_BEHIND = tuple_(files.c.root_id, files.c.path) > tuple_(
    bindparam("after_root", type_=files.c.root_id.type),
    bindparam("after_path", type_=files.c.path.type),
)


def indexed_files(
    catalog: Catalog,
    filters: Filters,
    *,
    state: str | None = None,
    order_by: str | Iterable[str] = (),
    limit: int | None = None,
    after: IndexedFile | None = None,
) -> list[IndexedFile]:
    """List files that fit, by root and path or in another order.

    Parameters
    ----------
    catalog : Catalog
    filters : Filters
        What is asked of files; and of entries, of which one at least has to fit it.
    state : {"ok", "missing", "failed"}, optional
    order_by : str or iterable of str
        Names of ``ORDERS`` and in metadata, with a ``-`` before it for descending.
    limit : int, optional
    after : IndexedFile, optional
        Only those that come later.

    Raises
    ------
    QueryError
        If an argument is not valid, or more is asked than filters do.
    """
    if not is_one_of(state, OK, MISSING, FAILED):
        raise QueryError(f"state is {state!r}; expected {OK}, {MISSING} or {FAILED}")
    if filters.regions or filters.near is not None or filters.order_by:
        raise QueryError(
            "files are found by filters; leave pixels, boxes and order_by out of the question, and "
            "give files an order"
        )
    number = check_number(limit, "limit")
    order = _Order(check_orders(order_by))
    with catalog.reading() as connection:
        iid_ids = resolved_iids(connection, filters)
        shape = shape_of(filters, iid_ids)
        values: dict[str, Any] = values_of(filters, iid_ids) | order.values
        conditions = [*of_all_files(shape), *_has_entry(connection, shape, values)]
        if state is not None:
            conditions.append(files.c.state == state)
        if after is not None:
            root_id = _root_of(connection, after)
            place = order.place_of(connection, root_id, after)
            values |= place.parameters() if order.names else {}
            values |= {"after_root": root_id, "after_path": path_value(after.path)}
            conditions.append(order.later(place.shape))
        statement = order.sorted(files_that(*conditions)).limit(number)
        return [*listed_files(connection, statement, values)]


def _has_entry(connection: Connection, shape: Shape, values: dict[str, Any]) -> Iterator[Any]:
    """That a file has an entry which fits all that is asked of entries."""
    asked = [one for name in ("iids", "groups", "entries") for one in shape.of(name)]
    if not asked and not shape.iids_are_known:
        return
    for way in (Way.IIDS, Way.GROUPS):
        leads = shape.is_led_by_iids if way is Way.IIDS else _leads(shape)
        if leads and _number(connection, shape, way, values) < _FEW:
            hits = _hits(shape, way).with_only_columns(entries.c.file_id)
            yield files.c.id.in_(hits.correlate(None))
            return
    last = files.c.first_entry_id + files.c.n_entries - literal_column("1")
    own = entries.c.id.between(files.c.first_entry_id, last)
    for name, one in shape.of("groups"):
        kind = FILTERS[name]
        if isinstance(kind, InAny):
            # What is known of whole files is looked at first.
            named = file_groups.c.group_id.in_(kind.named(name, one))
            yield exists().where(file_groups.c.file_id == files.c.id, named).correlate(files)
    yield exists(_hits(shape, Way.FILES).where(own).correlate(files))


def _leads(shape: Shape) -> bool:
    return any(isinstance(FILTERS[name], InAny) for name, _ in shape.of("groups"))


def _hits(shape: Shape, way: Way) -> Select[Any]:
    """Select entries that fit what is asked of entries."""
    source: Any = entries
    if shape.asks_of_iids and way is not Way.IIDS and not shape.iids_are_known:
        source = Ordered(entries, iids, iids.c.id == entries.c.iid_id)
    conditions = [
        *of_iids(shape, way is Way.IIDS),
        *of_groups(shape, way is Way.GROUPS),
        *of_entries(shape),
    ]
    return select(literal_column("1")).select_from(source).where(and_(*conditions))


def _number(connection: Connection, shape: Shape, way: Way, values: dict[str, Any]) -> int:
    """How many entries a way leads to, up to those that are too many."""
    counted = candidates(shape, way).run(connection, {**values, "at_most": _FEW})
    number: int = counted.fetchone()[0]
    return number


def _root_of(connection: Connection, file: IndexedFile) -> int:
    """The id of the root of a file, which need not be there any more; its root must be.

    Raises
    ------
    QueryError
        If it is not.
    """
    known = roots_over(connection, file.location)
    own = [root.id for root in known if location_of(root.location, file.path) == file.location]
    if not own:
        raise QueryError(f"{file.location}: is in no root any more; ask again")
    return own[0]


def check_orders(given: str | Iterable[str]) -> tuple[str, ...]:
    """Read the criteria of an order.

    Raises
    ------
    QueryError
        If one is not known.
    """
    names = tuple(all_texts(given, "order_by", QueryError))
    for name in names:
        is_text = is_one_of(name, str(name))
        if not is_text or not (
            name.removeprefix("-") in _COLUMNS or names_in_order(name) is not None
        ):
            raise QueryError(
                f"order_by is {name!r:.200}; expected one of {', '.join(ORDERS)}, or {META}NAME, "
                "with a - before it for descending"
            )
    return names


@dataclass(frozen=True)
class _Order:
    """An order of files; where they tie, they come by root and path.

    Attributes
    ----------
    names : tuple of str
        The criteria.
    """

    names: tuple[str, ...]

    @property
    def values(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for nth, name in enumerate(self.names):
            found |= values_of_order(nth, name)
        return found

    def _keys(self) -> list[tuple[ColumnElement[Any], bool]]:
        found: list[tuple[ColumnElement[Any], bool]] = []
        for nth, name in enumerate(self.names):
            order = shape_of_order(name)
            if isinstance(order, MetaOrder):
                found.append((comparable(nth, order), order.is_descending))
            else:
                found.append((_COLUMNS[name.removeprefix("-")], name.startswith("-")))
        return found

    def sorted(self, statement: Select[Any]) -> Select[Any]:
        for (key, is_descending), name in zip(self._keys(), self.names, strict=True):
            order = shape_of_order(name)
            if isinstance(order, MetaOrder):
                statement = statement.order_by(directed(key, order))
            else:
                statement = statement.order_by(key.desc() if is_descending else key)
        return statement.order_by(files.c.root_id, files.c.path)

    def later(self, place: tuple[str, ...]) -> ColumnElement[bool]:
        return comes_later(self._keys(), place, _BEHIND) if self.names else _BEHIND

    def place_of(self, connection: Connection, root_id: int, file: IndexedFile) -> PlaceInOrder:
        """Where a file stands. What its row says of it is taken from there.

        Raises
        ------
        QueryError
            If what its metadata said is asked for, and it is not known any more.
        """
        if any(names_in_order(name) is not None for name in self.names):
            return self._looked_up(connection, root_id, file)
        path = dialect_of(connection).path(file.path)
        known: dict[str, tuple[str, Any]] = {
            "path": (PLAIN, path) if isinstance(path, bytes) else (TEXT, os.fsencode(path)),
            "state": (PLAIN, file.state),
            "entries": (PLAIN, file.entries),
            "size": (PLAIN, file.size),
        }
        return PlaceInOrder(tuple(known[name.removeprefix("-")] for name in self.names), 0)

    def _looked_up(self, connection: Connection, root_id: int, file: IndexedFile) -> PlaceInOrder:
        columns = [column for key, _ in self._keys() for column in told(key)]
        statement = select(*columns).select_from(files)
        one = statement.where(files.c.root_id == root_id, files.c.path == path_value(file.path))
        row = Statement(one).run(connection, self.values).fetchone()
        if row is None:
            raise QueryError(f"{file.location}: is not in the index any more; ask again")
        return read_place(row, 0)
