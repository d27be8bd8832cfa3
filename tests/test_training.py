"""What training code is handed: data sets, detections, whole frames of numbers."""

import multiprocessing
import os
import pickle
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import iidindex
from iidindex import IID, IIDFile, QueryError, StaleFileError
from iidindex.exchange.number_list import NumberList
from iidindex.storage.local import LocalFile
from iidindex.storage.local_ranges import LocalRanges
from test_laziness import modules_after

NAMES = ("masks", "boxes", "areas", "iids", "keys", "path", "image", "meta")


def same(a, b):
    """Whether two items are equal, arrays and all."""
    assert tuple(a) == tuple(b) == NAMES
    assert len(a["masks"]) == len(b["masks"])
    assert all(np.array_equal(one, two) for one, two in zip(a["masks"], b["masks"], strict=True))
    for name in ("boxes", "areas", "keys"):
        assert a[name].dtype == b[name].dtype == np.int64
        assert np.array_equal(a[name], b[name]), name
    return all(a[name] == b[name] for name in ("iids", "path", "image", "meta"))


def check(item, entries):
    """An item has these entries, in their order."""
    assert tuple(item) == NAMES
    assert [tuple(box) for box in item["boxes"].tolist()] == [tuple(one.bbox) for one in entries]
    assert item["iids"] == [one.iid for one in entries]
    assert item["keys"].tolist() == [one.key for one in entries]
    assert item["areas"].tolist() == [one.area for one in entries]
    assert item["boxes"].shape == (len(entries), 4)
    assert {item[name].dtype for name in ("boxes", "keys", "areas")} == {np.dtype(np.int64)}
    for mask, one in zip(item["masks"], entries, strict=True):
        assert mask.dtype == np.bool_
        assert np.array_equal(mask, one.mask())


def grouped(entries, of):
    """Entries by what they have in common, in the order in which that comes first."""
    found = {}
    for entry in entries:
        found.setdefault(of(entry), []).append(entry)
    return list(found.values())


