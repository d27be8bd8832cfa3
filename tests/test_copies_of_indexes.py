"""An index is copied from one database to another, and back, and is the same."""

import shutil
import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from sqlalchemy import func, select

import iidindex
import postgres_server
import strategies
from conftest import write_garden
from iidindex import CatalogError
from iidindex.catalog import schema, transferring
from iidindex.cli.main import run

TABLES = [table for table in schema.metadata.sorted_tables if table.name != "last_ids"]


def content(index):
    """All rows of all tables."""
    with index._catalog.reading() as connection:
        return {
            table.name: list(
                map(tuple, connection.execute(select(table).order_by(*table.primary_key)))
            )
            for table in TABLES
        }


def answers(index):
    """What an index answers to many questions."""
    every = list(index.entries)
    some = every[0] if every else None
    found = {
        "entries": [(e.id, e.path, e.key, e.iid, e.bbox, e.groups, e.meta) for e in every],
        "by area": index.entries.order_by("-area", "path").ids().tolist(),
        "by what is said": index.entries.order_by("-meta.a", "meta.day").ids().tolist(),
        "nearest": [(e.id, e.distance) for e in index.entries.nearest(0, 0, 3)],
        "iids": list(index.iids()),
        "groups": list(index.groups()),
        "files": list(index.files()),
        "changes": [(one.id, *one) for one in index.changes()],
        "roots": index.roots(),
        "stats": index.stats(),
        "tracks": list(index.tracks()),
        "overlaps": list(index.overlaps()),
    }
    if some is not None:
        at = index.entries.region(some.bbox)
        found["links"] = [(*link, link.iid) for link in index.links(some.iid.address)]
        found["region"] = at.ids().tolist()
        found["near"] = index.entries.region(some.bbox, exact=False).ids().tolist()
        found["same path"] = index.entries.where(path=some.path).ids().tolist()
    return found


@pytest.fixture
def full(index, archive):
    """An index of the garden with a journal, stored overlaps, a missing and a failed file."""
    (archive / "2021" / "c.iid").unlink()
    (archive / "bad.iid").write_bytes(b"no file")
    write_garden(archive / "2022" / "d\udcff.iid", shift=3, extra=[b"new"])
    index.ingest(archive, fixity=True)
    index.overlaps(store=True)
    return index


def test_there_and_back(full, schema_url, tmp_path):
    done = full.copy_to(schema_url)
    assert done == (full.stats().files + 2, sum(1 for _ in content(full)["entries"]))
    with iidindex.open(schema_url) as other:
        assert content(other) == content(full)
        there, here = answers(other), answers(full)
        # Paths that are no text come behind all others to SQLite.
        assert sorted(there.pop("files")) == sorted(here.pop("files"))
        assert there == here
        other.copy_to(tmp_path / "back.db")
    with iidindex.open(tmp_path / "back.db") as back:
        assert content(back) == content(full)
        assert answers(back) == answers(full)
        assert back.verify() == full.verify()

    assert sorted(path.name for path in tmp_path.glob("back*")) == ["back.db"]


@settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(archive=strategies.archives)
def test_anything(archive):
    place = Path(tempfile.mkdtemp())
    try:
        (place / "archive").mkdir()
        for path, held in archive.items():
            (place / "archive" / path).write_bytes(held)
        with (
            postgres_server.schema_of_its_own() as url,
            iidindex.open(url, create=True) as index,
        ):
            index.ingest(place / "archive")
            with pytest.MonkeyPatch.context() as patch:
                # So that there are several parts of each table.
                patch.setattr(transferring, "_ROWS", 2)
                patch.setattr(transferring, "_INTEGERS", 3)
                index.copy_to(place / "x.db")
            with iidindex.open(place / "x.db") as other:
                assert content(other) == content(index)
                assert answers(other) == answers(index)
    finally:
        shutil.rmtree(place)


def test_ids_are_not_given_again(index, archive, schema_url, tmp_path):
    last = max(index.entries.ids())
    for path in sorted(archive.rglob("*.iid")):
        path.unlink()
    index.ingest(archive)
    index.prune()
    write_garden(archive / "new.iid")
    index.copy_to(schema_url)
    with iidindex.open(schema_url) as other:
        other.copy_to(tmp_path / "back.db")
        other.ingest(archive)
        assert min(other.entries.ids()) > last
    with iidindex.open(tmp_path / "back.db") as back:
        back.ingest(archive)
        assert min(back.entries.ids()) > last


def test_what_is_there_is_kept(index, archive, schema_url, tmp_path):
    (tmp_path / "there.db").write_bytes(b"something")
    with pytest.raises(CatalogError, match="is there already"):
        index.copy_to(tmp_path / "there.db")
    assert (tmp_path / "there.db").read_bytes() == b"something"
    index.copy_to(schema_url)
    with pytest.raises(CatalogError, match="holds an index already"):
        index.copy_to(schema_url)
    with pytest.raises(CatalogError, match="no directory"):
        index.copy_to(tmp_path / "nowhere" / "x.db")


def test_whole_or_nothing(full, schema_url, tmp_path, monkeypatch):
    real = transferring._insert_integers

    def fails(loader, table, rows):
        if table is schema.overlaps:
            raise KeyboardInterrupt
        real(loader, table, rows)

    monkeypatch.setattr(transferring, "_insert_integers", fails)
    before = sorted(tmp_path.iterdir())
    for to in (schema_url, tmp_path / "copy.db"):
        with pytest.raises(KeyboardInterrupt):
            full.copy_to(to)
    assert sorted(tmp_path.iterdir()) == before
    with iidindex.open(schema_url) as other, other._catalog.reading() as connection:
        for table in TABLES:
            assert connection.execute(select(func.count()).select_from(table)).scalar() == 0
    monkeypatch.undo()
    full.copy_to(schema_url)
    full.copy_to(tmp_path / "copy.db")
    with iidindex.open(schema_url) as one, iidindex.open(tmp_path / "copy.db") as other:
        assert content(one) == content(other) == content(full)


def test_progress(index, schema_url):
    shown = []
    index.copy_to(schema_url, progress=shown.append)
    assert [one.files for one in shown] == sorted(one.files for one in shown)
    assert shown[-1].files == shown[-1].total == sum(map(len, content(index).values()))
    assert str(shown[-1]) == f"copied {shown[-1].total} of {shown[-1].total} rows"


def test_in_the_shell(call, schema_url, tmp_path):
    code, out, err = call("copy", "iidindex.db", schema_url)
    assert (code, out, err) == (0, "copied 3 files, 11 entries\n", "")
    assert call("copy", "iidindex.db", schema_url)[0] == 2
    assert call("copy", schema_url, "back.db") == (0, out, "")
    wanted = call("find", "--address", "tree", "--format", "jsonl")[1]
    assert call("--db", schema_url, "find", "--address", "tree", "--format", "jsonl")[1] == wanted
    assert call("--db", "back.db", "find", "--address", "tree", "--format", "jsonl")[1] == wanted
    assert run(["copy", "nothing.db", "x.db"]) == 2
    assert not (tmp_path / "x.db").exists()
    checked = sqlite3.connect("back.db").execute("PRAGMA integrity_check").fetchone()
    assert checked == ("ok",)
