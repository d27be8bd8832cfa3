"""Entries in the order of what the metadata of their files say."""

import pickle
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import iidindex
import strategies
from databases import at
from iidindex import IIDFile, QueryError
from iidindex.cli.main import run
from iidindex.metadata_names import value_in, written
from iidindex.query.question import asking
from iidindex.query.question.choice import Plan
from iidindex.query.question.compile import Way, ways
from iidindex.query.question.shape import shape_of
from test_metadata import as_float
from test_scan import without_nan

ON_BOTH = True

VALUES = [
    *(3, 20, 100, 3.0, -1, -0.0, 0, 2.5, 1e300, -1e300, 2**53, 2**53 + 1, 2**63, -(2**70), 10**400),
    *(2**63 - 1, "3", "20", "100", "", "a", "B", "ä", "\U0001f333", "\uffff", "\ud800", "a\0b"),
    *(True, False, None, [1], [], {}, {"b": 1}, {"b": "x"}, {"b": None}, {"b.c": 7}, float("nan")),
]


def keyed(value):
    """What is compared; None for what comes last."""
    if value is None:
        return None
    if isinstance(value, bool):
        return (2 + value,)
    if isinstance(value, (int, float)):
        return (0, as_float(value))
    if isinstance(value, str):
        return (1, value.partition("\0")[0].encode("utf-8", "surrogatepass"))
    return (4,)


def ordered(entries, criteria):
    """Sorted, stably, the last criterion first."""
    found = sorted(entries, key=lambda entry: entry[0])
    for names, is_descending in reversed(criteria):
        there = [entry for entry in found if keyed(value_in(entry[1], names)) is not None]
        gone = [entry for entry in found if keyed(value_in(entry[1], names)) is None]
        # Sorted in reverse, what is equal stays as it was.
        there.sort(key=lambda entry: keyed(value_in(entry[1], names)), reverse=is_descending)
        found = there + gone
    return [entry[0] for entry in found]


def write_files(place, metas, per_file=1):
    file = IIDFile()
    for nth in range(per_file):
        file.add(b"%d" % (nth % 2), None, (nth, 0, nth + 2, 2), np.ones((2, 2), bool), "even")
    place.mkdir(parents=True, exist_ok=True)
    for number, meta in enumerate(metas):
        file.meta.data = meta
        (place / f"{number:03}.iid").write_bytes(file.to_bytes())


@pytest.fixture(scope="module")
def said(tmp_path_factory, backend):
    """An index of files that say one thing each, twice, and the ids of their entries."""
    place = tmp_path_factory.mktemp("ordered")
    metas = [{"a": value, "n": nth} for nth, value in enumerate(VALUES)]
    metas += [{"a": value} for value in VALUES[::-1]]
    metas += [{}, [], None, 7, {"n\0m": 1}, {"n\0m": 2}, {"": 1}, {'q"': 1}]
    write_files(place / "archive", metas, per_file=3)
    with iidindex.open(at(place / "iidindex.db"), create=True) as index:
        index.ingest(place / "archive")
        entries = [(e.id, without_nan(metas[int(e.path[:-4])])) for e in index.entries]
        yield index, entries


CRITERIA = [
    *(["a"], ["a", "b"], ["a", "b.c"], ["n"], ["nothing"], ["n\0m"], [""], ['q"'], ["a", "b", "c"]),
]


@pytest.mark.parametrize("names", CRITERIA, ids=written)
def test_every_kind_of_value(said, names):
    index, entries = said
    for sign in ("", "-"):
        question = index.entries.order_by(f"{sign}meta.{written(names)}")
        wanted = ordered(entries, [(names, bool(sign))])
        assert [entry.id for entry in question] == wanted
        assert question.ids().tolist() == wanted
        assert question.to_columns()["id"].tolist() == wanted
        assert question.to_arrow(["id"]).column("id").to_pylist() == wanted
        assert [row["id"] for row in question.to_dicts(["id"])] == wanted
        assert list(pickle.loads(pickle.dumps(question)).ids()) == wanted
        for limit in (0, 1, 7, 1000):
            assert [entry.id for entry in question.limit(limit)] == wanted[:limit]
        # Where pixels are looked at, too.
        whole = question.region((0, 0, 9, 9))
        assert [entry.id for entry in whole] == whole.ids().tolist() == wanted
        assert [entry.id for entry in whole.limit(5)] == wanted[:5]
        assert question.count() == len(wanted)


