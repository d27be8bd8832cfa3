"""Side by side with the founding program, iidfile 0.2.0: same calls, same bytes, same answers."""

import contextlib
import gc
import json
import os
import struct
import tempfile
from pathlib import Path

import iidfile
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import brute
import iidindex
import strategies
from conftest import disk
from iidindex import EncodeError, IIDFormatError


@contextlib.contextmanager
def original(path=None):
    """The founding program's file, closed in the end, which it does not do itself."""
    file = iidfile.IIDFile() if path is None else iidfile.IIDFile(str(path))
    try:
        yield file
    finally:
        if hasattr(file, "mmap"):
            file.mmap.close()
            file.file.close()


def save_original(file, path):
    """Save with the founding program, whose areas have to be made integers."""
    for entry in file.lut.entries:
        entry.seg.area = int(entry.seg.area)
    file.save(str(path))
    file.mmap.close()
    file.file.close()


def keys_sorted(data):
    """The same file with the keys of each group ascending; the original has a set's order."""
    data = bytearray(data)
    begin, length = struct.unpack_from("<2I", data, 32)
    (listed,) = struct.unpack_from("<I", data, begin)
    arrays = begin + 4 + listed
    for group in json.loads(data[begin + 4 : arrays]):
        place = slice(arrays + group["offset"], arrays + group["offset"] + group["length"])
        assert place.stop <= begin + length
        data[place] = np.sort(np.frombuffer(data[place], "<u4")).tobytes()
    return bytes(data)


def without_quirks(content):
    """Leave out what the founding program cannot add."""
    content.entries = [entry for entry in content.entries if entry.mask.size]
    for entry in content.entries:
        # It takes a group without a name for none.
        entry.groups = [name for name in entry.groups if name]
    return content


contents = strategies.contents().map(without_quirks)


@pytest.fixture(scope="module")
def place():
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory)


@given(contents)
def test_bytes_are_the_same(place, content):
    with original() as theirs:
        content.add_to(theirs)
        save_original(theirs, place / "theirs.iid")
    assert content.to_bytes() == keys_sorted((place / "theirs.iid").read_bytes())


@given(contents)
def test_written_there_and_read_here(place, content):
    with original() as theirs:
        content.add_to(theirs)
        save_original(theirs, place / "theirs.iid")
    file = iidindex.IIDFile(place / "theirs.iid")
    for entry, added in zip(file, content.entries, strict=True):
        assert entry.iid == (added.domain or None, added.address)
        assert entry.seg.bbox == added.bbox
        assert np.array_equal(entry.seg.mask(), added.mask)
    for name in file.groups.list():
        members = [nth for nth, added in enumerate(content.entries) if name in added.groups]
        assert file.groups.get(name, keys_only=True) == members


@given(contents)
def test_written_here_and_read_there(place, content):
    content.file().save(place / "ours.iid")
    with original(place / "ours.iid") as theirs:
        entries = theirs.fetch(everything=True)
        for entry, added in zip(entries, content.entries, strict=True):
            assert (entry.iid.domain, entry.iid.address) == (added.domain or None, added.address)
            assert (entry.seg.bbox, entry.seg.area) == (added.bbox, np.count_nonzero(added.mask))
            assert np.array_equal(entry.seg.mask(), added.mask)
        assert theirs.meta.data == content.meta
        with iidindex.IIDFile(place / "ours.iid") as ours:
            assert theirs.groups.list() == ours.groups.list()
            for name in ours.groups.list():
                assert theirs.groups.get(name, True) == set(ours.groups.get(name, True))


@given(contents)
def test_overlaps_are_the_same(place, content):
    content.file().save(place / "ours.iid")
    with original(place / "ours.iid") as theirs, iidindex.IIDFile(place / "ours.iid") as ours:
        expected = {(a.key, b.key, n) for a, b, n in theirs.overlap_graph()[1]}
        assert {(a.key, b.key, n) for a, b, n in ours.overlap_graph()[1]} == expected


