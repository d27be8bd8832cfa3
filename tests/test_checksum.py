"""Checksums of segments."""

import zlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from iidindex.codec.checksum import checksums


@given(st.lists(st.binary(max_size=60), max_size=8), st.binary(max_size=9))
def test_many_at_once(segments, before):
    data = np.frombuffer(before + b"".join(segments), np.uint8)
    length = np.array([len(segment) for segment in segments], np.int64)
    offset = len(before) + np.cumsum(length) - length
    assert checksums(data, offset, length).tolist() == [zlib.crc32(one) + 1 for one in segments]


@given(st.binary(min_size=1, max_size=80), st.data())
def test_every_bit_counts(segment, data):
    other = bytearray(segment)
    for bit in data.draw(st.sets(st.integers(0, 31), min_size=1)):
        place = min(bit, 8 * len(segment) - 1)
        other[place // 8] ^= 1 << place % 8
    both = np.frombuffer(segment + bytes(other), np.uint8)
    size = len(segment)
    one, two = checksums(both, np.array([0, size]), np.array([size, size])).tolist()
    assert min(one, two) > 0
    assert (one == two) == (bytes(other) == segment)
