"""One file in Python: questions, groups, editing."""

import io

import numpy as np
import pytest

from conftest import disk
from iidindex import BBox, IIDFile, QueryError


def keys(entries):
    return [entry.key for entry in entries]


def ones(height, width):
    return np.ones((height, width), bool)


# ---------------------------------------------------------------- what is in it


def test_columns(file):
    assert file.keys.tolist() == [0, 1, 2, 3]
    assert file.iids == [
        (b"round", b"disk"),
        (None, b"square"),
        (b"round", b"frame"),
        (None, b"disk"),
    ]
    assert file.bboxes.tolist()[1] == [20, 20, 30, 30]
    assert file.areas.tolist() == [disk(10).sum(), 100, 76, 0]
    assert (file.bboxes.dtype, file.areas.dtype) == (np.uint16, np.uint32)
    assert len(file) == 4


def test_reprs(file, tmp_path):
    file.save(tmp_path / "x.iid")
    assert repr(file) == f"<IIDFile '{tmp_path}/x.iid', 4 entries>"
    assert repr(IIDFile()) == "<IIDFile '<new file>', 0 entries>"
    (entry,) = file.fetch(1)
    assert repr(entry) == (
        "Entry(key=1, iid=IID(domain=None, address=b'square'), bbox=(20, 20, 30, 30))"
    )
    assert repr(entry.seg) == "Segment(key=1, bbox=(20, 20, 30, 30), area=100)"
    assert repr(file.meta) == "Metadata({'camera': 'x'})"
    file.close()
    assert repr(file) == f"<IIDFile '{tmp_path}/x.iid', closed>"


def test_entries_of_one_row_are_equal(file):
    one, other = file.fetch(1) + file.fetch(1)
    assert one == other
    assert len({one, other, file.fetch(2)[0]}) == 2
    assert one != IIDFile(file.to_bytes()).fetch(1)[0]
    assert one != 1


def test_masks_are_for_the_caller_to_change(file):
    (entry,) = file.fetch(1)
    entry.seg.mask()[:] = False
    entry.seg.mask((20, 20, 22, 22))[:] = False
    assert entry.seg.mask().all()


# ---------------------------------------------------------------- questions


def test_fetch(file):
    assert file.fetch() == []
    assert keys(file.fetch(2)) == keys(file.fetch(np.int64(2))) == [2]
    assert keys(file.fetch([3, 1, 1])) == keys(file.fetch(keys=iter((1, 3)))) == [1, 3]
    assert keys(file.fetch(np.array([3, 0]))) == [0, 3]
    assert keys(file.fetch(everything=True)) == keys(file.fetch(all_keys=True)) == [0, 1, 2, 3]
    assert keys(file.fetch(groups="a")) == [0, 1]
    assert keys(file.fetch([2], groups=["a", "b"])) == [0, 1, 3]


@pytest.mark.parametrize("wrong", [4, -1, 10**30, [0, 99]])
def test_fetch_of_an_unknown_key(file, wrong):
    with pytest.raises(QueryError, match="<memory>: (there is no entry of key|keys must be)"):
        file.fetch(wrong)


@pytest.mark.parametrize("wrong", ["a", 1.5, [1.0], [None], object()])
def test_fetch_of_what_is_no_key(file, wrong):
    with pytest.raises(QueryError, match="<memory>: keys must be integers"):
        file.fetch(wrong)


def test_look_for(file):
    assert keys(file.look_for(b"disk")) == [0, 3]
    assert keys(file.look_for([b"disk", b"frame", b"nobody"])) == [0, 2, 3]
    assert keys(file.look_for(b"disk", domains=b"round")) == [0]
    assert keys(file.look_for(b"disk", domains=b"")) == [3]
    assert keys(file.look_for(b"disk", domains=[b"", b"round"])) == [0, 3]
    assert keys(file.look_for(b"disk", groups="b")) == [3]
    assert keys(file.look_for(b"disk", groups=["a", "b"], segs=True)) == [0, 3]
    assert keys(file.look_for(b"dis")) == keys(file.look_for([])) == []


def test_filter(file):
    assert keys(file.filter()) == [0, 1, 2, 3]
    assert keys(file.filter(groups="b")) == [1, 3]
    assert keys(file.filter(area=(76, 100))) == [1, 2]
    assert keys(file.filter(area=(0.5, None), domains=[b""])) == [1]
    assert keys(file.filter(area=(None, None), domains=b"round", groups=["a"])) == [0]
    assert keys(file.filter(area=(-5, 2**40))) == [0, 1, 2, 3]


