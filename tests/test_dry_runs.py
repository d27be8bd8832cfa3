"""Every verb that changes an index or writes many files tells with --dry-run what it would do."""

import json
import os
import shutil
import sqlite3

import click
import pytest

import iidindex
from conftest import write_garden
from iidindex.cli.main import VERBS, cli, run

# Verbs that write where they are told to, and nowhere else.
WRITES_WHAT_IS_NAMED = {"graph", "mask", "render", "sheet", "heat", "import", "export", "page"}
CHANGES = {"ingest", "relocate", "prune", "migrate", "optimize", "overlaps", "demo"} | {
    "import",
    "export",
    "page",
}


def options_of(verb):
    command = cli.get_command(click.Context(cli), verb)
    return {name for parameter in command.params for name in parameter.opts}


def test_which_verbs_have_it():
    assert {verb for verb in VERBS if "--dry-run" in options_of(verb)} == CHANGES
    assert {verb for verb in VERBS if "--output" in options_of(verb)} == WRITES_WHAT_IS_NAMED


def state(tmp_path):
    """All that lies here, but for the logs that SQLite makes to read."""
    return {
        path: path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_file() and not path.name.endswith(("-wal", "-shm", "-lock"))
    }


def test_nothing_is_changed(call, archive, tmp_path):
    (archive / "2021" / "c.iid").unlink()
    assert call("ingest", archive)[0] == 0
    write_garden(archive / "2021" / "new.iid")
    shutil.copytree(archive, tmp_path / "elsewhere")
    before = state(tmp_path)
    for arguments in (
        ["ingest", archive],
        ["relocate", "archive", "elsewhere"],
        ["prune"],
        ["migrate"],
        ["optimize"],
        ["overlaps", "--store"],
        ["demo", "tour"],
    ):
        assert call(*arguments, "--dry-run")[0] == 0
        assert state(tmp_path) == before, arguments


def test_optimize(call, tmp_path):
    with sqlite3.connect(tmp_path / "iidindex.db") as database:
        ((nodes,),) = database.execute("SELECT count(*) FROM entry_boxes_node")
        ((boxes,),) = database.execute("SELECT count(*) FROM entry_boxes")
        database.execute("DROP INDEX ix_entries_iid_id_file_id")
        database.execute("CREATE TABLE filler AS SELECT randomblob(99999) AS x")
        database.execute("DROP TABLE filler")
    database.close()
    _, out, _ = call("optimize", "--dry-run")
    lines = out.splitlines()
    assert "would make the indexes" in lines[0]
    assert lines[1] == f"would pack the R-tree anew (boxes: {boxes}, nodes now: {nodes}, layers: 1)"
    assert lines[2] == "would gather statistics for the first time"
    size, free = (int(word) for word in lines[3].split() if word.isdigit())
    assert size == os.path.getsize(tmp_path / "iidindex.db")
    assert 99999 < free < size
    with iidindex.open(tmp_path / "iidindex.db") as index:
        assert index.optimize(dry_run=True) == (True, boxes, nodes, False, size, free, 1)
        assert index.optimize() == (True, boxes, nodes, False, size, free, 1)
        assert index.optimize(dry_run=True)[:4] == (False, boxes, nodes, True)
    _, out, _ = call("optimize", "--dry-run")
    assert "would make" not in out
    assert "statistics anew" in out


def test_a_dry_run_works_where_nothing_can_be_written(call, archive, tmp_path):
    with iidindex.open(tmp_path / "iidindex.db", read_only=True) as index:
        assert index.optimize(dry_run=True).boxes == index.stats().entries
        assert len(index.entries.files_without_overlaps()) == 3


def test_overlaps_to_be_stored(call, archive, tmp_path):
    paths = ["2020/a.iid", "2020/b.iid", "2021/c.iid"]
    dry = ["overlaps", "--store", "--dry-run"]
    assert call(*dry, "-0")[1].split("\0") == [*paths, ""]
    assert call("overlaps", "--store", "2020/b.iid")[0] == 0
    rows = json.loads(call(*dry, "--format", "json")[1])
    assert [(row["path"], row["entries"]) for row in rows] == [("2020/a.iid", 3), ("2021/c.iid", 3)]
    assert call(*dry, "2020/*", "2020/a.iid", "-0")[1] == "2020/a.iid\0"
    with iidindex.open(tmp_path / "iidindex.db") as index:
        found = index.entries.files_without_overlaps()
        assert found.to_dicts() == rows
        assert index.entries.where(path="2021/*").files_without_overlaps() == found[1:]
        assert index.overlaps(store=True)
        assert not index.entries.files_without_overlaps()
        with pytest.raises(iidindex.QueryError, match="whole files"):
            index.entries.where(group="tall").files_without_overlaps()
    assert call(*dry, "--format", "json")[:2] == (0, "[]\n")


