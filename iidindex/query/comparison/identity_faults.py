"""Entries that seem to be named wrongly, as far as an index can tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.lookup import Ids, asked, iids_of, numbers, places_of
from iidindex.errors import QueryError
from iidindex.files.arguments import is_between
from iidindex.model import IID
from iidindex.query.answers.located import Located, located
from iidindex.query.comparison.file_order import PicturesInOrder, names_of, pictures_in_order
from iidindex.query.comparison.switched import switches
from iidindex.query.pixels.originals import Originals
from iidindex.query.question.asked import Filters
from iidindex.query.question.asking import Question

# In the order in which they are told.
FAULTS = ("twice", "domains", "switched", "once")

# Faults that are told together.
_ROWS = 1000
# A key has so many bits.
_KEY_BITS = 32
_NEVER = np.iinfo(np.int64).max

# The index over addresses leads to those that are in several domains, and has them in order.
_IN_SEVERAL = (
    "SELECT i.id, i.domain, i.address FROM iids i WHERE EXISTS (SELECT 1 FROM iids o "
    "WHERE o.address = i.address AND o.domain <> i.domain) ORDER BY i.address, i.domain"
)


class _Fault(NamedTuple):
    fault: str
    path: str
    key: int
    iid: IID
    other: bytes | None


class IdentityFault(_Fault, Located):
    """A fault of identity: its kind, file, entry and individual, and what it conflicts with.

    A tuple of ``fault path key iid other``. What ``other`` is depends on the fault:

    - ``twice``: the individual has an entry of a lower key in this file, and this is that key;
    - ``domains``: the address is in this domain, too;
    - ``switched``: the address of the individual with which this one has exchanged its place; the
      attribute ``before`` is the path of the picture before, and ``iou`` the smaller one of the
      two overlaps;
    - ``once``: None.

    The attribute ``location`` is where the file can be opened.
    """

    before: str | None = None
    iou: float | None = None

    @property
    def address(self) -> bytes:
        """Of the individual."""
        return self.iid.address

    @property
    def domain(self) -> bytes | None:
        """The domain of the individual; None if it has none."""
        return self.iid.domain


def identity_faults(
    catalog: Catalog,
    originals: Originals,
    filters: Filters,
    faults: Iterable[str] | None = None,
    by: str = "path",
    iou: float = 0.0,
) -> Callable[[], Iterator[IdentityFault]]:
    """Ask for faults of identity among the entries that fit.

    Parameters
    ----------
    catalog : Catalog
    originals : Originals
    filters : Filters
    faults : iterable of str, optional
        Some of ``FAULTS``; all without it.
    by : str
        The order of pictures: ``path``, or ``meta.`` and a name.
    iou : float
        For `switched`: the smallest IoU that both overlaps must have.

    Returns
    -------
    callable
        Asks, and gives them one after the other: sorted by fault, then by file and key. `domains`
        is sorted by address and domain.

    Raises
    ------
    QueryError
        If an argument is not valid, or the question has an order or a limit of its own.

    Notes
    -----
    It takes a row for every entry that fits. In memory are two numbers for every individual of the
    archive and three for every file, and what `switches` needs. Masks are read for ``switched``
    alone.
    """
    chosen = _chosen(faults)
    names_of(by)
    if not is_between(iou, 0, 1) or isinstance(iou, bool):
        raise QueryError(f"iou is {iou!r:.200}; expected a number from 0 to 1")
    if filters.order_by or filters.limit is not None or filters.after is not None:
        raise QueryError("faults have an order of their own; leave order_by, limit and after out")
    if filters.near is not None or filters.regions:
        raise QueryError("faults are those of whole pictures; leave at, region and nearest out")
    return partial(_found, catalog, originals, filters, chosen, by, float(iou))


def _chosen(faults: Iterable[str] | None) -> Sequence[str]:
    if faults is None:
        return FAULTS
    named: list[object]
    try:
        named = [faults] if isinstance(faults, str) else list(faults)
    except TypeError:
        named = [faults]
    if not named or not all(isinstance(one, str) and one in FAULTS for one in named):
        raise QueryError(f"faults is {faults!r:.200}; expected some of {', '.join(FAULTS)}")
    return [one for one in FAULTS if one in named]


def _found(
    catalog: Catalog,
    originals: Originals,
    filters: Filters,
    chosen: Sequence[str],
    by: str,
    iou: float,
) -> Iterator[IdentityFault]:
    with catalog.reading() as connection:
        seen = None
        if {"twice", "domains", "once"}.intersection(chosen):
            seen = _Seen(connection, filters, by)
            twice = seen.look()
            if "twice" in chosen:
                yield from _twice(connection, twice)
            else:
                for _ in twice:
                    pass
        if seen is not None and "domains" in chosen:
            yield from _domains(connection, seen)
        if "switched" in chosen:
            pictures = pictures_in_order(connection, filters, by) if seen is None else seen.pictures
            for found in switches(connection, originals, filters, pictures, iou):
                yield from _switched(connection, *found)
        if seen is not None and "once" in chosen:
            yield from _once(connection, seen)


class _Seen:
    """How often each individual has been seen, and where first.

    ``number`` is how many entries it has, by its id. ``first`` is the place of its first picture
    in their order, and behind that, in 32 bits, the lowest key that it has there.
    """

    def __init__(self, connection: Connection, filters: Filters, by: str) -> None:
        self.pictures: PicturesInOrder = pictures_in_order(connection, filters, by)
        self._question = Question(connection, Originals(), filters)
        n = int(numbers(connection, "SELECT coalesce(max(id), 0) FROM iids")[0, 0]) + 1
        self.number = np.zeros(n, np.int64)
        self.first = np.full(n, _NEVER)
        self._by_id = np.argsort(self.pictures.file_id)

    def look(self) -> Iterator[Ids]:
        """Look at all entries; yield rows of those that are one more of theirs in their file.

        Each has the file, the key, the individual, and the key of its first entry in the file.
        """
        for rows_of_files in self._question.file_by_file("file_id", "key", "iid_id"):
            file_id, key, iid = rows_of_files.T
            # In their files, entries come in the order of their keys.
            order = np.lexsort((iid, file_id))
            opens = np.ones(len(order), np.bool_)
            opens[1:] = (iid[order[1:]] != iid[order[:-1]]) | (
                file_id[order[1:]] != file_id[order[:-1]]
            )
            begins = np.flatnonzero(opens)
            again = np.flatnonzero(~opens)
            self._note(file_id[order[begins]], key[order[begins]], iid[order[begins]])
            who, times = np.unique(iid[order[again]], return_counts=True)
            self.number[who] += times
            if len(again):
                earliest = begins[np.cumsum(opens)[again] - 1]
                rows = order[again]
                found = np.column_stack([file_id[rows], key[rows], iid[rows], key[order[earliest]]])
                yield found[np.argsort(rows)]

    def _note(self, file_id: Ids, key: Ids, iid: Ids) -> None:
        """Note individuals of files, each once for each file."""
        at = np.searchsorted(self.pictures.file_id, file_id, sorter=self._by_id)
        place = (self._by_id[at] << _KEY_BITS) | key
        order = np.lexsort((place, iid))
        who, begins, times = np.unique(iid[order], return_index=True, return_counts=True)
        self.number[who] += times
        self.first[who] = np.minimum(self.first[who], place[order[begins]])

    def where(self, iids: Ids) -> tuple[Ids, Ids]:
        """The files in which individuals are first, and their lowest keys there."""
        first = self.first[iids]
        return self.pictures.file_id[first >> _KEY_BITS], first & ((1 << _KEY_BITS) - 1)


def _twice(connection: Connection, parts: Iterator[Ids]) -> Iterator[IdentityFault]:
    for part in parts:
        for rows in np.split(part, range(_ROWS, len(part), _ROWS)):
            file_id, key, iid, first = rows.T
            others = [b"%d" % one for one in first.tolist()]
            yield from _faults(connection, "twice", file_id, key, iid, others)


def _once(connection: Connection, seen: _Seen) -> Iterator[IdentityFault]:
    alone = np.flatnonzero(seen.number == 1)
    alone = alone[np.argsort(seen.first[alone])]
    for iids in np.split(alone, range(_ROWS, len(alone), _ROWS)):
        yield from _faults(connection, "once", *seen.where(iids), iids, [None] * len(iids))


def _domains(connection: Connection, seen: _Seen) -> Iterator[IdentityFault]:
    there = (row for row in asked(connection, _IN_SEVERAL) if seen.number[row[0]])
    waiting: list[tuple[int, bytes]] = []
    for _, same in groupby(there, key=lambda row: row[2]):
        (_, domain, _), *others = same
        waiting += [(iid, domain) for iid, _, _ in others]
        if len(waiting) >= _ROWS:
            yield from _in_domains(connection, seen, waiting)
            waiting = []
    yield from _in_domains(connection, seen, waiting)


def _in_domains(
    connection: Connection, seen: _Seen, found: list[tuple[int, bytes]]
) -> Iterator[IdentityFault]:
    iids = np.array([iid for iid, _ in found], np.int64)
    others = [domain for _, domain in found]
    return _faults(connection, "domains", *seen.where(iids), iids, others)


def _switched(
    connection: Connection, before: Ids, file_id: Ids, key: Ids, iid: Ids, other: Ids, iou: Any
) -> Iterator[IdentityFault]:
    others = [one.address for one in iids_of(connection, other)]
    earlier = [path for path, _ in places_of(connection, before)]
    faults = _faults(connection, "switched", file_id, key, iid, others)
    for fault, path, overlap in zip(faults, earlier, iou.tolist(), strict=True):
        fault.before, fault.iou = path, overlap
        yield fault


def _faults(
    connection: Connection,
    name: str,
    file_id: Ids,
    key: Ids,
    iid: Ids,
    others: Sequence[bytes | None],
) -> Iterator[IdentityFault]:
    rows = zip(
        places_of(connection, file_id),
        key.tolist(),
        iids_of(connection, iid),
        others,
        strict=True,
    )
    for (path, location), number, who, other in rows:
        yield located(IdentityFault(name, path, number, who, other), location)
