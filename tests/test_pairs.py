"""Pairs of entries by what is asked of either side and of both, against plain loops."""

import json
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import brute
import iidindex
from databases import at
from iidindex import IIDFile, QueryError
from iidindex.cli.main import run
from iidindex.masks import gaps
from iidindex.query.overlaps import counting
from strategies import placed_masks

ON_BOTH = True

DOMAINS = (b"x", b"y", b"")
GROUPS = ("cell", "nucleus")


@st.composite
def archives(draw):
    """For each file the entries: a mask, a domain, and groups."""
    entry = st.tuples(
        placed_masks(max_side=12),
        st.sampled_from(DOMAINS),
        st.lists(st.sampled_from(GROUPS), unique=True),
    )
    return draw(st.lists(st.lists(entry, max_size=6), min_size=1, max_size=3))


def fractions():
    ends = st.none() | st.sampled_from([0.0, 0.25, 0.5, 1.0])
    return st.none() | st.tuples(ends, ends).filter(lambda ends: None in ends or ends[0] <= ends[1])


questions = st.fixed_dictionaries(
    {
        "between": st.none() | st.tuples(st.sampled_from(DOMAINS), st.sampled_from(DOMAINS)),
        "a_group": st.none() | st.sampled_from([*GROUPS, GROUPS]),
        "b_group": st.none() | st.sampled_from([*GROUPS, GROUPS]),
        "min_iou": st.none() | st.sampled_from([0, 0.1, 0.5, 1]),
        "a_in_b": fractions(),
        "b_in_a": fractions(),
        "within": st.sampled_from([None, 0, 1, 2, 7]),
        "order_by": st.none()
        | st.lists(
            st.sampled_from(["-iou", "pixels", "-a_in_b", "distance", "b_area"]), max_size=2
        ),
        "limit": st.none() | st.integers(0, 5),
    }
)


def write(place, archive):
    for nth, entries in enumerate(archive):
        file = IIDFile()
        for number, ((bbox, mask), domain, groups) in enumerate(entries):
            file.add(str(number).encode(), domain or None, bbox, mask)
            for name in groups:
                file.groups.add(name, [number])
        place.mkdir(exist_ok=True)
        file.save(place / f"{nth}.iid")


def pixels_of(entry):
    return np.argwhere(entry.mask) + entry.bbox[:2]


def measured(a, b):
    """Shared pixels and Chebyshev distance, pixel by pixel."""
    at_a, at_b = pixels_of(a), pixels_of(b)
    if not len(at_a) or not len(at_b):
        return 0, None
    away = np.abs(at_a[:, np.newaxis] - at_b[np.newaxis]).max(axis=2)
    return int(np.count_nonzero(away == 0)), int(away.min())


def among(value, ends):
    low, high = ends or (None, None)
    return (low is None or value >= low) and (high is None or value <= high)


def _is_on(file, entry, domain, groups):
    groups = (groups,) if isinstance(groups, str) else groups
    in_group = groups is None or any(entry.key in file.groups.get(name, ()) for name in groups)
    return (domain is None or entry.domain == domain) and in_group


def expected(place, number, asked):
    """Rows of (file, key, key, pixels, distance) in the order asked for."""
    between = asked["between"] or (None, None)
    a_groups, b_groups = (
        set(groups) if isinstance(groups, tuple) else groups and {groups}
        for groups in (asked["a_group"], asked["b_group"])
    )
    is_one_side = between[0] == between[1] and a_groups == b_groups
    found = []
    for nth in range(number):
        file = brute.read_path(place / f"{nth}.iid")
        for a, b in product(file.entries, file.entries):
            if a.key == b.key or (is_one_side and a.key > b.key):
                continue
            if not _is_on(file, a, between[0], asked["a_group"]):
                continue
            if not _is_on(file, b, between[1], asked["b_group"]):
                continue
            pixels, distance = measured(a, b)
            if distance is None or distance > (asked["within"] or 0):
                continue
            of_a, of_b = a.mask.sum(), b.mask.sum()
            told = {
                "pixels": pixels,
                "distance": distance,
                "b_area": of_b,
                "iou": pixels / (of_a + of_b - pixels),
                "a_in_b": pixels / of_a,
                "b_in_a": pixels / of_b,
            }
            if told["iou"] < (asked["min_iou"] or 0):
                continue
            if among(told["a_in_b"], asked["a_in_b"]) and among(told["b_in_a"], asked["b_in_a"]):
                order = [
                    -told[name[1:]] if name[0] == "-" else told[name]
                    for name in asked["order_by"] or ()
                ]
                found.append((order, (nth, a.key, b.key, pixels, distance)))
    found.sort()
    return [row for _, row in found][: asked["limit"]]


