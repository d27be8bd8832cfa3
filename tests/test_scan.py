"""From a path to the columns the catalogue needs."""

import json
import os
import pickle

import numpy as np
import pytest
from hypothesis import given

import brute
import build
import strategies
from build import Row
from iidindex import FileStamp, IIDFile, IIDFormatError, SourceError, SourceNotFoundError
from iidindex.columns import gather
from iidindex.files import scan as scan_module
from iidindex.files.scan import scan
from iidindex.storage.local import LocalFile


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("scan") / "file.iid"


def without_nan(value):
    """JSON has no words for numbers that are not finite; the catalogue leaves them out."""
    if isinstance(value, dict):
        return {name: without_nan(item) for name, item in value.items() if not is_nan(item)}
    if isinstance(value, list):
        return [without_nan(item) for item in value]
    return None if is_nan(value) else value


def is_nan(value):
    return isinstance(value, float) and not np.isfinite(value)


def assert_scanned(path, data):
    build.write_long_ago(path, data)
    expected, columns = brute.read(data), scan(path)
    # The catalogue numbers entries in the order of their keys.
    entries = sorted(expected.entries, key=lambda entry: entry.key)
    assert len(columns) == len(entries)
    assert columns.key.tolist() == [entry.key for entry in entries]
    assert columns.bbox.tolist() == [list(entry.bbox) for entry in entries]
    assert columns.area.tolist() == [entry.area for entry in entries]
    assert columns.offset.tolist() == [entry.offset for entry in entries]
    assert columns.length.tolist() == [entry.length for entry in entries]
    assert columns.iids.unpacked() == [(entry.domain, entry.address) for entry in entries]
    assert gather([columns]).iids.pairs() == columns.iids.unpacked()
    assert columns.sections == tuple(expected.header[2][name] for name in brute.SECTIONS)
    assert json.loads(columns.meta) == without_nan(expected.meta)
    assert columns.meta.isascii()
    rows = {entry.key: row for row, entry in enumerate(entries)}
    groups = {name: sorted(rows[key] for key in keys) for name, keys in expected.groups.items()}
    assert {name: members.tolist() for name, members in columns.groups.items()} == groups
    assert columns.stamp == FileStamp(len(data), path.stat().st_mtime_ns)


@given(strategies.files)
def test_scan_reads_what_the_brute_reader_does(path, data):
    assert_scanned(path, data)


@given(strategies.odd_files())
def test_scan_reads_odd_files_too(path, data):
    assert_scanned(path, data)


def test_large_masks_are_left_out(path):
    # Long segments between short ones, in another order than the rows, over more than one span.
    noise = np.random.default_rng(0).random((1500, 1500)) < 0.5
    rows = []
    for nth in range(60):
        side = 1500 if nth % 3 == 0 else 20
        bbox = (nth, nth, nth + side, nth + side)
        mask = noise[:side, :side]
        rows.append(Row(nth, b"", b"%d" % nth, bbox, [build.region(bbox, mask)], int(mask.sum())))
    assert_scanned(path, build.odd_file(rows, backwards=True, record_gap=b"gap"))


@pytest.fixture
def bytes_read(monkeypatch):
    counted = []
    read = LocalFile.read

    def read_and_count(self, offset, length):
        counted.append(length)
        return read(self, offset, length)

    monkeypatch.setattr(LocalFile, "read", read_and_count)
    return counted


def test_scan_does_not_read_large_masks(path, bytes_read):
    file = IIDFile()
    for nth in range(20):
        file.add(b"x", None, (nth, 0, nth + 1000, 1000), np.ones((1000, 1000), bool))
    path.write_bytes(file.to_bytes())
    assert len(scan(path)) == 20
    assert sum(bytes_read) < 4000 < path.stat().st_size


def test_empty_sections_said_to_lie_far_away_are_not_read(path, bytes_read):
    mask = np.ones((3000, 3000), bool)
    row = build.row_of(0, b"", b"x", (0, 0, 3000, 3000), np.zeros((3000, 3000), bool))
    row.regions = [build.region((0, 0, 3000, 3000), mask)]
    data = build.odd_file([row], meta=b"")
    path.write_bytes(data[:24] + (2**32 - 1).to_bytes(4, "little") + data[28:])
    assert len(scan(path)) == 1
    assert sum(bytes_read) < 1000