@given(contents, st.data())
def test_region_is_the_same(place, content, data):
    content.file().save(place / "ours.iid")
    top, left = data.draw(st.integers(0, 60)), data.draw(st.integers(0, 60))
    box = (top, left, top + data.draw(st.integers(1, 30)), left + data.draw(st.integers(1, 30)))
    with original(place / "ours.iid") as theirs, iidindex.IIDFile(place / "ours.iid") as ours:
        expected = sorted(entry.key for entry in theirs.region(box))
        assert [entry.key for entry in ours.region(box)] == expected


def test_large_groups_and_scattered_masks(tmp_path):
    random = np.random.default_rng(1)
    with original() as theirs:
        ours = iidindex.IIDFile()
        for nth in range(60):
            mask = random.random((40, 70)) < random.choice([0.02, 0.2, 0.5])
            for file in (theirs, ours):
                file.add(b"a%d" % (nth % 7), b"d", (nth, nth, nth + 40, nth + 70), mask, "all")
        theirs.groups.add("few", [33, 8, 1, 40])
        ours.groups.add("few", [33, 8, 1, 40])
        save_original(theirs, tmp_path / "theirs.iid")
    raw = (tmp_path / "theirs.iid").read_bytes()
    assert ours.to_bytes() == keys_sorted(raw)
    assert ours.to_bytes() != raw, "the order of a set was expected to differ"


# ---------------------------------------------------------------- the founding document


DOCUMENTED = """
import numpy as np
from iidfile import IIDFile

mask = np.ones((20, 30), dtype=bool)
mask[5:10] = False
iidfile = IIDFile()
for iid, xy in [(b'tree', (400, 600)), (b'leaf', (410, 610)), (b'root', (0, 0))]:
    x, y, w, h = *xy, mask.shape[1], mask.shape[0]
    bbox = (y, x, y+h, x+w)
    iidfile.add(address=iid, domain=b'example', bbox=bbox, mask=mask, group='sys')
iidfile.groups.add('rep', keys=[0, 2])
iidfile.meta.data['camera'] = 'x'
save(iidfile, 'example.iid')

iidfile = IIDFile(fpath='example.iid')
entries = iidfile.fetch(everything=True)
entry = iidfile.fetch(everything=True)[0]
seen(entry.key, entry.iid.address, entry.iid.domain, entry.seg.mask(), entry.seg.bbox)
seen(entry.seg.area, entry.seg.mask(bbox=(610, 405, 616, 421)))
seen(entry.seg.bbox_xywh(), entry.seg.bbox_xywh(center=True), entry.seg.bbox_polygon())
seen(iidfile.meta.data, iidfile.groups.list(), sorted(iidfile.groups.get(['rep'], keys_only=True)))
seen([e.key for e in iidfile.groups.get('sys')])

iidfile = IIDFile(fpath='example.iid')
entries = iidfile.fetch(groups=['sys'], iids=True)
seen([e.iid.address for e in entries])
entries = iidfile.fetch(all_keys=True, segs=True)
seen([e.seg.bbox for e in entries])
entries = iidfile.fetch(keys=range(2), iids=True)
seen([e.key for e in entries])
seen([e.key for e in iidfile.fetch(keys=1)], iidfile.fetch())

iidfile = IIDFile(fpath='example.iid')
seen([e.key for e in iidfile.at(415, 617)])

iidfile = IIDFile(fpath='example.iid')
iidfile.fetch(groups=['rep'], iids=False)
seen([e.key for e in iidfile.region((600, 400, 700, 500), only_loaded=True)])
seen([e.key for e in iidfile.look_for(addresses=[b'tree', b'leaf'])])
seen([e.key for e in iidfile.look_for(b'tree', domains=b'example', groups='rep', segs=True)])
seen([e.key for e in iidfile.look_for(b'tree', domains=[b'other'])])
iidfile.fetch(everything=True)
seen([e.key for e in iidfile.filter(groups=['rep'], area=(400, None))])
seen([e.key for e in iidfile.filter(area=(None, 100), domains=b'example')])
nodes, edges = iidfile.overlap_graph()
seen([e.key for e in nodes], [(a.key, b.key, pixels) for a, b, pixels in edges])
"""


