"""Encoding and decoding: what goes in comes out, and the brute reader sees the same."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import brute
import build
import strategies
from iidindex import IIDFile, IIDFormatError
from iidindex.buffers import as_bytes
from iidindex.codec import attributes, decode, layout, reader
from iidindex.codec import encode as writer
from iidindex.codec import region_table as regions
from iidindex.errors import EncodeError
from iidindex.model import IID, BBox


def probes(file):
    """Pixels in and around the boxes of a file, as (x, y)."""
    for entry in file.entries[:4]:
        for minr, minc, maxr, maxc in [entry.bbox, *entry.regions[:3]]:
            yield from [(minc, minr), (maxc - 1, maxr - 1), (maxc, maxr), (minc - 1, minr)]
            yield (minc + maxc) // 2, (minr + maxr) // 2


def boxes(file):
    """Boxes to ask about: whole ones, parts, slivers, one without pixels, everything."""
    for minr, minc, maxr, maxc in [entry.bbox for entry in file.entries[:3]]:
        middle = (minr + maxr) // 2, (minc + maxc) // 2
        yield from [(minr, minc, maxr, maxc), (minr, minc, *middle), (*middle, maxr + 5, maxc + 5)]
        yield from [(middle[0], 0, middle[0] + 1, 65535), (minr, minc, maxr, minc)]
    yield from [(0, 0, 65535, 65535), (3, 3, 3, 9)]


def assert_same(file, expected):
    """The package reads what the brute reader does, in every way there is to ask."""
    assert len(file) == len(expected.entries)
    assert file.keys.tolist() == [entry.key for entry in expected.entries]
    assert file.iids == [IID(entry.domain, entry.address) for entry in expected.entries]
    assert file.bboxes.tolist() == [list(entry.bbox) for entry in expected.entries]
    assert file.areas.tolist() == [entry.area for entry in expected.entries]
    assert file.meta.data == expected.meta
    assert file.groups.list() == sorted(expected.groups)
    for name, keys in expected.groups.items():
        assert file.groups.get(name, keys_only=True) == keys
    by_key = expected.by_key()
    assert [entry.key for entry in file] == sorted(by_key)
    together = dict(file.masks())
    for entry in file:
        want = by_key[entry.key]
        assert entry.iid == (want.domain or None, want.address)
        assert (entry.seg.bbox, entry.seg.area) == (want.bbox, want.area)
        for mask in (entry.seg.mask(), together[entry]):
            assert mask.dtype == bool
            assert np.array_equal(mask, want.mask)
        for box in boxes(expected):
            part = entry.seg.mask(box)
            if brute.meet(want.bbox, box):
                assert np.array_equal(part, want.crop(box))
            else:
                assert part.size == 0
    for x, y in probes(expected):
        assert [entry.key for entry in file.at(x, y)] == expected.at(x, y)
    for box in boxes(expected):
        assert [entry.key for entry in file.region(box)] == expected.region(box)
    nodes, edges = file.overlap_graph()
    assert [node.key for node in nodes] == sorted(by_key)
    found = {(a.key, b.key): pixels for a, b, pixels in edges}
    assert found == expected.overlaps()
    assert list(found) == sorted(found)
    assert len(found) == len(edges)


@given(strategies.contents())
def test_what_is_encoded_is_decoded(content):
    file = IIDFile(content.to_bytes())
    assert file.meta.data == json.loads(json.dumps(content.meta))
    for nth, (entry, added) in enumerate(zip(file, content.entries, strict=True)):
        assert (entry.key, entry.seg.key) == (nth, nth)
        assert entry.iid == IID(added.domain, added.address)
        assert entry.seg.bbox == added.bbox
        assert entry.seg.area == np.count_nonzero(added.mask)
        assert np.array_equal(entry.seg.mask(), added.mask)
        for name in file.groups.list():
            assert (nth in file.groups.get(name, keys_only=True)) == (name in added.groups)


@given(strategies.files)
def test_package_reads_its_files_as_the_brute_reader(data):
    expected = brute.read(data)
    assert_same(IIDFile(data), expected)
    offsets = [(entry.offset, entry.length) for entry in expected.entries]
    assert [entry.seg.bufloc for entry in IIDFile(data)] == offsets


@settings(max_examples=100)
@given(strategies.odd_files())
def test_package_reads_odd_files_as_the_brute_reader(data):
    assert_same(IIDFile(data), brute.read(data))


@pytest.mark.parametrize("share", [0.05, 0.2, 0.35, 0.6, 1.0])
def test_scattered_masks_as_the_brute_reader(share):
    """Regions by the dozen, one within the box of another."""
    random = np.random.default_rng(3)
    file = IIDFile()
    for nth in range(30):
        mask = random.random((17, 23)) < share
        file.add(b"%d" % nth, None, (nth, nth, nth + 17, nth + 23), mask)
    assert_same(IIDFile(file.to_bytes()), brute.read(file.to_bytes()))


def test_regions_that_share_pixels_as_the_brute_reader():
    """Where any region has a pixel, the mask has it, in whatever order they come."""
    half = build.region((0, 0, 2, 4), b"\xf0")
    blank = build.region((0, 0, 3, 4), bytes(2))
    corner = build.region((0, 2, 3, 4), b"\xff")
    for one, other in [(half, blank), (blank, half), (half, half), (half, corner)]:
        rows = [build.Row(nth, b"", b"", (0, 0, 3, 4), [one, other], 4) for nth in range(2)]
        data = build.odd_file(rows)
        assert_same(IIDFile(data), brute.read(data))


def test_masks_far_apart_in_the_file():
    """Small masks with more between them than is unpacked in one go."""
    large = np.ones((1500, 1500), bool)
    file = IIDFile()
    for nth in range(6):
        mask = large if nth % 2 else np.eye(3, 4, k=nth % 3, dtype=bool)
        file.add(b"", None, (0, 0, *mask.shape), mask)
    entries = IIDFile(file.to_bytes()).fetch(range(0, 6, 2))
    found = [mask for _, mask in IIDFile(file.to_bytes()).masks()]
    assert [int(mask.sum()) for mask in found] == [3, large.size, 2, large.size, 3, large.size]
    few = IIDFile(file.to_bytes())
    for (_, mask), entry in zip(few.masks(few.fetch([0, 2, 4])), entries, strict=True):
        assert np.array_equal(mask, entry.seg.mask())


@given(strategies.odd_files())
def test_odd_files_mean_the_same_once_saved(data):
    expected = brute.read(data)
    saved = brute.read(IIDFile(data).to_bytes())
    assert (saved.meta, saved.groups) == (expected.meta, expected.groups)
    for new, old in zip(saved.entries, expected.entries, strict=True):
        assert (new.key, new.iid_key, new.seg_key) == (old.key, old.iid_key, old.seg_key)
        assert (new.domain, new.address, new.bbox) == (old.domain, old.address, old.bbox)
        assert (new.area, new.regions, new.length) == (old.area, old.regions, old.length)
        assert np.array_equal(new.mask, old.mask)


@given(st.integers(0, 2**32 - 1), strategies.raw_bytes, strategies.raw_bytes)
def test_record_of_an_iid(key, domain, address):
    assert writer.encode_iid(key, IID(domain, address)) == build.iid(key, domain, address)


@given(strategies.placed_masks())
def test_record_of_a_segment(placed):
    bbox, mask = placed
    row = build.row_of(3, b"", b"", bbox, mask)
    expected = build.segment(3, bbox, row.regions, row.area)
    assert writer.encode_segment(3, BBox(*bbox), mask) == expected


def test_coordinates_at_the_limit():
    box = BBox(65534, 0, 65535, 65535)
    mask = np.ones((1, 65535), bool)
    record = writer.encode_segment(0, box, mask)
    assert np.array_equal(decode.decode_mask(as_bytes(record), 0, len(record), box), mask)
    with pytest.raises(EncodeError, match=r"entry 0 .* 65535, 65536.*0 … 65535"):
        writer.encode_segment(0, BBox(65535, 65535, 65535, 65536), np.ones((0, 1), bool))
    with pytest.raises(EncodeError, match="-1"):
        writer.encode_segment(0, BBox(-1, 0, 0, 1), np.ones((1, 1), bool))


class Long(bytes):
    """Bytes that say they are more than they are, as nobody has four gigabytes to spare."""

    def __len__(self):
        return 2**32


@pytest.mark.parametrize(
    ("name", "iid"), [("domain", (Long(b"x"), b"")), ("address", (b"", Long()))]
)
def test_iid_beyond_the_limit(name, iid):
    with pytest.raises(EncodeError, match=f"{name} of entry 4 has 4294967296 bytes; .* 4294967295"):
        writer.encode_iid(4, IID(*iid))


def test_sections_beyond_the_limit():
    with pytest.raises(EncodeError, match="section segs would be 4294967296 bytes"):
        writer.encode_header([20, 12, 2, 6, 2**32])
    with pytest.raises(EncodeError, match="section meta would be 2 bytes from byte 4294967314"):
        writer.encode_header([20, 2**32 - 2 - 48, 2, 6, 16])
    half = np.array([2**31] * 3)
    with pytest.raises(EncodeError, match="limit is 4294967295"):
        writer.encode_lut(np.arange(3), np.full(3, 12), half)


@pytest.mark.parametrize("value", [math.nan, math.inf, [1e999], "\ud800", {"a": [None, True]}])
def test_metadata_that_json_barely_holds(value):
    file = IIDFile()
    file.meta.data = value
    assert repr(IIDFile(file.to_bytes()).meta.data) == repr(value)


@pytest.mark.parametrize(
    "value", [b"bytes", {1, 2}, object(), {(1, 2): 3}, pytest.param(10**5000, id="long")]
)
def test_metadata_that_json_does_not_hold(value):
    with pytest.raises(EncodeError, match="meta cannot be written as JSON"):
        writer.encode_meta(value)


def nested(depth):
    value = 1
    for nth in range(depth):
        value = [value] if nth % 2 else {"b": "[", "a": value}
    return value


def test_metadata_as_deep_as_the_limit():
    deepest = nested(layout.MAX_JSON_DEPTH)
    file = IIDFile()
    file.meta.data = deepest
    assert IIDFile(file.to_bytes()).meta.data == deepest
    file.meta.data = [deepest]
    with pytest.raises(EncodeError, match="nested deeper than the limit of 200 levels"):
        file.to_bytes()
    again = IIDFile(build.odd_file([], meta=json.dumps([deepest]).encode()))
    with pytest.raises(IIDFormatError, match="section meta at byte 48: JSON is nested deeper"):
        _ = again.meta


def test_metadata_that_recurs():
    value = []
    value.append(value)
    with pytest.raises(EncodeError, match="Circular"):
        writer.encode_meta(value)


def test_groups_are_written_sorted_and_once():
    section = writer.encode_groups({"b": np.array([3, 1, 3]), "a": np.array([], np.int64)})
    assert section == build.groups_of([("b", [1, 3]), ("a", [])])


def test_segments_are_found_however_long_their_chains_are():
    # One segment of many regions among many of few: the chains end at different rounds.
    pixel = [build.region((r, c, r + 1, c + 1), b"\x80") for r in range(30) for c in range(30)]
    counts = [0, 1, 2, 3, 900, 1, 0, 5] * 8
    records = [build.segment(0, (0, 0, 30, 30), pixel[:n], n) for n in counts]
    data = as_bytes(b"".join(records))
    length = np.array([len(record) for record in records])
    bbox = np.tile(np.array([0, 0, 30, 30], np.uint16), (len(records), 1))
    table = regions.read_regions(data, np.cumsum(length) - length, length, bbox)
    assert np.bincount(table.segment, minlength=len(counts)).tolist() == counts
    assert table.regions.bbox[table.segment == 4].tolist()[-1] == [29, 29, 30, 30]
    masks = list(decode.decode_masks(data, np.cumsum(length) - length, length, bbox))
    assert [int(mask.sum()) for mask in masks] == counts


def test_group_names_of_a_list_are_united():
    raw = build.odd_file(
        [build.Row(3), build.Row(1)], groups=[("a", [3]), ("b", []), ("a", [1, 3, 1])]
    )
    data = as_bytes(raw)
    found = attributes.read_groups(data, reader.read_header(data), np.array([3, 1]))
    assert {name: keys.tolist() for name, keys in found.items()} == {"a": [1, 3], "b": []}