QUESTIONS = {
    "all": lambda entries: entries,
    "group": lambda entries: entries.where(group="plants"),
    "path": lambda entries: entries.where(path="2020/*"),
    "address": lambda entries: entries.where(address=[b"tree", b"ghost"]),
    "at": lambda entries: entries.at(70, 125),
    "region": lambda entries: entries.region((110, 40, 130, 60)),
    "order": lambda entries: entries.order_by("-area"),
    "limit": lambda entries: entries.order_by("address", "-path").limit(4),
    "nearest": lambda entries: entries.nearest(100, 100, 4),
    "after": lambda entries: entries.after(3),
    "none": lambda entries: entries.where(address=b"nobody"),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_items_are_what_the_question_finds(index, name):
    question = QUESTIONS[name](index.entries)
    entries = list(question)
    assert entries or name == "none"
    by_picture = question.dataset()
    files = grouped(entries, lambda one: one.file_id)
    assert len(by_picture) == len(files)
    for item, of_file in zip(by_picture, files, strict=True):
        check(item, of_file)
        assert item["path"] == of_file[0].path
        assert item["meta"] == {"day": of_file[0].path[-5], "camera": {"iso": 200}}
        assert item["image"] is None
    by_entry = question.dataset(by="entry")
    assert len(by_entry) == len(entries)
    for item, one in zip(by_entry, entries, strict=True):
        check(item, [one])
        assert item["path"] == one.path
    by_individual = question.dataset(by="individual")
    people = grouped(entries, lambda one: one.iid)
    assert len(by_individual) == len(people)
    for item, of_one in zip(by_individual, people, strict=True):
        check(item, of_one)
        assert item["path"] == [one.path for one in of_one]
        assert [meta["day"] for meta in item["meta"]] == [one.path[-5] for one in of_one]
        assert item["image"] == [None] * len(of_one)


@pytest.mark.parametrize("by", ["picture", "entry", "individual"])
@pytest.mark.parametrize("name", QUESTIONS)
def test_groups_that_are_asked_for(index, name, by):
    question = QUESTIONS[name](index.entries)
    groups_of = {(one.path, one.key): one.groups for one in question}
    data = question.dataset(by=by, groups=True)
    for item in (*data, *pickle.loads(pickle.dumps(data))):
        assert tuple(item) == (*NAMES, "groups")
        paths = item["path"] if by == "individual" else [item["path"]] * len(item["keys"])
        keys = zip(paths, item["keys"].tolist(), strict=True)
        assert item["groups"] == [groups_of[key] for key in keys]
    if len(data):
        assert data.collate([data[0]])["groups"] == [data[0]["groups"]]
    if name == "all":
        assert len(set(groups_of.values())) > 1
    with pytest.raises(QueryError, match="groups is 'plants'; expected True or False"):
        question.dataset(groups="plants")


def test_groups_belong_to_the_masks_that_can_be_read(index, archive):
    whole = index.entries.dataset(by="individual", groups=True, on_stale="skip")
    before = {path: groups for item in whole for path, groups in told_by_path(item)}
    gone = next(path for item in whole if len(item["keys"]) > 1 for path in item["path"][:1])
    (archive / gone).unlink()
    after = {path: groups for item in whole for path, groups in told_by_path(item)}
    assert after == {path: groups for path, groups in before.items() if path[0] != gone}


def told_by_path(item):
    names = zip(item["path"], item["keys"].tolist(), strict=True)
    return zip(names, item["groups"], strict=True)


def test_pictures_that_are_there_are_named(pond, tmp_path):
    photo = os.path.realpath(tmp_path / "pond" / "photo.png")
    images = {"c.iid": None, "one/a.iid": photo, "one/b.iid": photo}
    assert {item["path"]: item["image"] for item in pond.entries.dataset()} == images
    people = {item["iids"][0]: item for item in pond.entries.dataset(by="individual")}
    frog = IID(b"pond", b"frog")
    assert people[frog]["iids"] == [frog] * 3
    assert people[frog]["image"] == [images[path] for path in people[frog]["path"]]
    # The same address in another domain is another individual.
    assert sorted(len(item["masks"]) for item in people.values()) == [1, 1, 3]


def test_numbers_that_are_taken(index):
    data = index.entries.dataset()
    assert len(data) == 3
    assert same(data[-1], data[2])
    assert same(data[np.int32(1)], data[1])
    assert same(data[np.int64(-3)], data[0])
    for wrong in (3, -4, np.uint8(200)):
        with pytest.raises(IndexError, match=r"no item -?\d+; the data set has 3"):
            data[wrong]
    for wrong in (1.0, "1", slice(2), None):
        with pytest.raises(TypeError):
            data[wrong]
    assert [item["path"] for item in data] == [data[nth]["path"] for nth in range(3)]
    with pytest.raises(QueryError, match="by is 'file'; expected picture, entry or individual"):
        index.entries.dataset(by="file")
    assert repr(data) == "<Dataset of 3 by picture, 11 masks>"


def test_files_without_entries(tmp_path):
    (tmp_path / "a").mkdir()
    file = IIDFile()
    file.meta.data = {"kind": "empty"}
    file.save(tmp_path / "a" / "1.iid")
    file.add(b"x", b"", (0, 0, 3, 3), np.eye(3, dtype=bool))
    file.save(tmp_path / "a" / "2.iid")
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path / "a")
        data = index.entries.dataset()
        assert [item["path"] for item in data] == ["2.iid", "1.iid"]
        check(data[-1], [])
        assert data[1]["meta"] == {"kind": "empty"}
        assert len(index.entries.where(path="1.iid").dataset()) == 1
        for narrower in (index.entries.where(address=b"x"), index.entries.limit(5)):
            assert [item["path"] for item in narrower.dataset()] == ["2.iid"]
        assert len(index.entries.dataset(by="entry")) == 1
        assert len(index.entries.dataset(by="individual")) == 1
        copy = pickle.loads(pickle.dumps(data))
        assert same(copy[1], data[1])


def test_batches(index):
    data = index.entries.dataset()
    batch = data.collate([data[0], data[1]])
    assert tuple(batch) == NAMES
    assert all(isinstance(column, list) and len(column) == 2 for column in batch.values())
    assert batch["path"] == ["2020/a.iid", "2020/b.iid"]
    assert np.array_equal(batch["masks"][1][0], data[1]["masks"][0])
    assert pickle.loads(pickle.dumps(data.collate))([data[0]])["path"] == ["2020/a.iid"]


