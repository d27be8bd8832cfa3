"""One execution of the fuzzer, and a corpus that grows by what was never met before.

Run as a program, it goes on for so many executions and keeps what it found::

    python tests/torture/fuzz.py --executions 1000000 --corpus DIRECTORY
"""

import re
import sys
import tracemalloc
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

import numpy as np

import brute
import build
from build import Row
from hostile import no_hang
from iidindex import IIDFile, IIDFormatError
from iidindex.files.scan import _scan
from iidindex.files.source import MemoryFile
from mutate import Mutator, Seed

# Masks of more pixels together are not unpacked, but for a corner of each.
MAX_PIXELS = 1 << 20
# What an execution may take beside a multiple of the file, and of the pixels asked for.
BASE_BYTES, PER_BYTE, PER_PIXEL = 4 << 20, 100, 40
# The corpus grows no further.
MAX_SEEDS = 3000

NAME = "<memory>"
NUMBER = re.compile(r"0x[0-9a-f]+|-?\d+(\.\d+)?(e[+-]?\d+)?|nan|inf", re.I)
QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|\(.*\)|<.*>")


class Outcome:
    """What came of asking: the questions that were refused, and with which words."""

    def __init__(self):
        self.errors = []
        self.pixels = 0
        self.facts = ()

    def ask(self, question, *args, **named):
        """The answer; None and a note, if it is a format error that names the file."""
        try:
            return question(*args, **named)
        except IIDFormatError as error:
            found = error
        assert found.source == NAME, found
        assert found.problem, found
        self.errors.append(found)
        return None

    @property
    def features(self):
        """What was met: refusals, but for their numbers, or what an accepted file is like."""
        told = {(error.section, shape(error.problem)) for error in self.errors}
        return told or {self.facts}

    @property
    def label(self):
        """The section and the words of the only refusal, as part of a file name."""
        if not self.errors:
            return "valid"
        ((section, words),) = self.features
        # What follows differs from one version of Python to the next.
        words = words.partition("not JSON")[1] or words
        return f"{section}-{'-'.join(re.findall('[a-z]+', words.lower())[:9])}"


def shape(problem):
    """A message without what differs from file to file."""
    return QUOTED.sub("_", NUMBER.sub("#", problem))[:90]


def execute(data, thorough=False):
    """Ask bytes for all they have: each question is answered or refused with the one error.

    If `thorough`, what is answered is compared with the slow reader.
    """
    outcome = Outcome()
    file = outcome.ask(IIDFile, data)
    columns = outcome.ask(_scanned, data)
    first = outcome.errors[0] if outcome.errors else None
    if file is None:
        assert columns is None
        return outcome
    boxes = outcome.ask(lambda: file.bboxes)
    told = [boxes, outcome.ask(lambda: file.areas), outcome.ask(lambda: file.iids)]
    told += [outcome.ask(lambda: file.meta), outcome.ask(lambda: file.groups)]
    # A scan answers what an open file answers; masks are none of its business.
    assert (columns is None) == any(one is None for one in told), (first, outcome.errors)
    if boxes is not None:
        _ask_masks(outcome, file, boxes.astype(int))
    if columns is not None:
        assert len(columns) == len(file)
        outcome.facts = (min(len(file), 3), min(len(columns.groups), 2), len(columns.meta) > 2)
    if columns is not None and not outcome.errors:
        order = tuple(sorted(range(5), key=lambda nth: file.header.sections[nth].offset))
        outcome.facts += (order, int(np.log2(outcome.pixels + 1)))
    if thorough and not outcome.errors and outcome.pixels <= MAX_PIXELS:
        _compare(file, data)
    return outcome


def _scanned(data):
    try:
        return _scan(MemoryFile(data))
    except IIDFormatError as error:
        raise error.in_file(NAME) from None


def _ask_masks(outcome, file, boxes):
    height, width = (boxes[:, 2:] - boxes[:, :2]).T
    outcome.pixels = int((height * width).sum())
    if outcome.pixels <= MAX_PIXELS:
        outcome.ask(lambda: [mask.shape for _, mask in file.masks()])
    for nth, entry in enumerate(file):
        if nth == 3:
            break
        minr, minc, maxr, maxc = boxes[nth].tolist() if nth < len(boxes) else (0, 0, 0, 0)
        outcome.ask(entry.seg.mask, (minr, minc, minr + 9, minc + 9))
        if outcome.pixels <= MAX_PIXELS:
            outcome.ask(entry.seg.mask)
        outcome.ask(file.at, minc, minr)
        outcome.ask(file.region, (minr, minc, maxr, maxc))
    if outcome.pixels <= MAX_PIXELS:
        outcome.ask(file.overlap_graph)


def _compare(file, data):
    """Hold a file that was read without a complaint against the slow reader."""
    other = brute.read(data)
    assert repr(file.meta.data) == repr(other.meta)
    assert {name: file.groups.get(name, True) for name in file.groups.list()} == other.groups
    entries = sorted(other.entries, key=lambda entry: entry.key)
    assert [entry.key for entry in file] == [entry.key for entry in entries]
    for mine, (_, mask), his in zip(file, file.masks(), entries, strict=True):
        assert (mine.iid.address, mine.iid.domain or b"") == (his.address, his.domain)
        assert tuple(mine.seg.bbox) == his.bbox
        assert mine.seg.area == his.area
        assert (mask == his.mask).all()
    box = (0, 0, 65535, 65535)
    assert [entry.key for entry in file.region(box)] == other.region(box)


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

    Parameters
    ----------
    chance : random.Random
    inputs : iterable of bytes
        To begin with.
    """

    def __init__(self, chance, inputs=()):
        self.chance = chance
        self.mutator = Mutator(chance)
        self.seeds = []
        self.sound = []
        self.features = set()
        self.executions = self.refused = 0
        for data in [*first_seeds(), *inputs]:
            self._learn(data, execute(data, thorough=True))

    def run(self, executions):
        """Execute so often, in the time that ten thousand times as many should take."""
        data = b""
        try:
            with no_hang(120):
                for nth in range(executions):
                    data = self.mutator.mutate(self._seed(), self._seed())
                    if nth % 100 == 0:
                        outcome = execute_measured(data)
                    else:
                        outcome = execute(data, thorough=nth % 10 == 0)
                    self.refused += bool(outcome.errors)
                    self._learn(data, outcome)
        except BaseException as error:
            error.add_note(f"the input was {data.hex()}")
            raise
        self.executions += executions

    def _seed(self):
        """Mostly one without a fault: what is refused at its header is not read any further."""
        return self.chance.choice(self.sound if self.chance.random() < 0.8 else self.seeds)

    def _learn(self, data, outcome):
        new = outcome.features - self.features
        if not new or len(self.seeds) >= MAX_SEEDS:
            return
        self.features |= new
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
        if fuzzer.executions % 20_000 == 0:
            rate = fuzzer.executions / (time.perf_counter() - begin)
            print(
                f"{fuzzer.executions} executions, {rate:.0f}/s, {fuzzer.refused} refused, "
                f"{len(fuzzer.messages)} messages, {len(fuzzer.seeds)} inputs kept",
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
