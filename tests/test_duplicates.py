"""Masks that are there twice, against plain loops over every pixel."""

import json
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import brute
import iidindex
from build import Row, odd_file, region, write_long_ago
from databases import at
from iidindex import IIDFile, QueryError, SourceError
from iidindex.cli.main import run
from iidindex.masks.digests import digests
from iidindex.masks.measure import place
from iidindex.query.comparison import duplicates as room
from strategies import masks

ON_BOTH = True


def cut(draw, box, mask):
    """The regions of a mask: one, or bands; a band may reach into the one before."""
    minr, minc, maxr, maxc = box
    step = draw(st.sampled_from([1, 3, 100]))
    more = draw(st.sampled_from([0, 0, 1]))
    found = []
    for top in range(minr, maxr, step):
        first, last = max(minr, top - more), min(maxr, top + step)
        found.append(region((first, minc, last, maxc), mask[first - minr : last - minr]))
    return found


@st.composite
def archives(draw):
    """For each file rows of few masks at few places, each cut as it comes."""
    known = draw(st.lists(masks(max_side=9), min_size=1, max_size=3))
    # Of equal area, and other pixels.
    known += [mask[::-1, ::-1] for mask in known]
    files = []
    for _ in range(draw(st.integers(1, 4))):
        rows = []
        for key in range(draw(st.integers(0, 5))):
            mask = draw(st.sampled_from(known))
            row, col = draw(st.sampled_from([(0, 0), (2, 2), (61, 70)]))
            box = (row, col, row + mask.shape[0], col + mask.shape[1])
            area = int(np.count_nonzero(mask))
            rows.append(Row(key, b"d", b"%d" % key, box, cut(draw, box, mask), area))
        files.append(rows)
    return files


def pixels_of(entry):
    return frozenset(map(tuple, (np.argwhere(entry.mask) + entry.bbox[:2]).tolist()))


def keys(pairs):
    return [(pair.a.path, pair.a.key, pair.b.path, pair.b.key, pair.pixels) for pair in pairs]


@settings(max_examples=20)
@given(archives(), st.sampled_from([1, 8 << 20]), st.sampled_from([0.9, 0.3, 1, 0]))
def test_as_plain_loops(tmp_path_factory, files, most, iou):
    place = tmp_path_factory.mktemp("twice")
    entries = []
    for nth, rows in enumerate(files):
        write_long_ago(place / f"{nth}.iid", odd_file(rows))
        found = brute.read_path(place / f"{nth}.iid").entries
        entries += [(f"{nth}.iid", entry.key, entry.bbox, pixels_of(entry)) for entry in found]
    across, within = [], []
    for a, b in combinations(entries, 2):
        pixels = len(a[3] & b[3])
        if a[0] != b[0] and a[2:] == b[2:] and pixels:
            across.append((*a[:2], *b[:2], pixels))
        if a[0] == b[0] and pixels and pixels / len(a[3] | b[3]) >= iou:
            within.append((*a[:2], *b[:2], pixels))
    patch = pytest.MonkeyPatch()
    patch.setattr(room, "_BYTES", most)
    patch.setattr(room, "_PAIRS", 3)
    try:
        with iidindex.open(at(place / "x.db"), create=True) as index:
            index.ingest(place)
            assert keys(index.duplicates(across=True)) == across
            assert index.duplicates(across=True).count() == len(across)
            assert keys(index.duplicates(iou=iou)) == within
            rows = index.duplicates(across=True).to_dicts()
            assert index.duplicates(across=True).to_arrow().to_pylist() == rows
            assert {row["iou"] for row in rows} <= {1.0}
            some = [pair for pair in across if {pair[1], pair[3]} <= {0, 2}]
            assert keys(index.duplicates(across=True, key=[0, 2])) == some
    finally:
        patch.undo()


@settings(max_examples=25)
@given(masks(max_side=20), masks(max_side=20), st.integers(0, 70), st.integers(0, 70))
def test_digests_tell_masks_apart(one, other, row, col):
    key = (3, 5, 7, 11)

    def digest(mask, down=0):
        regions = place(mask, row + down, col)
        return digests(regions, np.zeros(len(regions), np.int64), 1, key).tolist()

    same = np.array_equal(np.argwhere(one), np.argwhere(other))
    assert (digest(one) == digest(other)) == same
    assert (digest(one, 1) == digest(one)) == (not one.any())


@pytest.fixture
def two(tmp_path):
    square = np.ones((4, 4), bool)
    for name, places in {"1": [0, 9], "2": [0, 20], "3": [0, 0]}.items():
        file = IIDFile()
        for row in places:
            file.add(b"%d" % row, b"d", (row, row, row + 4, row + 4), square)
        (tmp_path / "archive").mkdir(exist_ok=True)
        file.save(tmp_path / "archive" / f"{name}.iid")
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(tmp_path / "archive")
        yield index


def test_wrong_arguments(two):
    with pytest.raises(QueryError, match="leave iou out"):
        two.duplicates(iou=0.5, across=True)
    with pytest.raises(QueryError, match="min_iou is 2"):
        two.duplicates(iou=2)
    with pytest.raises(QueryError, match="leave order_by"):
        two.duplicates(two.entries.limit(2), across=True)


def test_what_agrees_with_nothing_is_not_read(two, tmp_path):
    wanted = keys(two.duplicates(across=True, jobs=2))
    assert len(wanted) == 1 + 2 + 2
    assert keys(two.duplicates(across=True, not_path="3.iid")) == wanted[:1]
    with (tmp_path / "archive" / "3.iid").open("ab") as file:
        file.write(b"more")
    assert keys(two.duplicates(across=True, not_path="3.iid")) == wanted[:1]
    with pytest.raises(SourceError, match=r"3\.iid"):
        list(two.duplicates(across=True))
    with pytest.warns(UserWarning, match=r"3\.iid"):
        assert keys(two.duplicates(across=True, on_stale="warn")) == wanted[:1]


def test_in_the_shell(two, tmp_path, capsys):
    def call(*arguments):
        code = run(["--db", str(at(tmp_path / "x.db")), "duplicates", *arguments])
        return code, *capsys.readouterr()

    code, out, _ = call("--format", "json")
    assert code == 0
    assert [(row["path"], row["a_key"], row["b_key"]) for row in json.loads(out)] == [
        ("3.iid", 0, 1)
    ]
    code, out, _ = call("--across", "--fields", "path,b_path", "--format", "csv")
    assert out.splitlines()[1:] == ["1.iid,2.iid", *["1.iid,3.iid"] * 2, *["2.iid,3.iid"] * 2]
    assert call("--across", "--count")[:2] == (0, "5\n")
    assert call("--across", "--count", "--limit", "2")[:2] == (0, "2\n")
    assert call("--path", "1.iid")[0] == 1
    assert call("--across", "--iou", "0.5")[0] == 2
    assert "b_path" in call("--across")[1]
