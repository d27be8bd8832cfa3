"""Masks packed over boxes, against masks that are unpacked and packed again."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from iidindex.masks import packed_boxes
from iidindex.masks.packed_boxes import pack_boxes
from iidindex.masks.regions import LEAD, Regions, packed_sizes

SIDE = 24


@st.composite
def several(draw):
    """For each mask its regions, some of which overlap, and the box that is wanted."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    masks = []
    for _ in range(draw(st.integers(0, 6))):
        regions = []
        for _ in range(draw(st.integers(0, 3))):
            low = rng.integers(0, SIDE, 2)
            high = low + rng.integers(0, 9, 2)
            pixels = rng.random(tuple(high - low)) < 0.5
            regions.append(((*low, *high), pixels))
        low = rng.integers(0, SIDE, 2)
        box = (*low, *(low + rng.integers(0, SIDE, 2)))
        if regions and draw(st.booleans()):
            box = regions[0][0]
        masks.append((regions, box))
    return masks, draw(st.booleans()), rng


def laid(masks, rng):
    """The regions in one buffer of noise; bits after the last one may be anything."""
    data, start, bbox, owner = [rng.integers(0, 256, LEAD, np.uint8)], [], [], []
    for nth, (regions, _) in enumerate(masks):
        for box, pixels in regions:
            packed = np.packbits(pixels.reshape(-1))
            if pixels.size % 8:
                packed[-1] |= rng.integers(0, 1 << (8 - pixels.size % 8))
            start.append(sum(map(len, data)))
            data += [packed, rng.integers(0, 256, rng.integers(0, 4), np.uint8)]
            bbox.append(box)
            owner.append(nth)
    boxes = np.array(bbox, np.int64).reshape(-1, 4)
    found = Regions(np.concatenate(data), np.array(start, np.int64), boxes)
    return found, np.array(owner, np.int64)


def painted(regions, box):
    """Slowly, on a plane that holds everything."""
    plane = np.zeros((3 * SIDE, 3 * SIDE), bool)
    for (minr, minc, maxr, maxc), pixels in regions:
        plane[minr:maxr, minc:maxc] |= pixels
    return plane[box[0] : box[2], box[1] : box[3]]


@given(several())
def test_bits_of_boxes(drawn):
    masks, is_alone, rng = drawn
    regions, owner = laid(masks, rng)
    wanted = np.array([box for _, box in masks], np.int64).reshape(-1, 4)
    before, packed_boxes._PIXELS_ALONE = packed_boxes._PIXELS_ALONE, 0 if is_alone else 1 << 16
    try:
        bits, start = pack_boxes(regions, owner, wanted)
    finally:
        packed_boxes._PIXELS_ALONE = before
    assert len(bits) == packed_sizes(wanted).sum()
    for (own, box), begin, size in zip(masks, start.tolist(), packed_sizes(wanted), strict=True):
        mask = painted(own, box)
        assert np.array_equal(bits[begin : begin + size], np.packbits(mask.reshape(-1)))