def told_of(data, number):
    item = data[number]
    return os.getpid(), item["path"], item["areas"].tolist(), sum(map(np.sum, item["masks"]))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_in_other_processes(index):
    data = index.entries.dataset()
    mine = [told_of(data, nth)[1:] for nth in range(3)]
    for method in ("spawn", "fork", "forkserver"):
        if method not in multiprocessing.get_all_start_methods():
            continue
        context = multiprocessing.get_context(method)
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            found = list(pool.map(told_of, [data] * 6, [0, 1, 2] * 2))
        assert [one[1:] for one in found] == mine * 2
        assert os.getpid() not in {one[0] for one in found}


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_has_its_own(index):
    """As PyTorch's workers do: the data set is not sent, it is there."""
    data = index.entries.dataset()
    before = data[0]
    held = data._originals
    read, write = os.pipe()
    child = os.fork()
    if not child:
        told = b"wrong"
        try:
            item = data[0]
            engines = data._catalog.store._engines
            if same(item, before) and data._originals is not held and os.getpid() in engines:
                told = b"right"
        finally:
            os.write(write, told)
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 100) == b"right"
    os.close(read)
    os.close(write)
    assert data._originals is held
    assert same(data[0], before)


def test_it_is_opened_anew_where_it_arrives(index):
    data = pickle.loads(pickle.dumps(index.entries.dataset()))
    index.close()
    assert [item["path"] for item in data] == ["2020/a.iid", "2020/b.iid", "2021/c.iid"]


def test_torch_and_the_like_are_not_imported(index, tmp_path):
    code = f"""
import sys, iidindex
with iidindex.open({str(tmp_path / "index.db")!r}) as index:
    data = index.entries.dataset()
    data.collate([data[0], data[1]]), index.labels("2020/a.iid")
"""
    assert not modules_after(code) & {"torch", "supervision", "napari", "pandas", "skimage", "PIL"}


@pytest.fixture
def reads(monkeypatch):
    """Files that are opened, and ranges that are read of them."""
    seen = []
    init, read, fill = LocalFile.__init__, LocalRanges.read, LocalRanges.fill

    def open_and_note(self, path, *others):
        seen.append(os.fspath(path))
        init(self, path, *others)

    def read_and_note(self, location, stamp, ranges):
        note = (location, *map(tuple, ranges))
        if note not in seen:  # many are read in one go, and one by one where that failed
            seen.append(note)
        return read(self, location, stamp, ranges)

    def fill_and_note(self, wanted, out):
        seen.extend((location, *map(tuple, ranges)) for location, _, ranges, _ in wanted)
        return fill(self, wanted, out)

    monkeypatch.setattr(LocalFile, "__init__", open_and_note)
    monkeypatch.setattr(LocalRanges, "read", read_and_note)
    monkeypatch.setattr(LocalRanges, "fill", fill_and_note)
    return seen


def test_an_item_reads_its_own_bytes_alone(index, reads):
    entries = list(index.entries)
    data = index.entries.dataset(by="entry")
    pictures = index.entries.dataset()
    people = index.entries.dataset(by="individual")
    pickle.dumps(data)
    len(data)
    assert reads == []
    for nth, entry in enumerate(entries):
        reads.clear()
        _ = data[nth]
        ranges = [one for one in reads if isinstance(one, tuple)]
        assert ranges == [(entry.location, tuple(entry.bufloc))]
    reads.clear()
    _ = pictures[1]
    of_file = [one for one in entries if one.path == "2020/b.iid"]
    low = min(one.bufloc.offset for one in of_file)
    high = max(one.bufloc.end for one in of_file)
    ranges = [one for one in reads if isinstance(one, tuple)]
    assert ranges == [(of_file[0].location, (low, high - low))]
    reads.clear()
    _ = people[0]
    read = {one[0] for one in reads if isinstance(one, tuple)}
    assert read == {one.location for one in entries if one.iid == entries[0].iid}
    # The bytes of the other two are not touched: of the tree alone.
    total = sum(length for one in reads if isinstance(one, tuple) for _, length in one[1:])
    trees = [one for one in entries if one.iid == entries[0].iid]
    assert total == sum(one.bufloc.length for one in trees)


