"""Originals in an S3 store: a real server, and a gate that counts, throttles and cuts."""

import os
import pickle
import sqlite3
import traceback
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import iidindex
from conftest import write_garden
from iidindex import IngestError, SourceError, SourceNotFoundError, StaleFileError
from iidindex.cli.main import run
from iidindex.storage import object_stores
from object_servers import KEY, SECRET
from test_ingest import content, counts

PUT = ("2020/a.iid", "2020/b.iid", "2021/c.iid")


@pytest.fixture
def root(bucket, archive):
    bucket.fill(archive, "masks/")
    return f"s3://{bucket.name}/masks"


@pytest.fixture
def stored(root, gate, tmp_path):
    with iidindex.open(tmp_path / "objects.db", create=True) as opened:
        opened.ingest(root)
        gate.taken()
        yield opened


def shifted(archive, name="a.iid"):
    """The bytes of a file of equal size that has other masks."""
    write_garden(archive / "other" / name, shift=7)
    return (archive / "other" / name).read_bytes()


def test_ingest_lists_once_and_asks_once_for_each(root, gate, index, tmp_path):
    with iidindex.open(tmp_path / "x.db", create=True) as opened:
        assert counts(opened.ingest(f"{root}/")) == {"added": 3}
        asked = gate.taken()
        assert sorted(one.is_list for one in asked) == [False] * 3 + [True]
        assert {one.method for one in asked} == {"GET"}
        assert content(opened) == content(index)
        assert [(one.name, one.location) for one in opened.roots()] == [("masks", root)]
        assert counts(opened.ingest(root)) == {"unchanged": 3}
        assert [one.is_list for one in gate.taken()] == [True]
        assert opened.verify(checksum=True, masks=True) == []


def test_what_is_asked_of_objects_is_as_of_files(stored, index, root):
    for entry, same in zip(stored.entries, index.entries, strict=True):
        assert entry.location == f"{root}/{same.path}"
        assert np.array_equal(entry.mask(), same.mask())
        assert np.array_equal(pickle.loads(pickle.dumps(entry)).mask(), same.mask())
        assert entry.stamp.etag is not None
        assert entry.stamp.mtime_ns < 0
        assert same.stamp.etag is None

    def both(ask):
        assert ask(stored) == ask(index)

    both(lambda one: [(e.path, e.key) for e in one.entries.at(60, 115)])
    both(lambda one: [(o.a.key, o.b.key, o.pixels) for o in one.overlaps()])
    both(lambda one: [e.key for e in one.entries.nearest(90, 90, k=2)])
    both(lambda one: [(e.path, e.key) for e in one.entries.region((0, 0, 200, 200))])
    both(lambda one: [o.pixels for o in one.entries.overlaps(store=True)])
    both(lambda one: [(o.a.key, o.b.key) for o in one.duplicates(iou=0.5)])


def test_every_read_is_conditional(stored, gate):
    entries = list(stored.entries)
    etags = {entry.path: entry.stamp.etag for entry in entries}
    gate.taken()
    for entry in entries:
        entry.mask()
        (one,) = gate.taken()
        assert one.range is not None
        assert one.if_match == etags[entry.path]
    assert stored.entries.at(60, 115).count() > 0
    assert all(one.if_match in etags.values() for one in gate.taken())


def test_another_object_of_the_same_size_within_a_second(stored, bucket, root, archive):
    name = f"{root}/2020/a.iid"
    entry = stored.entries.where(path="2020/a.iid", key=0).first()
    changed = shifted(archive)
    assert len(changed) == entry.stamp.size
    bucket.put("masks/2020/a.iid", changed)
    with pytest.raises(StaleFileError, match=rf"{name}: has changed .*ETag \S+ then and \S+ now"):
        entry.mask()
    with pytest.raises(StaleFileError):
        stored.entries.at(60, 115).count()
    assert {e.path for e in stored.entries.at(70, 115, on_stale="skip")} == {"2020/b.iid"}
    with pytest.warns(UserWarning, match="has changed"):
        assert {e.path for e in stored.entries.at(70, 115, on_stale="warn")} == {"2020/b.iid"}
    assert [problem.location for problem in stored.verify()] == [name]
    assert counts(stored.ingest(root)) == {"updated": 1, "unchanged": 2}
    assert stored.entries.where(path="2020/a.iid", key=0).first().bbox.minc == 57
    assert stored.verify(masks=True) == []


def test_only_what_has_changed_is_read_again(stored, bucket, root, archive, gate):
    bucket.put("masks/2020/a.iid", shifted(archive))
    # The same bytes once more are the same content, whenever they were written.
    bucket.put("masks/2020/b.iid", (archive / "2020" / "b.iid").read_bytes())
    assert counts(stored.ingest(root)) == {"updated": 1, "unchanged": 2}
    assert [one.path.rpartition("/")[2] for one in gate.taken() if not one.is_list] == ["a.iid"]


