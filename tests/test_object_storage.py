"""The names of objects, their ETags, and the ranges that are asked for: by brute force."""

import json
import pickle
import random
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from obstore.store import MemoryStore

import iidindex
from iidindex import IIDFile, SourceError, SourceNotFoundError, StaleFileError
from iidindex.files.scan import scan
from iidindex.model import FileStamp, ObjectStamp
from iidindex.storage import object_file, object_ranges, object_stores
from iidindex.storage.etags import condition, number_of, stamp_of_object
from iidindex.storage.object_storage import STORAGE
from iidindex.storage.object_urls import canonical, object_name, refuse_credentials
from iidindex.storage.places import is_absolute, location_of, stamps_at, storage_at
from test_ingest import content, counts

URL = "s3://memory"


@pytest.fixture
def store(monkeypatch):
    """A store in this process, under the name of a bucket."""
    made = MemoryStore()
    kept = object_stores._Kept()
    monkeypatch.setattr(object_stores, "_KEPT", kept)
    monkeypatch.setattr(object_stores, "_made", lambda url: made)
    return made


@pytest.fixture
def asked(monkeypatch):
    """From where to where each request for bytes goes."""
    found = []
    real = object_stores.get

    def get(location, begin, end, stamp=None):
        found.append((begin, end))
        return real(location, begin, end, stamp)

    monkeypatch.setattr(object_stores, "get", get)
    return found


def test_one_name_for_each_place():
    for given_url, expected in (
        ("s3://bucket/a/b/", "s3://bucket/a/b"),
        ("s3://bucket", "s3://bucket"),
        ("gs://bucket/ü #?%20.iid", "gs://bucket/ü #?%20.iid"),
        ("https://Host.Example:8080/a%20b/c%7e.iid", "https://host.example:8080/a%20b/c~.iid"),
        ("http://host//a/", "http://host/a"),
    ):
        assert canonical(given_url) == expected
        assert canonical(expected) == expected
    assert object_name("https://host/a%20b%23.iid") == ("https://host", "a b#.iid")
    assert object_name("s3://bucket/a%20b") == ("s3://bucket", "a%20b")


@pytest.mark.parametrize("url", ["s3://", "https:///a.iid", "s3:///a"])
def test_no_store_is_named(url):
    with pytest.raises(SourceNotFoundError, match="names no"):
        STORAGE.ways(url)


@pytest.mark.parametrize(
    "url",
    ["s3://bucket/a//b", "s3://bucket/a/../b", "https://h/./b", "s3://b/a\nb", "https://h/a#b"],
)
def test_no_object_has_such_a_name(url):
    with pytest.raises(SourceError):
        STORAGE.ways(url)


def test_roots_and_paths():
    for root, path in (("s3://bucket", "a/b.iid"), ("https://h:1/x%20y", "z.iid")):
        location = STORAGE.join(root, path)
        assert location == location_of(root, path)
        assert STORAGE.relative(root, location) == path
        assert STORAGE.relative(root, root) == ""
        assert is_absolute(location)
        assert storage_at(location) is STORAGE
    assert STORAGE.relative("s3://bucket/a", "s3://bucket/ab") is None
    assert STORAGE.relative("s3://bucket/a", "s3://bucket") is None
    ways = ["s3://bucket/a/b.iid"]
    while ways[-1]:
        ways.append(STORAGE.parent(ways[-1]))
    assert ways[1:] == ["s3://bucket/a", "s3://bucket", "s3://", ""]


@pytest.mark.parametrize(
    "url",
    [
        "https://user:word@host/a.iid",
        "https://user@host/a.iid",
        "https://host/a.iid?word",
        "s3://word@bucket/a.iid",
        "s3://key:word@bucket",
        "gs://bucket/a.iid?X-Goog-Signature=word",
        "az://container/a.iid?sv=1&sig=word",
    ],
)
def test_secrets_are_refused_and_not_repeated(url):
    with pytest.raises(SourceError) as caught:
        refuse_credentials(url)
    assert "word" not in str(caught.value).replace("a password", "")
    with pytest.raises(SourceError):
        IIDFile(url)


def test_names_that_only_look_so():
    for url in ("s3://bucket/who?what=@me.iid", "gs://b/a:b@c.iid", "https://h/a@b:c.iid"):
        refuse_credentials(url)
    refuse_credentials("https://host/a?.iid", is_pattern=True)


