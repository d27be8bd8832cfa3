"""Flipped bits, at any place of any file at any time, with the file's time kept.

A disk that forgets a bit tells nobody. With fixity, whatever is served must be what was indexed;
without, at least no mask may be served whole that has another number of pixels.
"""

import os
import random
import shutil

import numpy as np
import pytest

import iidindex
from build import flip
from campaign import rounds, seeded
from iidindex import SourceError
from model import make

N_FILES = 6

QUESTIONS = {
    "masks": lambda every: [(e.path, e.key, mask.tobytes()) for e, mask in every.masks()],
    "mask": lambda every: [(e.path, e.key, e.mask().tobytes()) for e in every],
    "at": lambda every: [(e.path, e.key) for x in range(0, 40, 7) for e in every.at(x, 2 * x % 31)],
    "region": lambda every: [(e.path, e.key) for e in every.region((3, 3, 9, 30))],
    "nearest": lambda every: [(e.path, e.key, e.distance) for e in every.nearest(9, 9, 7)],
    "overlaps": lambda every: [(o.a.path, o.a.key, o.b.key, o.pixels) for o in every.overlaps()],
    "heat": lambda every: every.heat(size=16, crop=(0, 0, 64, 64)).counts.tolist(),
}


class Disk:
    """Files whose bits are turned over and back, while their size and time stay."""

    def __init__(self, root, chance):
        self.paths = sorted(root.glob("*.iid"))
        self.chance = chance
        self.flipped = []

    def flip(self):
        path = self.chance.choice(self.paths)
        number = self.chance.choice([1, 1, 1, 2, 3, 8])
        self._turn(path, self.chance.sample(range(8 * path.stat().st_size), number))

    def _turn(self, path, bits):
        flip(path, *bits)
        self.flipped.append((path, bits))

    def restore(self):
        for path, bits in reversed(self.flipped):
            self._turn(path, bits)
        self.flipped = []


def asked(index, question, **reading):
    """What a question answers, or None if an original was not believed."""
    try:
        return QUESTIONS[question](index.entries.reading(**reading))
    except SourceError:
        return None


@pytest.mark.parametrize("fixity", [True, False], ids=["fixity", "no fixity"])
def test_no_flipped_bit_is_served(tmp_path, counted, fixity):
    for seed in rounds(2, share=0.05):
        with seeded(seed) as chance:
            root = tmp_path / f"archive-{seed}"
            root.mkdir()
            for nth in range(N_FILES):
                (root / f"{nth}.iid").write_bytes(make(random.Random(seed + nth)))
            with iidindex.open(tmp_path / f"{seed}.db", create=True) as index:
                index.ingest(root, fixity=fixity)
                truth = {question: asked(index, question) for question in QUESTIONS}
                areas = {(e.path, e.key): e.area for e in index.entries}
                disk = Disk(root, chance)
                for _ in range(12):
                    for _ in range(chance.choice([1, 1, 2])):
                        disk.flip()
                    counted("bits turned over", sum(len(bits) for _, bits in disk.flipped))
                    bad = {path.name for path, _ in disk.flipped}
                    wrong = _served_wrong(index, truth, areas, bad, fixity)
                    if fixity:
                        told = index.verify(fixity=True)
                        named = {os.path.basename(one.location) for one in told}
                        assert named == bad
                    assert wrong == 0
                    counted("questions to flipped bits", 2 * len(QUESTIONS))
                    counted("answers served wrong", wrong)
                    if chance.random() < 0.5:
                        disk.restore()
                disk.restore()
                assert {question: asked(index, question) for question in QUESTIONS} == truth
            shutil.rmtree(root)


def _served_wrong(index, truth, areas, bad, fixity):
    """How many answers are wrong, of all that were given."""
    wrong = 0
    for question, right in truth.items():
        told = asked(index, question)
        if fixity:
            wrong += told is not None and told != right
        elif question in ("mask", "masks") and told is not None:
            wrong += any(
                np.count_nonzero(np.frombuffer(mask, np.bool_)) != areas[path, key]
                for path, key, mask in told
            )
        # What is left out must cost nothing but its own file.
        if question not in ("mask", "nearest", "heat"):
            rest = asked(index, question, on_stale="skip")
            sound = [row for row in right if row[0] not in bad]
            wrong += [row for row in rest if row[0] not in bad] != sound
    return wrong