def test_at(file):
    assert keys(file.at(20, 20)) == [0, 1]
    assert keys(file.at(x=20, y=10)) == [0]
    assert keys(file.at(x=10, y=10)) == []
    assert keys(file.at(x=40, y=59)) == [2]
    assert keys(file.at(x=41, y=58)) == []
    assert keys(file.at(2, 2)) == []
    assert file.at(-1, 5) == file.at(10**30, 5) == file.at(5, -(10**400)) == []


def test_region(file):
    assert keys(file.region((0, 0, 100, 100))) == [0, 1, 2]
    assert keys(file.region((41, 41, 59, 59))) == []
    assert keys(file.region((41, 41, 60, 59))) == [2]
    assert keys(file.region((29, 29, 30, 31))) == [1]
    assert keys(file.region((20, 20, 20, 30))) == []
    assert keys(file.region((-(10**400), -5, 10**30, 10**400))) == [0, 1, 2]
    assert keys(file.region(BBox(0, 0, 65536, 65536))) == [0, 1, 2]


def test_only_loaded_means_fetched_or_added(file):
    everywhere = (0, 0, 100, 100)
    assert file.region(everywhere, only_loaded=True) == []
    assert file.overlap_graph(everything=False) == ([], [])
    file.fetch([1, 2])
    assert keys(file.region(everywhere, only_loaded=True)) == [1, 2]
    assert keys(file.at(20, 20, only_loaded=True)) == [1]
    file.add(b"new", None, (25, 25, 35, 35), ones(10, 10))
    assert keys(file.region(everywhere, only_loaded=True)) == [1, 2, 4]
    nodes, edges = file.overlap_graph(everything=False)
    assert keys(nodes) == [1, 2, 4]
    assert [(a.key, b.key, pixels) for a, b, pixels in edges] == [(1, 4, 25)]
    assert len(file.overlap_graph()[1]) == 3


def test_questions_after_an_addition_see_it(file):
    assert keys(file.at(11, 11)) == []
    file.add(b"new", None, (11, 11, 12, 12), ones(1, 1))
    assert keys(file.at(11, 11)) == [4]
    assert keys(file.look_for(b"new")) == keys(file.filter(area=(1, 1))) == [4]


def test_masks_in_the_order_given(file):
    file.add(b"new", None, (1, 1, 3, 3), np.eye(2, dtype=bool))
    stored, added = file.fetch([0, 1, 2]), file.fetch(4)
    chosen = [stored[2], *added, stored[0], stored[0], *added, stored[1]]
    found = list(file.masks(chosen))
    assert [entry for entry, _ in found] == chosen
    for entry, mask in found:
        assert np.array_equal(mask, entry.seg.mask())
    assert list(file.masks([])) == []
    assert len(list(file.masks())) == 5
    with pytest.raises(QueryError, match="an entry belongs to another file"):
        list(file.masks([*stored, *IIDFile(file.to_bytes()).fetch(0)]))


def test_part_of_a_mask(file):
    frame = file.fetch(2)[0].seg
    assert np.array_equal(frame.mask((35, 50, 45, 70)), frame.mask()[:5, 10:])
    assert frame.mask((0, 0, 10**30, 10**30)).shape == (20, 20)
    assert frame.mask((70, 70, 80, 80)).size == frame.mask((41, 41, 41, 50)).size == 0


# ---------------------------------------------------------------- wrong arguments


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda file: file.at("a", 1), "x must be an integer, not 'a'"),
        (lambda file: file.at(1, 2.5), "y must be an integer, not 2.5"),
        (lambda file: file.region((1, 2, 3)), "bbox must be four integers"),
        (lambda file: file.region((1, 2, 3, "4")), "bbox must be four integers"),
        (lambda file: file.region((5, 0, 4, 9)), r"bbox \(5, 0, 4, 9\) is reversed"),
        (lambda file: file.fetch(0)[0].seg.mask((1, 2, 3)), "bbox must be four integers"),
        (lambda file: file.fetch(0)[0].seg.mask((5, 5, 4, 6)), "bbox .* is reversed"),
        (lambda file: file.filter(area=4000), r"area must be \(min, max\)"),
        (lambda file: file.filter(area=(1, 2, 3)), r"area must be \(min, max\)"),
        (lambda file: file.filter(area=("a", None)), r"area must be \(min, max\)"),
        (lambda file: file.filter(domains="round"), r"domains must be bytes.*'round'.encode\(\)"),
        (lambda file: file.filter(domains=5), "domains must be bytes or several of it, not 5"),
        (lambda file: file.look_for("disk"), r"addresses must be bytes.*'disk'.encode\(\)"),
        (lambda file: file.look_for([b"x", 5]), "addresses must be bytes, not int: 5"),
        (lambda file: file.look_for(None), "addresses must be bytes or several of it, not None"),
        (
            lambda file: file.fetch(groups="no"),
            "<memory>: there is no group 'no'; its groups: 'a', 'b'",
        ),
        (lambda file: file.fetch(groups=5), "groups must be text or several of it, not 5"),
        (lambda file: file.filter(groups=["a", "x"]), "there is no group 'x'"),
        (lambda file: file.groups.get("x"), "there is no group 'x'"),
        (
            lambda _: IIDFile().groups.get("x"),
            "<new file>: there is no group 'x'; its groups: none",
        ),
    ],
)
def test_a_question_that_makes_no_sense_names_its_argument(file, ask, message):
    with pytest.raises(QueryError, match=message):
        ask(file)


