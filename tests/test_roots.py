"""Files of one path in several roots: told apart wherever a file is named."""

import copy
import json
import pickle

import pytest

import iidindex
from conftest import write_garden
from iidindex import IID
from iidindex.cli.main import run
from iidindex.query.linkage.links import Link
from iidindex.query.linkage.sharing import Related

ON_BOTH = True

TREE, FERN = IID(b"garden", b"tree"), IID(b"extra", b"fern")


@pytest.fixture
def two(tmp_path, database):
    """Two roots, each with a file of one path; only the second has a fern."""
    write_garden(tmp_path / "one" / "a.iid")
    write_garden(tmp_path / "two" / "a.iid", extra=[b"fern"])
    write_garden(tmp_path / "two" / "b.iid", extra=[b"fern"])
    with iidindex.open(database("index"), create=True) as index:
        index.ingest([tmp_path / "one", tmp_path / "two"])
        assert len(index.roots()) == 2
        yield index


def rows_of(database, capsys, *arguments):
    code = run(["--db", str(database("index")), *arguments, "--format", "json"])
    assert code == 0
    return json.loads(capsys.readouterr().out)


def test_links(two, tmp_path, capsys, database):
    found = two.links(b"tree")
    places = [str(tmp_path / name) for name in ("one/a.iid", "two/a.iid", "two/b.iid")]
    assert [link.path for link in found] == ["a.iid", "a.iid", "b.iid"]
    assert [link.location for link in found] == places
    path, entries, area = found[0]
    assert (path, entries, area) == found[0] == Link("a.iid", 1, 1257)
    assert Link("a.iid", 1, 1257).location == ""
    rows = rows_of(database, capsys, "links", "tree")
    assert [row["location"] for row in rows] == places
    assert rows == found.to_dicts()


def test_related(two, tmp_path, capsys, database):
    asked = str(tmp_path / "two" / "b.iid")
    found = two.related(asked)
    # What all files have tells nothing; the fern is in one other.
    places = [str(tmp_path / name) for name in ("two/a.iid", "one/a.iid")]
    assert [(file.path, file.location) for file in found] == [("a.iid", place) for place in places]
    path, shared, score = found[1]
    assert (path, shared, score) == ("a.iid", 3, 0.0) == Related("a.iid", 3, 0.0)
    rows = rows_of(database, capsys, "related", asked)
    assert [row["location"] for row in rows] == places
    assert rows == found.to_dicts()


def test_files_that_tie_come_by_location(tmp_path, database):
    for name in ("z", "y", "x", "w"):
        write_garden(tmp_path / name / "a.iid", extra=[b"fern"])
    with iidindex.open(database("index"), create=True) as index:
        index.ingest([tmp_path / name for name in ("z", "y", "x", "w")])
        found = index.related(str(tmp_path / "x" / "a.iid"))
    places = [str(tmp_path / name / "a.iid") for name in ("w", "y", "z")]
    assert [file.location for file in found] == places


def test_chain(two, tmp_path, capsys, database):
    found = two.chain(TREE, FERN)
    assert found == [TREE, "a.iid", FERN]
    assert found[1].location == str(tmp_path / "two" / "a.iid")
    rows = rows_of(database, capsys, "chain", "tree", "fern")
    assert [row["path"] for row in rows] == [None, "a.iid", None]
    assert [row["location"] for row in rows] == [None, str(tmp_path / "two" / "a.iid"), None]


def test_the_location_is_kept(two):
    for record in (*two.links(b"tree"), *two.related("b.iid"), two.chain(TREE, FERN)[1]):
        for again in (pickle.loads(pickle.dumps(record)), copy.copy(record)):
            assert again == record
            assert type(again) is type(record)
            assert again.location == record.location != ""


def test_paths_that_can_be_opened(two, tmp_path, capsys, database):
    database = str(database("index"))
    assert run(["--db", database, "links", "tree", "-0", "--fields", "location"]) == 0
    listed = capsys.readouterr().out.split("\0")
    assert listed == [*(link.location for link in two.links(b"tree")), ""]
