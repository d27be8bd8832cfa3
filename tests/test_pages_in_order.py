"""Going on after an entry in any order: page by page, it is the whole."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import iidindex
from databases import at
from iidindex import IIDFile, QueryError
from iidindex.query.question.place_in_order import PlaceInOrder

ON_BOTH = True

SAID = [
    *(0, 1, -1, 1.0, 1.5, 2**62, 2**70, -(2**70), 1e300, 0.1 + 0.2),
    *("", "a", "A", "1", "é", "nul\0nul", "\ud800", "z" * 50),
    *(True, False, None, [], [1], {}, {"deep": 3}),
]
CRITERIA = ["id", "path", "key", "area", "address", "domain", "meta.a", "meta.b", 'meta."a.b"']
ORDERS = st.lists(
    st.tuples(st.sampled_from(CRITERIA), st.booleans()).map(lambda one: "-" * one[1] + one[0]),
    min_size=1,
    max_size=3,
    unique_by=lambda name: name.removeprefix("-"),
)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory, backend):
    """Files whose metadata say the oddest things under the same names."""
    place = tmp_path_factory.mktemp("mixed")
    rng = np.random.default_rng(3)
    (place / "root").mkdir()
    for number in range(3 * len(SAID)):
        file = IIDFile()
        file.meta.data = {"a": SAID[number % len(SAID)], "a.b": number % 2}
        if number % 3:
            file.meta.data["b"] = SAID[int(rng.integers(len(SAID)))]
        for _ in range(3):
            side = int(rng.integers(0, 4))
            box = (0, 0, side, side)
            address = bytes(rng.integers(0, 256, 1, np.uint8)) if number % 2 else b"same"
            file.add(address, b"d" if number % 5 else None, box, np.ones((side, side), bool), "g")
        name = b"%02d-\xff.iid" % number if number % 7 == 0 else b"%02d.iid" % (number % 40)
        target = bytes(place / "root") + b"/%d" % (number // 40)
        (place / "root" / str(number // 40)).mkdir(exist_ok=True)
        file.save(target + b"/" + name)
    with iidindex.open(at(place / "x.db"), create=True) as index:
        index.ingest(place / "root")
        assert index.stats().failed == 0
        yield index


@settings(max_examples=12)
@given(
    order=ORDERS,
    size=st.integers(5, 80),
    where=st.sampled_from([{}, {"group": "g"}, {"path": "0/*"}]),
)
def test_pages_are_the_whole(mixed, order, size, where):
    question = mixed.entries.where(**where).order_by(*order)
    whole = [entry.id for entry in question]
    assert len(whole) > 50
    paged, page = [], [*question.limit(size)]
    while page:
        paged += [entry.id for entry in page]
        page = [*question.after_place(as_sent(question.place_of(page[-1]))).limit(size)]
    assert paged == whole
    rest = question.after_place(question.place_of([*question.limit(11)][-1]))
    assert rest.count() == len(whole) - 11
    assert rest.ids().tolist() == whole[11:]


def as_sent(place):
    """A place that has been written as text and read back."""
    values = [(kind, value.hex() if kind == "text" else value) for kind, value in place.values]
    if any(isinstance(value, bytes) for kind, value in values if kind == "plain"):
        return place
    values, entry_id = json.loads(json.dumps([values, place.entry_id]))
    return PlaceInOrder(
        tuple((kind, bytes.fromhex(value) if kind == "text" else value) for kind, value in values),
        entry_id,
    )


def test_a_place_is_of_one_order(mixed):
    place = mixed.entries.order_by("path").place_of(mixed.entries.first())
    for other in (mixed.entries, mixed.entries.order_by("path", "key")):
        with pytest.raises(QueryError, match="another order"):
            other.after_place(place)
    gone = mixed.entries.first()
    row = (10**9, *tuple(gone._row)[1:])
    with pytest.raises(QueryError, match="no entry has this id"):
        mixed.entries.order_by("path").place_of(type(gone)(row, gone._chunk))
