"""What may happen to the files of an archive, as rules of a state machine."""

import os
import random
import tempfile
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from model import Model, damaged, make, with_other_bits

PATHS = ["a.iid", "b.iid", "c.iid", "sub/d.iid", "sub/deep/e.iid", "ü [x]*.IID"]
SECOND = 10**9

paths = st.sampled_from(PATHS)
seeds = st.integers(0, 2**32).map(random.Random)
times = st.sampled_from([None, None, None, 0, -SECOND, 10**18 + 7, 2**31 * SECOND])


class OnDisk(RuleBasedStateMachine):
    """An archive, the model of what an index knows of it, and what happens on the disk."""

    def __init__(self):
        super().__init__()
        self.place = Path(tempfile.mkdtemp())
        self.root = self.place / "archive"
        self.root.mkdir()
        self.model = Model()
        self.aside = {}

    def _disk(self):
        return {
            str(path.relative_to(self.root)): path
            for path in self.root.rglob("*")
            if path.suffix.lower() == ".iid" and path.is_file()
        }

    def _put(self, name, data, mtime, *, in_place=True):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        target = path if in_place else path.with_name("temporary")
        target.write_bytes(data)
        if mtime is not None:
            known = self.model.ok.get(name)
            # Whoever gives a file the time it had tells that it has not changed.
            if known is None or mtime != known.stamp[1]:
                os.utime(target, ns=(mtime, mtime))
        target.replace(path)

    @rule(name=paths, chance=seeds, mtime=times, in_place=st.booleans())
    def write(self, name, chance, mtime, in_place):
        self._put(name, make(chance), mtime, in_place=in_place)

    def _some(self, chance):
        """The name of a file that is there; most rules would do nothing to others."""
        return chance.choice(sorted(self._disk()))

    @precondition(_disk)
    @rule(chance=seeds, in_place=st.booleans())
    def change_bits(self, chance, in_place):
        name = self._some(chance)
        if name in self.model.ok:
            data = with_other_bits(chance, self.model.ok[name].data)
            self._put(name, data, None, in_place=in_place)

    @precondition(_disk)
    @rule(chance=seeds)
    def corrupt(self, chance):
        name = self._some(chance)
        self.aside[name] = (self.root / name).read_bytes()
        self._put(name, damaged(chance, self.aside[name]), None)

    @rule(name=paths)
    def restore(self, name):
        if name in self.aside:
            self._put(name, self.aside[name], None)

    @precondition(_disk)
    @rule(chance=seeds)
    def delete(self, chance):
        path = self.root / self._some(chance)
        self.aside[str(path.relative_to(self.root))] = path.read_bytes()
        path.unlink()

    @precondition(_disk)
    @rule(chance=seeds, other=paths)
    def move(self, chance, other):
        path, target = self.root / self._some(chance), self.root / other
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)

    @precondition(_disk)
    @rule(chance=seeds, other=paths)
    def copy(self, chance, other):
        name = self._some(chance)
        if name != other:
            self._put(other, (self.root / name).read_bytes(), None)

    @precondition(_disk)
    @rule(chance=seeds, mtime=times)
    def touch(self, chance, mtime):
        name = self._some(chance)
        self._put(name, (self.root / name).read_bytes(), mtime)

    @rule()
    def delete_everything(self):
        for path in self._disk().values():
            path.unlink()