def run_documented(directory, module, save):
    """Run the script with its import changed to `module`; return what it saw."""
    found = []

    def seen(*values):
        found.extend(value.tolist() if isinstance(value, np.ndarray) else value for value in values)

    code = DOCUMENTED.replace("from iidfile import", f"from {module} import")
    with contextlib.chdir(directory):
        exec(code, {"save": save, "seen": seen})
    # The founding program leaves its files open; they are to be missed here and not later.
    gc.collect()
    return found


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_documented_calls_run_with_the_import_changed(tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "ours").mkdir()
    theirs = run_documented(tmp_path / "theirs", "iidfile", save_original)
    ours = run_documented(tmp_path / "ours", "iidindex", lambda file, path: file.save(fpath=path))
    assert ours == theirs
    one, other = (tmp_path / name / "example.iid" for name in ("ours", "theirs"))
    assert one.read_bytes() == keys_sorted(other.read_bytes())


def test_boxes_as_rectangles_and_polygons():
    file = iidindex.IIDFile()
    file.add(b"x", None, (2, 10, 5, 17), np.ones((3, 7), bool))
    (entry,) = file.fetch(0)
    assert entry.seg.bbox_xywh() == (10, 2, 7, 3)
    assert entry.seg.bbox_xywh(center=True) == (13.5, 3.5, 7, 3)
    assert entry.seg.bbox_polygon() == [(10, 2), (17, 2), (17, 5), (10, 5)]


# ---------------------------------------------------------------- the table of departures


@pytest.fixture
def path(tmp_path):
    """Two overlapping entries and a third, in groups."""
    file = iidindex.IIDFile()
    file.add(b"disk", b"d", (10, 10, 31, 31), disk(10), "a")
    file.add(b"square", b"d", (20, 20, 30, 30), np.ones((10, 10), bool), ["a", "b"])
    file.add(b"far", None, (500, 500, 510, 540), np.ones((10, 40), bool), "b")
    file.save(tmp_path / "file.iid")
    return tmp_path / "file.iid"


def keys(entries):
    return [entry.key for entry in entries]


def test_save_works_with_a_current_scikit_image(tmp_path):
    with original() as theirs:
        theirs.add(b"x", None, (0, 0, 2, 2), np.ones((2, 2), bool))
        with pytest.raises(struct.error):
            theirs.save(str(tmp_path / "theirs.iid"))
    ours = iidindex.IIDFile()
    ours.add(b"x", None, (0, 0, 2, 2), np.ones((2, 2), bool))
    ours.save(tmp_path / "ours.iid")
    assert brute.read_path(tmp_path / "ours.iid").entries[0].area == 4


def test_overlap_graph_has_both_names(path):
    with iidindex.IIDFile(path) as file:
        assert file.compute_overlap() == file.overlap_graph()
        assert len(file.compute_overlap()[1]) == 1


def test_fetch_takes_group_and_groups(path):
    with iidindex.IIDFile(path) as file:
        assert keys(file.fetch(group=["a"])) == keys(file.fetch(groups=["a"])) == [0, 1]
        assert keys(file.fetch(group="b")) == [1, 2]


def damaged(path, section):
    """A file whose IIDs, or whose segments, are wrong in every row."""
    data = bytearray(path.read_bytes())
    for entry in brute.read(bytes(data)).entries:
        if section == "segs":
            data[entry.offset + 4 : entry.offset + 12] = struct.pack("<4H", 9, 9, 0, 0)
    begin, length = struct.unpack_from("<2I", data, 16)
    if section == "iids":
        data[begin : begin + length] = b"\xff" * length
    return iidindex.IIDFile(bytes(data))


@pytest.mark.parametrize(
    ("named", "iids", "segs"),
    [
        ({}, True, True),
        ({"iids": True}, True, False),
        ({"segs": True}, False, True),
        ({"iids": False}, False, True),
        ({"segs": False}, True, False),
        ({"iids": True, "segs": True}, True, True),
        ({"iids": False, "segs": False}, False, False),
        ({"iids": True, "segs": False}, True, False),
    ],
)
@pytest.mark.parametrize("choice", [{"all_keys": True}, {"keys": [1]}, {"groups": "b"}])
def test_fetch_loads_what_is_named(path, named, iids, segs, choice):
    for section, loaded in (("iids", iids), ("segs", segs)):
        file = damaged(path, section)
        if loaded:
            with pytest.raises(IIDFormatError, match=f"section {section}"):
                file.fetch(**choice, **named)
        else:
            assert file.fetch(**choice, **named)


