"""Putting a file together from the parts it is held in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from iidindex.codec.encode import encode_groups, encode_header, encode_lut
from iidindex.codec.reader import Ints
from iidindex.files.part import Part


def encode_file(
    parts: Sequence[Part], meta: bytes, groups: Mapping[str, npt.NDArray[np.int64]]
) -> list[bytes]:
    """Encode a whole file; records are copied as they are.

    Parameters
    ----------
    parts : sequence of Part
    meta : bytes
        The metadata section.
    groups : mapping of str to ndarray of int64
        Keys by name.

    Returns
    -------
    list of bytes
        The file in pieces, so that it is not copied once more than needed.

    Raises
    ------
    EncodeError
        If an offset or a length does not fit the format.
    """

    def column(name: str) -> Ints:
        found = [getattr(part.lut, name) for part in parts]
        return np.concatenate([np.empty(0, np.int64), *found])

    iids = [chunk for part in parts for chunk in part.records("iids")]
    segs = [chunk for part in parts for chunk in part.records("segs")]
    lut = encode_lut(column("key"), column("iid_length"), column("seg_length"))
    listed = encode_groups(groups)
    head = encode_header(
        [len(lut), sum(map(len, iids)), len(meta), len(listed), sum(map(len, segs))]
    )
    return [head, lut, *iids, meta, listed, *segs]
