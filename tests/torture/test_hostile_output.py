"""What the verbs write, whoever named things: to a terminal, a pipe, a shell, a file."""

import csv
import io
import json
import os
import sys
from contextlib import contextmanager
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from campaign import rounds, seeded
from iidindex import IIDFile
from iidindex.cli.main import VERBS
from test_hostile_names import (
    NASTY,
    assert_harmless,
    call,
    name_of,
    nasty_archive,
    tree,
)

# What makes a spreadsheet calculate.
FORMULA = tuple("=+-@\t\r\n\0")
ESCAPE = "\x1b[2J\x1b]0;owned\x07\u202e"


@contextmanager
def standard_input(raw):
    before = sys.stdin
    sys.stdin = io.TextIOWrapper(io.BytesIO(raw))
    try:
        yield
    finally:
        sys.stdin = before


def with_picture(path, image):
    """A file whose metadata name its picture."""
    file = IIDFile()
    file.meta.data = {"image": image, "file_name": image, "width": 40, "height": 30}
    file.add(ESCAPE.encode(), b"=1+1", (2, 2, 12, 12), np.ones((10, 10), bool), ESCAPE)
    file.add(b"tree", b"@d", (5, 5, 25, 25), np.ones((20, 20), bool), "-1")
    file.save(path)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An archive of nasty names and values, with pictures; the place to write to."""
    monkeypatch.chdir(tmp_path)
    root, db = nasty_archive(tmp_path, NASTY)
    picture = root / name_of(f"{ESCAPE}.png")
    Image.new("RGB", (40, 30)).save(picture)
    with_picture(root / "pictured.iid", picture.name)
    with_picture(root / "traversing.iid", "../../../../../etc/" + ESCAPE)
    with_picture(root / "bare.iid", ESCAPE)
    assert call(["--db", db, "ingest", root])[0] == 4
    return root, db, tmp_path


def drawn(verb, output):
    return {
        "mask": ["mask", "pictured.iid", 0, "-o", output],
        "render": ["render", "pictured.iid", "-o", output],
        "sheet": ["sheet", "tree", "--domain", "@d", "-o", output],
        "heat": ["heat", "-o", output],
        "graph": ["graph", "--address", "tree", "--domain", "@d", "-o", output],
    }[verb]


ROWS = [
    ["find"], ["at", 5, 5], ["region", 0, 0, 99, 99], ["nearest", 5, 5, "-k", 9],
    ["overlaps", "all.iid"], ["overlaps", "all.iid", "all.iid", "--across", "--within", 2],
    ["duplicates", "--iou", 0], ["compare", "all.iid", "all.iid"], ["files"], ["links", "tree"],
    ["iids"], ["groups"], ["roots"], ["tracks"], ["tracks", "--by", "meta.day", "--exact"],
    ["shared", "all.iid", "all.iid"], ["related", "all.iid"], ["cooccur", "tree"],
    ["chain", "tree", "pond"], ["identities"], ["descendants", "pond"],
    ["ancestors", "tree"], ["verify"], ["sql", "SELECT * FROM found"],
    ["sql", f'SELECT address AS "{ESCAPE}", group_concat(domain) AS "=1+1" FROM found'],
    ["sql", "SELECT * FROM files"], ["agree", "", "@d"], ["agree", "", "@d", "--list", "only_a"],
    ["agree", "", "@d", "--by", "group"], ["agree", "", "@d", "--total"],
]  # fmt: skip
FORMS = [
    ["--format", "table"], ["--format", "json"], ["--format", "jsonl"], ["--format", "csv"],
    ["--format", "paths"], ["--count"], ["--explain"], ["--fields", ESCAPE],
    ["--format-version", ESCAPE], ["--format", ESCAPE],
]  # fmt: skip
# What goes into a pipe as it is, for programs.
EXACT = {"csv", "paths"}


def test_every_form_of_every_answer(place, counted):
    root, db, _ = place
    codes = set()
    for words in [*ROWS, ["show", root / "all.iid"], ["show", root / "all.iid", 1]]:
        for form in FORMS:
            for is_terminal in (False, True):
                asked = ["--db", db, *words, *form]
                code, out, err = call(asked, is_terminal)
                assert_harmless(err, asked)
                if is_terminal or form[-1] not in EXACT:
                    assert_harmless(out, asked)
                assert "Traceback" not in err
                codes.add(code)
                counted("hostile answers shown")
        # Names that xargs takes apart again: here and only here, each ends in a NUL.
        out = call(["--db", db, *words, "-0"], is_terminal=True)[1]
        assert_harmless(out.replace("\0", ""), words)
    assert {0, 2} <= codes <= {0, 1, 2, 3}


def test_no_cell_is_a_formula(place, counted):
    """Not in a row and not in the names of columns, whatever the verb."""
    root, db, _ = place
    cells = 0
    for words in [*ROWS, ["show", root / "all.iid"]]:
        if words == ["verify"]:
            (root / "all.iid").touch()
        out = call(["--db", db, *words, "--format", "csv"])[1]
        for row in csv.reader(io.StringIO(out, newline="")):
            for cell in row:
                is_number = cell.removeprefix("-").replace(".", "").isdigit()
                assert is_number or not cell.startswith(FORMULA), (words, row)
                cells += 1
    counted("cells that are no formulas", cells)
    assert cells > 5000


def test_debug_shows_a_traceback_without_commands(place):
    root, _, _ = place
    broken = next(path for path in root.iterdir() if "broken" in path.name)
    for words in (["show", broken], ["--db", root, "find"], ["show", ESCAPE]):
        for is_terminal in (False, True):
            code, out, err = call(["--debug", *words], is_terminal)
            assert code == 2
            assert "Traceback" in err
            assert_harmless(out + err, words)


SHEET = ["sheet", "iid:QGQ.dHJlZQ"]


def test_stale_files_are_told_of_harmlessly(place):
    root, db, where = place
    for path in root.glob("*.iid"):
        if path.is_file():
            os.utime(path, (7, 7))
    for words in (["at", 5, 5], ["overlaps"], ["heat", "-o", "h.npy"], SHEET):
        for how in ("warn", "error", "skip"):
            more = ["-o", where / "s.png"] if words[0] == "sheet" else []
            asked = ["--db", db, *words, *more, "--on-stale", how]
            code, out, err = call(asked, is_terminal=True)
            assert_harmless(out + err, asked)
            assert code == (3 if how == "error" else 1)
            assert ("left out: " in err) == (how == "warn")


def test_questions_from_standard_input(place, counted):
    _, db, _ = place
    lines = [
        *NASTY,
        *(f"'{text}'" for text in NASTY),
        f"--group {ESCAPE}",
        f"--area {ESCAPE}",
        "-h",
    ]
    raw = "\n".join(lines).encode() + b"\n\xff\x1b[31m\n'\x1b[31m"
    for verb in ("find", "at", "links", "cooccur", "related", "nearest", "chain"):
        for form in ("table", "json", "jsonl", "csv"):
            with standard_input(raw):
                code, out, err = call(["--db", db, verb, "--batch", "--format", form], True)
            assert_harmless(out + err, (verb, form))
            assert code in (1, 2), (verb, form, out, err)
            # A line that asks for help stops no other.
            assert "Usage" not in out + err
            counted("hostile lines of questions", raw.count(b"\n"))
    with standard_input(raw):
        out = call(["--db", db, "find", "--batch", "--format", "jsonl"])[1]
    assert {json.loads(line)["question"] for line in out.splitlines()} <= {
        line.strip() for line in "\n".join(lines).split("\n")
    } | {"\udcff\x1b[31m"}
    assert out


# ---------------------------------------------------------------------- files that are written


@pytest.mark.parametrize("verb", ["mask", "render", "sheet", "heat", "graph"])
def test_only_what_was_named_is_written(verb, place, counted):
    """Whatever the archive says of paths and pictures, one file is written, and it is that."""
    _, db, where = place
    out = where / "out"
    out.mkdir()
    endings = {"graph": [".graphml", ".svg", ".png"]}.get(verb, [".png", ".npy"])
    for nth, text in enumerate([*NASTY, ESCAPE, "../" + ESCAPE, "a" * 240, "a" * 251]):
        for ending in endings[:: 1 if nth % 6 == 0 else 9]:
            target = out / f"x{name_of(text)}{ending}"
            before = tree(where)
            asked = ["--db", db, *drawn(verb, target)]
            code, told, err = call(asked, is_terminal=True)
            assert_harmless(told + err, asked)
            after = tree(where)
            changed = {path for path in {*before, *after} if before.get(path) != after.get(path)}
            changed = {path for path in changed if not path.startswith(str(db))}
            assert changed == ({str(target)} if code == 0 else set()), asked
            assert (code == 0) == (len(os.fsencode(target.name)) <= 255), (code, err)
            counted("files written under hostile names")
            if code == 0:
                if ending in (".svg", ".graphml"):
                    ElementTree.fromstring(target.read_bytes())
                target.unlink()


def test_pictures_that_are_traps(place, counted, monkeypatch):
    """What metadata name is looked at as a picture, if it is one, and is never run."""
    root, db, where = place
    bin_ = where / "bin"
    bin_.mkdir()
    (bin_ / "gs").write_text(f"#!/bin/sh\ntouch {where}/owned\n")
    (bin_ / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_}{os.pathsep}{os.environ['PATH']}")
    picture = root / name_of(f"{ESCAPE}.png")
    whole = picture.read_bytes()
    os.mkfifo(root / "pipe")
    (root / "dir.png").mkdir()
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 30\n%%EndComments\nshowpage\n"
    traps = [b"", whole[:50], b"\x89PNG" + b"\xff" * 99, postscript, b"<svg onload='x'/>"]
    output = where / "r.png"
    for trap in traps:
        picture.write_bytes(trap)
        code, out, err = call(["--db", db, "render", "pictured.iid", "-o", output], True)
        assert code == 2
        assert "not an image" in err
        assert_harmless(out + err, trap)
        counted("pictures that are traps")
    for name in ("pipe", "dir.png", "/dev/zero", "/proc/self/mem", "\0", "a" * 5000, "http://x/y"):
        with_picture(root / "pictured.iid", name)
        call(["--db", db, "ingest", root])
        for words in (
            ["render", "pictured.iid"],
            ["sheet", "tree", "--path", "pictured.iid"],
        ):
            code, out, err = call(["--db", db, *words, "-o", output], True)
            assert_harmless(out + err, name)
            assert code in (0, 2), err
            assert "Traceback" not in err
            counted("pictures that are traps")
    assert not (where / "owned").exists()


# ---------------------------------------------------------------------------------------- SQL


WRITES = [
    "DROP TABLE files", "DELETE FROM entries", "UPDATE files SET path = 'x'", "VACUUM",
    "VACUUM INTO 'out.db'", "ATTACH 'out.db' AS o", "ATTACH '{db}' AS o",
    "PRAGMA writable_schema = 1", "PRAGMA query_only = 0", "PRAGMA journal_mode = DELETE",
    "PRAGMA user_version = 7", "CREATE TABLE t (x)", "CREATE TEMP TABLE t (x)",
    "SELECT load_extension('x')", "SELECT writefile('out.db', 'x')",
    "SELECT readfile('/etc/passwd')",
    "SELECT 1; DROP TABLE files", "BEGIN", "COMMIT", "INSERT INTO groups VALUES (99, 'x')",
    "SELECT * FROM entry_boxes; DELETE FROM entry_boxes", "REINDEX", "DETACH main",
    "WITH x AS (SELECT 1) DELETE FROM files", "EXPLAIN DELETE FROM files", "PRAGMA optimize",
]  # fmt: skip


def test_sql_that_would_write(place, counted):
    _, db, where = place
    before, files = dump(db), sorted(os.listdir(where))
    for statement in WRITES:
        _, out, err = call(["--db", db, "sql", statement.format(db=db)])
        assert_harmless(out + err, statement)
        assert dump(db) == before, statement
        assert [name for name in sorted(os.listdir(where)) if name not in files] == []
        assert "root:" not in out
        counted("statements that would write")
    assert call(["--db", db, "sql", "SELECT count(*) AS n FROM files"])[0] == 0


def dump(db):
    import sqlite3

    connection = sqlite3.connect(db)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


# -------------------------------------------------------------------------------- nothing forgotten


def test_every_verb_is_tried_here(place):
    """With nasty arguments, on a terminal; a new verb has to be added, or this fails."""
    root, db, where = place
    png = where / f"{name_of(ESCAPE)}.png"
    tried = [
        *ROWS, ["ingest", ESCAPE], ["status"], ["relocate", ESCAPE, ESCAPE], ["doctor"],
        ["doctor", "--format", "json"], ["prune", "--dry-run"], ["prune", "--root", ESCAPE],
        ["changes"], ["changes", "--since", ESCAPE], ["agree", ESCAPE, f"{ESCAPE}2"],
        ["agree", "--paths", ESCAPE, f"{ESCAPE}2"], ["agree", "a", "b", "--pair", ESCAPE],
        ["copy", db, where / f"{name_of(ESCAPE)}.db"], ["copy", ESCAPE, db], ["copy", db, db],
        ["migrate", "--dry-run"], ["optimize"], ["graph"], ["show", ESCAPE],
        ["mask", ESCAPE, 0, "-o", png], ["mask", "all.iid", 99, "-o", png],
        ["render", ESCAPE, "-o", png], ["render", "bare.iid", "-o", png],
        ["render", "traversing.iid", "-o", png], ["render", "pictured.iid", "-o", png],
        ["render", "pictured.iid", "-o", png, "--font", ESCAPE],
        ["render", "pictured.iid", "-o", png, "--image", ESCAPE],
        ["sheet", ESCAPE, "-o", png], ["sheet", "tree", "-o", png, "--group", ESCAPE],
        ["heat", "-o", png, "--font", ESCAPE], ["heat", "-o", f"{ESCAPE}.jpg"],
        ["heat", "-o", png, "--crop", 1, 2, 3, ESCAPE], ["completion", ESCAPE],
        ["completion", "zsh"], ["demo", root / "all.iid"],
        ["import", ESCAPE, "-o", where / "out"], ["import", root, "-o", where / "out"],
        ["export", "-o", where / "x.csv", "--to", "csv", "--address", ESCAPE],
        ["export", "-o", where / "x.json", "--to", "coco"],
        ["page", "-o", where / "page"], ["page", "-o", root / ESCAPE, "--pictures", ESCAPE],
        ["serve", "--host", ESCAPE], ["serve", "--token", ESCAPE], ["serve", "--pictures", ESCAPE],
        ["sql", f"SELECT {ESCAPE}"], ["sql", "SELECT 1", "-p", ESCAPE],
        ["sql", "SELECT :a", "-p", f"a=hex:{ESCAPE}"], ["sql", "SELECT 1", "--fields", ESCAPE],
        ["sql", "SELECT 1", "-p", f"{ESCAPE}=1"], ["sql", f"SELECT '{ESCAPE}' AS \"{ESCAPE}\""],
    ]  # fmt: skip
    assert {words[0] for words in tried} == {*VERBS}
    for words in tried:
        code, out, err = call(["--db", db, *words], is_terminal=True)
        assert_harmless(err if words == ["graph"] else out + err, words)
        assert code in (0, 1, 2, 3, 4), words


def test_names_made_of_any_characters(tmp_path, monkeypatch, counted):
    """Not those that somebody thought of: any."""
    monkeypatch.chdir(tmp_path)
    for seed in rounds(2, share=0.01):
        with seeded(seed) as chance:
            texts = ["".join(_any(chance) for _ in range(chance.randint(1, 9))) for _ in range(20)]
            where = tmp_path / str(seed)
            where.mkdir()
            file = IIDFile()
            for text in texts:
                raw = text.encode("utf-8", "surrogatepass")
                written = text.encode("utf-8", "replace").decode()
                file.add(raw, raw, (0, 0, 2, 2), np.ones((2, 2), bool), written)
            file.meta.data = dict.fromkeys(texts, texts)
            file.save(where / "all.iid")
            db = where / "x.db"
            assert call(["--db", db, "ingest", where])[0] == 0
            for words in (
                ["find"],
                ["iids"],
                ["groups"],
                ["overlaps"],
                ["graph"],
                ["chain", "a", "b"],
            ):
                for form in ([], ["--format", "jsonl"]) if words != ["graph"] else ([],):
                    out, err = call(["--db", db, *words, *form], True)[1:]
                    if words == ["graph"]:
                        ElementTree.fromstring(out)
                    else:
                        assert_harmless(out + err, words)
                        [json.loads(line) for line in (out.splitlines() if form else [])]
                    counted("answers about names of any characters")
            out, err = call(["show", where / "all.iid"], True)[1:]
            assert_harmless(out + err, "show")


def _any(chance):
    most = chance.choice([0x20, 0x7F, 0xA0, 0x2100, 0xFFFF, 0x10FFFF])
    return chr(chance.randint(0, most))
