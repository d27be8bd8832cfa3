"""The lists: which rows each has, and from where on a page goes.

Each function takes what is served, the values of the parameters, the place where the page before
ended (None for the first) and how many records are wanted at the most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from itertools import islice
from typing import Any, NamedTuple

from iidindex.errors import SeveralDomainsError
from iidindex.exchange.answers_out import Entries
from iidindex.model import IID
from iidindex.query.answers.indexed_file import IndexedFile
from iidindex.query.holdings.changes import Change
from iidindex.query.holdings.inventory import IIDCount
from iidindex.query.question.place_in_order import PlaceInOrder
from iidindex.rows import (
    CHANGE,
    COOCCURRENCE,
    ENTRY,
    GROUP,
    IID_COUNT,
    NEAREST,
    OVERLAP,
    STEP,
    Kind,
)
from iidindex.serve.refusals import Refused, told_apart
from iidindex.serve.served import Served
from iidindex.typed_iids import show_individual

Values = dict[str, Any]


class Found(NamedTuple):
    """Records of a kind, and what is known of the place of each in their order.

    While entries come, what else is told of them is of the same view of the index.
    """

    kind: Kind
    records: Iterable[Any]
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
        return Found(ENTRY, asked.limit(most), lambda entry: entry.id)
    question = question.order_by(*order)
    asked = question if place is None else question.after_place(_place_in_order(*place))
    return Found(ENTRY, asked.limit(most), question.place_of)


def _place_in_order(values: list[list[Any]], entry_id: int) -> PlaceInOrder:
    return PlaceInOrder(tuple((kind, value) for kind, value in values), entry_id)


def nearest(served: Served, values: Values, place: Any, most: int) -> Found:
    """The entries whose masks are nearest to a pixel."""
    question = served.narrowed(values).nearest(values["x"], values["y"], values["k"])
    return _rest(NEAREST, question, lambda entry: [entry.distance, entry.id], place, most)


def files(served: Served, values: Values, place: Any, most: int) -> Found:
    """Files, by root and path or in another order."""
    after = None
    if place is not None:
        path, location, state, n_entries, size = place
        after = IndexedFile(path, location, state, None, n_entries, size)
    question = served.narrowed(values)
    found = question.files(
        state=values["state"], order_by=values["order_by"], limit=most, after=after
    )
    return Found(
        found.kind,
        [*found],
        lambda file: [file.path, file.location, file.state, file.entries, file.size],
    )


def changes(served: Served, values: Values, place: Any, most: int) -> Found:
    """What ingests changed, the oldest first."""
    after = None
    if place is not None:
        after = Change("", "", "", None)
        after.id = place
    found = served.index.changes(since=values["since"], limit=most, after=after)
    return Found(CHANGE, [*found], lambda change: change.id)


def groups(served: Served, _: Values, place: Any, most: int) -> Found:
    """Groups, by name."""
    return _rest(GROUP, served.index.groups(), lambda group: [group.name], place, most)


def iids(served: Served, values: Values, place: Any, most: int) -> Found:
    """Individuals, by address and domain, or in another order."""
    after = None if place is None else IIDCount(IID(place[0], place[1]), *place[2:])
    found = served.index.iids(
        prefix=values["prefix"],
        domain=values["domain"],
        root=values["root"],
        path=values["path"],
        min_files=values["min_files"],
        order_by=values["order_by"],
        limit=most,
        after=after,
    )
    return Found(
        IID_COUNT,
        [*found],
        lambda one: [one.iid.domain or b"", one.iid.address, one.files, one.entries],
    )


def tracks(served: Served, values: Values, place: Any, most: int) -> Found:
    """Individuals, followed from the first of their files to the last."""
    found = served.narrowed(values).tracks(
        values["by"],
        min_files=values["min_files"],
        order_by=values["order_by"],
        exact=values["exact"],
    )
    return _behind(
        found.kind, found, lambda one: [one.iid.domain or b"", one.iid.address], place, most
    )


def links(served: Served, values: Values, place: Any, most: int) -> Found:
    """Files in which an individual appears, by path."""
    address, domain = _individual(values["address"], values["domain"], "domain")
    found = served.index.links(address, domain=domain)
    return _behind(
        found.kind,
        found,
        lambda link: [link.path, link.location, link.domain or b""],
        place,
        most,
    )


def related(served: Served, values: Values, place: Any, most: int) -> Found:
    """Files that share individuals with one, the closest first."""
    found = served.index.related(served.file(values).location, k=values["k"])
    return _rest(
        found.kind,
        found,
        lambda file: [-file.score, -file.shared, file.path, file.location],
        place,
        most,
    )


def cooccur(served: Served, values: Values, place: Any, most: int) -> Found:
    """Individuals that appear together with one, most often first."""
    address, domain = _individual(values["address"], values["domain"], "domain")
    found = served.index.cooccurring(address, domain=domain, by=values["by"], k=values["k"])
    return _rest(
        COOCCURRENCE,
        found,
        lambda one: [-one.count, -one.pixels, one.iid.domain or b"", one.iid.address],
        place,
        most,
    )


_OF_PAIRS = ("between", "a_group", "b_group", "min_iou", "a_in_b", "b_in_a", "within", "order_by")


def overlaps(served: Served, values: Values, place: Any, most: int) -> Found:
    """Pairs of entries of a file that share pixels, by file and keys, or in another order."""
    question = served.narrowed(values)
    wanted = {name: values[name] for name in _OF_PAIRS if values[name] not in (None, [])}
    goes_on = _rest
    if "order_by" in wanted:
        goes_on = _behind
    elif place is not None and wanted.keys() <= {"min_iou", "within"}:
        # Ids of a file's entries are in the order of their keys, and b has the larger one, unless
        # something else is asked of it than of a.
        question = question.after(place[0] - 1)
    with closing(question.overlaps(**wanted)) as every:
        found = goes_on(OVERLAP, every, lambda pair: [pair.a.id, pair.b.id], place, most)
        return found._replace(records=[*found.records])


def chain(served: Served, values: Values, place: Any, most: int) -> Found:
    """The shortest chain of files that leads from one individual to another."""
    ends = [
        _one_individual(served, values[name], values[domain], domain)
        for name, domain in (("a", "from_domain"), ("b", "to_domain"))
    ]
    first, last = ends
    found = None if first is None or last is None else served.index.chain(first, last)
    steps = [*enumerate(found or ())]
    rest = [step for nth, step in steps if place is None or nth > place]
    places = {id(step): nth for nth, step in steps}
    return Found(STEP, rest[:most], lambda step: places[id(step)])


def _individual(
    named: bytes | IID, domain: bytes | None, parameter: str
) -> tuple[bytes, bytes | None]:
    """The address that is named, and the domain: its own, or that of a parameter."""
    if not isinstance(named, IID):
        return named, domain
    own = named.domain or b""
    if domain not in (None, own):
        told = f"{show_individual(named)} is in another domain than {parameter} names"
        raise Refused(400, told, f"leave {parameter} out")
    return named.address, own


def _one_individual(
    served: Served, named: bytes | IID, domain: bytes | None, parameter: str
) -> IID | None:
    address, domain = _individual(named, domain, parameter)
    try:
        return served.index.individual(address, domain=domain)
    except SeveralDomainsError as error:
        raise Refused(*told_apart(error, parameter)) from None


def _rest(
    kind: Kind, records: Iterable[Any], key: Callable[[Any], Any], place: Any, most: int
) -> Found:
    """Those whose keys, by which all are in order, come after a place."""
    rest = (one for one in records if place is None or key(one) > place)
    return Found(kind, islice(rest, most), key)


def _behind(
    kind: Kind, records: Iterable[Any], key: Callable[[Any], Any], place: Any, most: int
) -> Found:
    """Those that come after the one of a key, in an order that keys do not tell."""
    every = iter(records)
    if place is not None and not any(key(one) == place for one in every):
        raise Refused(400, "the row that the page before ended with is gone", "begin again")
    return Found(kind, islice(every, most), key)
