"""What the tests of formats with identity share: pictures read, and files that went wrong."""

import numpy as np

from iidindex.errors import ExchangeError
from iidindex.formats.finishing import read_pictures
from iidindex.formats.reading import Options
from iidindex.formats.registry import FORMATS, format_named
from iidindex.storage.folder import HeldFiles


def frame_of(entry, height, width):
    """The mask of an entry in its picture."""
    full = np.zeros((height, width), bool)
    minr, minc, maxr, maxc = entry.bbox
    full[minr:maxr, minc:maxc] = entry.mask
    return full


def by_name(pictures):
    return {picture.name: picture for picture in pictures}


def entries_of(picture):
    """Entries as text: domain, address, groups, in this order."""
    return sorted(
        ((entry.domain or b"").decode(), entry.address.decode(), entry.groups)
        for entry in picture.entries
    )


def recognised(source):
    """The formats that claim a source."""
    return [name for name in FORMATS if format_named(name).recognise(source) is not None]


def read_held(format_name, files, name="source", is_folder=True, **options):
    """Read files in memory: the survey, and its pictures."""
    source = HeldFiles(files, name, is_folder)
    given = Options(**options)
    survey = format_named(format_name).survey(source, given)
    pictures = []
    for task in survey.tasks:
        pictures += read_pictures(format_name, source, given, survey.shared, task)
    return survey, pictures


def mutations(data, count, seed):
    """Bytes that went wrong: some turned over, cut off, doubled, or put elsewhere."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        raw = bytearray(data)
        kind = rng.integers(4)
        at = int(rng.integers(len(raw)))
        length = int(rng.integers(1, 9))
        if kind == 0:
            for place in rng.integers(len(raw), size=length):
                raw[place] = rng.integers(256)
        elif kind == 1:
            del raw[at:]
        elif kind == 2:
            raw[at:at] = raw[at : at + length]
        else:
            raw[at : at + length] = rng.choice([b"-1", b"NaN", b"1e9", b"\xff\xff\xff\xff", b"\0"])
        yield bytes(raw)


def survives(format_name, files, which, count, seed=0, is_folder=True):
    """Read a source with one file gone wrong, so many times; all else fails the test.

    Returns how many were refused as a whole, and how many were read.
    """
    refused = taken = 0
    for data in mutations(files[which], count, seed):
        source = HeldFiles({**files, which: data}, "source", is_folder)
        format_read = format_named(format_name)
        try:
            format_read.recognise(source)
            survey = format_read.survey(source, Options())
        except ExchangeError:
            refused += 1
            continue
        for task in survey.tasks:
            try:
                for picture in read_pictures(format_name, source, Options(), survey.shared, task):
                    for entry in picture.entries:
                        assert entry.mask.any()
                        assert entry.mask.shape == (entry.bbox.height, entry.bbox.width)
                taken += 1
            except ExchangeError:
                refused += 1
    return refused, taken
