"""Running a question: its plan, its statements, and the pixels of what they find."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from itertools import chain, islice
from operator import itemgetter
from typing import Any, TypeVar

import numpy as np
from sqlalchemy import Connection

from iidindex.catalog.dialect import Text, dialect_of
from iidindex.catalog.lookup import asked, numbers
from iidindex.catalog.statement import Statement, run
from iidindex.errors import QueryError
from iidindex.masks.batching import portions
from iidindex.model import IID, BBox, stamp_as_indexed
from iidindex.processes import in_order
from iidindex.query.pixels.originals import Originals
from iidindex.query.pixels.segments import Ints, Original, Segments, concatenate
from iidindex.query.pixels.sift import Bools, sift
from iidindex.query.question import compile as sql
from iidindex.query.question.asked import Filters
from iidindex.query.question.choice import choose
from iidindex.query.question.compile import Way
from iidindex.query.question.filter_kinds import FEW
from iidindex.query.question.individual_filter import fits
from iidindex.query.question.metadata_order import shape_of_order, values_of_order
from iidindex.query.question.place_in_order import PlaceInOrder, read_place
from iidindex.query.question.shape import needs_pixels, shape_of, values_of
from iidindex.storage.places import location_of, storage_at

Row = Sequence[Any]
P = TypeVar("P")

# What `Segments.of` takes of a row of ``HIT_COLUMNS``.
_SEGMENT = itemgetter(*range(10), 16)

# Rows fetched at a time, whose groups and pixels are looked up together; and segments, of
# which nothing else is kept.
_ROWS = 1024
_SEGMENTS = 8192
# Rows that need not be asked for in parts, which a server has to be asked for each time.
_FEW = 2000
# Entries of which some columns are read at once.
_NUMBERS = 1 << 17
# Values that every database takes in one statement.
_PARAMETERS = 10_000


_WITH_IDS = Text(
    "SELECT e.id, e.file_id, e.key, e.minr, e.minc, e.maxr, e.maxc, e.area, e.offset, e.length, "
    "e.checksum FROM {rows} {then} entries e ON e.id = {value} ORDER BY {nth}"
)


class Question:
    """A question that is being asked, of one state of the catalogue.

    Parameters
    ----------
    connection : Connection
        In a transaction.
    originals : Originals
    filters : Filters
    looked_at : sequence of BBox, optional
        In which of the regions the pixels matter: as a rule, in all or in none.
    """

    def __init__(
        self,
        connection: Connection,
        originals: Originals,
        filters: Filters,
        looked_at: Sequence[BBox] | None = None,
    ) -> None:
        filters.check()
        self.connection = connection
        self._originals = originals
        self.filters = filters
        every = filters.regions if needs_pixels(filters) else ()
        self._looked_at = every if looked_at is None else looked_at
        iid_ids = resolved_iids(connection, filters)
        self._shape = shape_of(filters, iid_ids)
        self._values = values_of(filters, iid_ids)
        self.plan = choose(self._shape, self._candidates, dialect_of(connection).way_costs)

    def _candidates(self, way: Way, most: int) -> int:
        return self._number(sql.candidates(self._shape, way), at_most=most)

    def _number(self, statement: Statement, **values: int) -> int:
        found: int = statement.run(self.connection, {**self._values, **values}).fetchone()[0]
        return found

    @property
    def _are_few(self) -> bool:
        """Whether so few entries are led to that all of them may be held at once."""
        return self.plan.found.get(self.plan.way, _FEW) < _FEW

    def count(self) -> int:
        """Count the hits."""
        if self._looked_at:
            return sum(len(part) for part in self.segments())
        way = Way.FILES if self._shape.is_of_whole_files else self.plan.way
        return self._number(sql.count(self._shape, way))

    def ids(self) -> Ints:
        """The ids of the hits, in their order."""
        if not self._looked_at:
            found = sql.ids(self._shape, self.plan.way).run(self.connection, self._values)
            return np.fromiter(chain.from_iterable(found), np.int64)
        if self.filters.order_by:
            return np.array([row[0] for rows in self.rows() for row in rows], np.int64)
        return concatenate(self.segments()).id

    def all_numbers(self, *names: str) -> Ints:
        """Columns of ``entries`` of all hits at once, in the order of ids; as `numbers`."""
        assert not self._looked_at
        statement = sql.numbers(self._shape, self.plan.way, names)
        return statement.integers(self.connection, self._values, len(names))

    def file_ids(self) -> Ints:
        """The ids of the files of the hits, ascending; by boxes alone, pixels are not looked at."""
        found = sql.files_of_hits(self._shape, self.plan.way).run(self.connection, self._values)
        return np.sort(np.fromiter(chain.from_iterable(found), np.int64))

    def rows(self) -> Iterator[list[Row]]:
        """The hits as rows of ``HIT_COLUMNS``, some at a time."""
        left = self.filters.limit
        size = _chunk(_ROWS, left)
        statement = sql.hits(self._shape, self.plan.way)
        for rows, keep in self._looked_at_rows(statement, size):
            chosen = rows if keep is None else [rows[place] for place in np.flatnonzero(keep)]
            chosen = chosen[:left]
            yield chosen
            left = None if left is None else left - len(chosen)
            if left == 0:
                return

    def _looked_at_rows(
        self, statement: Statement, size: int
    ) -> Iterator[tuple[list[Row], Bools | None]]:
        found = statement.parts(self.connection, self._values, size, are_few=self._are_few)
        with closing(found) as parts:
            if not self._looked_at:
                yield from ((rows, None) for rows in parts)
                return
            yield from self._sifted((rows, *places_of(rows)) for rows in parts)

    def segments(self) -> Iterator[Segments]:
        """The hits as columns, in the order of ids, some at a time."""
        left = self.filters.limit
        statement = sql.segments(self._shape, self.plan.way)
        for found in self._looked_at_segments(statement, _chunk(_SEGMENTS, left)):
            if left is not None:
                found = found.take(np.arange(min(left, len(found))))
                left -= len(found)
            yield found
            if left == 0:
                return

    def file_by_file(self, *names: str) -> Iterator[Ints]:
        """Columns of ``entries`` of the hits, some files at a time, each of them whole.

        Parameters
        ----------
        *names : str
            The first is ``file_id``. ``box`` is the box as one number, which `boxes_in` reads.

        Yields
        ------
        ndarray of int64, shape (n, number of names)
            In the order of ids.
        """
        if self._looked_at:
            yield from _whole_files(self._numbers_looked_at(names))
        elif self.plan.way in (Way.SCAN, Way.FILES) and not self._shape.has_limit:
            yield from self._numbers_of_files(names)
        else:
            statement = sql.numbers(self._shape, self.plan.way, names)
            with closing(statement.run(self.connection, self._values)) as rows:
                yield from _whole_files(_integers(rows, len(names)))

    def _numbers_looked_at(self, names: tuple[str, ...]) -> Iterator[Ints]:
        for found in self.segments():
            rows = sql.numbers_of(names).run(self.connection, {"ids": found.id})
            yield from _integers(rows, len(names))

    def _numbers_of_files(self, names: tuple[str, ...]) -> Iterator[Ints]:
        """Where files lead to the hits, or there is nothing better than to look at all entries."""
        fitting = sql.ranges_of_files(self._shape)
        files = fitting.integers(self.connection, self._values, 3)
        statement = sql.numbers_of_files(self._shape, names)
        for some in portions(files[:, 1], _NUMBERS):
            file_id, _, first = files[some].T
            values = {**self._values, "file_ids": file_id}
            rows = statement.integers(self.connection, values, len(names))
            if len(rows):
                yield _in_order_of(rows, file_id, first)

    def all_segments(self) -> Segments:
        """The hits as columns, in the order of ids, all at once."""
        if self._looked_at or self.filters.limit is not None:
            return concatenate(self.segments())
        statement = sql.segments(self._shape, self.plan.way)
        width = len(sql.SEGMENT_COLUMNS)
        return Segments.in_table(statement.integers(self.connection, self._values, width))

    def _looked_at_segments(self, statement: Statement, size: int) -> Iterator[Segments]:
        found = statement.parts(self.connection, self._values, size, are_few=self._are_few)
        with closing(found) as fetched:
            parts = (Segments.of(rows) for rows in fetched)
            if not self._looked_at:
                yield from parts
                return
            candidates = ((part, part, files_of(self.connection, part.file_id)) for part in parts)
            for part, keep in self._sifted(candidates):
                yield part.take(keep)

    def _sifted(
        self, parts: Iterator[tuple[P, Segments, dict[int, Original]]]
    ) -> Iterator[tuple[P, Bools]]:
        """Look at the pixels of candidates; yield what came with them, and which are hits."""
        filters = self.filters
        tasks = (
            (payload, (self._originals, files, candidates, self._looked_at, filters.on_stale))
            for payload, candidates, files in parts
        )
        yield from in_order(sift, tasks, filters.jobs)

    def explain(self) -> str:
        """The way chosen, the SQL, and the plan that the database makes for it."""
        statement = sql.hits(self._shape, self.plan.way)
        text, plan = statement.explained(self.connection, self._values)
        return "\n".join([str(self.plan), "", text, "", *(f"plan: {step}" for step in plan)])


def boxes_in(column: Ints) -> Ints:
    """The boxes that are told as numbers: int64, shape (n, 4)."""
    shifts = np.array([48, 32, 16, 0])
    boxes: Ints = (column[:, np.newaxis] >> shifts) & 0xFFFF
    return boxes


def _integers(rows: Iterable[Row], width: int) -> Iterator[Ints]:
    """Rows of integers as arrays, some at a time."""
    left = iter(rows)
    while len(part := np.fromiter(chain.from_iterable(islice(left, _NUMBERS)), np.int64)):
        yield part.reshape(-1, width)


def _in_order_of(rows: Ints, file_id: Ints, first: Ints) -> Ints:
    """Rows that begin with their file's id, by the first entries of files."""
    begins = np.flatnonzero(np.diff(rows[:, 0], prepend=-1))
    by_id = np.argsort(file_id)
    at = first[by_id[np.searchsorted(file_id, rows[begins, 0], sorter=by_id)]]
    # As a rule it is so: files have ids as they were read, and so have their entries.
    if (at[1:] > at[:-1]).all():
        return rows
    return rows[np.argsort(np.repeat(at, np.diff(begins, append=len(rows))), kind="stable")]


