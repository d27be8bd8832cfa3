"""Creating, opening and refusing databases."""

import importlib
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

import iidindex
from conftest import write_garden
from iidindex import CatalogError, CatalogLockedError, CatalogNotFoundError, SchemaVersionError
from iidindex.catalog import schema
from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.migrate import script_location
from iidindex.catalog.sqlite.lock import sole_writer
from iidindex.cli.main import run as main
from iidindex.ingestion import pool, run
from iidindex.system import filelock


def test_models_and_revisions_agree(tmp_path):
    Catalog(tmp_path / "x.db", create=True).close()
    engine = create_engine(f"sqlite:///{tmp_path / 'x.db'}")

    def ours(thing, name, kind, *_):
        return not (kind == "table" and name.startswith("entry_boxes"))

    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_object": ours, "compare_type": True}
        )
        assert compare_metadata(context, schema.metadata) == []
    engine.dispose()


def test_head_is_the_newest_revision():
    names = sorted(path.name for path in (script_location() / "versions").glob("*.py"))
    assert names[-1].startswith(schema.HEAD)


def test_missing_database_is_refused_unless_created(tmp_path):
    with pytest.raises(CatalogNotFoundError, match="ingest"):
        iidindex.open(tmp_path / "x.db")
    iidindex.open(tmp_path / "x.db", create=True).close()
    iidindex.open(tmp_path / "x.db").close()
    with pytest.raises(CatalogNotFoundError, match="directory"):
        iidindex.open(tmp_path / "no" / "x.db", create=True)
    assert not (tmp_path / "no").exists()


def test_other_files_are_refused(tmp_path):
    text = tmp_path / "text.db"
    text.write_text("hello " * 500)
    with pytest.raises(CatalogError, match="not a SQLite database"):
        iidindex.open(text)
    assert text.read_text() == "hello " * 500
    other = tmp_path / "other.db"
    sqlite3.connect(other).execute("CREATE TABLE t (a)").connection.close()
    with pytest.raises(CatalogError, match="not an iidindex index"):
        iidindex.open(other)


@pytest.mark.parametrize(("found", "word"), [("0000", "migrate"), ("9999", "upgrade iidindex")])
def test_other_versions_are_refused(tmp_path, found, word):
    path = tmp_path / "x.db"
    iidindex.open(path, create=True).close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = ?", (found,))
    connection.commit()
    connection.close()
    with pytest.raises(SchemaVersionError, match=word):
        iidindex.open(path)


def test_urls(tmp_path):
    iidindex.open(f"sqlite:///{tmp_path / 'u.db'}", create=True).close()
    assert (tmp_path / "u.db").exists()
    for url in ("postgresql://localhost/x", "nonsense://", "sqlite://", ":memory:"):
        with pytest.raises(CatalogError):
            iidindex.open(url, create=True)


def test_odd_database_names(tmp_path, archive):
    path = tmp_path / "what? #1 %20 ü.db"
    with iidindex.open(path, create=True) as index:
        index.ingest(archive)
    assert path.exists()
    assert len(list(tmp_path.glob("what*.db"))) == 1


