"""A slow, obvious reader of ``.iid`` files, to hold the package against.

It follows the table of the format with struct, json and plain loops, shares no code with the
package and checks next to nothing: it is for files that are known to be valid.

>>> file = read(data)                      # doctest: +SKIP
>>> [entry.key for entry in file.entries]  # doctest: +SKIP
>>> file.at(x=400, y=600)                  # keys  # doctest: +SKIP
"""

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

SECTIONS = ("lut", "iids", "meta", "groups", "segs")


@dataclass
class Entry:
    """One row of the lookup table and the two records it points to.

    ``offset`` and ``length`` tell where the segment lies, from the start of the file;
    ``domain`` is ``b""`` where there is none; ``mask`` covers ``bbox`` (minr, minc, maxr,
    maxc); ``regions`` are the boxes of its regions in the order of the file.
    """

    key: int
    iid_key: int
    domain: bytes
    address: bytes
    seg_key: int
    bbox: tuple
    area: int
    offset: int
    length: int
    regions: list
    mask: np.ndarray

    def has(self, row, col):
        """Whether the mask holds a pixel of the image."""
        minr, minc, maxr, maxc = self.bbox
        return minr <= row < maxr and minc <= col < maxc and bool(self.mask[row - minr, col - minc])

    def crop(self, bbox):
        """The part of the mask inside a box; without pixels where the boxes do not meet."""
        minr, minc, maxr, maxc = self.bbox
        top, left = max(minr, bbox[0]), max(minc, bbox[1])
        bottom, right = max(top, min(maxr, bbox[2])), max(left, min(maxc, bbox[3]))
        if top > maxr or left > maxc:
            return np.zeros((bottom - top, right - left), bool)
        return self.mask[top - minr : bottom - minr, left - minc : right - minc]


@dataclass
class File:
    """All that a file holds. Entries come in the order of the lookup table.

    ``header`` is (version, rformat, {section: (offset, length)}); ``groups`` has for each name
    the keys, ascending and once, those of a name listed twice united.
    """

    header: tuple
    meta: object
    groups: dict
    entries: list = field(default_factory=list)

    def by_key(self):
        """Entries by key."""
        return {entry.key: entry for entry in self.entries}

    def at(self, x, y):
        """Keys of the entries whose mask holds the pixel in column x, row y; ascending."""
        return sorted(entry.key for entry in self.entries if entry.has(y, x))

    def region(self, bbox):
        """Keys of the entries whose mask has a pixel inside the box; ascending."""
        return sorted(entry.key for entry in self.entries if entry.crop(bbox).any())

    def overlaps(self):
        """``{(key, other key): shared pixels}`` for all pairs that share any, lower key first."""
        found = {}
        for a in self.entries:
            for b in self.entries:
                if a.key < b.key and meet(a.bbox, b.bbox):
                    pixels = int(np.count_nonzero(a.crop(b.bbox) & b.crop(a.bbox)))
                    if pixels:
                        found[a.key, b.key] = pixels
        return found


def meet(a, b):
    """Whether two half-open boxes share a pixel."""
    return max(a[0], b[0]) < min(a[2], b[2]) and max(a[1], b[1]) < min(a[3], b[3])


def read_path(path):
    """Read the file at a path."""
    return read(Path(path).read_bytes())


def read(data):
    """Read a whole file from bytes."""
    data = bytes(data)
    version, rformat, *numbers = struct.unpack_from("<12I", data)
    places = dict(zip(SECTIONS, zip(numbers[::2], numbers[1::2], strict=True), strict=True))
    file = File((version, rformat, places), _meta(data, *places["meta"]), {})
    file.groups = _groups(data, *places["groups"])
    start, length = places["lut"]
    for row in range(length // 20):
        key, iid_at, _, seg_at, seg_length = struct.unpack_from("<5I", data, start + 20 * row)
        iid_at += places["iids"][0]
        seg_at += places["segs"][0]
        iid_key, n_domain, n_address = struct.unpack_from("<3I", data, iid_at)
        text = data[iid_at + 12 : iid_at + 12 + n_domain + n_address]
        seg_key, *bbox, area = struct.unpack_from("<I4HI", data, seg_at)
        regions, mask = _regions(data, seg_at + 16, seg_at + seg_length, bbox)
        file.entries.append(
            Entry(
                key=key,
                iid_key=iid_key,
                domain=text[:n_domain],
                address=text[n_domain:],
                seg_key=seg_key,
                bbox=tuple(bbox),
                area=area,
                offset=seg_at,
                length=seg_length,
                regions=regions,
                mask=mask,
            )
        )
    return file


def _regions(data, at, end, bbox):
    boxes = []
    mask = np.zeros((bbox[2] - bbox[0], bbox[3] - bbox[1]), bool)
    while at < end:
        length, minr, minc, maxr, maxc = struct.unpack_from("<I4H", data, at)
        height, width = maxr - minr, maxc - minc
        bits = np.unpackbits(np.frombuffer(data[at + 12 : at + length], np.uint8))
        pixels = bits[: height * width].reshape(height, width).astype(bool)
        rows = slice(minr - bbox[0], maxr - bbox[0])
        mask[rows, minc - bbox[1] : maxc - bbox[1]] |= pixels
        boxes.append((minr, minc, maxr, maxc))
        at += length
    return boxes, mask


def _meta(data, start, length):
    raw = data[start : start + length]
    if not raw:
        return {}
    if length > 4 and struct.unpack_from("<I", raw)[0] == length - 4:
        try:
            return json.loads(raw[4:].decode())
        except ValueError:
            pass
    return json.loads(raw.decode())


def _groups(data, start, length):
    if not length:
        return {}
    (listed,) = struct.unpack_from("<I", data, start)
    arrays = start + 4 + listed
    groups = {}
    for group in json.loads(data[start + 4 : arrays].decode()):
        begin, n_bytes = arrays + group["offset"], group["length"]
        keys = struct.unpack_from(f"<{n_bytes // 4}I", data, begin)
        groups[group["name"]] = sorted({*groups.get(group["name"], ()), *keys})
    return groups
