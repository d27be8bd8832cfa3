"""The command line, as a person or a script sees it."""

import csv
import io
import json
import math
import os
import signal
import subprocess
import sys
import time

import click
import numpy as np
import pytest
from PIL import Image

from conftest import disk, write_garden
from iidindex.cli.main import VERBS, cli


def test_ingest_tells_what_it_did(call, archive):
    code, out, err = call("ingest", archive)
    assert (code, err) == (0, "")
    assert out.startswith("3 unchanged; 0 entries")
    code, out, _ = call("ingest", archive, "--format", "json", "--checksum", "-j", 2)
    assert code == 0
    assert (json.loads(out)["unchanged"], json.loads(out)["touched"]) == (3, 0)


def test_ingest_of_a_broken_file(call, archive):
    (archive / "bad\x1b[31m.iid").write_bytes(b"\0" * 47)
    code, out, err = call("ingest", archive)
    assert code == 4
    assert "1 failed" in out
    assert "bad\\x1b[31m.iid: header: the file has 47 bytes; expected at least the 48" in err
    assert "\x1b" not in err


def test_find_formats(call):
    code, out, _ = call("find", "tree", "--path", "2020/*")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[2:]] == ["2020/a.iid", "2020/b.iid"]
    rows = [json.loads(line) for line in call("find", "tree", "--format", "jsonl")[1].splitlines()]
    assert len(rows) == 3
    keys = "path key address domain address_b64 domain_b64 bbox area offset length groups"
    assert list(rows[0]) == [*keys.split(), "id", "location"]
    assert rows[0]["bbox"] == [100, 50, 141, 91]
    assert json.loads(call("find", "tree", "--format", "json")[1]) == rows
    table = list(csv.DictReader(io.StringIO(call("find", "tree", "--format", "csv")[1])))
    assert [row["path"] for row in table] == [row["path"] for row in rows]
    assert call("find", "--format", "paths")[1].split() == [row["path"] for row in rows]


def test_nothing_found(call):
    assert call("find", "nobody")[:2] == (1, "")
    assert call("find", "nobody", "--format", "json")[:2] == (1, "[]\n")
    assert call("find", "nobody", "--count")[:2] == (1, "0\n")
    assert call("links", "nobody")[0] == 1
    assert call("mask", "2020/a.iid", 77, "-o", "x.png")[0] == 1
    assert not os.path.exists("x.png")


def test_filters(call):
    for arguments, count in [
        (["tree", "pond"], 6),
        (["--address", "tree"], 3),
        (["--domain", ""], 3),
        (["--group", "plants", "--group", "water"], 6),
        (["--area", "12000.."], 3),
        (["--area", "..0"], 3),
        (["--area", "4"], 2),
        (["--key", "1", "--path", "2021/*"], 1),
        (["hex:ff0062696e"], 1),
        (["b64:/wBiaW4="], 1),
        (["über"], 1),
        (["--limit", "5", "--order-by", "-area"], 5),
    ]:
        assert call("find", *arguments, "--count")[1] == f"{count}\n", arguments


def test_bytes_that_are_no_text(call):
    _, out, _ = call("find", "--domain", "extra")
    assert "hex:ff0062696e" in out
    assert "über" in out


def test_at_and_region(call):
    assert call("at", 70, 125, "--path", "2020/a.iid", "--count")[1] == "2\n"
    assert call("at", 50, 100, "--count")[0] == 1
    assert call("at", 50, 100, "--boxes", "--count")[1] == "1\n"
    assert call("region", 100, 50, 103, 53, "--count")[0] == 1
    assert call("region", 100, 50, 103, 53, "--boxes", "--count")[0] == 0
    code, _, err = call("region", 9, 9, 1, 1)
    assert code == 2
    assert "reversed" in err
    assert "entry_boxes" in call("at", 1, 1, "--explain")[1]


