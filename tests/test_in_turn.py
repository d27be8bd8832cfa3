"""One thing after the other: what entries are asked for in turn is decoded for many at a time."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import brute
import build
import strategies
from build import Row
from iidindex import IIDFile, IIDFormatError, QueryError

# So many small masks are decoded together, at least.
MANY = 24


@st.composite
def many_rows(draw):
    """Rows enough to be decoded together: tight masks, or any regions in a box."""
    rows = []
    keys = draw(st.permutations(range(draw(st.integers(9, 16)))))
    tight = draw(st.booleans())
    for key in keys:
        bbox, mask = draw(strategies.placed_masks(max_side=9))
        if tight or draw(st.booleans()):
            rows.append(build.row_of(key, b"d", b"%d" % key, bbox, mask))
        else:
            regions = draw(st.lists(strategies.regions_in(bbox), max_size=3))
            rows.append(Row(key, b"d", b"%d" % key, bbox, regions))
    return rows


@given(many_rows(), st.data())
def test_masks_in_any_order_are_what_the_slow_reader_says(rows, data):
    raw = build.odd_file(rows, record_gap=data.draw(st.sampled_from([b"", b"gap"])))
    expected = {entry.key: entry.mask for entry in brute.read(raw).entries}
    file = IIDFile(raw)
    entries = data.draw(
        st.sampled_from(
            [
                lambda: file.fetch(everything=True),
                lambda: list(file),
                lambda: file.fetch(range(0, len(rows), 2)),
            ]
        )
    )()
    in_turn = list(range(len(entries)))
    orders = st.sampled_from([in_turn, in_turn[1:], in_turn * 2, sorted(in_turn * 2)])
    order = data.draw(orders | st.lists(st.sampled_from(in_turn), max_size=30))
    found = [(entries[nth].key, entries[nth].seg.mask()) for nth in order]
    for nth, (key, mask) in enumerate(found):
        assert mask.dtype == bool
        assert np.array_equal(mask, expected[key])
        # It is the caller's to change, and nobody else's.
        mask[...] = True
        for other, one in found[nth + 1 :]:
            assert np.array_equal(one, expected[other])


def small_file(n=MANY, add=IIDFile.add):
    file = IIDFile()
    for nth in range(n):
        add(file, b"%d" % nth, b"d", (nth, 0, nth + 3, 4), np.arange(12).reshape(3, 4) % 5 != 2)
    return file


def test_one_mask_alone_has_memory_of_its_own_and_those_in_turn_share_it():
    file = IIDFile(small_file().to_bytes())
    first, second, third = (entry.seg.mask() for entry in file.fetch(everything=True)[:3])
    assert first.nbytes * 8 >= first.base.nbytes
    assert second.base is third.base
    assert not np.shares_memory(second, third)
    lone = [IIDFile(small_file().to_bytes()).fetch(key)[0].seg.mask() for key in range(3)]
    assert len({id(mask.base) for mask in lone}) == 3


def test_an_invalid_segment_costs_only_itself():
    data = bytearray(small_file().to_bytes())
    (bad,) = (entry for entry in brute.read(bytes(data)).entries if entry.key == 11)
    struct.pack_into("<I", data, bad.offset + 16, 5)  # the length of its region
    with pytest.raises(IIDFormatError) as alone:
        IIDFile(bytes(data)).fetch(11)[0].seg.mask()
    for fetch in (lambda file: file.fetch(everything=True), list):
        seen = []
        for entry in fetch(IIDFile(bytes(data))):
            if entry.key == 11:
                with pytest.raises(IIDFormatError) as error:
                    entry.seg.mask()
                assert str(error.value) == str(alone.value)
            else:
                seen.append(int(entry.seg.mask().sum()))
        assert seen == [10] * (MANY - 1)


def test_nothing_is_handed_out_once_the_file_is_closed(tmp_path):
    small_file().save(tmp_path / "a.iid")
    with IIDFile(tmp_path / "a.iid") as file:
        entries = file.fetch(everything=True)
        kept = [entry.seg.mask() for entry in entries[:5]]
        iids = [entry.iid for entry in entries]
    with pytest.raises(QueryError, match="a.iid: the file is closed"):
        entries[5].seg.mask()
    assert [int(mask.sum()) for mask in kept] == [10] * 5
    assert [entry.iid for entry in entries] == iids


def test_entries_go_on_after_additions_and_saving(tmp_path):
    file = IIDFile(small_file().to_bytes())
    entries = file.fetch(everything=True)
    assert [entry.iid.address for entry in entries[:2]] == [b"0", b"1"]
    assert [entry.seg.area for entry in entries[:2]] == [10, 10]
    masks = [entry.seg.mask() for entry in entries[:4]]
    file.add(b"new", None, (0, 0, 1, 1), [[1]])
    everyone = file.fetch(everything=True)
    assert [entry.iid.address for entry in everyone] == [b"%d" % n for n in range(MANY)] + [b"new"]
    assert [entry.seg.area for entry in everyone] == [10] * MANY + [1]
    assert [int(entry.seg.mask().sum()) for entry in everyone] == [10] * MANY + [1]
    file.save(tmp_path / "a.iid")
    masks += [entry.seg.mask() for entry in entries[4:]]
    assert [int(mask.sum()) for mask in masks] == [10] * MANY
    assert [int(entry.seg.mask().sum()) for entry in everyone] == [10] * MANY + [1]


def test_segments_of_the_same_bytes_have_masks_of_their_own():
    square = build.region((0, 0, 2, 2), np.ones((2, 2), bool))
    rows = [Row(nth, b"", b"a", (0, 0, 2, 2), [square], 4) for nth in range(MANY)]
    sections = build.sections_of(rows)
    size = len(sections["segs"]) // MANY
    # The section is as long as all together; every row points to its beginning.
    sections["lut"] = build.lut((nth, nth * 13, 13, 0, size) for nth in range(MANY))
    file = IIDFile(build.assemble(sections))
    masks = [entry.seg.mask() for entry in file.fetch(everything=True)]
    masks[5][...] = False
    assert [int(mask.sum()) for mask in masks] == [4] * 5 + [0] + [4] * (MANY - 6)


def test_masks_are_read_ahead_again_the_second_time():
    file = IIDFile(small_file().to_bytes())
    entries = file.fetch(everything=True)
    for _ in range(2):
        masks = [entry.seg.mask() for entry in entries]
        assert len({id(mask.base) for mask in masks}) == 2


def test_all_are_loaded_and_so_is_what_is_added_later():
    file = IIDFile(small_file(4).to_bytes())
    file.fetch(all_keys=True, iids=True)
    file.add(b"new", None, (0, 0, 1, 1), [[1]])
    assert [entry.key for entry in file.region((0, 0, 99, 99), only_loaded=True)] == [0, 1, 2, 3, 4]
