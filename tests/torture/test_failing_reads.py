"""Disks that fail, reads that fall short, files that are cut off under whoever reads them."""

import errno
import os
import threading
import time
from itertools import count

import numpy as np
import pytest

import iidindex
from campaign import rounds, seconds, seeded
from conftest import write_garden
from iidindex import IIDFile, IIDFormatError, IIDIndexError, SourceError
from iidindex.files.scan import scan
from iidindex.storage.local import LocalFile
from iidindex.system import positioned
from model import make
from test_full_disk import in_child
from test_ingest import content, counts, fresh


class Faults:
    """Stands before the system's call that reads: fails it, or gives less than was asked for.

    Attributes
    ----------
    calls : int
        How often it was called.
    """

    def __init__(self, monkeypatch, *, fail_at=(), error=errno.EIO, most=None, end=None):
        self.calls = 0
        self.fail_at, self.error, self.most, self.end = fail_at, error, most, end
        self._real = positioned.read_at
        monkeypatch.setattr(positioned, "read_at", self)
        monkeypatch.setattr(positioned, "fill", positioned.fill_by_copying)

    def __call__(self, fd, length, offset):
        self.calls += 1
        if self.calls in self.fail_at:
            raise OSError(self.error, os.strerror(self.error))
        if self.end is not None:
            length = max(0, min(length, self.end - offset))
        return self._real(fd, length if self.most is None else min(length, self.most()), offset)


def write_large(path):
    """A file that is mapped, and scanned in more than one read."""
    file = IIDFile()
    for nth in range(60):
        mask = np.ones((200, 200 + nth), bool)
        file.add(b"%d" % nth, b"d", (nth, 0, nth + 200, 200 + nth), mask, ["g", f"h{nth % 3}"])
    file.meta.data = {"large": True}
    file.save(path)


def facts(columns):
    return columns.key.tolist(), columns.bbox.tolist(), columns.digest, columns.meta


@pytest.mark.parametrize("write", [write_garden, write_large])
def test_every_read_may_fail(write, tmp_path, monkeypatch, counted):
    path = tmp_path / "a.iid"
    write(path)
    expected = facts(scan(path))
    with monkeypatch.context() as patch:
        faults = Faults(patch)
        scan(path)
        n_calls = faults.calls
    for number in range(1, n_calls + 1):
        for error in (errno.EIO, errno.ESTALE, errno.ENOMEM):
            with monkeypatch.context() as patch:
                Faults(patch, fail_at={number}, error=error)
                with pytest.raises(SourceError, match=f"a.iid: cannot be .*{os.strerror(error)}"):
                    scan(path)
            counted("reads that failed")
    assert facts(scan(path)) == expected


@pytest.mark.parametrize("write", [write_garden, write_large])
def test_reads_may_fall_short(write, tmp_path, monkeypatch, counted):
    """The system may give any part of what was asked for, and is asked for the rest."""
    path = tmp_path / "a.iid"
    write(path)
    expected = facts(scan(path))
    whole = path.read_bytes()
    for seed in rounds(3, share=0.005):
        with seeded(seed) as chance, monkeypatch.context() as patch:
            size = chance.choice([1, 7, 1000])
            if write is write_large:
                size *= 1000
            faults = Faults(patch, most=lambda chance=chance, size=size: chance.randint(1, size))
            assert facts(scan(path)) == expected
            with LocalFile(path) as source:
                assert source.read(0, len(whole) + 5) == whole
                assert source.read(17, 1000) == whole[17:1017]
            counted("reads that fell short", faults.calls)


@pytest.mark.parametrize("write", [write_garden, write_large])
def test_a_file_may_end_early(write, tmp_path, monkeypatch, counted):
    """As a server may have it that tells one size and gives another."""
    path = tmp_path / "a.iid"
    write(path)
    size = path.stat().st_size
    for end in [0, 1, 47, 48, 49, *np.linspace(50, size - 1, 40).astype(int).tolist()]:
        with monkeypatch.context() as patch:
            Faults(patch, end=end)
            try:
                found = scan(path)
            except (IIDFormatError, SourceError) as error:
                assert "a.iid" in str(error)  # noqa: PT017
            else:
                # What is missing are the bits of masks, which a scan does not read.
                assert len(found) == (3 if write is write_garden else 60)
            counted("files that ended early")


def test_masks_are_refused_when_reads_fail(index, monkeypatch, counted):
    entry = index.entries.where(path="2020/a.iid", key=0).first()
    mask = entry.mask()
    for faults in ({"fail_at": {1}}, {"end": entry.bufloc.end - 1}, {"end": 0}):
        with monkeypatch.context() as patch:
            Faults(patch, **faults)
            with pytest.raises(SourceError, match="a.iid"):
                entry.mask()
            counted("reads that failed")
        with monkeypatch.context() as patch:
            Faults(patch, **faults | {"fail_at": range(1, 1000)})
            assert not index.entries.where(address=b"tree").at(70, 110, on_stale="skip").exists()
            counted("reads that failed")
    assert index.entries.where(address=b"tree").at(70, 110, on_stale="skip").count() == 2
    with monkeypatch.context() as patch:
        Faults(patch, most=lambda: 3)
        assert (entry.mask() == mask).all()
    assert (entry.mask() == mask).all()


