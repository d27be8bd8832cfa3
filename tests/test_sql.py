"""Questions in SQL: the views, what is refused, and stopping in the middle."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from iidindex import CatalogError, QueryError
from iidindex.cli.main import run


def test_views_say_what_the_api_says(index, archive):
    list(index.overlaps(store=True))
    rows = list(index.sql("SELECT * FROM found ORDER BY id"))
    assert len(rows) == index.entries.count()
    for row, entry in zip(rows, index.entries, strict=True):
        told = (row["path"], row["location"], row["key"], row["area"], row["offset"], row["length"])
        loc = entry.bufloc
        assert told == (entry.path, entry.location, entry.key, entry.area, loc.offset, loc.length)
        assert (row["minr"], row["minc"], row["maxr"], row["maxc"]) == entry.bbox
        assert (row["domain_bytes"] or None, row["address_bytes"]) == entry.iid
        assert row["address"] == entry.iid.address.decode("utf-8", "surrogateescape")
    assert [row["path"] for row in index.sql("SELECT path FROM indexed_files ORDER BY path")] == [
        file.path for file in index.files()
    ]
    links = index.sql(
        "SELECT path, entries, area FROM appearances WHERE address_bytes = :a ORDER BY path",
        {"a": b"tree"},
    )
    assert [tuple(row.values()) for row in links] == [tuple(link) for link in index.links(b"tree")]
    members = index.sql('SELECT "group", count(*) n FROM members GROUP BY 1 ORDER BY 1')
    assert [tuple(row.values()) for row in members] == [
        (group.name, group.entries) for group in index.groups()
    ]
    pairs = {(p.a.id, p.b.id): (p.pixels, p.iou, p.a_in_b, p.b_in_a) for p in index.overlaps()}
    told = index.sql("SELECT a_id, b_id, pixels, iou, a_in_b, b_in_a FROM overlapping")
    stored = {(row["a_id"], row["b_id"]): tuple(row.values())[2:] for row in told}
    assert stored.keys() == pairs.keys() != set()
    assert all(stored[pair] == pytest.approx(pairs[pair]) for pair in pairs)


def test_what_is_gone_is_in_no_view_but_that_of_files(index, archive):
    (archive / "2020" / "a.iid").unlink()
    index.ingest(archive)
    gone = index.sql("SELECT path FROM indexed_files WHERE state = 'missing'")
    assert [row["path"] for row in gone] == ["2020/a.iid"]
    for view in ("found", "members", "appearances"):
        statement = f"SELECT count(*) n FROM {view} WHERE path = '2020/a.iid'"
        assert next(index.sql(statement)) == {"n": 0}


def test_what_is_wrong_is_told_at_once(index):
    with pytest.raises(QueryError):
        index.sql("SELEC")
    index.close()
    with pytest.raises(CatalogError, match="closed"):
        index.sql("SELECT 1")


def test_names_that_are_no_text(index, archive):
    name = os.fsencode(archive / "2020") + b"/z\xff.iid"
    Path(os.fsdecode(name)).write_bytes((archive / "2020" / "a.iid").read_bytes())
    index.ingest(archive)
    path = "2020/z\udcff.iid"
    assert path in {row["path"] for row in index.sql("SELECT path FROM indexed_files")}
    (row,) = index.sql("SELECT DISTINCT location FROM found WHERE path LIKE '%z%'")
    assert row["location"] == os.fsdecode(name)


@pytest.mark.parametrize(
    ("statement", "parameters", "message"),
    [
        ("DELETE FROM files", {}, "only read"),
        ("DROP VIEW found", {}, "only read"),
        ("CREATE TEMP TABLE x (a)", {}, "only read"),
        ("ATTACH 'other.db' AS other", {}, "only read"),
        ("VACUUM INTO 'other.db'", {}, "VACUUM"),
        ("PRAGMA query_only = OFF", {}, "only read"),
        ("PRAGMA user_version = 5", {}, "only read"),
        ("BEGIN", {}, "only read"),
        ("SELECT 1; SELECT 2", {}, "one statement"),
        ("SELECT * FROM nowhere", {}, "the views are indexed_files, found"),
        ("SELECT", {}, "syntax|incomplete"),
        ("SELECT 'a\0'", {}, "null|unrecognized"),
        ("SELECT 1 AS a, 2 AS a", {}, "two columns are called a"),
        ("SELECT :a", {}, "binding|parameter"),
        ("SELECT :a", {"a": [1]}, "parameter a must be"),
        ("SELECT :a", {"a": 2**70}, "too large"),
        (b"SELECT 1", {}, "must be text"),
        ("SELECT 1", [1], "parameters must be a mapping"),
        ("SELECT abs(key - 1 - 9223372036854775807) FROM found", {}, "integer overflow"),
        ("SELECT json_extract('{}', iif(key, 'locked', '$')) FROM found", {}, "SQL: "),
    ],
)
def test_what_is_refused(index, tmp_path, statement, parameters, message):
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(QueryError, match=message):
        list(index.sql(statement, parameters))
    assert sorted(os.listdir(tmp_path)) == before
    assert next(index.sql("SELECT count(*) AS n FROM found")) == {"n": index.entries.count()}


def test_the_verb(index, archive, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        code = run(["--db", "index.db", "sql", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    code, out, _ = call(
        "SELECT address_bytes AS a, area, path FROM found WHERE address = :who ORDER BY path",
        *("-p", "who=tree", "--format", "jsonl"),
    )
    row = json.loads(out.splitlines()[0])
    assert code == 0
    assert (row["a"], row["path"]) == ("tree", "2020/a.iid")
    every = "SELECT address_bytes FROM found WHERE address_bytes = :b"
    code, out, _ = call(every, "-p", "b=hex:ff0062696e")
    assert (code, out.splitlines()[-1]) == (0, "hex:ff0062696e")
    assert call("SELECT :n + 1 AS n", "-p", "n=2.5", "--format", "csv")[:2] == (0, "n\n3.5\n")
    assert call("SELECT 1 WHERE 0")[:2] == (1, "")
    mixed = "SELECT 'a' AS b UNION ALL SELECT x'ff' UNION ALL SELECT NULL"
    assert call(mixed, "--format", "csv")[:2] == (0, 'b\na\nhex:ff\n""\n')
    mine = "SELECT 'hello' AS a, 'dHJlZQ==' AS a_b64, 9e999 AS much"
    assert call(mine)[1].splitlines()[-1].split() == ["hello", "dHJlZQ=="]
    rows = call(mine, "--format", "jsonl")[1]
    assert json.loads(rows) == {"a": "hello", "a_b64": "dHJlZQ==", "much": None}
    assert call("SELECT 12 AS path", "-0")[:2] == (0, "12\0")
    for text in ("007", "1_0", "nan", "infinity", "\u0665", "7.", "1e5x"):
        kind = "SELECT typeof(:w) AS kind, :w AS w"
        assert json.loads(call(kind, "-p", f"w={text}", "--format", "jsonl")[1]) == {
            "kind": "text",
            "w": text,
        }
    code, _, err = call("SELECT nowhere FROM found")
    assert (code, err) == (2, "iidindex: SQL: no such column: nowhere\n")
    assert call("SELECT 1", "-p", "n")[0] == 2
    assert call("SELECT char(27) || '[2J' AS name")[1].splitlines()[-1] == "\\x1b[2J"


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"


def started(tmp_path, stderr):
    database = str(tmp_path / "index.db")
    command = [sys.executable, "-m", "iidindex", "--db", database, "sql", ENDLESS]
    return subprocess.Popen(command, stderr=stderr, stdout=subprocess.PIPE, text=True)


def test_ctrl_c_ends_a_long_statement(index, tmp_path):
    with started(tmp_path, subprocess.PIPE) as process:
        handles = Path("/proc", str(process.pid), "fd")
        while not any(os.path.realpath(one).endswith("index.db") for one in handles.iterdir()):
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out) == (130, "")
    assert err.strip() == "iidindex: interrupted; whatever was finished is kept"


def test_who_waits_at_a_terminal_sees_the_seconds(index, tmp_path):
    terminal, end = os.openpty()
    shown = b""
    with started(tmp_path, end) as process:
        os.close(end)
        while b" s\r" not in shown:
            shown += os.read(terminal, 100)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate()
    with suppress(OSError):  # the other end is closed
        while more := os.read(terminal, 100):
            shown += more
    os.close(terminal)
    assert out == ""
    assert re.match("\r… \\d+ s\r", shown.decode())
    assert shown.rstrip().endswith(b"\x1b[Kiidindex: interrupted; whatever was finished is kept")
