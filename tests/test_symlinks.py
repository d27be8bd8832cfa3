"""Links to files and directories: each is recorded once, and found by all of its names."""

import os
import shutil

import pytest

import iidindex
from conftest import write_garden
from iidindex import IngestError, QueryError, StaleFileError
from iidindex.ingestion.diff import places_of
from iidindex.ingestion.discover import discover
from iidindex.storage.paths import ways_to


def paths(index):
    return sorted(file.path for file in index.files() if file.state == "ok")


@pytest.fixture
def linked(tmp_path):
    """An archive with a link to a file and one to a directory that lie elsewhere."""
    root = tmp_path / "archive"
    write_garden(root / "plain.iid")
    write_garden(tmp_path / "store" / "f.iid", shift=1)
    write_garden(tmp_path / "store" / "more" / "g.iid", shift=2)
    (root / "link.iid").symlink_to("../store/f.iid")
    (root / "sub").symlink_to("../store/more")
    with iidindex.open(tmp_path / "x.db", create=True) as opened:
        opened.ingest(root)
        assert paths(opened) == ["link.iid", "plain.iid", "sub/g.iid"]
        yield opened


@pytest.mark.parametrize(
    ("target", "named"),
    [
        ("store/f.iid", "archive/link.iid"),
        ("store/more/g.iid", "archive/sub/g.iid"),
        ("store/more/g.iid", "archive/sub"),
        ("store/more/g.iid", "archive"),
    ],
)
def test_what_a_link_leads_to_is_brought_up_to_date_by_its_name(linked, tmp_path, target, named):
    write_garden(tmp_path / target, shift=5, extra=[b"new"])
    with pytest.raises(StaleFileError) as raised:
        list(linked.entries.at(70, 105))
    report = linked.ingest(tmp_path / named)
    assert (report.updated, report.added) == (1, 0)
    assert paths(linked) == ["link.iid", "plain.iid", "sub/g.iid"]
    assert linked.entries.at(70, 105).count() == 3
    (entry,) = linked.entries.where(address=b"new")
    assert str(raised.value).startswith(entry.location)


def test_the_name_of_an_error_is_the_cure(linked, tmp_path):
    write_garden(tmp_path / "store" / "more" / "g.iid", extra=[b"new"])
    with pytest.raises(StaleFileError) as raised:
        linked.entries.at(70, 105).count()
    linked.ingest(str(raised.value).partition(": ")[0])
    assert linked.entries.at(70, 105).count() == 3
    assert len(linked.roots()) == 1


def test_masks_of_links_are_found_by_all_their_names(linked, tmp_path, monkeypatch):
    (tmp_path / "shortcut").symlink_to("archive")
    monkeypatch.chdir(tmp_path)
    for name in ("link.iid", "archive/link.iid", "shortcut/link.iid", "shortcut/sub/../link.iid"):
        assert linked.entry(name, 0).path == "link.iid"
    for name in ("sub/g.iid", "archive/sub/g.iid", "shortcut/sub/g.iid"):
        assert linked.entry(name, 0).mask().sum() == 1257
        assert linked.related(name)
    assert linked.entry("store/f.iid", 0) is None
    assert linked.entry("", 0) is None
    with pytest.raises(QueryError, match="no indexed file has this path"):
        linked.related("")


def test_a_link_whose_target_has_another_name(tmp_path):
    write_garden(tmp_path / "a.iid")
    (tmp_path / "store").mkdir()
    (tmp_path / "a.iid").rename(tmp_path / "store" / "5f3a")
    (tmp_path / "archive").mkdir()
    link = tmp_path / "archive" / "link.iid"
    link.symlink_to("../store/5f3a")
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        assert index.ingest(link).added == 1
        assert index.ingest(tmp_path / "archive").unchanged == 1
        assert [(root.location, root.files) for root in index.roots()] == [(str(link.parent), 1)]
        assert index.entry("link.iid", 0).location == str(link)
        with pytest.raises(IngestError, match="5f3a: is no directory, and does not end in .iid"):
            index.ingest(tmp_path / "store" / "5f3a")
    # The other way round, the target's name tells.
    write_garden(tmp_path / "store" / "b.iid")
    (tmp_path / "current").symlink_to("store/b.iid")
    with iidindex.open(tmp_path / "y.db", create=True) as index:
        index.ingest(tmp_path / "current")
        assert paths(index) == ["b.iid"]


