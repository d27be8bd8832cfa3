"""Files to be read, kept as columns, are what was put in, and take little memory."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from iidindex.catalog.roots import RootDirectory
from iidindex.ingestion.plan import Known, plan
from iidindex.ingestion.unread import ToRead, ToScanLater, Unread
from iidindex.ingestion.work import ToScan
from iidindex.model import FileStamp

numbers = st.integers(-(2**63), 2**63 - 1)
stamps = st.builds(FileStamp, numbers, numbers)
paths = st.one_of(
    st.text(st.characters(codec="utf-8"), min_size=1),
    st.binary(min_size=1).map(lambda raw: raw.decode("utf-8", "surrogateescape")),
)
knowns = st.builds(
    Known,
    st.integers(0, 2**63 - 1),
    stamps,
    st.none() | st.binary(min_size=16, max_size=16),
    st.sampled_from(["ok", "missing", "failed", "of another version"]),
    st.none() | st.binary(min_size=32, max_size=32),
)
files = st.dictionaries(paths, st.tuples(stamps, st.none() | knowns), max_size=8)


@given(st.lists(st.tuples(st.booleans(), files), max_size=4), st.integers(-3, 9), st.data())
def test_columns_give_back_what_was_put_in(parts, at, data):
    held = ToRead()
    expected = []
    for nth, (has_fixity, found) in enumerate(parts):
        root = RootDirectory(nth, f"root{nth}", f"/there/{nth}", has_fixity)
        known = {path: one for path, (_, one) in found.items() if one is not None}
        held.add(root, {path: stamp for path, (stamp, _) in found.items()}, known)
        expected += [Unread(root, path, stamp, one) for path, (stamp, one) in found.items()]
    scans = [ToScan(file.location, file.has_fixity, file.stamp.size) for file in expected]
    assert len(held) == len(expected)
    assert list(held) == expected
    assert list(held.sizes) == [file.stamp.size for file in expected]
    assert held[at : at + 3] == expected[at : at + 3]
    assert ToScanLater(held)[at : at + 3] == scans[at : at + 3]
    if expected:
        one = data.draw(st.integers(-len(expected), len(expected) - 1))
        assert held[one] == expected[one]
        assert ToScanLater(held)[one] == scans[one]


def test_a_digest_of_another_length_is_none_that_could_be_equal():
    held = ToRead()
    known = Known(1, FileStamp(1, 1), b"short", "ok", b"short, too")
    held.add(RootDirectory(1, "", "/there"), {"a": FileStamp(1, 1)}, {"a": known})
    assert held[0].known == Known(1, FileStamp(1, 1), None, "ok", None)


def kept_for_each(n, rows):
    """Bytes that stay in use for each of so many files, once it is planned to read them."""
    root = RootDirectory(1, "", "/there")
    tracemalloc.start()
    try:
        found = {f"plate-{n // 1000:06d}/picture-{n:06d}.iid": (n, n + 2**60) for n in range(n)}
        todo = plan(found, rows, checksum=True)
        held = ToRead()
        held.add(root, todo.scan, todo.known)
        del found, todo
        return tracemalloc.get_traced_memory()[0] / n
    finally:
        tracemalloc.stop()
        assert len(held) == n


def test_files_to_be_read_take_little_memory():
    n = 20_000
    rows = [
        (f"plate-{n // 1000:06d}/picture-{n:06d}.iid", n, n, 0, bytes(16), "ok", bytes(32))
        for n in range(n)
    ]
    assert kept_for_each(n, []) < 100
    assert kept_for_each(n, rows) < 200
