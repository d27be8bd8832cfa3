"""Originals that stay open between questions: looked at each time, bounded, and given up."""

import gc
import os
import resource
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager

import numpy as np
import pytest

import iidindex
from conftest import write_garden
from iidindex import IIDFile, SourceNotFoundError, StaleFileError
from iidindex.model import FileStamp
from iidindex.storage import local_ranges
from iidindex.storage.local_ranges import LocalRanges
from iidindex.storage.local_storage import LOCAL
from iidindex.storage.protocol import OneByOne
from iidindex.system import portable, positioned

pytestmark = pytest.mark.skipif(portable.FORCED, reason="nothing is held there")

A = "2020/a.iid"


@pytest.fixture(autouse=True)
def of_no_other_test():
    for ranges in list(local_ranges._HOLDERS._all):
        ranges.close()


def held(directory):
    """Descriptors of this process that lead below a directory, by what they lead to."""
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{number}"))
        except OSError:
            continue
    return sorted(name for name in found if name.startswith(str(directory)) and ".iid" in name)


@pytest.fixture
def opened(monkeypatch):
    """The files that are opened to read parts of them."""
    seen = []
    real = positioned.open_alone

    def noted(path):
        seen.append(path)
        return real(path)

    monkeypatch.setattr(positioned, "open_alone", noted)
    return seen


QUESTIONS = {
    "at": lambda index: [(entry.path, entry.key) for entry in index.entries.at(70, 125)],
    "mask": lambda index: index.entry(A, 0).mask().tolist(),
}


@pytest.fixture(params=QUESTIONS)
def ask(request, archive):
    gc.collect()  # whoever wrote the archive has it open
    return QUESTIONS[request.param]


def test_a_second_question_opens_nothing(index, archive, opened, ask):
    before = ask(index)
    assert opened
    assert held(archive) == sorted(opened)
    opened.clear()
    assert ask(index) == before
    assert opened == []
    index.close()
    assert held(archive) == []


def replaced(path, change=lambda content: content):
    """Put another file in the place of one, with its time."""
    status = path.stat()
    content = bytearray(path.read_bytes())
    path.with_suffix(".new").write_bytes(change(content))
    os.utime(path.with_suffix(".new"), ns=(0, status.st_mtime_ns))
    path.with_suffix(".new").rename(path)


def test_a_file_written_to_is_noticed_and_let_go(index, archive, ask):
    ask(index)
    write_garden(archive / A, shift=7)
    gc.collect()
    with pytest.raises(StaleFileError, match=r"a\.iid: has changed since it was indexed"):
        ask(index)
    assert str(archive / A) not in held(archive)


def test_a_file_of_another_size_in_its_place_is_noticed_and_let_go(index, archive, ask):
    ask(index)
    replaced(archive / A, lambda content: content + b"\0")
    with pytest.raises(StaleFileError, match=r"a\.iid: has changed since it was indexed: size"):
        ask(index)
    assert not [name for name in held(archive) if "a.iid" in name]


def test_a_file_that_is_gone_gives_its_space_back(index, archive, ask):
    ask(index)
    (archive / A).unlink()
    assert f"{archive / A} (deleted)" in held(archive)
    with pytest.raises(SourceNotFoundError, match="relocate"):
        ask(index)
    assert not [name for name in held(archive) if "a.iid" in name]


