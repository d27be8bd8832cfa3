"""An archive and its index in plain Python: what an index has to say, step by step.

`Model` keeps, for every path, what was indexed of it: the very bytes, read by the slow reader
that shares no code with the package.
"""

import struct
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

import brute
from build import odd_file, row_of

NAMES = [b"tree", b"pond", b"\xff\x00", b"", "über".encode()]
DOMAINS = [b"d", b"", b"e"]
GROUPS = ["g", "h", "ü\n"]


def make(chance):
    """The bytes of some valid file.

    Masks are rings with something inside, so that other bits make a file of the same length.
    """
    rows = []
    for key in range(chance.randint(0, 4)):
        height, width = 3, chance.randint(3, 12)
        row, col = chance.randint(0, 12), chance.randint(0, 12)
        mask = np.ones((height, width), bool)
        mask[1, 1:-1] = [chance.random() < 0.5 for _ in range(width - 2)]
        box = (row, col, row + height, col + width)
        rows.append(row_of(key, chance.choice(DOMAINS), chance.choice(NAMES), box, mask))
    groups = [
        (name, sorted(chance.sample(range(len(rows)), chance.randint(0, len(rows)))))
        for name in chance.sample(GROUPS, chance.randint(0, 2))
    ]
    return odd_file(rows, groups=groups, meta=b'{"n": %d}' % chance.getrandbits(60))


def with_other_bits(chance, data):
    """The same file, one bit of one mask inside its ring moved; everything else is as it was."""
    rings = [entry for entry in brute.read(data).entries if entry.mask.shape[0] == 3]
    rings = [entry for entry in rings if entry.mask[[0, 2]].all()]
    entries = [entry for entry in rings if 0 < entry.mask[1, 1:-1].sum() < entry.mask.shape[1] - 2]
    if not entries:
        return data
    entry = chance.choice(entries)
    mask = entry.mask.copy()
    inside = mask[1:-1, 1:-1]
    on, off = np.argwhere(inside), np.argwhere(~inside)
    inside[tuple(chance.choice(on.tolist()))] = False
    inside[tuple(chance.choice(off.tolist()))] = True
    changed = row_of(entry.key, b"", b"", entry.bbox, mask)
    bits = b"".join(changed.regions)
    start = entry.offset + 16
    assert len(bits) == entry.length - 16
    return data[:start] + bits + data[start + len(bits) :]


def damaged(chance, data):
    """What is no file any more."""
    kind = chance.randrange(3)
    if kind == 0:
        return data[: chance.randint(0, 47)]
    if kind == 1:
        return struct.pack("<I", 7) + data[4:]
    return b"nonsense" * chance.randint(1, 9)


@dataclass
class Indexed:
    """What is indexed of one file: its bytes, its size and time; valid until they differ."""

    data: bytes
    stamp: tuple

    @property
    def content(self):
        return content_of(self.data)


_read = {}


def content_of(data):
    """The file as the slow reader has it; None, if it is damaged."""
    if data not in _read:
        try:
            _read[data] = brute.read(data)
            assert _read[data].header[:2] == (0, 0)
        except Exception:
            _read[data] = None
    return _read[data]


def identity(data):
    """Equal for files that differ in the bits of masks only."""
    file = content_of(data)
    heads = [(e.key, e.domain, e.address, e.bbox, e.area, e.offset, e.length) for e in file.entries]
    return repr((file.header, file.meta, file.groups, heads))


@dataclass
class Model:
    """What the index holds.

    ``ok`` and ``failed`` have what is known by path; ``missing`` what was known of paths that
    are gone.
    """

    ok: dict = field(default_factory=dict)
    failed: set = field(default_factory=set)
    missing: dict = field(default_factory=dict)
    # Failed files that went missing: there is nothing to recognise them by.
    lost: set = field(default_factory=set)

    def ingest(self, disk):
        """Take over what lies on disk: bytes and stamps by path.

        Returns how many missing files turned up under other paths, by identity: which of
        several equal ones it was, the index may choose.
        """
        if not disk:
            return Counter()
        known = {*self.ok, *self.failed, *self.missing, *self.lost}
        gone = {path: self.ok.pop(path) for path in [*self.ok] if path not in disk}
        self.missing |= gone
        self.lost |= {path for path in self.failed if path not in disk}
        self.failed &= disk.keys()
        new = Counter()
        for path, (data, stamp) in disk.items():
            self.missing.pop(path, None)
            self.lost.discard(path)
            self.failed.discard(path)
            self.ok.pop(path, None)
            if content_of(data) is None:
                self.failed.add(path)
                continue
            self.ok[path] = Indexed(data, stamp)
            if path not in known:
                new[identity(data)] += 1
        there = Counter(identity(one.data) for one in self.missing.values())
        return new & there

    def settle(self, moved, named):
        """Forget of the missing those that moved, going by the paths that the index names."""
        gone = {path: one for path, one in self.missing.items() if path not in named}
        assert Counter(identity(one.data) for one in gone.values()) == moved
        for path in gone:
            del self.missing[path]
        assert named == {*self.missing, *self.lost}

    def prune(self):
        paths = sorted({*self.missing, *self.lost})
        self.missing.clear()
        self.lost.clear()
        return paths

    def entries(self):
        """(path, entry) of every entry that can be found."""
        return [(path, entry) for path, one in self.ok.items() for entry in one.content.entries]


def told(path, entry, groups):
    """An entry as the index tells it."""
    iid = (entry.domain or None, entry.address)
    return (path, entry.key, iid, entry.bbox, entry.area, (entry.offset, entry.length), groups)


def all_told(model):
    """Everything an index has to say of its entries, sorted."""
    found = []
    for path, one in model.ok.items():
        file = one.content
        for entry in file.entries:
            groups = tuple(sorted(name for name, keys in file.groups.items() if entry.key in keys))
            found.append(told(path, entry, groups))
    return sorted(found, key=lambda one: one[:2])
