"""What tests of other people's formats share: frames, files in memory, and damaged files."""

import copy
import io
import json
from contextlib import contextmanager

import numpy as np

from iidindex import IIDFile
from iidindex.errors import ExchangeError, SourceError
from iidindex.formats.annotation import Annotation
from iidindex.formats.finishing import read_pictures
from iidindex.formats.reading import Options
from iidindex.formats.registry import FORMATS, format_named, guess
from iidindex.model import BBox
from iidindex.storage.folder import HeldFiles


def framed(entry, height, width):
    """A mask within its whole frame."""
    frame = np.zeros((height, width), bool)
    box = entry.bbox
    frame[box.minr : box.maxr, box.minc : box.maxc] = entry.mask
    return frame


def cut_out(frame, address=b"1", domain=None, groups=()):
    """An annotation from a mask of a whole frame."""
    rows, columns = np.flatnonzero(frame.any(axis=1)), np.flatnonzero(frame.any(axis=0))
    if not len(rows):
        return Annotation(address, domain, BBox(0, 0, 0, 0), np.zeros((0, 0), bool), groups)
    box = BBox(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
    return Annotation(address, domain, box, frame[box[0] : box[2], box[1] : box[3]], groups)


def boxed(height, width, minr, minc, maxr, maxc):
    """A frame in which a box is set."""
    frame = np.zeros((height, width), bool)
    frame[minr:maxr, minc:maxc] = True
    return frame


def iid_entries(path, height, width):
    """Of a written ``.iid`` file by domain and address: groups, and the mask in its frame."""
    file = IIDFile(path.read_bytes())
    groups = file.groups.as_dict()
    found = {}
    for entry in file:
        assert entry.iid not in found
        mask = framed(Annotation(b"", None, entry.seg.bbox, entry.seg.mask()), height, width)
        of = tuple(sorted(name for name, keys in groups.items() if entry.key in keys))
        found[tuple(entry.iid)] = (of, mask)
    return found


class Collected:
    """An export that goes into memory."""

    def __init__(self, name="out"):
        self.name = name
        self.files = {}

    def put(self, name, data):
        if name in self.files:
            raise ExchangeError(f"{name} was written already")
        self.files[name] = data

    @contextmanager
    def stream(self, name):
        out = io.BytesIO()
        yield out
        self.put(name, out.getvalue())

    def held(self, **more):
        return HeldFiles({**self.files, **more}, self.name)


def pictures_of(files, format_name=None, **options):
    """All pictures of files in memory, read as an import reads them."""
    held = files if isinstance(files, HeldFiles) else HeldFiles(files)
    asked = Options(**{"images": held, **options})
    name = format_name or guess(held)
    survey = format_named(name).survey(held, asked)
    found = []
    for task in survey.tasks:
        found.extend(read_pictures(name, held, asked, survey.shared, task))
    return found


def claims(files):
    """Which formats take files for theirs."""
    held = files if isinstance(files, HeldFiles) else HeldFiles(files)
    return [name for name in FORMATS if format_named(name).recognise(held) is not None]


# ---------------------------------------------------------------------- damage


def mutants(data, times, seed=0):
    """Damaged copies of some bytes: flipped, cut, doubled, exchanged."""
    draw = np.random.default_rng(seed)
    for _ in range(times):
        raw = bytearray(data)
        for _ in range(int(draw.integers(1, 4))):
            at = int(draw.integers(0, len(raw) or 1))
            end = at + int(draw.integers(1, 12))
            way = int(draw.integers(0, 6))
            if way == 0:
                raw[at:end] = b""
            elif way == 1:
                raw[at:at] = raw[at:end]
            elif way == 2:
                raw[at:end] = bytes(draw.integers(0, 256, end - at, dtype=np.uint8))
            elif way == 3:
                del raw[at:]
            elif way == 4 and at < len(raw):
                raw[at] ^= 1 << int(draw.integers(0, 8))
            else:
                odd = (b"null", b"-1", b"NaN", b"1e9", b"[]", b"{}", b'"', b"<", b"999", b"\0")
                raw[at:at] = odd[int(draw.integers(0, len(odd)))]
        yield bytes(raw)


_ODD = (
    *(None, True, False, 0, -1, 1.5, 10**30, float("nan"), float("inf"), "", "x", "\ud800"),
    *([], [[]], {}, {"a": 1}, [None], [[1, 2], [3, 4]], [1, 2, 3], "b'1'", 65536, "a/../b"),
)


def json_mutants(value, times, seed=0):
    """Copies of a value in which something within is another thing, or is not there."""
    draw = np.random.default_rng(seed)
    for _ in range(times):
        changed = copy.deepcopy(value)
        for _ in range(int(draw.integers(1, 3))):
            holders = list(_holders(changed))
            if not holders:
                break
            holder, key = holders[int(draw.integers(0, len(holders)))]
            if draw.integers(0, 6) == 0:
                del holder[key]
            else:
                holder[key] = copy.deepcopy(_ODD[int(draw.integers(0, len(_ODD)))])
        yield json.dumps(changed).encode()


def _holders(value):
    items = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, inner in items:
        yield value, key
        yield from _holders(inner)


def survives(files, format_name, **options):
    """Read damaged files; True if something was read. Any error but our own is a failure."""
    held = HeldFiles(files, **({"is_folder": False} if len(files) == 1 else {}))
    # To look at a file takes longer than to read a small one; some looks are enough.
    for name in FORMATS if sum(map(len, files.values())) % 8 == 0 else ():
        format_named(name).recognise(held)
    asked = Options(**{"images": held, **options})
    try:
        survey = format_named(format_name).survey(held, asked)
    except (ExchangeError, SourceError):
        return False
    read = False
    for task in survey.tasks:
        try:
            for picture in read_pictures(format_name, held, asked, survey.shared, task):
                read = True
                for entry in picture.entries:
                    assert entry.mask.shape == (entry.bbox.height, entry.bbox.width)
                    assert entry.mask.any()
                    assert isinstance(entry.address, bytes)
                    assert entry.address
                    assert all(isinstance(group, str) for group in entry.groups)
        except ExchangeError:
            pass
    return read
