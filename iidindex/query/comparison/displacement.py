"""How far individuals are from where they were, from the first of their files to the last."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from iidindex.query.comparison.file_order import FileOrder
from iidindex.query.comparison.spans import Spans
from iidindex.query.pixels.originals import Originals
from iidindex.query.pixels.segments import Ints
from iidindex.query.pixels.sift import read_masks
from iidindex.query.question.asking import Question, files_of, segments_with

Floats = npt.NDArray[np.float64]

# Masks that are looked up together.
_MASKS = 8192


def between_boxes(spans: Spans) -> Floats:
    """From the middle of the first box to that of the last."""
    middles = [box[:, :2] + box[:, 2:] for box in (spans.first_box, spans.last_box)]
    away = (middles[1] - middles[0]) / 2
    distance: Floats = np.hypot(away[:, 0], away[:, 1])
    return distance


def between_centroids(
    question: Question, originals: Originals, spans: Spans, order: FileOrder
) -> Floats:
    """From the centroid of the masks in the first file to that in the last; NaN for no pixels."""
    by_group = np.argsort(spans.group)
    row, end, entry_id = _ends(question, spans, order, by_group)
    # Of each end: pixels, sums of rows and columns, and how many masks are still to come.
    sums = np.zeros((len(spans), 2, 4))
    for which in (0, 1):
        np.add.at(sums[:, which, 3], row[end[:, which]], 1)
    by_id = np.argsort(entry_id)
    row, end, entry_id = row[by_id], end[by_id], entry_id[by_id]
    for low in range(0, len(entry_id), _MASKS):
        ids = entry_id[low : low + _MASKS]
        segments = segments_with(question.connection, ids)
        files = files_of(question.connection, segments.file_id)
        for nth, mask in read_masks(originals, files, segments, question.filters.on_stale):
            rows, cols = mask.sum(axis=1), mask.sum(axis=0)
            minr, minc, maxr, maxc = segments.bbox[nth].tolist()
            told = (rows.sum(), rows @ np.arange(minr, maxr), cols @ np.arange(minc, maxc), -1)
            sums[row[low + nth], end[low + nth]] += told
    with np.errstate(invalid="ignore"):
        middle = sums[..., 1:3] / np.where(sums[..., 3:] == 0, sums[..., :1], np.nan)
    away = middle[:, 1] - middle[:, 0]
    distance: Floats = np.hypot(away[:, 0], away[:, 1])
    return distance


def _ends(
    question: Question, spans: Spans, order: FileOrder, by_group: Ints
) -> tuple[Ints, npt.NDArray[np.bool_], Ints]:
    """The entries in the first and in the last files.

    Returns
    -------
    row : ndarray of int64, shape (n,)
        Of which span.
    end : ndarray of bool, shape (n, 2)
        Whether it is in its first file, and in its last.
    entry_id : ndarray of int64, shape (n,)
    """
    found: list[tuple[Ints, npt.NDArray[np.bool_], Ints]] = []
    for rows in question.file_by_file("file_id", "iid_id", "id") if len(spans) else ():
        file_id, iid_id, ids = rows.T
        nth = np.searchsorted(spans.group, iid_id, sorter=by_group)
        row = by_group[np.minimum(nth, len(spans) - 1)]
        rank = order.rank[order.places_of(file_id)]
        end = np.stack([spans.first[row] == rank, spans.last[row] == rank], axis=1)
        end &= (spans.group[row] == iid_id)[:, None]
        kept = end.any(axis=1)
        found.append((row[kept], end[kept], ids[kept]))
    if not found:
        return np.zeros(0, np.int64), np.zeros((0, 2), np.bool_), np.zeros(0, np.int64)
    row, end, entry_id = (np.concatenate(column) for column in zip(*found, strict=True))
    return row, end, entry_id
