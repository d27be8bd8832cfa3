"""Tables on a terminal: as wide as it is, with numbers and names that can be read."""

import json
import os
import pty
import subprocess
import sys

import numpy as np
import pytest

import iidindex
from conftest import write_garden
from iidindex import IIDFile
from iidindex.cli.fitting import fitted, rounded, seen
from iidindex.cli.main import run

DEEP = "a-directory-with-a-long-name/and-another-below-it/of-pictures"


@pytest.fixture
def call(tmp_path, capsys, monkeypatch):
    """Call the program beside files whose paths are long."""
    monkeypatch.chdir(tmp_path)
    for name in ("IIDINDEX_DB", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("first", "second"):
        write_garden(tmp_path / "archive" / DEEP / f"{name}.iid")

    def called(*arguments):
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    assert called("ingest", "archive")[0] == 0
    return called


def test_paths_are_shortened_in_the_middle(call, monkeypatch):
    wide = call("links", "tree")[1]
    assert f"{DEEP}/first.iid" in wide
    for columns in (40, 50, 79, 80):
        monkeypatch.setenv("COLUMNS", str(columns))
        lines = call("links", "tree")[1].splitlines()
        assert max(map(len, lines)) == columns
        shown = [line.split()[0] for line in lines[2:]]
        assert [text.count("…") for text in shown] == [1, 1]
        for text, name in zip(shown, ("first", "second"), strict=True):
            before, _, behind = text.partition("…")
            assert DEEP.startswith(before)
            assert f"{DEEP}/{name}.iid".endswith(behind)
            assert behind.endswith(f"{name}.iid")
    monkeypatch.setenv("COLUMNS", "300")
    assert f"{DEEP}/first.iid" in call("links", "tree")[1]


def test_what_machines_read_stays_exact(call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    for form in ("json", "jsonl", "csv", "paths"):
        assert f"{DEEP}/first.iid" in call("links", "tree", "--format", form)[1]
    row = json.loads(call("overlaps", "--format", "jsonl")[1].splitlines()[0])
    assert row["iou"] == 649 / (row["a_area"] + row["b_area"] - 649)


def test_numbers_have_four_significant_digits(call, monkeypatch):
    exact = call("overlaps", "--fields", "iou")[1].split()[2]
    assert exact == str(649 / (1257 + 12000 - 649))
    monkeypatch.setenv("COLUMNS", "80")
    assert call("overlaps", "--fields", "iou")[1].split()[2] == "0.05148"
    assert call("sql", "SELECT 1.0 / 3 AS third, 7 AS whole")[1].split()[-2:] == ["0.3333", "7"]


def test_rounding():
    assert [rounded(value) for value in (0.0, 1.0, 0.11525, 39.408, 9999.9, 123456.7, -0.5)] == [
        *("0", "1", "0.1153", "39.41", "1e+04", "123457", "-0.5")
    ]
    assert rounded(float("inf")) == "inf"


def test_columns_that_say_nothing(call, monkeypatch):
    plain = call("links", "tree")[1]
    for value in ("", "0", "wide", "-5"):
        monkeypatch.setenv("COLUMNS", value)
        assert call("links", "tree")[1] == plain


def test_a_table_on_a_terminal_is_as_wide(call, tmp_path):
    script = (
        "import fcntl, struct, sys, termios; "
        "fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 60, 0, 0)); "
        "from iidindex.cli.main import run; sys.exit(run(['links', 'tree']))"
    )
    leader, follower = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, stdout=follower)
    os.close(follower)
    text = b""
    try:
        while part := os.read(leader, 4096):
            text += part
    except OSError:  # how Linux tells that nobody writes any more
        pass
    os.close(leader)
    assert process.wait() == 0
    lines = text.decode().splitlines()
    assert max(map(len, lines)) == 60
    assert "…" in lines[2]


def test_only_paths_give_way():
    names = ["path", "address", "location"]
    row = ["a" * 40, "b" * 40, "c" * 30]
    ((found,), _) = fitted([row], names, 90)
    assert found[1] == row[1]
    assert sum(map(len, found)) + 4 == 90
    assert abs(len(found[0]) - len(found[2])) <= 1
    ((found,), _) = fitted([row], names, 20)
    assert [len(cell) for cell in found] == [12, 40, 12]
    assert fitted([row], names, 200) == ([row], 2)
    # Before a path gives way, what is free beside headings does.
    assert fitted([["x", "y"]], ["area", "path"], 14) == ([["x", "y"]], 2)
    assert fitted([["x", "y"]], ["area", "path"], 13) == ([["x", "y"]], 0)


# ------------------------------------------------------- spaces at the ends


def test_spaces_at_the_ends_are_seen(tmp_path, capsys, monkeypatch):
    """What a table shows finds its own individual when it is typed again."""
    monkeypatch.chdir(tmp_path)
    wanted = [b"cell", b" cell", b"cell ", b"  ", b"iid:.Y2VsbA"]
    file = IIDFile()
    for address in wanted:
        file.add(address, address, (0, 0, 4, 4), np.ones((4, 4), bool), [" a", "b", ""])
    file.save("f.iid")
    assert run(["ingest", "."]) == 0
    capsys.readouterr()
    for column, option in (("address", "--address"), ("domain", "--domain")):
        assert run(["find", "--fields", column]) == 0
        shown = capsys.readouterr().out.splitlines()[2:]
        assert len(set(shown)) == len(wanted)
        for key, text in enumerate(shown):
            assert run(["find", option, text, "--format", "csv", "--fields", "key"]) == 0
            assert capsys.readouterr().out.split() == ["key", str(key)]
    assert run(["find", "--fields", "groups,key"]) == 0
    assert capsys.readouterr().out.splitlines()[2].split("  ")[0] == "'', ' a', b"
    assert run(["groups", "--fields", "name,files"]) == 0
    assert [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()[3:]] == [
        *("' a'", "b")
    ]


def test_paths_with_spaces_at_the_ends(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_garden(tmp_path / " x" / "a.iid")
    assert run(["ingest", "."]) == 0
    capsys.readouterr()
    assert run(["find", "tree", "--fields", "path,key"]) == 0
    assert capsys.readouterr().out.splitlines()[2].split("  ")[0] == "' x/a.iid'"
    assert seen("a b") == "a b"


# ----------------------------------------------------------- one of something


@pytest.fixture
def single(tmp_path, capsys, monkeypatch):
    """Call the program beside one file with one entry."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "archive").mkdir()
    file = IIDFile()
    file.add(b"tree", b"garden", (0, 0, 9, 9), np.ones((9, 9), bool), ["plants"])
    file.save(tmp_path / "archive" / "a.iid")

    def called(*arguments):
        run(list(arguments))
        captured = capsys.readouterr()
        return captured.out + captured.err

    return called


def test_one_of_something_is_told_in_the_singular(single, tmp_path):
    assert single("ingest", "archive").startswith("1 added; 1 entry indexed in ")
    words = [line.split() for line in single("status").splitlines()]
    assert ["1", "root"] in words
    assert ["1", "file"] in words
    assert ["1", "entry"] in words
    assert ["1", "iid"] in words
    assert ["1", "group"] in words
    assert ["0", "failed"] in words
    assert single("show", "archive/a.iid").startswith("archive/a.iid: 1 entry\n")
    assert single("sheet", "tree", "-o", "x.png").endswith(" pixels, 1 tile\n")
    assert "pixels, 1 entry\n" in single("render", "a.iid", "-o", "x.png")
    assert " pixels, 1 mask\n" in single("heat", "-o", "x.png")
    assert single("graph", "-o", "x.graphml") == "x.graphml: 2 nodes, 1 link\n"
    assert repr(iidindex.IIDFile(tmp_path / "archive" / "a.iid")).endswith(", 1 entry>")
    (tmp_path / "elsewhere").mkdir()
    os.rename("archive/a.iid", "elsewhere/a.iid")
    assert "1 indexed file is gone, and no other is there: it is kept" in single(
        "ingest", "archive"
    )
    told = single("relocate", "archive", "elsewhere")
    assert told.startswith("archive: 1 file, at ")


# ------------------------------------------------- names that may be meant


@pytest.mark.parametrize(
    "verb",
    [
        ["render", "{}", "-o", "x.png"],
        ["related", "{}"],
        ["shared", "2020/a.iid", "{}"],
        ["graph", "--path", "{}"],
        ["mask", "{}", "0", "-o", "x.png"],
    ],
    ids=lambda verb: verb[0],
)
@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("2020/aa.iid", "did you mean '2020/a.iid'"),
        ("archive/2021/c.iid", "did you mean '2021/c.iid'?"),
        ("2021/d.iid", "`iidindex files --state missing` tells more"),
    ],
)
def test_a_path_that_may_be_meant(archive, tmp_path, capsys, monkeypatch, verb, path, hint):
    monkeypatch.chdir(tmp_path)
    write_garden(archive / "2021" / "d.iid")
    assert run(["ingest", str(archive)]) == 0
    (archive / "2021" / "d.iid").unlink()
    # From elsewhere, the path leads to no file on disk.
    assert run(["ingest", str(archive)]) == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("IIDINDEX_DB", str(tmp_path / "iidindex.db"))
    capsys.readouterr()
    code = run([text.format(path) for text in verb])
    out, err = capsys.readouterr()
    assert code in (1, 2)
    assert out == ""
    assert hint in err
    assert err.count("\n") == 1


def test_a_column_that_is_in_views(call, tmp_path):
    views = "it is in the views indexed_files, found, members, appearances, overlapping, matches"
    for statement in ("SELECT path FROM entries", "select e.PATH from entries e"):
        code, out, err = call("sql", statement)
        assert (code, out) == (2, "")
        assert err.startswith("iidindex: SQL: no such column: ")
        assert err.endswith(f"; {views}\n")
    assert call("sql", "SELECT iou FROM overlaps")[2].endswith(
        "; it is in the views overlapping, matches\n"
    )
    assert call("sql", "SELECT foo FROM entries")[2] == "iidindex: SQL: no such column: foo\n"


def test_so_many_at_the_most(call):
    for option in ("-k", "--limit"):
        assert len(call("related", f"{DEEP}/first.iid", option, 1)[1].splitlines()) == 3
        assert len(call("cooccur", "tree", option, 1)[1].splitlines()) == 3
