"""What ingests changed, by name."""

import json
import os
import time
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

import iidindex
from conftest import write_garden
from iidindex import QueryError
from iidindex.cli.main import run
from iidindex.query.holdings.changes import begin_of

ON_BOTH = True


def told(index, since="last"):
    return [(change.kind, change.path, change.old_path) for change in index.changes(since=since)]


def test_every_kind(index, archive):
    names = ["2020/a.iid", "2020/b.iid", "2021/c.iid"]
    assert told(index) == [("added", name, None) for name in names]
    index.ingest(archive)
    assert told(index) == []
    write_garden(archive / "2020" / "a.iid", shift=4)
    os.utime(archive / "2020" / "b.iid", ns=(7, 7))
    (archive / "2021" / "c.iid").rename(archive / "2021" / "d.iid")
    (archive / "bad.iid").write_bytes(b"no iid file" * 9)
    write_garden(archive / "new.iid", shift=9)
    report = index.ingest(archive)
    assert sorted(told(index)) == [
        ("added", "new.iid", None),
        ("failed", "bad.iid", None),
        ("moved", "2021/d.iid", "2021/c.iid"),
        ("touched", "2020/b.iid", None),
        ("updated", "2020/a.iid", None),
    ]
    assert {kind: [os.path.relpath(name, archive) for name in listed] for kind, listed in
            report.names.items()} == {
        "added": ["new.iid"],
        "failed": ["bad.iid"],
        "moved": ["2021/d.iid"],
        "touched": ["2020/b.iid"],
        "updated": ["2020/a.iid"],
    }  # fmt: skip
    write_garden(archive / "bad.iid", shift=5)
    (archive / "new.iid").rename(archive / "new.away")
    index.ingest(archive)
    assert told(index) == [("updated", "bad.iid", None), ("missing", "new.iid", None)]
    (archive / "new.away").rename(archive / "new.iid")
    report = index.ingest(archive)
    assert told(index) == [("returned", "new.iid", None)]
    assert report.returned == 1
    assert len(told(index, None)) == 3 + 5 + 2 + 1


def test_what_fails_again_is_no_news(index, archive):
    (archive / "bad.iid").write_bytes(b"no iid file" * 9)
    index.ingest(archive)
    assert told(index) == [("failed", "bad.iid", None)]
    index.ingest(archive, checksum=True)
    assert told(index) == []


def test_moved_from_another_root(tmp_path, database):
    write_garden(tmp_path / "one" / "a.iid")
    write_garden(tmp_path / "one" / "b.iid", shift=3)
    write_garden(tmp_path / "two" / "c.iid", shift=7)
    with iidindex.open(database("x"), create=True) as index:
        index.ingest([tmp_path / "one", tmp_path / "two"])
        (tmp_path / "one" / "a.iid").rename(tmp_path / "two" / "a.iid")
        index.ingest([tmp_path / "one", tmp_path / "two"])
        assert told(index) == [("moved", "a.iid", str(tmp_path / "one" / "a.iid"))]


def test_a_dry_run_leaves_no_trace(index, archive):
    write_garden(archive / "new.iid")
    index.ingest(archive, dry_run=True)
    assert len(told(index, None)) == 3
    (row,) = index.sql("SELECT count(*) AS n FROM ingests")
    assert row == {"n": 1}


def test_ingests_are_noted(index, archive):
    index.ingest([archive / "2020", archive / "2021"])
    first, second = index.sql("SELECT started, finished, paths, counts FROM ingests ORDER BY id")
    assert json.loads(first["paths"]) == [str(archive)]
    assert json.loads(first["counts"])["added"] == 3
    assert json.loads(second["paths"]) == [str(archive / "2020"), str(archive / "2021")]
    assert json.loads(second["counts"])["unchanged"] == 3
    assert first["started"] <= first["finished"] <= second["finished"] <= time.time()


def test_since(index, archive):
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert len(index.changes(since="1d")) == 3
    assert len(index.changes(since="10w")) == 3
    assert len(index.changes(since=0)) == 3
    assert len(index.changes(since="2001-02-03")) == 3
    assert len(index.changes(since=date(2001, 2, 3))) == 3
    assert len(index.changes(since=np.int64(0))) == 3
    assert index.changes(since=tomorrow) == []
    assert index.changes(since=tomorrow.isoformat()) == []
    assert begin_of("90m", 6000) == 600
    numbers = (10**30, -(10**30), float("nan"), float("inf"), True)
    words = (chr(0x661) + "d", "yesterday", "1y", "", "2026-13-01", "9" * 30 + "d")
    for wrong in (*numbers, *words, b"1d"):
        with pytest.raises(QueryError, match="expected last, a span such as 1d"):
            index.changes(since=wrong)


def test_names_that_are_no_text(tmp_path, database):
    name = os.fsdecode(b"\xff.iid")
    write_garden(tmp_path / "archive" / name)
    with iidindex.open(database("x"), create=True) as index:
        index.ingest(tmp_path / "archive")
        assert told(index) == [("added", name, None)]


def test_in_the_shell(call, archive, capsys):
    code, out, _ = call("changes", "--format", "jsonl")
    assert code == 0
    rows = [json.loads(line) for line in out.splitlines()]
    assert [*rows[0]] == ["time", "kind", "path", "old_path"]
    first = rows[0]
    assert (first["kind"], first["path"], first["old_path"]) == ("added", "2020/a.iid", None)
    assert datetime.fromisoformat(rows[0]["time"]).tzinfo is not None
    assert call("ingest", archive)[0] == 0
    assert call("changes", "--since", "last")[0] == 1
    assert call("changes", "--since", "1d")[0] == 0
    code, _, err = call("changes", "--since", "soon")
    assert (code, "since is 'soon'" in err) == (2, True)


def test_exit_codes_of_what_is_gone(call, archive, tmp_path):
    assert call("ingest", archive, tmp_path / "nowhere")[0] == 4
    assert call("ingest", tmp_path / "nowhere")[0] == 2
    archive.rename(tmp_path / "aside")
    code, _, err = call("ingest", archive)
    assert code == 6
    assert "is not at" in err
    archive.mkdir()
    code, _, err = call("ingest", archive)
    assert code == 6
    assert "3 indexed files are gone" in err
    assert call("find", "tree", "--count")[1] == "3\n"
    archive.rmdir()
    code, out, err = call("ingest", tmp_path / "aside")
    assert code == 0
    assert f"the root archive was found by its files at {tmp_path / 'aside'}" in err
    assert out.startswith("3 unchanged")


def test_it_is_written_with_what_it_tells_of(archive, tmp_path, database):
    """A journal that was cut off tells of the files that were committed, and of no others."""

    def stop(progress):
        raise ZeroDivisionError

    with iidindex.open(database("x"), create=True) as index:
        with pytest.raises(ZeroDivisionError):
            index.ingest(archive, progress=stop)
        (row,) = index.sql("SELECT finished FROM ingests")
        assert row == {"finished": None}
        assert told(index, None) == []
        assert run(["--db", str(database("x")), "ingest", str(archive)]) == 0
        assert len(told(index)) == 3
