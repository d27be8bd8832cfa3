"""Archives that nobody here made: every file is indexed, and every answer is checked.

The answers come a second time from the slow reader in ``brute.py``, which opens every file and
compares every pixel.
"""

from collections import Counter, defaultdict

import numpy as np
import pytest

import brute
import iidindex
from iidindex import IIDFile
from iidindex.files.scan import scan

NAMES = ["boulder_buildings", "sav_example", "usiigaci"]


@pytest.fixture(scope="module", params=NAMES)
def archive(request, real_archives, tmp_path_factory):
    """The slow reading of one archive, by path, and an index of it."""
    root = next((path for path in real_archives if path.name == request.param), None)
    if root is None:
        pytest.skip(f"{request.param} is not here")
    slow = {
        path.relative_to(root).as_posix(): brute.read_path(path)
        for path in sorted(root.rglob("*.iid"))
    }
    with iidindex.open(tmp_path_factory.mktemp("real") / "x.db", create=True) as index:
        report = index.ingest(root)
        assert (report.added, report.failed) == (len(slow), 0)
        yield root, slow, index


def seen(hits):
    return sorted((entry.path, entry.key) for entry in hits)


def expected(slow, keeps):
    return sorted(
        (path, entry.key) for path, file in slow.items() for entry in file.entries if keeps(entry)
    )


def test_counts(archive):
    _, slow, index = archive
    entries = [entry for file in slow.values() for entry in file.entries]
    stats = index.stats()
    assert stats.files == len(slow)
    assert stats.entries == len(entries)
    assert stats.iids == len({(entry.domain, entry.address) for entry in entries})
    assert stats.groups == len({name for file in slow.values() for name in file.groups})


def test_every_entry_is_recorded_as_it_is(archive):
    _, slow, index = archive
    found = iter(index.entries)
    for path, file in slow.items():
        groups = defaultdict(list)
        for name in sorted(file.groups):
            for key in file.groups[name]:
                groups[key].append(name)
        for entry in file.entries:
            hit = next(found)
            assert (hit.path, hit.key) == (path, entry.key)
            assert (hit.iid.domain or b"", hit.iid.address) == (entry.domain, entry.address)
            assert (hit.bbox, hit.area) == (entry.bbox, entry.area)
            assert hit.bufloc == (entry.offset, entry.length)
            assert list(hit.groups) == groups[entry.key]
    assert next(found, None) is None


