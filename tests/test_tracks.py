"""Individuals followed from file to file, against loops over what the files hold."""

import json
import math
import os
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import brute
import build
import iidindex
from conftest import write_garden
from databases import at
from effort import effort
from iidindex import IID, QueryError
from iidindex.cli.main import run
from iidindex.query.comparison.spans import Spans, united
from iidindex.query.comparison.tracks import ORDERS

ON_BOTH = True

# Values of metadata in their order; None stands for a file that says nothing.
FRAMES = [-3, 0, 1.5, 2, "10", "9", False, True, [1], None]
UNKNOWN = len(FRAMES)
WHO = [(b"", b"a"), (b"d", b"a"), (b"d", b"b\xff"), (b"\xfe", b"")]


def rank_of(value):
    if value is None:
        return UNKNOWN
    # To Python, False is 0.
    return next(n for n, one in enumerate(FRAMES) if one == value and type(one) is type(value))


@st.composite
def entries(draw):
    rows = []
    for key, (domain, address) in enumerate(draw(st.lists(st.sampled_from(WHO), max_size=5))):
        row, col = draw(st.integers(0, 50)), draw(st.sampled_from([0, 7, 65500]))
        mask = draw(st.sampled_from([np.ones((3, 4), bool), np.eye(5, dtype=bool)]))
        if draw(st.booleans()):
            mask = np.zeros((2, 2), bool)
        box = (row, col, row + mask.shape[0], col + mask.shape[1])
        rows.append(build.row_of(key, domain, address, box, mask))
    return rows


archives = st.dictionaries(
    st.tuples(st.sampled_from(["one", "two"]), st.sampled_from(["a", "b/c", "é", "Z", "b"])),
    st.tuples(st.sampled_from(FRAMES), entries()),
    max_size=7,
)


def written(place, archive):
    """Write an archive, and return its files as (root, path, value, entries)."""
    found = []
    for (root, name), (value, rows) in archive.items():
        path = place / root / f"{name}.iid"
        path.parent.mkdir(parents=True, exist_ok=True)
        meta = {} if value is None else {"camera": {"frame": value}}
        build.write_long_ago(path, build.odd_file(rows, meta=json.dumps(meta).encode()))
        found.append((root, f"{name}.iid", value, brute.read_path(path).entries))
    return found


def expected(files, by, fits=lambda entry: True):
    """Tracks by loops: {(domain, address): (first, last, files, entries, gaps, areas, moved)}."""

    def key(file):
        root, path, value, _ = file
        ranks = [] if by == "path" else [rank_of(value)]
        return (*ranks, path.encode(), root)

    ordered = sorted(files, key=key)
    found = {}
    for who in {(e.domain, e.address) for *_, held in files for e in held if fits(e)}:
        mine = [
            (file, [e for e in file[3] if (e.domain, e.address) == who and fits(e)])
            for file in ordered
        ]
        seen = [(file, held) for file, held in mine if held]
        gaps = 0
        for root in {file[0] for file, _ in seen}:
            of_root = [bool(held) for file, held in mine if file[0] == root]
            begin, end = of_root.index(True), len(of_root) - of_root[::-1].index(True)
            gaps += of_root[begin:end].count(False)
        areas = [e.area for _, held in seen for e in held]
        ends = [seen[0], seen[-1]]
        told = [file[1] if by == "path" else file[2] for file, _ in ends]
        boxes = [np.array([e.bbox for e in held]) for _, held in ends]
        middles = [(b[:, :2].min(0) + b[:, 2:].max(0)) / 2 for b in boxes]
        pixels = [
            np.concatenate([np.argwhere(e.mask) + e.bbox[:2] for e in held]) for _, held in ends
        ]
        exact = None
        if all(map(len, pixels)):
            exact = math.dist(*(p.mean(axis=0) for p in pixels))
        found[who] = (
            *told,
            len(seen),
            len(areas),
            gaps,
            (min(areas), sum(areas) / len(areas), max(areas)),
            (math.dist(*middles), exact),
        )
    return found


def as_told(tracks, exact):
    return {
        (t.iid.domain or b"", t.iid.address): (
            *t[1:6],
            (t.area_min, pytest.approx(t.area_mean), t.area_max),
            t.displacement if t.displacement is None else pytest.approx(t.displacement),
        )
        for t in tracks
    }


