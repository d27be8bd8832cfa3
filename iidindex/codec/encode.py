"""Encoding records, groups and whole files. What cannot be held is refused, never cut."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from iidindex.codec import layout
from iidindex.codec.attributes import is_too_deep
from iidindex.errors import EncodeError
from iidindex.masks.regions import Bool2D, Regions
from iidindex.masks.split import split, split_many
from iidindex.model import IID, BBox


def encode_iid(key: int, iid: IID) -> bytes:
    """Encode one record of the iids section.

    Examples
    --------
    >>> encode_iid(1, IID(b"bar", b"foo")).hex(" ", -4)
    '01000000 03000000 03000000 62617266 6f6f'
    """
    domain, address = iid.domain or b"", iid.address
    for name, value in (("domain", domain), ("address", address)):
        if len(value) > layout.MAX_UINT32:
            raise EncodeError(
                f"{name} of entry {key} has {len(value)} bytes; the limit is {layout.MAX_UINT32}"
            )
    return layout.IID_HEAD_STRUCT.pack(key, len(domain), len(address)) + domain + address


def encode_segment(key: int, bbox: BBox, mask: Bool2D) -> bytes:
    """Encode one record of the segs section: its head and its regions.

    Parameters
    ----------
    key : int
    bbox : BBox
    mask : ndarray of bool
        Both as for `check_segment`, which is called.

    Returns
    -------
    bytes
    """
    check_segment(key, bbox, mask)
    regions, area = split(mask, bbox.minr, bbox.minc, gap=layout.REGION_HEAD_SIZE)
    data = regions.data
    if len(regions) == 1:
        layout.REGION_HEAD_STRUCT.pack_into(data.data, 0, len(data), *regions.bbox[0].tolist())
    else:
        _write_heads(regions)
    return b"".join((layout.SEGMENT_HEAD_STRUCT.pack(key, *bbox, area), data.data))


def _write_heads(regions: Regions) -> None:
    """Write each region's head into the gap that is left before its bits."""
    starts = regions.start - layout.REGION_HEAD_SIZE
    heads = np.empty(len(regions), layout.REGION_HEAD)
    heads["length"] = np.diff(starts, append=len(regions.data))
    heads["bbox"] = regions.bbox
    place = starts[:, None] + np.arange(layout.REGION_HEAD_SIZE)
    regions.data[place] = heads.view(np.uint8).reshape(place.shape)


def check_segment(key: int, bbox: BBox, mask: Bool2D) -> None:
    """Refuse what `encode_segments` could not encode.

    Parameters
    ----------
    key : int
    bbox : BBox
        Need not be tight, but must have the mask's shape.
    mask : ndarray of bool, shape (bbox.height, bbox.width)

    Raises
    ------
    EncodeError
        If the mask does not have the box's shape, or a number does not fit its field.
    """
    if mask.shape != (bbox.height, bbox.width):
        raise EncodeError(
            f"mask of entry {key} has shape {mask.shape}; its bbox {tuple(bbox)} "
            f"expects {(bbox.height, bbox.width)}"
        )
    if min(bbox) < 0 or max(bbox) > layout.MAX_COORDINATE:
        raise EncodeError(
            f"bbox of entry {key} is {tuple(bbox)}; "
            f"coordinates are limited to 0 … {layout.MAX_COORDINATE}"
        )


def encode_segments(
    keys: Sequence[int], boxes: Sequence[BBox], masks: Sequence[Bool2D]
) -> list[bytes]:
    """Encode many records of the segs section at once, which pays if masks are small.

    Parameters
    ----------
    keys : sequence of int
    boxes : sequence of BBox
    masks : sequence of ndarray of bool
        All checked by `check_segment`.

    Returns
    -------
    list of bytes
    """
    corners = np.array([box[:2] for box in boxes])
    regions, owner, area = split_many(masks, corners, gap=layout.REGION_HEAD_SIZE)
    _write_heads(regions)
    raw = regions.data.tobytes()
    first = owner.searchsorted(np.arange(len(masks) + 1))
    cuts = np.append(regions.start - layout.REGION_HEAD_SIZE, len(raw))[first].tolist()
    return [
        layout.SEGMENT_HEAD_STRUCT.pack(key, *bbox, pixels) + raw[low:high]
        for key, bbox, pixels, low, high in zip(
            keys, boxes, area.tolist(), cuts, cuts[1:], strict=False
        )
    ]


