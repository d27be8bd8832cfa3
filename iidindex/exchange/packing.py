"""A picture as the bytes of a ``.iid`` file: its masks encoded together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from iidindex.codec.encode import (
    check_segment,
    encode_groups,
    encode_header,
    encode_iid,
    encode_lut,
    encode_meta,
    encode_segment,
    encode_segments,
)
from iidindex.errors import EncodeError
from iidindex.files.group_names import check_name
from iidindex.formats.annotation import Annotation
from iidindex.masks.regions import Bool2D
from iidindex.model import IID, BBox

# Masks up to so many pixels are encoded together, as many as make up a canvas of so many: forty
# of 81 x 81 take 18 µs each, and 41 µs one by one.
_SMALL = 1 << 15
_CANVAS = 1 << 18


def encode_picture(
    entries: Sequence[Annotation],
    meta: dict[str, Any],
    refuse: Callable[[Annotation, EncodeError], object],
) -> tuple[bytes, list[Annotation]]:
    """Encode a ``.iid`` file of some entries.

    Parameters
    ----------
    entries : sequence of Annotation
    meta : dict
    refuse : callable
        Called for each entry that the format cannot hold, which is left out.

    Returns
    -------
    bytes
        The file.
    list of Annotation
        The entries that are in it; keys count from 0.

    Raises
    ------
    EncodeError
        If the metadata are not JSON, or a section would exceed 4 GiB.
    """
    kept: list[Annotation] = []
    iids: list[bytes] = []
    groups: dict[str, list[int]] = {}
    for entry in entries:
        key = len(kept)
        try:
            check_segment(key, entry.bbox, entry.mask)
            for name in entry.groups:
                check_name(name)
            iids.append(encode_iid(key, IID(entry.domain, entry.address)))
        except EncodeError as error:
            refuse(entry, error)
            continue
        kept.append(entry)
        for name in entry.groups:
            groups.setdefault(name, []).append(key)
    segments = _segments([entry.bbox for entry in kept], [entry.mask for entry in kept])
    lut = encode_lut(
        np.arange(len(kept)),
        np.array([len(record) for record in iids], np.int64),
        np.array([len(record) for record in segments], np.int64),
    )
    told = encode_meta(meta)
    listed = encode_groups({name: np.array(keys, np.int64) for name, keys in groups.items()})
    head = encode_header(
        [len(lut), sum(map(len, iids)), len(told), len(listed), sum(map(len, segments))]
    )
    return b"".join([head, lut, *iids, told, listed, *segments]), kept


def _segments(boxes: list[BBox], masks: list[Bool2D]) -> list[bytes]:
    """Encode masks in their order, small ones together."""
    found: list[bytes] = []
    begin = height = width = 0
    for place, mask in enumerate(masks):
        is_large = mask.size > _SMALL
        taller, wider = height + mask.shape[0] + 1, max(width, mask.shape[1])
        if place > begin and (is_large or taller * (wider + 1) > _CANVAS):
            found += _together(begin, place, boxes, masks)
            begin, taller, wider = place, mask.shape[0] + 1, mask.shape[1]
        height, width = taller, wider
        if is_large:
            found.append(encode_segment(place, boxes[place], mask))
            begin, height, width = place + 1, 0, 0
    if begin < len(masks):
        found += _together(begin, len(masks), boxes, masks)
    return found


def _together(begin: int, end: int, boxes: list[BBox], masks: list[Bool2D]) -> list[bytes]:
    return encode_segments(range(begin, end), boxes[begin:end], masks[begin:end])
