"""Individuals as they come: the first at once, and never all of them held."""

import os
import pickle
import sys
import tracemalloc

import numpy as np
import pyarrow as pa
import pytest

import iidindex
from effort import effort
from iidindex import IIDFile
from iidindex.cli.main import run
from iidindex.query.answers import arrow
from proportion import exhaust


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """An index of 9,000 individuals."""
    place = tmp_path_factory.mktemp("crowd")
    file = IIDFile()
    one = np.ones((1, 1), dtype=bool)
    for number in range(9_000):
        file.add(b"%05d" % number, b"d", (0, 0, 1, 1), one)
    file.save(place / "a.iid")
    with iidindex.open(place / "x.db", create=True) as index:
        index.ingest(place / "a.iid")
        yield place, index


def peak(job):
    """Bytes that a job takes at the most."""
    job()  # what is kept for the next time is not the job's
    tracemalloc.start()
    try:
        job()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_first_individual_does_not_wait_for_the_last(crowd):
    _, index = crowd
    assert next(iter(index.iids())) == (iidindex.IID(b"d", b"00000"), 1, 1)
    first = effort(index, lambda: next(iter(index.iids())))
    every = effort(index, lambda: exhaust(index.iids()))
    assert every.steps > 5 * first.steps
    assert every.calls > 5 * first.calls


def test_individuals_take_no_more_memory_the_more_there_are(crowd, monkeypatch):
    _, index = crowd
    few = peak(lambda: exhaust(index.iids(limit=2_000)))
    assert peak(lambda: exhaust(index.iids(limit=6_000))) < 1.2 * few
    # A list of them would.
    assert peak(lambda: list(index.iids(limit=6_000))) > 2 * few

    def batches(limit):
        return exhaust(pa.RecordBatchReader.from_stream(index.iids(limit=limit)))

    monkeypatch.setattr(arrow, "BATCH_ROWS", 500)
    few = peak(lambda: batches(1_500))
    assert peak(lambda: batches(4_500)) < 1.2 * few


@pytest.mark.parametrize("form", ["table", "jsonl", "json", "csv"])
def test_the_shell_keeps_no_individuals(crowd, form, monkeypatch):
    place, _ = crowd

    def written(number):
        with open(os.devnull, "w") as nowhere:
            monkeypatch.setattr(sys, "stdout", nowhere)
            arguments = ["iids", "--format", form, "--limit", str(number)]
            assert run(["--db", str(place / "x.db"), *arguments]) == 0

    few = peak(lambda: written(2_000))
    assert peak(lambda: written(4_000)) < 1.2 * few


def test_individuals_that_are_asked_for_later(crowd):
    place, _ = crowd
    with iidindex.open(place / "x.db") as index:
        some, kept = index.iids(limit=3), index.iids(prefix=b"0000", limit=3)
        assert [row.iid.address for row in some] == [b"00000", b"00001", b"00002"]
        assert list(some) == list(some) == kept
        assert (len(kept), kept[1].files, kept[1:] == list(some)[1:]) == (3, 1, True)
        assert kept[0] in some
        assert repr(kept).startswith("[IIDCount(iid=IID(domain=b'd', address=b'00000')")
        fresh, copied = index.iids(limit=3), pickle.loads(pickle.dumps(some))
        half = iter(index.iids())
        next(half)
    # What was read as a list is there; nobody can ask a closed index.
    assert kept == copied == [*kept]
    with pytest.raises(iidindex.CatalogError, match="the index is closed"):
        list(fresh)
    with pytest.raises(iidindex.QueryError, match="limit"):
        index.iids(limit=-1)