def test_gone_moved_and_returned(stored, bucket, root, archive, index):
    first = index.entries.where(path="2020/a.iid", key=0).first()
    entry = stored.entries.where(path="2020/a.iid", key=0).first()
    raw = (archive / "2020" / "a.iid").read_bytes()
    bucket.delete("masks/2020/a.iid")
    with pytest.raises(SourceNotFoundError, match="is not there any more"):
        entry.mask()
    assert [problem.problem for problem in stored.verify()] == ["is not there any more"]
    assert counts(stored.ingest(root)) == {"missing": 1, "unchanged": 2}
    bucket.put("masks/2020/a.iid", raw)
    assert stored.ingest(f"{root}/2020/a.iid").returned == 1
    bucket.delete("masks/2020/a.iid")
    bucket.put("masks/2022/a.iid", raw)
    assert counts(stored.ingest(root)) == {"moved": 1, "unchanged": 2}
    moved = stored.entries.where(path="2022/a.iid", key=0).first()
    assert np.array_equal(moved.mask(), first.mask())
    with pytest.raises(IngestError, match="gone.iid: there is no such"):
        stored.ingest(f"s3://{bucket.name}/other/gone.iid")


def test_a_root_that_has_moved(stored, bucket, archive):
    for key in PUT:
        bucket.delete(f"masks/{key}")
    bucket.fill(archive, "new/")
    report = stored.ingest(f"s3://{bucket.name}/new")
    assert report.relocated == {"masks": f"s3://{bucket.name}/new"}
    assert counts(report) == {"unchanged": 3}


def test_names_that_cannot_be_read_are_told(stored, bucket, root):
    bucket.put("masks/x//y.iid", b"none")
    report = stored.ingest(root)
    assert counts(report) == {}
    assert "empty part" in report.unreadable[f"{root}/"]
    assert stored.entries.at(60, 115).count() > 0


def test_an_object_without_bytes(stored, bucket, root, gate):
    bucket.put("masks/empty.iid", b"")
    gate.taken()
    report = stored.ingest(root)
    assert counts(report) == {"unchanged": 3, "failed": 1}
    assert [one.status for one in gate.taken() if not one.is_list] == [416, 200] * 2


def test_an_empty_prefix_is_an_empty_root(stored, bucket, root, tmp_path):
    assert counts(stored.ingest(f"s3://{bucket.name}/nothing")) == {}
    assert {one.name: one.files for one in stored.roots()} == {"masks": 3, "nothing": 0}
    for key in PUT:
        bucket.delete(f"masks/{key}")
    # A list is the store's word: there is no disk that may not be mounted.
    assert counts(stored.ingest(root)) == {"missing": 3}
    assert stored.prune() == sorted(PUT)
    assert run(["--db", str(tmp_path / "new.db"), "ingest", f"s3://{bucket.name}/nothing"]) == 0


def test_a_prefix_that_cannot_be_listed_costs_only_itself(stored, bucket, root, gate, tmp_path):
    gate.fail(
        403,
        times=1000,
        which=lambda one: "prefix=masks" in one.path,
    )
    bucket.put("more/a.iid", bucket._ask("GET", "masks/2020/a.iid"))
    report = stored.ingest([root, f"s3://{bucket.name}/more", "s3://no-such-bucket-here/x"])
    assert counts(report) == {"added": 1}
    assert set(report.unreadable) == {f"{root}/", "s3://no-such-bucket-here/x/"}
    told = " ".join(report.unreadable.values())
    assert "access is denied (403)" in told
    assert "NoSuchBucket" in told
    assert stored.stats().missing == 0
    out = tmp_path / "objects.db"
    assert run(["--db", str(out), "ingest", root]) == 4


def test_missing_rights_are_named(stored, gate, monkeypatch, root):
    entry = stored.entries.where(path="2020/a.iid", key=0).first()
    # The server knows nobody who does not sign, and its answer is that of S3.
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    with pytest.raises(SourceError, match=rf"{root}/2020/a.iid: .*access is denied \(403\)"):
        entry.mask()
    assert {e.path for e in stored.entries.at(60, 115, on_stale="skip")} == set()
    assert gate.taken()[-1].status == 403


