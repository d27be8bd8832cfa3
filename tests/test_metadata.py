"""Entries by the metadata of their files."""

import click
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import iidindex
import strategies
from blobs import PER_FILE
from databases import at
from iidindex import IIDFile, QueryError
from iidindex.cli.filter_options import MetaValue
from iidindex.metadata_names import asked_of, listed, split_names, value_in, written

ON_BOTH = True


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ({"number": 3}, 1),
        ({"number": 3.0}, 1),
        ({"number": "3"}, 0),
        ({"number": True}, 0),
        ({"number": None}, 0),
        ({"camera": {"iso": 200}}, 20),
        ({"camera": {"iso": 200}, "number": 2}, 1),
        ({"camera": {"iso": 200}, "number": 1}, 0),
        ({"iso": 200}, 0),
        ({"camera": {"number": 3}}, 0),
        ({"number": {"iso": 3}}, 0),
        ({"x": None}, 60),
        ({"y": None}, 0),
        ({"x": False}, 0),
    ],
)
def test_metadata(blobs, where, count):
    index, _ = blobs
    assert index.entries.where(meta=where).count() == count * PER_FILE
    assert len({e.path for e in index.entries.where(meta=where)}) == count


def test_metadata_of_every_kind(tmp_path):
    kinds = [
        {"a": True}, {"a": False}, {"a": "true"}, {"a": 1}, {"a": 1.5}, {"a": -0.0}, {"a": 2**70},
        {"a": "ü\u2028"}, {"a": ""}, {'q"u.o[t]e$': 1}, {"": 1}, {"ü": {"": {"a": 1}}}, {"a": [1]},
        {"a": {}}, [1, {"a": 1}], None, "a", 7, {"a": "x\0y"}, {"a": "x"}, {"n\0m": 9}, {"n": 9},
    ]  # fmt: skip
    for number, meta in enumerate(kinds):
        file = IIDFile()
        file.meta.data = meta
        file.add(b"a", None, (0, 0, 1, 1), np.ones((1, 1), bool))
        (tmp_path / "archive").mkdir(exist_ok=True)
        (tmp_path / "archive" / f"{number}.iid").write_bytes(file.to_bytes())

    def ask(meta):
        return sorted(int(entry.path[:-4]) for entry in index.entries.where(meta=meta))

    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(tmp_path / "archive")
        assert ask({"a": True}) == [0]
        assert ask({"a": "true"}) == [2]
        assert ask({"a": 1}) == [3]
        assert ask({"a": 1.5}) == [4]
        assert ask({"a": 0}) == [5]
        assert ask({"a": 2**70}) == [6]
        assert ask({"a": "ü\u2028"}) == [7]
        assert ask({"a": ""}) == [8]
        assert ask({'q"u.o[t]e$': 1}) == [9]
        assert ask({"": 1}) == [10]
        assert ask({"ü": {"": {"a": 1}}}) == [11]
        assert ask({"a": "x\0y"}) == [18]
        assert ask({"a": "x"}) == [19]
        assert ask({"n\0m": 9}) == [20]
        assert ask({"n": 9}) == [21]
        assert ask({}) == list(range(len(kinds)))
        for wrong in ([1], {"a": [1]}, {1: 2}, {"a": b"x"}, "a", {"a": "\ud800"}):
            with pytest.raises(QueryError):
                index.entries.where(meta=wrong)


# -------------------------------------------------------------------- names


@given(st.lists(st.text(max_size=4) | st.text('".=,- \\', max_size=4), min_size=1, max_size=4))
def test_names_are_read_as_they_are_written(names):
    text = written(names)
    assert split_names(text) == (tuple(names), "")
    assert split_names(f"{text}=a.b", "=") == (tuple(names), "=a.b")
    assert asked_of(f"meta.{text}") == tuple(names)
    assert listed(f" path,meta.{text} , area") == ["path", f"meta.{text}", "area"]


@given(st.lists(st.text('ab."=\\', max_size=5), max_size=4).map(".".join))
def test_any_text_is_names(text):
    names, rest = split_names(text)
    assert rest == ""
    assert split_names(written(names))[0] == names
    if '"' not in text:
        assert list(names) == text.split(".")


