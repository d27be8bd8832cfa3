"""What is asked of a storage: of the disk, and of one that is no disk."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import iidindex
from conftest import write_garden
from iidindex import CatalogError, IngestError, QueryError, SourceNotFoundError, StaleFileError
from iidindex.files import scan as scanning
from iidindex.files.scan import scan
from iidindex.model import FileStamp
from iidindex.storage import places
from iidindex.storage.local_storage import LOCAL
from iidindex.storage.places import is_absolute, location_of, storage_at
from shelf import SHELF
from test_ingest import content, counts

ROOT = "shelf://bucket/masks"


@pytest.fixture
def on_shelf(archive, monkeypatch):
    """The archive as objects, of which the archive on the disk is a copy."""
    monkeypatch.setitem(places._BY_SCHEME, "shelf", "shelf")
    places._storage_of.cache_clear()
    SHELF.__init__()
    for path in archive.rglob("*.iid"):
        SHELF.put(f"{ROOT}/{path.relative_to(archive)}", path.read_bytes())
    yield ROOT
    places._storage_of.cache_clear()


@pytest.fixture
def shelved(on_shelf, tmp_path):
    with iidindex.open(tmp_path / "shelf.db", create=True) as opened:
        opened.ingest(on_shelf)
        yield opened


def requests():
    """What was asked of the shelf since the last call."""
    found = [kind for kind, _ in SHELF.requests]
    SHELF.requests.clear()
    return found


def test_ingest_lists_once_and_reads_each_object(on_shelf, tmp_path, index):
    with iidindex.open(tmp_path / "x.db", create=True) as opened:
        requests()
        assert counts(opened.ingest(f"{on_shelf}/")) == {"added": 3}
        asked = requests()
        assert asked.count("LIST") == 1
        assert set(asked) == {"LIST", "GET"}  # nobody looks before, or afterwards
        assert counts(opened.ingest(on_shelf)) == {"unchanged": 3}
        assert requests() == ["LIST"]
        assert content(opened) == content(index)
        assert [(root.name, root.location) for root in opened.roots()] == [("masks", on_shelf)]
        assert opened.verify(checksum=True) == []


def test_fixity_of_objects(shelved):
    requests()
    assert shelved.ingest(ROOT, fixity=True).unchanged == 3
    assert requests().count("GET") >= 3
    assert shelved.verify(fixity=True, masks=True) == []


def test_masks_are_looked_at_and_read_at_once(shelved, index):
    requests()
    for entry, same in zip(shelved.entries, index.entries, strict=True):
        assert entry.location == location_of(ROOT, entry.path) == f"{ROOT}/{same.path}"
        requests()
        assert np.array_equal(entry.mask(), same.mask())
        assert requests() == ["GET"]
    hits = [(entry.path, entry.key) for entry in shelved.entries.at(60, 115)]
    assert requests() == ["GET"] * len({path for path, _ in hits})
    assert hits == [(entry.path, entry.key) for entry in index.entries.at(60, 115)]
    pairs = [(o.a.key, o.b.key, o.pixels) for o in shelved.overlaps()]
    assert pairs == [(o.a.key, o.b.key, o.pixels) for o in index.overlaps()]
    assert [e.key for e in shelved.entries.nearest(90, 90, k=2)] == [
        e.key for e in index.entries.nearest(90, 90, k=2)
    ]


def test_another_version_of_the_same_size(shelved, archive):
    name = f"{ROOT}/2020/a.iid"
    entry = shelved.entries.where(path="2020/a.iid", key=0).first()
    write_garden(archive / "a.iid", shift=7)
    changed = (archive / "a.iid").read_bytes()
    assert len(changed) == entry.stamp.size
    SHELF.put(name, changed)
    with pytest.raises(StaleFileError, match=rf"{name}: has changed .*ingest it again"):
        entry.mask()
    with pytest.raises(StaleFileError):
        shelved.entries.at(60, 115).count()
    assert {e.path for e in shelved.entries.at(70, 115, on_stale="skip")} == {"2020/b.iid"}
    assert [problem.location for problem in shelved.verify()] == [name]
    assert counts(shelved.ingest(ROOT)) == {"updated": 1, "unchanged": 2}
    assert shelved.entries.where(path="2020/a.iid", key=0).first().bbox.minc == 57


def test_an_object_that_is_gone_and_comes_back(shelved):
    name = f"{ROOT}/2020/a.iid"
    entry = shelved.entries.where(path="2020/a.iid", key=0).first()
    raw, _ = SHELF.get(name, 0, None)
    SHELF.delete(name)
    with pytest.raises(SourceNotFoundError, match="relocate"):
        entry.mask()
    assert counts(shelved.ingest(ROOT)) == {"missing": 1, "unchanged": 2}
    SHELF.put(name, raw)
    assert shelved.ingest(name).returned == 1
    with pytest.raises(IngestError, match="gone.iid: there is no such"):
        shelved.ingest("shelf://other/gone.iid")


def test_an_object_that_changes_while_it_is_read(on_shelf, archive, monkeypatch):
    name, real = f"{ROOT}/2020/a.iid", scanning._by_key
    write_garden(archive / "a.iid", shift=7, extra=[b"%d" % nth for nth in range(30)])
    changed = (archive / "a.iid").read_bytes()
    SHELF.put(name, changed)

    def replaced(lut):
        SHELF.put(name, changed)
        return real(lut)

    monkeypatch.setattr(scanning, "_by_key", replaced)
    monkeypatch.setattr(scanning, "_SMALL", 0)
    with pytest.raises(iidindex.SourceError, match=f"{name}: changes while it is being read"):
        scan(name)
    left = [changed]

    def replaced_once(lut):
        while left:
            SHELF.put(name, left.pop())
        return real(lut)

    monkeypatch.setattr(scanning, "_by_key", replaced_once)
    assert scan(name).digest == scan(archive / "a.iid").digest
    assert scan(name).stamp == SHELF.head(name)


def test_files_are_found_by_their_urls(shelved):
    name = f"{ROOT}/2020/a.iid"
    assert {e.path for e in shelved.entries.where(path=name)} == {"2020/a.iid"}
    assert {e.path for e in shelved.entries.where(path=f"{ROOT}/*/c.iid")} == {"2021/c.iid"}
    assert len(list(shelved.overlaps(path=name))) == 1
    assert shelved.entry(name, 0).location == name
    with pytest.raises(QueryError):
        shelved.related(f"{ROOT}/gone.iid")


def test_roots_of_a_shelf(on_shelf, archive, tmp_path):
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest([f"{on_shelf}/2020", archive / "2021"])
        assert sorted(root.name for root in index.roots()) == ["2020", "2021"]
        assert counts(index.ingest(on_shelf)) == {"unchanged": 2, "added": 1}
        assert {root.location for root in index.roots()} == {on_shelf, str(archive / "2021")}
        # An archive is moved from the disk to the shelf, which has the same files.
        with pytest.raises(CatalogError, match="none of the files"):
            index.relocate("2021", "shelf://bucket/elsewhere")
        SHELF.put("shelf://other/c.iid", (archive / "2021" / "c.iid").read_bytes())
        index.relocate("2021", "shelf://other")
        assert index.ingest("shelf://other").touched == 1
        with pytest.raises(CatalogError, match="is there"):
            index.prune(root="2021")
        SHELF.delete("shelf://other/c.iid")
        assert index.prune(root="2021") == ["c.iid"]


def test_threads_read_from_a_shelf(on_shelf, tmp_path, index):
    with (
        iidindex.open(tmp_path / "x.db", create=True) as opened,
        ThreadPoolExecutor(2) as executor,
    ):
        assert opened.ingest(on_shelf, executor=executor).added == 3
        assert content(opened) == content(index)


def test_a_path_that_looks_like_a_url_is_one_of_the_disk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_garden(tmp_path / "odd:" / "a.iid")
    assert storage_at("odd://a.iid") is LOCAL
    assert len(scan("odd://a.iid")) == 3
    assert [is_absolute(text) for text in ("odd://a.iid", "a/b", "/a")] == [False, False, True]


def test_the_paths_of_a_disk(tmp_path):
    for root, path in (("/", "a"), ("/a", "b/c.iid"), ("/a/b", "\udcff.iid")):
        location = LOCAL.join(root, path)
        assert location == os.path.join(root, path)
        assert LOCAL.relative(root, location) == path
        assert LOCAL.relative(root, root) == ""
    assert LOCAL.relative("/a/b", "/a/bc") is LOCAL.relative("/a/b", "/a") is None
    assert LOCAL.parent("/a/b.iid") == "/a"


def test_two_who_ask_for_two_versions(tmp_path):
    path = tmp_path / "a"
    reader = LOCAL.ranges()
    path.write_bytes(b"first")
    os.utime(path, (9, 9))
    first = LOCAL.stamp(str(path))
    assert reader.read(str(path), first, [(1, 2), (0, 9)]) == [b"ir", b"first"]
    path.write_bytes(b"second")
    second = LOCAL.stamp(str(path))
    assert reader.read(str(path), second, [(0, 6)]) == [b"second"]
    with pytest.raises(StaleFileError, match="size 5 then and 6 now, mtime_ns 9000000000 then"):
        reader.read(str(path), first, [(0, 6)])
    assert reader.read(str(path), second, [(0, 6)]) == [b"second"]
    with pytest.raises(StaleFileError):
        reader.read(str(path), FileStamp(6, 0), [])
    path.unlink()
    with pytest.raises(SourceNotFoundError):
        reader.read(str(path), second, [(0, 6)])
    reader.close()
