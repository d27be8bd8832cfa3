"""How well two sides agree on the same pictures, against plain loops and pycocotools."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import brute
import iidindex
from annotators import shell, square, write
from databases import at
from iidindex.masks.matching import matched
from iidindex.query.overlaps import between
from strategies import placed_masks

ON_BOTH = True

GROUPS = (None, "cell", "nucleus")


# ------------------------------------------------------------------ the slow truth


def greedy(a, b, least):
    """Matches of two lists of entries, one after the other: (iou, entry, entry)."""
    pairs = []
    for one in a:
        for other in b:
            if brute.meet(one.bbox, other.bbox):
                pixels = np.count_nonzero(one.crop(other.bbox) & other.crop(one.bbox))
                if pixels:
                    iou = pixels / (one.area + other.area - pixels)
                    pairs.append((-iou, one.key, other.key, int(pixels)))
    found, taken_a, taken_b = [], set(), set()
    for iou, one, other, _ in sorted(pairs):
        if -iou >= least and one not in taken_a and other not in taken_b:
            found.append((one, other, -iou))
            taken_a.add(one)
            taken_b.add(other)
    areas = ({entry.key: entry.area for entry in a}, {entry.key: entry.area for entry in b})
    held = {0: {}, 1: {}}
    for _, one, other, pixels in pairs:
        if 2 * pixels >= areas[1][other]:
            held[0].setdefault(one, []).append(other)
        if 2 * pixels >= areas[0][one]:
            held[1].setdefault(other, []).append(one)
    split, merged = (
        sorted(key for key, others in held[side].items() if len(others) > 1) for side in (0, 1)
    )
    return found, split, merged


def row_of(a, b, least):
    found, split, merged = greedy(a, b, least)
    total = sum(iou for *_, iou in found)
    n = len(found)
    half = n + (len(a) - n + len(b) - n) / 2
    return {
        "matched": n,
        "only_a": len(a) - n,
        "only_b": len(b) - n,
        "split": len(split),
        "merged": len(merged),
        "mean_iou": total / n if n else None,
        "pq": total / half if half else None,
    }


def close(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if isinstance(value, float):
            assert math.isclose(found[name], value, rel_tol=1e-12), name
        else:
            assert found[name] == value, name


@st.composite
def pictures(draw):
    """For each picture, the masks of two domains and of a third that plays no part."""
    return [
        draw(
            st.lists(
                st.tuples(
                    st.sampled_from([b"anna", b"ben", b"other"]),
                    placed_masks(max_side=8),
                    st.sets(st.sampled_from(GROUPS), max_size=2),
                ),
                max_size=7,
            )
        )
        for _ in range(draw(st.integers(1, 4)))
    ]


@settings(max_examples=16)
@given(pictures(), st.sampled_from([0.0, 0.2, 0.5, 1.0]), st.sampled_from([1, 8192]))
def test_two_domains_as_plain_loops(tmp_path_factory, drawn, least, most):
    place = tmp_path_factory.mktemp("agreement")
    for nth, masks in enumerate(drawn):
        listed = [(domain, *placed, *groups) for domain, placed, groups in masks]
        write(place / "pictures" / f"{nth}.iid", listed)
    patch = pytest.MonkeyPatch()
    patch.setattr(between, "_ENTRIES", most)
    try:
        with iidindex.open(at(place / "x.db"), create=True) as index:
            index.ingest(place / "pictures")
            check(index, place / "pictures", len(drawn), least)
    finally:
        patch.undo()


def check(index, place, n, least):
    found = index.agreement(b"anna", "ben", iou=least)
    files = [brute.read_path(place / f"{nth}.iid") for nth in range(n)]
    sides = [
        [[one for one in file.entries if one.domain == domain] for domain in (b"anna", b"ben")]
        for file in files
    ]
    expected = [row_of(a, b, least) for a, b in sides]
    rows = found.to_dicts()
    assert [row["path_a"] for row in rows] == [row["path_b"] for row in rows]
    assert [row["path_a"] for row in rows] == [f"{nth}.iid" for nth in range(n)]
    for row, wanted in zip(rows, expected, strict=True):
        close({name: row[name] for name in wanted}, wanted)
    assert found.to_arrow().to_pylist() == rows
    close(found.total()._asdict(), total_of(expected))
    matches, split, merged = zip(*(greedy(a, b, least) for a, b in sides), strict=True)
    paths = [f"{nth}.iid" for nth in range(n)]
    told = [(pair.a.path, pair.a.key, pair.b.key) for pair in found.matched()]
    assert told == [
        (path, *pair[:2]) for path, of in zip(paths, matches, strict=True) for pair in sorted(of)
    ]
    for which, per_picture in (("split", split), ("merged", merged)):
        told = [(entry.path, entry.key) for entry in getattr(found, which)()]
        assert told == [
            (path, key) for path, keys in zip(paths, per_picture, strict=True) for key in keys
        ]
    for which, side in (("only_a", 0), ("only_b", 1)):
        told = [(entry.path, entry.key) for entry in getattr(found, which)()]
        assert told == [
            (path, entry.key)
            for path, of, both in zip(paths, matches, sides, strict=True)
            for entry in both[side]
            if entry.key not in {pair[side] for pair in of}
        ]
    by_group = {row.pop("group"): row for row in found.by_group().to_dicts()}
    members = {
        group: [[chosen(entries, file, group) for entries in both] for both, file in found_in]
        for group in GROUPS
        for found_in in [list(zip(sides, files, strict=True))]
    }
    known = {group: [both for both in of if both[0] or both[1]] for group, of in members.items()}
    assert by_group.keys() == {group for group, of in known.items() if of}
    for group, row in by_group.items():
        close(row, total_of([row_of(a, b, least) for a, b in known[group]]))


def chosen(entries, file, group):
    """Those of a group, or those in none."""
    if group is not None:
        return [entry for entry in entries if entry.key in file.groups.get(group, ())]
    grouped = {key for keys in file.groups.values() for key in keys}
    return [entry for entry in entries if entry.key not in grouped]


def total_of(rows):
    n, only_a, only_b = (sum(row[name] for row in rows) for name in ("matched", "only_a", "only_b"))
    ious = sum(row["mean_iou"] * row["matched"] for row in rows if row["matched"])
    every = n + (only_a + only_b) / 2
    return {
        "pictures": len(rows),
        "matched": n,
        "only_a": only_a,
        "only_b": only_b,
        "precision": n / (n + only_b) if n + only_b else None,
        "recall": n / (n + only_a) if n + only_a else None,
        "f1": n / every if every else None,
        "sq": ious / n if n else None,
        "rq": n / every if every else None,
        "pq": ious / every if every else None,
    }


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from([0.1, 0.25, 0.5, 0.9])),
        unique_by=lambda pair: pair[:2],
    ),
    st.sampled_from([0.0, 0.25, 0.5]),
)
def test_rounds_match_as_one_by_one(pairs, least):
    a, b, iou = (
        (np.array(column) for column in zip(*pairs, strict=True))
        if pairs
        else [np.empty(0, np.int64)] * 3
    )
    expected, taken = [], set()
    for value, one, other, nth in sorted((-pair[2], *pair[:2], n) for n, pair in enumerate(pairs)):
        if -value >= least and not {("a", one), ("b", other)} & taken:
            expected.append(nth)
            taken |= {("a", one), ("b", other)}
    assert matched(a, b, iou, least).tolist() == sorted(expected)


def test_as_pycocotools(tmp_path):
    coco = pytest.importorskip("pycocotools.mask")
    rng = np.random.default_rng(5)
    encoded, masks = ([], []), []
    for nth in range(60):
        size, corner = rng.integers(5, 25), rng.integers(0, 60, 2)
        mask = rng.random((size, size)) < 0.8
        mask[0], mask[:, 0] = True, True
        domain = nth % 2
        top, left = corner.tolist()
        masks.append(((b"anna", b"ben")[domain], (top, left, top + size, left + size), mask))
        frame = np.zeros((90, 90), np.uint8, order="F")
        frame[top : top + size, left : left + size] = mask
        encoded[domain].append(coco.encode(frame))
    write(tmp_path / "a" / "1.iid", masks)
    iou = coco.iou(*encoded, [0] * len(encoded[1]))
    least = 0.1
    left, expected = iou.copy(), []
    while left.max() >= least:
        one, other = np.unravel_index(np.argmax(left), left.shape)
        expected.append((2 * int(one), 2 * int(other) + 1, left[one, other]))
        left[one], left[:, other] = 0, 0
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(tmp_path / "a")
        found = index.agreement("anna", "ben", iou=least)
        told = [(pair.a.key, pair.b.key, pair.iou) for pair in found.matched()]
        assert told == sorted(expected)
        assert len(told) > 3
        assert found[0].mean_iou == pytest.approx(np.mean([pair[2] for pair in expected]))


# ------------------------------------------------------------------ by hand


def test_split_and_merged(ask, capsys):
    whole, halves = (0, 0, 10, 10), [(0, 0, 10, 5), (0, 5, 10, 10)]
    half = np.ones((10, 5), bool)
    index = ask(
        split=[(b"a", whole, square()), *((b"b", box, half) for box in halves)],
        merged=[(b"b", whole, square()), *((b"a", box, half) for box in halves)],
        # Each of the two lies in it with just half of its columns.
        just=[
            (b"a", whole, square()),
            (b"b", (0, 6, 10, 14), np.ones((10, 8), bool)),
            (b"b", (0, 8, 10, 12), np.ones((10, 4), bool)),
        ],
        # Each of the two lies in it with four of its nine columns.
        neither=[
            (b"a", whole, square()),
            (b"b", (0, -5 + 5, 10, 4), np.ones((10, 4), bool)),
            (b"b", (0, 6, 10, 15), np.ones((10, 9), bool)),
        ],
    )
    rows = {row.path_a: row for row in index.agreement("a", "b")}
    assert rows["split.iid"][2:8] == (1, 0, 1, 1, 0, 0.5)
    assert rows["merged.iid"][2:8] == (1, 1, 0, 0, 1, 0.5)
    assert rows["just.iid"][2:8] == (0, 1, 2, 1, 0, None)
    assert rows["neither.iid"][2:8] == (0, 1, 2, 0, 0, None)
    code, listed, _ = shell(capsys, "agree", "a", "b", "--list", "split", "--fields", "path,key")
    assert (code, listed) == (0, [{"path": f"{name}.iid", "key": 0} for name in ("just", "split")])
    code, listed, _ = shell(
        capsys, "agree", "a", "b", "--list", "matched", "--fields", "path,b_key"
    )
    assert listed == [{"path": "merged.iid", "b_key": 0}, {"path": "split.iid", "b_key": 1}]


def test_ties_go_to_lower_keys(ask):
    half = np.ones((10, 5), bool)
    index = ask(
        one=[
            (b"b", (0, 5, 10, 10), half),
            (b"b", (0, 0, 10, 5), half),
            (b"a", (0, 0, 10, 10), square()),
        ]
    )
    (pair,) = index.agreement("a", "b").matched()
    assert (pair.a.key, pair.b.key) == (2, 0)


def test_the_best_pair_is_taken_before_what_would_match_more(ask):
    """A chain in which only the middle pair is a match: greedy, not optimal."""
    strip = np.ones((1, 10), bool)
    index = ask(
        one=[
            (b"a", (0, 0, 1, 10), strip),
            (b"b", (0, 3, 1, 13), strip),
            (b"a", (0, 5, 1, 15), strip),
            (b"b", (0, 8, 1, 18), strip),
        ]
    )
    told = [(one.a.key, one.b.key) for one in index.agreement("a", "b", iou=0.5).matched()]
    assert told == [(2, 1)]
    assert index.agreement("a", "b", iou=0.5).total()[:4] == (1, 1, 1, 1)


def test_a_mask_without_pixels_has_no_match(ask):
    nothing = np.zeros((3, 3), bool)
    index = ask(one=[(b"a", (0, 0, 3, 3), nothing), (b"b", (0, 0, 3, 3), nothing)])
    assert index.agreement("a", "b", iou=0).total()[:4] == (1, 0, 1, 1)


def test_worst_pictures_first(ask, capsys):
    box, other = (0, 0, 10, 10), (40, 40, 50, 50)
    index = ask(
        good=[(b"a", box, square()), (b"b", box, square())],
        missed=[(b"a", box, square())],
        empty=[],
        fair=[(b"a", box, square()), (b"b", box, square()), (b"b", other, square())],
    )
    paths = [row.path_a for row in index.agreement("a", "b", order_by="pq")]
    assert paths == ["missed.iid", "fair.iid", "good.iid", "empty.iid"]
    paths = [row.path_a for row in index.agreement("a", "b", order_by="-path_b", limit=2)]
    assert paths == ["missed.iid", "good.iid"]
    code, rows, _ = shell(capsys, "agree", "a", "b", "--order-by", "pq", "--limit", "1")
    assert (code, [row["path_a"] for row in rows]) == (0, ["missed.iid"])
    told = index.agreement("a", "b", order_by=["-only_b", "mean_iou", "path_a"])
    assert [row.path_a for row in told] == ["fair.iid", "good.iid", "empty.iid", "missed.iid"]
    assert index.agreement("a", "b").total().pictures == 4
    assert index.agreement("a", "b", limit=1).total().pictures == 4
    groups = index.agreement("a", "b").by_group(order_by="-matched", limit=1)
    assert [(row.group, row.pictures) for row in groups] == [(None, 3)]


@pytest.mark.parametrize(
    ("name", "a", "b", "least"),
    [
        ("usiigaci", b"usiigaci.avg", b"usiigaci.track", 0.5),
        ("sav_example", b"sav.auto", b"sav.manual", 0.25),
    ],
)
def test_real_archives_as_plain_loops(real_archives, tmp_path, name, a, b, least):
    root = next((path for path in real_archives if path.name == name), None)
    if root is None:
        pytest.skip(f"{name} is not here")
    folder = sorted(path for path in root.rglob("*.iid"))[0].parent
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(folder)
        found = list(index.agreement(a, b, iou=least, order_by="pq", limit=12))
    assert len(found) == 12
    for row in found:
        every = brute.read_path(row.location_a).entries
        sides = ([entry for entry in every if entry.domain == domain] for domain in (a, b))
        expected = row_of(*sides, least)
        close({name: getattr(row, name) for name in expected}, expected)
    assert sum(row.only_a + row.only_b for row in found) > 0
