"""Roots, relocation, pruning, repacking, verifying, dry runs."""

import json
import os
import shutil
import sqlite3

import pytest

import iidindex
from conftest import write_garden
from iidindex import CatalogError, IIDFile, IngestError, QueryError
from iidindex.catalog import schema
from iidindex.cli.main import run
from test_ingest import content, counts, fresh, later


def areas_are_those_of_masks(index):
    """Read every mask; how many there are."""
    number = 0
    for entry, mask in index.entries.masks():
        assert mask.sum() == entry.area
        number += 1
    return number


def test_parent_of_a_root_takes_it_in(archive, tmp_path):
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(archive / "2020")
        index.ingest(archive / "2021" / "c.iid")
        assert [root.files for root in index.roots()] == [2, 1]
        before = {entry.id: entry.location for entry in index.entries}
        report = index.ingest(archive)
        assert counts(report) == {"unchanged": 3}
        (root,) = index.roots()
        assert (root.location, root.files) == (str(archive), 3)
        assert {entry.id: entry.location for entry in index.entries} == before
        assert content(index) == fresh(archive, tmp_path)


def test_names_of_roots_are_unique(tmp_path):
    for place in ("one/pictures", "two/pictures"):
        write_garden(tmp_path / place / "a.iid")
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest([tmp_path / "one" / "pictures", tmp_path / "two" / "pictures"])
        assert [root.name for root in index.roots()] == ["pictures", "pictures-2"]


