"""Which files of two sides are of one picture, for them to agree."""

import pytest

import iidindex
from annotators import pair_up, shell, square, write
from databases import at
from iidindex import QueryError

ON_BOTH = True


@pytest.mark.parametrize(
    ("names", "paths", "pair", "expected"),
    [
        (
            ("a__1", "a__2", "b__2", "b__3"),
            ("a/*", "b/*"),
            "path",
            [("a/1.iid", None), ("a/2.iid", "b/2.iid"), (None, "b/3.iid")],
        ),
        (("a__x__1", "b__x__1"), ("a/", "b/*.iid"), "path", [("a/x/1.iid", "b/x/1.iid")]),
        (("x_anna", "x_ben"), ("*_anna.iid", "*_ben.iid"), "path", [("x_anna.iid", "x_ben.iid")]),
        (("u__anna", "u__ben"), ("*/anna.iid", "*/ben.iid"), "path", [("u/anna.iid", "u/ben.iid")]),
        (
            ("a__p__1", "b__q__r__1"),
            ("a/*", "b/*"),
            "stem",
            [("a/p/1.iid", "b/q/r/1.iid")],
        ),
        (
            ("a__p__1_gt", "b__1"),
            ("a/*_gt.iid", "b/*"),
            "stem",
            [("a/p/1_gt.iid", "b/1.iid")],
        ),
        (("one", "two"), ("one.iid", "two.iid"), "path", [("one.iid", "two.iid")]),
    ],
)
def test_pairs_of_files(ask, names, paths, pair, expected):
    index = pair_up(ask, *names)
    found = index.agreement(paths=paths, pair=pair)
    assert [row[:2] for row in found] == expected
    assert found.total().matched == sum(None not in row for row in expected)
    assert found.total().only_a == sum(row[1] is None for row in expected)
    assert found.total().only_b == sum(row[0] is None for row in expected)


def test_pairs_by_metadata(tmp_path):
    box = (0, 0, 10, 10)
    for name, meta in {
        "a/1": {"photo": {"id": 7}},
        "a/2": {"photo": {"id": "7"}},
        "a/3": {},
        "b/x": {"photo": {"id": 7.0}},
        "b/y": {"photo": None},
    }.items():
        write(tmp_path / "archive" / f"{name}.iid", [(b"d", box, square())], **meta)
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(tmp_path / "archive")
        found = index.agreement(paths=("a/", "b/"), pair="meta.photo.id")
        assert [row[:2] for row in found] == [
            ("a/1.iid", "b/x.iid"),
            ("a/2.iid", None),
            ("a/3.iid", None),
            (None, "b/y.iid"),
        ]


def test_roots_and_places_on_the_disk(tmp_path):
    box = (0, 0, 10, 10)
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        for root in ("anna", "ben"):
            write(tmp_path / root / "1.iid", [(b"d", box, square())])
            index.ingest(tmp_path / root)
        for paths in (
            ("anna", "ben"),
            (f"{tmp_path}/anna/", f"{tmp_path}/ben/"),
            (f"{tmp_path}/anna/*", "ben"),
        ):
            (row,) = index.agreement(paths=paths)
            assert (row.path_a, row.path_b, row.matched) == ("1.iid", "1.iid", 1)
            assert (row.location_a, row.location_b) == (
                f"{tmp_path}/anna/1.iid",
                f"{tmp_path}/ben/1.iid",
            )


def test_two_files_of_one_picture_are_refused(ask, capsys):
    index = pair_up(ask, "a__p__1", "a__q__1", "b__1")
    with pytest.raises(QueryError, match=r"a/p/1\.iid and .*a/q/1\.iid are both of one picture"):
        list(index.agreement(paths=("a/", "b/"), pair="stem"))
    code, out, err = shell(capsys, "agree", "--paths", "a/", "b/", "--pair", "stem")
    assert (code, out) == (2, "")
    assert "a/q/1.iid" in err


def test_a_file_on_both_sides_needs_two_domains(ask):
    index = pair_up(ask, "a__1", "a__2")
    with pytest.raises(QueryError, match=r"a/1\.iid is on both sides"):
        list(index.agreement(paths=("a/*", "*")))
    box = (0, 0, 10, 10)
    index = ask(a__1=[(b"x", box, square()), (b"y", box, square())], a__2=[])
    rows = [row[:4] for row in index.agreement("x", "y", paths=("a/*", "a/*"))]
    assert rows == [("a/1.iid", "a/1.iid", 1, 0), ("a/2.iid", "a/2.iid", 0, 0)]
