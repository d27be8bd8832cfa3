"""The masks nearest to a pixel, against measuring all of them."""

import numpy as np
import pytest

import iidindex
from blobs import FRAME, every
from databases import at
from iidindex import IIDFile
from iidindex.query.question import nearest
from iidindex.system import positioned

ON_BOTH = True


def test_equal_distances_are_equal(tmp_path):
    """Whether a mask fills its box or not, to the last bit."""
    file = IIDFile()
    holed = np.ones((9, 9), bool)
    holed[4, 4] = False
    for row, col in ((113, 15), (17, 27), (27, 17), (15, 113)):
        for mask in (holed, np.ones((9, 9), bool)):
            file.add(b"a", None, (row, col, row + 9, col + 9), mask)
    (tmp_path / "archive").mkdir()
    file.save(tmp_path / "archive" / "a.iid")
    with iidindex.open(at(tmp_path / "x.db"), create=True) as index:
        index.ingest(tmp_path / "archive")
        found = list(index.entries.nearest(0, 0, 8))
        assert [entry.key for entry in found] == [2, 3, 4, 5, 0, 1, 6, 7]
        for k in range(1, 9):
            assert [e.key for e in index.entries.nearest(0, 0, k)] == [e.key for e in found[:k]]


@pytest.mark.parametrize("k", [1, 7, 300])
def test_nearest(blobs, k):
    index, slow = blobs
    rng = np.random.default_rng(k)
    points = [*rng.integers(-60, FRAME + 60, (12, 2)).tolist(), [3000, 9], [65535, 65535]]
    some = [("0/1.iid", e) for e in slow["0/1.iid"].entries]
    for path, entries in ((None, every(slow)), ("0/1.iid", some)):
        pixels = [(p, e, np.argwhere(e.mask) + e.bbox[:2]) for p, e in entries if e.mask.any()]
        for x, y in points:
            away = sorted(
                (float(np.sqrt(((at - (y, x)) ** 2).sum(axis=1).min())), p, e.key)
                for p, e, at in pixels
            )
            question = index.entries if path is None else index.entries.where(path=path)
            found = list(question.nearest(x, y, k))
            assert [e.distance for e in found] == [d for d, *_ in away[:k]]
            assert {(e.distance, e.path, e.key) for e in found} <= set(away)
            assert question.nearest(x, y, k).count() == len(found)
            columns = question.nearest(x, y, k).to_columns()
            assert columns["distance"].tolist() == [e.distance for e in found]
            assert question.nearest(x, y, k).limit(2).ids().tolist() == [e.id for e in found[:2]]


def test_nearest_in_processes(blobs, monkeypatch):
    index, _ = blobs
    expected = list(index.entries.nearest(7, 390, 500))
    monkeypatch.setattr(nearest, "_WORTHWHILE", 1)
    found = list(index.entries.nearest(7, 390, 500, jobs=2))
    assert [(e.id, e.distance) for e in found] == [(e.id, e.distance) for e in expected]


def test_nearest_among_those_that_hold_a_pixel(blobs):
    index, slow = blobs
    for x, y in ((200, 200), (50, 300)):
        holding = {(p, e.key) for p, e in every(slow) if e.has(y, x)}
        found = [(e.path, e.key) for e in index.entries.at(x, y).nearest(x + 30, y, 50)]
        assert len(found) == min(50, len(holding))
        assert set(found) <= holding


def test_nearest_reads_only_what_may_be_near(blobs, monkeypatch):
    index, _ = blobs
    opened = []
    real = positioned.open_alone

    def noted(path):
        opened.append(path)
        return real(path)

    with iidindex.open(index._catalog.store.location) as other:
        question = other.entries.where(path="1/25.iid")
        monkeypatch.setattr(positioned, "open_alone", noted)
        assert len(list(question.nearest(100, 100, 3))) == 3
    assert len(opened) == 1
