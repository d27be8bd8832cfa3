"""Saving: whole or not at all, and what was not touched stays as it was."""

import os
import resource
import stat
import subprocess
import sys

import numpy as np
import pytest

import brute
import build
from build import Row
from conftest import disk, write_garden
from iidindex import EncodeError, IIDFile, SourceError, SourceNotFoundError
from iidindex.codec.encode import encode_segment
from iidindex.model import BBox


def ones(height, width):
    return np.ones((height, width), bool)


@pytest.fixture
def path(tmp_path):
    write_garden(tmp_path / "garden.iid")
    return tmp_path / "garden.iid"


def listing(directory):
    return sorted(entry.name for entry in directory.iterdir())


def test_saved_under_another_name(path):
    before = path.read_bytes()
    with IIDFile(path) as file:
        (entry,) = file.fetch(0)
        file.add(b"new", None, (0, 0, 1, 1), ones(1, 1), "water")
        file.save(path.with_name("other.iid"))
        assert file.name == str(path.with_name("other.iid"))
        assert file.header.bufloc_lut.length == 80
        path.unlink()
        assert np.array_equal(entry.seg.mask(), disk(20))
        assert file.fetch(3)[0].iid.address == b"new"
        assert [entry.key for entry in file.at(0, 0)] == [3]
        assert file.groups.get("water", True) == [1, 3]
    path.write_bytes(before)
    assert listing(path.parent) == ["garden.iid", "other.iid"]


def test_masks_of_every_size_in_the_order_they_were_added():
    random = np.random.default_rng(3)
    sizes = [(5, 7), (0, 4), (200, 90), (1, 2000), (60, 60), (3, 0), (129, 128), (1, 1)] * 12
    file, masks = IIDFile(), []
    for nth, (height, width) in enumerate(sizes):
        mask = random.random((height, width)) < random.choice([0, 0.1, 0.9])
        masks.append(mask.copy())
        file.add(b"%d" % nth, None, (nth, 9, nth + height, 9 + width), mask)
        mask[:] = True  # What was added is not what the caller does with it later.
        if nth == 30:  # Looked at in between, while some masks wait to be encoded.
            inside = [
                row
                for row, one in enumerate(masks)
                if one.shape[1] and one[30 - row : 31 - row, :1].any()
            ]
            assert [entry.key for entry in file.at(9, 30)] == inside
    one_by_one = b"".join(
        encode_segment(key, BBox(key, 9, key + mask.shape[0], 9 + mask.shape[1]), mask)
        for key, mask in enumerate(masks)
    )
    whole = file.to_bytes()
    assert whole.endswith(one_by_one)
    for entry, mask in zip(IIDFile(whole), masks, strict=True):
        assert np.array_equal(entry.seg.mask(), mask)
        assert entry.seg.area == np.count_nonzero(mask)


@pytest.mark.parametrize("count", [1, 2, 20, 100])
@pytest.mark.parametrize("regions", [1, 2, 3])
def test_as_many_regions_in_every_mask(count, regions):
    mask = np.zeros((3, 4 * regions), bool)
    mask[:, ::4] = True
    file = IIDFile()
    for nth in range(count):
        file.add(b"%d" % nth, None, (0, nth, 3, nth + 4 * regions), mask)
    with IIDFile(file.to_bytes()) as saved:
        for entry, found in saved.masks():
            assert np.array_equal(found, mask)
            assert np.array_equal(entry.seg.mask(), mask)
        assert [entry.key for entry in saved.at(0, 0)] == [0]


def test_saved_over_itself_again_and_again(path):
    with IIDFile(path) as file:
        entries = list(file)
        masks = [entry.seg.mask() for entry in entries]
        for nth in range(3):
            file.add(b"%d" % nth, None, (nth, nth, nth + 2, nth + 2), ones(2, 2), "new")
            entries.append(file.fetch(3 + nth)[0])
            masks.append(ones(2, 2))
            file.save(path)
            assert list(file) == entries
            for entry, mask in zip(entries, masks, strict=True):
                assert np.array_equal(entry.seg.mask(), mask)
    saved = brute.read_path(path)
    assert [entry.address for entry in saved.entries] == [
        b"tree",
        b"pond",
        b"ghost",
        *b"0 1 2".split(),
    ]
    assert saved.groups["new"] == [3, 4, 5]
    assert listing(path.parent) == ["garden.iid"]


def test_another_reader_keeps_what_it_opened(path):
    with IIDFile(path) as reader, IIDFile(path) as writer:
        tree, pond, _ = reader.fetch(everything=True)
        writer.add(b"new", None, (0, 0, 1, 1), ones(1, 1))
        writer.save(path)
        assert len(reader) == 3
        assert np.array_equal(tree.seg.mask(), disk(20))
        assert pond.seg.mask().all()