def test_what_lies_at_the_path_is_read_not_what_was_opened(index, archive):
    """A copy with the same size and time, and with a pixel that is another, is what is there."""
    entry = index.entry(A, 0)
    row, column = 20, 20
    assert entry.mask()[row, column]
    assert entry.id in index.entries.at(50 + column, 100 + row).ids()
    place = row * entry.bbox.width + column
    first = entry.bufloc.end - -(-entry.bbox.n_pixels // 8)

    def without(content):
        content[first + place // 8] ^= 128 >> place % 8
        return content

    replaced(archive / A, without)
    assert entry.id not in index.entries.at(50 + column, 100 + row).ids()
    assert not entry.mask((100 + row, 50 + column, 101 + row, 51 + column)).any()


def test_files_that_are_replaced_again_and_again(index, archive, ask):
    before = ask(index)
    for _ in range(5):
        replaced(archive / A)
        assert ask(index) == before
        assert [name for name in held(archive) if "deleted" in name] == []


@contextmanager
def at_most(number):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def many(tmp_path):
    """Sixty files, of which each mask tells the file."""
    (tmp_path / "many").mkdir()
    for nth in range(60):
        bits = np.array([nth >> bit & 1 for bit in range(8)], bool)
        mask = np.ones((300, 8), bool)
        mask[1:-1] = bits
        with IIDFile() as file:
            file.add(b"x", None, (0, 0, 300, 8), mask)
            file.save(tmp_path / "many" / f"{nth:02}.iid")
    with iidindex.open(tmp_path / "many.db", create=True) as index:
        index.ingest(tmp_path / "many")
    return tmp_path


def told(entry):
    """The number of the file, by its mask."""
    return sum(int(bit) << place for place, bit in enumerate(entry.mask()[150]))


def test_all_indexes_of_a_process_share_what_they_may_hold(many):
    with (
        at_most(100),
        iidindex.open(many / "many.db") as one,
        iidindex.open(many / "many.db") as two,
    ):
        for index in (one, two, one, two):
            assert index.entries.at(3, 0).count() == 60
            assert [told(entry) for entry in index.entries] == [*range(60)]
            assert len(held(many)) == 25
    assert held(many) == []


def test_what_is_held_is_not_driven_out_by_what_was_asked_last(many, opened):
    """Else a question of a few more files than can be held would open all of them each time."""
    with at_most(100), iidindex.open(many / "many.db") as index:
        index.entries.at(3, 0).count()
        opened.clear()
        index.entries.at(3, 0).count()
        assert len(opened) == 35


def test_what_nobody_asks_for_is_let_go(many, monkeypatch):
    with iidindex.open(many / "many.db") as index, iidindex.open(many / "many.db") as other:
        index.entries.at(3, 0).count()
        assert len(held(many)) == 60
        monkeypatch.setattr(local_ranges, "_IDLE", -1)
        monkeypatch.setattr(local_ranges._HOLDERS, "_next_look", 0)
        assert other.entries.where(path="07.iid").at(3, 0).count() == 1
        assert held(many) == []


def test_an_index_that_nobody_closes_lets_go(many):
    index = iidindex.open(many / "many.db")
    index.entries.at(3, 0).count()
    assert len(held(many)) == 60
    del index
    assert held(many) == []


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_holds_nothing_of_its_parent(many):
    with iidindex.open(many / "many.db") as index:
        index.entries.at(3, 0).count()
        assert len(held(many)) == 60
        child = os.fork()
        if not child:
            code = 1
            try:
                if held(many) == []:
                    right = [told(entry) for entry in index.entries] == [*range(60)]
                    code = 0 if right and len(held(many)) == 60 else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert len(held(many)) == 60
        assert [told(entry) for entry in index.entries] == [*range(60)]


def test_nobody_reads_from_the_number_of_a_closed_file(many, monkeypatch):
    """Threads drop files, and open others in their places, while others read from them."""
    monkeypatch.setattr(local_ranges, "_IDLE", -1)
    wrong = []
    # Whatever other tests have left open, four threads have connections of their own.
    allowed = len(os.listdir("/proc/self/fd")) + 48
    assert allowed // 4 < 60
    with at_most(allowed), iidindex.open(many / "many.db") as index:
        entries = list(index.entries)

        def read(seed):
            order = np.random.default_rng(seed).integers(0, 60, 300).tolist()
            for nth in order:
                local_ranges._HOLDERS._next_look = 0
                if told(entries[nth]) != nth:
                    wrong.append(nth)

        threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_filling_says_what_is_wrong_with_each(many):
    """The others are read all the same, the first time and the second."""
    for reader in (LocalRanges(), OneByOne(LocalRanges())):
        copies = [many / f"{nth}.iid" for nth in range(6)]
        for path in copies:
            shutil.copy2(many / "many" / "07.iid", path)
        stamps = [LOCAL.stamp(str(path)) for path in copies]
        size = stamps[0].size
        for turn in range(2):
            if turn:
                copies[1].unlink()
                copies[3].write_bytes(b"")
                stamps[4] = FileStamp(size, 1)
            out = memoryview(bytearray(6 * (size - 7)))
            wanted = [
                (str(path), stamp, [(0, 4), (7, size - 11)], nth * (size - 7))
                for nth, (path, stamp) in enumerate(zip(copies, stamps, strict=True))
            ]
            wanted[5] = (*wanted[5][:2], [(0, 4), (size - 4, size - 11)], wanted[5][3])
            failed = reader.fill(wanted, out)
            kinds = {nth: type(error) for nth, error in failed.items()}
            stale = {3: StaleFileError, 4: StaleFileError} if turn else {}
            gone = {1: SourceNotFoundError} if turn else {}
            assert kinds == {5: StaleFileError} | stale | gone
            assert "is shorter than when it was indexed" in str(failed[5])
            for nth in {*range(6)} - failed.keys():
                content = copies[nth].read_bytes()
                part = out[nth * (size - 7) : (nth + 1) * (size - 7)]
                assert part.tobytes() == content[:4] + content[7 : size - 4]
        reader.close()


def test_a_directory_or_a_pipe_in_the_place_of_a_file(index, archive, ask):
    ask(index)
    for make in (os.mkdir, os.mkfifo):
        (archive / A).unlink(missing_ok=True)
        make(archive / A)
        with pytest.raises(iidindex.SourceError, match=r"a\.iid: is not a regular file"):
            ask(index)
        os.rmdir(archive / A) if make is os.mkdir else os.unlink(archive / A)


def test_where_what_is_open_cannot_be_removed_nothing_is_held(index, archive):
    before = [QUESTIONS["at"](index), QUESTIONS["mask"](index)]
    code = f"""
import sys
sys.path.insert(0, {os.path.dirname(__file__)!r})
import iidindex, test_held_files as own
with iidindex.open(sys.argv[1]) as index:
    print([own.QUESTIONS["at"](index), own.QUESTIONS["mask"](index)])
    print(own.held(sys.argv[2]))
"""
    result = subprocess.run(
        [sys.executable, "-c", code, str(index._catalog.store.path), str(archive)],
        env={**os.environ, "IIDINDEX_PORTABLE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == f"{before}\n[]\n"
