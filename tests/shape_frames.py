"""Shapes as whole frames: as drawn here, and as pycocotools draws them."""

import numpy as np
from pycocotools import mask as judge

from iidindex.masks.polygons import draw
from iidindex.model import BBox


def in_frame(found, height, width):
    """The whole frame of a box and its mask, which must be tight."""
    box, mask = found
    assert mask.dtype == np.bool_
    assert mask.flags.c_contiguous
    assert mask.shape == (box.height, box.width)
    assert all(type(side) is int for side in box)
    if not box.n_pixels:
        assert box == BBox(0, 0, 0, 0)
    elif not (mask[0].any() and mask[-1].any() and mask[:, 0].any() and mask[:, -1].any()):
        raise AssertionError(f"{box} is not tight")
    frame = np.zeros((height, width), np.bool_)
    frame[box.minr : box.maxr, box.minc : box.maxc] = mask
    return frame


def drawn(shape, height, width, rule):
    (found,) = draw([shape], height, width, rule)
    return in_frame(found, height, width)


def by_pycocotools(shape, height, width):
    codes = judge.frPyObjects([each.reshape(-1).tolist() for each in shape], height, width)
    return judge.decode(judge.merge(codes)).astype(np.bool_)
