"""The records that every room shares, and the errors."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import iidindex
from brute import meet
from iidindex import BBox, BufLoc, IIDFormatError, QueryError
from iidindex.model import IID

corner, size = st.integers(-9, 9), st.integers(0, 9)
boxes = st.builds(lambda r, c, h, w: BBox(r, c, r + h, c + w), corner, corner, size, size)


def pixels(box):
    return {(row, col) for row in range(box.minr, box.maxr) for col in range(box.minc, box.maxc)}


@given(boxes, boxes)
def test_boxes_in_common_and_around(a, b):
    assert pixels(a & b) == pixels(a) & pixels(b)
    assert (a & b).n_pixels == len(pixels(a) & pixels(b))
    assert bool((a & b).n_pixels) == meet(a, b)
    assert pixels(a | b) >= pixels(a) | pixels(b)
    assert (a | b) == (b | a)


def test_reading_boxes():
    assert BBox.of((1, 2, 3, 4)) == BBox.of(np.array([1, 2, 3, 4], np.uint16)) == (1, 2, 3, 4)
    assert all(type(value) is int for value in BBox.of(np.array([1, 2, 3, 4])))


@pytest.mark.parametrize("wrong", [(1, 2, 3), (1, 2, 3, 4, 5), (1, 2, 3, 4.0), "abcd", None, 7])
def test_what_is_no_box(wrong):
    with pytest.raises(QueryError, match="here must be four integers"):
        BBox.of(wrong, "here")


@pytest.mark.parametrize("wrong", [(3, 0, 2, 9), (0, 3, 9, 2)])
def test_reversed_boxes(wrong):
    with pytest.raises(QueryError, match="here .* is reversed"):
        BBox.of(wrong, "here")


def test_records_pickle():
    for record in (BBox(1, 2, 3, 4), IID(b"", b"x"), BufLoc(3, 4)):
        again = pickle.loads(pickle.dumps(record))
        assert (again, type(again)) == (record, type(record))
    assert BufLoc(3, 4).end == 7


def test_every_error_has_one_base():
    errors = [getattr(iidindex, name) for name in iidindex.__all__ if name.endswith("Error")]
    assert len(errors) == 18
    assert all(issubclass(error, iidindex.IIDIndexError) for error in errors)


def test_where_a_format_error_says_it_is():
    error = IIDFormatError("it is wrong", section="meta", offset=7)
    assert str(error) == "section meta at byte 7: it is wrong"
    assert str(error.in_file("x.iid")) == "x.iid: section meta at byte 7: it is wrong"
    assert str(IIDFormatError("it is wrong", section="header")) == "header: it is wrong"
    assert str(IIDFormatError("it is wrong")) == "it is wrong"
