"""Masks placed in a frame: as regions of packed bits, and painted onto one array."""

import numpy as np
from hypothesis import strategies as st

import strategies
from iidindex.masks.regions import LEAD, Regions
from iidindex.model import BBox


def regions_of(placed, junk=0xA5):
    """`Regions` of (bbox, mask) pairs in a buffer of nonsense, as if in the middle of a file.

    The bits after each last pixel are set, to show whether anybody counts them.
    """
    data, start = bytes([junk]) * LEAD, []
    for nth, (_, mask) in enumerate(placed):
        bits = np.concatenate([mask.reshape(-1), np.ones(-mask.size % 8, bool)])
        start.append(len(data))
        data += np.packbits(bits).tobytes() + bytes([junk]) * (nth % 3)
    bbox = np.array([bbox for bbox, _ in placed], np.int64).reshape(-1, 4)
    return Regions(np.frombuffer(data, np.uint8), np.array(start, np.int64), bbox)


def canvas(placed, box):
    """Everything painted onto one array that covers `box`."""
    out = np.zeros((box[2] - box[0], box[3] - box[1]), bool)
    for (minr, minc, _, _), mask in placed:
        for row, col in np.add(np.argwhere(mask), (minr - box[0], minc - box[1])):
            if 0 <= row < out.shape[0] and 0 <= col < out.shape[1]:
                out[row, col] = True
    return out


def around(placed):
    """A box around everything, and a little more."""
    corners = np.array([bbox for bbox, _ in placed] or [(0, 0, 0, 0)])
    (minr, minc), (maxr, maxc) = corners[:, :2].min(axis=0) - 2, corners[:, 2:].max(axis=0) + 2
    return BBox(int(minr), int(minc), int(maxr), int(maxc))


@st.composite
def near_masks(draw, max_side=14, spread=20):
    """``(bbox, mask)`` near the corner, so that many overlap."""
    mask = draw(strategies.masks(max_side))
    row, col = draw(st.integers(0, spread)), draw(st.integers(0, spread))
    return (row, col, row + mask.shape[0], col + mask.shape[1]), mask


several = st.lists(near_masks(), max_size=5)


@st.composite
def a_box(draw, side=40):
    row, col = draw(st.integers(0, side)), draw(st.integers(0, side))
    return BBox(row, col, row + draw(st.integers(0, side)), col + draw(st.integers(0, side)))


def noise(height, width, share=0.5, seed=0):
    return np.random.default_rng(seed).random((height, width)) < share
