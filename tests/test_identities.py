"""Faults of identity, compared with a slow search over painted masks."""

import json
import pickle
from collections import defaultdict
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import iidindex
from databases import at
from iidindex import IIDFile, QueryError, SourceNotFoundError
from iidindex.cli.main import run
from iidindex.query.comparison import identity_faults, switched

ON_BOTH = True

SIDE = 14
FAULTS = ("twice", "domains", "switched", "once")


def save(path, entries, meta=None):
    """A file of entries: domain, address, row, column, mask."""
    file = IIDFile()
    file.meta.data = meta or {}
    for domain, address, row, col, mask in entries:
        height, width = mask.shape
        file.add(address, domain, (row, col, row + height, col + width), mask)
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save(path)


def square(address, row, col, side=4, domain=b"x"):
    return domain, address, row, col, np.ones((side, side), bool)


@pytest.fixture
def indexed(tmp_path):
    """Write files into an archive, and index it."""
    opened = []

    def write(files, name="archive", metas=None):
        for path, entries in files.items():
            save(tmp_path / name / path, entries, (metas or {}).get(path))
        index = iidindex.open(at(tmp_path / f"{name}.db"), create=True)
        opened.append(index)
        index.ingest(tmp_path / name)
        return index

    yield write
    for index in opened:
        index.close()


def told(faults):
    return [
        (one.fault, one.path, one.key, one.domain or b"", one.address, one.other) for one in faults
    ]


def slow_faults(files, least):
    """All faults of files, each a list of entries, by painting every individual."""
    seen, rows, painted = defaultdict(list), {fault: [] for fault in FAULTS}, {}
    for path in sorted(files):
        where = painted[path] = {}
        for key, (domain, address, row, col, mask) in enumerate(files[path]):
            who = domain or b"", address
            seen[who].append((path, key))
            if who in where:
                rows["twice"].append(("twice", path, key, *who, b"%d" % where[who][1]))
            frame, _ = where.setdefault(who, (np.zeros((SIDE * 2, SIDE * 2), bool), key))
            frame[row : row + mask.shape[0], col : col + mask.shape[1]] |= mask
    for address in sorted({address for _, address in seen}):
        first, *others = sorted(domain for domain, other in seen if other == address)
        rows["domains"] += [
            ("domains", *seen[domain, address][0], domain, address, first) for domain in others
        ]
    for folder in ("", "d", "e"):
        inside = [path for path in sorted(files) if path.rpartition("/")[0] == folder]
        for one, two in pairwise(inside):
            rows["switched"] += slow_switches(two, painted[one], painted[two], least)
    alone = sorted((places[0], who) for who, places in seen.items() if len(places) == 1)
    rows["once"] = [("once", *place, *who, None) for place, who in alone]
    return rows


def slow_switches(path, before, after, least):
    """Individuals that exchanged their places."""
    found = []
    for a, b in combinations(sorted(before.keys() & after.keys()), 2):
        a1, a2, b1, b2 = before[a][0], after[a][0], before[b][0], after[b][0]
        forth, back = iou(a1, b2), iou(b1, a2)
        if a[0] == b[0] and min(forth - iou(a1, a2), back - iou(b1, b2)) > 0:
            keys = sorted((after[who][1], who) for who in (a, b))
            found += [(*keys, path)] if min(forth, back) >= least else []
    return [("switched", path, key, *low, high[1]) for (key, low), (_, high), path in sorted(found)]


def iou(a, b):
    return (a & b).sum() / max((a | b).sum(), 1)


