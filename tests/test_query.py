"""Questions over many files, in Python."""

import os
import threading

import numpy as np
import pytest

import build
import iidindex
from conftest import disk, write_garden
from databases import at
from iidindex import IID, QueryError, SourceNotFoundError, StaleFileError
from iidindex.storage.local import LocalFile
from iidindex.system import positioned

ON_BOTH = True


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"address": b"tree"}, 3),
        ({"address": [b"tree", b"pond"]}, 6),
        ({"address": b"nobody"}, 0),
        ({"address": []}, 0),
        ({"domain": b"garden"}, 6),
        ({"domain": b""}, 3),
        ({"address": b"tree", "domain": b""}, 0),
        ({"address": b"\xff\x00bin"}, 1),
        ({"group": "plants"}, 3),
        ({"group": ["plants", "water"]}, 6),
        ({"group": "nothing"}, 0),
        ({"key": 0}, 3),
        ({"key": range(2)}, 6),
        ({"path": "2020/*"}, 8),
        ({"path": "2020/a.iid"}, 3),
        ({"path": "*A.iid"}, 0),
        ({"area": (12000, None)}, 3),
        ({"area": (12001, None)}, 0),
        ({"area": (None, 0)}, 3),
        ({"area": (4, 4)}, 2),
    ],
)
def test_where(index, where, expected):
    question = index.entries.where(**where)
    assert question.count() == expected
    assert len(list(question)) == expected
    assert question.exists() is (expected > 0)
    assert len(question.to_dicts()) == expected


def test_conditions_add_up(index):
    trees = index.entries.where(address=b"tree")
    assert trees.where(path="2020/*").count() == 2
    assert trees.where(address=[b"pond", b"tree"]).count() == 3
    assert trees.where(address=b"pond").count() == 0
    assert trees.count() == 3  # the question itself has not changed


def test_entry(index, archive):
    entry = index.entries.where(path="2020/b.iid", address=b"tree").first()
    assert entry.iid == (b"garden", b"tree")
    assert (entry.key, entry.bbox, entry.groups) == (0, (100, 65, 141, 106), ("plants", "tall"))
    assert entry.area == disk(20).sum()
    raw = (archive / "2020" / "b.iid").read_bytes()
    record = raw[entry.bufloc.offset : entry.bufloc.end]
    assert int.from_bytes(record[12:16], "little") == entry.area
    np.testing.assert_array_equal(entry.mask(), disk(20))
    np.testing.assert_array_equal(entry.mask((0, 0, 110, 80)), disk(20)[:10, :15])
    assert index.entries.where(address=b"ghost").first().iid == IID(None, b"ghost")


def test_to_dict_is_exact(index):
    row = index.entries.where(address=b"\xff\x00bin").first().to_dict()
    assert row["address"] is None
    assert row["address_b64"] == "/wBiaW4="
    assert row["domain"] == "extra"
    assert row["bbox"] == [5, 5, 9, 9]


def test_at_is_true_to_the_pixel(index):
    # The corner of the disk's box is outside the disk.
    assert index.entries.at(50, 100).where(path="2020/a.iid").count() == 0
    assert index.entries.at(50, 100, exact=False).where(path="2020/a.iid").count() == 1
    both = index.entries.at(70, 125).where(path="2020/a.iid")
    assert [entry.iid.address for entry in both] == [b"tree", b"pond"]
    assert index.entries.at(-5, 10**6).count() == 0
    # A box is half-open.
    assert index.entries.at(199, 179).where(path="2020/a.iid").count() == 1
    assert index.entries.at(200, 179).where(path="2020/a.iid").count() == 0


def test_region(index):
    assert index.entries.region((100, 50, 103, 53)).count() == 0
    assert index.entries.region((100, 50, 103, 53), exact=False).count() == 1
    assert index.entries.region((0, 0, 65536, 65536)).count() == 8  # not the empty masks
    assert index.entries.region((0, 0, 65536, 65536), exact=False).count() == 11
    assert index.entries.region((5, 5, 5, 9)).count() == 0
    assert index.entries.at(70, 125).region((0, 0, 110, 300)).count() == 2


def test_order_and_limit(index):
    areas = [entry.area for entry in index.entries.order_by("-area", "path")]
    assert areas == sorted(areas, reverse=True)
    assert len(list(index.entries.limit(4))) == index.entries.limit(4).count() == 4
    assert index.entries.limit(4).limit(9).count() == 4
    hits = index.entries.region((0, 0, 200, 300)).limit(2)
    assert len(list(hits)) == hits.count() == 2
    addresses = [entry.iid.address for entry in index.entries.order_by("address")]
    assert addresses == sorted(addresses)
    assert index.entries.limit(0).first() is None


