"""Every way into bytes that may be anything, and what each of them owes the others.

An open file, a scan, single rows, a path that is read and one that is mapped, a file that is
added to and saved: all refuse the same, and what they answer is the same.
"""

import os
import re
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import brute
from iidindex import EncodeError, IIDFile, IIDFormatError
from iidindex.files import scan as scanning
from iidindex.files.scan import scan
from iidindex.storage import local as sources
from iidindex.storage.memory import MemoryFile

# Masks of more pixels together are not unpacked, but for a corner of each.
MAX_PIXELS = 1 << 20

NAME = "<memory>"
NUMBER = re.compile(r"0x[0-9a-f]+|-?\d+(\.\d+)?(e[+-]?\d+)?|nan|inf", re.I)
QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|\(.*\)|<.*>")


class Outcome:
    """What came of asking: the questions that were refused, and with which words."""

    def __init__(self, name=NAME):
        self.name = name
        self.errors = []
        self.pixels = 0
        self.facts = ()

    def ask(self, question, *args, **named):
        """The answer; None and a note, if it is a format error that names the file."""
        try:
            return question(*args, **named)
        except IIDFormatError as error:
            found = error
        assert found.source == self.name, found
        assert found.problem, found
        # There is room for all that is asked for here.
        assert "fit into memory" not in found.problem, found
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


def ask_everything(data):
    """Ask bytes for all they have: each question is answered or refused with the one error."""
    outcome = Outcome()
    file = outcome.ask(IIDFile, data)
    columns = outcome.ask(_scanned, data)
    first = outcome.errors[0] if outcome.errors else None
    if file is None:
        assert columns is None
        return outcome, file
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
    return outcome, file


def _scanned(data):
    try:
        return scanning._scan(MemoryFile(data))
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


def compare(file, data):
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


def ask_more(data, outcome):
    """Go through the doors that `ask_everything` leaves shut."""
    ask_rows(data, outcome)
    ask_questions(data, outcome)
    for is_large in (False, True):
        ask_path(data, outcome, is_large)
    ask_changed(data, outcome)


def ask_rows(data, outcome):
    """Single rows, of which no column was decoded before, say what the columns say."""
    mine = Outcome()
    file, whole = mine.ask(IIDFile, data), mine.ask(IIDFile, data)
    entries = mine.ask(list, file) if file is not None else None
    if entries is None:
        assert outcome.errors
        return
    iids = mine.ask(lambda: whole.iids)
    boxes, areas = mine.ask(lambda: whole.bboxes), mine.ask(lambda: whole.areas)
    for entry in entries[:20]:
        mine.ask(repr, entry)
        iid, box = mine.ask(lambda e=entry: e.iid), mine.ask(lambda e=entry: e.seg.bbox)
        assert iids is None or iid == iids[entry.row]
        assert boxes is None or tuple(box) == tuple(boxes[entry.row].tolist())
        assert areas is None or entry.seg.area == areas[entry.row]
        if box is not None and box.n_pixels <= MAX_PIXELS:
            mask = mine.ask(entry.seg.mask)
            crop = mine.ask(entry.seg.mask, box)
            assert (mask is None) == (crop is None)
            assert mask is None or (mask == crop).all()
    assert bool(mine.errors) <= bool(outcome.errors)


def ask_questions(data, outcome):
    """Every question of a single file, each to a file that was asked nothing before."""
    if outcome.pixels > MAX_PIXELS:
        return
    questions = [
        len, repr, list, lambda file: file.keys,
        lambda file: file.fetch(everything=True), lambda file: file.fetch(all_keys=True, segs=True),
        lambda file: file.look_for([b"tree", b""], segs=True),
        lambda file: file.filter(area=(1, 100), domains=b"d", segs=True),
        lambda file: file.at(12, 12), lambda file: file.region((0, 0, 65535, 65535)),
        lambda file: file.overlap_graph(), lambda file: file.compute_overlap(everything=False),
        lambda file: [file.groups.get(name) for name in file.groups.list()],
        lambda file: file.fetch(groups=file.groups.list()[:1]), lambda file: file.meta.data,
    ]  # fmt: skip
    mine = Outcome()
    for question in questions:
        file = mine.ask(IIDFile, data)
        if file is not None:
            mine.ask(question, file)
    assert bool(mine.errors) == bool(outcome.errors)


