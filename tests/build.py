"""Making ``.iid`` files byte by byte, as odd as a test wants them.

Nothing here checks anything, and nothing of the package is used. The small functions give the
bytes of one part each; `assemble` puts sections in any order behind a header; `odd_file` does
all of it for a list of `Row`::

    square = region((0, 0, 2, 2), np.ones((2, 2), bool))
    data = odd_file([Row(7, b"domain", b"address", (0, 0, 9, 9), [square], area=4)])

Any number can be wrong: give it by name, or cut and paste the bytes.
"""

import json
import os
import struct
from dataclasses import dataclass, field

import numpy as np

SECTIONS = ("lut", "iids", "meta", "groups", "segs")


def bits(mask):
    """The packed pixels of a mask: row by row, most significant bit first."""
    return np.packbits(np.asarray(mask, bool).reshape(-1)).tobytes()


def region(bbox, mask, length=None):
    """A region: its length (the true one, unless given), its box, its pixels.

    `mask` is an array, or bytes that are taken as they are.
    """
    packed = mask if isinstance(mask, bytes) else bits(mask)
    return struct.pack("<I4H", 12 + len(packed) if length is None else length, *bbox) + packed


def flip(path, *bits):
    """Turn bits of a file over, and keep its time."""
    status = path.stat()
    data = bytearray(path.read_bytes())
    for bit in bits:
        data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def segment(key, bbox, regions=(), area=0):
    """A segment: its head, then regions as bytes."""
    return struct.pack("<I4HI", key, *bbox, area) + b"".join(regions)


def iid(key, domain, address, domain_length=None, address_length=None):
    """An IID: its head with the true lengths, unless given, then domain and address."""
    n_domain = len(domain) if domain_length is None else domain_length
    n_address = len(address) if address_length is None else address_length
    return struct.pack("<3I", key, n_domain, n_address) + domain + address


def lut(rows):
    """A lookup table of rows (key, iid offset, iid length, seg offset, seg length)."""
    return b"".join(struct.pack("<5I", *row) for row in rows)


def groups(listed, arrays=b""):
    """A groups section: a list, as bytes or as what JSON can hold, and the key arrays."""
    text = listed if isinstance(listed, bytes) else json.dumps(listed).encode()
    return struct.pack("<I", len(text)) + text + arrays


def groups_of(pairs):
    """A groups section of (name, keys) pairs, in their order; names may come again."""
    listed, arrays = [], b""
    for name, keys in pairs:
        array = struct.pack(f"<{len(keys)}I", *keys)
        listed.append({"name": name, "offset": len(arrays), "length": len(array)})
        arrays += array
    return groups(listed, arrays)


def prefixed(text):
    """Bytes behind their length, which is the form of metadata that the document describes."""
    return struct.pack("<I", len(text)) + text


def header(places, version=0, rformat=0):
    """A header; `places` has (offset, length) for each name of a section."""
    numbers = [number for name in SECTIONS for number in places.get(name, (0, 0))]
    return struct.pack("<12I", version, rformat, *numbers)


def assemble(sections, order=SECTIONS, gap=b"", end=b"", **head):
    """A file of sections given as bytes by name, in any order, `gap` before each of them.

    `head` goes to `header`.
    """
    body, places = b"", {}
    for name in order:
        content = sections.get(name, b"")
        body += gap
        places[name] = (48 + len(body), len(content))
        body += content
    return header(places, **head) + body + end


@dataclass
class Row:
    """One entry. The keys of its records are that of the row, unless given."""

    key: int
    domain: bytes = b""
    address: bytes = b""
    bbox: tuple = (0, 0, 0, 0)
    regions: list = field(default_factory=list)
    area: int = 0
    iid_key: int | None = None
    seg_key: int | None = None


def sections_of(rows, groups=(), meta=b"{}", gap=b"", backwards=False):
    """The five sections, as bytes by name.

    `groups` are (name, keys) pairs; `meta` is taken as it is; `gap` lies before every record;
    with `backwards`, the records lie in their sections last row first.
    """
    table, iids, segs = {}, b"", b""
    for nth in reversed(range(len(rows))) if backwards else range(len(rows)):
        row = rows[nth]
        one = iid(row.key if row.iid_key is None else row.iid_key, row.domain, row.address)
        seg_key = row.key if row.seg_key is None else row.seg_key
        other = segment(seg_key, row.bbox, row.regions, row.area)
        iids += gap
        segs += gap
        table[nth] = (row.key, len(iids), len(one), len(segs), len(other))
        iids += one
        segs += other
    return {
        "lut": lut(table[nth] for nth in range(len(rows))),
        "iids": iids,
        "meta": meta,
        "groups": groups_of(groups),
        "segs": segs,
    }


def odd_file(rows, groups=(), meta=b"{}", record_gap=b"", backwards=False, **options):
    """A whole file of `Row`; `options` go to `assemble`."""
    return assemble(sections_of(rows, groups, meta, record_gap, backwards), **options)


def components(mask):
    """Boxes and pixels of the 8-connected parts of a mask, in the order of their first pixels.

    Yields ``((minr, minc, maxr, maxc), part)``, the box tight and the part as large as it.
    """
    left = {(int(row), int(col)) for row, col in np.argwhere(mask)}
    for start in sorted(left):
        if start not in left:
            continue
        found, todo = {start}, [start]
        left.discard(start)
        while todo:
            row, col = todo.pop()
            around = {(row + dr, col + dc) for dr in (-1, 0, 1) for dc in (-1, 0, 1)} & left
            left -= around
            found |= around
            todo += around
        rows, cols = [row for row, _ in found], [col for _, col in found]
        box = (min(rows), min(cols), max(rows) + 1, max(cols) + 1)
        part = np.zeros((box[2] - box[0], box[3] - box[1]), bool)
        for row, col in found:
            part[row - box[0], col - box[1]] = True
        yield box, part


def row_of(key, domain, address, bbox, mask):
    """The `Row` of a mask as the founding program writes it."""
    placed = []
    for box, part in components(np.asarray(mask)):
        corner = (bbox[0], bbox[1], bbox[0], bbox[1])
        placed.append(region([a + b for a, b in zip(box, corner, strict=True)], part))
    return Row(key, domain, address, tuple(bbox), placed, int(np.count_nonzero(mask)))


def write_long_ago(path, data):
    """Write a file that nobody has to wait for: a scan waits until the clock has moved on."""
    path.write_bytes(data)
    os.utime(path, (1.5, 1.5))
