"""Decoding the two sections that are JSON: metadata and groups."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from iidindex.codec import layout
from iidindex.codec.reader import Bytes, Header
from iidindex.errors import IIDFormatError


class GroupKeys(NamedTuple):
    """A named set of lookup-table keys: uint32, in the order and number the file holds."""

    name: str
    keys: npt.NDArray[np.uint32]


def read_meta(data: Bytes, header: Header) -> Any:
    """Decode the metadata.

    Parameters
    ----------
    data : ndarray of uint8, shape (size,)
        The whole file.
    header : Header

    Returns
    -------
    object
        Whatever the JSON holds; ``{}`` if the section has no bytes.

    Raises
    ------
    IIDFormatError
        If the section is not JSON in UTF-8, bare or after its length.
    """
    start, length = header.bufloc_meta
    if not length:
        return {}
    raw = data[start : start + length].tobytes()
    prefix = layout.META_PREFIX.size
    if length > prefix and layout.META_PREFIX.unpack_from(raw)[0] == length - prefix:
        try:
            return _parse(raw[prefix:], "meta", start + prefix)
        except IIDFormatError:
            pass  # then the four bytes must be JSON themselves
    return _parse(raw, "meta", start)


def _parse(raw: bytes, section: str, offset: int) -> Any:
    try:
        return json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise IIDFormatError(
            f"not UTF-8: byte 0x{raw[error.start]:02x}",
            section=section,
            offset=offset + error.start,
        ) from None
    except RecursionError:
        raise IIDFormatError(
            "JSON is nested too deeply to read", section=section, offset=offset
        ) from None
    except ValueError as error:
        raise IIDFormatError(f"not JSON: {error}", section=section, offset=offset) from None


def read_groups(data: Bytes, header: Header, lut_keys: npt.NDArray[np.int64]) -> list[GroupKeys]:
    """Decode the groups.

    Parameters
    ----------
    data : ndarray of uint8, shape (size,)
        The whole file.
    header : Header
    lut_keys : ndarray of int64, shape (n,)
        The keys that exist.

    Returns
    -------
    list of GroupKeys
        As the file lists them: a name may come twice, and so may a key.

    Raises
    ------
    IIDFormatError
        If the list is not a JSON list of objects with ``name``, ``offset`` and ``length``, an
        array reaches outside the section or into another, or a key is not in the table.
    """
    start, length = header.bufloc_groups
    if not length:
        return []
    prefix = layout.GROUPS_PREFIX.size
    if length < prefix:
        raise IIDFormatError(
            f"the section has {length} bytes; expected at least {prefix}",
            section="groups",
            offset=start,
        )
    raw = data[start : start + length]
    listed = int(layout.GROUPS_PREFIX.unpack_from(raw.data)[0])
    if listed > length - prefix:
        raise IIDFormatError(
            f"the list has {listed} bytes; {length - prefix} are left of the section",
            section="groups",
            offset=start,
        )
    groups = _parse(raw[prefix : prefix + listed].tobytes(), "groups", start + prefix)
    if not isinstance(groups, list):
        raise IIDFormatError(
            f"the JSON is of type {type(groups).__name__}; expected a list",
            section="groups",
            offset=start + prefix,
        )
    arrays = raw[prefix + listed :]
    where = [_group(group, nth, len(arrays), start) for nth, group in enumerate(groups)]
    together = sum(size for _, _, size in where)
    if together > len(arrays):
        raise IIDFormatError(
            f"the key arrays are {together} bytes long together and so overlap; "
            f"the section has {len(arrays)} for them",
            section="groups",
            offset=start,
        )
    found = [
        GroupKeys(name, arrays[offset : offset + size].view(layout.GROUP_KEY))
        for name, offset, size in where
    ]
    _check_keys(found, lut_keys, start)
    return found


def _group(group: object, nth: int, room: int, section_offset: int) -> tuple[str, int, int]:
    """Check one element of the list; return its name, and its offset and length in bytes."""

    def wrong(problem: str) -> IIDFormatError:
        return IIDFormatError(f"group {nth}: {problem}", section="groups", offset=section_offset)

    if not isinstance(group, dict):
        raise wrong(f"is of type {type(group).__name__}; expected an object")
    missing = {"name", "offset", "length"} - group.keys()
    if missing:
        raise wrong(f"has no {' and no '.join(sorted(missing))}")
    name, offset, length = group["name"], group["offset"], group["length"]
    if not isinstance(name, str):
        raise wrong(f"name is of type {type(name).__name__}; expected a string")
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise wrong(f"name {name!a} is not valid Unicode") from None
    for field, value in (("offset", offset), ("length", length)):
        if type(value) is not int or not 0 <= value <= layout.MAX_UINT32:
            raise wrong(
                f"{field} is {value!r:.40}; expected an integer from 0 to {layout.MAX_UINT32}"
            )
    if length % layout.GROUP_KEY.itemsize:
        raise wrong(f"length is {length}; expected whole keys of {layout.GROUP_KEY.itemsize} bytes")
    if offset + length > room:
        raise wrong(f"its keys end at byte {offset + length}; there are {room}")
    return name, offset, length


def _check_keys(
    groups: list[GroupKeys], lut_keys: npt.NDArray[np.int64], section_offset: int
) -> None:
    if not groups:
        return
    keys = np.concatenate([group.keys for group in groups])
    n = len(lut_keys)
    if not len(keys) or (int(keys.max()) < n and is_range(lut_keys)):
        return
    unknown = ~np.isin(keys, lut_keys)
    if unknown.any():
        key = int(keys[np.argmax(unknown)])
        name = next(group.name for group in groups if key in group.keys)
        raise IIDFormatError(
            f"group {name!r} holds key {key}, which is not in the lookup table of {n} rows",
            section="groups",
            offset=section_offset,
        )


def is_range(keys: npt.NDArray[np.int64]) -> bool:
    """Whether every key equals its row, as in all files of the founding program."""
    return bool(np.array_equal(keys, np.arange(len(keys))))
