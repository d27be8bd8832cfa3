"""Archives of damaged files, taken up by an index and asked everything.

What a scan accepts is indexed, what it refuses is recorded with its reason, and a mask that
cannot be decoded is an error of ours when somebody asks for it, whichever verb it is.
"""

import sqlite3
from pathlib import Path

import numpy as np
import pytest

import iidindex
from bounds import little_room
from campaign import rounds, seeded
from doors import MAX_PIXELS
from fuzz import first_seeds
from hostile import no_hang
from iidindex import IIDFile, IIDFormatError, IIDIndexError
from iidindex.catalog.sqlite import rtree
from iidindex.files.scan import scan
from mutate import Mutator, Seed
from test_hostile_names import assert_harmless, call

CORPUS = sorted((Path(__file__).parents[1] / "data" / "corpus").glob("*.iid"))
N_FILES = 150


def damaged_archive(root, chance):
    """Mutations of valid files, most of them of one number."""
    root.mkdir()
    mutator = Mutator(chance)
    seeds = [Seed(data) for data in [*first_seeds(), *(path.read_bytes() for path in CORPUS)]]
    sound = seeds[: len(first_seeds())]
    for nth in range(N_FILES):
        seed = chance.choice(sound if nth % 4 else seeds)
        data = seed.data if nth < 10 else mutator.mutate(seed, chance.choice(seeds))
        (root / f"{nth}.iid").write_bytes(data)
    # However the draws fall, there is something to compare.
    plain = IIDFile()
    for nth in range(25):
        plain.add(b"%d" % nth, b"plain", (nth, nth, nth + 3, nth + 3), np.eye(3, dtype=bool))
    plain.save(root / "0.iid")


def sound(db):
    """As everywhere, but that an entry whose box has no pixel has none in the tree."""
    connection = sqlite3.connect(db)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("SELECT rtreecheck('entry_boxes')").fetchone() == ("ok",)
    assert not connection.execute("PRAGMA foreign_key_check").fetchall()
    found = connection.execute("SELECT id, minr, maxr, minc, maxc FROM entry_boxes").fetchall()
    filled = connection.execute(
        "SELECT id, minr, maxr - 1, minc, maxc - 1 FROM entries WHERE minr < maxr AND minc < maxc"
    ).fetchall()
    connection.close()
    assert sorted(found) == sorted(filled)


def asks(index):
    """Everything that an index is asked, as functions; some read masks and some do not."""
    entries = index.entries
    first = entries.first()
    return [
        lambda: entries.count(), lambda: list(entries), lambda: entries.to_dicts(),
        lambda: list(entries.at(12, 12)), lambda: list(entries.region((0, 0, 99, 99))),
        lambda: list(entries.region((0, 0, 70000, 70000), exact=False)),
        lambda: list(entries.nearest(12, 12, k=9)), lambda: list(entries.overlaps()),
        lambda: entries.order_by("-area").limit(3).to_dicts(), lambda: entries.to_columns(),
        lambda: list(index.iids()), lambda: list(index.groups()), lambda: index.links(b"tree"),
        lambda: index.related(first.path), lambda: index.shared(first.path, first.path),
        lambda: index.cooccurring(b"tree"), lambda: index.cooccurring(b"tree", by="overlap"),
        lambda: index.chain(b"tree", b"x"), lambda: index.link_graph(),
        lambda: index.verify(checksum=True), lambda: index.stats(), lambda: index.doctor(),
        lambda: entries.where(path=first.path).heat(), lambda: index.render(first.path),
        lambda: index.sheet(b"tree"), lambda: [e.groups for e in entries],
    ]  # fmt: skip


@pytest.mark.parametrize("pack", [False, True], ids=["inserted", "packed"])
def test_an_index_of_damaged_files(pack, tmp_path, counted, monkeypatch):
    monkeypatch.setattr(rtree, "PACK_FROM", 1 if pack else 10**6)
    for seed in rounds(1, share=0.02):
        with seeded(seed) as chance, no_hang(300):
            root = tmp_path / f"archive-{seed}"
            damaged_archive(root, chance)
            db = tmp_path / f"{seed}.db"
            with iidindex.open(db, create=True) as index:
                report = index.ingest(root, jobs=1)
                states = {file.path: file for file in index.files()}
                assert len(states) == N_FILES
                expected = {path.name: refused(path) for path in root.iterdir()}
                for name, reason in expected.items():
                    assert states[name].state == ("failed" if reason else "ok")
                    assert states[name].reason == reason
                assert report.failed == sum(map(bool, expected.values())) > 0
                sound(db)
                counted("damaged files taken up or refused", N_FILES)
                counted("questions to an index of damaged files", ask_all(index))
                same_masks(index, root)
                index.optimize()
                sound(db)
                everything = index.entries.count()
            check_program(db, root, counted)
            with iidindex.open(db) as index:
                again = index.ingest(root, checksum=True, jobs=1)
                assert (again.added, again.updated) == (0, 0)
                assert index.entries.count() == everything


def refused(path):
    try:
        scan(path)
    except IIDFormatError as error:
        error.source = None
        return str(error)
    return None


def ask_all(index):
    refused = 0
    for on_stale in ("error", "skip"):
        reading = index.entries.reading(on_stale=on_stale)
        assert reading.count() == index.entries.count()
    questions = asks(index)
    for question in questions:
        with little_room(1 << 30):
            try:
                question()
            except IIDIndexError as error:
                refused += 1
                assert str(error)  # noqa: PT017
    assert refused < len(questions)
    return len(questions)


def same_masks(index, root):
    """Each mask through the index is that through the file, if its area is true."""
    compared = 0
    for entry in index.entries:
        if entry.bbox.n_pixels > MAX_PIXELS:
            continue
        with IIDFile(root / entry.path) as file:
            mine, theirs = asked(entry.mask), asked(file.fetch(entry.key)[0].seg.mask)
        if theirs is not None and np.count_nonzero(theirs) != entry.area:
            theirs = None  # a file alone is read as it is, an index believes only what is true
        assert (mine is None) == (theirs is None), (entry, mine, theirs)
        assert mine is None or np.array_equal(mine, theirs)
        compared += mine is not None
    assert compared > 20


def asked(question):
    try:
        return question()
    except IIDIndexError:
        return None


def check_program(db, root, counted):
    """The verbs, too: an answer or a line that says why not."""
    for words in (
        ["find"], ["at", 12, 12], ["overlaps"], ["nearest", 5, 5], ["files", "--state", "failed"],
        ["verify", "--checksum"], ["doctor"], ["groups"], ["iids"], ["graph"], ["cooccur", "tree"],
        ["overlaps", "--store"], ["heat", "-o", root.parent / "h.png"],
        ["sheet", "tree", "-o", root.parent / "s.png"],
        *(["show", path] for path in sorted(root.iterdir())[::5]),
        *(["mask", path, 0, "-o", root.parent / "m.png"] for path in sorted(root.iterdir())[::9]),
        *(["render", path, "-o", root.parent / "r.png"] for path in sorted(root.iterdir())[::9]),
    ):  # fmt: skip
        code, out, err = call(["--db", db, *words], is_terminal=True)
        assert code in (0, 1, 2, 3, 4), words
        assert "Error (" not in err
        assert "--debug before the verb" not in err, (words, err)
        assert_harmless(err if words == ["graph"] else out + err, words)
        counted("verbs asked about damaged files")
