"""Clocks that stand, jump and go backwards: no mask is ever taken for another."""

import os
import shutil
import threading
import time
from itertools import count

import numpy as np
import pytest

import iidindex
from campaign import rounds, seeded
from conftest import write_garden
from iidindex import IIDFile, SourceNotFoundError, StaleFileError
from iidindex.files.scan import scan
from iidindex.storage import local_storage

SECOND = 10**9
# What a clock, a copying program or a person may give a file for its time.
TIMES = [0, 1, -1, -5 * SECOND, -(2**31) * SECOND, 2**31 * SECOND, 10**18 + 7, 10**18 + 8]
BOXES = [(3, 0, 6, 5), (7, 0, 10, 5), (7, 2, 10, 7)]


def content(chance):
    """A file of two rings with something inside. Every one is as long as every other."""
    file = IIDFile()
    for name, box in zip(
        chance.sample([b"tree", b"pond"], 2), chance.sample(BOXES, 2), strict=True
    ):
        mask = np.ones((3, 5), bool)
        mask[1, 1:4] = [chance.random() < 0.5 for _ in range(3)]
        file.add(name, b"d", box, mask, "g")
    return file.to_bytes()


def held(data):
    """By address: box, area, and mask."""
    return {
        entry.iid.address: (tuple(entry.seg.bbox), entry.seg.area, mask.tolist())
        for entry, mask in IIDFile(data).masks()
    }


def put(path, data, mtime_ns, chance):
    """Write into the very file, or put another in its place; with a time, if one is given."""
    target = path if chance.random() < 0.5 else path.with_suffix(".new")
    target.write_bytes(data)
    if mtime_ns is not None:
        os.utime(target, ns=(mtime_ns, mtime_ns))
    target.replace(path)


def test_any_sequence_of_changes_and_times(tmp_path, counted):
    """A file whose size or time differs is refused; one with both the same is never misread.

    What then comes is what the file holds now in a segment of that very box and area, or a
    refusal. After an ingest the index says what a new one would; after one that trusts the time
    of a file with other content, it says so once it may compare checksums.
    """
    for seed in rounds(12, share=0.03):
        with seeded(seed) as chance:
            root = tmp_path / str(seed)
            root.mkdir()
            path = root / "a.iid"
            now = content(chance)
            put(path, now, None, chance)
            (root / "other.iid").write_bytes(content(chance))
            with iidindex.open(tmp_path / f"{seed}.db", create=True) as index:
                index.ingest(root)
                indexed, stamp = now, path.stat()
                for _ in range(12):
                    now = content(chance)
                    mtime = chance.choice([None, None, *TIMES, stamp.st_mtime_ns])
                    mtime = stamp.st_mtime_ns + chance.choice([1, -1]) if mtime == 1 else mtime
                    put(path, now, mtime, chance)
                    is_same = path.stat().st_mtime_ns == stamp.st_mtime_ns
                    _check(index, held(indexed), held(now), is_same)
                    counted("changes of a file with some time or other")
                    if chance.random() < 0.6:
                        index.ingest(root, checksum=is_same)
                        indexed, stamp = now, path.stat()
                        _check_exactly(index, held(now))


def _check(index, then, now, is_same):
    rings = {(box, area): mask for box, area, mask in now.values()}
    for name, (box, area, mask) in answers_of(index, "a.iid").items():
        assert then[name][:2] == (box, area)
        assert mask is None or (is_same and mask == rings[box, area])


def _check_exactly(index, now):
    assert answers_of(index, "a.iid") == now


def answers_of(index, path):
    found = {}
    for entry in index.entries.where(path=path):
        try:
            mask = entry.mask().tolist()
        except (StaleFileError, SourceNotFoundError):
            mask = None
        found[entry.iid.address] = (tuple(entry.bbox), entry.area, mask)
    return found


def test_another_size_is_another_file_whatever_its_time(index, archive):
    """Somebody may give every file the time it had, as a copying program does."""
    path = archive / "2020" / "a.iid"
    before = path.stat()
    write_garden(path, extra=[b"new"])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(StaleFileError):
        index.entries.where(path="2020/a.iid").first().mask()
    assert [problem.location for problem in index.verify()] == [str(path)]
    assert index.ingest(archive).updated == 1
    assert index.entries.where(address=b"new").first().mask().any()


def test_a_mask_comes_from_the_file_that_is_there_now(index, archive):
    """Not from the one that was opened for the mask before, and lives on without a name."""
    path = archive / "2020" / "a.iid"
    entry = index.entries.where(path="2020/a.iid", key=0).first()
    mask = entry.mask()
    shutil.copy2(path, archive / "copy")
    (archive / "copy").replace(path)
    assert (entry.mask() == mask).all()
    write_garden(archive / "other.iid", shift=9)
    (archive / "other.iid").replace(path)
    with pytest.raises(StaleFileError):
        entry.mask()
    path.unlink()
    with pytest.raises(SourceNotFoundError, match="relocate"):
        entry.mask()


def test_a_file_just_written_is_read_when_the_clock_has_moved_on(tmp_path, monkeypatch):
    path = tmp_path / "a.iid"
    IIDFile().save(path)
    scan(path)
    assert time.time_ns() - path.stat().st_mtime_ns >= local_storage._STEP_NS
    # A whole second is the time of a file system that keeps no parts of it.
    monkeypatch.setattr(local_storage, "_WHOLE_STEP_NS", SECOND)
    whole = time.time_ns() // SECOND * SECOND
    os.utime(path, ns=(whole, whole))
    scan(path)
    assert time.time_ns() - whole >= SECOND


def test_a_time_in_the_future_or_long_ago_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(time, "sleep", None)
    IIDFile().save(tmp_path / "a.iid")
    for mtime in (*TIMES, time.time_ns() + 3600 * SECOND):
        os.utime(tmp_path / "a.iid", ns=(mtime, mtime))
        assert scan(tmp_path / "a.iid").stamp.mtime_ns == mtime


def test_a_writer_quicker_than_the_clock(tmp_path, counted):
    """As on kernels and file systems whose clock goes in steps: many contents have one time."""
    step = 8_000_000
    path = tmp_path / "archive" / "a.iid"
    path.parent.mkdir()
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        for seed in rounds(8, share=0.03):
            with seeded(seed) as chance:
                files = [content(chance) for _ in range(6)]
                written = _written_meanwhile(path, files, step, lambda: index.ingest(path.parent))
                counted("files written within a step of the clock", written)
                index.ingest(path.parent)
                assert answers_of(index, "a.iid") == held(path.read_bytes())


def _written_meanwhile(path, files, step, work):
    """Write files until the work is done, their times cut down to steps; return how many."""
    is_over = threading.Event()
    written = 0

    def write(data):
        temporary = path.with_suffix(".new")
        mtime = 0
        # A clock in steps never gives a time that was over long before; where this thread had
        # to wait, it did not behave like one.
        while time.time_ns() - mtime >= 2 * step:
            temporary.write_bytes(data)
            mtime = time.time_ns() // step * step
            os.utime(temporary, ns=(mtime, mtime))
            temporary.replace(path)

    def keep_writing():
        nonlocal written
        for nth in count():
            write(files[nth % len(files)])
            written = nth + 1
            if is_over.is_set():
                return

    write(files[0])
    thread = threading.Thread(target=keep_writing)
    thread.start()
    try:
        work()
    finally:
        is_over.set()
        thread.join()
    return written
