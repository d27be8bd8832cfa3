"""What guards the fuzzer does fail: a fault that it would not notice is none that it can find."""

import gc
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from arcs import Arcs
from bounds import Bounds
from build import Row, odd_file, region
from doors import Outcome, ask_changed, ask_everything, ask_path, ask_questions, ask_rows
from fuzz import Fuzzer, execute_measured
from hostile import Hang
from iidindex import IIDFile, IIDFormatError
from iidindex.codec import reader
from iidindex.files import part
from iidindex.storage import local as source

SQUARE = [region((10, 10, 12, 13), b"\xfc")]
VALID = odd_file(
    [Row(0, b"d", b"tree", (10, 10, 14, 15), SQUARE, 6), Row(1, b"", b"x", (9, 9, 12, 12), [], 0)],
    groups=[("g", [0])],
)


def test_what_never_ends_is_ended():
    def for_ever():
        while True:
            pass

    with Bounds(0.05).watched() as bounds, pytest.raises(Hang):
        bounds.work(for_ever)


def test_work_within_its_time_is_left_alone():
    with Bounds(5).watched() as bounds:
        assert bounds.work(sum, range(10**6)) == 499999500000
    assert 0 < bounds.slowest < 5


def test_what_lay_about_before_is_not_the_work_s_to_collect():
    class Rubbish:
        """Takes long to be collected."""

        def __init__(self):
            self.itself = self

        def __del__(self):
            for _ in range(10**6):
                pass

    rubbish = [Rubbish() for _ in range(10)]
    del rubbish
    with Bounds(0.05).watched() as bounds:
        bounds.work(gc.collect)


HUNGRY = """
import resource
import numpy as np
from bounds import little_room

before = resource.getrlimit(resource.RLIMIT_AS)
try:
    with little_room(32 << 20):
        np.ones(64 << 20, np.uint8)
except MemoryError:
    print("refused")
assert resource.getrlimit(resource.RLIMIT_AS) == before
np.ones(64 << 20, np.uint8)
"""


def test_what_takes_too_much_room_is_refused():
    # In a process that has freed nothing yet: what was freed is given again, within any bound.
    here = Path(__file__).parent
    path = [str(here), str(here.parent)]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}\n{HUNGRY}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "refused\n"), done.stderr


def test_an_allocation_that_no_file_justifies(monkeypatch):
    real = reader.read_segments

    def generous(data, lut):
        np.ones(8 << 20, np.uint8)
        return real(data, lut)

    execute_measured(VALID)
    monkeypatch.setattr(part, "read_segments", generous)
    with pytest.raises(AssertionError):
        execute_measured(VALID)


def test_a_mask_too_large_for_memory_is_no_refusal_here():
    outcome = Outcome()

    def too_large():
        raise IIDFormatError("does not fit into memory", section="segs", source="<memory>")

    with pytest.raises(AssertionError):
        outcome.ask(too_large)


def test_steps_are_followed_in_the_rooms_that_decode():
    arcs, before = Arcs(), sys.gettrace()
    with arcs.following():
        IIDFile(VALID)
    few = arcs.met
    assert {code.co_filename.rsplit("/", 2)[1] for code, *_ in few} >= {"codec", "files"}
    with arcs.following():
        ask_everything(VALID)
    assert arcs.met > few
    assert sys.gettrace() is before


def test_a_new_step_is_kept_though_nothing_is_said():
    fuzzer = Fuzzer(random.Random(0))
    kept = len(fuzzer.seeds)
    outcome, _ = ask_everything(VALID)
    fuzzer.features |= outcome.features
    fuzzer.arcs.met = {("a", 1, 2)}
    fuzzer._learn(VALID, outcome)
    fuzzer._learn(VALID, outcome)
    assert len(fuzzer.seeds) == kept + 1


@pytest.mark.parametrize("door", [ask_rows, ask_questions])
def test_doors_that_differ_are_told_apart(door, monkeypatch):
    """A single row that is read otherwise than its column, and a question that is refused."""
    outcome, _ = ask_everything(VALID)
    door(VALID, outcome)
    real = part.Part.iid
    monkeypatch.setattr(part.Part, "iid", lambda self, row: real(self, row)._replace(address=b"?"))
    monkeypatch.setattr(part.Part, "regions", _refuse)
    with pytest.raises(AssertionError):
        door(VALID, outcome)


def _refuse(self, rows):
    raise IIDFormatError("refused", section="segs", source=self.name)


def test_a_file_that_is_written_otherwise_than_it_was_read(monkeypatch):
    outcome, _ = ask_everything(VALID)
    ask_changed(VALID, outcome)
    other = odd_file([Row(0, b"d", b"tree", (10, 10, 14, 15), SQUARE, 6)])
    monkeypatch.setattr(IIDFile, "to_bytes", lambda self: other)
    with pytest.raises(AssertionError):
        ask_changed(VALID, outcome)


def test_a_path_is_read_as_its_bytes_are(monkeypatch):
    outcome, _ = ask_everything(VALID)
    real = source.LocalFile.data

    def damaged(self):
        data = real(self).copy()
        data[-4:] = 255  # an area that no box has
        return data

    for is_large in (False, True):
        ask_path(VALID, outcome, is_large)
        with monkeypatch.context() as patch:
            patch.setattr(source.LocalFile, "data", damaged)
            with pytest.raises(AssertionError):
                ask_path(VALID, outcome, is_large)