def test_find_and_links(archive):
    _, slow, index = archive
    everyone = sorted({(e.domain, e.address) for file in slow.values() for e in file.entries})
    chosen = everyone[:: max(1, len(everyone) // 60)]
    for domain, address in chosen:

        def is_it(entry, domain=domain, address=address):
            return (entry.domain, entry.address) == (domain, address)

        where = index.entries.where(address=address, domain=domain)
        assert seen(where) == expected(slow, is_it)
        links = {
            path: (
                sum(map(is_it, file.entries)),
                sum(entry.area for entry in file.entries if is_it(entry)),
            )
            for path, file in slow.items()
        }
        assert {link.path: link[1:] for link in index.links(address, domain=domain)} == {
            path: link for path, link in links.items() if link[0]
        }


def interesting_pixels(slow, count):
    """Pixels in masks, on the edges of boxes, just outside, and anywhere."""
    rng = np.random.default_rng(3)
    entries = [entry for file in slow.values() for entry in file.entries]
    for entry in (entries[i] for i in rng.integers(len(entries), size=count)):
        minr, minc, maxr, maxc = entry.bbox
        rows, cols = np.nonzero(entry.mask)
        which = rng.integers(len(rows))
        yield minc + int(cols[which]), minr + int(rows[which])
        yield minc, minr
        yield maxc - 1, maxr - 1
        yield maxc, int(rng.integers(minr, maxr))
        yield tuple(rng.integers(0, 2000, size=2).tolist())


def test_at(archive):
    _, slow, index = archive
    found = 0
    for x, y in interesting_pixels(slow, 40):
        hits = seen(index.entries.at(x, y))
        assert hits == expected(slow, lambda entry, x=x, y=y: entry.has(y, x)), (x, y)
        found += len(hits)
    assert found > 40


def test_region(archive):
    _, slow, index = archive
    rng, found = np.random.default_rng(4), 0
    for x, y in interesting_pixels(slow, 8):
        height, width = rng.integers(1, 90, size=2).tolist()
        box = (y, x, y + height, x + width)
        hits = seen(index.entries.region(box))
        assert hits == expected(slow, lambda entry, box=box: entry.crop(box).any()), box
        found += len(hits)
    assert found


def test_masks(archive):
    _, slow, index = archive
    step = max(1, index.entries.count() // 400)
    entries = list(index.entries)[::step]
    assert len(entries) > 100
    for entry in entries:
        mask = slow[entry.path].entries[entry.key].mask
        assert mask.sum() == entry.area
        np.testing.assert_array_equal(entry.mask(), mask)


def test_one_file_alone(archive):
    root, slow, _ = archive
    for path in list(slow)[:: max(1, len(slow) // 3)]:
        with IIDFile(root / path) as file:
            for (entry, mask), expected_entry in zip(file.masks(), slow[path].entries, strict=True):
                assert entry.key == expected_entry.key
                np.testing.assert_array_equal(mask, expected_entry.mask)
            assert file.meta.data == slow[path].meta
            # Nothing was changed, so that the same bytes are written again; but for the keys of
            # groups, which the original program writes in the order of a set.
            before, after = (root / path).read_bytes(), file.to_bytes()
            assert len(before) == len(after)
            groups = file.header.bufloc_groups
            assert before[: groups.offset] == after[: groups.offset]
            assert before[groups.end :] == after[groups.end :]
            assert brute.read(after).groups == slow[path].groups


def test_overlaps(archive):
    root, slow, _ = archive
    path = min(slow, key=lambda path: abs(len(slow[path].entries) - 150))
    with IIDFile(root / path) as file:
        _, edges = file.overlap_graph()
    assert {(a.key, b.key): pixels for a, b, pixels in edges} == slow[path].overlaps()


def test_overlaps_from_the_index(archive):
    _, slow, index = archive
    path = min(slow, key=lambda path: abs(len(slow[path].entries) - 120))
    found = {(pair.a.key, pair.b.key): pair.pixels for pair in index.overlaps(path)}
    assert found == slow[path].overlaps()


def test_nearest(archive):
    _, slow, index = archive
    path = min(slow, key=lambda path: abs(len(slow[path].entries) - 120))
    pixels = [
        (entry.key, np.argwhere(entry.mask) + entry.bbox[:2])
        for entry in slow[path].entries
        if entry.mask.any()
    ]
    for x, y in interesting_pixels({path: slow[path]}, 4):
        away = sorted(np.sqrt(((at - (y, x)) ** 2).sum(axis=1).min()) for _, at in pixels)
        found = index.entries.where(path=path).nearest(x, y, 9)
        assert [entry.distance for entry in found] == away[:9]


def test_linkage(archive):
    _, slow, index = archive
    iids = {
        path: {(entry.domain, entry.address) for entry in file.entries}
        for path, file in slow.items()
    }
    one, other = min(slow), max(slow)
    shared = {(iid.domain or b"", iid.address) for iid in index.shared(one, other)}
    assert shared == iids[one] & iids[other]
    related = {file.path: file.shared for file in index.related(one, k=None)}
    counts = {path: len(iids[one] & found) for path, found in iids.items() if path != one}
    assert related == {path: count for path, count in counts.items() if count}
    domain, address = min(iids[one])
    together = {
        (found.iid.domain or b"", found.iid.address): found.count
        for found in index.cooccurring(address, domain=domain)
    }
    meeting = Counter(iid for found in iids.values() if (domain, address) in found for iid in found)
    del meeting[domain, address]
    assert together == meeting
    assert len(index.iids()) == len(set().union(*iids.values()))


def test_scan_agrees_with_the_file(archive):
    root, slow, _ = archive
    for path in list(slow)[:: max(1, len(slow) // 5)]:
        columns = scan(root / path)
        with IIDFile(root / path) as file:
            np.testing.assert_array_equal(columns.key, file.keys)
            np.testing.assert_array_equal(columns.bbox, file.bboxes)
            np.testing.assert_array_equal(columns.area, file.areas)