def test_second_writer_is_told_at_once(index, archive, tmp_path):
    other = sqlite3.connect(tmp_path / "index.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    write_garden(archive / "2020" / "a.iid", shift=1)
    try:
        with pytest.raises(CatalogLockedError, match="another process"):
            index.ingest(archive)
        assert index.entries.count() == 11  # readers go on
    finally:
        other.close()
    assert index.ingest(archive).updated == 1


def test_reader_keeps_its_view(index, archive, tmp_path):
    seen = iter(index.entries)
    next(seen)
    write_garden(archive / "new.iid")
    with iidindex.open(tmp_path / "index.db") as writer:
        assert writer.ingest(archive).added == 1
    assert 1 + sum(1 for _ in seen) == 11
    assert index.entries.count() == 14


def test_failed_batch_leaves_nothing(archive, tmp_path, monkeypatch):
    """An error in the middle of writing undoes the whole batch."""
    from iidindex.catalog.load import Loader

    def breaks(self, *arguments):
        raise sqlite3.OperationalError("database or disk is full")

    with iidindex.open(tmp_path / "x.db", create=True) as index:
        monkeypatch.setattr(Loader, "_write_groups", breaks)
        with pytest.raises(CatalogError, match="full"):
            index.ingest(archive)
        assert index.stats().entries == 0
        monkeypatch.undo()
        assert index.ingest(archive).added == 3


def test_read_only(index, archive, tmp_path):
    with iidindex.open(tmp_path / "index.db", read_only=True) as reader:
        assert reader.entries.count() == 11
        with pytest.raises(CatalogError, match="read-only"):
            reader.ingest(archive)


def test_read_only_disk(archive, tmp_path):
    # The child may not be allowed to read where they are.
    for verb in ("search_verbs", "upkeep_verbs"):
        importlib.import_module(f"iidindex.cli.{verb}")
    place = Path(tempfile.mkdtemp())
    with iidindex.open(place / "x.db", create=True) as index:
        index.ingest(archive)
    (place / "x.db").chmod(0o444)
    place.chmod(0o555)
    try:
        child = os.fork()
        if child == 0:
            # The superuser may write anywhere, so that only somebody else sees the truth.
            if os.getuid() == 0:
                os.setuid(65534)
            with iidindex.open(place / "x.db", read_only=True) as reader:
                found = reader.entries.count(), len(reader.links(b"tree"))
            codes = [
                main(["--db", str(place / "x.db"), *verb])
                for verb in (["find", "--format", "csv"], ["status"], ["prune"], ["optimize"])
            ]
            os._exit(0 if (found, codes) == ((11, 3), [0, 0, 2, 2]) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert sorted(path.name for path in place.iterdir()) == ["x.db"]
    finally:
        place.chmod(0o755)
        shutil.rmtree(place)


def test_a_lock_that_somebody_removes(archive, tmp_path, monkeypatch):
    """Nobody notices if nothing comes of it; what is written after another began is refused."""
    monkeypatch.setattr(run, "_BATCH_FILES", 1)
    monkeypatch.setattr(pool, "_TASK_FILES", 1)
    path = tmp_path / "x.db"
    lock = tmp_path / "x.db-lock"
    with iidindex.open(path, create=True) as index:
        with index._catalog.sole_writer():
            lock.unlink()
        with pytest.raises(CatalogLockedError, match=r"x\.db-lock was removed"):
            index.ingest(archive, progress=lambda _: lock.unlink(missing_ok=True))
        assert index.stats().files == 1
        assert index.ingest(archive).added == 2
        assert index.verify() == []


def test_a_lock_that_somebody_replaces_is_theirs(tmp_path):
    Catalog(tmp_path / "x.db", create=True).close()
    lock = tmp_path / "x.db-lock"
    with sole_writer(str(tmp_path / "x.db")) as sole:
        sole.check()
        lock.unlink()
        with sole_writer(str(tmp_path / "x.db")) as other:
            with pytest.raises(CatalogLockedError):
                sole.check()
            other.check()
            lock.rename(tmp_path / "aside")
            (tmp_path / "aside").rename(lock)
            other.check()
            with pytest.raises(CatalogLockedError), sole_writer(str(tmp_path / "x.db")):
                pass
            assert lock.exists()
        assert not lock.exists()
        lock.touch()
    assert lock.exists()  # not the one that was held


def test_a_lock_that_its_holder_was_just_removing_is_made_anew(tmp_path, monkeypatch):
    Catalog(tmp_path / "x.db", create=True).close()
    if filelock.take is not filelock.take_by_lock:
        pytest.skip("the system does not lock files here")
    lock, real, locked = tmp_path / "x.db-lock", filelock.fcntl.flock, []

    def flock(fd, how):
        if not locked:  # opened while another held it, locked when that one had removed it
            lock.unlink()
        locked.append(fd)
        real(fd, how)

    monkeypatch.setattr(filelock.fcntl, "flock", flock)
    with sole_writer(str(tmp_path / "x.db")) as sole:
        assert len(locked) == 2
        sole.check()
        with pytest.raises(CatalogLockedError), sole_writer(str(tmp_path / "x.db")):
            pass


def test_a_writer_is_the_only_one_from_the_beginning(index, tmp_path):
    other = sqlite3.connect(tmp_path / "index.db", isolation_level=None, timeout=0)
    with index._catalog.writing(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")
    other.close()


def test_a_database_with_two_names_is_locked_once(tmp_path):
    Catalog(tmp_path / "x.db", create=True).close()
    (tmp_path / "y.db").symlink_to("x.db")
    with (
        sole_writer(str(tmp_path / "x.db")),
        pytest.raises(CatalogLockedError),
        sole_writer(str(tmp_path / "y.db")),
    ):
        pass
