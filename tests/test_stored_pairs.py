"""Overlaps that are stored: read from their table alone, in the order in which they are counted."""

import numpy as np
import pytest

import iidindex
from effort import effort
from iidindex import IIDFile
from iidindex.catalog import lookup
from iidindex.query.overlaps import counting
from iidindex.query.overlaps import pairs as pairs_of_files
from proportion import exhaust


def write_pairs(path, number, seed, n_alone=0):
    """A file of so many pairs that overlap, and of masks that meet nothing."""
    file = IIDFile()
    full = np.ones((4, 4), dtype=bool)
    for one in range(number):
        for place in (10 * one, 10 * one + seed % 3 + 1):
            file.add(b"%d" % place, b"d", (place, 0, place + 4, 4), full)
    for one in range(n_alone):
        file.add(b"alone", b"d", (9 * one, 50, 9 * one + 4, 54), full)
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save(path)


def told(pairs):
    return [(pair.a.location, pair.a.key, pair.b.key, pair.pixels) for pair in pairs]


def test_stored_overlaps_are_read_and_their_entries_are_not(tmp_path):
    spent = []
    for n_alone in (0, 2_000):
        place = tmp_path / str(n_alone)
        for number in range(4):
            write_pairs(place / f"{number}.iid", 3, number, n_alone)
        with iidindex.open(tmp_path / f"{n_alone}.db", create=True) as index:
            index.ingest(place)
            counted = told(index.overlaps())
            assert told(index.overlaps(store=True)) == counted
            assert len(counted) == 12
            list(index.overlaps())
            spent.append(effort(index, lambda i=index, c=counted: told(i.overlaps()) == c))
            # Nor to find out that there is nothing to store any more.
            again = effort(index, lambda i=index: exhaust(i.overlaps(store=True)))
            assert again.steps < 3 * spent[0].steps + 10
    assert spent[1].is_within(spent[0], 1.2), spent


@pytest.mark.parametrize("kept", ["", "0", "5", "024", "135", "0123", "2345", "012345"])
@pytest.mark.parametrize("few", [1, 3, 1 << 18])
def test_stored_and_counted_overlaps_come_in_one_order(tmp_path, monkeypatch, kept, few):
    monkeypatch.setattr(counting, "_PAIRS", few)
    monkeypatch.setattr(lookup, "BLOCK", few)
    monkeypatch.setattr(pairs_of_files, "_BATCH_SEGMENTS", 7 * few)
    for number in range(6):
        write_pairs(tmp_path / "a" / f"{number}.iid", number % 4, number, 2)
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path / "a")
        expected = told(index.overlaps())
        assert "".join(path[-5] for path, *_ in expected) == "1223335"
        for name in kept:
            list(index.overlaps(f"{name}.iid", store=True))
        left = {file.path[0] for file in index.entries.files_without_overlaps()}
        assert left == set("012345") - set(kept)
        assert told(index.overlaps()) == expected
        some = [row for row in expected if row[0][-5] in "1235"]
        assert told(index.overlaps("[1235].iid")) == some
        found = index.overlaps()
        next(found)
        assert found.to_arrow().num_rows == len(expected) - 1
