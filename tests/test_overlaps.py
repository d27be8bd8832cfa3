"""Overlaps of an archive: counted, stored, and following their files."""

import os
import shutil

import numpy as np
import pytest
from sqlalchemy import select

import iidindex
from conftest import write_garden
from databases import at
from iidindex import CatalogLockedError, IIDFile, QueryError
from iidindex.catalog import schema
from iidindex.catalog.catalogue import Catalog
from iidindex.system import positioned

ON_BOTH = True


def test_overlaps_of_a_file_and_between_some(blobs):
    index, slow = blobs
    for path in ("0/0.iid", "2/59.iid"):
        wanted = slow[path].overlaps()
        found = list(index.overlaps(path=path))
        assert {(o.a.key, o.b.key): o.pixels for o in found} == wanted
        assert [(o.a.key, o.b.key) for o in found] == sorted(wanted)
        keyed = slow[path].by_key()
        for one in found[:20]:
            a, b = keyed[one.a.key], keyed[one.b.key]
            assert one.iou == one.pixels / (a.mask.sum() + b.mask.sum() - one.pixels)
            assert (one.a_in_b, one.b_in_a) == (
                one.pixels / a.mask.sum(),
                one.pixels / b.mask.sum(),
            )
        even = index.entries.where(path=path, group="even").overlaps()
        assert {(o.a.key, o.b.key) for o in even} == {k for k in wanted if not (k[0] | k[1]) % 2}
    assert list(index.overlaps(path="nothing")) == []
    for wrong in ("limit", "order_by", "nearest"):
        arguments = {"limit": (5,), "order_by": ("area",), "nearest": (1, 1)}[wrong]
        with pytest.raises(QueryError):
            getattr(index.entries, wrong)(*arguments).overlaps()


def test_what_meets_nothing_is_not_read(tmp_path, monkeypatch):
    file = IIDFile()
    far = np.eye(50, dtype=bool)
    for row, col in ((0, 0), (5, 5), (900, 900)):
        file.add(b"%d" % row, None, (row, col, row + 50, col + 50), far)
    (tmp_path / "archive").mkdir()
    file.save(tmp_path / "archive" / "a.iid")
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(tmp_path / "archive")
        far_away = list(index.entries)[-1]
        reads = []
        real = positioned.read_at

        def counted(fd, length, offset):
            reads.append((offset, offset + length))
            return real(fd, length, offset)

        monkeypatch.setattr(positioned, "read_at", counted)
        assert [(o.a.key, o.b.key, o.pixels) for o in index.overlaps()] == [(0, 1, 45)]
        assert max(end for _, end in reads) <= far_away.bufloc.offset


@pytest.fixture
def stored(archive, tmp_path):
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(archive)
        assert len(list(index.overlaps(store=True))) == 3
        yield index


def kept(index):
    pairs, of_a = schema.overlaps.c, schema.entries.c
    statement = (
        select(schema.files.c.path, pairs.pixels)
        .join(schema.entries, of_a.id == pairs.a_id)
        .join(schema.files, schema.files.c.id == of_a.file_id)
        .order_by(schema.files.c.path)
    )
    with index._catalog.reading() as connection:
        return list(map(tuple, connection.execute(statement)))


def test_stored_overlaps_follow_their_files(stored, archive, tmp_path):
    path = archive / "2020" / "a.iid"
    assert kept(stored) == [("2020/a.iid", 649), ("2020/b.iid", 649), ("2020/b.iid", 4)]
    # A question about them opens no original.
    shutil.move(path, tmp_path / "aside.iid")
    assert len(list(stored.overlaps())) == 3
    shutil.move(tmp_path / "aside.iid", archive / "moved.iid")
    stored.ingest(archive)
    assert kept(stored)[-1] == ("moved.iid", 649)  # moved with its file
    os.utime(archive / "moved.iid", (7, 7))
    stored.ingest(archive)
    assert [path for path, _ in kept(stored)] == ["2020/b.iid", "2020/b.iid"]  # touched: forgotten
    write_garden(archive / "2020" / "b.iid", shift=100)
    assert stored.ingest(archive).updated == 1
    assert kept(stored) == []
    assert {o.pixels for o in stored.overlaps(store=True, path="moved.iid")} == {649}
    assert len(kept(stored)) == 1
    (archive / "moved.iid").unlink()
    stored.ingest(archive)
    stored.prune()
    assert kept(stored) == []
    assert stored.verify() == []


def test_nothing_is_stored_of_files_that_cannot_be_read(archive, tmp_path):
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(archive)
        archive.rename(tmp_path / "away")
        for jobs in (1, 2):
            question = index.entries.reading(on_stale="skip", jobs=jobs)
            assert list(question.overlaps(store=True)) == []
        (tmp_path / "away").rename(archive)
        assert len(list(index.overlaps())) == 3
        told = []
        assert len(list(index.overlaps(store=True, progress=told.append))) == 3
        assert len(kept(index)) == 3
        assert [step.files for step in told] == sorted({step.files for step in told})
        assert str(told[-1]) == "3 of 3 files"


def test_storing_overlaps_is_refused(stored):
    with pytest.raises(QueryError, match="whole files"):
        stored.entries.where(address=b"tree").overlaps(store=True)
    with (
        Catalog(stored._catalog.store.location) as other,
        other.sole_writer(),
        pytest.raises(CatalogLockedError),
    ):
        stored.overlaps(store=True)