def _whole_files(parts: Iterable[Ints]) -> Iterator[Ints]:
    """Cut rows, which come file by file and begin with its id, between files."""
    waiting: list[Ints] = []
    for part in parts:
        # The last file may go on in the next part.
        cut = int(np.argmax(part[:, 0] == part[-1, 0]))
        if cut or (waiting and waiting[-1][-1, 0] != part[0, 0]):
            yield np.concatenate([*waiting, part[:cut]])
            waiting = []
        waiting.append(part[cut:])
    if waiting:
        yield np.concatenate(waiting)


def segments_with(connection: Connection, ids: Ints) -> Segments:
    """The entries with these ids, in the order in which they are given."""
    return Segments.of(numbers(connection, _WITH_IDS, ids).tolist())


def place_of(connection: Connection, filters: Filters, entry_id: int) -> PlaceInOrder:
    """Where an entry stands in the order of a question.

    Raises
    ------
    QueryError
        If there is no such entry.
    """
    orders = tuple(map(shape_of_order, filters.order_by))
    values: dict[str, Any] = {"after": entry_id}
    for nth, name in enumerate(filters.order_by):
        values |= values_of_order(nth, name)
    row = sql.place_of(orders).run(connection, values).fetchone()
    if row is None:
        raise QueryError(f"after is {entry_id}; no entry has this id any more; ask again")
    return read_place(row, entry_id)