def told(pairs):
    return [
        (int(pair.a.path.removesuffix(".iid")), pair.a.key, pair.b.key, pair.pixels, pair.distance)
        for pair in pairs
    ]


@settings(max_examples=15)
@given(archives(), st.lists(questions, min_size=1, max_size=4), st.sampled_from([(), (0,), (0, 1)]))
def test_as_plain_loops(tmp_path_factory, archive, asked, stored):
    place = tmp_path_factory.mktemp("pairs")
    write(place, archive)
    patch = pytest.MonkeyPatch()
    patch.setattr(counting, "_PAIRS", 3)
    patch.setattr(gaps, "_ROWS", 20)
    patch.setattr(gaps, "_PIXELS", 100)
    try:
        with iidindex.open(at(place / "x.db"), create=True) as index:
            index.ingest(place)
            for nth in stored:
                index.overlaps(f"{nth}.iid", store=True)
            for one in asked:
                wanted = expected(place, len(archive), one)
                assert told(index.overlaps(**one)) == wanted
                assert index.overlaps(**one).count() == len(wanted)
                columns = index.overlaps(**one).to_arrow(["a_key", "b_key", "distance", "iou"])
                assert list(zip(*columns.to_pydict().values(), strict=True)) == [
                    (a, b, distance, pair.iou)
                    for (_, a, b, _, distance), pair in zip(
                        wanted, index.overlaps(**one), strict=True
                    )
                ]
    finally:
        patch.undo()


@settings(max_examples=8)
@given(archives().filter(lambda files: len(files) > 1), st.sampled_from([None, 1, 5]))
def test_across_two_files(tmp_path_factory, archive, within):
    place = tmp_path_factory.mktemp("across")
    write(place, archive)
    files = [brute.read_path(place / f"{nth}.iid") for nth in (1, 0)]
    wanted = []
    for a, b in product(*(file.entries for file in files)):
        pixels, distance = measured(a, b)
        if distance is not None and distance <= (within or 0):
            wanted.append((a.key, b.key, pixels, distance))
    with iidindex.open(at(place / "x.db"), create=True) as index:
        index.ingest(place)
        rows = index.overlaps(across=("1.iid", "0.iid"), within=within).to_dicts()
        shown = ("a_key", "b_key", "pixels", "distance")
        assert [tuple(row[name] for name in shown) for row in rows] == wanted
        assert {(row["path"], row["b_path"]) for row in rows} <= {("1.iid", "0.iid")}
        told = index.overlaps(across=("1.iid", "0.iid"), within=within).to_arrow().to_pylist()
        assert told == rows