def test_columns_pickle(path):
    file = IIDFile()
    file.add(b"x", b"d", (0, 0, 2, 2), np.ones((2, 2), bool), "g")
    file.save(path)
    columns = scan(path)
    again = pickle.loads(pickle.dumps(columns))
    assert again.bbox.tolist() == columns.bbox.tolist()
    assert again.stamp == columns.stamp
    assert again.groups["g"].tolist() == [0]


def digest(path, data):
    build.write_long_ago(path, data)
    return scan(path).digest


def test_digest_is_of_everything_but_the_regions(path):
    region = build.region((0, 0, 3, 3), b"\xff\x80")
    rows = [Row(nth, b"d", b"a", (0, 0, 3, 3), [region], 9) for nth in range(2)]
    plain = build.odd_file(rows, groups=[("g", [0])], meta=b'{"a": 1}')
    before = digest(path, plain)
    header_size, seg_section = 48, len(plain) - 2 * 30
    for at in range(header_size, len(plain)):
        changed = bytearray(plain)
        changed[at] ^= 1
        in_region = at >= seg_section and (at - seg_section) % 30 >= 16
        try:
            found = digest(path, bytes(changed))
        except IIDFormatError:
            continue
        assert (found == before) == in_region


def test_numbers_that_json_does_not_have_are_left_out(path):
    path.write_bytes(
        build.odd_file([], meta=b'{"a": NaN, "b": [1e999, -Infinity, 2.5, {"c": NaN}]}')
    )
    meta = scan(path).meta
    assert json.loads(meta, parse_constant=pytest.fail) == {
        "b": [None, None, 2.5, {}],
    }
    path.write_bytes(build.odd_file([], meta=b"[" * 199 + b"[NaN]" + b"]" * 199))
    assert json.loads(scan(path).meta) == json.loads("[" * 199 + "[null]" + "]" * 199)


def test_errors_name_the_place_in_the_file(path):
    rows = [Row(nth, b"", b"", (0, 0, 9, 9)) for nth in range(3)]
    rows[2].area = 82
    path.write_bytes(build.odd_file(rows))
    offset = 48 + 3 * 20 + 3 * 12 + 2 + 6 + 2 * 16
    with pytest.raises(IIDFormatError, match=f"file.iid: section segs at byte {offset}: .* key 2"):
        scan(path)


# ---------------------------------------------------------------- files that change meanwhile


@pytest.fixture
def meddle(monkeypatch):
    """Let something happen each time a file has just been read."""

    def install(*events):
        left = list(events)
        original = scan_module._scan

        def scan_and_meddle(source, fixity):
            try:
                return original(source, fixity)
            finally:
                if left:
                    left.pop(0)()

        monkeypatch.setattr(scan_module, "_scan", scan_and_meddle)

    return install


def one(address):
    file = IIDFile()
    file.add(address, None, (0, 0, 2, 2), np.ones((2, 2), bool))
    return file.to_bytes()


def test_a_file_replaced_while_it_is_read_is_read_again(path, meddle):
    path.write_bytes(one(b"old"))
    meddle(lambda: path.write_bytes(one(b"newer")))
    assert scan(path).iids.unpacked() == [(b"", b"newer")]


def test_a_file_half_written_is_read_again(path, meddle):
    path.write_bytes(one(b"whole")[:-5])
    meddle(lambda: path.write_bytes(one(b"whole")))
    assert scan(path).iids.unpacked() == [(b"", b"whole")]


def test_a_file_that_goes_on_changing(path, meddle):
    path.write_bytes(one(b"a"))
    meddle(lambda: path.write_bytes(one(b"bb")), lambda: path.write_bytes(one(b"ccc")))
    with pytest.raises(SourceError, match="file.iid: changes while it is being read"):
        scan(path)


def test_a_file_that_goes_away(path, meddle):
    path.write_bytes(one(b"a"))
    meddle(lambda: os.unlink(path))
    with pytest.raises(SourceNotFoundError, match="file.iid: there is no such file"):
        scan(path)
