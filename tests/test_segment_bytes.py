"""The bytes of a segment alone tell its mask, and any others are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import brute
import strategies
from iidindex import IIDFormatError, decode_segment
from iidindex.buffers import as_bytes


@given(strategies.odd_files())
def test_as_the_slow_reader_has_it(data):
    for entry in brute.read(data).entries:
        segment = decode_segment(bytes(data[entry.offset : entry.offset + entry.length]))
        assert (segment.bbox, segment.area) == (tuple(entry.bbox), entry.area)
        assert np.array_equal(segment.mask, entry.mask)


@given(st.binary(max_size=60))
def test_any_bytes(data):
    try:
        segment = decode_segment(memoryview(data))
    except IIDFormatError:
        return
    assert segment.mask.shape == (segment.bbox.height, segment.bbox.width)
    assert as_bytes(data).size >= 16


def test_what_is_wrong_is_told():
    with pytest.raises(IIDFormatError, match="a segment has 3 bytes, expected at least 16"):
        decode_segment(b"abc")
