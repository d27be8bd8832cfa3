"""Adding to one file in Python: entries, groups, keys."""

import time

import numpy as np
import pytest
from hypothesis import given

import brute
import build
from build import Row
from iidindex import IID, EncodeError, IIDFile
from strategies import contents
from test_iidfile import keys, ones


def test_columns_of_what_was_added_follow(file):
    file.add(b"new", b"d", (1, 2, 3, 4), ones(2, 2))
    assert file.keys.tolist() == [0, 1, 2, 3, 4]
    assert file.iids[-1] == IID(b"d", b"new")
    assert file.bboxes.tolist()[-1] == [1, 2, 3, 4]
    assert file.areas.tolist()[-1] == 4
    assert len(file) == 5


@given(contents())
def test_a_file_answers_before_it_is_saved_as_after(content):
    new, saved = content.file(), IIDFile(content.to_bytes())
    assert new.iids == saved.iids
    assert new.bboxes.tolist() == saved.bboxes.tolist()
    for one, other in zip(new, saved, strict=True):
        assert np.array_equal(one.seg.mask(), other.seg.mask())
        assert keys(new.region(one.seg.bbox)) == keys(saved.region(one.seg.bbox))
    edges = [[(a.key, b.key, n) for a, b, n in some.overlap_graph()[1]] for some in (new, saved)]
    assert edges[0] == edges[1]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"address": "tree"}, r"address must be bytes, not str: 'tree' \(try 'tree'.encode\(\)\)"),
        ({"address": None}, "address must be bytes, not NoneType"),
        ({"domain": "d"}, "domain must be bytes, not str"),
        ({"bbox": (0, 0, 2)}, "bbox must be four integers"),
        ({"bbox": (0, 0, 2.0, 2.0)}, "bbox must be four integers"),
        ({"bbox": (2, 2, 0, 0)}, r"bbox \(2, 2, 0, 0\) is reversed"),
        ({"bbox": (-1, 0, 1, 2)}, r"bbox of entry 4 is \(-1, 0, 1, 2\); coordinates are limited"),
        ({"bbox": (65534, 0, 65536, 2)}, "coordinates are limited to 0 … 65535"),
        (
            {"bbox": (0, 0, 2, 3)},
            r"mask of entry 4 has shape \(2, 2\); its bbox .* expects \(2, 3\)",
        ),
        ({"mask": np.ones((2, 2))}, "mask has dtype float64"),
        ({"mask": np.ones(4, bool)}, "mask has 1 dimensions"),
        ({"mask": [[1, 1], [1]]}, "mask is not an array of rows and columns"),
        ({"group": 5}, "group must be text or several of it, not 5"),
        ({"group": ["ok", 5]}, "group must be text, not int: 5"),
        ({"group": ["ok", "\ud800"]}, r"group '\\ud800' is not valid Unicode"),
    ],
)
def test_what_cannot_be_added_is_named_and_not_added(file, changed, message):
    before = file.to_bytes()
    arguments = {
        "address": b"a",
        "domain": b"d",
        "bbox": (0, 0, 2, 2),
        "mask": ones(2, 2),
        "group": "a",
    }
    with pytest.raises(EncodeError, match=message):
        file.add(**{**arguments, **changed})
    assert file.to_bytes() == before
    file.add(**arguments)
    assert len(file) == 5


@pytest.mark.parametrize("mask", [[[255, 0], [0, 255]], np.eye(2, dtype=np.uint8), np.eye(2) > 0])
def test_masks_of_integers_are_welcome(mask):
    file = IIDFile()
    file.add(b"a", None, np.array([0, 0, 2, 2], np.uint16), mask)
    assert file.fetch(0)[0].seg.mask().tolist() == [[True, False], [False, True]]


def test_adding_to_groups(file):
    file.groups.add("c")
    file.groups.add("a", [3, 0])
    file.groups.add("", [2])
    file.groups.add("late", np.array([1]))
    file.add(b"new", None, (0, 0, 1, 1), ones(1, 1), ["a", "d"])
    file.groups.add("late", [4])
    for some in (file, IIDFile(file.to_bytes())):
        assert some.groups.list() == ["", "a", "b", "c", "d", "late"]
        assert some.groups.get("a", True) == [0, 1, 3, 4]
        assert some.groups.get("", True) == [2]
        assert some.groups.get("c", True) == []
        assert some.groups.get("late", True) == [1, 4]


@pytest.mark.parametrize("wrong", [[4], [-1], [0, 1.5], ["0"], 10**30])
def test_what_cannot_be_added_to_a_group(file, wrong):
    with pytest.raises(EncodeError, match="<memory>: (there is no entry of key|keys must be int)"):
        file.groups.add("a", wrong)
    with pytest.raises(EncodeError, match="group must be text, not bytes"):
        file.groups.add(b"a", [0])
    assert file.groups.get("a", True) == [0, 1]


def test_what_is_added_gets_a_key_that_is_free(odd):
    # The row would be 3, which is the key of another.
    odd.add(b"new", None, (0, 0, 1, 1), ones(1, 1), "g")
    odd.add(b"newer", None, (0, 0, 1, 1), ones(1, 1))
    odd.groups.add("h", [10])
    for some in (odd, IIDFile(odd.to_bytes())):
        assert some.keys.tolist() == [8, 3, 6, 9, 10]
        assert some.fetch(9)[0].iid.address == b"new"
        assert some.fetch(9)[0].seg.area == 1
        assert some.groups.get("g", True) == [3, 8, 9]
        assert some.groups.get("h", True) == [6, 10]
    assert [entry.seg_key for entry in brute.read(odd.to_bytes()).entries] == [8, 3, 6, 9, 10]


def test_no_key_is_free_after_the_last():
    file = IIDFile(build.odd_file([Row(2**32 - 1), Row(0)]))
    with pytest.raises(EncodeError, match="key 4294967296 is needed; the limit is 4294967295"):
        file.add(b"new", None, (0, 0, 1, 1), ones(1, 1))
    assert len(file) == 2


def test_adding_takes_time_in_proportion():
    def seconds(n):
        file = IIDFile()
        start = time.process_time()
        for nth in range(n):
            file.add(b"a%d" % nth, b"d", (0, 0, 3, 3), ones(3, 3), ["all", f"g{nth % 5}"])
        assert len(file.to_bytes()) > 60 * n
        return time.process_time() - start

    few, many = (min(seconds(n) for _ in range(3)) for n in (1_000, 8_000))
    # Eight times in proportion, sixty-four times if every addition copied what was there.
    assert many < 24 * few


def test_metadata_given_as_a_whole(tmp_path):
    file = IIDFile()
    file.meta = {"a": 1}
    assert file.meta.data == {"a": 1}
    file.save(tmp_path / "a.iid")
    with IIDFile(tmp_path / "a.iid") as again:
        assert again.meta.data == {"a": 1}
        kept = again.meta
        again.meta = ["b"]
        assert (again.meta, kept.data) == (kept, ["b"])
        again.save(tmp_path / "b.iid")
    assert IIDFile(tmp_path / "b.iid").meta.data == ["b"]
