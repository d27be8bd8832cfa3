"""Why a question finds nothing: what it names that is nowhere in the index."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy import Connection, Select, literal_column, select

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.dialect import dialect_of, marked
from iidindex.catalog.schema import OK, entries, files, groups, iids
from iidindex.catalog.statement import Statement, run
from iidindex.codec.layout import MAX_COORDINATE
from iidindex.metadata_names import written
from iidindex.model import IID, BBox
from iidindex.query.pixels.originals import Originals
from iidindex.query.question import json_values
from iidindex.query.question.asked import PLANE, Filters
from iidindex.query.question.asking import Question
from iidindex.query.question.conditions import boxes_near, near_elsewhere, of_files
from iidindex.query.question.filter_kinds import Filter, end_of_prefix
from iidindex.query.question.filters import FILTERS
from iidindex.query.question.json_values import known_names, known_values, plain
from iidindex.query.question.metadata_filter import Range
from iidindex.query.question.metadata_levels import before_nul
from iidindex.query.question.near_names import (
    COMPARED,
    TOLD,
    Show,
    near_path,
    several,
    similar,
    values,
)
from iidindex.query.question.shape import of_box, shape_of, values_of

_ANY_NEAR = Statement(*(one.limit(literal_column("1")) for one in (boxes_near(), near_elsewhere())))


def why_nothing(catalog: Catalog, filters: Filters, show: Show = repr) -> str | None:
    """Name the first thing that a question asks for and that no indexed file has.

    Parameters
    ----------
    catalog : Catalog
    filters : Filters
    show : callable
        Writes addresses and domains.

    Returns
    -------
    str or None
        A line of text; None, if all that it names is there, but not together.
    """
    with catalog.reading() as connection:
        search = _Search(connection, filters, show)
        # What is to be left out may be unknown.
        named = [name for name in filters.given if not FILTERS[name].is_excluding]
        asked = sorted(named, key=lambda name: _rank(FILTERS, name))
        checks = (
            search.files,
            *(getattr(search, name, partial(search.named, name)) for name in asked),
            search.place,
            search.left_out,
        )
        return next((told for check in checks if (told := check()) is not None), None)


def unknown_metadata(catalog: Catalog, names: Sequence[str]) -> str | None:
    """Say that no file's metadata has some names, each inside the one before.

    Parameters
    ----------
    catalog : Catalog
    names : sequence of str

    Returns
    -------
    str or None
        A line of text with what is similar; None, if a file has them.
    """
    with catalog.reading() as connection:
        return _Search(connection, Filters(), repr).unknown_names(names)


def unknown_exclusions(catalog: Catalog, filters: Filters, show: Show = repr) -> list[str]:
    """Names that a question excludes and that no indexed file has, a line for each filter.

    Parameters
    ----------
    catalog : Catalog
    filters : Filters
    show : callable
        How domains are written.

    Returns
    -------
    list of str
    """
    excluding = [name for name in filters.given if FILTERS[name].is_excluding]
    if not excluding:
        return []
    with catalog.reading() as connection:
        search = _Search(connection, filters, show)
        found = [search.excluded(name) for name in excluding]
    return [f"{told} (so that leaves nothing out)" for told in found if told is not None]


def _rank(known: Mapping[str, Filter], name: str) -> tuple[int, int]:
    """What is asked of files comes first, and a domain before what is in it."""
    tables = ["files", "iids", "groups", "entries"]
    first = ["root", "domain"]
    return tables.index(known[name].asks_of), -(name in first)


@dataclass(frozen=True)
class _Search:
    """Looking for what a question names, one filter after the other.

    Every method returns what is not there, in words, or None. One that is called as a filter is
    asked of it; others, if they have names, by `named`.
    """

    connection: Connection
    filters: Filters
    show: Show

    def files(self) -> str | None:
        if self._has(select(files.c.id).where(files.c.state == OK)):
            return None
        return "the index has no files to ask; `iidindex status` counts those missing or failed"

    def named(self, name: str) -> str | None:
        column, wanted = FILTERS[name].known, self.filters.get(name)
        if column is None:
            return None
        return self._unknown(
            name, [wanted] if isinstance(wanted, str) else wanted, select(column).distinct()
        )

    def all_groups(self) -> str | None:
        wanted = self.filters.get("all_groups")
        unknown = self._unknown("group", wanted, select(groups.c.name))
        if unknown is not None:
            return unknown
        if len(wanted) < 2 or self._finds(Filters({"all_groups": wanted})):
            return None
        return f"no entry is in all of the groups {several(wanted, repr)}"

    def path(self) -> str | None:
        path = self.filters.get("path")
        if self._any_file(Filters({"path": path})):
            return None
        return "; ".join(near_path(self.connection, path))

    def meta(self) -> str | None:
        for names, value in self.filters.get("meta"):
            unknown = self.unknown_names(names)
            if unknown is not None:
                return unknown
            same = tuple(meta for meta in self.filters.get("meta") if meta.names == names)
            one = Filters({"meta": same})
            if not self._any_file(one):
                known = self._meta_values(names, "value")
                told = several(known, json.dumps) or "lists or mappings"
                shown = value if isinstance(value, Range) else json.dumps(value)
                path = written(names)
                return f"no file's metadata has {shown} as {path!r}; known: {told}"
        return None

    def unknown_names(self, names: Sequence[str]) -> str | None:
        """The first of some names in metadata that no file has."""
        for depth in range(len(names)):
            known = self._meta_values(names[:depth], "key")
            if names[depth] not in known and not self._meta_has(names[: depth + 1]):
                told = similar(names[depth], known)
                return f"no file's metadata has the name {written(names[: depth + 1])!r}; {told}"
        return None

    def address(self) -> str | None:
        domains = self.filters.get("domain")
        for one in self.filters.get("address")[:TOLD]:
            address = one.address if isinstance(one, IID) else one
            own = (one.domain or b"",) if isinstance(one, IID) else None
            named = select(iids.c.domain).where(iids.c.address == address)
            known = self._values(named)
            if not known:
                near = similar(address, self._neighbours(address), self.show, all_of="iids")
                return f"no address {self.show(address)} in this index; {near}"
            for asked in (own, domains):
                if asked is not None and not set(known) & set(asked):
                    wanted, told = (several(names, self.show) for names in (asked, known))
                    return f"the address {self.show(address)} is not in {wanted}, but in {told}"
            ids = select(iids.c.id).where(iids.c.address == address)
            if own is not None:
                ids = ids.where(iids.c.domain == own[0])
            there = (
                select(entries.c.id)
                .join(files, files.c.id == entries.c.file_id)
                .where(entries.c.iid_id.in_(ids), files.c.state == OK)
            )
            if not self._has(there):
                return f"the address {self.show(address)} is in missing files alone"
        return None

    def prefix(self) -> str | None:
        prefix = self.filters.get("prefix")
        if not prefix:
            return None
        begins = select(iids.c.id).where(iids.c.address >= prefix)
        end = end_of_prefix(prefix)
        if self._has(begins if end is None else begins.where(iids.c.address < end)):
            return None
        return f"no address begins with {self.show(prefix)}"

    def place(self) -> str | None:
        if not self.filters.regions:
            return None
        if not self._reaches(PLANE):
            return "no mask in this index has a pixel"
        frame = self._frame()
        for box in self.filters.regions:
            if not (box & frame).n_pixels:
                reached = (
                    f"no mask reaches {_where(box)}"
                    if box.n_pixels
                    else "the box has no pixel, or none that a file can hold"
                )
                return f"{reached}; all masks lie in {_where(frame)}{_turned(box, frame)}"
        return self._turned_around()

    def excluded(self, name: str) -> str | None:
        """The first name that a filter excludes and that is nowhere."""
        wanted = self.filters.get(name)
        column = FILTERS[name].known
        if column is files.c.path:
            each = (replace(self, filters=Filters({"path": path})).path() for path in wanted)
            return next(filter(None, each), None)
        if column is None:
            return None
        return self._unknown(name.removeprefix("not_"), wanted, select(column).distinct())

    def left_out(self) -> str | None:
        """Whether something fits that is left out, and by what."""
        if self.filters.limit == 0:
            return None
        given = self.filters.given
        excluding = [name for name in given if FILTERS[name].is_excluding and given[name]]
        for names in [*([name] for name in excluding), excluding]:
            others = {name: value for name, value in given.items() if name not in names}
            if names and self._finds(replace(self.filters, given=others)):
                told = " or ".join(self._told_of(name) for name in names)
                return f"all that fits otherwise is left out: {told}"
        return None

    def _told_of(self, name: str) -> str:
        """What is left out by a filter."""
        what = name.removeprefix("not_")
        shown = several(self.filters.get(name), lambda one: _shown(one, self.show))
        return f"{what} {shown}"

    def _turned_around(self) -> str | None:
        """Whether boxes lie where rows and columns are taken for each other, and only there."""
        boxes = self.filters.regions
        turned = tuple(_mirrored(box) for box in boxes)
        if self._n_boxes(boxes) or not self._n_boxes(turned):
            return None
        return f"nothing that fits lies in {_where(boxes[0])}; did you mean {_where(turned[0])}?"

    def _n_boxes(self, boxes: tuple[BBox, ...]) -> int:
        filters = replace(self.filters, regions=boxes, exact=False, near=None, limit=1)
        return Question(self.connection, Originals(), filters).count()

    def _finds(self, filters: Filters) -> bool:
        """Whether a question finds anything, in originals that can be believed."""
        one = replace(filters, near=None, order_by=(), limit=1, on_stale="skip", jobs=1)
        originals = Originals()
        try:
            return any(Question(self.connection, originals, one).rows())
        finally:
            originals.close()

    # ------------------------------------------------------------ the catalogue

    def _has(self, statement: Select[Any]) -> bool:
        return self.connection.execute(statement.limit(1)).first() is not None

    def _any_file(self, filters: Filters) -> bool:
        """Whether a file that is there fits."""
        statement = select(files.c.id).where(*of_files(shape_of(filters))).limit(1)
        found = Statement(statement).run(self.connection, values_of(filters))
        return found.fetchone() is not None

    def _values(self, statement: Select[Any]) -> list[Any]:
        return values(self.connection, statement)

    def _unknown(self, what: str, wanted: Iterable[Any], named: Select[Any]) -> str | None:
        """Which of some names the statement that selects such names does not find."""
        (column,) = named.selected_columns
        for name in wanted:
            if self._has(named.where(column == name)):
                continue
            known = self._values(named.order_by(column))
            near = similar(name, known, self.show)
            return f"no {what} {_shown(name, self.show)} in this index; {near}"
        return None

    def _neighbours(self, address: bytes) -> list[bytes]:
        """Addresses before and behind one; all of them, if they are few."""
        column = iids.c.address
        after = select(column).where(column > address).order_by(column)
        before = select(column).where(column < address).order_by(column.desc())
        return [*self._values(after), *self._values(before)]

    def _meta_values(self, names: Sequence[str], column: str) -> list[Any]:
        """What metadata have inside some names, or as their value."""
        if dialect_of(self.connection).name != "sqlite":
            return self._in_json(names, column)
        depth = len(names) - (column == "value")
        source = _levels(depth)
        conditions = " AND ".join(f"level{nth}.key = ?" for nth in range(len(names)))
        kind = f" AND level{depth}.type NOT IN ('object', 'array')" if column == "value" else ""
        found = self.connection.exec_driver_sql(
            f"SELECT DISTINCT level{depth}.{column} FROM {source} "  # noqa: S608  (our own names)
            f"WHERE {conditions or 1}{kind} LIMIT {COMPARED}",
            tuple(map(before_nul, names)),
        )
        return list(found.scalars())

    def _in_json(self, names: Sequence[str], column: str) -> list[Any]:
        """The same, where `json_values` is how metadata are read."""
        keys = json_values.keys_of("", names).values()
        statement = (known_names if column == "key" else known_values)(len(names))
        text = marked(statement, dialect_of(self.connection))
        rows = run(self.connection, text, [*keys, COMPARED])
        return [plain(text) if column == "key" else json.loads(text) for (text,) in rows]

    def _meta_has(self, names: Sequence[str]) -> bool:
        if dialect_of(self.connection).name != "sqlite":
            return names[-1] in self._in_json(names[:-1], "key")
        conditions = " AND ".join(f"level{nth}.key = ?" for nth in range(len(names)))
        found = self.connection.exec_driver_sql(
            f"SELECT 1 FROM {_levels(len(names) - 1)} WHERE {conditions} LIMIT 1",  # noqa: S608
            tuple(map(before_nul, names)),
        )
        return found.first() is not None

    def _reaches(self, box: BBox) -> bool:
        """Whether any box shares a pixel with one."""
        return _ANY_NEAR.run(self.connection, of_box("smallest", box)).fetchone() is not None

    def _frame(self) -> BBox:
        """The box that holds all boxes, found by halving; there is no other short way."""

        def edge(reached: Callable[[int], BBox]) -> int:
            """The largest number of rows or columns that may be left out at a side."""
            low, high = 0, MAX_COORDINATE
            while low < high:
                middle = (low + high + 1) // 2
                low, high = (low, middle - 1) if self._reaches(reached(middle)) else (middle, high)
            return low

        most = MAX_COORDINATE + 1
        return BBox(
            edge(lambda n: BBox(0, 0, n, most)),
            edge(lambda n: BBox(0, 0, most, n)),
            most - edge(lambda n: BBox(most - n, 0, most, most)),
            most - edge(lambda n: BBox(0, most - n, most, most)),
        )


def _levels(depth: int) -> str:
    """The metadata of files, each mapping in it beside the one that it lies in."""
    parts, inside, kind = ["files"], "files.meta", "json_type(files.meta)"
    for nth in range(depth + 1):
        parts.append(
            f"json_each(CASE {kind} WHEN 'object' THEN {inside} ELSE '{{}}' END) level{nth}"
        )
        inside, kind = f"level{nth}.value", f"level{nth}.type"
    return ", ".join(parts)


def _shown(name: Any, show: Show) -> str:
    return show(name) if isinstance(name, bytes) else repr(name)


def _turned(box: BBox, frame: BBox) -> str:
    """A hint, if rows and columns may have been taken for each other."""
    turned = _mirrored(box)
    if not (turned & frame).n_pixels:
        return ""
    return f"; did you mean {_where(turned)}?"


def _mirrored(box: BBox) -> BBox:
    return BBox(box.minc, box.minr, box.maxc, box.maxr)


def _where(box: BBox) -> str:
    if box.n_pixels == 1:
        return f"row {box.minr}, column {box.minc}"
    return f"rows {box.minr} … {box.maxr - 1}, columns {box.minc} … {box.maxc - 1}"
