"""Entries of two questions, laid on one another picture by picture, against plain loops."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

import brute
import iidindex
from databases import at
from iidindex import IIDFile, SourceError
from iidindex.catalog.schema import files
from iidindex.query.overlaps import between
from iidindex.query.overlaps.between import NO_FILE, Pictures, laid_together
from iidindex.query.question.asked import Filters
from strategies import placed_masks

ON_BOTH = True


@st.composite
def surveys(draw):
    """For each picture the masks of two files, either of which may be missing."""
    pictures = []
    for _ in range(draw(st.integers(1, 4))):
        files = [
            draw(st.none() | st.lists(placed_masks(max_side=12), max_size=5)) for _ in range(2)
        ]
        pictures.append(files)
    return pictures


def write(place, pictures):
    for nth, sides in enumerate(pictures):
        for side, masks in zip("ab", sides, strict=True):
            if masks is None:
                continue
            file = IIDFile()
            for number, (bbox, mask) in enumerate(masks):
                domain = b"odd" if number % 2 else b"even"
                file.add(str(number).encode(), domain, bbox, mask)
            path = place / side / f"{nth}.iid"
            path.parent.mkdir(parents=True, exist_ok=True)
            file.save(path)


def asked(index, pictures, a=None, b=None, **reading):
    """Pairs of (picture, key, key, pixels), and the pictures in the order in which they came."""
    with index._catalog.reading() as connection:
        ids = {
            os.fsdecode(path): number
            for number, path in connection.exec_driver_sql("SELECT id, path FROM files")
        }
        chosen = Pictures(
            *(
                np.array([ids.get(f"{side}/{nth}.iid", NO_FILE) for nth in pictures], np.int64)
                for side in "ab"
            )
        )
        found, seen = [], []
        a, b = a or Filters(), b or Filters()
        for laid in laid_together(
            connection, index._originals, a.reading(**reading) if reading else a, b, chosen
        ):
            seen += laid.pictures
            for row_a, row_b, pixels in zip(*laid.pairs[:3], strict=True):
                assert laid.a_picture[row_a] == laid.b_picture[row_b]
                picture = pictures[laid.a_picture[row_a]]
                found.append((picture, int(laid.a.key[row_a]), int(laid.b.key[row_b]), int(pixels)))
    assert seen == list(range(len(pictures)))
    return found


def expected(place, pictures):
    found = []
    for nth in pictures:
        paths = [place / side / f"{nth}.iid" for side in "ab"]
        if not all(path.exists() for path in paths):
            continue
        files = [brute.read_path(path) for path in paths]
        for a in files[0].entries:
            for b in files[1].entries:
                if brute.meet(a.bbox, b.bbox):
                    pixels = int(np.count_nonzero(a.crop(b.bbox) & b.crop(a.bbox)))
                    if pixels:
                        found.append((nth, a.key, b.key, pixels))
    return found


@settings(max_examples=40)
@given(surveys(), st.sampled_from([1, 3, 8192]), st.booleans())
def test_as_plain_loops(tmp_path_factory, pictures, most, turned):
    place = tmp_path_factory.mktemp("surveys")
    write(place, pictures)
    order = list(range(len(pictures)))[:: -1 if turned else 1]
    patch = pytest.MonkeyPatch()
    patch.setattr(between, "_ENTRIES", most)
    try:
        with iidindex.open(at(place / "x.db"), create=True) as index:
            index.ingest(place)
            assert sorted(asked(index, order)) == sorted(expected(place, order))
    finally:
        patch.undo()


@pytest.fixture
def two(tmp_path):
    square = np.ones((4, 4), bool)
    pictures = [
        [[((0, 0, 4, 4), square), ((2, 2, 6, 6), square)], [((1, 1, 5, 5), square)]],
        [[((0, 0, 4, 4), square)], [((0, 0, 4, 4), square), ((3, 3, 7, 7), square)]],
    ]
    write(tmp_path, pictures)
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(tmp_path)
        yield index


def test_what_is_asked_of_each_side(two):
    even, odd = (Filters().where(domain=name) for name in (b"even", b"odd"))
    assert asked(two, [0, 1]) == [(0, 0, 0, 9), (0, 1, 0, 9), (1, 0, 0, 16), (1, 0, 1, 1)]
    assert asked(two, [0, 1], even) == [(0, 0, 0, 9), (1, 0, 0, 16), (1, 0, 1, 1)]
    assert asked(two, [1, 0], even, odd) == [(1, 0, 1, 1)]
    assert asked(two, [0, 1], jobs=2, on_stale=None) == asked(two, [0, 1])


def test_both_sides_of_the_same_files(two):
    with two._catalog.reading() as connection:
        in_a = select(files.c.id).where(files.c.path >= "a/", files.c.path < "a0")
        ids = np.array(connection.scalars(in_a).all())
        (laid,) = laid_together(
            connection, two._originals, Filters(), Filters(), Pictures(ids, ids)
        )
    # Each of the two pairs of one file, and no entry with itself.
    assert list(zip(laid.a.key[laid.pairs.a], laid.b.key[laid.pairs.b], strict=True)) == [
        (0, 1),
        (1, 0),
    ]


def test_a_changed_file_costs_its_own_pictures(two, tmp_path):
    with (tmp_path / "b" / "0.iid").open("ab") as file:
        file.write(b"more")
    with pytest.raises(SourceError, match="0.iid"):
        asked(two, [0, 1])
    with pytest.warns(UserWarning, match="0.iid"):
        found = asked(two, [0, 1], on_stale="warn", jobs=None)
    assert found == [(1, 0, 0, 16), (1, 0, 1, 1)]
