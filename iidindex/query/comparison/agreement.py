"""How well two sides agree on the masks of the same pictures: matched, missed, split, merged."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.lookup import group_names, numbers, places_of
from iidindex.errors import QueryError
from iidindex.files.arguments import all_texts, check_number, is_between
from iidindex.masks.matching import quality
from iidindex.query.answers.entry import Chunk, Entry
from iidindex.query.answers.records import LazyRecords, Records
from iidindex.query.comparison.agreement_figures import (
    GroupAgreement,
    PictureAgreement,
    TotalAgreement,
)
from iidindex.query.comparison.picture_matches import COUNTS, Listed, Met, Scores
from iidindex.query.comparison.picture_pairs import (
    check_pair,
    check_paths,
    paired_files,
    same_files,
    unpaired_names,
)
from iidindex.query.overlaps.between import NO_FILE, Pictures, laid_together
from iidindex.query.overlaps.overlap import Overlap
from iidindex.query.pixels.originals import Originals
from iidindex.query.pixels.segments import Ints
from iidindex.query.question import compile as sql
from iidindex.query.question.asked import Filters
from iidindex.rows import AGREEMENT, AGREEMENT_IN_GROUP, ENTRY, OVERLAP

Floats = npt.NDArray[np.float64]

ORDERS = ("path_a", "path_b", *COUNTS, "mean_iou", "pq")
# Records that are told together.
_ROWS = 1000


@dataclass(frozen=True)
class Asked:
    """What is to agree, and the catalogue that is asked."""

    catalog: Catalog
    originals: Originals
    a: Filters
    b: Filters
    paths: tuple[str, str] | None
    pair: str
    iou: float
    order_by: tuple[str, ...]
    limit: int | None

    def pictures(self, connection: Connection) -> Pictures:
        """The pictures, in their order."""
        files = self.a.of_files()
        if self.paths is None:
            return same_files(connection, files)
        found = paired_files(connection, files, self.paths, self.pair)
        both = np.intersect1d(found.a[found.a != NO_FILE], found.b)
        if len(both) and self.a.get("domain") == self.b.get("domain"):
            (_, location), *_ = places_of(connection, both[:1])
            raise QueryError(
                f"{location} is on both sides; name two domains, or paths without a file in common"
            )
        return found

    def unpaired(self) -> tuple[str, str] | None:
        """How a picture of either side is called, if none is on both."""
        if self.paths is None:
            return None
        with self.catalog.reading() as connection:
            return unpaired_names(connection, self.a.of_files(), self.paths, self.pair)

    def laid(self, connection: Connection, pictures: Pictures) -> Iterator[Met]:
        """What meets in the pictures, some of them at a time."""
        for laid in laid_together(connection, self.originals, self.a, self.b, pictures):
            yield Met(laid, pictures, self.iou)

    def rows(self) -> Iterator[PictureAgreement]:
        """Picture by picture."""
        with self.catalog.reading() as connection:
            pictures = self.pictures(connection)
            parts = (met.scores() for met in self.laid(connection, pictures))
            found: Iterator[PictureAgreement]
            if self.order_by:
                every = Scores.joined(list(parts))
                ordered = every.take(self._order(connection, every, pictures))
                found = _told(connection, ordered, pictures)
            else:
                found = (row for part in parts for row in _told(connection, part, pictures))
            yield from islice(found, self.limit)

    def _order(self, connection: Connection, scores: Scores, pictures: Pictures) -> Ints:
        """The rows in the order that is asked for."""
        keys: list[npt.NDArray[Any]] = []
        for criterion in reversed(self.order_by):
            key = _sort_key(connection, criterion.removeprefix("-"), scores, pictures)
            keys.append(-key if criterion.startswith("-") else key)
            # What is unknown comes last, in both directions.
            keys.append(np.isnan(key))
        chosen: Ints = np.lexsort(keys)[: self.limit]
        return chosen

    def total(self) -> TotalAgreement:
        """All pictures together."""
        n, counts, iou_sum = 0, np.zeros(3, np.int64), 0.0
        with self.catalog.reading() as connection:
            for met in self.laid(connection, self.pictures(connection)):
                part = met.scores()
                n += len(part)
                counts += part.counts[:, :3].sum(axis=0)
                iou_sum += float(part.iou_sum.sum())
        n_matched, only_a, only_b = counts.tolist()
        return TotalAgreement(
            n, n_matched, only_a, only_b, *quality(n_matched, only_a, only_b, iou_sum)
        )

    def groups(self, order_by: Sequence[str], limit: int | None) -> Iterator[GroupAgreement]:
        """Group by group."""
        with self.catalog.reading() as connection:
            n_groups = int(numbers(connection, "SELECT coalesce(max(id), 0) FROM groups")[0, 0]) + 1
            counts, iou_sum = np.zeros((4, n_groups), np.int64), np.zeros(n_groups)
            for met in self.laid(connection, self.pictures(connection)):
                met.add_groups(connection, counts, iou_sum)
            seen = np.flatnonzero(counts[0])
            # The ids of groups begin at 1; 0 stands for none.
            names = group_names(connection, seen[seen > 0])
        told = [*([None] if 0 in seen else []), *names]
        rows = zip(told, seen.tolist(), counts[:, seen].T.tolist(), strict=True)
        found = [
            GroupAgreement(
                name, n, both, only_a, only_b, *quality(both, only_a, only_b, float(iou_sum[group]))
            )
            for name, group, (n, both, only_a, only_b) in rows
        ]
        found.sort(key=lambda row: (row.group is not None, row.group or ""))
        for criterion in reversed(order_by):
            name = criterion.removeprefix("-")
            known = [row for row in found if getattr(row, name) is not None]
            known.sort(key=attrgetter(name), reverse=criterion != name)
            # What is unknown comes last, in both directions.
            found = [*known, *(row for row in found if getattr(row, name) is None)]
        yield from found[:limit]

    def entries(self, which: Listed) -> Iterator[Entry]:
        """Entries of pictures that something is to be said of."""
        with self.catalog.reading() as connection:
            for met in self.laid(connection, self.pictures(connection)):
                ids = met.ids(which)
                # In the order of pictures, not of ids.
                rows = {row[0]: row for row in sql.hits_of().run(connection, {"ids": ids})}
                chunk = Chunk(self.catalog, self.originals, list(rows.values()), connection)
                yield from (Entry(rows[one], chunk) for one in ids.tolist())

    def matches(self) -> Iterator[Overlap]:
        """Pairs that were matched."""
        with self.catalog.reading() as connection:
            for met in self.laid(connection, self.pictures(connection)):
                a, b, pixels = met.matches()
                ids = np.unique(np.concatenate([a, b]))
                rows = sql.hits_of().run(connection, {"ids": ids}).fetchall()
                chunk = Chunk(self.catalog, self.originals, rows, connection)
                entries = {row[0]: Entry(row, chunk) for row in rows}
                for one, other, shared in zip(a.tolist(), b.tolist(), pixels.tolist(), strict=True):
                    yield Overlap(entries[one], entries[other], shared)


class Agreement(LazyRecords[PictureAgreement]):
    """How two sides agree, with a row for each picture.

    The question runs each time the rows are read.
    """

    def __init__(self, asked: Asked) -> None:
        super().__init__(AGREEMENT, asked.rows)
        self._asked = asked

    def total(self) -> TotalAgreement:
        """The figures over all pictures, whatever the order and the limit are."""
        return self._asked.total()

    def unpaired(self) -> tuple[str, str] | None:
        """The name of a picture of each side, if both have files and no two are paired.

        Returns
        -------
        tuple of str, optional
            The names by which `pair` would pair the first file of A and the first of B. None
            without `paths`, if a picture is on both sides, and if a side has no file.
        """
        return self._asked.unpaired()

    def by_group(
        self, *, order_by: str | Sequence[str] = (), limit: int | None = None
    ) -> Records[GroupAgreement]:
        """A row for each group.

        Entries of a group are matched only with entries of the same group. An entry in several
        groups counts in each of them, and may have a different match in each.

        Parameters
        ----------
        order_by : str or sequence of str
            Names of columns, with ``-`` for descending. Unknown values come last. Groups that tie
            are sorted by name, after the entries in no group. So are all groups by default.
        limit : int, optional
            The largest number of groups.

        Raises
        ------
        QueryError
            If an argument is not valid.
        """
        asked = partial(
            self._asked.groups,
            read_order(order_by, GroupAgreement._fields),
            check_number(limit, "limit"),
        )
        return LazyRecords(AGREEMENT_IN_GROUP, asked)

    def only_a(self) -> Records[Entry]:
        """Entries of A without a match, picture by picture: those that B missed."""
        return self._entries("only_a")

    def only_b(self) -> Records[Entry]:
        """Entries of B without a match, picture by picture: those that A does not have."""
        return self._entries("only_b")

    def split(self) -> Records[Entry]:
        """Entries of A that contain at least half of each of two or more entries of B."""
        return self._entries("split")

    def merged(self) -> Records[Entry]:
        """Entries of B that contain at least half of each of two or more entries of A."""
        return self._entries("merged")

    def matched(self) -> Records[Overlap]:
        """The matches, picture by picture: ``a b pixels iou a_in_b b_in_a``."""
        return LazyRecords(OVERLAP, self._asked.matches)

    def _entries(self, which: Listed) -> Records[Entry]:
        return LazyRecords(ENTRY, partial(self._asked.entries, which))


def agreement(
    catalog: Catalog,
    originals: Originals,
    filters: Filters,
    a: bytes | str | None = None,
    b: bytes | str | None = None,
    *,
    paths: Any = None,
    pair: str = "path",
    iou: float = 0.5,
    order_by: str | Sequence[str] = (),
    limit: int | None = None,
) -> Agreement:
    """Ask how two sides agree; see `Entries.agreement`."""
    if filters.order_by or filters.near is not None or filters.limit is not None:
        raise QueryError(
            "agreement is of pictures; leave order_by, limit and nearest out of the "
            "question, and give the agreement an order and a limit"
        )
    if filters.after is not None:
        raise QueryError("agreement is of whole pictures; leave after out")
    if (a is None) != (b is None):
        raise QueryError("name two domains, or none")
    if a is None and paths is None:
        raise QueryError("name what is to agree: two domains, or paths of two sides")
    if paths is not None and filters.get("path") is not None:
        raise QueryError("name files by paths or by path, not both")
    if not is_between(iou, 0, 1) or isinstance(iou, bool):
        raise QueryError(f"iou is {iou!r:.200}; expected a number from 0 to 1")
    sides = [filters, filters]
    if a is not None and b is not None:
        named = [domain_of(one) for one in (a, b)]
        if named[0] == named[1] and paths is None:
            raise QueryError("both domains are the same; name two, or files of two sides")
        sides = [filters.where(domain=one) for one in named]
    return Agreement(
        Asked(
            catalog=catalog,
            originals=originals,
            a=sides[0],
            b=sides[1],
            paths=None if paths is None else check_paths(paths),
            pair=check_pair(pair),
            iou=float(iou),
            order_by=read_order(order_by, ORDERS),
            limit=check_number(limit, "limit"),
        )
    )


def read_order(order_by: str | Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Names of columns, each perhaps after a minus.

    Raises
    ------
    QueryError
        If one is something else.
    """
    names = all_texts(order_by, "order_by", QueryError)
    for name in names:
        if str(name).removeprefix("-") not in known:
            raise QueryError(
                f"order_by is {name!r:.200}; expected one of {', '.join(known)}, with a - before "
                "it to begin with the largest"
            )
    return tuple(names)


