"""Which boxes meet: by comparing all with all, and through the tree."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brute import meet
from iidindex.masks.boxes import BoxIndex
from iidindex.model import BBox


@st.composite
def box_lists(draw):
    corner, size = st.integers(0, 12), st.integers(0, 6)
    boxes = draw(st.lists(st.tuples(corner, corner, size, size), max_size=12))
    return [(r, c, r + height, c + width) for r, c, height, width in boxes]


def arrays(boxes):
    return np.array(boxes, np.uint16).reshape(-1, 4)


def pairs_of(index):
    found = [pair for i, j in index.pairs() for pair in zip(i.tolist(), j.tolist(), strict=True)]
    assert len(found) == len(set(found))
    return set(found)


def expected_pairs(boxes):
    n = len(boxes)
    return {(i, j) for i in range(n) for j in range(i + 1, n) if meet(boxes[i], boxes[j])}


def many(n, seed=0):
    """Boxes, some of them empty, some the same, some touching."""
    random = np.random.default_rng(seed)
    low = random.integers(0, 300, (n, 2))
    boxes = np.concatenate([low, low + random.integers(0, 12, (n, 2))], axis=1)
    boxes[n // 2 : n // 2 + 20] = boxes[:20]
    return [tuple(box) for box in boxes.tolist()]


@given(box_lists())
def test_pairs_of_few(boxes):
    assert pairs_of(BoxIndex(arrays(boxes))) == expected_pairs(boxes)


@pytest.mark.parametrize("n", [192, 193, 194, 700])
def test_pairs_of_many(n):
    boxes = many(n)
    assert pairs_of(BoxIndex(arrays(boxes))) == expected_pairs(boxes)


def test_pairs_of_many_without_pixels():
    boxes = [(nth, 5, nth, 9) for nth in range(500)]
    assert pairs_of(BoxIndex(arrays(boxes))) == set()


def test_pairs_come_in_blocks():
    # All of 3,000 boxes meet: four and a half million pairs.
    sizes = [len(i) for i, _ in BoxIndex(arrays([(3, 3, 5, 5)] * 3000)).pairs()]
    assert sum(sizes) == 3000 * 2999 // 2
    assert max(sizes) <= 1 << 18


@given(box_lists(), st.tuples(*[st.integers(0, 14)] * 2), st.tuples(*[st.integers(0, 5)] * 2))
def test_meeting_few(boxes, corner, size):
    box = BBox(*corner, corner[0] + size[0], corner[1] + size[1])
    expected = [nth for nth, one in enumerate(boxes) if meet(one, box)]
    assert BoxIndex(arrays(boxes)).meeting(box).tolist() == expected


@pytest.mark.parametrize("n", [2048, 2049, 3000])
def test_meeting_many(n):
    boxes = many(n)
    index = BoxIndex(arrays(boxes))
    # The first question of many boxes is answered by looking at all, the next by the tree.
    for box in [(10, 10, 60, 50), (10, 10, 60, 50), (0, 0, 1, 1), (299, 0, 300, 999), (5, 5, 5, 9)]:
        expected = [nth for nth, one in enumerate(boxes) if meet(one, box)]
        assert index.meeting(BBox(*box)).tolist() == expected


def test_boxes_that_touch_do_not_meet():
    index = BoxIndex(arrays([(0, 0, 5, 5), (5, 0, 9, 5), (0, 5, 5, 9), (4, 4, 6, 6)]))
    assert pairs_of(index) == {(0, 3), (1, 3), (2, 3)}
    assert index.meeting(BBox(5, 5, 6, 6)).tolist() == [3]
