"""The lists: which rows each has, and from where on a page goes.

Each function takes what is served, the values of the parameters, the place where the page before
ended (None for the first) and how many records are wanted at the most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, NamedTuple

from iidindex.query.entries import Entries
from iidindex.query.question.place_in_order import PlaceInOrder
from iidindex.rows import ENTRY, FILE, GROUP, IID_COUNT, NEAREST, Kind
from iidindex.serve.served import Served

Values = dict[str, Any]


class Found(NamedTuple):
    """Records of a kind, and what is known of the place of each in their order."""

    kind: Kind
    records: Sequence[Any]
    place_of: Callable[[Any], Any]


def entries(served: Served, values: Values, place: Any, most: int) -> Found:
    """Entries, by filters."""
    return _of_question(served.narrowed(values), values, place, most)


def at(served: Served, values: Values, place: Any, most: int) -> Found:
    """Entries whose masks hold a pixel."""
    question = served.narrowed(values)
    question = question.at(values["x"], values["y"], exact=values["exact"])
    return _of_question(question, values, place, most)


def region(served: Served, values: Values, place: Any, most: int) -> Found:
    """Entries whose masks have a pixel in a box."""
    question = served.narrowed(values).region(values["box"], exact=values["exact"])
    return _of_question(question, values, place, most)


def _of_question(question: Entries, values: Values, place: Any, most: int) -> Found:
    order = values["order_by"]
    if not order:
        asked = question if place is None else question.after(place)
        return Found(ENTRY, [*asked.limit(most)], lambda entry: entry.id)
    question = question.order_by(*order)
    asked = question if place is None else question.after(_place_in_order(*place))
    return Found(ENTRY, [*asked.limit(most)], question.place_of)


def _place_in_order(values: list[list[Any]], entry_id: int) -> PlaceInOrder:
    return PlaceInOrder(tuple((kind, value) for kind, value in values), entry_id)


def nearest(served: Served, values: Values, place: Any, most: int) -> Found:
    """The entries whose masks are nearest to a pixel."""
    question = served.narrowed(values).nearest(values["x"], values["y"], values["k"])
    return _rest(NEAREST, question, lambda entry: [entry.distance, entry.id], place, most)


def files(served: Served, values: Values, place: Any, most: int) -> Found:
    """Files, by root and path."""
    found = served.index.files(state=values["state"])
    return _from(FILE, found, lambda file: [file.location], place, most)


def groups(served: Served, _: Values, place: Any, most: int) -> Found:
    """Groups, by name."""
    return _rest(GROUP, served.index.groups(), lambda group: [group.name], place, most)


def iids(served: Served, values: Values, place: Any, most: int) -> Found:
    """Individuals, by address and domain."""
    found = served.index.iids(prefix=values["prefix"], domain=values["domain"])
    key = lambda one: [one.iid.address, one.iid.domain or b""]  # noqa: E731
    return _rest(IID_COUNT, found, key, place, most)


def _rest(
    kind: Kind, records: Iterable[Any], key: Callable[[Any], Any], place: Any, most: int
) -> Found:
    """Those whose keys, by which all are in order, come after a place."""
    rest = (one for one in records if place is None or key(one) > place)
    return Found(kind, [*islice(rest, most)], key)


def _from(
    kind: Kind, records: Iterable[Any], key: Callable[[Any], Any], place: Any, most: int
) -> Found:
    """Those that come after the one of a key."""
    every = iter(records)
    if place is not None:
        for one in every:
            if key(one) == place:
                break
    return Found(kind, [*islice(every, most)], key)