def domain_of(given: object) -> bytes:
    """A domain as bytes, which may be named by text.

    Raises
    ------
    QueryError
        If it is neither, or the text is not valid Unicode.
    """
    if isinstance(given, bytes):
        return given
    if not isinstance(given, str):
        told = f"{type(given).__name__}: {given!r:.200}"
        raise QueryError(f"domain must be bytes or str, not {told}")
    try:
        return given.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise QueryError(f"domain is {given!a}, which is not valid Unicode") from None


def _sort_key(connection: Connection, name: str, scores: Scores, pictures: Pictures) -> Floats:
    """What pictures are ordered by; NaN, where it is unknown."""
    if name in COUNTS:
        return scores.counts[:, COUNTS.index(name)].astype(np.float64)
    if name == "mean_iou":
        return scores.mean_iou
    if name == "pq":
        return scores.panoptic
    by_path = numbers(connection, "SELECT id FROM files ORDER BY path, root_id")[:, 0]
    file_id = (pictures.a if name == "path_a" else pictures.b)[scores.picture]
    rank: Floats = np.full(int(max(by_path.max(initial=0), file_id.max(initial=0))) + 1, np.nan)
    rank[by_path] = np.arange(len(by_path))
    found: Floats = rank[file_id]
    return found


def _told(connection: Connection, scores: Scores, pictures: Pictures) -> Iterator[PictureAgreement]:
    """Rows of some pictures."""
    for low in range(0, len(scores), _ROWS):
        part = scores.take(np.arange(low, min(low + _ROWS, len(scores))))
        a, b = (ids[part.picture].tolist() for ids in pictures)
        known = np.unique([*a, *b])
        known = known[known != NO_FILE]
        place: dict[int, tuple[str | None, str | None]] = {NO_FILE: (None, None)}
        place |= zip(known.tolist(), places_of(connection, known), strict=True)
        figures = zip(
            part.counts.tolist(), part.mean_iou.tolist(), part.panoptic.tolist(), strict=True
        )
        for one, other, (counts, mean_iou, pq) in zip(a, b, figures, strict=True):
            (path_a, location_a), (path_b, location_b) = place[one], place[other]
            figures_of = (_known(mean_iou), _known(pq))
            yield PictureAgreement._make(
                (path_a, path_b, *counts, *figures_of, location_a, location_b)
            )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
