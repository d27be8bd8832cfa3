"""The bytes of one segment, for those who read them from elsewhere: by a lake's row, or a range."""

from __future__ import annotations

from typing import NamedTuple

from iidindex.buffers import as_bytes
from iidindex.codec import layout
from iidindex.codec.decode import decode_mask
from iidindex.errors import IIDFormatError
from iidindex.masks.regions import Bool2D
from iidindex.model import BBox


class Segment(NamedTuple):
    """A segment as its bytes state it.

    Attributes
    ----------
    key : int
        Of the entry in its file.
    bbox : BBox
        ``(minr, minc, maxr, maxc)``, half-open, pixels.
    area : int
        Pixels, as the file states them.
    mask : ndarray of bool, shape (bbox.height, bbox.width)
    """

    key: int
    bbox: BBox
    area: int
    mask: Bool2D


def decode_segment(data: object) -> Segment:
    """Decode the bytes of one segment.

    Parameters
    ----------
    data : buffer
        The bytes of a ``.iid`` file from the ``offset`` of an entry on, ``length`` of them.

    Returns
    -------
    Segment

    Raises
    ------
    IIDFormatError
        If they are not a segment.

    Examples
    --------
    >>> import numpy as np
    >>> from iidindex import IIDFile, decode_segment
    >>> file = IIDFile()
    >>> file.add(b"cup", None, (2, 3, 4, 5), np.eye(2, dtype=bool))
    >>> file = IIDFile(data := file.to_bytes())
    >>> offset, length = file.fetch([0])[0].seg.bufloc
    >>> segment = decode_segment(data[offset : offset + length])
    >>> segment.bbox, segment.mask.tolist()
    (BBox(minr=2, minc=3, maxr=4, maxc=5), [[True, False], [False, True]])
    """
    found = as_bytes(data)
    if len(found) < layout.SEGMENT_HEAD_SIZE:
        raise IIDFormatError(
            f"a segment has {len(found)} bytes, expected at least {layout.SEGMENT_HEAD_SIZE}",
            section="segs",
            offset=0,
        )
    key, *corners, area = layout.SEGMENT_HEAD_STRUCT.unpack_from(found.data)
    bbox = BBox(*corners)
    if bbox.minr > bbox.maxr or bbox.minc > bbox.maxc:
        raise IIDFormatError(
            f"bbox is {tuple(bbox)}; expected minr <= maxr and minc <= maxc",
            section="segs",
            offset=4,
        )
    return Segment(key, bbox, area, decode_mask(found, 0, len(found), bbox))