@pytest.fixture
def call_on(capsys):
    """Call the program on an index."""

    def called(db, *arguments):
        code = run(["--db", str(db), *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return called


@pytest.fixture
def touching(tmp_path):
    """Two cells that touch at a corner, a nucleus in the first, and one cell far away."""
    file = IIDFile()
    boxes = [(0, 0, 10, 10), (10, 10, 20, 20), (2, 2, 6, 6), (90, 90, 95, 95)]
    for number, box in enumerate(boxes):
        mask = np.ones((box[2] - box[0], box[3] - box[1]), bool)
        file.add(str(number).encode(), b"d", box, mask, "nucleus" if number == 2 else "cell")
    (tmp_path / "archive").mkdir()
    file.save(tmp_path / "archive" / "a.iid")
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(tmp_path / "archive")
        yield SimpleNamespace(index=index, db=at(tmp_path / "x.db"))


def test_who_touches_whom(touching):
    index = touching.index
    keys = [(pair.a.key, pair.b.key, pair.distance) for pair in index.overlaps(within=1)]
    assert keys == [(0, 1, 1), (0, 2, 0)]
    inside = index.overlaps(a_group="nucleus", b_group="cell", a_in_b=(0.9, None))
    assert [(pair.a.key, pair.b.key, pair.a_in_b) for pair in inside] == [(2, 0, 1.0)]


def test_what_is_left_is_counted(touching):
    pairs = touching.index.overlaps(within=200)
    next(pairs)
    assert pairs.count() == 5
    assert list(pairs) == []
    assert pairs.count() == 0
    closed = touching.index.overlaps()
    closed.close()
    assert closed.count() == 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"between": (b"x",)}, "between must be two domains"),
        ({"between": b"xy"}, "between must be two domains"),
        ({"between": ("x", "y")}, "two domains of bytes"),
        ({"a_group": b"cell"}, "a_group must be str"),
        ({"b_group": [3]}, "b_group must be str"),
        ({"min_iou": 2}, "min_iou is 2; expected a number from 0 to 1"),
        ({"min_iou": "much"}, "min_iou"),
        ({"a_in_b": 0.5}, "a_in_b must be"),
        ({"a_in_b": (0.5, 2)}, "from 0 to 1"),
        ({"b_in_a": (0.5, 0.1)}, "reversed"),
        ({"within": -1}, "within is -1"),
        ({"within": 1.5}, "within must be an integer"),
        ({"order_by": "size"}, "expected one of pixels"),
        ({"order_by": 5}, "order_by must be str"),
        ({"limit": -1}, "limit is -1"),
        ({"across": ("a.iid",)}, "across must be two paths"),
        ({"across": ("a.iid", "b.iid")}, "b.iid: no indexed file"),
    ],
)
def test_wrong_arguments(touching, wrong, message):
    with pytest.raises(QueryError, match=message):
        list(touching.index.overlaps(**wrong))


def test_in_the_shell(touching, call_on):
    def keys(*arguments):
        code, out, _ = call_on(touching.db, "overlaps", *arguments, "--format", "json")
        return code, [(row["a_key"], row["b_key"], row["distance"]) for row in json.loads(out)]

    assert keys() == (0, [(0, 2, 0)])
    assert keys("--within", "1") == (0, [(0, 1, 1), (0, 2, 0)])
    assert keys("--within", "1", "--order-by", "-pixels", "--limit", "1") == (0, [(0, 2, 0)])
    inside = ("--a-group", "nucleus", "--b-group", "cell")
    assert keys(*inside, "--a-in-b", "0.9..") == (0, [(2, 0, 0)])
    assert keys(*inside, "--b-in-a", "0.9..")[0] == 1
    assert keys("--between", "d", "d", "--min-iou", "0.16", "--a-in-b", "0.16") == (0, [(0, 2, 0)])
    assert keys("a.iid", "a.iid", "--across") == (0, [(0, 2, 0), (2, 0, 0)])
    assert call_on(touching.db, "overlaps", "--within", "1", "--count")[:2] == (0, "2\n")
    assert call_on(touching.db, "overlaps", "a.iid", "a.iid", "--limit", "1", "--count")[1] == "1\n"
    assert call_on(touching.db, "overlaps", "--min-iou", "0.9", "--count")[:2] == (1, "0\n")
    table = call_on(touching.db, "overlaps", "--within", "1")[1]
    assert "distance" in table.splitlines()[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--across"], "two PATHS, not 0"),
        (["--a-in-b", "0.5..3"], "LOW..HIGH"),
        (["--a-in-b", ""], "LOW..HIGH"),
        (["--b-in-a", "much"], "LOW..HIGH"),
        (["--min-iou", "7"], "7"),
        (["--within", "-1"], "-1"),
        (["--order-by", "size"], "expected one of"),
        (["--store", "--within", "1"], "--store keeps all pairs"),
        (["a", "b", "--order-by", "iou"], "one PATH"),
    ],
)
def test_wrong_use(touching, call_on, arguments, message):
    code, out, err = call_on(touching.db, "overlaps", *arguments)
    assert (code, out) == (2, "")
    assert message in err
