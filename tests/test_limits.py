"""Questions at the limits of what a statement can hold, and names at those of SQLite's text."""

import numpy as np
import pytest

import iidindex
from iidindex import IIDFile
from iidindex.errors import QueryError
from iidindex.query.question.compile import hits


def test_so_many_boxes(index):
    question = index.entries
    for side in range(100):
        question = question.region((0, 0, 200 + side, 200), exact=False)
    assert question.count() == index.entries.region((0, 0, 200, 200), exact=False).count() > 0
    with pytest.raises(QueryError, match="more than 100 boxes"):
        question.region((0, 0, 5, 5), exact=False)


def test_a_pattern_that_is_too_long(index):
    assert index.entries.where(path="*" * 10_000).count() == index.entries.count()
    with pytest.raises(QueryError, match="10001 characters"):
        index.entries.where(path="*" * 10_001)


@pytest.mark.parametrize("value", [float("inf"), float("nan"), -np.inf])
def test_numbers_that_are_none(index, value):
    with pytest.raises(QueryError, match="is no number that can be looked for"):
        index.entries.where(meta={"x": value})


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 511, 512, 513, 700])
def test_any_number_of_values(index, number):
    names = [b"nobody %d" % nth for nth in range(number - 1)] + [b"tree"]
    keys = [*range(100, 100 + number - 1), 0]
    trees = [entry.id for entry in index.entries if entry.iid.address == b"tree"]
    assert index.entries.where(address=names).ids().tolist() == trees
    assert index.entries.where(address=b"tree", domain=[*names, b"garden"]).count() == len(trees)
    assert index.entries.where(group=["plants", *map(str, range(number))]).ids().tolist() == trees
    assert index.entries.where(key=keys).count() == 3


def test_few_statements_for_many_numbers_of_values(index):
    hits.cache_clear()
    for number in range(1, 200):
        list(index.entries.where(address=[b"%d" % nth for nth in range(number)]))
    assert hits.cache_info().currsize == 9


def test_why_nothing_with_a_nul(tmp_path):
    file = IIDFile()
    file.meta.data = {"a\0c": "x\0y"}
    file.add(b"x", None, (0, 0, 1, 1), np.ones((1, 1), bool))
    file.save(tmp_path / "a.iid")
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path)
        told = index.entries.where(meta={"a\0c": "zz"}).why_nothing()
        assert 'has "zz" as' in told


def index_of(tmp_path, metas):
    """An index of a file for each of some metadata, called by their numbers."""
    (tmp_path / "metas").mkdir()
    for nth, meta in enumerate(metas):
        file = IIDFile()
        file.meta.data = meta
        file.add(b"x", None, (0, 0, 1, 1), np.ones((1, 1), bool))
        file.save(tmp_path / "metas" / f"{nth}.iid")
    opened = iidindex.open(tmp_path / "metas.db", create=True)
    opened.ingest(tmp_path / "metas")
    return opened


HUGE = 17_000_000_000_000_000_000


@pytest.mark.parametrize("name", ["segment", "a.b", "a b", "über", "1", "", "[0]", "\\", "\t"])
def test_whole_numbers_of_more_than_63_bits_are_told_apart(tmp_path, name):
    numbers = [HUGE, HUGE + 1, HUGE + 2, 2**63 - 1, 2**63, 2**63 + 1, -(2**63), -(2**63) - 1]
    numbers += [10**30, 10**30 + 1, float(HUGE), str(HUGE)]
    with index_of(tmp_path, [{name: {name: number, "z": HUGE}} for number in numbers]) as index:

        def found(number):
            question = index.entries.where(meta={name: {name: number}})
            return [int(entry.path.removesuffix(".iid")) for entry in question]

        for number in [*numbers, HUGE + 3, 10**30 + 2]:
            # As Python compares them: a number is never a text, and a float may be a whole one.
            assert found(number) == [
                nth
                for nth, other in enumerate(numbers)
                if other == number and isinstance(other, str) is isinstance(number, str)
            ]
        assert found(np.uint64(HUGE + 1)) == [1]


def test_a_huge_number_under_a_name_that_cannot_be_asked_for(tmp_path):
    with index_of(tmp_path, [{'q"x': HUGE}]) as index:
        assert index.entries.where(meta={'q"x': 5}).count() == 0
        with pytest.raises(QueryError, match="17000000000000000001 has more than 64 bits, and"):
            index.entries.where(meta={'q"x': HUGE + 1})


def test_numbers_that_are_not_finite_are_not_null(tmp_path):
    metas = [{"x": float("nan")}, {"x": float("inf")}, {"x": None}, {"x": {"y": float("-inf")}}, {}]
    with index_of(tmp_path, metas) as index:
        assert [entry.path for entry in index.entries.where(meta={"x": None})] == ["2.iid"]
        assert index.entries.where(meta={"x": {"y": None}}).count() == 0
        # The file has them as they were.
        with IIDFile(tmp_path / "metas" / "1.iid") as file:
            assert file.meta.data == {"x": float("inf")}


def test_numpy_values_are_asked_for_as_python_s_own(tmp_path):
    metas = [{"x": 5, "y": 0.5, "z": True, "t": "text"}]
    values = {"x": np.int16(5), "y": np.float32(0.5), "z": np.bool_(True), "t": np.str_("text")}
    with index_of(tmp_path, metas) as index:
        assert index.entries.where(meta=values).count() == 1
        assert index.entries.where(meta={n: np.array(v) for n, v in values.items()}).count() == 1
        with pytest.raises(QueryError, match="meta x must be text, a number, True, False or None"):
            index.entries.where(meta={"x": np.array([5])})