def test_no_credentials_anywhere(stored, gate, root, tmp_path, bucket, monkeypatch, capfd):
    gate.fail(403, times=1000, which=lambda one: one.path.endswith("a.iid"))
    gate.requests.clear()
    entry = stored.entries.where(path="2020/a.iid", key=0).first()
    told = []
    for ask in (entry.mask, lambda: stored.ingest(f"{root}/2020/a.iid")):
        try:
            told.append(str(ask()))
        except SourceError as error:
            told += traceback.format_exception(error)
    for url in (
        f"s3://{KEY}:{SECRET}@{bucket.name}/masks",
        f"{root}/2020/a.iid?X-Amz-Signature={SECRET}",
        f"https://user:{SECRET}@localhost/a.iid",
        f"https://localhost/a.iid?sig={SECRET}",
    ):
        with pytest.raises(IngestError, match="taken from the environment") as caught:
            stored.ingest(url)
        told += traceback.format_exception(caught.value)
        assert run(["--db", str(tmp_path / "objects.db"), "ingest", url]) == 2
        assert run(["--db", str(tmp_path / "objects.db"), "relocate", "masks", url]) == 2
        assert run(["--db", str(tmp_path / "objects.db"), "overlaps", url]) == 2
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{KEY}:{SECRET}@127.0.0.1:1")
    told += list(stored.ingest(root).unreadable.values())
    told += [*capfd.readouterr()]
    stored.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("objects.db*"))
    for secret in (KEY, SECRET):
        assert secret not in "".join(told)
        assert secret.encode() not in kept


@pytest.mark.parametrize("fault", [503, 429, 500, "cut"])
def test_what_passes_is_tried_again(stored, gate, fault, root, index):
    gate.fail(fault, times=2, which=lambda one: one.headers.get("range"))
    entry, same = stored.entries.first(), index.entries.first()
    assert np.array_equal(entry.mask(), same.mask())
    assert len(gate.taken()) == 3
    gate.fail(fault, times=2)
    assert counts(stored.ingest(root, checksum=True)) == {"unchanged": 3}


@pytest.mark.parametrize(
    ("fault", "told"),
    [(503, "busy"), (429, "too often"), (500, "500"), ("cut", "cut"), (418, "418")],
)
def test_tries_have_an_end(stored, gate, fault, told, root, monkeypatch):
    monkeypatch.setattr(object_stores, "_RETRIES", 2)
    monkeypatch.setattr(object_stores, "_KEPT", object_stores._Kept())
    is_a = lambda one: one.path.endswith("/a.iid")  # noqa: E731
    gate.fail(fault, times=10_000, which=is_a)
    entry = stored.entries.where(path="2020/a.iid", key=0).first()
    with pytest.raises(SourceError, match=f"{root}/2020/a.iid: cannot be read: .*{told}"):
        entry.mask()
    assert len(gate.taken()) < 50
    report = stored.ingest(root, checksum=True)
    assert counts(report) == {"failed": 1, "unchanged": 2}
    assert told in report.failures[f"{root}/2020/a.iid"]
    gate.fail(503, times=0)
    assert counts(stored.ingest(root)) == {"updated": 1, "unchanged": 2}


