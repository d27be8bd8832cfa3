"""What the SQL of a question depends on, and the values that go into it.

Questions of one shape differ by nothing but values, and so have the same statements. These are
built for a shape, which holds no value, and are kept; so a value cannot get into one.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

from iidindex.model import BBox
from iidindex.query.question.asked import Filters
from iidindex.query.question.filters import FILTERS
from iidindex.query.question.metadata_order import MetaOrder, shape_of_order, values_of_order


class Shape(NamedTuple):
    """What is asked for, without the values.

    Attributes
    ----------
    filters : tuple of (str, object)
        Names of filters, and what their SQL depends on.
    iids_are_known : bool
        Whether the ids of the IIDs have been looked up before.
    has_after, has_limit : bool
        Whether SQL is to leave out what comes before in the order of ids, and what is too much.
    n_regions : int
    is_nowhere : bool
        Whether one of the regions has no pixel.
    order_by : tuple of str or MetaOrder
    stored : bool, optional
        Whether the overlaps of the files are to be in the catalogue, or not to be there.
    has_files : bool
        Whether the files are named by their ids.
    place : tuple of str, optional
        In another order, what is left out comes before a place of this kind; see `PlaceInOrder`.
    """

    filters: tuple[tuple[str, Hashable], ...] = ()
    iids_are_known: bool = False
    has_after: bool = False
    has_limit: bool = False
    n_regions: int = 0
    is_nowhere: bool = False
    order_by: tuple[str | MetaOrder, ...] = ()
    stored: bool | None = None
    has_files: bool = False
    place: tuple[str, ...] | None = None

    def of(self, table: str) -> list[tuple[str, Hashable]]:
        """The filters that ask of a table: ``files``, ``iids``, ``groups`` or ``entries``."""
        return [one for one in self.filters if FILTERS[one[0]].asks_of == table]

    def of_known_files(self) -> Shape:
        """The same of files that are named by their ids, of which nothing else is asked."""
        others = tuple(one for one in self.filters if FILTERS[one[0]].asks_of != "files")
        return self._replace(filters=others, has_files=True, stored=None)

    @property
    def asks_of_iids(self) -> bool:
        """Whether anything is asked of IIDs."""
        return bool(self.of("iids")) or self.iids_are_known

    @property
    def is_led_by_iids(self) -> bool:
        """Whether what is asked of IIDs leads to some of them: more than to leave some out."""
        asked = (FILTERS[name].is_excluding for name, _ in self.of("iids"))
        return self.iids_are_known or not all(asked)

    @property
    def is_of_whole_files(self) -> bool:
        """Whether nothing is asked of the entries themselves, so that files can be counted."""
        others = (
            *(self.iids_are_known, self.has_after, self.has_limit, self.n_regions),
            self.place is not None,
        )
        return not any(others) and len(self.of("files")) == len(self.filters)


def shape_of(filters: Filters, iid_ids: Sequence[int] | None = None) -> Shape:
    """The shape of a question.

    Parameters
    ----------
    filters : Filters
    iid_ids : sequence of int, optional
        The ids of the IIDs that fit, if they have been looked up.
    """
    shapes = (
        (name, kind.shape(filters.given[name]))
        for name, kind in FILTERS.items()
        if name in filters.given and (iid_ids is None or kind.asks_of != "iids")
    )
    return Shape(
        filters=tuple(one for one in shapes if one[1] is not None),
        iids_are_known=iid_ids is not None,
        has_after=filters.after is not None and not filters.order_by,
        has_limit=filters.limit is not None and not needs_pixels(filters),
        n_regions=len(filters.regions),
        is_nowhere=not all(box.n_pixels for box in filters.regions),
        order_by=tuple(map(shape_of_order, filters.order_by)),
        stored=filters.stored,
        has_files=filters.files is not None,
        place=None if filters.place is None else filters.place.shape,
    )


def needs_pixels(filters: Filters) -> bool:
    """Whether boxes alone cannot answer."""
    return bool(filters.regions) and filters.exact


def values_of(filters: Filters, iid_ids: Sequence[int] | None = None) -> dict[str, Any]:
    """The values of a question, under the names that its statements have for them."""
    values: dict[str, Any] = {"after": filters.after, "limit": filters.limit}
    if filters.place is not None:
        values |= filters.place.parameters()
    if iid_ids is not None:
        values["iid_ids"] = list(iid_ids)
    if filters.files is not None:
        values["file_ids"] = list(filters.files)
    for name, value in filters.given.items():
        if iid_ids is None or FILTERS[name].asks_of != "iids":
            values |= FILTERS[name].values(name, value)
    for place, name in enumerate(filters.order_by):
        values |= values_of_order(place, name)
    for place, box in enumerate(filters.regions):
        values |= of_box(f"region{place}", box)
    if filters.regions:
        values |= of_box("smallest", min(filters.regions, key=lambda box: box.n_pixels))
    return values


def of_box(name: str, box: BBox) -> dict[str, int]:
    """The sides of a box, as the values of a statement."""
    return {f"{name}_{side}": value for side, value in zip(box._fields, box, strict=True)}
