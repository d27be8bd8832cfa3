"""One execution of the fuzzer, and a corpus that grows by what was never met before.

Run as a program, it goes on for so many executions and keeps what it found::

    python tests/torture/fuzz.py --executions 1000000 --corpus DIRECTORY
"""

import sys
import tracemalloc
from contextlib import ExitStack
from copy import copy
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

import build
from arcs import Arcs
from bounds import Bounds, little_room
from build import Row
from doors import MAX_PIXELS, ask_everything, ask_more, compare
from hostile import no_hang
from mutate import Mutator, Seed

# What an execution may take beside a multiple of the file, and of the pixels asked for.
BASE_BYTES, PER_BYTE, PER_PIXEL = 4 << 20, 100, 40
# The corpus grows no further.
MAX_SEEDS = 5000


def execute(data, thorough=False):
    """Ask bytes for all they have: each question is answered or refused with the one error.

    If `thorough`, every other door is tried as well, and what is answered is compared with the
    slow reader.
    """
    outcome, file = ask_everything(data)
    if thorough:
        ask_more(data, outcome)
        if file is not None and not outcome.errors and outcome.pixels <= MAX_PIXELS:
            compare(file, data)
    return outcome


def execute_measured(data):
    """Execute, and refuse an allocation that the file does not justify."""
    tracemalloc.start()
    try:
        outcome = execute(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    pixels = min(outcome.pixels, MAX_PIXELS)
    assert peak < BASE_BYTES + PER_BYTE * len(data) + PER_PIXEL * pixels, (peak, len(data), pixels)
    return outcome


def first_seeds():
    """Valid files, small, each unlike the others."""
    square = build.region((10, 10, 12, 13), b"\xfc")
    two = [square, build.region((12, 12, 13, 15), b"\xe0")]
    many = [build.region((nth, 0, nth + 1, 3), b"\xa0") for nth in range(18)]
    rows = [
        Row(0, b"d", b"tree", (10, 10, 14, 15), two, 9),
        Row(1, b"", b"x", (11, 10, 20, 30), [build.region((11, 10, 20, 30), b"\x55" * 23)], 90),
        Row(2, b"d", b"", (3, 3, 3, 9), [], 0),
    ]
    odd = [
        Row(9, b"d", b"tree", (10, 10, 14, 15), two, 9, 7, 8),
        Row(2, b"", b"x", (11, 10, 65535, 65535), [build.region((12, 12, 12, 12), b"")], 6),
        Row(2**32 - 1, b"e", b"y", (0, 0, 18, 3), many, 36),
    ]
    chains = [Row(key, b"", b"%d" % key, (0, 0, 18, 3), many[: 3 + key], 9) for key in range(30)]
    return [
        build.odd_file(rows[:1], groups=[("g", [0])]),
        build.odd_file(rows, groups=[("g", [0]), ("h", [0, 2]), ("g", [1])], meta=b'{"a": [1, 2]}'),
        build.odd_file(
            odd,
            groups=[("ü", [9])],
            meta=build.prefixed(b"[null]"),
            record_gap=b"-",
            backwards=True,
            order=("segs", "meta", "lut", "groups", "iids"),
            gap=b"\xff",
        ),
        build.odd_file(chains),
        build.odd_file([]),
    ]


class Fuzzer:
    """Executes mutations of a corpus, and adds to it what meets anything new.

    New is a refusal in other words, an accepted file of another sort, or a step from one line of
    the decoding to the next that no input took before.

    Parameters
    ----------
    chance : random.Random
    inputs : iterable of bytes
        To begin with.
    """

    def __init__(self, chance, inputs=()):
        self.chance = chance
        self.mutator = Mutator(chance)
        self.arcs = Arcs()
        self.bounds = Bounds()
        self.seeds = []
        self.sound = []
        self.features = set()
        self.steps = set()
        self.executions = self.refused = self.measured = self.compared = 0
        for data in [*first_seeds(), *inputs]:
            with self.arcs.following():
                outcome = execute(data, thorough=True)
            self._learn(data, outcome)

    def renewed(self, chance):
        """One that knows what this one does, and goes on by a chance of its own."""
        new = copy(self)
        new.chance, new.mutator = chance, Mutator(chance)
        new.seeds, new.sound = [*self.seeds], [*self.sound]
        new.features, new.steps = {*self.features}, {*self.steps}
        return new

    def run(self, executions):
        """Execute so often, each in little time and little room."""
        data = b""
        try:
            with ExitStack() as stack:
                for bound in (no_hang(executions), self.bounds.watched(), little_room()):
                    stack.enter_context(bound)
                for nth in range(executions):
                    data = self.mutator.mutate(self._seed(), self._seed())
                    outcome = self.bounds.work(self._execute, data, nth)
                    self.refused += bool(outcome.errors)
                    self._learn(data, outcome)
        except BaseException as error:
            error.add_note(f"the input was {data.hex()}")
            raise
        self.executions += executions

    def _execute(self, data, nth):
        if nth % 50 == 1:
            self.arcs.met = set()
            self.measured += 1
            return execute_measured(data)
        thorough = nth % 20 == 0
        self.compared += thorough
        # To be followed costs twice the time that the rest takes.
        if nth % 4:
            self.arcs.met = set()
            return execute(data)
        with self.arcs.following():
            return execute(data, thorough=thorough)

    def _seed(self):
        """Mostly one without a fault: what is refused at its header is not read any further."""
        return self.chance.choice(self.sound if self.chance.random() < 0.8 else self.seeds)

    def _learn(self, data, outcome):
        if outcome.features <= self.features and self.arcs.met <= self.steps:
            return
        self.features |= outcome.features
        self.steps |= self.arcs.met
        if len(self.seeds) >= MAX_SEEDS:
            return
        seed = Seed(data)
        self.seeds.append(seed)
        if not outcome.errors:
            self.sound.append(seed)

    @property
    def messages(self):
        """Distinct refusals that were met: section and words."""
        return {told for told in self.features if len(told) == 2}


def main():
    import argparse
    import random
    import time

    parser = argparse.ArgumentParser()
    parser.add_argument("--executions", type=int, default=100_000)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    kept = sorted(asked.corpus.glob("*.iid")) if asked.corpus else []
    fuzzer = Fuzzer(random.Random(asked.seed), [path.read_bytes() for path in kept])
    begin = time.perf_counter()
    while fuzzer.executions < asked.executions:
        fuzzer.run(min(1000, asked.executions - fuzzer.executions))
        if fuzzer.executions % 20_000 == 0 or fuzzer.executions == asked.executions:
            rate = fuzzer.executions / (time.perf_counter() - begin)
            print(
                f"{fuzzer.executions} executions, {rate:.0f}/s, {fuzzer.refused} refused, "
                f"{len(fuzzer.messages)} messages, {len(fuzzer.steps)} steps, "
                f"{len(fuzzer.seeds)} inputs kept, {fuzzer.compared} through every door, "
                f"{fuzzer.measured} measured, "
                f"the slowest {1000 * fuzzer.bounds.slowest:.0f} ms",
                flush=True,
            )
    if asked.corpus:
        asked.corpus.mkdir(exist_ok=True)
        for nth, seed in enumerate(fuzzer.seeds):
            (asked.corpus / f"{nth:04}.iid").write_bytes(seed.data)
        for section, words in sorted(fuzzer.messages, key=str):
            print(f"{section}: {words}")


if __name__ == "__main__":
    main()
