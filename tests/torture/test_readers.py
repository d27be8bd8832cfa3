"""Readers, in threads and processes, while an archive is taken up, changed, pruned, packed.

No reader is ever refused, and each sees one state of the index: whole files, whose boxes are
those of their rows, at whatever moment it looks.
"""

import multiprocessing
import os
import random
import sqlite3
import threading
import time
import traceback
from collections import Counter

import numpy as np
import pytest

import iidindex
from campaign import MINUTES, first_seed, seconds, seeded
from iidindex import IIDFile, QueryError, SourceNotFoundError, StaleFileError
from iidindex.catalog.sqlite import rtree
from iidindex.ingestion import pool, run
from test_faults import sound

ENTRIES = 3
N_FILES = 60
N_READERS = 8 if MINUTES else 3


def write(path, generation):
    """A file of so many entries; its generation shows in every address and in every box."""
    file = IIDFile()
    for nth in range(ENTRIES):
        row = 10 * (generation % 50)
        mask = np.ones((3, 4), bool)
        mask[1, 1] = nth % 2
        file.add(b"%d" % generation, b"", (row, nth, row + 3, nth + 4), mask, f"g{generation % 3}")
    temporary = path.with_suffix(".new")
    temporary.write_bytes(file.to_bytes())
    temporary.replace(path)


def look(index):
    """Ask a few questions; each answer must be one that some state of the archive has."""
    by_file = Counter()
    generations = {}
    for entry in index.entries:
        by_file[entry.path] += 1
        generations.setdefault(entry.path, set()).add(entry.iid.address)
        row = 10 * (int(entry.iid.address) % 50)
        assert (entry.bbox.minr, entry.bbox.maxr) == (row, row + 3)
    assert set(by_file.values()) <= {ENTRIES}, by_file
    assert all(len(found) == 1 for found in generations.values())
    boxes = index.entries.region((0, 0, 600, 600), exact=False)
    assert boxes.count() % ENTRIES == 0
    for entry in boxes.limit(20):
        row = 10 * (int(entry.iid.address) % 50)
        assert entry.bbox.minr == row
    for entry in index.entries.order_by("-area").limit(3):
        try:
            mask = entry.mask()
        except (StaleFileError, SourceNotFoundError):
            continue
        # Of whatever generation it is, this is how its masks are.
        assert mask.shape == (3, 4)
        assert mask.sum() == entry.area
    for link in index.links(b"1"):
        assert link.entries == ENTRIES
    for entry in index.entries.limit(3):
        try:
            assert len(entry.groups) == 1
        except QueryError as error:
            assert "no longer in the index" in str(error)  # noqa: PT017
    stats = index.stats()
    assert stats.entries == ENTRIES * stats.files


def look_raw(db):
    """In one transaction of somebody else's program, boxes are those of rows."""
    connection = sqlite3.connect(f"file:{db}?mode=ro", uri=True, isolation_level=None)
    connection.execute("BEGIN")
    differing = connection.execute(
        "SELECT count(*) FROM entries e LEFT JOIN entry_boxes b USING (id) WHERE b.id IS NULL "
        "OR (b.minr, b.maxr, b.minc, b.maxc) != (e.minr, e.maxr - 1, e.minc, e.maxc - 1)"
    ).fetchone()
    boxes = connection.execute("SELECT count(*) FROM entry_boxes").fetchone()
    rows = connection.execute("SELECT count(*) FROM entries").fetchone()
    torn = connection.execute(
        "SELECT count(*) FROM files f WHERE state != 'failed' AND n_entries != "
        "(SELECT count(*) FROM entries e WHERE e.file_id = f.id)"
    ).fetchone()
    connection.execute("COMMIT")
    connection.close()
    assert (differing, torn) == ((0,), (0,))
    assert boxes == rows


def keep_looking(db, is_over, looks, errors, *, own):
    """Look until it is over. With `own`, an index is opened anew each time."""
    try:
        index = None if own else iidindex.open(db, read_only=True)
        while not is_over.is_set():
            if own:
                with iidindex.open(db, read_only=True) as fresh:
                    look(fresh)
            else:
                look(index)
            look_raw(db)
            with looks.get_lock():
                looks.value += 1
        if index is not None:
            index.close()
    except BaseException:
        errors.put(traceback.format_exc())