def test_what_lies_under_names():
    meta = {"a": {"b": 0, "": False, "c.d": None}, "x": [{"b": 1}]}
    for names, value in ((["a", "b"], 0), (["a", ""], False), (["a", "c.d"], None)):
        assert value_in(meta, names) is value
    for names in (["b"], ["a", "b", "c"], ["x", "b"], ["x", "0"], ["a", "c", "d"]):
        assert value_in(meta, names) is None


# ------------------------------------------------------------------- ranges


@pytest.fixture(scope="module")
def numbered(tmp_path_factory, backend):
    """An index of files, each of which says something else under ``a``."""
    said = [
        *(0, -1, 1, 20, 25, 30, 31, 19.999, 30.0, 30.5, -0.0, 1e-300, 1e300, -1e300, 2**53 + 1),
        *(2**63 - 1, -(2**63), 2**63, 2**64, -(2**70), 10**40, 10**400, True, False, None),
        *("25", "20..30", "", "x\0y", [25], [20, 30], {"a": 25}, {}, {"b.c": 25, "b": {"c": 3}}),
    ]
    root = tmp_path_factory.mktemp("numbered")
    (root / "archive").mkdir()
    metas = [{"a": value} for value in said]
    metas += [{"n\0m": 25}, {"n": 25}, {"b": 25}, {"a": float("nan")}, {"a": float("inf")}, 25, []]
    for number, meta in enumerate(metas):
        file = IIDFile()
        file.meta.data = meta
        file.add(b"a", None, (0, 0, 1, 1), np.ones((1, 1), bool))
        (root / "archive" / f"{number}.iid").write_bytes(file.to_bytes())
    with iidindex.open(at(root / "x.db"), create=True) as index:
        index.ingest(root / "archive")
        yield index, metas


def ask(index, **meta):
    return sorted(int(entry.path[:-4]) for entry in index.entries.where(meta=meta))


def as_float(value):
    """A number that 64 bits do not hold, as the nearest float, or an infinite one."""
    try:
        return float(value) if abs(value) >= 2**63 else value
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def lies_in(meta, low, high, names=("a",)):
    """Whether a number is there and in a range; whole ones of more than 64 bits as floats."""
    value = value_in(meta, names)
    if type(value) not in (int, float) or value in (float("inf"), float("-inf")) or value != value:
        return False
    value = as_float(value)
    return (low is None or as_float(low) <= value) and (high is None or value <= as_float(high))


ENDS = [None, 0, 20, 30, 25.0, 30.25, -1e300, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**70), 10**40]


@pytest.mark.parametrize("low", ENDS)
def test_ranges_include_their_ends(numbered, low):
    index, metas = numbered
    for high in ENDS:
        if None not in (low, high) and low > high:
            continue
        wanted = [number for number, meta in enumerate(metas) if lies_in(meta, low, high)]
        assert ask(index, a=(low, high)) == wanted, high
        ends = tuple(None if end is None else np.array(end)[()] for end in (low, high))
        if all(end is None or abs(end) < 2**63 for end in (low, high)):
            assert ask(index, a=ends) == wanted


@given(
    st.lists(st.dictionaries(st.sampled_from("ab"), strategies.json_values, max_size=2), max_size=5)
)
def test_ranges_of_anything(tmp_path_factory, metas):
    root = tmp_path_factory.mktemp("ranges")
    for number, meta in enumerate(metas):
        file = IIDFile()
        file.meta.data = meta
        file.add(b"a", None, (0, 0, 1, 1), np.ones((1, 1), bool))
        (root / f"{number}.iid").write_bytes(file.to_bytes())
    known = [meta[name] for meta in metas for name in meta]
    ends = [value for value in known if type(value) in (int, float) and abs(value) < 2**63]
    with iidindex.open(at(root / "x.db"), create=True) as index:
        if metas:
            index.ingest(root)
        for low in [None, 0, *ends]:
            for high in [None, *(end for end in ends if low is None or end >= low)]:
                wanted = [n for n, meta in enumerate(metas) if lies_in(meta, low, high)]
                assert ask(index, a=(low, high)) == wanted


