"""Overlaps are counted over many small files at once: wherever they are cut, they are the same."""

import os
import warnings
from collections import Counter

import numpy as np
import pytest

import brute
import iidindex
from conftest import write_garden
from databases import at
from iidindex import IIDFile, SourceError
from iidindex.errors import QueryError, SourceNotFoundError, StaleFileError
from iidindex.query.linkage import cooccurring as together
from iidindex.query.overlaps import counting as overlaps
from iidindex.query.overlaps import pairs
from iidindex.query.question import asking as question

ON_BOTH = True


@pytest.fixture
def crowded(archive):
    """Files of none, three and many masks, some at the very edges of their pictures."""
    write_garden(archive / "2022" / "d.iid", extra=[bytes([n]) for n in range(9)])
    edges = IIDFile()
    for nth in range(3):
        edges.add(bytes([nth]), b"bottom", (65533, 0, 65535, 4), np.ones((2, 4), bool))
        edges.add(bytes([nth]), b"top", (0, 0, 2, 4), np.ones((2, 4), bool))
    edges.save(archive / "2022" / "e.iid")
    IIDFile().save(archive / "2022" / "f.iid")
    (archive / "2022" / "g.iid").write_bytes((archive / "2022" / "e.iid").read_bytes())
    return archive


def expected(archive):
    return [
        (path.relative_to(archive).as_posix(), *keys, pixels)
        for path in sorted(archive.rglob("*.iid"))
        for keys, pixels in sorted(brute.read_path(path).overlaps().items())
    ]


def told(found):
    return [(o.a.path, o.a.key, o.b.key, o.pixels) for o in found]


@pytest.mark.parametrize("rows", [1, 3, 8192])
@pytest.mark.parametrize("size", [1, 500, 1 << 20])
def test_wherever_they_are_cut(crowded, tmp_path, monkeypatch, rows, size):
    monkeypatch.setattr(question, "_SEGMENTS", rows)
    monkeypatch.setattr(pairs, "_BATCH_BYTES", size)
    monkeypatch.setattr(pairs, "_BATCH_SEGMENTS", rows)
    monkeypatch.setattr(overlaps, "_PAIRS", rows)
    for name in ("_FILES_AT_A_TIME", "_SEGMENTS"):
        monkeypatch.setattr(together, name, rows)
    everything = expected(crowded)
    assert len(everything) > 40
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(crowded)
        assert told(index.overlaps()) == everything
        assert told(index.overlaps(path="*/[bdg].iid", store=True)) == [
            row for row in everything if row[0][-5] in "bdg"
        ]
        # Now those of some files are kept, and those between them are not.
        assert told(index.overlaps()) == everything
        assert told(index.overlaps(path="*/[ade].iid")) == [
            row for row in everything if row[0][-5] in "ade"
        ]
        met = Counter()
        for other in index.overlaps():
            met[other.b.iid] += other.a.iid.address == b"\0" and other.a.iid.domain == b"bottom"
            met[other.a.iid] += other.b.iid.address == b"\0" and other.b.iid.domain == b"bottom"
        cooccurring = index.cooccurring(b"\0", domain=b"bottom", by="overlap")
        assert {c.iid: c.count for c in cooccurring} == dict(+met)
        assert len(cooccurring) == 2
        index.overlaps(store=True).close()
        assert told(index.overlaps()) == everything
        assert index.verify() == []


def test_one_file_that_cannot_be_read_costs_only_itself(crowded, tmp_path):
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(crowded)
        (crowded / "2022" / "d.iid").unlink()
        skipping = index.entries.reading(on_stale="skip")
        left = [row for row in expected(crowded) if row[0][-5] != "d"]
        assert told(skipping.overlaps(store=True)) == left
        kept = index.sql("SELECT DISTINCT path FROM overlapping")
        assert {row["path"] for row in kept} == {row[0] for row in left}
        stored = index.sql("SELECT count(*) AS n FROM overlap_files")
        assert next(stored) == {"n": 5}


def test_what_lies_before_a_file_that_cannot_be_read_is_told(crowded, tmp_path):
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(crowded)
        (crowded / "2022" / "d.iid").unlink()
        before = [row for row in expected(crowded) if row[0] < "2022/d.iid"]
        for jobs in (1, 2):
            found = []
            with pytest.raises(SourceNotFoundError):
                found.extend(index.entries.reading(jobs=jobs).overlaps())
            assert told(found) == before
        files = next(index.sql("SELECT count(*) AS n FROM files"))["n"]
        with (
            pytest.warns(UserWarning, match="left out: .*is not there any more"),
            pytest.raises(SourceError, match="the overlaps of all other files are stored"),
        ):
            index.overlaps(store=True)
        assert next(index.sql("SELECT count(*) AS n FROM overlap_files")) == {"n": files - 2}


def test_an_error_leaves_no_old_view_behind(crowded, tmp_path, monkeypatch):
    """The traceback holds what was being read, and so would the view of the database."""
    monkeypatch.setattr(question, "_SEGMENTS", 2)
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(crowded)
        before = index.entries.count()
        os.utime(crowded / "2020" / "a.iid", (1, 1))
        with pytest.raises(StaleFileError) as held:
            list(index.overlaps())
        write_garden(crowded / "2020" / "new.iid")
        with iidindex.open(at(tmp_path / "x.db")) as other:
            other.ingest(crowded)
        assert index.entries.count() == before + 3
        index.optimize()
        assert held is not None


def test_every_file_that_is_left_out_is_named(crowded, tmp_path):
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(crowded)
        changed = [crowded / "2020" / "a.iid", crowded / "2020" / "b.iid"]
        for path in changed:
            status = path.stat()
            first = index.entries.where(path=f"2020/{path.name}").first()
            data = bytearray(path.read_bytes())
            # The area, behind the key and the box.
            data[first.bufloc.offset + 12] ^= 1
            path.write_bytes(data)
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            list(index.entries.reading(on_stale="warn").overlaps())
        assert [str(path) in str(w.message) for path, w in zip(changed, warned, strict=True)] == [
            True,
            True,
        ]


@pytest.mark.parametrize(
    "narrow",
    [lambda e: e.order_by("path"), lambda e: e.nearest(0, 0), lambda e: e.limit(3)],
)
def test_what_cannot_be_stored_is_not_listed_either(crowded, tmp_path, narrow):
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(crowded)
        for ask in (lambda e: e.overlaps(store=True), lambda e: e.files_without_overlaps()):
            with pytest.raises(QueryError, match="leave order_by, limit and nearest out"):
                ask(narrow(index.entries))