def test_links(call, archive):
    code, out, _ = call("links", "tree", "--domain", "garden", "--format", "jsonl")
    assert code == 0
    assert json.loads(out.splitlines()[0]) == {
        "path": "2020/a.iid",
        "entries": 1,
        "area": int(disk(20).sum()),
        "location": str(archive / "2020" / "a.iid"),
        "domain": "garden",
        "domain_b64": "Z2FyZGVu",
    }


def test_show_needs_no_index(call, archive, tmp_path):
    os.unlink(tmp_path / "index.db") if (tmp_path / "index.db").exists() else None
    code, out, _ = call("--db", "nowhere.db", "show", archive / "2020" / "a.iid")
    assert code == 0
    assert "3 entries" in out
    assert '"day": "a"' in out
    assert "plants (1), tall (1), water (1)" in out
    row = json.loads(call("show", archive / "2020" / "a.iid", 1, "--format", "jsonl")[1])
    assert (row["address"], row["groups"]) == ("pond", ["water"])
    code, _, err = call("show", archive / "2020" / "a.iid", 9)
    assert code == 1
    assert "no entry of key 9" in err
    assert call("show", archive / "nothing.iid")[0] == 2


def test_mask(call, archive, tmp_path):
    code, out, _ = call("mask", "2020/a.iid", 0, "-o", "tree.png")
    assert code == 0
    assert "41 x 41 pixels" in out
    np.testing.assert_array_equal(np.asarray(Image.open("tree.png")), disk(20))
    assert call("mask", archive / "2020" / "a.iid", 0, "-o", "tree.npy")[0] == 0
    np.testing.assert_array_equal(np.load("tree.npy"), disk(20))
    code, _, err = call("mask", "2020/a.iid", 0, "-o", "tree.gif")
    assert code == 2
    assert ".png" in err


def test_stale_original(call, archive):
    write_garden(archive / "2020" / "a.iid", shift=9)
    code, _, err = call("mask", "2020/a.iid", 0, "-o", "x.png")
    assert code == 3
    assert err.count("\n") == 1
    assert not os.path.exists("x.png")


def test_status(call):
    assert "11 entries" in call("status")[1]
    assert json.loads(call("status", "--format", "json")[1])["files"] == 3


def test_no_index(call, tmp_path, monkeypatch):
    code, _, err = call("--db", "nowhere.db", "find", "tree")
    assert code == 2
    assert "nowhere.db ingest DIR" in err
    monkeypatch.setenv("IIDINDEX_DB", "elsewhere.db")
    assert "elsewhere.db" in call("find")[2]
    assert not (tmp_path / "elsewhere.db").exists()


def test_wrong_use(call):
    code, _, err = call("fnd", "tree")
    assert code == 2
    assert "Did you mean 'find'?" in err
    assert call("find", "hex:zz")[0] == 2
    assert call("find", "--area", "big")[0] == 2
    assert call("at", "one", 2)[0] == 2
    assert call("ingest", "/nowhere/at/all")[0] == 2
    assert "Traceback" in call("--debug", "ingest", "/nowhere/at/all")[2]


def test_every_verb_has_the_help_that_is_listed():
    for verb, (_, line) in VERBS.items():
        command = cli.get_command(click.Context(cli), verb)
        assert command.name == verb
        assert command.help.split("\n\n")[0].replace("\n", " ") == line


def program(*arguments, **named):
    return [sys.executable, "-m", "iidindex", *map(str, arguments)]


