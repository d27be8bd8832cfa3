"""Files written down byte by byte: read, and written again to the same bytes.

Every number is little-endian. The text after ``#`` is a comment; the rest is hexadecimal.
"""

import numpy as np
import pytest

import brute
from iidindex import IID, IIDFile


def parse(text):
    return bytes.fromhex("".join(line.split("#")[0] for line in text.splitlines()))


EMPTY = parse("""
    00000000 00000000   # version, rformat
    30000000 00000000   # lut: from byte 48, no bytes
    30000000 00000000   # iids
    30000000 02000000   # meta: from byte 48, 2 bytes
    32000000 06000000   # groups: from byte 50, 6 bytes
    38000000 00000000   # segs
    7b 7d               # meta: {}
    02000000            # groups: the list has 2 bytes
    5b 5d               # []
""")

TWO = parse("""
    # header
    00000000 00000000   # version, rformat
    30000000 28000000   # lut: bytes 48 to 88
    58000000 1f000000   # iids: bytes 88 to 119
    77000000 08000000   # meta: bytes 119 to 127
    7f000000 37000000   # groups: bytes 127 to 182
    b6000000 3a000000   # segs: bytes 182 to 240

    # lut: key, iid (offset in iids, length), segment (offset in segs, length)
    00000000  00000000 12000000  00000000 2a000000
    01000000  12000000 0d000000  2a000000 10000000

    # iids: key, length of the domain, length of the address, domain, address
    00000000 03000000 03000000  626172 666f6f   # bar, foo
    01000000 00000000 01000000  78              # no domain, x

    7b2261223a20317d   # meta: {"a": 1}

    # groups
    2b000000           # the list has 43 bytes
    5b7b226e616d65223a2022737973222c20   # [{"name": "sys",_
    226f6666736574223a20302c20           # "offset": 0,_
    226c656e677468223a20387d5d           # "length": 8}]
    00000000 01000000                    # the keys of sys

    # segs, the first: key, bbox in rows 1 to 4 and columns 2 to 6, area
    00000000 0100 0200 0400 0600 04000000
    0d000000 0100 0200 0200 0300  80   # region of 13 bytes: the pixel of row 1, column 2
    0d000000 0200 0400 0400 0600  e0   # rows 2 and 3, columns 4 and 5: bits 11, then 10
    # the second: a box of 2 by 3 pixels, none of them set, so no region
    01000000 0500 0600 0700 0900 00000000
""")
MASK = np.array([[1, 0, 0, 0], [0, 0, 1, 1], [0, 0, 1, 0]], bool)

ODD = parse("""
    # What the founding program does not write, but the format allows: the sections in another
    # order, a byte between them, metadata behind its length, a key that is not its row.
    00000000 00000000
    64000000 14000000   # lut: bytes 100 to 120
    58000000 0c000000   # iids: bytes 88 to 100
    30000000 06000000   # meta: bytes 48 to 54
    00000000 00000000   # groups: no bytes, anywhere
    37000000 20000000   # segs: bytes 55 to 87

    02000000 7b7d       # meta: a length of 2, {}
    ff                  # no section
    # segs: the box is not tight, nor is the region's; the bits are 000 000 011, then 7 of padding
    05000000 0000 0000 ffff ffff 02000000
    0e000000 0a00 0a00 0d00 0d00  01ff
    ffff                # too much for the section: no record
    00                  # no section
    05000000 00000000 00000000   # iids: neither domain nor address
    05000000  00000000 0c000000  00000000 1e000000
""")


def test_empty_file_is_read():
    file = IIDFile(EMPTY)
    assert len(file) == 0
    assert file.meta.data == {}
    assert file.groups.list() == []
    assert file.bboxes.shape == (0, 4)


def test_empty_file_is_written():
    assert IIDFile().to_bytes() == EMPTY


def test_two_entries_are_read():
    file = IIDFile(TWO)
    assert file.iids == [IID(b"bar", b"foo"), IID(None, b"x")]
    assert file.bboxes.tolist() == [[1, 2, 4, 6], [5, 6, 7, 9]]
    assert file.areas.tolist() == [4, 0]
    assert file.meta.data == {"a": 1}
    assert file.groups.get("sys", keys_only=True) == [0, 1]
    first, second = file
    assert np.array_equal(first.seg.mask(), MASK)
    assert np.array_equal(second.seg.mask(), np.zeros((2, 3), bool))
    assert first.seg.bufloc == (182, 42)


def test_two_entries_are_written():
    file = IIDFile()
    file.meta.data = {"a": 1}
    file.add(b"foo", b"bar", (1, 2, 4, 6), MASK, "sys")
    file.add(b"x", None, (5, 6, 7, 9), np.zeros((2, 3), bool), "sys")
    assert file.to_bytes() == TWO


def test_odd_file_is_read():
    file = IIDFile(ODD)
    assert file.keys.tolist() == [5]
    assert file.iids == [IID(None, b"")]
    assert file.meta.data == {}
    assert file.groups.list() == []
    (entry,) = file
    assert entry.seg.bbox == (0, 0, 65535, 65535)
    assert entry.seg.mask((10, 10, 13, 13)).astype(int).tolist() == [[0, 0, 0]] * 2 + [[0, 1, 1]]
    assert [file.at(x, 12) for x in (10, 11, 12, 13)] == [[], [entry], [entry], []]


@pytest.mark.parametrize("data", [EMPTY, TWO])
def test_what_was_read_is_written_as_it_was(data):
    file = IIDFile(data)
    assert file.to_bytes() == data
    _ = file.meta, file.groups, file.iids, file.bboxes
    assert file.to_bytes() == data


def test_the_brute_reader_reads_them_too():
    file = brute.read(TWO)
    assert file.header == (
        0,
        0,
        {
            "lut": (48, 40),
            "iids": (88, 31),
            "meta": (119, 8),
            "groups": (127, 55),
            "segs": (182, 58),
        },
    )
    assert file.meta == {"a": 1}
    assert file.groups == {"sys": [0, 1]}
    first, second = file.entries
    assert (first.key, first.domain, first.address, first.area) == (0, b"bar", b"foo", 4)
    assert (first.offset, first.length, first.bbox) == (182, 42, (1, 2, 4, 6))
    assert first.regions == [(1, 2, 2, 3), (2, 4, 4, 6)]
    assert np.array_equal(first.mask, MASK)
    assert (second.domain, second.mask.shape, second.mask.any()) == (b"", (2, 3), False)
    assert (file.at(x=4, y=3), file.at(x=5, y=3)) == ([0], [])
    assert (file.region((2, 0, 9, 5)), file.region((3, 5, 9, 9))) == ([0], [])
    assert file.overlaps() == {}