def test_a_store_that_is_not_there(stored, gate, monkeypatch):
    entry = stored.entries.first()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(SourceError, match="cannot be reached"):
        entry.mask()


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Three files of megabytes."""
    place = tmp_path_factory.mktemp("large")
    for nth in range(3):
        write_scattered(place / f"{nth}.iid", nth)
    return place


def test_at_reads_kilobytes(bucket, gate, tmp_path, large):
    """Of objects of megabytes, a question for a pixel reads what it needs of each."""
    bucket.fill(large, "large/")
    sizes = [path.stat().st_size for path in large.iterdir()]
    assert min(sizes) > 1_500_000
    with iidindex.open(tmp_path / "large.db", create=True) as opened:
        opened.ingest(f"s3://{bucket.name}/large")
        assert len(gate.taken()) == 1 + 3 * 2  # a list, and two requests for each
        with iidindex.open(tmp_path / "disk.db", create=True) as same:
            same.ingest(large)
            hits = [(e.path, e.key) for e in same.entries.at(1500, 1500)]
        assert [(e.path, e.key) for e in opened.entries.at(1500, 1500)] == hits
        asked = gate.taken()
        assert len(hits) >= 6
        assert len(asked) <= 2 * len(hits)
        assert sum(one.size for one in asked) < 100_000
        assert {one.status for one in asked} == {206}


def write_scattered(path, seed):
    """Masks of some thousand bytes, thousands of them, some of which hold one pixel."""
    file = iidindex.IIDFile()
    rng = np.random.default_rng(seed)
    for nth in range(900):
        mask = rng.random((120, 120)) < 0.5
        place = (1440, 1440) if nth % 400 == 100 else tuple(rng.integers(0, 1200, 2).tolist())
        mask[60, 60] = True
        box = (*place, place[0] + 120, place[1] + 120)
        file.add(b"%d" % nth, b"scattered", box, mask)
    file.save(path)


def test_many_masks_take_few_requests(stored, bucket, gate, large):
    bucket.put("many/m.iid", (large / "0.iid").read_bytes())
    stored.ingest(f"s3://{bucket.name}/many")
    gate.taken()
    entries = list(stored.entries.where(path="m.iid"))
    gate.taken()
    masks = list(stored.entries.where(path="m.iid").masks())
    assert len(masks) == len(entries) == 900
    assert 0 < len(gate.taken()) <= 32


def test_roots_of_both_kinds(bucket, archive, tmp_path, gate, index):
    bucket.fill(archive / "2020", "there/")
    with iidindex.open(tmp_path / "both.db", create=True) as both:
        report = both.ingest([f"s3://{bucket.name}/there", archive / "2021"])
        assert counts(report) == {"added": 3}
        same = {(e.path.rpartition("/")[2], e.key) for e in index.entries.at(60, 115)}
        assert {(e.path, e.key) for e in both.entries.at(60, 115)} == same
        assert both.verify(masks=True) == []
        with pytest.raises(iidindex.CatalogError, match="none of the files"):
            both.relocate("2021", f"s3://{bucket.name}/elsewhere")
        bucket.fill(archive / "2021", "moved/")
        both.relocate("2021", f"s3://{bucket.name}/moved")
        assert both.ingest(f"s3://{bucket.name}/moved").touched == 1
        with pytest.raises(iidindex.CatalogError, match="is there"):
            both.prune(root="2021")
        # A root takes in what lies below it, and back on the disk the files are the same.
        assert counts(both.ingest(f"s3://{bucket.name}")) == {"unchanged": 3}
        assert [one.location for one in both.roots()] == [f"s3://{bucket.name}"]


def test_fixity_and_masks(stored, root, bucket, gate):
    assert stored.ingest(root, fixity=True).unchanged == 3
    assert stored.verify(fixity=True, masks=True) == []
    bucket.delete("masks/2021/c.iid")
    assert [one.problem for one in stored.verify(fixity=True, masks=True)] == [
        "is not there any more"
    ]


def test_threads_and_processes(root, tmp_path, index, gate, monkeypatch):
    with iidindex.open(tmp_path / "x.db", create=True) as opened:
        with ThreadPoolExecutor(2) as executor:
            assert opened.ingest(root, executor=executor).added == 3
        assert content(opened) == content(index)
        assert counts(opened.ingest(root, checksum=True, jobs=2)) == {"unchanged": 3}


def test_verbs_over_objects(stored, root, tmp_path, archive, monkeypatch, capsys):
    db = ["--db", str(tmp_path / "objects.db")]
    for arguments in (
        ["mask", f"{root}/2020/a.iid", "--address", "tree", "-o", str(tmp_path / "m.png")],
        ["render", "2020/a.iid", "-o", str(tmp_path / "r.png")],
        ["sheet", "tree", "-o", str(tmp_path / "s.png")],
        ["export", "-o", str(tmp_path / "coco.json"), "--to", "coco"],
        ["export", "-o", str(tmp_path / "copies"), "--to", "iid"],
        ["export", "-o", str(tmp_path / "labels"), "--to", "labels"],
        ["page", "-o", str(tmp_path / "page")],
        ["overlaps", f"{root}/2020/a.iid"],
        ["find", "--path", f"{root}/2020/*"],
        ["heat", "-o", str(tmp_path / "h.png")],
        ["tracks"],
        ["doctor"],
        ["compare", "2020/a.iid", "2020/b.iid"],
    ):
        code = run([*db, *arguments])
        out, err = capsys.readouterr()
        assert code == 0, (arguments, out, err)
    again = iidindex.IIDFile(tmp_path / "copies" / "2020" / "a.iid")
    assert len(again) == len(iidindex.IIDFile(archive / "2020" / "a.iid"))


def test_the_catalogue_keeps_etags(stored, tmp_path):
    with sqlite3.connect(tmp_path / "objects.db") as raw:
        rows = raw.execute("SELECT path, mtime_ns, etag FROM files ORDER BY path").fetchall()
    raw.close()
    assert [path for path, _, _ in rows] == list(PUT)
    assert all(number < 0 and etag.startswith('"') for _, number, etag in rows)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no such system call here")
def test_a_forked_process_says_that_it_cannot(stored):
    entry = stored.entries.first()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            entry.mask()
            told = "nothing"
        except SourceError as error:
            told = str(error)
        os.write(writer, told.encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert "was forked" in os.read(reader, 10_000).decode()
    os.close(reader)
    os.close(writer)
    assert entry.mask().any()