def test_stamps_of_objects():
    written = datetime(2026, 12, 1, tzinfo=UTC)
    one, other = (stamp_of_object(5, etag, written) for etag in ('"a"', '"b"'))
    assert one != other
    assert one == stamp_of_object(5, "a", datetime(2000, 1, 1, tzinfo=UTC))
    assert one == FileStamp(5, number_of('"a"')) == tuple(one)
    assert one.mtime_ns < 0
    assert one.etag == '"a"'
    again = pickle.loads(pickle.dumps(one))
    assert again == one
    assert again.etag == one.etag
    assert repr(one) == "ObjectStamp(size=5, etag='\"a\"')"
    assert FileStamp(5, 9).etag is None
    assert condition('"a"') == {"if_match": '"a"'}
    # Nothing equals a weak one, and who has none at all is asked by time.
    assert condition(stamp_of_object(5, 'W/"a"', written).etag) == {}
    untold = stamp_of_object(5, None, written)
    assert condition(untold.etag) == {"if_unmodified_since": written}
    assert untold != stamp_of_object(5, None, datetime(2026, 12, 2, tzinfo=UTC))


@given(st.text(), st.text())
def test_numbers_of_etags(one, other):
    assert -(2**63) <= number_of(one) < 0
    assert (number_of(one) == number_of(other)) == (one == other)


RANGES = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 40)), max_size=60)


@given(RANGES, st.integers(1, 8), st.integers(0, 30), st.integers(0, 60), st.integers(5, 50))
def test_ranges_are_cut_from_what_is_asked_for(ranges, at_once, gap, longest, piece):
    raw = random.Random(1).randbytes(320)
    ranges = sorted(ranges)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(object_ranges, "AT_ONCE", at_once)
        patch.setattr(object_ranges, "_GAP", gap)
        patch.setattr(object_ranges, "_LONGEST_GAP", max(gap, longest))
        patch.setattr(object_ranges, "_PIECE", piece)
        length = object_ranges._longest_gap([ranges])
        assert gap <= length <= max(gap, longest)
        pieces = list(object_ranges._pieces(ranges, length, len(raw)))
    assert all(0 <= begin < end <= min(begin + piece, len(raw)) for begin, end in pieces)
    assert all(one[1] <= other[0] for one, other in pairwise(pieces))
    got = [(begin, raw[begin:end]) for begin, end in pieces]
    found = object_ranges._cut(got, ranges)
    assert found == [raw[offset : offset + length] for offset, length in ranges]


def test_few_ranges_are_read_one_by_one_and_many_together(store, asked):
    store.put("a", bytes(40 << 20))
    stamp = STORAGE.stamp(f"{URL}/a")
    far = [(nth << 20, 100) for nth in range(30)]
    STORAGE.ranges().read(f"{URL}/a", stamp, far)
    assert sorted(asked) == [(begin, begin + 100) for begin, _ in far]
    asked.clear()
    many = [(nth * 30_000, 100) for nth in range(1000)]
    STORAGE.ranges().read(f"{URL}/a", stamp, many)
    assert len(asked) <= 32
    assert sum(end - begin for begin, end in asked) <= 30_000_000
    asked.clear()
    near = [(nth * 500, 100) for nth in range(20)]
    assert STORAGE.ranges().read(f"{URL}/a", stamp, near) == [bytes(100)] * 20
    assert len(asked) == 1


def test_ranges_of_one_version(store):
    store.put("a", b"0123456789")
    stamp = STORAGE.stamp(f"{URL}/a")
    ranges = STORAGE.ranges()
    assert ranges.read(f"{URL}/a", stamp, [(1, 2), (8, 9)]) == [b"12", b"89"]
    assert ranges.read(f"{URL}/a", stamp, [(3, 0)]) == [b""]
    assert ranges.read(f"{URL}/a", stamp, []) == []
    store.put("a", b"9876543210")
    for wanted in ([(1, 2)], [(3, 0)], []):
        with pytest.raises(StaleFileError, match="ETag .* then and .* now; ingest it again"):
            ranges.read(f"{URL}/a", stamp, wanted)
    store.delete("a")
    for wanted in ([(1, 2)], []):
        with pytest.raises(SourceNotFoundError, match="memory/a: there is no such object"):
            ranges.read(f"{URL}/a", stamp, wanted)


def test_ranges_of_many_files_at_once(store):
    for name in "abc":
        store.put(name, name.encode() * 10)
    stamps = stamps_at([f"{URL}/{name}" for name in "abcd"])
    assert isinstance(stamps[3], SourceNotFoundError)
    store.put("b", b"B" * 10)
    out = bytearray(8)
    wanted = [
        (f"{URL}/a", stamps[0], [(0, 1), (5, 1)], 0),
        (f"{URL}/b", stamps[1], [(0, 2)], 2),
        (f"{URL}/c", stamps[2], [(9, 2)], 4),
        (f"{URL}/c", stamps[2], [(0, 2)], 6),
    ]
    failed = STORAGE.ranges().fill(wanted, memoryview(out))
    assert set(failed) == {1, 2}
    assert all(isinstance(error, StaleFileError) for error in failed.values())
    assert (out[:2], out[6:]) == (b"aa", b"cc")