def encode_meta(meta: Any) -> bytes:
    """Encode the metadata as the founding program does: ``json.dumps``, bare, UTF-8.

    Scalars of NumPy are written as the numbers, truth values and text that they are.

    Raises
    ------
    EncodeError
        If JSON cannot hold them; the field is named.
    """
    try:
        encoded = json.dumps(meta, default=_as_python).encode("utf-8")
        too_deep = is_too_deep(encoded, json.loads(encoded))
    except (TypeError, ValueError, RecursionError) as error:
        told = _not_json(meta) or error
        raise EncodeError(f"meta cannot be written as JSON: {told}") from error
    if too_deep:
        raise EncodeError(f"meta is nested deeper than the limit of {layout.MAX_JSON_DEPTH} levels")
    return encoded


def _as_python(value: object) -> object:
    """A scalar of NumPy as Python's own."""
    if isinstance(value, (np.generic, np.ndarray)) and value.ndim == 0:
        plain = value.item()
        if isinstance(plain, (bool, int, float, str)):
            return plain
    raise TypeError(type(value).__name__)


def _not_json(value: Any, name: str = "meta", within: tuple[int, ...] = ()) -> str | None:
    """Name the first field that JSON cannot hold, and what it holds."""
    if id(value) in within:
        return f"Circular reference: {name} holds what it lies in"
    if len(within) > layout.MAX_JSON_DEPTH:
        return f"it is nested deeper than the limit of {layout.MAX_JSON_DEPTH} levels"
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, _PLAIN):
                return f"{name} has the key {key!r:.80} of type {_type(key)}; expected text"
        inside = [(f"{name}[{key!r:.80}]", item) for key, item in value.items()]
    elif isinstance(value, (list, tuple)):
        inside = [(f"{name}[{place}]", item) for place, item in enumerate(value)]
    else:
        return _no_scalar(value, name)
    found = (_not_json(item, inner, (*within, id(value))) for inner, item in inside)
    return next(filter(None, found), None)


_PLAIN = (str, int, float, type(None))


def _no_scalar(value: Any, name: str) -> str | None:
    if isinstance(value, _PLAIN):
        return None
    try:
        _as_python(value)
    except TypeError:
        hint = "; try .tolist()" if isinstance(value, np.ndarray) else ""
        return f"{name} is of type {_type(value)}: {value!r:.80}{hint}"
    return None


def _type(value: object) -> str:
    shape = f" of shape {value.shape}" if isinstance(value, np.ndarray) else ""
    return type(value).__name__ + shape


def encode_groups(groups: Mapping[str, npt.NDArray[np.int64]]) -> bytes:
    """Encode the groups in the order given, the keys of each ascending and once.

    Parameters
    ----------
    groups : mapping of str to ndarray of int
        Lookup-table keys by name.
    """
    arrays = [np.unique(keys).astype(layout.GROUP_KEY).tobytes() for keys in groups.values()]
    listed = []
    offset = 0
    for name, array in zip(groups, arrays, strict=True):
        listed.append({"name": name, "offset": offset, "length": len(array)})
        offset += len(array)
    head = json.dumps(listed).encode("utf-8")
    return b"".join([layout.GROUPS_PREFIX.pack(len(head)), head, *arrays])


def encode_lut(
    keys: npt.NDArray[np.int64],
    iid_lengths: npt.NDArray[np.int64],
    seg_lengths: npt.NDArray[np.int64],
) -> bytes:
    """Encode the lookup table of records that lie one behind the other in their sections."""
    table = np.empty((len(keys), len(layout.LUT_COLUMNS)), np.int64)
    table[:, 0] = keys
    table[:, 1] = np.cumsum(iid_lengths) - iid_lengths
    table[:, 2] = iid_lengths
    table[:, 3] = np.cumsum(seg_lengths) - seg_lengths
    table[:, 4] = seg_lengths
    if len(table) and int(table.max()) > layout.MAX_UINT32:
        raise EncodeError(
            f"the file would need an offset or length of {int(table.max())} bytes; "
            f"the limit is {layout.MAX_UINT32}"
        )
    return table.astype("<u4").tobytes()


def encode_header(section_lengths: Sequence[int]) -> bytes:
    """Encode the header of a file whose sections follow it one behind the other.

    Parameters
    ----------
    section_lengths : sequence of int
        Bytes of the five sections in the order of ``layout.SECTIONS``.

    Returns
    -------
    bytes

    Raises
    ------
    EncodeError
        If a section would begin or end beyond 4 GiB.
    """
    sections: list[int] = []
    offset = layout.HEADER_SIZE
    for name, length in zip(layout.SECTIONS, section_lengths, strict=True):
        if max(offset, length) > layout.MAX_UINT32:
            raise EncodeError(
                f"section {name} would be {length} bytes from byte {offset}; "
                f"offsets and lengths are limited to {layout.MAX_UINT32}"
            )
        sections += [offset, length]
        offset += length
    return layout.HEADER.pack(layout.VERSION, layout.RFORMAT, *sections)