def test_fetch_of_everything_loads_both(path):
    for section in ("iids", "segs"):
        with pytest.raises(IIDFormatError, match=f"section {section}"):
            damaged(path, section).fetch(everything=True, iids=False, segs=False)


def test_area_is_inclusive_at_both_ends(path):
    with iidindex.IIDFile(path) as file, original(path) as theirs:
        assert keys(file.filter(area=(100, 400))) == [0, 1, 2]
        assert keys(file.filter(area=(400, None))) == [2]
        assert keys(file.filter(area=(None, 100))) == [1]
        assert keys(file.filter(area=(101, 399))) == [0]
        assert keys(theirs.filter(area=(100, 400))) == [0]


def test_at_is_the_very_pixel(path):
    with iidindex.IIDFile(path) as file, original(path) as theirs:
        assert keys(file.at(500, 500)) == keys(file.at(539, 509)) == [2]
        assert keys(file.at(540, 509)) == keys(file.at(539, 510)) == keys(file.at(499, 500)) == []
        assert keys(theirs.at(540, 509)) == [2]


def test_open_add_save_without_a_fetch(path):
    before = brute.read_path(path)
    with iidindex.IIDFile(path) as file:
        file.add(b"new", None, (0, 0, 1, 1), np.ones((1, 1), bool))
        file.save(path.with_name("more.iid"))
    after = brute.read_path(path.with_name("more.iid"))
    assert [entry.address for entry in after.entries] == [b"disk", b"square", b"far", b"new"]
    assert np.array_equal(after.entries[0].mask, before.entries[0].mask)
    with original(path) as theirs:
        theirs.add(b"new", None, (0, 0, 1, 1), np.ones((1, 1), bool))
        with pytest.raises(AttributeError):
            theirs.dump()


def test_saving_over_the_file_that_is_open(path):
    with iidindex.IIDFile(path) as file:
        entry = file.fetch(0, iids=True)[0]
        file.add(b"new", None, (0, 0, 1, 1), np.ones((1, 1), bool))
        file.save(path)
        assert np.array_equal(entry.seg.mask(), disk(10))
        assert len(file) == 4
    assert len(brute.read_path(path).entries) == 4


@contextlib.contextmanager
def without_privileges():
    """Go on as nobody, whom permissions hold back, where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_file_that_may_only_be_read(path):
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / "file.iid"
        copy.write_bytes(path.read_bytes())
        copy.chmod(0o444)
        Path(name).chmod(0o555)
        try:
            with without_privileges():
                with pytest.raises(PermissionError):
                    iidfile.IIDFile(str(copy))
                with iidindex.IIDFile(copy) as file:
                    assert len(file.fetch(everything=True)) == 3
                    with pytest.raises(iidindex.SourceError, match="file.iid: cannot be written"):
                        file.save(copy)
        finally:
            Path(name).chmod(0o755)
        assert copy.read_bytes() == path.read_bytes()


def test_values_out_of_range_are_named():
    file = iidindex.IIDFile()
    with pytest.raises(EncodeError, match=r"bbox of entry 0 is \(0, 0, 1, 65536\).* 0 … 65535"):
        file.add(b"x", None, (0, 0, 1, 65536), np.ones((1, 65536), bool))
    assert len(file) == 0


def test_results_come_in_ascending_order(path):
    with iidindex.IIDFile(path) as file:
        assert keys(file.fetch([2, 0, 1, 0])) == [0, 1, 2]
        assert keys(file.look_for([b"far", b"disk"])) == [0, 2]
        assert file.groups.get(["b", "a"], keys_only=True) == [0, 1, 2]


def test_one_iid_may_have_many_segments(tmp_path):
    file = iidindex.IIDFile()
    for nth in range(3):
        file.add(b"same", b"d", (nth, 0, nth + 1, 1), np.ones((1, 1), bool))
    file.save(tmp_path / "file.iid")
    with iidindex.IIDFile(tmp_path / "file.iid") as again:
        assert keys(again.look_for(b"same")) == [0, 1, 2]