def test_unread_records_are_copied_byte_for_byte(tmp_path):
    # None of these records could be decoded.
    segs = [build.segment(7, (9, 9, 0, 0), [b"\xff" * 5]), build.segment(8, (0, 0, 1, 1), area=99)]
    iids = [build.iid(9, b"", b"x", address_length=1000), build.iid(9, b"d", b"", 0)]
    rows = [(5, 13, len(iids[1]), len(segs[1]) + 2, len(segs[0])), (6, 0, 13, 0, len(segs[1]))]
    meta = build.prefixed(b"{this is not JSON}")
    data = build.assemble(
        {
            "lut": build.lut(rows),
            "iids": iids[0] + iids[1],
            "segs": segs[1] + b"--" + segs[0],
            "meta": meta,
            "groups": build.groups_of([("g", [6])]),
        }
    )
    file = IIDFile(data)
    file.add(b"new", None, (0, 0, 1, 1), ones(1, 1), "g")
    new = build.row_of(7, b"", b"new", (0, 0, 1, 1), ones(1, 1))
    iids.append(build.iid(7, new.domain, new.address))
    segs.append(build.segment(7, new.bbox, new.regions, 1))
    iids[:2] = iids[1], iids[0]
    sections = {
        "lut": build.lut(
            (
                key,
                sum(map(len, iids[:nth])),
                len(iids[nth]),
                sum(map(len, segs[:nth])),
                len(segs[nth]),
            )
            for nth, key in enumerate((5, 6, 7))
        ),
        "iids": b"".join(iids),
        "meta": meta,
        "groups": build.groups_of([("g", [6, 7])]),
        "segs": b"".join(segs),
    }
    assert file.to_bytes() == build.assemble(sections)


def test_saved_without_metadata_or_groups():
    saved = brute.read(IIDFile(build.odd_file([Row(0)], meta=b"")).to_bytes())
    assert (saved.meta, saved.groups) == ({}, {})


def assert_untouched(path, before):
    assert path.read_bytes() == before
    assert listing(path.parent) == [path.name]


@pytest.fixture
def little_room():
    """A limit on the size of files, which is as good as a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_the_old_file(path, little_room):
    before = path.read_bytes()
    with IIDFile(path) as file:
        (entry,) = file.fetch(0)
        file.add(b"new", None, (0, 0, 99, 99), ones(99, 99))
        with pytest.raises(SourceError, match=r"garden.iid: cannot be written: File too large"):
            file.save(path)
        assert_untouched(path, before)
        # Nothing is lost: all of it is still there to be saved elsewhere.
        assert len(file) == 4
        assert np.array_equal(entry.seg.mask(), disk(20))
        assert len(brute.read(file.to_bytes()).entries) == 4


def test_metadata_that_is_not_json_leaves_the_old_file(path):
    before = path.read_bytes()
    with IIDFile(path) as file:
        file.meta.data["bad"] = {1, 2}
        with pytest.raises(EncodeError, match="meta cannot be written as JSON"):
            file.save(path)
        assert_untouched(path, before)
        del file.meta.data["bad"]
        file.save(path)
    assert_untouched(path, before)


def test_death_while_writing_leaves_the_old_file(path):
    code = """
import os, sys
from iidindex import IIDFile
file = IIDFile(sys.argv[1])
file.meta.data = "changed"
os.fsync = lambda _: os._exit(9)
file.save(sys.argv[1])
"""
    before = path.read_bytes()
    result = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert result.returncode == 9
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["no/such/x.iid", "garden.iid/x.iid", "a\0b.iid", "n" * 256])
def test_where_nothing_can_be_written(path, name):
    before = path.read_bytes()
    file = IIDFile()
    with pytest.raises(SourceError, match="cannot be written"):
        file.save(path.parent / name)
    assert_untouched(path, before)
    assert file.name == "<new file>"


def test_what_is_no_file_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "directory").mkdir()
    for name in ("pipe", "directory"):
        with pytest.raises(SourceError, match=f"{name}: cannot be written: it is not a regular"):
            IIDFile().save(tmp_path / name)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    with pytest.raises(SourceError, match="/dev/null: cannot be written: it is not a regular"):
        IIDFile().save("/dev/null")
    assert listing(tmp_path) == ["directory", "pipe"]


def test_the_longest_names(tmp_path):
    for name in ("n" * 251 + ".iid", "日" * 83 + ".iid"):
        IIDFile().save(tmp_path / name)
        assert len(IIDFile(tmp_path / name)) == 0


def test_permissions_are_kept(path):
    path.chmod(0o640)
    with IIDFile(path) as file:
        file.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    before = os.umask(0o027)
    try:
        IIDFile().save(path.with_name("new.iid"))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.with_name("new.iid").stat().st_mode) == 0o640


def test_a_link_stays_a_link(path, tmp_path):
    link = tmp_path / "link.iid"
    link.symlink_to(path.name)
    with IIDFile(link) as file:
        file.add(b"new", None, (0, 0, 1, 1), ones(1, 1))
        file.save(link)
    assert link.is_symlink()
    assert len(brute.read_path(path).entries) == 4
    (tmp_path / "nowhere.iid").symlink_to("gone/x.iid")
    with pytest.raises(SourceError, match="nowhere.iid: cannot be written"):
        IIDFile().save(tmp_path / "nowhere.iid")


def test_paths_of_every_kind(tmp_path, monkeypatch):
    for path in (tmp_path / "a.iid", str(tmp_path / "b.iid")):
        file = IIDFile()
        file.save(path)
        assert len(IIDFile(path)) == 0
    monkeypatch.chdir(tmp_path)
    file.save("c.iid")
    assert (tmp_path / "c.iid").exists()
    with pytest.raises(SourceNotFoundError):
        IIDFile("d.iid")