# ---------------------------------------------------------------- groups


def test_groups(file):
    groups = file.groups
    assert groups.list() == ["a", "b"]
    assert len(groups) == 2
    assert "a" in groups
    assert "c" not in groups
    assert groups.get("a", keys_only=True) == groups.get(["a"], True) == [0, 1]
    assert keys(groups.get(["b", "a"])) == [0, 1, 3]
    assert groups.get([], keys_only=True) == []
    assert groups.keys("b").tolist() == [1, 3]


# ---------------------------------------------------------------- keys that are not the rows


def test_keys_that_are_not_the_rows(odd):
    assert odd.keys.tolist() == [8, 3, 6]
    assert keys(odd) == keys(odd.fetch(everything=True)) == [3, 6, 8]
    assert [entry.row for entry in odd] == [1, 2, 0]
    assert [entry.iid.address for entry in odd.fetch([8, 3])] == [b"3", b"8"]
    assert keys(odd.fetch(6)) == [6]
    assert keys(odd.fetch(groups="g")) == odd.groups.get("g", True) == [3, 8]
    assert keys(odd.at(6, 6)) == [3, 6]
    assert keys(odd.look_for([b"8", b"6"])) == [6, 8]
    nodes, edges = odd.overlap_graph()
    assert keys(nodes) == [3, 6, 8]
    assert [(a.key, b.key, n) for a, b, n in edges] == [(3, 6, 1), (6, 8, 4)]
    with pytest.raises(QueryError, match="no entry of key 0; it has 3 entries"):
        odd.fetch(0)


def test_only_loaded_goes_by_keys(odd):
    odd.fetch([6])
    assert keys(odd.region((0, 0, 99, 99), only_loaded=True)) == [6]


# ---------------------------------------------------------------- other sources, metadata


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, io.BytesIO])
def test_what_can_be_opened(file, kind):
    assert len(IIDFile(kind(file.to_bytes()))) == 4


def test_file_objects(file, tmp_path):
    path = tmp_path / "x.iid"
    path.write_bytes(file.to_bytes())
    with path.open("rb") as handle:
        opened = IIDFile(handle)
    assert opened.name == str(path)
    assert len(list(opened.masks())) == 4
    with path.open(encoding="latin-1") as handle, pytest.raises(TypeError, match="mode 'rb'"):
        IIDFile(handle)
    with pytest.raises(TypeError, match="expected a path, bytes or a binary file object, not int"):
        IIDFile(5)


def test_metadata(file):
    assert file.meta.data == {"camera": "x"}
    file.meta.data["lens"] = [1, 2.5, None, "é"]
    again = IIDFile(file.to_bytes())
    assert again.meta.data == {"camera": "x", "lens": [1, 2.5, None, "é"]}
    again.meta.data = 5
    assert IIDFile(again.to_bytes()).meta.data == 5
    assert IIDFile().meta.data == {}


# ---------------------------------------------------------------- many


def test_many_entries():
    file = IIDFile()
    for nth in range(10_000):
        row, col = divmod(nth, 100)
        file.add(b"%d" % (nth % 7), None, (row, col, row + 2, col + 2), ones(2, 2))
    file = IIDFile(file.to_bytes())
    assert keys(file.at(50, 50)) == [4949, 4950, 5049, 5050]
    assert keys(file.at(50, 51)) == [5049, 5050, 5149, 5150]
    _, edges = file.overlap_graph()
    # Each overlaps its neighbours: two pixels to the side, one across the corner.
    assert sum(pixels == 2 for *_, pixels in edges) == 2 * 99 * 100
    assert sum(pixels == 1 for *_, pixels in edges) == 2 * 99 * 99
    assert len(edges) == 2 * 99 * 100 + 2 * 99 * 99
