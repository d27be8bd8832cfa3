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