def test_a_directory_is_counted_where_it_lies(archive, tmp_path):
    (archive / "0-first").symlink_to("2021")
    (archive / "2020" / "up").symlink_to("..")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "back").symlink_to(archive / "2020")
    (archive / "z").symlink_to(tmp_path / "out")
    expected = ["2020/a.iid", "2020/b.iid", "2021/c.iid"]
    assert sorted(discover(str(archive)).found) == expected
    # A part of it alone leads to no second name either.
    assert sorted(discover(str(archive), "2020").found) == expected[:2]
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(archive)
        for named in ("0-first", "2020/up", "z", "z/back", "2020/up/2021/c.iid", "0-first/c.iid"):
            report = index.ingest(archive / named)
            assert report.added == 0
        assert paths(index) == expected


def test_what_was_indexed_by_a_link_is_found_where_it_lies(archive, tmp_path):
    # As versions did that followed the links of a directory in the order of names.
    (archive / "2021").rename(tmp_path / "away")
    (archive / "0-first").symlink_to(tmp_path / "away")
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(archive)
        before = {entry.id for entry in index.entries}
        (tmp_path / "away").rename(archive / "2021")
        (archive / "0-first").unlink()
        (archive / "0-first").symlink_to("2021")
        assert index.ingest(archive).moved == 1
        assert {entry.id for entry in index.entries} == before
        assert "2021/c.iid" in paths(index)


def test_a_link_and_where_it_leads_to_in_one_ingest(linked, tmp_path):
    with iidindex.open(tmp_path / "y.db", create=True) as index:
        index.ingest([tmp_path / "archive" / "sub", tmp_path / "archive"])
        assert paths(index) == ["link.iid", "plain.iid", "sub/g.iid"]
        # Asked for by itself, a directory is a root, whoever leads to it.
        index.ingest(tmp_path / "store")
        assert len(index.roots()) == 2


def test_ways(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "x").symlink_to("a")
    (tmp_path / "a" / "b" / "y").symlink_to(tmp_path)
    top = str(tmp_path)
    assert ways_to(tmp_path / "a") == [f"{top}/a"]
    assert ways_to(f"{top}/x/b/y/a") == [f"{top}/x/b/y/a", f"{top}/a/b/y/a", f"{top}/a"]


# ---------------------------------------------------------------------- no path at all


def test_an_empty_path_is_no_directory(index, archive, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = index.roots()
    for wrong in ("", b"", ["archive", ""]):
        with pytest.raises(IngestError, match="the path is empty"):
            index.ingest(wrong)
    with pytest.raises(iidindex.CatalogError, match="directory: the path is empty"):
        index.relocate("archive", "")
    with pytest.raises(iidindex.SourceNotFoundError, match="the path is empty"):
        iidindex.IIDFile("")
    with pytest.raises(iidindex.SourceError, match="the path is empty"):
        iidindex.IIDFile().save("")
    with pytest.raises(iidindex.CatalogError):
        iidindex.open("", create=True)
    assert index.roots() == before


def test_an_empty_path_in_the_shell(call, tmp_path):
    before = sorted(os.listdir(tmp_path))
    for arguments in (["ingest", ""], ["ingest", "archive", ""], ["relocate", "archive", ""]):
        code, _, told = call(*arguments)
        assert code == 2
        assert "the path is empty" in told
    for arguments in (["demo", ""], ["show", ""], ["mask", "2020/a.iid", "0", "-o", ""]):
        assert call(*arguments)[0] == 2
    assert sorted(os.listdir(tmp_path)) == before
    assert call("find", "--count")[1] == "11\n"


def test_a_working_directory_that_is_gone(tmp_path, archive, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    shutil.rmtree(gone)
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        assert index.ingest(archive).added == 3
        assert index.entry("2020/a.iid", 0).mask().any()
        assert index.related("2020/a.iid")
        with pytest.raises(IngestError, match="archive: the working directory is not there"):
            index.ingest("archive")
        with pytest.raises(iidindex.SourceNotFoundError, match="a.iid: there is no such file"):
            iidindex.IIDFile("a.iid")
    with pytest.raises(iidindex.CatalogError, match="x.db: the working directory is not there"):
        iidindex.open("x.db")
    with pytest.raises(iidindex.SourceError, match="a.iid: .*the working directory is not there"):
        iidindex.IIDFile().save("a.iid")


@pytest.mark.parametrize("wrong", [5, None, 2.5, object()])
def test_what_is_no_path(index, wrong):
    with pytest.raises(IngestError, match="path"):
        index.ingest(wrong)
    with pytest.raises(IngestError, match="is no path"):
        places_of([wrong])
    with pytest.raises(iidindex.IIDIndexError, match="expected a path"):
        iidindex.IIDFile().save(wrong)
    with pytest.raises(iidindex.IIDIndexError):
        index.relocate("archive", wrong)
    with pytest.raises(iidindex.IIDIndexError):
        iidindex.open(wrong)
