"""Names and values that try to command whoever sees them: they are shown, never obeyed."""

import csv
import io
import json
import os
import re
import sqlite3
import sys
import unicodedata
from xml.etree import ElementTree

import numpy as np
import pytest

import iidindex
from campaign import rounds, seeded
from conftest import write_garden
from iidindex import IIDFile
from iidindex.cli.main import VERBS, run

NASTY = [
    "\x1b[31mred\x1b]0;title\x07",
    "\x9b2J",
    "two\nlines",
    "two\r\nlines",
    "over\rwritten\b\b",
    "\u202egnp.exe",
    "\u2066\u2069\u200f\u200b",
    "\u2028\u2029\x85\x0b\x0c\x1c",
    "nul\0nul",
    "\ufffe\uffff\ufeff",
    "tab\tand \x7f",
    "'; DROP TABLE files; --",
    'say "hi", \'you\'',
    "100%_done%s{0}$HOME`id`",
    "*?[a-z]",
    "<a>&amp;]]><!--",
    "=1+1",
    "--help",
    "-o",
    "hex:zz",
    "e\u0301\u0335日本\U0001f333",
    " ",
]  # fmt: skip
# Bytes that are no text; what Python makes of them in a file name.
NO_TEXT = [b"\xff\xfe\x1b[31m", b"\xed\xa0\x80", b"\xc0\x80", b"a\x80\n"]
# What may be on a terminal: no control characters, none that reorder or end a line unseen.
FORBIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


class Stream(io.TextIOWrapper):
    """Standard output that says what it was told to say about being a terminal."""

    def __init__(self, is_terminal):
        super().__init__(io.BytesIO(), encoding="utf-8", errors="strict", write_through=True)
        self.is_terminal = is_terminal

    def isatty(self):
        return self.is_terminal

    def text(self):
        return self.buffer.getvalue().decode("utf-8", "surrogateescape")