def test_reader_that_stops_reading(call, tmp_path):
    process = subprocess.Popen(
        program("find", "--format", "jsonl"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    )
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 0


def test_interrupt(call, tmp_path, archive):
    for number in range(400):
        write_garden(archive / "more" / f"{number}.iid")
    for _ in range(20):  # until one is interrupted before it is done
        process = subprocess.Popen(
            program("ingest", "--checksum", archive), cwd=tmp_path, stderr=subprocess.PIPE
        )
        while process.poll() is None and not (tmp_path / "iidindex.db-wal").exists():
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
        assert process.returncode in (0, 130)
        if process.returncode == 130:
            break
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert b"interrupted" in err
    assert call("ingest", archive)[0] == 0
    assert call("find", "--count")[1] == "1211\n"


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--help"], {"sqlalchemy", "numpy", "skimage", "tabulate"}),
        (["show", "2020/a.iid"], {"skimage", "scipy", "alembic"}),
        (["find", "tree"], {"skimage", "scipy", "alembic", "PIL", "rtree", "networkx"}),
    ],
)
def test_a_verb_imports_what_it_needs(call, archive, tmp_path, arguments, unwanted):
    code = (
        "import sys; from iidindex.cli.main import run; "
        f"code = run(['--db', {str(tmp_path / 'iidindex.db')!r}, *{arguments!r}]); "
        f"print(code, {unwanted!r} & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=archive, capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1] == "0 set()", result.stdout


def test_full_device(call, tmp_path):
    with open("/dev/full", "wb") as full:
        result = subprocess.run(
            program("find", "--format", "jsonl"), cwd=tmp_path, stdout=full, stderr=subprocess.PIPE
        )
    assert result.returncode == 2
    assert b"Traceback" not in result.stderr


def test_csv_of_a_name_that_is_no_text(call, archive, tmp_path):
    write_garden(archive / os.fsdecode(b"\xff.iid"))
    assert call("ingest", archive)[0] == 0
    result = subprocess.run(
        program("find", "--format", "csv"),
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
        capture_output=True,
    )
    assert result.returncode == 0
    assert b"\n\xff.iid," in result.stdout


def test_what_a_table_shows_can_be_typed_again(call, archive):
    write_garden(archive / "odd.iid", extra=[b"\x1b[31m", b"hex:00"])
    call("ingest", archive)
    _, out, _ = call("find", "--path", "odd.iid", "--domain", "extra")
    shown = [line.split()[3] for line in out.splitlines()[2:]]
    assert shown == ["hex:1b5b33316d", "hex:6865783a3030"]
    for text in shown:
        assert call("find", text, "--count")[1] == "1\n"


def rows_of(call, *arguments):
    code, out, err = call(*arguments, "--format", "jsonl")
    assert code == (0 if out else 1)
    assert err == "" or not out  # why nothing was found
    return [json.loads(line) for line in out.splitlines()]


def test_more_filters(call):
    assert len(rows_of(call, "find", "--prefix", "tr")) == 3
    assert len(rows_of(call, "find", "--meta", "day=a")) == 3
    assert len(rows_of(call, "find", "--meta", "camera.iso=200", "--meta", "day=b")) == 5
    assert rows_of(call, "find", "--meta", 'camera.iso="200"') == []
    assert len(rows_of(call, "find", "--root", "archive")) == 11
    assert call("find", "--meta", "day")[0] == 2
    first = rows_of(call, "find", "--limit", "4")
    rest = rows_of(call, "find", "--after", first[-1]["id"])
    assert len(first + rest) == len({row["id"] for row in first + rest}) == 11


def test_nearest_verb(call):
    rows = rows_of(call, "nearest", 70, 99, "-k", 3)
    assert [row["distance"] for row in rows] == sorted(row["distance"] for row in rows)
    assert (rows[0]["path"], rows[0]["address"]) == ("2020/a.iid", "tree")
    assert call("nearest", 70, 99, "-k", 3)[1].splitlines()[0].split()[0] == "distance"
    assert call("nearest", 70, 99, "--count", "--address", "nobody")[:2] == (1, "0\n")


def test_negative_coordinates(call):
    assert call("at", -5, 3)[:2] == (1, "")
    assert len(rows_of(call, "region", -9, -9, 300, 300)) == 8
    assert rows_of(call, "nearest", -5, -7)[0]["distance"] > 5
    code, _, err = call("at", 5, 3, "--limt", 2)
    assert code == 2
    assert "--limit" in err


def test_overlaps_verb(call, archive):
    rows = rows_of(call, "overlaps", "2020/a.iid")
    assert [(row["a_address"], row["b_address"], row["pixels"]) for row in rows] == [
        ("tree", "pond", 649)
    ]
    assert rows[0]["iou"] == 649 / (rows[0]["a_area"] + rows[0]["b_area"] - 649)
    assert len(rows_of(call, "overlaps", "2020/*")) == len(rows_of(call, "overlaps")) == 3
    assert len(rows_of(call, "overlaps", "2020/a.iid", "2020/b.iid")) == 3
    assert rows_of(call, "overlaps", "--group", "plants") == []
    assert call("overlaps", "--store")[:2] == (0, "")
    (archive / "2020" / "a.iid").unlink()
    assert len(rows_of(call, "overlaps")) == 3  # from the index
    assert call("overlaps", "a", "--path", "b")[0] == 2


def test_verbs_of_linkage(call, tmp_path):
    assert {row["address"]: row["files"] for row in rows_of(call, "iids", "--prefix", "t")} == {
        "tree": 3
    }
    assert [row["name"] for row in rows_of(call, "groups")] == ["plants", "tall", "water"]
    shared = rows_of(call, "shared", "2020/a.iid", "2021/c.iid")
    assert [row["address"] for row in shared] == ["ghost", "pond", "tree"]
    assert {row["path"] for row in rows_of(call, "related", "2020/a.iid")} == {
        "2020/b.iid",
        "2021/c.iid",
    }
    assert rows_of(call, "cooccur", "tree", "-k", 1)[0]["count"] == 3
    overlapping = rows_of(call, "cooccur", "tree", "--by", "overlap")
    assert [(row["address"], row["count"], row["pixels"]) for row in overlapping] == [
        ("pond", 2, 1298)
    ]
    steps = rows_of(call, "chain", "tree", "hex:ff0062696e")
    assert [step.get("path") for step in steps] == [None, "2020/b.iid", None]
    assert rows_of(call, "chain", "tree", "nobody") == []
    assert call("shared", "nothing.iid")[0] == 2
    assert call("graph", "-o", tmp_path / "g.graphml")[0] == 0
    assert "graphml" in (tmp_path / "g.graphml").read_text(encoding="utf-8")


# ---------------------------------------------------------------- many questions


def test_numbers_below_zero(call):
    assert call("nearest", 0, -110)[1] == call("nearest", "--", 0, -110)[1]
    near = rows_of(call, "nearest", 0, -110)[0]
    assert near["distance"] == math.hypot(110 + 5, 5)
    assert rows_of(call, "region", -10, -20, 130, 100) == rows_of(call, "region", 0, 0, 130, 100)
    assert call("nearest", "5", "-5", "--address", "-5")[0] == 1
    code, _, err = call("at", "-5x", 3)
    assert code == 2
    assert "-5x" in err or "'-5'" in err


# ---------------------------------------------------------------- files that have changed


@pytest.mark.parametrize(
    "verb",
    [
        ["at", 70, 125],
        ["region", 100, 50, 141, 91],
        ["nearest", 70, 125, "-k", 9],
        ["overlaps"],
        ["heat", "-o", "heat.npy"],
        ["sheet", "tree", "-o", "sheet.png"],
    ],
    ids=lambda verb: verb[0],
)
def test_on_stale(call, archive, verb):
    with (archive / "2020" / "a.iid").open("ab") as file:
        file.write(b" ")
    code, out, err = call(*verb)
    assert code == 3
    assert "a.iid: has changed since it was indexed" in err
    code, out, err = call(*verb, "--on-stale", "skip")
    assert (code, err) == (0, "")
    assert "2020/a.iid" not in out
    assert call(*verb, "--on-stale", "warn")[1] == out
    told = call(*verb, "--on-stale", "warn")[2].splitlines()
    assert all(line.startswith("iidindex: left out: ") and "a.iid" in line for line in told)
    assert told