def compared(found, truth, exact):
    told = as_told(found, exact)
    assert len(told) == len(list(found))
    assert told == {who: (*one[:6], one[6][exact]) for who, one in truth.items()}


@settings(max_examples=20)
@given(archives, st.sampled_from(["path", "meta.camera.frame"]), st.booleans())
def test_against_loops(tmp_path_factory, archive, by, exact):
    place = tmp_path_factory.mktemp("t")
    files = written(place, archive)
    with iidindex.open(at(place / "x.db"), create=True) as index:
        for root in sorted({root for root, _ in archive}):
            index.ingest(place / root)
        compared(index.tracks(by, exact=exact), expected(files, by), exact)
        # What is asked of entries leaves the list of files as it is, and only that does.
        truth = expected(files, by, lambda entry: entry.area >= 5)
        compared(index.tracks(by, area=(5, None), exact=exact), truth, exact)
        some = [file for file in files if file[0] == "one"]
        compared(index.entries.where(root="one").tracks(by, exact=exact), expected(some, by), exact)
        some = [file for file in files if file[1].startswith("b")]
        compared(index.tracks(by, path="b*"), expected(some, by), 0)
        box = (0, 0, 20, 20)
        truth = expected(files, by, lambda entry: entry.crop(box).any())
        compared(index.entries.region(box).tracks(by, exact=exact), truth, exact)
        truth = expected(files, by, lambda entry: entry.address == b"a")
        compared(index.tracks(by, address=b"a"), truth, 0)
        if by == "path":
            in_sql = {
                (row["domain_bytes"], row["address_bytes"]): row
                for row in index.sql("SELECT * FROM tracks")
            }
            told = {(t.iid.domain or b"", t.iid.address): t for t in index.tracks()}
            assert in_sql.keys() == told.keys()
            for who, track in told.items():
                row = in_sql[who]
                assert [row[name] for name in track._fields[1:9]] == list(track[1:9])
                assert row["displacement"] == pytest.approx(track.displacement)


@settings(max_examples=15)
@given(
    archives,
    st.sampled_from(["path", "meta.camera.frame"]),
    st.lists(st.tuples(st.booleans(), st.sampled_from(ORDERS)), max_size=3),
    st.none() | st.integers(0, 3),
    st.integers(1, 3),
)
def test_order_limit_and_least_files(tmp_path_factory, archive, by, criteria, limit, least):
    place = tmp_path_factory.mktemp("t")
    written(place, archive)
    with iidindex.open(at(place / "x.db"), create=True) as index:
        for root in sorted({root for root, _ in archive}):
            index.ingest(place / root)
        every = list(index.tracks(by))
        assert [t.iid for t in every] == sorted(
            (t.iid for t in every), key=lambda iid: (iid.address, iid.domain or b"")
        )
        wanted = [track for track in every if track.files >= least]
        for is_descending, name in reversed(criteria):
            key = key_of(name, by)
            wanted.sort(key=key, reverse=is_descending)
            wanted.sort(key=lambda track: key(track) == UNKNOWN and name in ("first", "last"))
        names = [f"-{name}" if is_descending else name for is_descending, name in criteria]
        found = index.tracks(by, order_by=names, limit=limit, min_files=least)
        assert list(found) == wanted[:limit]
        assert found.count() == len(wanted[:limit])


def key_of(name, by):
    if name in ("address", "domain"):
        return lambda track: getattr(track.iid, name) or b""
    if name in ("first", "last"):
        if by == "path":
            return lambda track: getattr(track, name).encode()
        return lambda track: rank_of(getattr(track, name))
    return lambda track: getattr(track, name)


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 6), st.integers(0, 9), st.integers(0, 9)),
        min_size=1,
        max_size=30,
    ),
    st.integers(1, 4),
)
def test_spans_in_parts_are_those_of_all(rows, n_parts):
    table = np.array(rows, np.int64)
    box = np.stack([table[:, 2], table[:, 3], table[:, 2] + 3, table[:, 3] + 2], axis=1)
    # Those of a file are in one part.
    parts = [table[:, 1] % n_parts == nth for nth in range(n_parts)]

    def of(some):
        return Spans.of_entries(table[some, 0], table[some, 1], box[some], table[some, 2])

    whole = of(np.ones(len(table), bool))
    again = united(of(some) for some in parts)
    assert all(
        np.array_equal(a, b) for a, b in zip(whole._columns(), again._columns(), strict=True)
    )