def test_what_is_pickled_is_small(index):
    everything = len(pickle.dumps(index.entries.dataset()))
    assert everything < 1200
    numbers = np.arange(1, 1_000_001)
    assert len(pickle.dumps(NumberList(numbers))) < 400
    scattered = np.random.default_rng(0).permutation(numbers)
    assert len(pickle.dumps(NumberList(scattered))) < 4_000_400
    # Every second entry, and items of three.
    assert len(pickle.dumps(NumberList(numbers[::2]))) < 2_000_400


@given(st.lists(st.integers(0, 40) | st.integers(0, 2**40), max_size=40), st.data())
def test_lists_of_numbers(numbers, data):
    found = NumberList(np.array(numbers, np.int64))
    low = data.draw(st.integers(0, len(numbers)))
    high = data.draw(st.integers(low, len(numbers)))
    assert len(found) == len(numbers)
    taken = pickle.loads(pickle.dumps(found)).take(low, high)
    assert taken.dtype == np.int64
    assert taken.tolist() == numbers[low:high]


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 20)), max_size=6), st.data())
def test_lists_of_stretches(stretches, data):
    numbers = [first + nth for first, size in stretches for nth in range(size)]
    found = NumberList(np.array(numbers, np.int64))
    low = data.draw(st.integers(0, len(numbers)))
    high = data.draw(st.integers(low, len(numbers)))
    assert found.take(low, high).tolist() == numbers[low:high]


def test_files_that_have_changed(index, archive):
    data = index.entries.dataset()
    left = index.entries.dataset(on_stale="skip")
    people = index.entries.reading(on_stale="skip").dataset(by="individual")
    warned = index.entries.dataset("entry", on_stale="warn")
    (archive / "2020" / "b.iid").write_bytes(b"other")
    with pytest.raises(StaleFileError, match="b.iid"):
        data[1]
    assert len(data[0]["masks"]) == 3
    check(left[1], [])
    assert left[1]["path"] == "2020/b.iid"
    assert people[0]["path"] == ["2020/a.iid", "2021/c.iid"]
    assert len(people[0]["masks"]) == len(people[0]["meta"]) == 2
    with pytest.warns(UserWarning, match="left out: .*b.iid"):
        check(warned[3], [])
    with pytest.raises(QueryError, match="on_stale is 'ignore'"):
        index.entries.dataset(on_stale="ignore")


def test_an_ingest_in_between(index, archive):
    data = index.entries.dataset()
    file = IIDFile()
    file.add(b"new", b"", (0, 0, 3, 3), np.eye(3, dtype=bool))
    file.save(archive / "2020" / "a.iid")
    index.ingest(archive)
    with pytest.raises(QueryError, match="item 0: its entries are no longer in the index"):
        data[0]
    assert data[1]["path"] == "2020/b.iid"
    index.close()
    with pytest.raises(iidindex.CatalogError, match="closed"):
        data[1]


# ------------------------------------------------------------------ whole frames


def painted(planes):
    """Which pixels each number has, over all planes."""
    found = {}
    for plane in planes:
        assert plane.dtype == np.uint32
        for number in np.unique(plane[plane > 0]).tolist():
            assert number not in found
            found[number] = plane == number
    return found


def test_planes_of_entries(index):
    planes = index.labels("2020/a.iid")
    entries = list(index.entries.where(path="2020/a.iid"))
    # The tree overlaps the pond, and the ghost has no pixel.
    assert len(planes) == 2
    assert {plane.shape for plane in planes} == {(180, 200)}
    found = painted(planes)
    assert planes.iids == {one.key + 1: one.iid for one in entries}
    for one in entries:
        whole = np.zeros((180, 200), bool)
        box = one.bbox
        whole[box.minr : box.maxr, box.minc : box.maxc] = one.mask()
        assert np.array_equal(found.get(one.key + 1, np.zeros_like(whole)), whole)
    pond = next(one.key for one in entries if one.iid.address == b"pond")
    assert (planes[0] == pond + 1).sum() == 12000
    assert len(index.labels("2020/a.iid", index.entries.where(group="plants"))) == 1
    # The frame is the file's, whatever is on it.
    assert index.labels("2020/a.iid", index.entries.where(address=b"x"))[0].shape == (180, 200)
    copy = pickle.loads(pickle.dumps(planes))
    assert copy.iids == planes.iids
    assert np.array_equal(copy[1], planes[1])


