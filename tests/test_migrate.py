"""From older schemas to the newest: one real database of each is kept and used."""

import shutil
import sqlite3
from pathlib import Path

import pytest

import iidindex
from conftest import write_garden
from iidindex import CatalogError, CatalogNotFoundError, SchemaVersionError
from iidindex.catalog import migrate as migration
from iidindex.catalog import schema
from iidindex.catalog.migrate import migrate, script_location
from iidindex.cli.main import run

DATA = Path(__file__).with_name("data")
REVISIONS = sorted(path.name[:4] for path in (script_location() / "versions").glob("0*.py"))


@pytest.mark.parametrize("revision", REVISIONS)
def test_database_of_every_revision(revision, tmp_path):
    """Each holds three files of the garden, at /archive."""
    path = tmp_path / "x.db"
    shutil.copy(DATA / f"{revision}.db", path)
    assert migrate(path).after == schema.HEAD
    for name in ("2020/a.iid", "2020/b.iid", "2021/c.iid"):
        write_garden(tmp_path / "archive" / name)
    with iidindex.open(path) as index:
        assert index.stats()[:2] == (1, 3)
        assert index.entries.where(address=b"tree").count() == 3
        assert index.entries.at(70, 125, exact=False).count() == 5
        assert len(index.links(b"pond")) == 3
        assert index.entries.first().groups == ("plants", "tall")
        index.relocate("archive", tmp_path / "archive")
        index.ingest(tmp_path / "archive")
        assert index.verify() == []


REVISION = """
import sqlalchemy as sa
from alembic import op
revision = "9001"
down_revision = "{head}"
def upgrade():
    op.add_column("files", sa.Column("colour", sa.Text()))
    {more}
"""


@pytest.fixture
def newer(tmp_path, monkeypatch, index):
    """A version of the program that has one revision more."""

    def with_revision(more="pass"):
        place = tmp_path / "migrations"
        shutil.copytree(script_location(), place)
        head = schema.HEAD
        (place / "versions" / "9001_next.py").write_text(REVISION.format(head=head, more=more))
        monkeypatch.setattr(migration, "script_location", lambda: place)
        monkeypatch.setattr(schema, "HEAD", "9001")
        return tmp_path / "index.db"

    return with_revision


def test_older_database_is_refused_copied_and_upgraded(newer, capsys):
    before = schema.HEAD
    path = newer()
    with pytest.raises(SchemaVersionError, match="migrate"):
        iidindex.open(path)
    assert run(["--db", str(path), "find"]) == 5
    assert run(["--db", str(path), "migrate", "--dry-run"]) == 0
    assert not list(path.parent.glob("*.bak"))
    assert run(["--db", str(path), "migrate"]) == 0
    assert f"from schema {before} to 9001" in capsys.readouterr().out
    with iidindex.open(path) as index:
        assert index.entries.count() == 11
    copy = sqlite3.connect(f"{path}.{before}.bak")
    assert copy.execute("SELECT count(*) FROM entries").fetchone() == (11,)
    assert copy.execute("SELECT version_num FROM alembic_version").fetchone() == (before,)
    copy.close()
    assert migrate(path).backup is None


def test_failing_revision_changes_nothing(newer):
    before = schema.HEAD
    path = newer(more="raise RuntimeError('no')")
    with pytest.raises(RuntimeError):
        migrate(path)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (before,)
    columns = connection.execute("SELECT name FROM pragma_table_info('files')").fetchall()
    assert ("colour",) not in columns
    connection.close()
    (path.parent / f"{path.name}.{before}-2.bak.part").write_bytes(b"cut off")
    with pytest.raises(RuntimeError):
        migrate(path)
    backups = sorted(place.name for place in path.parent.glob("*.bak*"))
    assert backups == [f"{path.name}.{before}-2.bak", f"{path.name}.{before}.bak"]


def test_what_is_no_index(tmp_path):
    with pytest.raises(CatalogNotFoundError):
        migrate(tmp_path / "x.db")
    sqlite3.connect(tmp_path / "y.db").execute("CREATE TABLE t (a)").connection.close()
    with pytest.raises(CatalogError):
        migrate(tmp_path / "y.db")
