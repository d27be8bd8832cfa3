"""Label images: planes of whole numbers in which every pixel names whose it is."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from iidindex.masks.boxes import BoxIndex
from iidindex.masks.regions import Bool2D
from iidindex.model import BBox

Ints = npt.NDArray[np.int64]


class Labels(NamedTuple):
    """What labels a plane holds, ascending.

    Attributes
    ----------
    value : ndarray of int64, shape (n,)
    bbox : ndarray of int64, shape (n, 4)
        ``(minr, minc, maxr, maxc)``, half-open, pixels, tight.
    area : ndarray of int64, shape (n,)
    n_runs : int
        Stretches of equal pixels within rows: few of them are whole shapes, many are noise.
    """

    value: Ints
    bbox: Ints
    area: Ints
    n_runs: int


def find_labels(plane: npt.NDArray[Any]) -> Labels:
    """Find the boxes and areas of all labels; 0 and below are background.

    Works on stretches of equal pixels, of which there are some per row and shape.

    Parameters
    ----------
    plane : ndarray of int, shape (height, width)

    Returns
    -------
    Labels
    """
    width = plane.shape[1]
    if not plane.size:
        none = np.empty(0, np.int64)
        return Labels(none, np.empty((0, 4), np.int64), none, 0)
    flat = np.ascontiguousarray(plane).reshape(-1)
    begins = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    if width > 1:
        # A stretch that goes on in the next row is one of each.
        begins = np.union1d(begins, np.arange(width, flat.size, width))
    else:
        begins = np.arange(1, flat.size)
    begins = np.append(0, begins)
    ends = np.append(begins[1:], flat.size)
    of = flat[begins]
    inside = np.flatnonzero(of > 0)
    begins, ends, of = begins[inside], ends[inside], of[inside].astype(np.int64)
    if not len(of):
        none = np.empty(0, np.int64)
        return Labels(none, np.empty((0, 4), np.int64), none, 0)
    order = np.argsort(of, kind="stable")
    of, begins, ends = of[order], begins[order], ends[order]
    first = np.flatnonzero(np.append(True, of[1:] != of[:-1]))
    row = begins // width
    left = begins - row * width
    box = np.stack(
        [
            np.minimum.reduceat(row, first),
            np.minimum.reduceat(left, first),
            np.maximum.reduceat(row, first) + 1,
            np.maximum.reduceat(left + ends - begins, first),
        ],
        axis=1,
    )
    return Labels(of[first], box, np.add.reduceat(ends - begins, first), len(of))


def masks_of(plane: npt.NDArray[Any], labels: Labels) -> list[tuple[BBox, Bool2D]]:
    """Cut out the mask of each label.

    Parameters
    ----------
    plane : ndarray of int, shape (height, width)
    labels : Labels
        As `find_labels` gave them.

    Returns
    -------
    list of (BBox, ndarray of bool)
        In the order of `labels`.
    """
    boxes = map(BBox._make, labels.bbox.tolist())
    return [
        (box, plane[box.minr : box.maxr, box.minc : box.maxc] == value)
        for box, value in zip(boxes, labels.value.tolist(), strict=True)
    ]


def assign_planes(boxes: Ints, areas: Ints, masks: list[Bool2D], numbers: Ints) -> Ints:
    """Find the planes that `paint_planes` would paint masks onto, without painting any.

    Parameters
    ----------
    boxes, areas, masks, numbers
        As for `paint_planes`.

    Returns
    -------
    ndarray of int64, shape (n,)
    """
    overlapping: list[list[int]] = [[] for _ in masks]
    for i, j in BoxIndex(boxes).pairs():
        for one, other in zip(i.tolist(), j.tolist(), strict=True):
            if numbers[one] != numbers[other] and _share(boxes, masks, one, other):
                overlapping[one].append(other)
                overlapping[other].append(one)
    plane_of = np.full(len(masks), -1, np.int64)
    for which in np.argsort(-areas, kind="stable").tolist():
        taken = {int(plane_of[other]) for other in overlapping[which]}
        plane_of[which] = next(place for place in range(len(taken) + 1) if place not in taken)
    return plane_of


def _share(boxes: Ints, masks: list[Bool2D], one: int, other: int) -> bool:
    common = BBox(*boxes[one].tolist()) & BBox(*boxes[other].tolist())
    parts = [
        masks[which][
            common.minr - boxes[which, 0] : common.maxr - boxes[which, 0],
            common.minc - boxes[which, 1] : common.maxc - boxes[which, 1],
        ]
        for which in (one, other)
    ]
    return bool((parts[0] & parts[1]).any())


def paint_planes(
    boxes: Ints, areas: Ints, masks: list[Bool2D], shape: tuple[int, int], numbers: Ints
) -> tuple[list[npt.NDArray[np.uint32]], Ints]:
    """Paint masks onto as few planes as it takes that none covers another's, by first fit.

    Parameters
    ----------
    boxes : ndarray of int64, shape (n, 4)
        ``(minr, minc, maxr, maxc)``, half-open, pixels; within `shape`.
    areas : ndarray of int64, shape (n,)
        The largest are painted first.
    masks : list of ndarray of bool
    shape : (height, width)
    numbers : ndarray of int64, shape (n,)
        What to paint each with; from 1 on. Masks of equal numbers may cover each other.

    Returns
    -------
    planes : list of ndarray of uint32, shape (height, width)
        At least one.
    plane_of : ndarray of int64, shape (n,)
    """
    planes = [np.zeros(shape, np.uint32)]
    plane_of = np.zeros(len(masks), np.int64)
    for which in np.argsort(-areas, kind="stable").tolist():
        minr, minc, maxr, maxc = boxes[which].tolist()
        mask = masks[which]
        for place in range(len(planes) + 1):
            if place == len(planes):
                planes.append(np.zeros(shape, np.uint32))
            part = planes[place][minr:maxr, minc:maxc]
            held = part[mask]
            if not held[held != numbers[which]].any():
                part[mask] = numbers[which]
                plane_of[which] = place
                break
    return planes, plane_of