def call(arguments, is_terminal=False):
    """Run the program in this process; return its exit code and what it wrote."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = out, err = Stream(is_terminal), Stream(is_terminal)
    try:
        code = run([str(argument) for argument in arguments])
    finally:
        sys.stdout, sys.stderr = before
    return code, out.text(), err.text()


# What a progress bar and the seconds of somebody who waits write of their own.
BAR = re.compile(r"\r\x1b\[\?25l|\x1b\[\?25h|\x1b\[K|\r… \d+ s\r")


def assert_harmless(text, arguments):
    text = BAR.sub("", text)
    found = {char for char in text if char != "\n" and unicodedata.category(char) in FORBIDDEN}
    assert not found, (arguments, found, text)


def name_of(text):
    """Part of a file name, as near to the text as the file system allows."""
    raw = text if isinstance(text, bytes) else text.encode()
    return os.fsdecode(raw.replace(b"/", b"_").replace(b"\0", b"_"))


def write_nasty(path, texts):
    """A file whose every value is one of the texts."""
    file = IIDFile()
    file.meta.data = {"list": texts, "deep": {text: text for text in texts}, "\ud800": "\udfff"}
    for nth, text in enumerate(texts):
        raw = text.encode()
        file.add(raw, raw[::-1], (nth, 0, nth + 2, 9), np.ones((2, 9), bool), [text, f"{text}+"])
    for raw in NO_TEXT:
        file.add(raw, raw, (5, 5, 9, 9), np.eye(4, dtype=bool), "plain")
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save(path)


def nasty_archive(place, texts):
    """An archive of such files under such names, some of them broken; the index of it."""
    root = place / name_of(texts[0])
    write_nasty(root / "all.iid", texts)
    for nth, text in enumerate([*texts, *NO_TEXT]):
        write_garden(root / f"{name_of(text)}.iid", shift=nth)
    broken = root / name_of(texts[-1] + "\x1bbroken\n.iid")
    broken.write_bytes(b"\x1b[31m" * 20)
    (root / name_of("\x1bdangling.iid")).symlink_to(name_of("\x1bnowhere"))
    db = place / name_of("\x1b[1mindex\n.db")
    code, out, err = call(["--db", db, "ingest", root])
    assert code == 4
    assert_harmless(out + err, "ingest")
    # A root with another name, as somebody with a program of his own may give it.
    connection = sqlite3.connect(db)
    connection.execute("UPDATE roots SET name = ?", ("\x1b[2Jroot\n",))
    connection.commit()
    connection.close()
    return root, db


def questions(root, place, text, db):
    """Every verb, asked about what is there and what is not, in every way to go wrong."""
    name = f"{name_of(text)}.iid"
    shown = place / name_of(text + "\x1b.png")
    plain = [
        ["status"], ["roots"], ["files"], ["files", "--state", "failed"], ["verify"],
        ["verify", "--checksum"], ["doctor"], ["find"], ["at", 5, 5], ["region", 0, 0, 99, 99],
        ["nearest", 5, 5, "-k", 9], ["overlaps", "all.iid"], ["iids"], ["groups"],
        ["related", "all.iid"], ["show", root / "all.iid"], ["show", root / "all.iid", 1],
        ["ingest", root], ["ingest", "--dry-run", "--checksum", root], ["optimize"],
        ["prune", "--dry-run"], ["migrate"], ["graph"], ["graph", "--project", "iids"],
    ]  # fmt: skip
    told = [
        ["find", "--", text], ["find", "--explain", "--", text], ["find", "--group", text],
        ["find", "--domain", text], ["find", "--path", name], ["find", "--prefix", text],
        ["find", "--root", text], ["find", "--meta", f"deep.{text}={text}"],
        ["find", "--meta", text], ["find", "--area", text], ["find", "--order-by", text],
        ["find", f"--{text}"], ["find", "--limit", text], ["find", "--format", text],
        ["find", "--path", text, "--explain"], ["links", "--", text],
        ["links", "--domain", text, "x"],
        ["iids", "--prefix", text], ["cooccur", "--", text], ["cooccur", "--by", text, "x"],
        ["cooccur", "--by", "group", "--", text], ["cooccur", "--by", "overlap", "--", text],
        ["chain", "--", text, "tree"], ["chain", "--", "tree", text],
        ["shared", "--", name, "all.iid"],
        ["related", "--", name], ["related", "--", text], ["overlaps", "--", name],
        ["at", text, 5], ["at", "--", text, text], ["region", text, 1, 2, 3], ["nearest", 1, text],
        ["show", "--", root / name], ["show", "--", text], ["show", "--", root / name, text],
        ["show", "--", root / name, 99], ["show", "--", text, text, text], ["mask", "--", name, 0],
        ["mask", "-o", shown, "--", name, 0], ["mask", "-o", text, "--", name, 0],
        ["mask", "-o", shown, "--", text, 77], ["mask", "-o", shown / "x.png", "--", name, 0],
        ["relocate", "--", text, root], ["relocate", "--", "\x1b[2Jroot\n", text],
        ["relocate", "--dry-run", "\x1b[2Jroot\n", root], ["ingest", "--", text],
        ["ingest", "--", root / name], ["graph", "-o", place / name_of(text) / "x"],
        ["graph", "-o", place / name_of(f"{text}.graphml")], ["graph", "--project", text],
        [text], [f"--{text}"], ["--db", text, "find"], ["--db", text, "migrate"],
        ["--db", f"sqlite:///{text}", "find"], ["--db", f"{text}://{text}", "find"],
        ["--db", root / "all.iid", "find"], ["--db", root, "find"], ["--debug", "find", text],
        ["demo", root / "all.iid"],
    ]  # fmt: skip
    covered = {words[0] for words in [*plain, *told]}
    # A verb that nobody thought of here is called in the ways that most verbs are.
    more = [
        words
        for verb in VERBS
        if verb not in covered
        for words in ([verb, "--", name], [verb, "-o", shown, "--", name], [verb, "--", text, text])
    ]
    for words in [*plain, *told, *more]:
        yield words if str(words[0]).startswith("--db") else ["--db", db, *words]


FORMATTED = {"roots", "files", "verify", "find", "at", "region", "nearest", "overlaps"}
FORMATTED |= {"iids", "groups", "related", "show", "links", "cooccur", "chain", "shared"}


def test_nothing_raw_on_a_terminal(tmp_path, counted, monkeypatch):
    """Every verb, asked for text: what is shown holds no control character but a newline."""
    monkeypatch.chdir(tmp_path)
    for seed in rounds(3, share=0.04):
        with seeded(seed) as chance:
            texts = list(NASTY)
            chance.shuffle(texts)
            place = tmp_path / str(seed)
            root, db = nasty_archive(place, texts)
            codes = set()
            for words in questions(root, place, texts[1].replace("\0", "_"), db):
                for is_terminal in (False, True):
                    code, out, err = call(words, is_terminal)
                    # A graph is a file, even where it goes to standard output.
                    assert_harmless(err if "graph" in words else out + err, words)
                    assert "Traceback" not in err or "--debug" in words
                    codes.add(code)
                    counted("hostile names shown")
                if words[2] in FORMATTED:
                    for form in ("csv", "paths", "table"):
                        asked = [*words[:3], "--format", form, *words[3:]]
                        _, out, err = call(asked, is_terminal=True)
                        assert_harmless(out + err, asked)
            assert {0, 1, 2} <= codes


def test_the_tour_of_a_place_with_a_nasty_name(tmp_path):
    code, out, err = call(["demo", tmp_path / name_of(NASTY[0])], is_terminal=True)
    assert code == 0
    assert_harmless(out + err, "demo")


def nasty_index(tmp_path):
    root, db = nasty_archive(tmp_path, NASTY)
    return root, ["--db", db]


QUESTIONS = [
    ["find"], ["files"], ["roots"], ["iids"], ["groups"], ["at", 5, 5], ["overlaps"],
    ["related", f"{name_of(NASTY[0])}.iid"], ["cooccur", "tree"], ["links", "tree"],
    ["shared", "all.iid"], ["nearest", 5, 5, "-k", 50],
]  # fmt: skip


def test_every_format_reads_back(tmp_path, counted):
    """JSON, JSON lines and CSV say the same, whatever is in them."""
    root, db = nasty_index(tmp_path)
    asked = 0
    for words in [*QUESTIONS, ["show", root / "all.iid"], ["verify"]]:
        if words == ["verify"]:
            (root / "all.iid").touch()
        lines = call([*db, *words, "--format", "jsonl"])[1].splitlines()
        rows = [json.loads(line) for line in lines]
        assert rows, (words, call([*db, *words]))
        assert json.loads(call([*db, *words, "--format", "json"])[1]) == rows
        text = call([*db, *words, "--format", "csv"])[1]
        table = list(csv.DictReader(io.StringIO(text, newline="")))
        assert len(table) == len(rows), words
        for row, cells in zip(rows, table, strict=True):
            assert list(cells) == list(row)
            for name, value in row.items():
                # A spreadsheet may have to be kept from taking a cell for a formula.
                cell = cells[name] if value is None else cells[name].removeprefix("'")
                assert cell == _as_cell(value).removeprefix("'"), (words, name)
        asked += 1
    counted("answers read back from every format", asked)


def _as_cell(value):
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "" if value is None else str(value)


def test_graphs_are_well_formed(tmp_path):
    _, db = nasty_index(tmp_path)
    for project in ([], ["--project", "files"], ["--project", "iids"]):
        code, out, _ = call([*db, "graph", *project])
        assert code == 0
        tree = ElementTree.fromstring(out.encode("utf-8", "surrogateescape"))
        assert len(list(tree.iter("{http://graphml.graphdrawing.org/xmlns}node"))) > 5
        assert call([*db, "graph", *project, "-o", tmp_path / "g.graphml"])[0] == 0
        assert ElementTree.parse(tmp_path / "g.graphml").getroot().tag == tree.tag


def test_filters_mean_themselves(tmp_path, counted):
    """No text is a pattern, an option or SQL where a name is asked for."""
    _, db = nasty_archive(tmp_path, NASTY)
    with iidindex.open(db) as index:
        everything = list(index.entries)
        paths = {entry.path for entry in everything}
        for text in NASTY:
            raw = text.encode()
            for asked, wanted in [
                (index.entries.where(address=raw), lambda e, r=raw: e.iid.address == r),
                (index.entries.where(domain=raw), lambda e, r=raw: e.iid.domain == r),
                (index.entries.where(group=text), lambda e, t=text: t in e.groups),
                (index.entries.where(prefix=raw), lambda e, r=raw: e.iid.address.startswith(r)),
                (index.entries.where(root=text), lambda e: False),
                (
                    index.entries.where(meta={"deep": {text: text}}),
                    lambda e: e.path == "all.iid",
                ),
            ]:
                assert set(asked) == {entry for entry in everything if wanted(entry)}, text
                counted("hostile filters asked")
            path = f"{name_of(text)}.iid"
            assert path in paths
            # A path may be a pattern, but what is named as it stands is always meant, too.
            found = {entry.path for entry in index.entries.where(path=path)}
            assert path in found
            assert found == {path} or set(path) & set("*?[")
            assert index.entry(path, 0).path == path
            assert len(index.links(raw)) == (1 if raw != b"tree" else len(paths))
        assert set(index.entries) == set(everything)


@pytest.fixture
def asked_for_a_mask(archive, tmp_path):
    db = tmp_path / "x.db"
    with iidindex.open(db, create=True) as index:
        index.ingest(archive)
    return lambda output: call(["--db", db, "mask", "2020/a.iid", 0, "-o", output])


def tree(place):
    """Everything below a place: what links point to, and what is in files."""
    found = {}
    for path in sorted(place.rglob("*")):
        if path.is_symlink():
            found[str(path)] = os.readlink(path)
        else:
            found[str(path)] = path.is_file() and path.read_bytes()
    return found


def test_a_mask_goes_where_it_was_told_and_nowhere_else(asked_for_a_mask, tmp_path):
    place = tmp_path / "out"
    aside = tmp_path / "aside"
    place.mkdir()
    aside.mkdir()
    (place / "dir.png").mkdir()
    (place / "hard.png").write_bytes(b"before")
    (aside / "hard").hardlink_to(place / "hard.png")
    (aside / "target.png").write_bytes(b"before")
    (place / "link.png").symlink_to(aside / "target.png")
    (place / "nowhere.png").symlink_to(aside / "no" / "such.png")
    (place / "loop.png").symlink_to("loop.png")
    os.mkfifo(place / "pipe.png")
    before = tree(aside), tree(place)
    for name in (
        "dir.png",
        "nowhere.png",
        "loop.png",
        "pipe.png",
        "no/such.png",
        "dir.png/../../x",
    ):
        code, out, err = asked_for_a_mask(place / name)
        assert (code, out) == (2, ""), name
        assert err.count("\n") <= 4
        assert (tree(aside), tree(place)) == before
    # Through a link, the file that it names is what was asked for; another name of a file is not.
    assert asked_for_a_mask(place / "link.png")[0] == 0
    assert (place / "link.png").is_symlink()
    assert (aside / "target.png").read_bytes().startswith(b"\x89PNG")
    assert asked_for_a_mask(place / "hard.png")[0] == 0
    assert (aside / "hard").read_bytes() == b"before"
    assert sorted(os.listdir(aside)) == ["hard", "target.png"]
    assert len(os.listdir(place)) == 6