def test_wrong_use(call):
    code, out, err = call("overlaps", "--dry-run")
    assert (code, out) == (2, "")
    assert "--dry-run works only with --store" in err
    code, out, err = call("overlaps", "--store", "--dry-run", "--group", "tall")
    assert (code, out) == (2, "")
    assert "only the overlaps of whole files" in err


def test_a_first_ingest_can_be_tried(archive, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = state(tmp_path)
    assert run(["ingest", "--dry-run", str(archive)]) == 0
    assert "this would be done: 3 added; 11 entries" in capsys.readouterr().out
    assert state(tmp_path) == before
    assert not os.path.exists("iidindex.db")
    (archive / "bad.iid").write_bytes(b"")
    assert run(["ingest", "--dry-run", str(archive)]) == 4


def test_demo(tmp_path, capsys):
    place = tmp_path / "tour"
    assert run(["demo", "--dry-run", str(place)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told == [
        f"would write the archive {place / 'archive'}",
        f"would write the database {place / 'demo.db'}",
        f"would write the picture {place / 'demo.png'}",
        f"would write the pictures {place / 'pictures'}",
    ]
    place.mkdir()
    (place / "demo.db").touch()
    run(["demo", "--dry-run", str(place)])
    assert capsys.readouterr().out.splitlines()[1] == f"{told[1]}, over what is there"


# ---------------------------------------------------------- what an ingest names


def test_files_that_failed_are_named_up_to_a_number(call, archive):
    shutil.rmtree(archive / "2021")
    for nth in range(20):
        (archive / f"bad{nth:02}.iid").write_bytes(b"")
    code, out, err = call("ingest", archive)
    assert code == 4
    assert "20 failed" in out
    lines = err.splitlines()
    assert len(lines) == 20
    assert lines[0].startswith(f"could not read {archive}/bad00.iid: header: the file has 0")
    for nth in range(20, 123):
        (archive / f"bad{nth}.iid").write_bytes(b"")
    code, _, err = call("ingest", archive)
    assert code == 4
    assert err.splitlines()[:20] == lines
    assert err.splitlines()[20:] == [
        "and 103 more files could not be read; `iidindex files --state failed` lists all"
    ]
    listed = call("files", "--state", "failed", "-0")[1]
    assert listed.count("\0") == 123
    _, _, err = call("ingest", "--dry-run", archive)
    assert err.splitlines()[20:] == [
        "and 103 more files could not be read; --format json names all"
    ]
    report = json.loads(call("ingest", "--dry-run", archive, "--format", "json")[1])
    assert len(report["failures"]) == 123


def test_a_wrong_path_leaves_no_index(tmp_path, capsys):
    for more in ([], ["--dry-run"]):
        database, nowhere = str(tmp_path / "x.db"), str(tmp_path / "nowhere")
        assert run(["--db", database, "ingest", nowhere, *more]) == 2
        assert "no such file or directory" in capsys.readouterr().err
        assert list(tmp_path.iterdir()) == []


def test_a_dry_run_of_an_ingest_says_that_it_is_one(call, archive):
    write_garden(archive / "new.iid")
    told = call("ingest", str(archive), "--dry-run")[1]
    assert told.startswith("nothing was changed; this would be done: 1 added, 3 unchanged;")
    assert call("ingest", str(archive))[1].startswith("1 added, 3 unchanged;")


def test_import_and_export_write_nothing(tmp_path, capsys):
    write_garden(tmp_path / "garden.iid")
    db = ["--db", str(tmp_path / "index.db")]
    assert run([*db, "ingest", str(tmp_path / "garden.iid")]) == 0
    out = ["-o", str(tmp_path / "out"), "--to", "labels"]
    before = state(tmp_path)
    capsys.readouterr()
    assert run([*db, "export", *out, "--dry-run"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "nothing was written; this would be done:"
    assert state(tmp_path) == before
    assert run([*db, "export", *out]) == 0
    assert capsys.readouterr().out.split(" in ")[0] == told[1].split(" in ")[0]
    before = state(tmp_path)
    again = ["import", str(tmp_path / "out"), "-o", str(tmp_path / "again")]
    # One mask of the garden has no pixel, which no label image can hold.
    assert run([*db, *again, "--dry-run", "--ingest"]) == 4
    assert capsys.readouterr().out.startswith("nothing was written; this would be done:")
    assert state(tmp_path) == before
