"""Outlines of masks as the ``d`` of an SVG path."""

from __future__ import annotations

import numpy as np

from iidindex.masks.polygons import outlines
from iidindex.masks.regions import Bool2D
from iidindex.model import BBox


def svg_path(mask: Bool2D, bbox: BBox) -> str:
    """A mask as an SVG path, along the edges of its pixels.

    Parameters
    ----------
    mask : ndarray of bool, shape (bbox.height, bbox.width)
    bbox : BBox
        Where it lies in the picture.

    Returns
    -------
    str
        In pixels of the picture. Filled by the rule ``evenodd``, it covers the pixels of the mask
        and no other. Empty for a mask without pixels.

    References
    ----------
    SVG 2, section 9.3, "Path data": https://www.w3.org/TR/SVG2/paths.html#PathData

    Examples
    --------
    >>> svg_path(np.array([[True, True], [True, False]]), BBox(0, 0, 2, 2))
    'M0 0h2v1h-1v1h-1z'
    """
    parts = []
    for polygon in outlines(mask, bbox):
        for ring in polygon:
            # The first edge goes along a row, and each turns; `z` draws the last one.
            steps = np.diff(ring, axis=0).sum(axis=1).tolist()
            (x, y) = ring[0].tolist()
            turns = "h%dv%d" * (len(steps) // 2) + "h%d" * (len(steps) % 2)
            parts.append(f"M{x} {y}{turns % tuple(steps)}z")
    return "".join(parts)