def test_ranges_and_values_together(numbered):
    index, metas = numbered
    assert ask(index, a={"b.c": (20, 30), "b": {"c": 3}}) == [
        number for number, meta in enumerate(metas) if value_in(meta, ["a", "b.c"]) == 25
    ]
    assert ask(index, a={"b.c": (20, 30), "b": {"c": (4, None)}}) == []
    # A name ends at no NUL.
    (whole,) = [number for number, meta in enumerate(metas) if value_in(meta, ["n\0m"])]
    (short,) = [number for number, meta in enumerate(metas) if value_in(meta, ["n"])]
    assert ask(index, **{"n\0m": (25, 25)}) == [whole]
    assert ask(index, n=(25, None)) == [short]
    twice = index.entries.where(meta={"a": (20, None)}).where(meta={"a": (None, 30)})
    assert sorted(int(entry.path[:-4]) for entry in twice) == ask(index, a=(20, 30))
    assert twice.where(meta={"a": 25}).count() == 1


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ((30, 20), "a \\(30, 20\\) is reversed"),
        ((1, 2, 3), "must be \\(min, max\\), numbers or None"),
        ((1,), "must be"),
        ((), "must be"),
        ((True, 2), "must be"),
        (("a", "b"), "must be"),
        ((float("nan"), 1), "no number that can be looked for"),
        ((None, float("inf")), "no number that can be looked for"),
        ((10**400, None), "is too large"),
        ([1, 2], "must be text, a number"),
    ],
)
def test_ranges_that_are_none(numbered, wrong, told):
    with pytest.raises(QueryError, match=told):
        numbered[0].entries.where(meta={"a": wrong})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a=20..30", {"a": (20, 30)}),
        ("a=20..", {"a": (20, None)}),
        ("a=..-30", {"a": (None, -30)}),
        ("a=-1.5e3..2E+4", {"a": (-1500.0, 20000.0)}),
        ("a.b=0..1", {"a": {"b": (0, 1)}}),
        # A text with two dots in it: as it is, or in quotes if it is a range otherwise.
        ('a="20..30"', {"a": "20..30"}),
        ("a=..", {"a": ".."}),
        ("a=../b.png", {"a": "../b.png"}),
        ("a=a..b", {"a": "a..b"}),
        ("a=1..b", {"a": "1..b"}),
        ("a=1...2", {"a": "1...2"}),
        ("a=1. .2", {"a": "1. .2"}),
        ("a=1_0..20", {"a": "1_0..20"}),
        ("a=\u0661..\u0662", {"a": "\u0661..\u0662"}),
        ("a=01..02", {"a": "01..02"}),
        (f"a={'9' * 5000}..", {"a": f"{'9' * 5000}.."}),
        # As before.
        ("a=200", {"a": 200}),
        ("a=b=c", {"a": "b=c"}),
        ("=x", {"": "x"}),
        ("a=", {"a": ""}),
        ("a=null", {"a": None}),
        ("a..b=1", {"a": {"": {"b": 1}}}),
        ('q"u=1', {'q"u': 1}),
        # What has a dot in its name.
        ('"f.number"=8', {"f.number": 8}),
        ('camera."f.number".max=1..2', {"camera": {"f.number": {"max": (1, 2)}}}),
        ('"a=b"=c', {"a=b": "c"}),
        ('"a=c', {'"a': "c"}),
    ],
)
def test_as_it_is_typed(text, wanted):
    assert MetaValue().convert(text, None, None) == wanted


def test_what_is_typed_without_a_value():
    for text in ("a", "", '"a=b"', "a."):
        with pytest.raises(click.BadParameter, match="expected NAME=VALUE"):
            MetaValue().convert(text, None, None)


def test_ranges_in_the_shell(call):
    assert call("find", "--meta", "camera.iso=100..200", "--count")[:2] == (0, "11\n")
    assert call("find", "--meta", "camera.iso=201..", "--count")[:2] == (1, "0\n")
    told = call("find", "--meta", "camera.iso=201..")[2]
    assert told == "iidindex: no file's metadata has 201.. as 'camera.iso'; known: 200\n"
    code, _, told = call("find", "--meta", "camera.iso=300..200")
    assert code == 2
    assert "meta camera.iso (300, 200) is reversed: expected MIN..MAX" in told