def test_large_ids_are_no_trouble():
    group = np.array([2**61, 5, 2**61], np.int64)
    place = np.array([9, 3, 1], np.int64)
    found = Spans.of_entries(group, place, np.zeros((3, 4), np.int64), np.arange(3))
    assert found.group.tolist() == [5, 2**61]
    assert (found.first.tolist(), found.last.tolist()) == ([3, 1], [3, 9])


def test_many_parts(index, monkeypatch):
    from iidindex.query.comparison import spans
    from iidindex.query.question import asking

    whole = list(index.tracks())
    for size in (1, 2, 3):
        monkeypatch.setattr(asking, "_NUMBERS", size)
        monkeypatch.setattr(spans, "_WAITING", 0)
        assert list(index.tracks()) == whole


def test_many_individuals_and_rows(index, monkeypatch):
    from iidindex.query.comparison import displacement, tracks

    whole = list(index.tracks()), list(index.tracks(exact=True, order_by="-displacement"))
    monkeypatch.setattr(tracks, "_FEW", 1)
    monkeypatch.setattr(tracks, "_ROWS", 2)
    monkeypatch.setattr(tracks._Told, "_MOST", 1)
    monkeypatch.setattr(displacement, "_MASKS", 1)
    again = list(index.tracks()), list(index.tracks(exact=True, order_by="-displacement"))
    assert again == whole
    assert len(whole[0]) == 5


# ------------------------------------------------------------------------ what they are like


def test_records(index):
    found = index.tracks(order_by="-files")
    tree = next(track for track in found if track.iid == IID(b"garden", b"tree"))
    assert tree == (
        *(IID(b"garden", b"tree"), "2020/a.iid", "2021/c.iid", 3, 3, 0),
        *(tree.area_min, tree.area_mean, tree.area_max, 200.0),
    )
    assert pickle.loads(pickle.dumps(found)) == found
    assert found.to_arrow().to_pylist() == found.to_dicts()
    assert list(found.to_pandas()["gaps"]) == [row["gaps"] for row in found.to_dicts()]
    by_day = index.tracks("meta.day", order_by="first")
    assert by_day.to_arrow(["first", "last"]).column("last").to_pylist() == [*"cccbb"]
    with pytest.raises(QueryError, match="no field 'firs'; did you mean 'first'"):
        found.to_dicts(["firs"])
    assert found.to_dicts(["gaps"])[0] == {"gaps": 0}


def test_no_original_is_opened(index, archive):
    for path in archive.rglob("*.iid"):
        path.unlink()
    assert index.tracks().count() == 5
    assert len(list(index.tracks("meta.day", order_by="-last"))) == 5
    with pytest.raises(iidindex.SourceNotFoundError):
        list(index.tracks(exact=True))


def test_originals_that_cannot_be_believed(index, archive):
    os.utime(archive / "2020" / "a.iid")
    with pytest.raises(iidindex.StaleFileError):
        list(index.tracks(exact=True))
    skipping = index.entries.reading(on_stale="skip").tracks(exact=True)
    told = {track.iid.address: track.displacement for track in skipping}
    assert told[b"tree"] is None
    assert told[b"\xff\x00bin"] == 0
    # What has no pixel has no centroid.
    assert told[b"ghost"] is None
    # Only ends that are in the answer are read.
    assert len(list(index.tracks(exact=True, address=b"\xff\x00bin"))) == 1


