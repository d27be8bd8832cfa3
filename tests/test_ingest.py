"""What becomes of files that are new, changed, touched, moved, gone, or broken."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import build
import iidindex
from conftest import write_garden
from iidindex import IngestError, StaleFileError
from iidindex.ingestion import pool, work
from iidindex.ingestion.discover import discover

ON_BOTH = True


def counts(report):
    names = ("added", "updated", "touched", "moved", "returned", "unchanged", "missing", "failed")
    return {name: getattr(report, name) for name in names if getattr(report, name)}


def content(index):
    """Everything an index says of its entries, whatever their ids."""
    return sorted(
        (e.path, e.key, tuple(map(repr, e.iid)), e.bbox, e.area, e.bufloc, e.groups)
        for e in index.entries
    )


def fresh(archive, tmp_path):
    with iidindex.open(tmp_path / "fresh.db", create=True) as opened:
        opened.ingest(archive)
        found = content(opened)
    (tmp_path / "fresh.db").unlink()
    return found


def later(path, seconds=5):
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + seconds * 10**9))


def test_first_ingest_adds_everything(index, archive):
    stats = index.stats()
    assert (stats.files, stats.entries, stats.groups) == (3, 11, 3)
    assert {entry.path for entry in index.entries} == {"2020/a.iid", "2020/b.iid", "2021/c.iid"}
    assert all(Path(entry.location).is_file() for entry in index.entries)


def test_second_ingest_opens_no_file(index, archive, monkeypatch):
    opened = []
    real = os.open

    def watched(path, *rest, **named):
        opened.append(os.fspath(path))
        return real(path, *rest, **named)

    monkeypatch.setattr(os, "open", watched)
    report = index.ingest(archive)
    assert counts(report) == {"unchanged": 3}
    assert not [path for path in opened if path.endswith(".iid")]


def test_changed_file_is_replaced(index, archive, tmp_path):
    write_garden(archive / "2020" / "a.iid", shift=3, extra=[b"new"])
    report = index.ingest(archive)
    assert counts(report) == {"updated": 1, "unchanged": 2}
    assert content(index) == fresh(archive, tmp_path)
    assert index.entries.where(address=b"new").count() == 1


def test_touched_file_keeps_its_entries(index, archive):
    before = {entry.id for entry in index.entries}
    later(archive / "2020" / "a.iid")
    assert counts(index.ingest(archive)) == {"touched": 1, "unchanged": 2}
    assert {entry.id for entry in index.entries} == before
    assert index.entries.where(path="2020/a.iid", key=0).first().mask().any()
    assert counts(index.ingest(archive)) == {"unchanged": 3}


def test_moved_file_keeps_its_ids(index, archive, tmp_path):
    before = {entry.id for entry in index.entries.where(path="2020/a.iid")}
    (archive / "2022").mkdir()
    (archive / "2020" / "a.iid").rename(archive / "2022" / "z.iid")
    assert counts(index.ingest(archive)) == {"moved": 1, "unchanged": 2}
    assert {entry.id for entry in index.entries.where(path="2022/z.iid")} == before
    assert content(index) == fresh(archive, tmp_path)


def test_copied_file_is_added_not_moved(index, archive):
    shutil.copy2(archive / "2020" / "a.iid", archive / "copy.iid")
    assert counts(index.ingest(archive)) == {"added": 1, "unchanged": 3}


def test_missing_file_is_marked_and_comes_back(index, archive):
    aside = archive.parent / "aside.iid"
    (archive / "2020" / "a.iid").rename(aside)
    assert counts(index.ingest(archive)) == {"unchanged": 2, "missing": 1}
    stats = index.stats()
    assert (stats.files, stats.missing, stats.entries) == (2, 1, 8)
    assert index.entries.count() == 8
    assert not index.entries.where(path="2020/a.iid").exists()
    assert counts(index.ingest(archive)) == {"unchanged": 2}
    aside.rename(archive / "2020" / "a.iid")
    assert counts(index.ingest(archive)) == {"returned": 1, "unchanged": 2}
    assert index.entries.where(path="2020/a.iid").count() == 3
    assert {file.reason for file in index.files()} == {None}


def test_empty_root_marks_nothing_missing(index, archive):
    (archive / "2020" / "a.iid").unlink()
    (archive / "2020" / "b.iid").write_bytes(b"damaged")
    index.ingest(archive)
    archive.rename(archive.with_name("elsewhere"))
    archive.mkdir()
    report = index.ingest(archive)
    assert counts(report) == {}
    assert report.kept == 1  # one of the others was missing before, one had failed
    states = {file.path: file.state for file in index.files()}
    assert states == {"2020/a.iid": "missing", "2020/b.iid": "failed", "2021/c.iid": "ok"}


def test_absent_paths_do_not_stop_the_others(index, archive, tmp_path):
    write_garden(archive / "new.iid")
    nowhere = tmp_path / "nowhere"
    report = index.ingest([nowhere, archive])
    assert counts(report) == {"added": 1, "unchanged": 3}
    assert report.unreadable == {str(nowhere): "there is no such file or directory"}
    with pytest.raises(IngestError, match="no such file"):
        index.ingest([nowhere, tmp_path / "nor here"])
    assert index.stats().files == 4


def test_broken_file_is_recorded_and_tried_again_when_it_changes(index, archive):
    bad = archive / "bad.iid"
    bad.write_bytes(b"not an iid file" * 10)
    report = index.ingest(archive)
    assert counts(report) == {"unchanged": 3, "failed": 1}
    ((location, reason),) = report.failures.items()
    assert location == str(bad)
    assert reason.startswith("header")  # the file is named beside it
    assert "version" in reason
    again = index.ingest(archive)
    assert again.failures == report.failures
    write_garden(bad)
    assert counts(index.ingest(archive)) == {"unchanged": 3, "updated": 1}
    assert index.stats().failed == 0


def test_file_that_breaks_loses_its_entries(index, archive):
    (archive / "2020" / "a.iid").write_bytes(b"")
    assert counts(index.ingest(archive)) == {"unchanged": 2, "failed": 1}
    assert not index.entries.where(path="2020/a.iid").exists()
    assert not index.entries.at(60, 110, exact=False).where(path="2020/a.iid").exists()


def test_checksum_reads_what_looks_unchanged(index, archive):
    path = archive / "2020" / "a.iid"
    status = path.stat()
    raw = bytearray(path.read_bytes())
    at = raw.index(b"pond")
    raw[at : at + 4] = b"lake"
    path.write_bytes(raw)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert counts(index.ingest(archive)) == {"unchanged": 3}
    report = index.ingest(archive, checksum=True)
    assert report.updated == 1
    assert index.entries.where(address=b"lake").count() == 1


def test_single_file_and_subdirectory_stay_in_their_root(index, archive):
    write_garden(archive / "2021" / "d.iid", shift=1)
    write_garden(archive / "2020" / "e.iid", shift=2)
    assert counts(index.ingest(archive / "2021")) == {"added": 1, "unchanged": 1}
    assert counts(index.ingest(archive / "2020" / "e.iid")) == {"added": 1}
    assert index.stats().roots == 1
    assert index.entries.where(path="2020/e.iid").exists()


def test_processes_give_the_same_index(archive, tmp_path, database):
    with iidindex.open(database("two"), create=True) as index:
        assert index.ingest(archive, jobs=2).added == 3
        assert content(index) == fresh(archive, tmp_path)


def test_progress_is_told(archive, tmp_path, database):
    told = []
    with iidindex.open(database("told"), create=True) as index:
        report = index.ingest(archive, progress=told.append)
        later(archive / "2020" / "a.iid")
        again = index.ingest(archive)
    assert (report.entries, again.touched, again.entries) == (11, 1, 0)
    assert (told[-1].files, told[-1].total, told[-1].entries) == (3, 3, 11)
    assert "3 of 3 files" in str(told[-1])


def test_originals_are_not_written_to(archive, tmp_path, database):
    def state():
        return {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in archive.rglob("*.iid")}

    before = state()
    with iidindex.open(database("x"), create=True) as index:
        index.ingest(archive)
        for entry, _ in index.entries.masks():
            entry.mask()
    assert state() == before


def test_odd_names(tmp_path, database):
    root = tmp_path / "odd"
    names = ["a[1]*?.iid", "ü b.IID", "quote'\".iid", os.fsdecode(b"\xff\xfe.iid"), "new\nline.iid"]
    for shift, name in enumerate(names):
        write_garden(root / name, shift=shift)
    with iidindex.open(database("odd"), create=True) as index:
        assert index.ingest(root).added == len(names)
        assert {entry.path for entry in index.entries} == set(names)
        for entry in index.entries.where(address=b"tree"):
            assert entry.mask().sum() == entry.area
        assert index.entries.where(path="a[1]*?.iid").count() == 3
        assert counts(index.ingest(root)) == {"unchanged": len(names)}


def test_links_are_followed_once(archive):
    (archive / "again").symlink_to(archive / "2020")
    (archive / "cycle").symlink_to(archive)
    found = discover(str(archive))
    assert len(found.found) == 3
    assert not found.unreadable


def test_dangling_link_and_other_suffixes(archive):
    (archive / "gone.iid").symlink_to(archive / "nothing")
    (archive / "note.txt").write_text("no")
    (archive / "dir.iid").mkdir()
    found = discover(str(archive))
    assert len(found.found) == 3
    assert list(found.unreadable) == ["gone.iid"]


@pytest.mark.parametrize("seconds", [10_413_792_000, 2**63 // 10**9 + 1, -(2**31)])
def test_a_file_of_another_century(tmp_path, archive, seconds, database):
    far = archive / "2020" / "a.iid"
    os.utime(far, (seconds, seconds))
    with iidindex.open(database("x"), create=True) as index:
        assert index.ingest(archive).added == 3
        assert index.ingest(archive).unchanged == 3
        assert index.entries.where(path="2020/a.iid").at(70, 105).count() == 1
        assert index.verify() == []
        # Another time that is as far away is seen to be another.
        os.utime(far, (seconds + 1, seconds + 1))
        with pytest.raises(StaleFileError, match="has changed since it was indexed"):
            index.entries.where(path="2020/a.iid").at(70, 105).count()
        assert index.ingest(archive).touched == 1
        assert index.entries.where(path="2020/a.iid").at(70, 105).count() == 1


def test_moving_between_two_roots_of_one_ingest(tmp_path, database):
    write_garden(tmp_path / "one" / "a.iid")
    write_garden(tmp_path / "one" / "stays.iid", shift=3)
    write_garden(tmp_path / "two" / "b.iid", shift=7)
    places = [tmp_path / "two", tmp_path / "one"]
    with iidindex.open(database("x"), create=True) as index:
        assert counts(index.ingest(places)) == {"added": 3}
        before = {entry.id for entry in index.entries.where(path="a.iid")}
        (tmp_path / "one" / "a.iid").rename(tmp_path / "two" / "moved.iid")
        report = index.ingest(places, dry_run=True)
        assert counts(report) == {"moved": 1, "unchanged": 2}
        report = index.ingest(places)
        assert counts(report) == {"moved": 1, "unchanged": 2}
        assert report.moves == {
            str(tmp_path / "two" / "moved.iid"): str(tmp_path / "one" / "a.iid")
        }
        assert {entry.id for entry in index.entries.where(path="moved.iid")} == before
        (tmp_path / "two" / "b.iid").unlink()
        report = index.ingest(places)
        assert (report.missing, report.gone) == (1, [str(tmp_path / "two" / "b.iid")])
        assert index.verify() == []


def test_places_inside_each_other_are_read_once(archive, tmp_path, database):
    inside = [archive / "2021" / "c.iid", archive, archive / "2020", archive / "2020" / "a.iid"]
    with iidindex.open(database("x"), create=True) as index:
        assert counts(index.ingest(inside)) == {"added": 3}
        assert [root.location for root in index.roots()] == [str(archive)]
    with iidindex.open(database("y"), create=True) as index:
        # The second of these becomes a root over that of the first.
        pair = [archive / "2020" / "a.iid", archive / "2021"]
        assert counts(index.ingest(pair)) == {"added": 2}
        assert counts(index.ingest([archive / "2021", *inside])) == {"added": 1, "unchanged": 2}
        assert [root.location for root in index.roots()] == [str(archive)]
        assert index.verify() == []


def test_a_file_that_two_roots_lead_to_is_recorded_in_each(archive, tmp_path, database):
    other = tmp_path / "other"
    other.mkdir()
    (other / "link").symlink_to(archive / "2020")
    (other / "c.iid").hardlink_to(archive / "2021" / "c.iid")
    with iidindex.open(database("x"), create=True) as index:
        assert counts(index.ingest([archive, other])) == {"added": 6}
        assert counts(index.ingest([archive, other])) == {"unchanged": 6}
        assert len(index.links(b"tree")) == 6
        (entry,) = index.entries.where(address=b"tree", path="link/a.iid")
        assert entry.location == str(other / "link" / "a.iid")
        assert entry.mask().any()


def test_link_to_itself_stops_nothing(archive, tmp_path, database):
    (archive / "loop").symlink_to("loop")
    (archive / "loop.iid").symlink_to("loop.iid")
    with iidindex.open(database("x"), create=True) as index:
        report = index.ingest(archive)
        assert report.added == 3
        assert list(report.unreadable) == [str(archive / "loop.iid")]


def test_other_names_are_refused(index, archive):
    (archive / "b.dat").write_bytes((archive / "2020" / "a.iid").read_bytes())
    with pytest.raises(IngestError, match=r"\.iid"):
        index.ingest(archive / "b.dat")


def test_missing_file_that_turns_up_elsewhere_has_moved(index, archive, tmp_path):
    before = {entry.id for entry in index.entries.where(path="2020/a.iid")}
    aside = tmp_path / "aside.iid"
    (archive / "2020" / "a.iid").rename(aside)
    assert index.ingest(archive).missing == 1
    aside.rename(archive / "back.iid")
    assert counts(index.ingest(archive)) == {"moved": 1, "unchanged": 2}
    assert {entry.id for entry in index.entries.where(path="back.iid")} == before
    assert index.stats().missing == 0


def test_script_without_a_guard(archive, tmp_path):
    """Worker processes do not import the script that started them."""
    script = tmp_path / "script.py"
    script.write_text(
        "import iidindex\n"
        f"with iidindex.open({str(tmp_path / 'x.db')!r}, create=True) as index:\n"
        f"    print(index.ingest({str(archive)!r}, jobs=2).added)\n"
    )
    result = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert (result.stdout, result.stderr) == ("3\n", "")


def test_a_place_inside_a_root_is_compared_with_its_own_files_only(tmp_path, database):
    """Whatever names begin alike or come close in order, and whether they are text or not."""
    root = tmp_path / "root"
    odd = os.fsdecode(b"\xfe")
    inside = ["in/a.iid", "in/b/c.iid", f"in/{odd}.iid", f"in/b/{odd}/d.iid"]
    outside = ["in.iid", "in-/a.iid", "in0.iid", "in0/a.iid", "inn/a.iid", "a.iid", f"{odd}.iid"]
    for shift, name in enumerate([*inside, *outside]):
        write_garden(root / name, shift=shift)
    with iidindex.open(database("x"), create=True) as index:
        assert index.ingest(root).added == 11
        assert counts(index.ingest(root / "in")) == {"unchanged": 4}
        assert counts(index.ingest(root / "in" / f"{odd}.iid")) == {"unchanged": 1}
        assert counts(index.ingest(root / "in" / "b" / odd)) == {"unchanged": 1}
        for name in inside[1:]:
            (root / name).unlink()
        later(root / "in0.iid")
        assert counts(index.ingest(root / "in")) == {"unchanged": 1, "missing": 3}
        assert {file.path for file in index.files(state="missing")} == set(inside[1:])
        assert counts(index.ingest(root / "in0.iid")) == {"touched": 1}
        assert counts(index.ingest(root)) == {"unchanged": 8}


def test_what_fails_is_tried_again_only_where_that_may_help(
    archive, tmp_path, monkeypatch, database
):
    """A disk may come to its senses; a file whose bytes are wrong has them until it changes."""
    real, asked = work.scan, []

    def scan(location, *, fixity):
        asked.append(Path(location).name)
        if asked.count("a.iid") == 1 and location.endswith("a.iid"):
            raise OSError(5, "Input/output error", location)
        return real(location, fixity=fixity)

    (archive / "bad.iid").write_bytes(b"no iid file at all" * 9)
    monkeypatch.setattr(work, "scan", scan)
    monkeypatch.setattr(work, "scan_together", lambda locations: [None] * len(locations))
    with iidindex.open(database("x"), create=True) as index:
        report = index.ingest(archive, jobs=1)
        assert counts(report) == {"added": 2, "failed": 2}
        assert "Input/output" in report.failures[str(archive / "2020" / "a.iid")]
        asked.clear()
        asked.append("a.iid")
        assert counts(index.ingest(archive, jobs=1)) == {"updated": 1, "unchanged": 2, "failed": 1}
        assert asked == ["a.iid", "a.iid"]
        assert counts(index.ingest(archive, jobs=1)) == {"unchanged": 3, "failed": 1}


def test_groups_without_members_are_not_recorded(archive, tmp_path, database):
    row = build.Row(0, b"d", b"a", (0, 0, 1, 1), [build.region((0, 0, 1, 1), b"\x80")], 1)
    odd = build.odd_file([row], groups=[("empty", []), ("full", [0])])
    (archive / "odd.iid").write_bytes(odd)
    with iidindex.open(database("x"), create=True) as index:
        index.ingest(archive / "odd.iid")
        assert [(group.name, group.files) for group in index.groups()] == [("full", 1)]
        (row,) = index.sql("SELECT count(*) AS n FROM file_groups")
        assert row == {"n": 1}


def test_what_an_interrupt_left_unread_is_not_missing(index, archive, monkeypatch):
    """It may have moved to where nobody has looked yet."""
    monkeypatch.setattr(pool, "_TASK_FILES", 1)
    write_garden(archive / "0.iid", shift=1)
    (archive / "2020" / "a.iid").rename(archive / "moved.iid")
    with pytest.raises(KeyboardInterrupt):
        index.ingest(archive, jobs=1, progress=lambda _: signal.raise_signal(signal.SIGINT))
    assert index.entries.where(path="0.iid").exists()
    assert index.stats().missing == 0
    assert counts(index.ingest(archive)) == {"moved": 1, "unchanged": 3}