def files_of(connection: Connection, file_ids: Ints) -> dict[int, Original]:
    """Where files can be opened, by id."""
    rows = sql.originals_of().run(connection, {"ids": np.unique(file_ids)})
    return _originals({row[0]: row[1:] for row in rows})


def original(row: Row) -> Original:
    """From a path, a size, a time, the location of the root, and an ETag."""
    stamp = stamp_as_indexed(row[1], row[2], row[4])
    return Original(location_of(os.fsdecode(row[3]), os.fsdecode(row[0])), stamp)


def places_of(rows: Sequence[Row]) -> tuple[Segments, dict[int, Original]]:
    """Where the segments of rows of ``HIT_COLUMNS`` lie, and their files."""
    one_of_each = {row[1]: row for row in rows}
    files = _originals({file_id: (*row[12:16], row[17]) for file_id, row in one_of_each.items()})
    return Segments.of([*map(_SEGMENT, rows)]), files


def _originals(rows: Mapping[int, Row]) -> dict[int, Original]:
    """As `original`, for many that have few roots in common."""
    joins: dict[str | bytes, Callable[[str], str]] = {}
    found = {}
    for file_id, (path, size, mtime_ns, root, etag) in rows.items():
        join = joins.get(root)
        if join is None:
            location = os.fsdecode(root)
            join = joins[root] = partial(storage_at(location).join, location)
        location = join(path if isinstance(path, str) else os.fsdecode(path))
        found[file_id] = Original(location, stamp_as_indexed(size, mtime_ns, etag))
    return found


def _chunk(size: int, limit: int | None) -> int:
    """Somebody who asks for few should not have the pixels of many looked at."""
    return size if limit is None else max(16, min(size, limit))


def resolved_iids(connection: Connection, filters: Filters) -> list[int] | None:
    """The ids of IIDs, if too many are asked for to be named in a statement."""
    addresses, domains = filters.get("address"), filters.get("domain")
    if max(len(addresses or ()), len(domains or ())) <= FEW:
        return None
    wanted = None if domains is None else set(domains)
    named = set(addresses or ())
    if addresses is None:
        every = run(connection, "SELECT id, domain, address FROM iids")
        found = [row for row in every if row[1] in (wanted or ())]
    else:
        found = []
        distinct = tuple({one.address if isinstance(one, IID) else one for one in addresses})
        for low in range(0, len(distinct), _PARAMETERS):
            part = distinct[low : low + _PARAMETERS]
            marks = ", ".join("?" * len(part))
            rows = asked(
                connection,
                f"SELECT id, domain, address FROM iids WHERE address IN ({marks})",  # noqa: S608
                part,
            )
            found += [
                row
                for row in rows
                if fits(row[1], row[2], named) and (wanted is None or row[1] in wanted)
            ]
    prefix, excluded = filters.get("prefix") or b"", set(filters.get("not_domain") or ())
    return sorted(row[0] for row in found if row[2].startswith(prefix) and row[1] not in excluded)