def test_what_failed_to_be_read_is_tried_again(archive, tmp_path, monkeypatch, counted):
    """A disk may be well again though no file has another time."""
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        for number in count(1):
            with monkeypatch.context() as patch:
                # A file that fails among others is read once more, alone.
                faults = Faults(patch, fail_at=set(range(number, 100)))
                report = index.ingest(archive, checksum=True, jobs=1)
            counted("reads that failed")
            if faults.calls < number:
                break
            assert report.failed == 4 - number
            assert all("Input/output error" in why for why in report.failures.values())
            # It reads those alone which failed.
            again = index.ingest(archive)
            expected = {"updated": report.failed, "unchanged": 3 - report.failed}
            assert counts(again) == {kind: times for kind, times in expected.items() if times}
            assert content(index) == fresh(archive, tmp_path)
        assert number > 2


def questions(path):
    """Everything that can be asked of an open file."""
    return [
        len, lambda file: file.iids, lambda file: file.bboxes, lambda file: file.areas,
        lambda file: file.meta, lambda file: file.groups.list(), lambda file: file.to_bytes(),
        lambda file: file.fetch(everything=True), lambda file: file.at(100, 100),
        lambda file: file.region((0, 0, 300, 300)), lambda file: file.overlap_graph(),
        lambda file: [mask.sum() for _, mask in file.masks()],
        lambda file: [entry.seg.mask().sum() for entry in file],
        lambda file: [entry.iid for entry in file], lambda file: file.look_for(b"5", segs=True),
        lambda file: file.save(path.with_suffix(".copy")),
    ]  # fmt: skip


@pytest.mark.parametrize("warm", [False, True], ids=["untouched", "used before"])
def test_a_mapped_file_that_is_cut_short_ends_in_an_error(warm, tmp_path, counted):
    """Not in the signal that the system has for those who touch what is gone."""
    path = tmp_path / "large.iid"
    write_large(path)
    whole = path.read_bytes()
    assert len(whole) > 1 << 18
    for length in (0, 47, 4096, len(whole) // 2, len(whole) - 1):
        for question in questions(path):
            path.write_bytes(whole)
            file = IIDFile(path)
            if warm:
                assert len(file) == 60
                assert file.fetch([3])[0].seg.mask().all()
            os.truncate(path, length)

            def ask(file=file, question=question):
                question(file)

            # Some answers need no more than what was read before.
            refused = in_child(ask)
            assert refused or warm
            counted("files cut short under their reader", refused)
            file.close()
    assert not path.with_suffix(".copy").exists()


def test_files_cut_off_and_mended_while_an_index_reads_them(tmp_path, counted):
    """Ingests and masks read; nothing that happens to a file meanwhile can end the process."""
    root = tmp_path / "archive"
    root.mkdir()
    path = root / "large.iid"
    write_large(path)
    whole = path.read_bytes()
    db = tmp_path / "x.db"
    is_over = threading.Event()
    runs = 0

    def disturb():
        with seeded(1) as chance:
            while not is_over.is_set():
                with open(path, "r+b") as file:
                    file.truncate(chance.randrange(len(whole)))
                    file.write(whole)

    def work():
        with iidindex.open(db, create=True) as index:
            for _ in range(5):
                index.ingest(root, checksum=True, jobs=1)
                for entry in index.entries:
                    try:
                        mask = entry.mask()
                    except IIDIndexError:
                        continue
                    assert mask.all()

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        end = time.monotonic() + seconds(0.02)
        while runs < 3 or time.monotonic() < end:
            assert in_child(work) == 0
            runs += 1
    finally:
        is_over.set()
        thread.join()
    counted("runs over a file that is cut off and mended", runs)
    path.write_bytes(whole)
    with iidindex.open(db) as index:
        index.ingest(root, checksum=True)
        assert content(index) == fresh(root, tmp_path)


def test_reads_that_the_system_itself_refuses(tmp_path):
    """Nothing in between: the memory of this process is a file whose first bytes cannot be read."""
    with LocalFile("/proc/self/mem") as source, pytest.raises(SourceError, match="Input/output"):
        source.read(0, 48)
    write_garden(tmp_path / "archive" / "a.iid")
    (tmp_path / "archive" / "odd.iid").symlink_to("/proc/self/mem")
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        assert counts(index.ingest(tmp_path / "archive")) == {"added": 1, "failed": 1}


class Vanishing:
    """Stands before the system's call that looks at a file, and removes it at the n-th look."""

    def __init__(self, path, moment):
        self.path, self.left, self._real = path, moment, os.stat

    def __call__(self, name, *rest, **named):
        if str(name) == str(self.path):
            self.left -= 1
            if not self.left:
                self.path.unlink()
        return self._real(name, *rest, **named)


def test_a_file_that_is_gone_between_two_looks(tmp_path, monkeypatch, counted):
    """A single file may vanish at any moment of its ingest: an error of ours, or a failed file."""
    for seed in rounds(3, share=0.005):
        with seeded(seed) as chance:
            path = tmp_path / f"{seed}.iid"
            data = make(chance)
            db = tmp_path / f"{seed}.db"
            iidindex.open(db, create=True).close()
            for moment in count(1):
                path.write_bytes(data)
                with monkeypatch.context() as patch:
                    patch.setattr(os, "stat", Vanishing(path, moment))
                    try:
                        with iidindex.open(db) as index:
                            index.ingest(path)
                    except IIDIndexError as error:
                        assert path.name in str(error)  # noqa: PT017
                counted("files that vanished")
                if path.exists():
                    break
            assert moment > 2