def test_wrong_arguments(index):
    for arguments, told in [
        ({"by": "frame"}, "by is 'frame'; expected path or meta.NAME"),
        ({"by": None}, "expected path"),
        ({"by": "-meta.x"}, "expected path"),
        ({"min_files": 0}, "min_files is 0"),
        ({"min_files": "1"}, "min_files is '1'"),
        ({"limit": -1}, "limit is -1"),
        ({"order_by": "file"}, "order_by is 'file'"),
        ({"order_by": ["files", 3]}, "order_by is 3"),
        ({"order_by": 3}, "order_by must be names"),
    ]:
        with pytest.raises(QueryError, match=told):
            index.tracks(**arguments)
    with pytest.raises(TypeError, match="pathh"):
        index.tracks(pathh="x")
    for question in (
        index.entries.limit(3),
        index.entries.order_by("path"),
        index.entries.nearest(1, 1),
    ):
        with pytest.raises(QueryError, match="give tracks an order and a limit"):
            question.tracks()


def test_effort_grows_with_entries(tmp_path):
    efforts = []
    for n_files in (30, 120):
        place = tmp_path / str(n_files)
        for nth in range(n_files):
            write_garden(place / "a" / f"{nth:04}.iid", extra=[b"%d" % nth])
        with iidindex.open(at(place / "x.db"), create=True) as index:
            index.ingest(place / "a")
            list(index.tracks())
            efforts.append(effort(index, lambda index=index: list(index.tracks())))
    assert efforts[1].is_within(efforts[0], 5)


# ------------------------------------------------------------------------------- in the shell


def test_the_verb(call):
    code, out, _ = call("tracks", "--order-by", "-files,address", "--format", "jsonl")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [row["address"] for row in rows] == ["ghost", "pond", "tree", "über", None]
    assert rows[2]["last"] == "2021/c.iid"
    code, out, _ = call("tracks", "tree", "--by", "meta.day", "--format", "json", "--exact")
    (row,) = json.loads(out)
    assert (row["first"], row["last"], row["displacement"]) == ("a", "c", 200)
    assert call("tracks", "--count", "--min-files", 3)[:2] == (0, "3\n")
    assert call("tracks", "--min-files", 9)[0] == 1
    code, _, err = call("tracks", "nobody")
    assert code == 1
    assert "no address 'nobody'" in err
    for wrong in (["--by", "day"], ["--order-by", "x"], ["--min-files", 0], ["--limit", "x"]):
        assert call("tracks", *wrong)[0] == 2
    assert call("tracks", "tree", "--path", "2020/*", "--fields", "last,gaps")[1].split() == [
        *("last", "gaps", "----------", "------", "2020/b.iid", "0")
    ]


def test_a_narrow_terminal_shortens_where_tracks_begin_and_end(call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    fields = "first,last,address,files,entries,gaps,area_min,area_mean,area_max,displacement"
    out = call("tracks", "--fields", fields)[1]
    assert max(map(len, out.splitlines())) <= 110
    monkeypatch.setenv("COLUMNS", "200")
    assert "2021/c.iid" in call("tracks", "--fields", fields)[1]


# --------------------------------------------------------------------------- a real time series


def test_cells_of_a_real_time_series(real_archives, tmp_path):
    found = [path for path in real_archives if path.name == "usiigaci"]
    if not found:
        pytest.skip("the time series is not here")
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(found[0])
        root = index.roots()[0].name
        files = [
            (root, str(path.relative_to(found[0])), None, brute.read_path(path).entries)
            for path in sorted(found[0].rglob("*.iid"))
        ]
        truth = expected(files, "path")
        compared(index.tracks(), truth, 0)
        compared(index.tracks(exact=True), truth, 1)
        (longest,) = index.tracks(order_by=["-files", "gaps"], limit=1)
        assert longest.files == max(one[2] for one in truth.values())


def test_an_order_by_a_name_that_no_file_has_is_told(archive, tmp_path, capsys):
    db = tmp_path / "own.db"
    with iidindex.open(db, create=True) as index:
        index.ingest(archive)
        assert index.entries.unknown_order("path") is None
        assert index.entries.unknown_order("meta.camera.iso") is None
        assert "'dya'" in index.entries.unknown_order("meta.dya")
        with pytest.raises(QueryError):
            index.entries.unknown_order("day")
    for verb in ("tracks", "identities"):
        code = run(["--db", str(db), verb, "--by", "meta.dya"])
        assert code in (0, 3)
        said = capsys.readouterr().err
        assert "no file's metadata has the name 'dya'; did you mean 'day'" in said
        run(["--db", str(db), verb, "--by", "meta.day"])
        assert capsys.readouterr().err == ""
