"""What may go wrong where two sides are compared: it is refused, left out or told."""

import pytest

import iidindex
from annotators import pair_up, shell, square, write
from iidindex import QueryError, SourceError, StaleFileError
from iidindex.cli.main import run


def test_filters_are_of_both_sides(ask, capsys):
    small, large = (0, 0, 10, 10), (20, 20, 50, 50)
    index = ask(
        one=[
            (b"a", small, square(), "cell"),
            (b"b", small, square(), "cell"),
            (b"a", large, square(30)),
        ],
        two=[(b"", small, square()), (b"b", small, square())],
    )
    assert index.agreement("a", "b").total()[:4] == (2, 1, 1, 1)
    assert index.agreement("a", "b", area=(None, 100)).total()[:4] == (2, 1, 0, 1)
    assert index.agreement("a", "b", group="cell", path="one*").total()[:4] == (1, 1, 0, 0)
    assert index.agreement("", b"b", path="two*").total()[:4] == (1, 1, 0, 0)
    assert shell(capsys, "agree", "", "b", "--path", "two*", "--total")[1][0]["matched"] == 1
    within = index.entries.region((0, 0, 5, 5))
    assert within.agreement("a", "b").total()[:4] == (2, 1, 0, 1)


def test_a_changed_file_is_left_out_with_its_picture(ask, tmp_path):
    box = (0, 0, 10, 10)
    index = ask(**{name: [(b"a", box, square()), (b"b", box, square())] for name in "pqr"})
    with (tmp_path / "archive" / "q.iid").open("ab") as file:
        file.write(b" ")
    with pytest.raises(StaleFileError, match=r"q\.iid"):
        index.agreement("a", "b").total()
    with pytest.warns(UserWarning, match=r"q\.iid"):
        found = index.agreement("a", "b", on_stale="warn").to_dicts()
    assert [(row["path_a"], row["matched"]) for row in found] == [("p.iid", 1), ("r.iid", 1)]
    skipping = index.agreement("a", "b", on_stale="skip")
    assert skipping.total()[:4] == (2, 2, 0, 0)
    assert skipping.by_group()[0][:5] == (None, 2, 2, 0, 0)
    assert (list(skipping.only_a()), list(skipping.only_b())) == ([], [])
    (tmp_path / "archive" / "q.iid").unlink()
    with pytest.raises(SourceError):
        list(index.agreement("a", "b"))


def test_jobs_change_nothing(ask):
    box = (0, 0, 10, 10)
    index = ask(**{name: [(b"a", box, square()), (b"b", box, square())] for name in "pqr"})
    assert index.agreement("a", "b", jobs=2) == index.agreement("a", "b")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "two domains, or paths"),
        ({"a": "x"}, "name two domains, or none"),
        ({"a": "x", "b": b"x"}, "both domains"),
        ({"a": "x", "b": 3}, "domain must be bytes or str"),
        ({"paths": "ab"}, "paths is 'ab'"),
        ({"paths": ("\ud800", "b")}, "no file can have this path"),
        ({"a": "\ud800", "b": "b"}, "not valid Unicode"),
        ({"paths": ("a",)}, "paths is"),
        ({"paths": ("a", "b"), "path": "c"}, "not both"),
        ({"paths": ("a", "b"), "pair": "name"}, "pair is 'name'"),
        ({"paths": ("a", "b"), "pair": "meta."}, "pair is 'meta.'"),
        ({"a": "x", "b": "y", "iou": 1.5}, "iou is 1.5"),
        ({"a": "x", "b": "y", "iou": "a"}, "iou is 'a'"),
        ({"a": "x", "b": "y", "order_by": "worst"}, "order_by is 'worst'"),
        ({"a": "x", "b": "y", "limit": -1}, "limit is -1"),
    ],
)
def test_wrong_arguments(index, arguments, told):
    with pytest.raises(QueryError, match=told):
        list(index.agreement(**arguments))


def test_a_question_of_its_own(index):
    for question in (
        index.entries.limit(3),
        index.entries.order_by("path"),
        index.entries.after(3),
        index.entries.nearest(3, 3),
    ):
        with pytest.raises(QueryError, match="leave"):
            question.agreement("a", "b")


@pytest.mark.parametrize(
    "words",
    [
        ["a"],
        ["a", "b", "c"],
        [],
        ["a", "b", "--domain", "c"],
        ["a", "b", "--paths", "c", "d", "--path", "e"],
        ["a", "b", "--total", "--by", "group"],
        ["a", "b", "--total", "--limit", "3"],
        ["a", "b", "--list", "split", "--order-by", "path_a"],
        ["a", "b", "--order-by", "worst"],
        ["a", "b", "--by", "group", "--order-by", "path_a"],
        ["a", "b", "--iou", "2"],
    ],
)
def test_wrong_use_in_the_shell(ask, capsys, words):
    pair_up(ask, "one")
    code, out, err = shell(capsys, "agree", *words)
    assert (code, out) == (2, "")
    assert "Traceback" not in err


def test_unknown_domains_are_told(ask, capsys):
    pair_up(ask, "one")
    code, rows, err = shell(capsys, "agree", "d", "ben", "--total")
    assert (code, rows[0]["only_a"]) == (0, 1)
    assert "no domain 'ben'" in err
    assert shell(capsys, "agree", "d", "ben", "--path", "none*", "--total")[:2] == (1, [])


def test_sides_without_a_picture_in_common_are_told(ask, capsys):
    index = pair_up(ask, "a__p__1", "b__1", "c__p__1")
    _, rows, err = shell(capsys, "agree", "--paths", "a/", "b/")
    assert len(rows) == 2
    assert "paired by path: a/ has p/1, b/ has 1; --pair stem" in err
    assert index.agreement(paths=("a/", "b/")).unpaired() == ("p/1", "1")
    for words in (("a/", "c/"), ("a/", "b/", "--pair", "stem"), ("a/", "none/")):
        assert "on both sides" not in shell(capsys, "agree", "--paths", *words)[2]
    _, _, err = shell(capsys, "agree", "--paths", "a/", "b/", "--pair", "meta.x")
    assert "paired by meta.x: a/ has nothing" in err
    assert index.agreement("d", "e").unpaired() is None


def test_hostile_names(tmp_path, capsysbinary, monkeypatch):
    monkeypatch.chdir(tmp_path)
    domains = [b"\xff\x00\n", b"\x1b[31m"]
    write(
        tmp_path / "archive" / "\udcff\n.iid",
        [(domain, (0, 0, 10, 10), square(), "g\t\x1b") for domain in domains],
    )
    with iidindex.open("iidindex.db", create=True) as index:
        index.ingest("archive")
        (row,) = index.agreement(*domains)
        assert (row.path_a, row.matched) == ("\udcff\n.iid", 1)
        assert index.agreement(*domains).to_arrow().num_rows == 1
    named = ["hex:ff000a", "hex:1b5b33316d"]
    for more in ([], ["--total"], ["--by", "group"], ["--list", "matched"], ["--list", "only_a"]):
        for form in ("table", "json", "jsonl", "csv"):
            code = run(["agree", *named, *more, "--format", form])
            out = capsysbinary.readouterr().out
            assert code == (1 if "only_a" in more else 0)
            assert b"\x1b" not in out or form == "csv"
