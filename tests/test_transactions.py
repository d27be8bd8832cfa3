"""How an ingest is cut up: into tasks, transactions, and IIDs that are remembered."""

import iidindex
from conftest import write_garden
from iidindex.catalog import load
from iidindex.catalog.sqlite import intern
from iidindex.ingestion import pool, run
from test_ingest import content, fresh


def test_more_iids_than_are_remembered(archive, tmp_path, monkeypatch):
    """What is forgotten is looked for in the database, and never stored twice."""
    for number in range(9):
        extra = [b"%d" % (number + nth) for nth in range(4)]
        write_garden(archive / f"{number}.iid", shift=number, extra=extra)
    expected = fresh(archive, tmp_path)
    monkeypatch.setattr(pool, "_TASK_FILES", 2)
    for nth, (most, batch) in enumerate([(2, 100), (5, 100), (9, 3), (10_000, 3)]):
        monkeypatch.setattr(intern, "_MAX_KNOWN", most)
        monkeypatch.setattr(run, "_BATCH_FILES", batch)
        with iidindex.open(tmp_path / f"{nth}.db", create=True) as index:
            index.ingest(archive, jobs=1)
            assert content(index) == expected
            assert index.stats().iids == len(list(index.iids())) == 5 + 12
            assert index.verify() == []


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