def test_relocate(index, archive, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    archive.rename(elsewhere)
    with pytest.raises(CatalogError, match="'archive'"):
        index.relocate("photos", elsewhere)
    with pytest.raises(CatalogError, match="no such directory"):
        index.relocate("archive", archive)
    assert index.relocate("archive", elsewhere, dry_run=True).location == str(elsewhere)
    assert index.roots()[0].location == str(archive)
    index.relocate("archive", elsewhere)
    assert areas_are_those_of_masks(index) == 11
    assert counts(index.ingest(elsewhere)) == {"unchanged": 3}


def test_relocating_one_root_leaves_the_others(tmp_path):
    for place in ("one", "two", "new"):
        write_garden(tmp_path / place / "a.iid")
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest([tmp_path / "one", tmp_path / "two"])
        index.relocate("one", tmp_path / "new")
        assert [root.location for root in index.roots()] == [
            str(tmp_path / "new"),
            str(tmp_path / "two"),
        ]


def test_relocate_does_not_merge_roots(tmp_path):
    for place in ("one", "two"):
        write_garden(tmp_path / place / "a.iid")
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest([tmp_path / "one", tmp_path / "two"])
        with pytest.raises(CatalogError, match="overlaps the root 'two'"):
            index.relocate("one", tmp_path / "two")


def test_prune(index, archive, tmp_path):
    (archive / "2020" / "b.iid").unlink()
    (archive / "bad.iid").write_bytes(b"damaged")
    index.ingest(archive)
    assert index.prune(dry_run=True) == ["2020/b.iid"]
    assert index.stats().missing == 1
    assert index.prune() == ["2020/b.iid"]
    assert index.prune() == []
    stats = index.stats()
    assert (stats.files, stats.missing, stats.entries, stats.iids) == (2, 0, 6, 3)
    assert [file.path for file in index.files(state="failed")] == ["bad.iid"]
    assert content(index) == fresh(archive, tmp_path)
    assert index.verify() == []


def test_optimize(index, archive, tmp_path):
    before = content(index)
    hits = [entry.id for entry in index.entries.at(70, 125)]
    index.optimize()
    assert content(index) == before
    assert [entry.id for entry in index.entries.at(70, 125)] == hits
    assert index.verify() == []


def test_verify(index, archive):
    assert index.verify(checksum=True) == []
    later(archive / "2020" / "a.iid")
    (archive / "2021" / "c.iid").unlink()
    path = archive / "2020" / "b.iid"
    status = path.stat()
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"pond", b"lake"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert {p.location.rpartition("/")[2]: p.problem.split()[0] for p in index.verify()} == {
        "a.iid": "has",
        "c.iid": "is",
    }
    found = {p.location.rpartition("/")[2]: p.problem for p in index.verify(checksum=True)}
    assert "other content" in found["b.iid"]


def test_verify_finds_a_damaged_tree(index, tmp_path):
    connection = sqlite3.connect(tmp_path / "index.db")
    connection.execute("DELETE FROM entry_boxes_rowid WHERE rowid = 1")
    connection.commit()
    connection.close()
    assert any("index.db" in problem.location for problem in index.verify())


def test_dry_run_changes_nothing(index, archive, tmp_path):
    write_garden(archive / "2020" / "a.iid", shift=3)
    write_garden(archive / "new.iid")
    (archive / "2021" / "c.iid").unlink()
    (archive / "bad.iid").write_bytes(b"")
    before = content(index), index.stats()
    expected = {"added": 1, "updated": 1, "unchanged": 1, "missing": 1, "failed": 1}
    assert counts(index.ingest(archive, dry_run=True)) == expected
    assert (content(index), index.stats()) == before
    assert counts(index.ingest(archive)) == expected
    with iidindex.open(tmp_path / "index.db", read_only=True) as reader:
        assert reader.ingest(archive, dry_run=True).unchanged == 3
    with pytest.raises(IngestError):
        index.ingest(archive, jobs=0)


def test_swapped_files(index, archive, tmp_path):
    a, b, aside = archive / "2020" / "a.iid", archive / "2020" / "b.iid", archive / "aside"
    a.rename(aside)
    b.rename(a)
    aside.rename(b)
    index.ingest(archive)
    assert content(index) == fresh(archive, tmp_path)
    assert areas_are_those_of_masks(index) == 11


def test_files_of_one_name_in_two_roots(tmp_path):
    for shift, place in enumerate(("one", "two")):
        write_garden(tmp_path / place / "a.iid", shift=shift)
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest([tmp_path / "one", tmp_path / "two"])
        for shift, place in enumerate(("one", "two")):
            path = str(tmp_path / place / "a.iid")
            assert index.entry(path, 0).bbox.minc == 50 + shift
            assert [e.location for e in index.entries.where(path=path, key=0)] == [path]
            assert index.entries.where(path=f"{tmp_path}/{place}/*").count() == 3
        with pytest.raises(QueryError, match="several files"):
            index.entry("a.iid", 0)
        assert index.entries.where(path="a.iid").count() == 6


def test_interrupted_making_of_a_database(archive, tmp_path):
    """A database of a few bytes without tables is made again, not refused for ever."""
    path = tmp_path / "x.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    assert path.stat().st_size
    with iidindex.open(path, create=True) as index:
        assert index.ingest(archive).added == 3


def test_files(index, archive):
    (archive / "2020" / "a.iid").unlink()
    (archive / "2020" / "b.iid").write_bytes(b"")
    index.ingest(archive)
    found = {file.path: (file.state, file.entries) for file in index.files()}
    assert found == {
        "2020/a.iid": ("missing", 3),
        "2020/b.iid": ("failed", 0),
        "2021/c.iid": ("ok", 3),
    }
    (failed,) = index.files(state="failed")
    assert "48" in failed.reason
    assert failed.location == str(archive / "2020" / "b.iid")
    with pytest.raises(QueryError, match="missing"):
        index.files(state="bad")


def test_closed_index(index):
    entry = index.entries.first()
    index.close()
    with pytest.raises(CatalogError, match="closed"):
        index.entries.count()
    with pytest.raises(CatalogError, match="closed"):
        _ = entry.groups


def test_chain_of_renames(index, archive, tmp_path):
    places = [archive / "2021" / "c.iid", archive / "2020" / "b.iid", archive / "2020" / "a.iid"]
    target = archive / "z.iid"
    for place in places:
        place.rename(target)
        target = place
    index.ingest(archive)
    index.prune()
    assert content(index) == fresh(archive, tmp_path)


def test_file_that_becomes_a_directory(index, archive, tmp_path):
    (archive / "2020" / "a.iid").unlink()
    write_garden(archive / "2020" / "a.iid" / "inner.iid")
    assert counts(index.ingest(archive))["unchanged"] == 2
    index.prune()
    assert content(index) == fresh(archive, tmp_path)


def test_verbs(index, archive, tmp_path, capsys):
    db = ["--db", str(tmp_path / "index.db")]
    assert run([*db, "roots", "--format", "paths"]) == 0
    assert capsys.readouterr().out.strip() == str(archive)
    assert run([*db, "verify"]) == 0
    (archive / "2020" / "a.iid").unlink()
    assert run([*db, "verify"]) == 3
    assert "not there" in capsys.readouterr().out
    assert run([*db, "ingest", "--dry-run", str(archive)]) == 0
    assert "1 missing" in capsys.readouterr().out
    assert run([*db, "ingest", str(archive)]) == 0
    assert run([*db, "prune", "--dry-run"]) == 0
    assert capsys.readouterr().out.endswith("2020/a.iid\n")
    assert run([*db, "prune"]) == run([*db, "optimize"]) == 0
    assert run([*db, "relocate", "nothing", str(archive)]) == 2
    assert run([*db, "relocate", "archive", str(archive)]) == 0


def test_doctor(index, archive, tmp_path, capsys):
    (archive / "2020" / "a.iid").unlink()
    os.utime(archive / "2020" / "b.iid", (5, 5))
    found = index.doctor()
    assert (found["schema"], found["files"], found["changed_or_gone"]) == (schema.HEAD, 3, 2)
    assert found["sqlite"] == sqlite3.sqlite_version
    assert found["writes_packed_rtree"] is True
    assert found["bytes"] == (tmp_path / "index.db").stat().st_size
    assert run(["--db", str(tmp_path / "index.db"), "doctor"]) == 0
    assert f"schema                 {schema.HEAD}\n" in capsys.readouterr().out
    assert run(["--db", str(tmp_path / "index.db"), "doctor", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == found


def test_a_dry_run_of_relocating_refuses_what_a_real_one_does(archive, tmp_path):
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest([archive / "2020", archive / "2021"])
        before = index.roots()
        for name, place in (("2020", archive / "2021"), ("nobody", tmp_path)):
            for dry_run in (True, False):
                with pytest.raises(CatalogError):
                    index.relocate(name, place, dry_run=dry_run)
        shutil.copytree(archive / "2020", tmp_path / "new")
        moved = index.relocate("2020", tmp_path / "new", dry_run=True)
        assert moved.location == str(tmp_path / "new")
        assert index.roots() == before


def test_verify_tells_how_far_it_is(index):
    told = []
    assert index.verify(progress=told.append) == []
    assert (told[-1].files, told[-1].total, str(told[-1])) == (3, 3, "3 of 3 files")


def test_a_root_that_was_renamed_is_found_by_its_files(index, archive, tmp_path):
    before = [(entry.id, entry.path) for entry in index.entries]
    place = tmp_path / "elsewhere"
    archive.rename(place)
    report = index.ingest(place, dry_run=True)
    assert report.relocated == {"archive": str(place)}
    assert [root.location for root in index.roots()] == [str(archive)]
    report = index.ingest(place)
    assert report.relocated == {"archive": str(place)}
    assert (report.unchanged, report.added, report.absent) == (3, 0, {})
    assert [(root.name, root.location) for root in index.roots()] == [("archive", str(place))]
    assert [(entry.id, entry.path) for entry in index.entries] == before
    assert index.verify() == []
    # A copy of what is still there is another root.
    shutil.copytree(place, tmp_path / "copy")
    report = index.ingest(tmp_path / "copy")
    assert (report.relocated, report.added) == ({}, 3)


def test_a_root_whose_directory_is_empty_now_is_found_elsewhere(index, archive, tmp_path):
    """Where a disk was mounted, a directory stays."""
    shutil.move(archive, tmp_path / "elsewhere")
    archive.mkdir()
    assert index.ingest(tmp_path / "elsewhere").relocated == {
        "archive": str(tmp_path / "elsewhere")
    }
    assert index.entries.count() == 11


def test_another_archive_with_the_same_names_and_sizes_is_another_root(index, archive, tmp_path):
    """While the disk of the first is not mounted."""
    archive.rename(tmp_path / "not mounted")
    other = tmp_path / "other"
    for name, shift in (("2020/a.iid", 1), ("2020/b.iid", 16), ("2021/c.iid", 201)):
        write_garden(other / name, shift=shift)
    write_garden(other / "2020" / "b.iid", shift=16, extra=[b"\xff\x00bin", "über".encode()])
    report = index.ingest(other)
    assert (report.relocated, report.added) == ({}, 3)
    assert index.entries.count() == 22
    (tmp_path / "not mounted").rename(archive)
    assert index.ingest(archive).unchanged == 3


def test_a_root_that_is_there_is_never_moved_to_its_copy(index, archive, tmp_path):
    shutil.copytree(archive, tmp_path / "backup")
    for name in ("2020/a.iid", "2020/b.iid", "2021/c.iid"):
        write_garden(archive / name, shift=33)
    report = index.ingest([archive, tmp_path / "backup"])
    assert (report.relocated, report.updated, report.added) == ({}, 3, 3)
    assert {root.location for root in index.roots()} == {str(archive), str(tmp_path / "backup")}


def test_a_copy_of_one_file_takes_no_root_along(index, archive, tmp_path):
    archive.rename(tmp_path / "not mounted")
    (tmp_path / "copy" / "2020").mkdir(parents=True)
    shutil.copy2(tmp_path / "not mounted" / "2020" / "a.iid", tmp_path / "copy" / "2020")
    report = index.ingest(tmp_path / "copy" / "2020" / "a.iid")
    assert (report.relocated, report.added) == ({}, 1)
    assert index.ingest(tmp_path / "copy").relocated == {}


def test_nobody_guesses_which_of_two_directories_it_is(index, archive, tmp_path):
    shutil.copytree(archive, tmp_path / "one")
    archive.rename(tmp_path / "two")
    assert index.ingest([tmp_path / "one", tmp_path / "two"]).relocated == {}


def test_where_another_root_lies_below_nothing_is_relocated(tmp_path):
    for nth, name in enumerate(("p/a.iid", "p/b.iid", "q/sub/c.iid")):
        write_garden(tmp_path / name, shift=nth)
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest([tmp_path / "p", tmp_path / "q" / "sub"])
        for name in ("a.iid", "b.iid"):
            (tmp_path / "p" / name).rename(tmp_path / "q" / name)
        (tmp_path / "p").rmdir()
        assert index.ingest(tmp_path / "q", dry_run=True).relocated == {}
        report = index.ingest(tmp_path / "q")
        assert (report.relocated, report.added, report.unchanged) == ({}, 2, 1)


def test_nobody_guesses_which_of_two_roots_it_is(archive, tmp_path):
    shutil.copytree(archive, tmp_path / "twin")
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest([archive, tmp_path / "twin"])
        archive.rename(tmp_path / "elsewhere")
        shutil.rmtree(tmp_path / "twin")
        report = index.ingest(tmp_path / "elsewhere")
        assert (report.relocated, report.added, len(report.absent)) == ({}, 3, 2)


def test_a_root_of_which_too_little_is_found_elsewhere(index, archive, tmp_path):
    """Its files are in the index twice, until the old root is forgotten."""
    before = index.entries.count()
    archive.rename(tmp_path / "elsewhere")
    for name in ("2020/a.iid", "2020/b.iid"):
        file = IIDFile(tmp_path / "elsewhere" / name)
        file.meta.data["note"] = "makes it longer"
        file.save(tmp_path / "elsewhere" / name)
    report = index.ingest(tmp_path / "elsewhere")
    assert report.absent == {"archive": str(archive)}
    assert index.entries.count() == 2 * before
    with pytest.raises(CatalogError, match="no root 'archiv'"):
        index.prune(root="archiv")
    with pytest.raises(CatalogError, match=r"a\.iid is there"):
        index.prune(root="elsewhere")
    paths = ["2020/a.iid", "2020/b.iid", "2021/c.iid"]
    assert index.prune(root="archive", dry_run=True) == paths
    assert index.entries.count() == 2 * before
    assert index.prune(root="archive") == paths
    assert [root.name for root in index.roots()] == ["elsewhere"]
    assert index.entries.count() == before
    assert index.verify() == []
    assert areas_are_those_of_masks(index) == before
    assert index.ingest(tmp_path / "elsewhere").absent == {}


def test_a_root_does_not_lie_where_none_of_its_files_is(archive, tmp_path, capsys):
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(archive)
        (root,) = index.roots()
        write_garden(tmp_path / "other" / "z.iid")
        for dry_run in (False, True):
            with pytest.raises(CatalogError, match=r"none of the files of the root 'archive'"):
                index.relocate(root.name, tmp_path / "other", dry_run=dry_run)
        assert index.roots() == [root]
        # One of them is enough: others may be missing there.
        (tmp_path / "other" / "2021").mkdir()
        (archive / "2021" / "c.iid").rename(tmp_path / "other" / "2021" / "c.iid")
        assert index.relocate(root.name, tmp_path / "other").location == str(tmp_path / "other")
