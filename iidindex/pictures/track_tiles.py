"""What a picture of one individual's track shows: appearances, and files between that lack it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.lookup import iids_of, places_of
from iidindex.errors import QueryError
from iidindex.metadata_names import META
from iidindex.query.answers.entry import Chunk, Entry
from iidindex.query.answers.file_metadata import metadata_of
from iidindex.query.comparison.file_order import PATH, FileOrder, files_in_order
from iidindex.query.comparison.spans import Spans
from iidindex.query.pixels.originals import Originals
from iidindex.query.pixels.segments import Ints
from iidindex.query.question import compile as sql
from iidindex.query.question.asked import Filters
from iidindex.query.question.asking import Question, boxes_in


class Gap(NamedTuple):
    """A file that lacks the individual, between others that have it."""

    path: str
    location: str
    meta: Any


class Followed(NamedTuple):
    """A track as it is drawn.

    Attributes
    ----------
    slots : list of Entry or Gap
        In the order of the files, as many as are wanted.
    appearances, gaps : int
        How many there are in all.
    boxes : ndarray of int64, shape (n, 4)
        For each file that has the individual, in order, the box around its entries.
    is_direct : ndarray of bool, shape (n - 1,)
        Whether the next of these files follows at once, with none between that lacks it.
    starts : list of int
        Slots that begin another individual, if there are several.
    """

    slots: list[Entry | Gap]
    appearances: int
    gaps: int
    boxes: Ints
    is_direct: npt.NDArray[np.bool_]
    starts: list[int]


def order_of(order_by: Sequence[str]) -> str:
    """By what files are ordered, where entries are.

    Raises
    ------
    QueryError
        If that is no order of files.
    """
    first, *others = order_by or (PATH,)
    if (first != PATH and not first.startswith(META)) or {*others} - {PATH, "key", "id"}:
        raise QueryError(
            f"gaps and strips go by {PATH} or by {META}NAME, ascending, and not by "
            f"{', '.join(order_by)}"
        )
    return first


def follow(
    catalog: Catalog,
    originals: Originals,
    filters: Filters,
    limit: int,
    with_gaps: bool,
    *,
    of_one: bool = True,
) -> Followed:
    """Follow the individuals of a question through their files, one after the other by address.

    Raises
    ------
    QueryError
        If it finds several individuals, and has to find one, or its order is none of files.
    """
    by = order_of(filters.order_by)
    filters = replace(filters, order_by=())
    with catalog.reading() as connection:
        order = files_in_order(connection, filters, by)
        question = Question(connection, originals, filters)
        parts = question.file_by_file("file_id", "iid_id", "id", "box", "area")
        rows = np.concatenate([np.zeros((0, 5), np.int64), *parts])
        file_id, iid_id, entry_id, box, area = rows.T
        people = _by_name(connection, np.unique(iid_id))
        if len(people) > 1 and of_one:
            raise QueryError("a strip is of one individual; name its domain, or fewer")
        place = order.places_of(file_id)
        ids, shown, starts = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], []
        n_shown = n_gaps = 0
        lacking = np.zeros(0, np.int64)
        by_iid = np.argsort(iid_id, kind="stable")
        begin = np.searchsorted(iid_id[by_iid], people)
        end = np.searchsorted(iid_id[by_iid], people, side="right")
        for first, last in zip(begin.tolist(), end.tolist(), strict=True):
            own = by_iid[first:last]
            lacking = _lacking(order, place[own])
            n_gaps += len(lacking)
            if n_shown >= limit:
                continue
            # A gap comes before what else is in its place, of which there is nothing.
            missing = lacking if with_gaps else lacking[:0]
            every = np.append(entry_id[own], np.full(len(missing), -1))
            where = np.append(place[own], missing)
            chosen = np.lexsort((every, order.rank[where]))[: limit - n_shown]
            starts.append(n_shown)
            ids.append(every[chosen])
            shown.append(where[chosen])
            n_shown += len(chosen)
        slots = _slots(
            connection,
            catalog,
            originals,
            np.concatenate(ids),
            order.file_id[np.concatenate(shown)],
        )
        # Of one file each, as places are; in the order over all roots.
        spans = Spans.of_entries(order.rank[place], place, boxes_in(box), area)
        between = np.searchsorted(np.sort(order.rank[lacking]), spans.group)
        direct = np.diff(between) == 0
        return Followed(slots, len(area), n_gaps, spans.first_box, direct, starts)


def _by_name(connection: Connection, iid_ids: Ints) -> Ints:
    """Ids of individuals, by address, then by domain."""
    named = list(iids_of(connection, iid_ids))
    order = sorted(
        range(len(named)), key=lambda nth: (named[nth].address, named[nth].domain or b"")
    )
    return iid_ids[np.array(order, np.int64)]


def _lacking(order: FileOrder, place: Ints) -> Ints:
    """Places between the first and the last of each root that are none of these."""
    root = order.root[place]
    parts = [np.zeros(0, np.int64)]
    for one in np.unique(root).tolist():
        own = place[root == one]
        parts.append(np.setdiff1d(np.arange(own.min(), own.max()), own))
    return np.concatenate(parts)


def _slots(
    connection: Connection, catalog: Catalog, originals: Originals, ids: Ints, file_ids: Ints
) -> list[Entry | Gap]:
    rows = sql.hits_of().run(connection, {"ids": ids[ids >= 0]}).fetchall()
    chunk = Chunk(catalog, originals, rows, connection)
    entries = {row[0]: Entry(row, chunk) for row in rows}
    gaps = file_ids[ids < 0]
    told = metadata_of(connection, gaps)
    named = zip(gaps.tolist(), places_of(connection, gaps), strict=True)
    files = {file_id: Gap(*names, told[file_id].meta) for file_id, names in named}
    pairs = zip(ids.tolist(), file_ids.tolist(), strict=True)
    return [files[file_id] if entry < 0 else entries[entry] for entry, file_id in pairs]
