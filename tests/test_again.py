"""Ingesting again: what is as it was is left out before anything is made for it."""

import os
import shutil

import pytest

import iidindex
from conftest import write_garden
from iidindex.ingestion.unchanged import of_others, without_unchanged
from iidindex.storage.walk import walk
from iidindex.system import listing, portable
from test_ingest import content, counts

ON_BOTH = True


def test_what_is_as_it_was_is_taken_out():
    found = {"a": (1, 2), "b": (1, 2), "c": (1, 2), "new": (5, 5), os.fsdecode(b"\xff"): (3, 4)}
    stamps = [("a", 1, 2), ("b", 1, 3), ("c", 2, 2), ("gone", 1, 1), (b"\xff", 3, 4)]
    assert without_unchanged(found, stamps) == (2, {"b", "c", "gone"})
    assert found == {"b": (1, 2), "c": (1, 2), "new": (5, 5)}


def test_others_are_those_that_are_not_sound_or_not_as_they_were():
    rows = [
        ("same", 1, 1, 1, b"", "ok", None),
        ("other", 2, 1, 1, b"", "ok", b""),
        ("failed", 3, 1, 1, None, "failed", b""),
        ("fixity", 4, 1, 1, b"", "ok", b""),
    ]
    assert [row[0] for row in of_others(rows, {"other"}, False)] == ["other", "failed"]
    assert [row[0] for row in of_others(rows, {"other"}, True)] == ["same", "other", "failed"]


@pytest.mark.parametrize("fixity", [False, True])
def test_every_kind_of_change_beside_what_is_as_it_was(archive, tmp_path, fixity, database):
    odd = archive / os.fsdecode(b"2021/\xff.iid")
    for name in ("gone.iid", "failed.iid", "lost.iid"):
        write_garden(archive / "2021" / name, shift=len(name))
    shutil.copy2(archive / "2021" / "c.iid", odd)
    (archive / "2021" / "failed.iid").write_bytes(b"no such format")
    with iidindex.open(database("x"), create=True) as index:
        index.ingest(archive, fixity=fixity)
        (archive / "2021" / "lost.iid").unlink()
        assert counts(index.ingest(archive)) == {"unchanged": 5, "missing": 1, "failed": 1}
        # Nothing of it has changed now.
        assert counts(index.ingest(archive)) == {"unchanged": 5, "failed": 1}
        assert counts(index.ingest(archive / "2021")) == {"unchanged": 3, "failed": 1}
        assert counts(index.ingest(odd)) == {"unchanged": 1}
        report = index.ingest(archive)
        assert "2021/failed.iid" in next(iter(report.failures))
        (archive / "2021" / "gone.iid").unlink()
        write_garden(archive / "2021" / "new.iid", shift=2)
        write_garden(archive / "2020" / "a.iid", shift=3)
        os.utime(odd, (5, 5))
        expected = {"added": 1, "updated": 1, "touched": 1, "missing": 1}
        found = counts(index.ingest(archive, dry_run=True))
        assert found == counts(index.ingest(archive)) == expected | {"unchanged": 2, "failed": 1}
        with iidindex.open(database("new"), create=True) as fresh:
            fresh.ingest(archive, fixity=fixity)
            assert content(index) == content(fresh)


def test_fixity_is_recorded_of_what_is_as_it_was(archive, tmp_path, database):
    with iidindex.open(database("x"), create=True) as index:
        index.ingest(archive)
        assert counts(index.ingest(archive / "2020", fixity=True)) == {"unchanged": 2}
        assert counts(index.ingest(archive, fixity=True)) == {"unchanged": 3}
        assert index.verify(fixity=True) == []
        (row,) = index.sql("SELECT count(fixity) AS n FROM files")
        assert row["n"] == 3


def test_an_archive_that_is_all_as_it_was_is_no_empty_one(archive, tmp_path, database):
    """What is gone from it is missing; of an empty directory, nobody knows."""
    with iidindex.open(database("x"), create=True) as index:
        index.ingest(archive)
        (archive / "2020" / "a.iid").unlink()
        assert counts(index.ingest(archive)) == {"unchanged": 2, "missing": 1}
        shutil.rmtree(archive / "2020")
        shutil.rmtree(archive / "2021")
        assert index.ingest(archive).kept == 2


@pytest.mark.parametrize("listed", [listing.list_open, listing.list_by_path])
def test_both_ways_to_list_find_the_same(archive, tmp_path, monkeypatch, listed):
    if listed is listing.list_open and portable.FORCED:
        pytest.skip("not the way that is taken")
    expected = walk(str(archive), "", ".iid").found
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    write_garden(elsewhere / "x.IID")
    (archive / "link").symlink_to(elsewhere)
    (archive / "2020" / "back").symlink_to(archive)
    (archive / "2020" / "up.iid").symlink_to(archive / "2021")
    (archive / "directory.iid").mkdir()
    write_garden(archive / "directory.iid" / "in.iid")
    (archive / "nothing.iid").symlink_to("nowhere")
    os.mkfifo(archive / "pipe.iid")
    monkeypatch.setattr("iidindex.storage.walk.listed", listed)
    result = walk(str(archive), "", ".iid")
    assert result.found.keys() == expected.keys() | {"link/x.IID", "directory.iid/in.iid"}
    assert result.unreadable.keys() == {"nothing.iid"}
    for name, stamp in result.found.items():
        status = (archive / name).stat()
        assert stamp == (status.st_size, status.st_mtime_ns)
    before = len(os.listdir("/proc/self/fd"))
    walk(str(archive), "", ".iid")
    assert len(os.listdir("/proc/self/fd")) == before