@pytest.mark.parametrize(
    "ask",
    [
        lambda q: q.where(address="tree"),
        lambda q: q.where(domain=7),
        lambda q: q.where(group=b"plants"),
        lambda q: q.where(key="0"),
        lambda q: q.where(area=5),
        lambda q: q.where(area=("1", None)),
        lambda q: q.where(path="a").where(path="b"),
        lambda q: q.region((5, 5, 1, 9)),
        lambda q: q.region((1, 2, 3)),
        lambda q: q.where(area=(9, 5)),
        lambda q: q.at(1.5, 2),
        lambda q: q.order_by("size"),
        lambda q: q.limit(-1),
        lambda q: q.limit("5"),
        lambda q: q.at(1, 1).region((0, 0, 1, 1), exact=False),
        lambda q: q.order_by("area").masks().__next__(),
    ],
)
def test_bad_arguments_raise_at_once(index, ask):
    with pytest.raises(QueryError):
        ask(index.entries)


def test_links(index):
    links = index.links(b"tree", domain=b"garden")
    assert [link.path for link in links] == ["2020/a.iid", "2020/b.iid", "2021/c.iid"]
    assert {link.entries for link in links} == {1}
    assert {link.area for link in links} == {disk(20).sum()}
    assert index.links(b"tree", domain=b"") == []
    assert len(index.links(b"ghost", domain=b"")) == 3
    with pytest.raises(QueryError, match="encode"):
        index.links("tree")


def test_masks(index, archive):
    seen = [(entry.path, entry.key, mask.sum()) for entry, mask in index.entries.masks()]
    assert len(seen) == 11
    assert seen == sorted(seen)
    assert all(entry.area == mask.sum() for entry, mask in index.entries.masks())


def test_entry_by_place(index, archive):
    assert index.entry("2020/a.iid", 1).iid.address == b"pond"
    assert index.entry(str(archive / "2020" / "a.iid"), 1).iid.address == b"pond"
    assert index.entry("2020/*.iid", 1) is None
    assert index.entry("2020/a.iid", 99) is None


def test_explain_names_the_indexes(index, backend):
    if backend != "sqlite":
        # With three files, no index may be worth a look.
        assert "&&" in index.entries.at(1, 1).explain()
        assert "plan: " in index.entries.where(address=b"tree").explain()
        return
    assert "entry_boxes" in index.entries.at(1, 1).explain()
    assert "ix_entries_iid_id_file_id" in index.entries.where(address=b"tree").explain()
    assert "ix_iids_address_domain" in index.entries.where(address=b"tree").explain()


def test_metadata_questions_open_no_original(index, monkeypatch):
    def refuse(*_):
        raise AssertionError("an original was opened")

    monkeypatch.setattr(LocalFile, "__init__", refuse)
    monkeypatch.setattr(positioned, "open_alone", refuse)
    assert index.entries.where(address=b"tree", area=(1, None)).to_dicts()
    assert index.entries.at(60, 110, exact=False).count()
    assert index.links(b"tree")
    # The pond fills its box, so that its pixels need no look.
    assert [e.iid.address for e in index.entries.where(address=b"pond").at(5, 150)] == [b"pond"] * 3


def test_one_mask_reads_its_own_bytes(index, monkeypatch):
    reads = []
    real = positioned.read_at

    def counted(fd, length, offset):
        reads.append((offset, length))
        return real(fd, length, offset)

    entry = index.entries.where(path="2020/a.iid", key=0).first()
    monkeypatch.setattr(positioned, "read_at", counted)
    entry.mask()
    assert reads == [(entry.bufloc.offset, entry.bufloc.length)]


def test_stale_originals(index, archive):
    path = archive / "2020" / "a.iid"
    entry = index.entries.where(path="2020/a.iid", key=0).first()
    write_garden(path, shift=7)
    with pytest.raises(StaleFileError, match="2020/a.iid"):
        entry.mask()
    with pytest.raises(StaleFileError, match="ingest"):
        list(index.entries.at(60, 110))
    index.ingest(archive)
    assert index.entries.where(path="2020/a.iid", key=0).first().bbox.minc == 57
    path.unlink()
    with pytest.raises(SourceNotFoundError):
        index.entries.where(path="2020/a.iid", key=0).first().mask()


def test_same_size_and_time_but_other_segments(index, archive):
    path = archive / "2020" / "a.iid"
    status = path.stat()
    entry = index.entries.where(path="2020/a.iid", key=0).first()
    write_garden(path, shift=1)
    assert path.stat().st_size == status.st_size
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(StaleFileError, match="bbox"):
        entry.mask()


def test_same_size_time_and_boxes_but_other_keys(tmp_path):
    box, masks = (3, 4, 5, 6), np.eye(2, dtype=bool)[[[0, 1], [1, 0]]]
    rows = [build.row_of(key, b"d", b"a%d" % key, box, mask) for key, mask in enumerate(masks)]
    path = tmp_path / "files" / "a.iid"
    path.parent.mkdir()
    path.write_bytes(build.odd_file(rows))
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(path.parent)
        os.utime(path, (9, 9))
        index.ingest(path.parent)
        for entry, mask in zip(index.entries, masks, strict=True):
            assert (entry.mask() == mask).all()
    path.write_bytes(build.odd_file(rows, backwards=True))
    os.utime(path, (9, 9))
    with iidindex.open(at(tmp_path / "x.db")) as index:
        for entry in index.entries:
            with pytest.raises(StaleFileError, match=f"key {entry.key} had .* now key"):
                entry.mask()
        assert index.entries.at(4, 3, on_stale="skip").count() == 0


