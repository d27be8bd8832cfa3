"""Decoding the two sections that are JSON: metadata and groups."""

from __future__ import annotations

import json
from itertools import chain
from typing import Any

import numpy as np

from iidindex.buffers import Bytes
from iidindex.codec import layout
from iidindex.codec.reader import Header, Ints, is_range
from iidindex.errors import IIDFormatError
from iidindex.plural import counted


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
    return parse_meta(data[start : start + length].tobytes(), start)


def parse_meta(raw: bytes, start: int) -> Any:
    """Decode the metadata from the bytes of their section, which begins at `start`."""
    length = len(raw)
    prefix = layout.META_PREFIX.size
    if length > prefix and layout.META_PREFIX.unpack_from(raw)[0] == length - prefix:
        try:
            return _parse(raw[prefix:], "meta", start + prefix)
        except IIDFormatError:
            pass  # then the four bytes must be JSON themselves
    return _parse(raw, "meta", start)


def _parse(raw: bytes, section: str, offset: int) -> Any:
    try:
        value = json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise IIDFormatError(
            f"not UTF-8: byte 0x{raw[error.start]:02x}",
            section=section,
            offset=offset + error.start,
        ) from None
    except RecursionError:
        raise _too_deep(section, offset) from None
    except ValueError as error:
        raise IIDFormatError(f"not JSON: {error}", section=section, offset=offset) from None
    if is_too_deep(raw, value):
        raise _too_deep(section, offset)
    return value


def is_too_deep(encoded: bytes, value: Any) -> bool:
    """Whether JSON, given encoded and decoded, is nested deeper than the limit."""
    if encoded.count(b"[") + encoded.count(b"{") <= layout.MAX_JSON_DEPTH:
        return False
    level: list[Any] = [[value]]
    for _ in range(layout.MAX_JSON_DEPTH + 1):
        items = (item.values() if isinstance(item, dict) else item for item in level)
        level = [item for item in chain.from_iterable(items) if isinstance(item, (dict, list))]
        if not level:
            return False
    return True


def _too_deep(section: str, offset: int) -> IIDFormatError:
    return IIDFormatError(
        f"JSON is nested deeper than {layout.MAX_JSON_DEPTH} levels", section=section, offset=offset
    )


def read_groups(data: Bytes, header: Header, lut_keys: Ints) -> dict[str, Ints]:
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
    dict of str to ndarray of int64
        The keys of each group, ascending and once, names in the order of the list. A name
        that is listed twice is one group with the keys of both.

    Raises
    ------
    IIDFormatError
        If the list is not a JSON list of objects with ``name``, ``offset`` and ``length``, an
        array reaches outside the section, the arrays are longer together than the section, or
        a key is not in the table.
    """
    start, length = header.bufloc_groups
    if not length:
        return {}
    raw = data[start : start + length]
    where, begin = list_groups(raw.tobytes(), start)
    arrays = raw[begin:]
    found: dict[str, list[Ints]] = {}
    for name, offset, size in where:
        keys = arrays[offset : offset + size].view(layout.GROUP_KEY)
        found.setdefault(name, []).append(keys.astype(np.int64))
    united = {name: _united(parts) for name, parts in found.items()}
    _check_keys(united, lut_keys, start)
    return united


def list_groups(raw: bytes, start: int) -> tuple[list[tuple[str, int, int]], int]:
    """Decode the list of groups from the bytes of their section, which begins at `start`.

    Returns
    -------
    list of (str, int, int)
        Name of each, and where the keys are: offset and length among the arrays, in bytes.
    int
        Where the arrays begin in the section.

    Raises
    ------
    IIDFormatError
        As `read_groups`, but for the keys themselves.
    """
    length = len(raw)
    prefix = layout.GROUPS_PREFIX.size
    if length < prefix:
        raise IIDFormatError(
            f"the section has {counted(length, 'byte')}; expected at least {prefix}",
            section="groups",
            offset=start,
        )
    listed = int(layout.GROUPS_PREFIX.unpack_from(raw)[0])
    if listed > length - prefix:
        raise IIDFormatError(
            f"the list has {counted(listed, 'byte')}; {length - prefix} are left of the section",
            section="groups",
            offset=start,
        )
    groups = _parse(raw[prefix : prefix + listed], "groups", start + prefix)
    if not isinstance(groups, list):
        raise IIDFormatError(
            f"the JSON is of type {type(groups).__name__}; expected a list",
            section="groups",
            offset=start + prefix,
        )
    room = length - prefix - listed
    where = [_group(group, nth, room, start) for nth, group in enumerate(groups)]
    together = sum(size for _, _, size in where)
    if together > room:
        raise IIDFormatError(
            f"the key arrays are {together} bytes long together and so overlap; "
            f"the section has {room} for them",
            section="groups",
            offset=start,
        )
    return where, prefix + listed


def _united(parts: list[Ints]) -> Ints:
    """Keys ascending and once, which those of the founding program are already."""
    keys = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return keys if np.count_nonzero(keys[1:] <= keys[:-1]) == 0 else np.unique(keys)


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


def _check_keys(groups: dict[str, Ints], lut_keys: Ints, section_offset: int) -> None:
    if not groups:
        return
    keys = np.concatenate([*groups.values()])
    n = len(lut_keys)
    if not len(keys) or (int(keys.max()) < n and is_range(lut_keys)):
        return
    unknown = ~np.isin(keys, lut_keys)
    if unknown.any():
        key = int(keys[np.argmax(unknown)])
        name = next(name for name, members in groups.items() if key in members)
        raise IIDFormatError(
            f"group {name!r} holds key {key}, which is not in the lookup table of {n} rows",
            section="groups",
            offset=section_offset,
        )