def change(chance, root, generation):
    """Let some of the archive be written, renamed or removed."""
    for _ in range(chance.randint(1, 15)):
        path = root / f"{chance.randrange(N_FILES)}.iid"
        kind = chance.random()
        if kind < 0.7 or not path.exists():
            write(path, generation)
        elif kind < 0.85:
            path.unlink()
        else:
            path.replace(root / f"{chance.randrange(N_FILES)}.iid")


@pytest.fixture
def busy(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "_BATCH_FILES", 5)
    monkeypatch.setattr(pool, "_TASK_FILES", 2)
    root = tmp_path / "archive"
    root.mkdir()
    for nth in range(N_FILES):
        write(root / f"{nth}.iid", nth)
    db = tmp_path / "x.db"
    iidindex.open(db, create=True).close()
    return root, db


def keep_writing(index, root, share, at_least, counted, is_seen):
    """Ingest, prune and pack while the archive changes, until that was seen often enough."""
    end = time.monotonic() + seconds(share)
    done = 0
    with seeded(first_seed()) as chance:
        while done < at_least or time.monotonic() < end or not is_seen():
            rtree.PACK_FROM = chance.choice([1, 2000])
            index.ingest(root, jobs=1)
            change(chance, root, done)
            if chance.random() < 0.3:
                index.prune()
            if chance.random() < 0.2:
                index.optimize()
            done += 1
    counted("runs of a writer under readers", done)


def enough(looks, readers):
    """Whether readers have looked, or have ended, which they should not."""
    return looks > 3 or not all(reader.is_alive() for reader in readers)


def finish(is_over, readers, errors, looks, counted):
    is_over.set()
    for reader in readers:
        reader.join()
    assert errors.empty(), errors.get()
    assert looks.value > 3
    counted("looks of readers at a busy index", looks.value)


@pytest.mark.parametrize("own", [False, True], ids=["kept open", "opened anew"])
@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_readers_see_whole_files(kind, own, busy, counted, monkeypatch):
    root, db = busy
    monkeypatch.setattr(rtree, "PACK_FROM", rtree.PACK_FROM)
    context = multiprocessing.get_context("fork")
    start = threading.Thread if kind == "threads" else context.Process
    is_over, looks, errors = context.Event(), context.Value("q", 0), context.Queue()
    arguments = (db, is_over, looks, errors)
    readers = [
        start(target=keep_looking, args=arguments, kwargs={"own": own}) for _ in range(N_READERS)
    ]
    for reader in readers:
        reader.start()
    with iidindex.open(db) as index:
        try:
            keep_writing(index, root, 0.03, 12, counted, lambda: enough(looks.value, readers))
        finally:
            is_over.set()
    finish(is_over, readers, errors, looks, counted)
    sound(db)


def test_one_index_shared_by_readers_and_the_writer(busy, counted, monkeypatch):
    """Threads that share the very object that ingests."""
    root, db = busy
    monkeypatch.setattr(rtree, "PACK_FROM", rtree.PACK_FROM)
    is_over, failures, looked = threading.Event(), [], Counter()

    def keep(index):
        try:
            while not is_over.is_set():
                look(index)
                looked["looks"] += 1
        except BaseException:
            failures.append(traceback.format_exc())

    with iidindex.open(db) as index:
        readers = [threading.Thread(target=keep, args=(index,)) for _ in range(N_READERS)]
        for reader in readers:
            reader.start()
        try:
            keep_writing(index, root, 0.02, 12, counted, lambda: enough(looked["looks"], readers))
        finally:
            is_over.set()
            for reader in readers:
                reader.join()
    assert not failures, failures[0]
    assert looked["looks"] > 3
    counted("looks of readers at a busy index", looked["looks"])
    sound(db)


def test_two_writers_take_turns_or_are_refused(busy, counted):
    """Nobody waits for ever, nothing is done twice, and the index is as one writer leaves it."""
    root, db = busy
    children = []
    for nth in range(4):
        child = os.fork()
        if child == 0:
            code = 99
            try:
                chance = random.Random(nth)
                done = 0
                while done < 3:
                    try:
                        with iidindex.open(db) as index:
                            chance.choice(
                                [index.optimize, index.prune, lambda: index.ingest(root)]
                            )()
                        done += 1
                    except iidindex.CatalogLockedError:
                        time.sleep(0.005)
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
    sound(db)
    with iidindex.open(db) as index:
        index.ingest(root)
        assert index.stats().files == N_FILES
        look(index)
    counted("writers at a time", 4)
