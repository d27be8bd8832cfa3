"""Reading everything there is in bytes that may be anything.

`read_everything` is the invariant of the package: whatever the bytes, they decode or end in an
`IIDFormatError` that names the file. Everything else fails the test.
"""

import contextlib
import signal

from iidindex import IIDFile, IIDFormatError

# A box of more pixels is not unpacked whole: that may rightly take gigabytes.
MAX_PIXELS = 50_000_000
# Of the processor, so that others on the machine do not count; no input of these tests needs a
# hundredth of it.
SECONDS = 30


class Hang(BaseException):
    """Something takes for ever."""


@contextlib.contextmanager
def no_hang(seconds=SECONDS):
    """End what takes too long."""

    def stop(*_):
        raise Hang(f"more than {seconds} seconds of the processor")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


class Reader:
    """Asks one question after another and keeps the errors, each of which must be the one."""

    def __init__(self, name):
        self.name = name
        self.errors = []

    def ask(self, question, *args, **kwargs):
        try:
            return question(*args, **kwargs)
        except IIDFormatError as error:
            found = error
        assert str(found).startswith(f"{self.name}: "), str(found)
        assert found.problem
        self.errors.append(found)
        return None


def read_everything(data, name="<memory>"):
    """Ask a file for all it has; return the format errors that came."""
    reader = Reader(name)
    with no_hang():
        file = reader.ask(IIDFile, data)
        if file is not None:
            _ask_columns(reader, file)
            _ask_entries(reader, file)
            _ask_questions(reader, file)
    return reader.errors


def _ask_columns(reader, file):
    for name in ("keys", "iids", "bboxes", "areas", "meta", "groups"):
        reader.ask(getattr, file, name)
    reader.ask(len, file)
    reader.ask(repr, file)
    reader.ask(file.to_bytes)


def _ask_entries(reader, file):
    entries = reader.ask(list, file) or []
    pixels = 0
    for entry in entries[:50]:
        reader.ask(lambda entry=entry: entry.iid)
        reader.ask(repr, entry)
        box = reader.ask(lambda entry=entry: entry.seg.bbox)
        if box is None:
            continue
        pixels += box.n_pixels
        if box.n_pixels <= MAX_PIXELS:
            reader.ask(entry.seg.mask)
        reader.ask(entry.seg.mask, (box.minr, box.minc, box.minr + 9, box.minc + 9))
        reader.ask(entry.seg.mask, (5, 5, 8, 8))
        _ = entry.seg.bufloc
    if pixels <= MAX_PIXELS:
        reader.ask(lambda: [mask.shape for _, mask in file.masks(entries[:50])])


def _ask_questions(reader, file):
    reader.ask(file.fetch, everything=True)
    reader.ask(file.look_for, b"tree", segs=True)
    reader.ask(file.filter, area=(1, 100))
    for x, y in [(0, 0), (12, 12), (65534, 65534)]:
        reader.ask(file.at, x, y)
    for box in [(0, 0, 65535, 65535), (11, 11, 14, 14)]:
        reader.ask(file.region, box)
    reader.ask(file.overlap_graph)
    groups = reader.ask(lambda: file.groups)
    for name in groups.list() if groups else []:
        reader.ask(groups.get, name)
