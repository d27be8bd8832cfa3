"""Many files scanned together say what each says by itself, and fail as it would."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import build
import iidindex
import strategies
from iidindex import IIDFile
from iidindex.files.scan_together import TOGETHER, scan_together
from iidindex.ingestion.work import ToScan, scan_many
from iidindex.model import FileStamp


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("together")


@st.composite
def damaged(draw):
    """A file of which some bytes are others, or that ends too early."""
    data = bytearray(draw(strategies.files | strategies.odd_files()))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, min(len(data), 200) - 1) | st.integers(0, len(data) - 1))
        data[at] = draw(st.sampled_from([0, 1, 7, 255]) | st.integers(0, 255))
    return bytes(data[: draw(st.just(len(data)) | st.integers(0, len(data)))])


def plain_file(seed=0, n=9, meta=None):
    """A file as all programs write them, in groups."""
    random = np.random.default_rng(seed)
    file = IIDFile()
    file.meta.data = {"number": seed} if meta is None else meta
    for nth in range(n):
        row, col = random.integers(0, 50, 2).tolist()
        mask = random.random((5, 7)) < 0.7
        group = ["all", f"g{nth % 3}"]
        file.add(b"%d" % random.integers(9), b"d", (row, col, row + 5, col + 7), mask, group)
    return file.to_bytes()


def write(place, contents):
    paths = []
    for nth, data in enumerate(contents):
        path = place / f"{nth}.iid"
        build.write_long_ago(path, data)
        paths.append(str(path))
    return paths


def told(scanned):
    """All that came of some files, to be compared."""
    batch = scanned.batch
    if batch is None:
        return scanned.read, scanned.failures
    columns = (batch.key, batch.bbox, batch.area, batch.offset, batch.length, batch.checksum)
    names = batch.group_names
    members = sorted((names[g], m) for g, m in zip(batch.group_of, batch.member, strict=True))
    of_files = zip(batch.file_group_of, batch.file_member, strict=True)
    return (
        scanned.read,
        scanned.failures,
        batch.files,
        [(column.dtype, column.tolist()) for column in columns],
        batch.iids.pairs(),
        names,
        members,
        sorted((names[g], f) for g, f in of_files),
    )


def alone(paths):
    """What came of the same files one by one: those listed as large are not taken together."""
    return scan_many([ToScan(path, size=1 << 40) for path in paths])


plain = st.integers(0, 99).map(plain_file)


@given(st.lists(plain | strategies.files | strategies.odd_files() | damaged(), max_size=8))
def test_together_as_one_by_one(place, contents):
    paths = write(place, contents)
    assert told(scan_many(list(map(ToScan, paths)))) == told(alone(paths))


def test_plain_files_are_taken_together_and_all_others_are_not(place):
    large = IIDFile()
    large.add(b"x", None, (0, 0, 600, 600), np.random.default_rng(0).random((600, 600)) < 0.5)
    odd = build.odd_file([build.Row(7, b"d", b"a", (0, 0, 2, 2))], groups=[("g", [7])])
    outside = plain_file(meta={"height": 20, "width": 20})
    contents = [plain_file(1), b"", large.to_bytes(), odd, plain_file(2), outside, plain_file(3)]
    found = scan_together(write(place, contents))
    assert [columns is not None for columns in found] == [1, 0, 0, 0, 1, 0, 1]
    assert scan_together([str(place / "none.iid")]) == [None]
    assert scan_together([]) == []


@pytest.mark.parametrize("section", range(5))
def test_one_bad_file_of_many_costs_only_itself(place, section):
    contents = [plain_file(nth) for nth in range(TOGETHER + 5)]
    bad = bytearray(contents[17])
    begin = int.from_bytes(bad[8 + 8 * section : 12 + 8 * section], "little")
    bad[begin : begin + 20] = b"\xee" * 20
    contents[17] = bytes(bad)
    scanned = scan_many(list(map(ToScan, write(place, contents))))
    assert list(scanned.failures) == [17]
    assert scanned.read == [nth for nth in range(len(contents)) if nth != 17]
    expected = alone([str(place / "17.iid")]).failures[0]
    assert scanned.failures[17] == expected
    assert "section" in expected.reason


def test_fixity_is_recorded_of_those_that_asked_for_it(place):
    paths = write(place, [plain_file(nth) for nth in range(4)])
    files = [ToScan(path, fixity=nth == 2) for nth, path in enumerate(paths)]
    facts = scan_many(files).batch.files
    assert [file.fixity is not None for file in facts] == [False, False, True, False]


def test_a_file_that_changes_while_it_is_read_is_read_again(place, monkeypatch):
    paths = write(place, [plain_file(nth) for nth in range(3)])
    from iidindex.storage.local import LocalFile

    read, left = LocalFile.read, [plain_file(50)]

    def read_and_meddle(self, offset, length):
        found = read(self, offset, length)
        if self.name == paths[1] and left:
            build.write_long_ago(place / "1.iid", left.pop())
            os.utime(paths[1], (5.5, 5.5))
        return found

    monkeypatch.setattr(LocalFile, "read", read_and_meddle)
    scanned = scan_many(list(map(ToScan, paths)))
    assert scanned.read == [0, 1, 2]
    assert scanned.batch.files[1].meta == '{"number": 50}'
    assert scanned.batch.files[1].stamp == FileStamp(len(plain_file(50)), 5_500_000_000)


def test_an_archive_of_small_and_large_files_is_indexed_as_before(tmp_path):
    root = tmp_path / "archive"
    root.mkdir()
    for nth in range(TOGETHER + 3):
        side = 500 if nth % 10 == 3 else 6
        file = IIDFile()
        for key in range(3):
            box = (nth, key, nth + side, key + side)
            noise = np.random.default_rng(nth).random((side, side)) < 0.5
            file.add(b"%d" % (nth % 7), b"d", box, noise, "g")
        build.write_long_ago(root / f"{nth}.iid", file.to_bytes())
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        assert index.ingest(root).added == TOGETHER + 3
        for entry in index.entries.where(key=1):
            original = IIDFile(entry.location).fetch(1)[0]
            assert (entry.bbox, entry.area) == (original.seg.bbox, original.seg.area)
            assert np.array_equal(entry.mask(), original.seg.mask())
