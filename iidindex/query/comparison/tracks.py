"""Individuals followed through files, from the first that has them to the last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.lookup import iids_of, numbers, places_of
from iidindex.errors import QueryError
from iidindex.files.arguments import check_number, is_positive, read_order
from iidindex.metadata_names import value_in
from iidindex.model import IID
from iidindex.query.answers.file_metadata import metadata_of
from iidindex.query.answers.records import LazyRecords
from iidindex.query.comparison.displacement import between_boxes, between_centroids
from iidindex.query.comparison.file_order import FileOrder, files_in_order, names_of
from iidindex.query.comparison.spans import Spans, united
from iidindex.query.pixels.originals import Originals
from iidindex.query.pixels.segments import Ints
from iidindex.query.question.asked import Filters
from iidindex.query.question.asking import Question, boxes_in
from iidindex.rows import TRACK, TRACK_BY_METADATA

Floats = npt.NDArray[np.float64]

ORDERS = (
    *("address", "domain", "first", "last", "files", "entries", "gaps"),
    *("area_min", "area_mean", "area_max", "displacement"),
)
# Rows that are told together.
_ROWS = 1000
# Of more individuals than these, the order is that of an index.
_FEW = 20_000


class Track(NamedTuple):
    """An individual, from the first of its files to the last.

    Attributes
    ----------
    iid : IID
    first, last : str or object
        The first and the last of its files: their paths, or the values of their metadata by which
        files are sorted; None if they have no value.
    files, entries : int
        The number of files that it is in, and of its entries.
    gaps : int
        The number of files of the same root, between the first and the last in that root, that
        lack it.
    area_min : int
    area_mean : float
    area_max : int
        Of its entries, in pixels.
    displacement : float or None
        The distance, in pixels, from the middle of the box around its entries in the first file to
        that in the last file, or between the centroids of its masks. None if the masks have no
        pixel.
    """

    iid: IID
    first: Any
    last: Any
    files: int
    entries: int
    gaps: int
    area_min: int
    area_mean: float
    area_max: int
    displacement: float | None


class Tracks(LazyRecords[Track]):
    """Tracks. The question runs each time they are read."""

    def __init__(self, asked: Asked) -> None:
        super().__init__(TRACK if asked.names is None else TRACK_BY_METADATA, asked.rows)
        self._count = asked.count

    def count(self) -> int:
        """The number of tracks, without loading them."""
        return self._count()


@dataclass(frozen=True)
class Asked:
    """What is asked of tracks, and the catalogue that is asked."""

    catalog: Catalog
    originals: Originals
    filters: Filters
    by: str
    names: tuple[str, ...] | None
    min_files: int
    order_by: tuple[str, ...]
    limit: int | None
    exact: bool

    def count(self) -> int:
        """How many individuals fit."""
        with self.catalog.reading() as connection:
            found = len(self._spans(connection)[0])
        return found if self.limit is None else min(found, self.limit)

    def rows(self) -> Iterator[Track]:
        """Their tracks, in order."""
        with self.catalog.reading() as connection:
            spans, order, question = self._spans(connection)
            needs_all = "displacement" in {name.removeprefix("-") for name in self.order_by}
            if self.exact and needs_all:
                moved = between_centroids(question, self.originals, spans, order)
                chosen = self._chosen(connection, spans, order, moved)
                spans, moved = spans.take(chosen), moved[chosen]
            else:
                spans = spans.take(self._chosen(connection, spans, order, between_boxes(spans)))
                moved = (
                    between_centroids(question, self.originals, spans, order)
                    if self.exact
                    else between_boxes(spans)
                )
            yield from self._told(connection, spans, order, moved)

    def _spans(self, connection: Connection) -> tuple[Spans, FileOrder, Question]:
        question = Question(connection, self.originals, self.filters)
        order = files_in_order(connection, self.filters, self.by)
        spans = spans_of(question, order)
        return spans.take(spans.files >= self.min_files), order, question

    def _chosen(
        self, connection: Connection, spans: Spans, order: FileOrder, moved: Floats
    ) -> Ints:
        """Positions of what is asked for, in its order."""
        keys: list[npt.NDArray[Any]] = [_rank_by_name(connection, spans.group)]
        names: Callable[[], list[IID]] = _once(lambda: iids_of(connection, spans.group))
        for criterion in reversed(self.order_by):
            name = criterion.removeprefix("-")
            key = _values(name, spans, order, moved, names)
            keys.append(-key if criterion.startswith("-") else key)
            # What is unknown comes last, in both directions.
            keys.append(np.isnan(key))
        chosen: Ints = np.lexsort(keys)[: self.limit]
        return chosen

    def _told(
        self, connection: Connection, spans: Spans, order: FileOrder, moved: Floats
    ) -> Iterator[Track]:
        file_at = order.file_id[np.argsort(order.rank)]
        told = _Told(connection, self.names)
        for low in range(0, len(spans), _ROWS):
            part = spans.take(np.arange(low, min(low + _ROWS, len(spans))))
            first, last = file_at[part.first], file_at[part.last]
            told.look_up(np.union1d(first, last))
            distance = moved[low : low + _ROWS]
            known = distance.tolist()
            for place in np.flatnonzero(np.isnan(distance)).tolist():
                known[place] = None
            columns = (
                iids_of(connection, part.group),
                [told.of[file_id] for file_id in first.tolist()],
                [told.of[file_id] for file_id in last.tolist()],
                *(column.tolist() for column in (part.files, part.entries, part.gaps)),
                part.area_min.tolist(),
                (part.area_sum / part.entries).tolist(),
                part.area_max.tolist(),
                known,
            )
            yield from map(Track._make, zip(*columns, strict=True))


def tracks(
    catalog: Catalog,
    originals: Originals,
    filters: Filters,
    *,
    by: str = "path",
    min_files: int = 1,
    order_by: str | Iterable[str] = (),
    limit: int | None = None,
    exact: bool = False,
) -> Tracks:
    """Follow the individuals of a question; see `Entries.tracks`.

    Notes
    -----
    It takes one pass over the entries that fit. Memory holds some hundred bytes for each
    individual in each root, and forty for each file.
    """
    if filters.order_by or filters.near is not None or filters.limit is not None:
        raise QueryError(
            "tracks are of individuals; leave order_by, limit and nearest out of the question, and "
            "give tracks an order and a limit"
        )
    if not is_positive(min_files):
        raise QueryError(f"min_files is {min_files!r}; expected at least 1")
    return Tracks(
        Asked(
            catalog=catalog,
            originals=originals,
            filters=filters,
            by=by,
            names=names_of(by),
            min_files=min_files,
            order_by=read_order(order_by, ORDERS),
            limit=check_number(limit, "limit"),
            exact=bool(exact),
        )
    )


def spans_of(question: Question, order: FileOrder) -> Spans:
    """Where each individual of a question begins and ends.

    Returns
    -------
    Spans
        Of the ids of IIDs; ``first`` and ``last`` are positions in the order over all roots.
    """
    roots, root = np.unique(order.root, return_inverse=True)
    n = max(1, len(roots))

    def parts() -> Iterator[Spans]:
        for rows in question.file_by_file("file_id", "iid_id", "box", "area"):
            file_id, iid_id, box, area = rows.T
            place = order.places_of(file_id)
            yield Spans.of_entries(iid_id * n + root[place], place, boxes_in(box), area)

    of_roots = united(parts())
    if of_roots is None:
        nothing = np.zeros(0, np.int64)
        return Spans.of_entries(nothing, nothing, np.zeros((0, 4), np.int64), nothing)
    complete = replace(
        of_roots,
        group=of_roots.group // n,
        first=order.rank[of_roots.first],
        last=order.rank[of_roots.last],
        gaps=of_roots.last - of_roots.first + 1 - of_roots.files,
    )
    return Spans.united([complete])


def _values(
    name: str, spans: Spans, order: FileOrder, moved: Floats, names: Callable[[], list[IID]]
) -> Floats:
    """What is ordered by, as floats; NaN where it is unknown."""
    if name in ("address", "domain"):
        values = [getattr(iid, name) or b"" for iid in names()]
        ranks = {value: rank for rank, value in enumerate(sorted({*values}))}
        return np.array([ranks[value] for value in values], np.float64)
    if name in ("first", "last"):
        at_rank = order.value[np.argsort(order.rank)]
        value = at_rank[getattr(spans, name)].astype(np.float64)
        return np.where(value < 0, np.nan, value)
    if name == "displacement":
        return moved
    if name == "area_mean":
        return spans.area_sum / spans.entries
    found: Floats = getattr(spans, name).astype(np.float64)
    return found


def _rank_by_name(connection: Connection, iid_ids: Ints) -> Ints:
    """The ranks of IIDs by address, then by domain, none first."""
    if len(iid_ids) <= _FEW:
        iids = [(iid.address, iid.domain or b"") for iid in iids_of(connection, iid_ids)]
        order = np.array(sorted(range(len(iids)), key=iids.__getitem__), np.int64)
    else:
        every = numbers(connection, "SELECT id FROM iids ORDER BY address, domain")[:, 0]
        order = np.searchsorted(iid_ids, every[np.isin(every, iid_ids)])
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank


class _Told:
    """What files are ordered by, as rows tell it, looked up some at a time."""

    # Files whose values are kept.
    _MOST = 100_000

    def __init__(self, connection: Connection, names: tuple[str, ...] | None) -> None:
        self._connection = connection
        self._names = names
        self.of: dict[int, Any] = {}

    def look_up(self, file_ids: Ints) -> None:
        """Know of these files."""
        if len(self.of) > self._MOST:
            self.of.clear()
        new = np.array([one for one in file_ids.tolist() if one not in self.of], np.int64)
        if not len(new):
            return
        if self._names is None:
            paths = (path for path, _ in places_of(self._connection, new))
            self.of.update(zip(new.tolist(), paths, strict=True))
            return
        told = metadata_of(self._connection, new)
        self.of |= {file_id: value_in(told[file_id].meta, self._names) for file_id in new.tolist()}


def _once(make: Callable[[], list[IID]]) -> Callable[[], list[IID]]:
    kept: list[list[IID]] = []

    def get() -> list[IID]:
        if not kept:
            kept.append(make())
        return kept[0]

    return get