def test_an_object_in_pieces(store, asked, monkeypatch):
    monkeypatch.setattr(object_file, "_FIRST", 16)
    raw = bytes(range(100))
    store.put("x", raw)
    store.put("none", b"")
    with STORAGE.open(f"{URL}/x") as source:
        assert asked == [(0, 16)]
        assert source.read(2, 10) == raw[2:12]
        assert len(asked) == 1
        assert source.read(2, 50) == raw[2:52]
        assert asked[1:] == [(16, 52)]
        assert source.read(95, 50) == raw[95:]
        assert source.read(200, 5) == b""
        assert source.data().tobytes() == raw
        assert source.is_current()
        source.check_whole()
        store.put("x", raw[::-1])
        with pytest.raises(StaleFileError):
            source.read(50, 10)
    with STORAGE.open(f"{URL}/none") as source:
        assert source.stamp.size == 0
        assert source.read(0, 10) == b""
    with pytest.raises(SourceNotFoundError):
        STORAGE.open(f"{URL}/gone")


def test_what_changes_while_it_is_read(store, archive, monkeypatch):
    raw = (archive / "2020" / "a.iid").read_bytes()
    monkeypatch.setattr(object_file, "_FIRST", 64)
    left = [raw]
    real = object_stores.get

    def get(location, begin, end, stamp=None):
        if begin and left:
            store.put("a.iid", left.pop())
        return real(location, begin, end, stamp)

    monkeypatch.setattr(object_stores, "get", get)
    store.put("a.iid", raw)
    assert scan(f"{URL}/a.iid").digest == scan(archive / "2020" / "a.iid").digest
    left += [raw] * 100
    with pytest.raises(SourceError, match="changes while it is being read"):
        scan(f"{URL}/a.iid")


def test_an_index_over_a_store_in_memory(store, archive, index, tmp_path, monkeypatch):
    for path in archive.rglob("*.iid"):
        store.put(f"masks/{path.relative_to(archive)}", path.read_bytes())
    store.put("masks/2020/notes.txt", b"none")
    store.put("masks2/x.iid", b"none")
    with iidindex.open(tmp_path / "x.db", create=True) as opened:
        assert counts(opened.ingest(f"{URL}/masks")) == {"added": 3}
        assert content(opened) == content(index)
        store.put("masks/2020/b.iid", b"broken")
        store.put("masks/empty.iid", b"")
        report = opened.ingest(f"{URL}/masks")
        assert counts(report) == {"unchanged": 2, "failed": 2}
        assert counts(opened.ingest(f"{URL}/masks")) == {"unchanged": 2, "failed": 2}
        assert json.loads(json.dumps(sorted(report.failures))) == [
            f"{URL}/masks/2020/b.iid",
            f"{URL}/masks/empty.iid",
        ]
        with IIDFile(f"{URL}/masks/2020/a.iid") as file:
            assert len(file) == 3
            assert file.meta.data["day"] == "a"


def test_objects_are_asked_for_ahead(store, archive, tmp_path, monkeypatch):
    raw = (archive / "2020" / "a.iid").read_bytes()
    names = [f"{nth:03}.iid" for nth in range(150)]
    for name in names:
        store.put(name, raw if name != "077.iid" else b"broken")
    with iidindex.open(tmp_path / "x.db", create=True) as opened:
        assert counts(opened.ingest(URL)) == {"added": 149, "failed": 1}
        assert counts(opened.ingest(URL, fixity=True)) == {"unchanged": 149, "failed": 1}
        assert opened.verify(fixity=True, checksum=True) == []
        store.delete("003.iid")
        store.put("004.iid", raw[::-1])
        assert [problem.location for problem in opened.verify(checksum=True)] == [
            f"{URL}/003.iid",
            f"{URL}/004.iid",
        ]


def test_stamps_are_what_the_catalogue_has(store, archive, tmp_path):
    store.put("a.iid", (archive / "2020" / "a.iid").read_bytes())
    with iidindex.open(tmp_path / "x.db", create=True) as opened:
        opened.ingest(URL)
        stamp = opened.entries.first().stamp
        assert isinstance(stamp, ObjectStamp)
        assert stamp == STORAGE.stamp(f"{URL}/a.iid")
        assert stamp.etag == STORAGE.stamp(f"{URL}/a.iid").etag
        for rows in (opened.entries.nearest(0, 0, k=2), opened.entries.at(60, 115)):
            assert {entry.stamp.etag for entry in rows} == {stamp.etag}
        assert opened.entries.nearest(0, 0, k=2).to_columns()["distance"].dtype == float
