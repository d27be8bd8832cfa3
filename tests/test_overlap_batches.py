"""Overlaps are counted over many small files at once: wherever they are cut, they are the same."""

from collections import Counter

import numpy as np
import pytest

import brute
import iidindex
from conftest import write_garden
from iidindex import IIDFile
from iidindex.query import overlaps, question


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


@pytest.mark.parametrize("rows", [1, 2, 5, 8192])
@pytest.mark.parametrize("size", [1, 500, 1 << 20])
def test_wherever_they_are_cut(crowded, tmp_path, monkeypatch, rows, size):
    monkeypatch.setattr(question, "_SEGMENTS", rows)
    monkeypatch.setattr(overlaps, "_BATCH_BYTES", size)
    monkeypatch.setattr(overlaps, "_FILES_AT_A_TIME", rows)
    everything = expected(crowded)
    assert len(everything) > 40
    with iidindex.open(tmp_path / "x.db", create=True) as index:
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
        pairs = Counter()
        for other in index.overlaps():
            pairs[other.b.iid] += other.a.iid.address == b"\0" and other.a.iid.domain == b"bottom"
            pairs[other.a.iid] += other.b.iid.address == b"\0" and other.b.iid.domain == b"bottom"
        cooccurring = index.cooccurring(b"\0", domain=b"bottom", by="overlap")
        assert {c.iid: c.count for c in cooccurring} == dict(+pairs)
        assert len(cooccurring) == 2
        index.overlaps(store=True).close()
        assert told(index.overlaps()) == everything
        assert index.verify() == []


def test_one_file_that_cannot_be_read_costs_only_itself(crowded, tmp_path):
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(crowded)
        (crowded / "2022" / "d.iid").unlink()
        skipping = index.entries.reading(on_stale="skip")
        left = [row for row in expected(crowded) if row[0][-5] != "d"]
        assert told(skipping.overlaps(store=True)) == left
        kept = index.sql("SELECT DISTINCT path FROM overlapping")
        assert {row["path"] for row in kept} == {row[0] for row in left}
        stored = index.sql("SELECT count(*) AS n FROM overlap_files")
        assert next(stored) == {"n": 5}
