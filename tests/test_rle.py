"""Run lengths as COCO has them, with pycocotools as the judge."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pycocotools import mask as judge

from iidindex.errors import ExchangeError
from iidindex.masks.rle import (
    compress,
    compress_all,
    decode,
    decode_all,
    decompress,
    decompress_all,
    runs,
    runs_all,
)
from iidindex.model import BBox


def random_masks(n, seed, most=24):
    """Frames from empty to full, some of blocks and some of noise, and a box that holds each."""
    random = np.random.default_rng(seed)
    for nth in range(n):
        height, width = random.integers(1, most, 2).tolist()
        frame = np.zeros((height, width), np.bool_)
        r0, r1 = np.sort(random.integers(0, height + 1, 2)).tolist()
        c0, c1 = np.sort(random.integers(0, width + 1, 2)).tolist()
        if nth % 3 == 0:
            r0, r1 = 0, height
        if nth % 5 == 0:
            c0, c1 = 0, width
        density = random.choice([0, 0.1, 0.5, 0.9, 1])
        frame[r0:r1, c0:c1] = random.random((r1 - r0, c1 - c0)) < density
        yield frame, BBox(r0, c0, r1, c1)


def tight(frame):
    rows, columns = np.flatnonzero(frame.any(1)), np.flatnonzero(frame.any(0))
    if not len(rows):
        return BBox(0, 0, 0, 0)
    return BBox(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def cut(frame, box):
    return frame[box.minr : box.maxr, box.minc : box.maxc]


def encoded(frame):
    return judge.encode(np.asfortranarray(frame, np.uint8))["counts"]


def from_text(text, height, width):
    return decode(decompress(text), height, width)


def agrees(found, frame):
    box, mask = found
    assert box == tight(frame)
    assert mask.dtype == np.bool_
    assert mask.flags.c_contiguous
    np.testing.assert_array_equal(mask, cut(frame, box), strict=True)


@pytest.mark.parametrize("seed", range(4))
def test_masks_and_strings_are_those_of_pycocotools(seed):
    for frame, box in random_masks(1000, seed):
        text = encoded(frame)
        counts = runs(cut(frame, box), box, *frame.shape)
        assert compress(counts) == text
        assert decompress(text).tolist() == counts.tolist()
        agrees(decode(counts, *frame.shape), frame)


# It hands out arrays in a way that NumPy has given up.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_uncompressed_counts_are_read_by_both():
    for frame, box in random_masks(500, 7):
        counts = runs(cut(frame, box), box, *frame.shape).tolist()
        size = list(frame.shape)
        theirs = judge.frPyObjects({"size": size, "counts": counts}, *size)
        assert theirs["counts"] == compress(counts)
        np.testing.assert_array_equal(judge.decode(theirs).astype(bool), frame)


def test_a_box_need_not_be_tight():
    frame = np.zeros((9, 7), np.bool_)
    frame[3, 4] = True
    whole = BBox(0, 0, 9, 7)
    assert runs(frame, whole, 9, 7).tolist() == [39, 1, 23]
    assert runs(cut(frame, tight(frame)), tight(frame), 9, 7).tolist() == [39, 1, 23]


@pytest.mark.parametrize("order", ["columns", "rows"])
def test_many_masks_at_once_are_as_one_by_one(order):
    for seed in range(20):
        frame = next(random_masks(1, seed, most=60))[0]
        height, width = frame.shape
        random = np.random.default_rng(seed)
        masks, boxes = [], []
        for _ in range(seed * 3):
            r0, r1 = np.sort(random.integers(0, height + 1, 2)).tolist()
            c0, c1 = np.sort(random.integers(0, width + 1, 2)).tolist()
            boxes.append(BBox(r0, c0, r1, c1))
            masks.append(random.random((r1 - r0, c1 - c0)) < 0.6)
        counts = runs_all(masks, boxes, height, width, order)
        alone = [
            runs(mask, box, height, width, order) for mask, box in zip(masks, boxes, strict=True)
        ]
        assert [each.tolist() for each in counts] == [each.tolist() for each in alone]
        assert compress_all(counts) == [compress(each) for each in counts]
        for mask, box, count in zip(masks, boxes, counts, strict=True):
            whole = np.zeros((height, width), np.bool_)
            whole[box.minr : box.maxr, box.minc : box.maxc] = mask
            agrees(decode(count, height, width, order), whole)
            expected = encoded(whole) if order == "columns" else encoded(whole.T)
            assert compress(count) == expected

        texts = [compress(each) for each in counts]
        assert [each.tolist() for each in decompress_all(texts)] == [e.tolist() for e in counts]
        found = decode_all(counts, height, width, order)
        for (box, mask), count in zip(found, counts, strict=True):
            expected_box, expected = decode(count, height, width, order)
            assert box == expected_box
            np.testing.assert_array_equal(mask, expected, strict=True)


@given(st.lists(st.lists(st.integers(0, 2**32 - 1), max_size=5), max_size=8))
def test_many_strings_at_once(lists):
    texts = compress_all(lists)
    assert texts == [compress(each) for each in lists]
    assert [each.tolist() for each in decompress_all(texts)] == lists


@pytest.mark.parametrize("wrong", [b"5 2", "5P", b"PPPPPPPPP0", "5220J", None])
def test_many_strings_one_of_them_wrong(wrong):
    with pytest.raises(ExchangeError) as alone:
        decompress(wrong)
    for texts in ([wrong, b"5"], [b"52203", "", wrong], [b"1234", wrong, b"52203"]):
        with pytest.raises(ExchangeError) as beside:
            decompress_all(texts)
        assert str(beside.value) == str(alone.value)


def test_many_counts_one_of_them_wrong():
    for counts in ([[16], [5, 2]], [[5, 2], [16]], [[16], [5, 2, 9, 9], []]):
        with pytest.raises(ExchangeError, match="expected 4 x 4 = 16"):
            decode_all(counts, 4, 4)
    with pytest.raises(ExchangeError, match="a count of -1"):
        decode_all([[16], [17, -1]], 4, 4)
    assert decode_all([], 4, 4) == decompress_all([]) == []


def test_more_masks_than_fit_one_canvas():
    random = np.random.default_rng(1)
    masks = [random.random((size, 1500)) < 0.5 for size in (400, 1, 700, 0, 300)]
    boxes = np.array([[10, 20, 10 + len(mask), 1520] for mask in masks])
    counts = runs_all(masks, boxes, 800, 1600)
    for (box, mask), count in zip(decode_all(counts, 800, 1600), counts, strict=True):
        assert box == decode(count, 800, 1600)[0]
        np.testing.assert_array_equal(mask, decode(count, 800, 1600)[1], strict=True)
    for mask, box, count in zip(masks, boxes, counts, strict=True):
        whole = np.zeros((800, 1600), np.bool_)
        whole[box[0] : box[2], box[1] : box[3]] = mask
        assert compress(count) == encoded(whole)
        agrees(decode(count, 800, 1600), whole)


def test_rows_are_columns_turned():
    for frame, box in random_masks(300, 3):
        counts = runs(cut(frame, box), box, *frame.shape, order="rows")
        flat = np.concatenate([[False], frame.reshape(-1), [False]])
        changes = np.flatnonzero(flat[1:] != flat[:-1]).tolist()
        if changes and changes[-1] == frame.size:
            del changes[-1]
        assert np.cumsum(counts).tolist() == [*changes, frame.size]
        agrees(decode(counts, *frame.shape, order="rows"), frame)


@given(st.lists(st.integers(0, 2**32 - 1), max_size=30))
@example([])
@example([0])
@example([2**32 - 1, 0, 0, 2**32 - 1, 2**32 - 1, 0, 0])
def test_strings_of_any_counts(counts):
    text = compress(counts)
    assert decompress(text).tolist() == decompress(text.decode()).tolist() == counts
    # Its arithmetic is right over the whole range, and only its drawing needs a frame.
    theirs = judge.frPyObjects({"size": [1, 1], "counts": counts}, 1, 1)["counts"]
    assert text == theirs


@pytest.mark.parametrize("edge", [15, 16, 17, 511, 512, 513, 2**14, 2**19 - 1, 2**24, 2**29 - 1])
def test_differences_where_another_character_is_needed(edge):
    for counts in ([edge], [0, 0, edge, 0, 0], [0, edge, 0, 0, 0], [0, edge + 1, 0, 1, 1]):
        theirs = judge.frPyObjects({"size": [1, 1], "counts": counts}, 1, 1)["counts"]
        assert compress(counts) == theirs
        assert decompress(theirs).tolist() == counts


def test_counts_of_zero_in_the_middle():
    frame = np.array([[1, 1, 1, 0, 0, 1]], np.bool_).T
    agrees(decode([0, 1, 0, 2, 2, 0, 0, 1], 6, 1), frame)
    agrees(decode([0, 3, 2, 1, 0, 0, 0], 6, 1), frame)
    agrees(decode([6, 0], 6, 1), np.zeros((6, 1), np.bool_))


def test_a_run_over_several_columns():
    frame = np.zeros((6, 5), np.bool_)
    frame.reshape(-1)[7:23] = True
    frame = frame.T
    agrees(decode([7, 16, 7], 5, 6), frame)


def test_a_large_frame_takes_no_room():
    # The frame would need 4 GB.
    counts = [2**31, 3, 2**31 - 3]
    box, mask = decode(counts, 2**16, 2**16)
    assert (box, mask.all()) == (BBox(0, 2**15, 3, 2**15 + 1), True)
    assert runs(mask, box, 2**16, 2**16).tolist() == counts


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0)])
def test_frames_without_pixels(shape):
    assert decode([0], *shape)[0] == decode([], *shape)[0] == BBox(0, 0, 0, 0)
    assert runs(np.zeros((0, 0), np.bool_), BBox(0, 0, 0, 0), *shape).tolist() == [0]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("b'52203'", 'b"\'" at byte 1'),
        (b"52 203", "b' ' at byte 2"),
        ("5220p", "b'p' at byte 4"),
        ("52ä", "at byte 2"),
        ("\ud800", "at byte 0"),
        (b"522\0", r"at byte 3"),
        ("522P", "end within a number"),
        ("522PPPPPPP0", "a number of 8 characters"),
        ("M", "a count of -3"),
        ("5220J", "a count of -4"),
        ("PPPPPP4", "a count of 4294967296"),
        (None, "NoneType"),
        ([5, 2], "list"),
    ],
)
def test_strings_that_are_none(text, found):
    with pytest.raises(ExchangeError) as error:
        decompress(text)
    assert found in str(error.value)
    assert "expected" in str(error.value)


@given(st.binary(max_size=12) | st.text(max_size=12) | st.text("0123LMNOPQ`ano", max_size=12))
def test_nonsense_is_refused_or_right(text):
    try:
        counts = decompress(text)
    except ExchangeError:
        return
    size = int(counts.sum())
    assert decompress(compress(counts)).tolist() == counts.tolist()
    if size < 10_000:
        _, mask = decode(counts, size, 1)
        assert mask.sum() == counts[1::2].sum()
    with pytest.raises(ExchangeError, match=f"{size} pixels; expected"):
        decode(counts, size + 1, 1)


def test_nonsense_strings_by_thousands():
    random = np.random.default_rng(0)
    n_read = 0
    for _ in range(4000):
        text = random.integers(ord("0"), ord("p"), random.integers(0, 9)).astype(np.uint8)
        try:
            counts = decompress(text.tobytes())
        except ExchangeError:
            continue
        n_read += 1
        assert (counts >= 0).all()
        theirs = judge.frPyObjects({"size": [1, 1], "counts": counts.tolist()}, 1, 1)["counts"]
        assert theirs == compress(counts)
    assert n_read > 50


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ([5, 2, 2, 2, 4], "15 pixels; expected 4 x 4 = 16"),
        ([5, 2, 2, 2, 6], "17 pixels"),
        ([], "0 pixels"),
        ([17, -1], "a count of -1"),
        ([2**32], "a count of 4294967296"),
        ([2**64], "over 64 bits"),
        ([-(10**400)], "over 64 bits"),
        ([16.0], "float"),
        ([True, 15], "bool"),
        (["16"], "str"),
        ([None], "NoneType"),
        ([[16]], "list"),
        ("16", "str"),
        (None, "NoneType"),
        ({"a": 1}, "dict"),
        (np.array([16.0]), "float64"),
        (np.array([True]), "bool"),
        (np.array([[16]]), "2-dimensional"),
        (np.array([2**64 - 1], np.uint64), "a count of 4294967296"),
    ],
)
def test_counts_that_are_none(counts, found):
    with pytest.raises(ExchangeError) as error:
        decode(counts, 4, 4)
    assert found in str(error.value)
    assert "expected" in str(error.value)


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.uint64, list, tuple])
def test_counts_of_any_integers(kind):
    counts = kind([5, 2, 2, 2, 5]) if kind in (list, tuple) else np.array([5, 2, 2, 2, 5], kind)
    assert decode(counts, 4, 4)[0] == BBox(1, 1, 3, 3)
    assert compress(counts) == b"52203"


@pytest.mark.parametrize(
    ("shape", "box", "found"),
    [
        ((2, 2), BBox(3, 0, 5, 2), "(3, 0, 5, 2) reaches outside"),
        ((2, 2), BBox(0, -1, 2, 1), "(0, -1, 2, 1) reaches outside"),
        ((2, 2), BBox(0, 4, 2, 6), "reaches outside"),
        ((2, 3), BBox(0, 0, 2, 2), "shape (2, 3); expected"),
    ],
)
def test_masks_that_do_not_fit(shape, box, found):
    with pytest.raises(ExchangeError) as error:
        runs_all(
            [np.ones((1, 1), np.bool_), np.ones(shape, np.bool_)], [BBox(0, 0, 1, 1), box], 4, 5
        )
    assert found in str(error.value)


def test_as_many_boxes_as_masks():
    with pytest.raises(ExchangeError, match="1 boxes for 0 masks"):
        runs_all([], [BBox(0, 0, 1, 1)], 4, 5)
    assert runs_all([], [], 4, 5) == []
    assert compress_all([]) == []


def test_extents_are_those_of_the_masks() -> None:
    from iidindex.masks.rle import runs_all
    from iidindex.masks.run_extents import extents

    rng = np.random.default_rng(11)
    for _ in range(100):
        height, width = rng.integers(1, 12, 2).tolist()
        masks = [rng.random((height, width)) < rng.random() ** 2 for _ in range(6)]
        boxes = [BBox(0, 0, height, width)] * 6
        found, areas = extents(runs_all(masks, boxes, height, width), height)
        for mask, box, area in zip(masks, found.tolist(), areas.tolist(), strict=True):
            rows, columns = np.nonzero(mask)
            expected = [0, 0, 0, 0]
            if len(rows):
                expected = [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]
            assert (box, area) == (expected, mask.sum())