_place = None


def _path():
    """A file of this process, in memory where there is a disk of it."""
    global _place
    if _place is None or _place[0] != os.getpid():
        within = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        _place = os.getpid(), tempfile.TemporaryDirectory(dir=within, ignore_cleanup_errors=True)
    return Path(_place[1].name) / "hostile.iid"


@contextmanager
def _as_large():
    """Let small files be mapped, and scanned in pieces, as large ones are."""
    names = (sources, "_SMALL_FILE"), (scanning, "_SMALL"), (scanning, "_DENSE")
    before = [getattr(module, name) for module, name in names]
    for module, name in names:
        setattr(module, name, 0)
    try:
        yield
    finally:
        for (module, name), value in zip(names, before, strict=True):
            setattr(module, name, value)


def ask_path(data, outcome, is_large):
    """A file on disk, read or mapped, opened or scanned, says what its bytes say."""
    path = _path()
    path.write_bytes(data)
    os.utime(path, (10**9 + 0.5, 10**9 + 0.5))
    mine, theirs = Outcome(str(path)), Outcome()
    if not is_large:
        _ask_path(mine, theirs, path, data)
        return
    with _as_large():
        _ask_path(mine, theirs, path, data)


def _ask_path(mine, theirs, path, data):
    found, expected = mine.ask(scan, path), theirs.ask(_scanned, data)
    assert (found is None) == (expected is None)
    if found is not None:
        assert found.digest == expected.digest
        for name in ("key", "bbox", "area", "offset", "length"):
            assert (getattr(found, name) == getattr(expected, name)).all()
    file, other = mine.ask(IIDFile, path), theirs.ask(IIDFile, data)
    if file is not None:
        with file:
            for name in ("bboxes", "areas", "iids", "meta", "groups"):
                one = mine.ask(getattr, file, name)
                assert (one is None) == (theirs.ask(getattr, other, name) is None)
            boxes = mine.ask(lambda: file.bboxes.astype(int)) if not mine.errors else None
            if boxes is not None and _pixels(boxes) <= MAX_PIXELS:
                mine.ask(lambda: [mask.sum() for _, mask in file.masks()])
                theirs.ask(lambda: [mask.sum() for _, mask in other.masks()])
    told = [[shape(error.problem) for error in one.errors] for one in (mine, theirs)]
    assert told[0] == told[1]


def _pixels(boxes):
    return int(((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).sum())


def ask_changed(data, outcome):
    """A file that is added to and encoded anew has what it had, and what was added."""
    mine = Outcome()
    file = mine.ask(IIDFile, data)
    if file is None:
        return
    same = mine.ask(file.to_bytes)
    try:
        mine.ask(file.add, b"new", b"d", (3, 4, 5, 7), np.eye(2, 3, dtype=bool), ["g", "new"])
        more = mine.ask(file.to_bytes)
    except EncodeError:
        # No key is free, or a group that was read is one that is not written.
        more = None
    for encoded, added in ((same, 0), (more, 1)):
        if encoded is None or outcome.errors or outcome.pixels > MAX_PIXELS:
            continue
        _keeps(brute.read(data), brute.read(encoded), added)
    assert bool(mine.errors) <= bool(outcome.errors)


def _keeps(before, after, added):
    assert repr(after.meta) == repr(before.meta)
    for name, keys in before.groups.items():
        assert set(keys) <= set(after.groups.get(name, ()))
    assert len(after.entries) == len(before.entries) + added
    known = {entry.key: entry for entry in after.entries}
    assert len(known) == len(after.entries)
    for entry in before.entries:
        other = known.pop(entry.key)
        assert (other.domain, other.address) == (entry.domain, entry.address)
        assert (other.bbox, other.area) == (entry.bbox, entry.area)
        assert (other.mask == entry.mask).all()
    for key, entry in known.items():
        assert (entry.address, entry.area) == (b"new", 2)
        assert all(key in after.groups[name] for name in ("g", "new"))