def test_whichever_way_leads_there(said):
    index, entries = said
    question = index.entries.where(address=b"1", group="even", path="0*", not_group="odd")
    question = question.region((0, 0, 9, 9), exact=False)
    keys = {entry.id: entry.key for entry in index.entries}
    for sign, names in product(("", "-"), CRITERIA):
        asked = question.order_by(f"{sign}meta.{written(names)}")
        wanted = [one for one in ordered(entries, [(names, bool(sign))]) if keys[one] == 1]
        found = ways(shape_of(asked._filters))
        assert len(found) == 4
        for way in (Way.SCAN, *found):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(asking, "choose", lambda *_, way=way: Plan(way, {}))
                assert asked.ids().tolist() == wanted, way
                assert [entry.id for entry in asked.limit(3)] == wanted[:3]
                assert "plan: " in asked.explain()


def test_several_criteria(said):
    index, entries = said
    keys = {entry.id: entry.key for entry in index.entries}
    both = ordered(entries, [(["a"], True), (["n"], False)])
    assert index.entries.order_by("-meta.a", "meta.n").ids().tolist() == both
    both = ordered(entries, [(["n"], False), (["a"], True)])
    assert index.entries.order_by("meta.n", "-meta.a").ids().tolist() == both
    by_key = sorted(ordered(entries, [(["a"], False)]), key=keys.__getitem__)
    assert index.entries.order_by("key", "meta.a").ids().tolist() == by_key


@settings(max_examples=15)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(["a", "b", "a.b", "ü"]), strategies.json_values),
        max_size=9,
    ),
    st.lists(
        st.tuples(
            st.sampled_from([["a"], ["b"], ["a.b"], ["a", "a"], ["ü"], ["a", "b", "a"]]),
            st.booleans(),
        ),
        min_size=1,
        max_size=3,
    ),
)
def test_anything(tmp_path_factory, metas, criteria):
    place = tmp_path_factory.mktemp("any")
    write_files(place / "archive", metas)
    with iidindex.open(at(place / "x.db"), create=True) as index:
        index.ingest(place / "archive")
        entries = [(e.id, without_nan(metas[int(e.path[:-4])])) for e in index.entries]
        orders = [f"{'-' * down}meta.{written(names)}" for names, down in criteria]
        assert index.entries.order_by(*orders).ids().tolist() == ordered(entries, criteria)


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ("met.a", "expected one of id, path, key, area, address, domain or meta.NAME"),
        ("meta", "expected one of"),
        ("--meta.a", "expected one of"),
        (7, "expected one of"),
        (b"meta.a", "expected one of"),
        ("meta." + ".".join("a" * 33), "nested deeper than 32 names"),
        ("meta.\ud800", "is not valid Unicode"),
    ],
)
def test_orders_that_are_none(said, order, told):
    with pytest.raises(QueryError, match=told):
        said[0].entries.order_by(order)


def test_what_has_an_order_of_its_own(said):
    index, _ = said
    asked = index.entries.order_by("meta.a")
    for ask in (
        lambda: list(asked.nearest(1, 1)),
        lambda: list(asked.after(1)),
        lambda: list(asked.masks()),
        lambda: list(asked.overlaps()),
        lambda: asked.heat(),
    ):
        with pytest.raises(QueryError, match="order_by"):
            ask()


def test_names_are_values_of_a_statement(said):
    """Two orders that differ by names alone have one statement, which holds none of them."""
    index, _ = said
    told = [index.entries.order_by(f"meta.{name}").explain() for name in ("a", "b'; DROP TABLE")]
    assert told[0] == told[1]


def test_in_the_shell(said, capsys, monkeypatch):
    index, entries = said
    monkeypatch.setenv("IIDINDEX_DB", index._catalog.name)

    def ids(*arguments):
        assert run(["find", *arguments, "--fields", "id", "--format", "csv"]) == 0
        return [int(line) for line in capsys.readouterr().out.split()[1:]]

    wanted = ordered(entries, [(["a"], True)])
    assert ids("--order-by", "-meta.a") == wanted
    assert ids("--order-by", "-meta.a", "--limit", "4") == wanted[:4]
    assert ids("--order-by", 'meta.a."b.c"') == ordered(entries, [(["a", "b.c"], False)])
    assert ids("--order-by", "meta.a", "--order-by", "-meta.n") == ordered(
        entries, [(["a"], False), (["n"], True)]
    )
    assert run(["find", "--order-by", "met.a"]) == 2
    assert "or meta.NAME" in capsys.readouterr().err