entries = st.tuples(
    st.sampled_from([b"x", b"y", None]),
    st.sampled_from([b"a", b"b", b"c", b"\xff\0"]),
    st.integers(0, SIDE // 2),
    st.integers(0, SIDE // 2),
    st.tuples(st.integers(1, SIDE // 2), st.integers(1, SIDE // 2), st.integers(0, 2**16)).map(
        lambda drawn: np.random.default_rng(drawn[2]).random(drawn[:2]) < 0.7
    ),
)
archives = st.dictionaries(
    st.sampled_from(["1.iid", "2.iid", "3.iid", "d/1.iid", "d/2.iid", "e/3.iid"]),
    st.lists(entries, max_size=7),
    min_size=1,
)


@settings(max_examples=25)
@given(archives, st.sampled_from([0.0, 0.3]), st.sampled_from([3, 8192]))
def test_faults_are_those_of_a_slow_search(tmp_path_factory, files, least, at_a_time):
    place = tmp_path_factory.mktemp("drawn")
    for path, held in files.items():
        save(place / "archive" / path, held)
    with (
        iidindex.open(at(place / "x.db"), create=True) as index,
        pytest.MonkeyPatch.context() as patch,
    ):
        index.ingest(place / "archive")
        patch.setattr(switched, "_ENTRIES", at_a_time)
        patch.setattr(identity_faults, "_ROWS", at_a_time)
        patch.setattr("iidindex.query.question.asking._NUMBERS", at_a_time)
        wanted = slow_faults(files, least)
        found = told(index.identities(iou=least))
        # Files were read in the order of their paths.
        assert found == [row for fault in FAULTS for row in wanted[fault]]
        for fault in FAULTS:
            assert told(index.identities(faults=fault, iou=least)) == wanted[fault]


def test_two_that_exchange_places(indexed):
    index = indexed(
        {
            "1.iid": [square(b"a", 0, 0), square(b"b", 0, 4), square(b"c", 9, 9)],
            "2.iid": [square(b"b", 0, 1), square(b"c", 9, 9), square(b"a", 0, 5)],
            "3.iid": [square(b"b", 1, 1), square(b"c", 9, 9), square(b"a", 1, 5)],
            "4.iid": [square(b"a", 1, 1), square(b"c", 9, 9), square(b"b", 1, 5)],
        }
    )
    found = list(index.identities(faults=["switched"]))
    assert told(found) == [
        ("switched", "2.iid", 0, b"x", b"b", b"a"),
        ("switched", "4.iid", 0, b"x", b"a", b"b"),
    ]
    assert [(one.before, one.iou) for one in found] == [("1.iid", 0.6), ("3.iid", 1.0)]
    assert [one.path for one in index.identities(faults="switched", iou=0.61)] == ["4.iid"]
    assert found[0].location.endswith("archive/2.iid")
    assert list(index.identities(faults="switched", address=b"a")) == []
    assert len(index.identities(faults="switched", jobs=2)) == 2


def wide(address, row, col, width, domain=b"x"):
    return domain, address, row, col, np.ones((4, width), bool)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # All masks are equal.
        ([square(b"a", 0, 0), square(b"b", 0, 0)], [square(b"a", 0, 0), square(b"b", 0, 0)]),
        # Both are where one of them was.
        ([square(b"a", 0, 0), square(b"b", 0, 6)], [square(b"a", 0, 0), square(b"b", 0, 0)]),
        # One takes the place of another, which goes elsewhere.
        ([square(b"a", 0, 0), square(b"b", 0, 4)], [square(b"a", 0, 4), square(b"b", 0, 8)]),
        # One is as much where it was as the other is.
        ([square(b"a", 0, 2), square(b"b", 0, 6)], [square(b"a", 0, 4), square(b"b", 0, 0)]),
        # They lean towards each other, but each is still more where it was.
        ([square(b"a", 0, 0), square(b"b", 0, 2)], [square(b"a", 0, 1), square(b"b", 0, 1)]),
        # One has grown over both.
        ([square(b"a", 0, 0), square(b"b", 0, 4)], [wide(b"a", 0, 0, 8), square(b"b", 0, 4)]),
        # They are of two domains.
        (
            [square(b"a", 0, 0), square(b"b", 0, 4, domain=b"y")],
            [square(b"a", 0, 4), square(b"b", 0, 0, domain=b"y")],
        ),
        # Their boxes exchange places, their pixels meet in no place.
        (
            [(b"x", b"a", 0, 0, np.eye(2, dtype=bool)), (b"x", b"b", 0, 4, np.eye(2, dtype=bool))],
            [
                (b"x", b"a", 0, 4, ~np.eye(2, dtype=bool)),
                (b"x", b"b", 0, 0, ~np.eye(2, dtype=bool)),
            ],
        ),
    ],
)
def test_what_is_no_exchange(indexed, before, after):
    index = indexed({"1.iid": before, "2.iid": after})
    assert list(index.identities(faults="switched")) == []


def test_pieces_of_an_individual_are_united(indexed):
    # In pieces that cover each other; counted twice, they would outweigh what is lost.
    pieces = [square(b"a", 0, 0), square(b"a", 0, 0), square(b"a", 0, 2)]
    index = indexed(
        {
            "1.iid": [*pieces, square(b"b", 0, 6)],
            "2.iid": [square(b"a", 0, 6), wide(b"b", 0, 0, 6)],
        }
    )
    (found,) = index.identities(faults="switched")
    assert (found.address, found.other, found.iou) == (b"a", b"b", 1.0)


def test_pictures_follow_each_other_in_one_directory_of_one_root(indexed, tmp_path):
    there, back = (
        [square(b"a", 0, 0), square(b"b", 0, 5)],
        [square(b"a", 0, 5), square(b"b", 0, 0)],
    )
    index = indexed({"1/9.iid": there, "2/1.iid": back, "2/2.iid": back, "3.iid": there})
    save(tmp_path / "other" / "2/3.iid", there)
    index.ingest(tmp_path / "other")
    assert list(index.identities(faults="switched")) == []
    # Of what is left out, the neighbours follow each other.
    index = indexed({"1.iid": there, "2.iid": back, "3.iid": there}, "again")
    assert [one.path for one in index.identities(faults="switched")] == ["2.iid", "3.iid"]
    assert list(index.identities(faults="switched", not_path="2.iid")) == []


def test_an_order_by_metadata(indexed):
    there, back = (
        [square(b"a", 0, 0), square(b"b", 0, 5)],
        [square(b"a", 0, 5), square(b"b", 0, 0)],
    )
    files = {"1.iid": there, "2.iid": back, "3.iid": there, "4.iid": back}
    frames = {path: {"frame": n} for path, n in zip(files, (10, 2, 9, None), strict=True)}
    index = indexed(files, metas=frames)
    found = index.identities(faults="switched", by="meta.frame")
    assert [(one.before, one.path) for one in found] == [("2.iid", "3.iid"), ("1.iid", "4.iid")]
    assert [one.path for one in index.identities(faults="switched")] == ["2.iid", "3.iid", "4.iid"]


def test_only_candidates_are_read(indexed, tmp_path):
    still = [square(b"a", 0, 0), square(b"b", 0, 6), square(b"c", 9, 9)]
    index = indexed({"1.iid": still, "2.iid": still})
    for path in (tmp_path / "archive").iterdir():
        path.unlink()
    assert list(index.identities()) == []


def test_originals_that_are_gone(indexed, tmp_path):
    there = [square(b"a", 0, 0), square(b"b", 0, 5)]
    back = [square(b"a", 0, 5), square(b"b", 0, 0)]
    index = indexed({"1.iid": there, "2.iid": back, "3.iid": there, "4.iid": back})
    (tmp_path / "archive" / "1.iid").unlink()
    with pytest.raises(SourceNotFoundError):
        list(index.identities())
    found = index.identities(on_stale="skip")
    assert [one.path for one in found] == ["3.iid", "4.iid"]
    # The other faults need no original.
    assert list(index.identities(faults=["twice", "once", "domains"])) == []


def test_missing_files_have_no_faults(indexed, tmp_path):
    index = indexed({"1.iid": [square(b"a", 0, 0)] * 2, "2.iid": [square(b"b", 0, 0, domain=b"")]})
    assert [one.fault for one in index.identities()] == ["twice", "once"]
    (tmp_path / "archive" / "1.iid").unlink()
    index.ingest(tmp_path / "archive")
    assert [(one.fault, one.path) for one in index.identities()] == [("once", "2.iid")]


def test_tables_and_filters(indexed):
    index = indexed(
        {
            "1.iid": [square(b"a", 0, 0), square(b"\xff", 0, 0), square(b"a", 9, 9)],
            "2.iid": [square(b"a", 0, 0, domain=None)],
        }
    )
    found = index.identities()
    assert told(found) == [
        ("twice", "1.iid", 2, b"x", b"a", b"0"),
        ("domains", "1.iid", 0, b"x", b"a", b""),
        ("once", "1.iid", 1, b"x", b"\xff", None),
        ("once", "2.iid", 0, b"", b"a", None),
    ]
    rows = found.to_dicts()
    assert (rows[1]["other"], rows[1]["other_b64"]) == ("", "")
    assert rows[2]["other"] is rows[2]["other_b64"] is rows[2]["address"] is None
    assert rows[2]["address_b64"] == "/w=="
    assert found.to_arrow().to_pylist() == rows
    assert pickle.loads(pickle.dumps(found)).to_dicts() == rows
    assert list(found.to_pandas().columns) == list(found.kind.names)
    assert [one.fault for one in index.identities(domain=b"x")] == ["twice", "once"]
    assert index.entries.where(path="2.iid").identities() == list(index.identities(path="2.iid"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"faults": "never"},
        {"faults": []},
        {"faults": 7},
        {"faults": [None]},
        {"faults": ["once", b"twice"]},
        {"by": "frame"},
        {"by": "-meta.frame"},
        {"by": None},
        {"iou": 1.5},
        {"iou": "much"},
        {"iou": True},
        {"iou": float("nan")},
        {"domain": "x"},
        {"on_stale": "never"},
        {"jobs": 0},
    ],
)
def test_wrong_arguments(indexed, wrong):
    with pytest.raises(QueryError):
        indexed({"1.iid": []}).identities(**wrong)


