"""What a question asks for, checked once at the door."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from typing import Any, NamedTuple, Self, Unpack

from iidindex.codec.layout import MAX_COORDINATE
from iidindex.errors import QueryError
from iidindex.files.arguments import is_one_of, is_positive
from iidindex.metadata_names import META
from iidindex.model import BBox, BBoxLike
from iidindex.processes import MOST_JOBS
from iidindex.query.pixels.originals import OnStale
from iidindex.query.question.filter_kinds import MAX_INTEGER
from iidindex.query.question.filters import FILTERS, Where
from iidindex.query.question.metadata_order import names_in_order
from iidindex.query.question.place_in_order import PlaceInOrder

# Squares of distances from here fit the integers they are counted in.
_FARTHEST = 2**30
# Boxes of one question; SQLite takes somewhat more.
_MOST_REGIONS = 100

ORDERS = ("id", "path", "key", "area", "address", "domain")


# Every pixel that a mask can have.
PLANE = BBox(0, 0, MAX_COORDINATE + 1, MAX_COORDINATE + 1)


class Near(NamedTuple):
    """The `k` masks nearest to the pixel in this row and column."""

    row: int
    col: int
    k: int


@dataclass(frozen=True, slots=True, repr=False)
class Filters:
    """One question about entries; None asks for anything.

    Attributes
    ----------
    given : mapping of str to object
        The values of filters, by name, as their kinds have read them.
    after : int, optional
        Entries with a greater id.
    near : Near, optional
    regions : tuple of BBox
        A mask pixel, or the box if not `exact`, in every one of these boxes.
    exact : bool
        Look at the pixels, not only at the boxes.
    order_by : tuple of str
        Names of ``ORDERS``, and in metadata, after a ``-`` to begin with the largest.
    limit : int, optional
    on_stale : {"error", "skip", "warn"}
        What to do about originals that are not what they were.
    jobs : int
        Processes that look at pixels.
    place : PlaceInOrder, optional
        Where `after` stands in an order, if that is known.
    stored : bool, optional
        In files whose overlaps the catalogue keeps, or in the others.
    files : tuple of int, optional
        In files with these ids.
    """

    given: Mapping[str, Any] = field(default_factory=dict, repr=False)
    after: int | None = None
    near: Near | None = None
    regions: tuple[BBox, ...] = ()
    exact: bool = True
    order_by: tuple[str, ...] = ()
    limit: int | None = None
    on_stale: OnStale = "error"
    jobs: int = 1
    stored: bool | None = None
    files: tuple[int, ...] | None = None
    place: PlaceInOrder | None = None

    def where(self, **wanted: Unpack[Where]) -> Self:
        """Narrow the question down; what is None stays as it was."""
        given = dict(self.given)
        for name, value in wanted.items():
            if name not in FILTERS:
                raise TypeError(_unexpected(name))
            if value is not None:
                kind = FILTERS[name]
                given[name] = (
                    kind.meet(name, given[name], value) if name in given else kind.read(name, value)
                )
        return replace(self, given=given)

    def get(self, name: str) -> Any:
        """What is asked for by a filter; None, if nothing is."""
        return self.given.get(name)

    def within(self, bbox: BBoxLike, exact: bool, name: str = "bbox") -> Self:
        """Ask for a pixel inside a box, too."""
        if self.regions and exact is not self.exact:
            raise QueryError("exact must be the same for all boxes of one question")
        # Nothing lies outside the coordinates that the format can hold.
        box = BBox.of(bbox, name) & PLANE
        if len(self.regions) == _MOST_REGIONS:
            raise QueryError(f"more than {_MOST_REGIONS} boxes in one question")
        return replace(self, regions=(*self.regions, box), exact=exact)

    def nearest(self, x: int, y: int, k: int) -> Self:
        """Ask for the masks nearest to a pixel."""
        numbers = []
        for name, value in (("x", x), ("y", y), ("k", k)):
            try:
                numbers.append(operator.index(value))
            except TypeError:
                raise QueryError(f"{name} must be an integer, not {value!r}") from None
        if k < 1:
            raise QueryError(f"k is {k}; expected at least 1")
        if max(abs(number) for number in numbers[:2]) > _FARTHEST:
            raise QueryError(f"({x}, {y}) is too far away; expected at most {_FARTHEST} pixels")
        if self.near is not None:
            raise QueryError("nearest was asked for before")
        return replace(self, near=Near(numbers[1], numbers[0], numbers[2]))

    def following(self, entry_id: int) -> Self:
        """Ask for entries that come later in the order of ids."""
        if not 0 <= entry_id <= MAX_INTEGER:
            raise QueryError(f"after is {entry_id}; expected the id of an entry")
        return replace(self, after=max(entry_id, self.after or 0), place=None)

    def beyond(self, place: PlaceInOrder) -> Self:
        """Ask for entries that come later in the order."""
        if len(place.values) != len(self.order_by):
            raise QueryError("after is a position in another order")
        return replace(self, after=place.entry_id, place=place)

    def in_files(self, file_ids: Iterable[int]) -> Self:
        """Ask for entries of some files, by their ids in the catalogue."""
        chosen = tuple(file_ids)
        if self.files is not None:
            chosen = tuple(sorted(set(self.files).intersection(chosen)))
        return replace(self, files=chosen)

    def of_files(self) -> Self:
        """What is asked of files alone."""
        given = {
            name: value for name, value in self.given.items() if FILTERS[name].asks_of == "files"
        }
        return type(self)(given=given, files=self.files)

    def reading(self, on_stale: OnStale | None, jobs: int | None) -> Self:
        """Say how originals are read; None leaves it as it is."""
        if not is_one_of(on_stale, "error", "skip", "warn"):
            raise QueryError(f"on_stale is {on_stale!r}; expected error, skip or warn")
        if jobs is not None and not is_positive(jobs):
            raise QueryError(f"jobs is {jobs!r}; expected at least 1")
        return replace(
            self, on_stale=on_stale or self.on_stale, jobs=min(jobs or self.jobs, MOST_JOBS)
        )

    def __repr__(self) -> str:
        told = {name: value for name, value in self.given.items() if name != "address"}
        changed = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "given"}
        plain = type(self)()
        told |= {name: value for name, value in changed.items() if value != getattr(plain, name)}
        return f"Filters({', '.join(f'{name}={value!r}' for name, value in told.items())})"

    def check(self) -> None:
        """Refuse parts of a question that have no meaning together."""
        if self.order_by and self.after is not None and self.place is None:
            raise QueryError("after works only in the order of ids; leave order_by out")
        if self.near is not None and (self.order_by or self.after is not None):
            raise QueryError("nearest has an order of its own; leave order_by and after out")

    def ordered(self, names: tuple[str, ...]) -> Self:
        """Ask for an order."""
        name: Any
        for name in names:
            known = str(name).removeprefix("-") in ORDERS
            if not known and (not isinstance(name, str) or names_in_order(name) is None):
                raise QueryError(
                    f"order_by is {name!r}; expected one of {', '.join(ORDERS)} or {META}NAME, "
                    "with a - before it to begin with the largest"
                )
        return replace(self, order_by=names, place=None)

    def limited(self, limit: int) -> Self:
        """Ask for at most this many."""
        try:
            limit = operator.index(limit)
        except TypeError:
            raise QueryError(f"limit must be an integer, not {limit!r}") from None
        if not 0 <= limit <= MAX_INTEGER:
            raise QueryError(f"limit is {limit}; expected 0 … {MAX_INTEGER}")
        return replace(self, limit=limit if self.limit is None else min(limit, self.limit))


def _unexpected(name: str) -> str:
    near = get_close_matches(name, FILTERS, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"expected {', '.join(FILTERS)}"
    return f"Entries.where() got an unexpected keyword argument {name!r}; {hint}"
