"""Every question, over archives that hypothesis makes, against the slow reader."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import brute
import iidindex
import strategies

pixels = st.tuples(st.integers(0, 65535), st.integers(0, 65535))


@st.composite
def questions(draw, slow):
    """Pixels and boxes near what is there, or anywhere."""
    entries = [entry for file in slow.values() for entry in file.entries]
    found = []
    for _ in range(6):
        if entries and draw(st.booleans()):
            minr, minc, maxr, maxc = draw(st.sampled_from(entries)).bbox
            row, col = draw(st.integers(minr - 1, maxr)), draw(st.integers(minc - 1, maxc))
        else:
            row, col = draw(pixels)
        height, width = draw(st.integers(0, 70)), draw(st.integers(0, 70))
        found.append((row, col, row + height, col + width))
    return found


def seen(hits):
    return sorted((entry.path, entry.key) for entry in hits)


def expected(slow, keeps):
    return sorted(
        (path, entry.key) for path, file in slow.items() for entry in file.entries if keeps(entry)
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(archive=strategies.archives, data=st.data())
def test_everything(archive, data):
    slow = {path: brute.read(content) for path, content in archive.items()}
    place = Path(tempfile.mkdtemp())
    try:
        (place / "archive").mkdir()
        for path, content in archive.items():
            (place / "archive" / path).write_bytes(content)
        with iidindex.open(place / "x.db", create=True) as index:
            report = index.ingest(place / "archive")
            assert (report.added, report.failed) == (len(slow), 0)
            check_entries(index, slow)
            check_identities(index, slow)
            check_space(index, slow, data.draw(questions(slow)))
    finally:
        shutil.rmtree(place)


def check_entries(index, slow):
    recorded = {(entry.path, entry.key): entry for entry in index.entries}
    assert sorted(recorded) == expected(slow, lambda entry: True)
    for path, file in slow.items():
        for entry in file.entries:
            hit = recorded[path, entry.key]
            assert (hit.iid.domain or b"", hit.iid.address) == (entry.domain, entry.address)
            assert (hit.bbox, hit.area) == (entry.bbox, entry.area)
            assert hit.bufloc == (entry.offset, entry.length)
            groups = sorted(name for name, keys in file.groups.items() if entry.key in keys)
            assert sorted(hit.groups) == groups
            assert (hit.mask() == entry.mask).all()


def check_identities(index, slow):
    for domain, address in {(e.domain, e.address) for f in slow.values() for e in f.entries}:

        def is_it(entry, domain=domain, address=address):
            return (entry.domain, entry.address) == (domain, address)

        assert seen(index.entries.where(address=address, domain=domain)) == expected(slow, is_it)
        links = {link.path: link.entries for link in index.links(address, domain=domain)}
        counts = {path: sum(map(is_it, file.entries)) for path, file in slow.items()}
        assert links == {path: count for path, count in counts.items() if count}


def check_space(index, slow, boxes):
    for box in boxes:
        row, col = box[:2]
        hits = expected(slow, lambda entry, row=row, col=col: entry.has(row, col))
        assert seen(index.entries.at(col, row)) == hits
        assert index.entries.at(col, row).count() == len(hits)
        hits = expected(slow, lambda entry, box=box: bool(entry.crop(box).any()))
        assert seen(index.entries.region(box)) == hits
        boxed = expected(slow, lambda entry, box=box: brute.meet(entry.bbox, box))
        assert seen(index.entries.region(box, exact=False)) == boxed