def test_questions_of_places_and_orders_are_refused(indexed):
    entries = indexed({"1.iid": [square(b"a", 0, 0)]}).entries
    for asked in (entries.at(1, 1), entries.order_by("area"), entries.limit(1), entries.after(0)):
        with pytest.raises(QueryError, match="leave"):
            asked.identities()
    assert entries.where(path="none").identities() == []


@pytest.fixture
def call(indexed, tmp_path, monkeypatch, capsys):
    indexed(
        {
            "1.iid": [square(b"a", 0, 0), square(b"b", 0, 5), square(b"b", 9, 9)],
            "2.iid": [square(b"a", 0, 5), square(b"b", 0, 0)],
        }
    )
    monkeypatch.chdir(tmp_path)

    def called(*arguments):
        code = run(["--db", str(at(tmp_path / "archive.db")), *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return called


def test_in_the_shell(call):
    code, out, err = call("identities", "--format", "jsonl")
    rows = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (3, "")
    assert [(row["fault"], row["key"], row["other"]) for row in rows] == [
        ("twice", 2, "1"),
        ("switched", 0, "b"),
    ]
    code, out, _ = call("identities", "--fault", "once", "--fault", "domains", "--format", "json")
    assert (code, out) == (0, "[]\n")
    assert call("identities", "--fault", "switched", "--iou", "0.7")[0] == 0
    assert call("identities", "--fault", "switched", "--by", "meta.x", "-j", "2")[0] == 3
    code, out, err = call("identities", "--path", "nowhere.iid")
    assert (code, out) == (0, "")
    assert "nowhere.iid" in err
    for wrong in (["--fault", "x"], ["--by", "x"], ["--iou", "2"], ["--jobs", "0"], ["one"]):
        assert call("identities", *wrong)[0] == 2


def test_real_tracks_have_neither_twice_nor_switched(real_archives, tmp_path):
    found = [path for path in real_archives if path.name == "usiigaci"]
    if not found:
        pytest.skip("there is no such archive")
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(found[0])
        every = index.identities()
        assert {one.fault for one in every} == {"once"}
        counts = {one.iid: one.entries for one in index.iids()}
        assert [one.iid for one in every] == sorted(
            (iid for iid, number in counts.items() if number == 1),
            key=lambda iid: next((e.path, e.key) for e in index.entries.where(address=iid)),
        )
