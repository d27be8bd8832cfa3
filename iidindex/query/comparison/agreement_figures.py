"""What is told of how two sides agree: on a picture, on a group, and on all together."""

from __future__ import annotations

from typing import NamedTuple


class PictureAgreement(NamedTuple):
    """How two sides agree on one picture.

    Attributes
    ----------
    path_a, path_b : str or None
        The paths of the files, inside their roots; None if a side has no file.
    matched, only_a, only_b : int
        The numbers of matches, and of entries without a match on each side.
    split : int
        Entries of A that contain at least half of each of two or more entries of B.
    merged : int
        Entries of B that contain at least half of each of two or more entries of A.
    mean_iou : float or None
        The mean IoU of the matches; None if there are none.
    pq : float or None
        The panoptic quality of this picture; None if it is empty on both sides.
    location_a, location_b : str or None
        Where the files can be opened.
    """

    path_a: str | None
    path_b: str | None
    matched: int
    only_a: int
    only_b: int
    split: int
    merged: int
    mean_iou: float | None
    pq: float | None
    location_a: str | None
    location_b: str | None


class TotalAgreement(NamedTuple):
    """How two sides agree on all pictures together. A is taken for the truth.

    Attributes
    ----------
    pictures, matched, only_a, only_b : int
    precision, recall, f1 : float or None
        ``matched / (matched + only_b)``, ``matched / (matched + only_a)``, and their harmonic
        mean, ``2 matched / (2 matched + only_a + only_b)``; None if there is nothing to divide by.
    sq, rq, pq : float or None
        Segmentation quality, the mean IoU of the matches, recognition quality, which is `f1`, and
        panoptic quality, ``sq * rq``: the sum of the IoUs of the matches over ``matched + (only_a +
        only_b) / 2``. `sq` is None without a match, the others without any entry.

    References
    ----------
    A. Kirillov, K. He, R. Girshick, C. Rother, P. Dollár, "Panoptic Segmentation", CVPR 2019,
    section 4.2; C. J. van Rijsbergen, "Information Retrieval", 2nd edition, 1979, chapter 7, for
    precision, recall and their harmonic mean.
    """

    pictures: int
    matched: int
    only_a: int
    only_b: int
    precision: float | None
    recall: float | None
    f1: float | None
    sq: float | None
    rq: float | None
    pq: float | None


class GroupAgreement(NamedTuple):
    """How two sides agree on the entries of one group: its name, and as in `TotalAgreement`.

    ``group`` is None for entries that are in no group. Only pictures count that have an entry of
    the group on at least one side.
    """

    group: str | None
    pictures: int
    matched: int
    only_a: int
    only_b: int
    precision: float | None
    recall: float | None
    f1: float | None
    sq: float | None
    rq: float | None
    pq: float | None
