"""A life of an archive and its index, in any order, held against a model after every step."""

import os
import random
import shutil
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as drawn_from
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import brute
import iidindex
from campaign import rounds, seeded
from conftest import write_garden
from iidindex import SourceNotFoundError, StaleFileError
from iidindex.catalog import schema
from iidindex.catalog.migrate import migrate
from model import Model, all_told, identity, make, with_other_bits
from on_disk import PATHS, OnDisk, paths, seeds
from test_faults import sound
from test_kills import killed

OLD = Path(__file__).parents[1] / "data" / "0001.db"


def _order(told):
    return told[:2]


def stamp_of(path):
    status = path.stat()
    return status.st_size, status.st_mtime_ns


class Life(OnDisk):
    """What may happen to an archive, and everything an index may be asked meanwhile."""

    counted = None

    def __init__(self):
        super().__init__()
        self.db = self.place / "x.db"
        self.steps = 0

    def teardown(self):
        if hasattr(self, "index"):
            self.index.close()
            sound(self.db)
        shutil.rmtree(self.place)
        if self.counted:
            self.counted("steps in lives of an archive", self.steps)

    # ---------------------------------------------------------------- beginnings

    @initialize(from_old=st.booleans(), moment=st.integers(1, 30))
    def begin(self, from_old, moment):
        if from_old:
            shutil.copy(OLD, self.db)
            # Killed while it migrates, it is of one schema or the other, and is brought on.
            killed(lambda: migrate(self.db), moment)
            assert migrate(self.db).after == schema.HEAD
            for name in ("2020/a.iid", "2020/b.iid", "2021/c.iid"):
                write_garden(self.root / name)
            self.index = iidindex.open(self.db)
            self.index.relocate("archive", self.root)
        else:
            for nth, name in enumerate(PATHS[:4]):
                self._put(name, make(random.Random(nth)), None)
            self.index = iidindex.open(self.db, create=True)
        self._ingest()

    # ---------------------------------------------------------------- what the index does

    def _is_anything_there(self):
        """A root is not believed to lie where none of its files is."""
        return not self.model.ok or bool({*self.model.ok} & {*self._disk()})

    @precondition(_is_anything_there)
    @rule()
    def move_root(self):
        target = self.place / f"archive-{len(os.listdir(self.place))}"
        self.root.rename(target)
        self.root = target
        self.index.relocate("archive", target)

    def _ingest(self, *, is_rest=False, **named):
        disk = {name: (path.read_bytes(), stamp_of(path)) for name, path in self._disk().items()}
        moved = self.model.ingest(disk)
        report = self.index.ingest(self.root, **named)
        assert report.failed == len(self.model.failed & disk.keys())
        assert is_rest or report.moved == sum(moved.values())
        assert report.kept == (len(self.model.ok) if not disk else 0)
        self.model.settle(moved, {file.path for file in self.index.files(state="missing")})

    @rule(checksum=st.booleans(), jobs=st.sampled_from([1, 1, 1, 1, 2]))
    def ingest(self, checksum, jobs):
        self._ingest(checksum=checksum, jobs=jobs)

    @rule(name=paths)
    def ingest_a_part(self, name):
        """One file, or one directory: what lies elsewhere is left as it is known."""
        path = self.root / name
        place = path if name == "a.iid" else path.parent
        if place in (self.root, path) and not path.is_file():
            return
        if not place.exists() or (place.is_dir() and place == self.root):
            return
        inside = "" if place == path else f"{place.relative_to(self.root)}/"

        def is_inside(other):
            return other == name if not inside else other.startswith(inside)

        part = Model(
            {one: known for one, known in self.model.ok.items() if is_inside(one)},
            {one for one in self.model.failed if is_inside(one)},
            {one: known for one, known in self.model.missing.items() if is_inside(one)},
            {one for one in self.model.lost if is_inside(one)},
        )
        disk = {
            one: (found.read_bytes(), stamp_of(found))
            for one, found in self._disk().items()
            if is_inside(one)
        }
        before = Model(dict(part.ok), set(part.failed), dict(part.missing), set(part.lost))
        moved = part.ingest(disk)
        self.index.ingest(place)
        gone = {file.path for file in self.index.files(state="missing") if is_inside(file.path)}
        part.settle(moved, gone)
        for mine, old, new in (
            (self.model.ok, before.ok, part.ok),
            (self.model.missing, before.missing, part.missing),
        ):
            for one in old:
                del mine[one]
            mine.update(new)
        self.model.failed = (self.model.failed - before.failed) | part.failed
        self.model.lost = (self.model.lost - before.lost) | part.lost

    @rule()
    def ingest_dry(self):
        self.index.ingest(self.root, dry_run=True)

    def _killed(self, work, moment):
        """Do it to the index in a process that is killed; the index is sound all the same."""
        self.index.close()

        def with_index():
            with iidindex.open(self.db) as index:
                work(index)

        was_killed = killed(with_index, moment)
        sound(self.db)
        self.index = iidindex.open(self.db)
        if self.counted and was_killed:
            self.counted("kills in lives of an archive")
        return was_killed

    @rule(moment=st.integers(1, 80), checksum=st.booleans())
    def kill_an_ingest(self, moment, checksum):
        """Whole files only, each as it was or as it is now; the next run finishes the work."""
        self._killed(lambda index: index.ingest(self.root, checksum=checksum), moment)
        after = Model(dict(self.model.ok), set(self.model.failed), dict(self.model.missing))
        after.lost = set(self.model.lost)
        after.ingest(
            {name: (path.read_bytes(), stamp_of(path)) for name, path in self._disk().items()}
        )
        either = {path: [] for path in {*self.model.ok, *after.ok}}
        for model in (self.model, after):
            for path in model.ok:
                one = Model({path: model.ok[path]})
                either[path].append(all_told(one))
        said = {}
        for one in self._told():
            said.setdefault(one[0], []).append(one)
        for path, entries in said.items():
            assert entries in either[path], path
        self._ingest(is_rest=True)

    @rule(moment=st.integers(1, 30))
    def kill_a_prune(self, moment):
        """All that is missing is forgotten, or nothing of it."""
        self._killed(lambda index: index.prune(), moment)
        left = {file.path for file in self.index.files(state="missing")}
        before = self.model.prune()
        assert sorted(left) in ([], before)
        assert sorted(self.index.prune()) == sorted(left)

    @rule(moment=st.integers(1, 40))
    def kill_an_optimize(self, moment):
        self._killed(lambda index: index.optimize(), moment)

    @precondition(_is_anything_there)
    @rule(moment=st.integers(1, 12))
    def kill_a_relocate(self, moment):
        """The root is where it was or where it is now, and nowhere else."""
        target = self.place / f"archive-{len(os.listdir(self.place))}"
        before = str(self.root)
        self.root.rename(target)
        self.root = target
        self._killed(lambda index: index.relocate("archive", target), moment)
        assert [root.location for root in self.index.roots()] in ([before], [str(target)])
        self.index.relocate("archive", target)

    @precondition(lambda self: self._fresh() == {*self.model.ok})
    @rule(moment=st.integers(1, 40))
    def kill_a_store_of_overlaps(self, moment):
        """What is kept by then is right, as what is counted would be."""
        self._killed(lambda index: index.overlaps(store=True), moment)
        self.ask_overlaps()

    @rule()
    def prune(self):
        assert sorted(self.index.prune()) == self.model.prune()

    @rule()
    def optimize(self):
        self.index.optimize()

    @rule()
    def migrate(self):
        self.index.close()
        assert migrate(self.db).backup is None
        self.index = iidindex.open(self.db)

    @precondition(lambda self: self._fresh() == {*self.model.ok})
    @rule()
    def store_overlaps(self):
        self.index.overlaps(store=True)

    @precondition(lambda self: self._fresh() == {*self.model.ok})
    @rule(chance=seeds)
    def change_bits_of_what_is_stored(self, chance):
        """All but the masks stays as it was, and so only they tell that the pairs are others."""
        self.index.overlaps(store=True)
        for name, one in [*self.model.ok.items()]:
            self._put(name, with_other_bits(chance, one.data), None)
        self._ingest()
        self.ask_overlaps()

    # ---------------------------------------------------------------- what it says

    def _fresh(self):
        """Paths of files that are as they were indexed."""
        return {
            path
            for path, one in self.model.ok.items()
            if (self.root / path).is_file() and stamp_of(self.root / path) == one.stamp
        }

    def _told(self):
        return sorted(
            (
                (e.path, e.key, (e.iid.domain, e.iid.address), e.bbox, e.area, e.bufloc, e.groups)
                for e in self.index.entries
            ),
            key=_order,
        )

    @invariant()
    def the_index_says_what_the_model_says(self):
        if not hasattr(self, "index"):
            return
        self.steps += 1
        by_state = {
            state: {file.path for file in self.index.files(state=state)}
            for state in ("ok", "failed", "missing")
        }
        assert by_state == {
            "ok": {*self.model.ok},
            "failed": self.model.failed,
            "missing": {*self.model.missing, *self.model.lost},
        }
        iid = [(path, key, (i.domain, i.address)) for path, key, i in self._iids()]
        assert sorted(iid, key=_order) == sorted(
            ((told[0], told[1], told[2]) for told in all_told(self.model)), key=_order
        )

    def _iids(self):
        return [(entry.path, entry.key, entry.iid) for entry in self.index.entries]

    @invariant()
    def no_mask_is_wrong(self):
        if not hasattr(self, "index"):
            return
        fresh = self._fresh()
        masks = {
            (path, entry.key): entry.mask
            for path, one in self.model.ok.items()
            for entry in one.content.entries
        }
        for entry in self.index.entries:
            try:
                mask = entry.mask()
            except (StaleFileError, SourceNotFoundError):
                assert entry.path not in fresh
                continue
            assert entry.path in fresh
            assert (mask == masks[entry.path, entry.key]).all()

    @rule(x=st.integers(0, 20), y=st.integers(0, 20), side=st.integers(1, 9))
    def ask_where(self, x, y, side):
        fresh = self._fresh()
        box = (y, x, y + side, x + side)
        for asked, holds in [
            (self.index.entries.at(x, y, on_stale="skip"), lambda entry: entry.has(y, x)),
            (self.index.entries.region(box, on_stale="skip"), lambda entry: entry.crop(box).any()),
        ]:
            assert sorted((entry.path, entry.key) for entry in asked) == sorted(
                (path, entry.key)
                for path, entry in self.model.entries()
                if path in fresh and holds(entry)
            )
        boxes = self.index.entries.region(box, exact=False)
        assert sorted((entry.path, entry.key) for entry in boxes) == sorted(
            (path, entry.key) for path, entry in self.model.entries() if brute.meet(entry.bbox, box)
        )

    @rule()
    def ask_who(self):
        assert self._told() == all_told(self.model)
        entries = self.model.entries()
        for name in {entry.address for _, entry in entries}:
            holders = {path for path, entry in entries if entry.address == name}
            assert {link.path for link in self.index.links(name)} == holders
        stats = self.index.stats()
        assert (stats.files, stats.entries) == (len(self.model.ok), len(entries))

    @rule()
    def ask_overlaps(self):
        for name in self._fresh():
            found = self.index.entries.where(path=name.replace("[", "[[]")).overlaps()
            pairs = {(pair.a.key, pair.b.key): pair.pixels for pair in found if pair.a.path == name}
            assert pairs == self.model.ok[name].content.overlaps()

    @rule()
    def verify(self):
        changed = {Path(problem.location) for problem in self.index.verify()}
        assert changed == {self.root / path for path in {*self.model.ok} - self._fresh()}


def test_lives(counted):
    Life.counted = staticmethod(counted)
    for seed in rounds(1, share=0.2):
        with seeded(seed):
            run_state_machine_as_test(
                drawn_from(seed)(Life),
                settings=settings(
                    max_examples=12,
                    stateful_step_count=25,
                    deadline=None,
                    database=None,
                    phases=[Phase.explicit, Phase.generate, Phase.shrink],
                    suppress_health_check=list(HealthCheck),
                ),
            )
            counted("lives of an archive", 12)


def test_files_that_differ_in_bits_alone_are_made():
    """The model would see nothing if its changes were none."""
    changed = 0
    for seed in range(40):
        chance = random.Random(seed)
        data = make(chance)
        other = with_other_bits(chance, data)
        changed += other != data
        assert len(other) == len(data)
        assert identity(other) == identity(data)
    assert changed > 15