def test_planes_of_individuals(tmp_path):
    (tmp_path / "a").mkdir()
    file = IIDFile()
    square = np.ones((4, 4), bool)
    file.meta.data = {"height": 20, "width": 30}
    file.add(b"b", b"", (0, 0, 4, 4), square)
    file.add(b"a", b"z", (10, 10, 14, 14), square)
    file.add(b"a", b"z", (12, 12, 16, 16), square)
    file.add(b"a", b"", (15, 20, 19, 24), square)
    file.save(tmp_path / "a" / "1.iid")
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path / "a")
        assert len(index.labels("1.iid")) == 2
        planes = index.labels("1.iid", by="individual")
        # Two masks of one individual share pixels, and no number.
        assert [plane.shape for plane in planes] == [(20, 30)]
        assert planes.iids == {1: IID(b"", b"a"), 2: IID(b"z", b"a"), 3: IID(b"", b"b")}
        assert np.bincount(planes[0].reshape(-1)).tolist() == [600 - 16 - 28 - 16, 16, 28, 16]
        one = index.labels("1.iid", domain=b"z", by="individual")
        assert one.iids == {1: IID(b"z", b"a")}
        assert index.labels("1.iid", domain=b"").iids.keys() == {1, 4}
        none = index.labels("1.iid", index.entries.where(address=b"nobody"))
        assert len(none) == 1
        assert none[0].shape == (20, 30)
        assert not none[0].any()
        assert none.iids == {}


def test_planes_that_cannot_be_had(index, archive):
    with pytest.raises(QueryError, match="by is 'address'; expected entry or individual"):
        index.labels("2020/a.iid", by="address")
    with pytest.raises(QueryError, match="no indexed file has this path"):
        index.labels("nowhere.iid")
    with pytest.raises(QueryError, match="must be a question"):
        index.labels("2020/a.iid", [1])
    path = archive / "2020" / "a.iid"
    path.write_bytes(b"other")
    with pytest.raises(StaleFileError):
        index.labels(str(path))
    assert not index.labels(str(path), on_stale="skip")[0].any()


# ------------------------------------------------------------------ supervision


def test_without_supervision(index, monkeypatch):
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(QueryError, match="pip install supervision"):
        index.entries.to_supervision("2020/a.iid")


def test_detections(index, archive):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns if OpenCV is not there
        supervision = pytest.importorskip("supervision", "0.28")
    entries = list(index.entries.where(path="2020/b.iid"))
    found = index.entries.to_supervision("2020/b.iid")
    assert isinstance(found, supervision.Detections)
    assert len(found) == len(entries) == 5
    assert type(found.mask).__name__ == "CompactMask"
    assert found.mask.shape == (5, 180, 200)
    for nth, one in enumerate(entries):
        whole = np.zeros((180, 200), bool)
        whole[one.bbox.minr : one.bbox.maxr, one.bbox.minc : one.bbox.maxc] = one.mask()
        assert np.array_equal(found.mask[nth], whole)
        box = (one.bbox.minc, one.bbox.minr, one.bbox.maxc - 1, one.bbox.maxr - 1)
        assert tuple(found.xyxy[nth]) == box
        assert found.data["address"][nth] == one.iid.address
        assert found.data["domain"][nth] == (one.iid.domain or b"")
        assert found.data["key"][nth] == one.key
        assert found.data["groups"][nth] == one.groups
        assert found.data["class_name"][nth] == (one.groups or ("",))[0]
        assert bool(found.class_id[nth]) is bool(one.groups)
    assert np.array_equal(found.mask.area, [one.area for one in entries])
    # The same numbers in another file, and only there.
    other = index.entries.to_supervision(str(archive / "2021" / "c.iid"))
    number = dict(zip(other.data["address"], other.tracker_id, strict=True))
    assert [number.get(who) for who in found.data["address"]][:3] == found.tracker_id[:3].tolist()
    assert len(set(found.tracker_id.tolist())) == 5
    assert len(found[found.area > 3]) == 4
    none = index.entries.where(address=b"nobody").to_supervision("2020/b.iid")
    assert len(none) == 0
    assert none.mask.shape == (0, 180, 200)
    empty = index.entries.where(address=b"ghost").to_supervision("2020/b.iid")
    assert not np.asarray(empty.mask).any()
