"""Entries by the metadata of their files."""

import numpy as np
import pytest

import iidindex
from blobs import PER_FILE
from iidindex import IIDFile, QueryError


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

    with iidindex.open(tmp_path / "x.db", create=True) as index:
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
