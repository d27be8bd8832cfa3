"""How an ingest is cut up: into tasks, transactions, and IIDs that are remembered."""

import sqlite3
from contextlib import closing

import numpy as np
import pytest

import iidindex
from conftest import write_garden
from iidindex.catalog import load
from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.sqlite import intern
from iidindex.catalog.sqlite.writer import Writer
from iidindex.iidwords import IIDWords
from iidindex.ingestion import pool, run
from test_ingest import content, fresh


def test_more_iids_than_are_remembered(archive, tmp_path, monkeypatch):
    """What is forgotten is looked for in the database, and never stored twice."""
    for number in range(9):
        extra = [b"%d" % (number + nth) for nth in range(4)]
        write_garden(archive / f"{number}.iid", shift=number, extra=extra)
    expected = fresh(archive, tmp_path)
    monkeypatch.setattr(pool, "_TASK_FILES", 2)
    for nth, (most, batch) in enumerate([(2, 100), (5, 100), (9, 3), (20, 2), (10_000, 3)]):
        monkeypatch.setattr(intern, "MAX_KNOWN", most)
        monkeypatch.setattr(run, "_BATCH_FILES", batch)
        with iidindex.open(tmp_path / f"{nth}.db", create=True) as index:
            index.ingest(archive, jobs=1)
            assert content(index) == expected
            assert index.stats().iids == len(list(index.iids())) == 5 + 12
            assert index.verify() == []


@pytest.mark.parametrize("most", [2, 100, 700, 10_000])
@pytest.mark.parametrize("before", [0, 50])
def test_ids_are_those_of_a_dictionary_however_many_are_remembered(tmp_path, most, before):
    """Known ones, new ones, several times in a batch, some stored by somebody before."""
    rng = np.random.default_rng(most)
    names = [(b"d" * (n % 3), b"%d" % n + b"x" * (n % 90)) for n in range(900)]
    expected = {}
    with Catalog(tmp_path / "x.db", create=True) as catalog:
        for interner in (intern.Interner(most), intern.Interner(most)):
            for nth in range(12):
                which = rng.integers(0, min(900, before + 80 * (nth + 1)), 300)
                with catalog.writing() as connection, Writer(connection) as writer:
                    found = interner.ids_of(writer, IIDWords.of_pairs([names[n] for n in which]))
                    interner.write(writer)
                for n, iid_id in zip(which.tolist(), found.tolist(), strict=True):
                    assert expected.setdefault(names[n], iid_id) == iid_id
        with catalog.reading() as connection:
            rows = connection.exec_driver_sql("SELECT domain, address, id FROM iids").all()
    assert {(domain, address): iid_id for domain, address, iid_id in rows} == expected
    assert len(rows) == len(expected)


def test_known_iids_are_found_by_the_index(tmp_path):
    """Else every thousand of them would cost a look at all there are."""
    iidindex.open(tmp_path / "x.db", create=True).close()
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
        asked = "EXPLAIN QUERY PLAN WITH asked (domain, address) AS (VALUES (?, ?)) "
        plan = [row[3] for row in connection.execute(asked + intern.STORED, (b"", b""))]
    assert any(step.startswith("SEARCH i ") and "ix_iids_address_domain" in step for step in plan)
    assert not any(step.startswith("SCAN i") for step in plan)


def test_a_file_is_written_whole_however_many_entries_are_written_together(
    archive, tmp_path, monkeypatch
):
    expected = fresh(archive, tmp_path)
    monkeypatch.setattr(load, "_TOGETHER", 2)
    monkeypatch.setattr(load, "_ENOUGH", 3)
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(archive)
        assert content(index) == expected
        assert index.verify() == []


def test_files_are_handed_out_in_runs_of_bounded_number_and_size(monkeypatch):
    monkeypatch.setattr(pool, "_TASK_FILES", 3)
    monkeypatch.setattr(pool, "_TASK_BYTES", 100)
    sizes = [10, 10, 10, 10, 80, 20, 500, 1, 1]
    found = list(pool.tasks("abcdefghi", sizes))
    assert found == [("abc", 30), ("de", 90), ("f", 20), ("g", 500), ("hi", 2)]
    assert list(pool.tasks("", [])) == []


def test_transactions_are_of_bounded_numbers_of_files_and_of_entries(
    archive, tmp_path, monkeypatch
):
    monkeypatch.setattr(pool, "_TASK_FILES", 1)
    committed = []

    def note(progress):
        with iidindex.open(tmp_path / "x.db", read_only=True) as reader:
            committed.append(reader.stats().files)

    for files, entries, expected in ((2, 99, [0, 0, 2]), (99, 8, [0, 0, 2]), (99, 99, [0, 0, 0])):
        monkeypatch.setattr(run, "_BATCH_FILES", files)
        monkeypatch.setattr(run, "_BATCH_ENTRIES", entries)
        committed.clear()
        with iidindex.open(tmp_path / "x.db", create=True) as index:
            index.ingest(archive, jobs=1, progress=note)
        assert committed == expected
        (tmp_path / "x.db").unlink()