def test_segments_that_repeat_another_key(tmp_path):
    mask = np.array([[True, False], [True, True]])
    rows = [build.row_of(key, b"d", b"a", (key, 0, key + 2, 2), mask) for key in range(3)]
    rows[1].seg_key = 7
    (tmp_path / "a.iid").write_bytes(build.odd_file(rows))
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(tmp_path)
        assert [(entry.mask() == mask).all() for entry in index.entries] == [True] * 3
        assert (
            index.entries.at(0, 2).ids().tolist() == index.entries.where(key=[1, 2]).ids().tolist()
        )


def test_more_files_than_handles(tmp_path):
    for number in range(150):
        write_garden(tmp_path / "many" / f"{number}.iid", shift=number % 3)
    with iidindex.open(at(tmp_path / "many.db"), create=True) as index:
        index.ingest(tmp_path / "many")
        assert index.entries.at(70, 115).count() == 150
        before = len(os.listdir("/proc/self/fd"))
        assert sum(1 for _ in index.entries.masks()) == 450
        assert len(os.listdir("/proc/self/fd")) - before < 80


def test_threads_share_an_index(index):
    wrong = []

    def ask():
        for _ in range(20):
            if index.entries.at(70, 125).count() != 5 or index.entries.count() != 11:
                wrong.append(1)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_original_written_to_while_it_is_open(index, archive):
    """The stamp is looked at after every read: the open file may itself be written to."""
    path = archive / "2020" / "a.iid"
    entry = index.entries.where(path="2020/a.iid", key=0).first()
    entry.mask()
    raw = bytearray(path.read_bytes())
    at = entry.bufloc.offset + 28
    raw[at : entry.bufloc.end] = bytes(255 - byte for byte in raw[at : entry.bufloc.end])
    with path.open("r+b") as file:
        file.write(raw)
    os.utime(path, ns=(0, entry.stamp.mtime_ns + 1))
    with pytest.raises(StaleFileError, match="mtime"):
        entry.mask()


def test_numbers_that_no_database_holds(index):
    assert index.entries.at(2**70, 0).count() == 0
    assert index.entries.region((-(2**70), 0, 2**64, 2**64)).count() == 8
    assert index.entries.where(area=(0, 2**70)).count() == 11
    assert index.entries.where(key=2**70).count() == 0
    for ask in (
        lambda q: q.limit(2**70),
        lambda q: q.at("5", 3),
        lambda q: q.at(None, 3),
        lambda q: q.where(path=["2020/a.iid"]),
        lambda q: q.where(path=[]),
        lambda q: q.where(group="\ud800"),
    ):
        with pytest.raises(QueryError):
            ask(index.entries)


def test_globs_meet_names_that_are_no_text(tmp_path):
    name = os.fsdecode(b"\xff1.iid")
    for path in ("a1.iid", "a[1].iid", name):
        write_garden(tmp_path / "odd" / path)
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(tmp_path / "odd")
        for path, count in (("*", 9), ("*1.iid", 6), (name, 3), ("?1.iid", 6), ("a[1].iid", 6)):
            question = index.entries.where(path=path)
            assert question.count() == count, path
            assert "entries" in question.explain()


def test_entries_come_in_the_order_of_their_keys(tmp_path):
    import build

    mask = np.ones((2, 2), bool)
    rows = [build.row_of(key, b"d", b"%d" % key, (key, 0, key + 2, 2), mask) for key in (2, 0, 1)]
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "a.iid").write_bytes(build.odd_file(rows, groups=[("g", [2, 1])]))
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(tmp_path / "odd")
        assert [(e.key, e.iid.address, e.groups) for e in index.entries] == [
            (0, b"0", ()),
            (1, b"1", ("g",)),
            (2, b"2", ("g",)),
        ]
        offsets = [entry.bufloc.offset for entry, _ in index.entries.masks()]
        assert offsets == sorted(offsets)


def test_groups_belong_to_the_view_that_is_streamed(index, archive):
    stream = iter(index.entries)
    first = next(stream)
    write_garden(archive / "2020" / "a.iid", shift=5)
    index.ingest(archive)
    assert first.groups == ("plants", "tall")
    assert next(stream).groups == ("water",)


def test_masks_with_a_limit(index):
    assert [entry.key for entry, _ in index.entries.limit(2).masks()] == [0, 1]
    assert len(list(index.entries.at(70, 125).limit(3).masks())) == 3


def test_relative_path_and_another_directory(archive, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    with iidindex.open("x.db", create=True) as index:
        index.ingest(archive)
        stream = iter(index.entries)
        next(stream)
        monkeypatch.chdir(tmp_path / "elsewhere")
        assert index.entries.count() == 11
    assert not (tmp_path / "elsewhere" / "x.db").exists()
