"""What is not needed is neither imported nor read."""

import subprocess
import sys

import numpy as np
import pytest

import iidindex
from conftest import write_garden
from iidindex import IIDFile
from iidindex.storage.local import LocalFile


def modules_after(code, *arguments, whole=False):
    """Modules that a new process has imported in the end: top-level ones, or all."""
    names = "sys.modules" if whole else "{name.partition('.')[0] for name in sys.modules}"
    code += f"\nimport sys\nprint(*{names}, file=sys.stderr)"
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return set(result.stderr.split())


@pytest.fixture
def path(tmp_path):
    file = IIDFile()
    random = np.random.default_rng(0)
    for nth in range(40):
        box = (nth, nth, nth + 30, nth + 30)
        file.add(b"%d" % nth, b"d", box, random.random((30, 30)) < 0.5, "g")
    file.save(tmp_path / "file.iid")
    return tmp_path / "file.iid"


HEAVY = {
    "sqlalchemy",
    "skimage",
    "scipy",
    "alembic",
    "rtree",
    "click",
    "PIL",
    "sqlite3",
    "tabulate",
}


def test_importing_the_package():
    found = modules_after("import iidindex; iidindex.IIDFile")
    assert "iidindex" in found
    assert found & HEAVY == set()


def test_a_verb_that_asks_one_thing(path, tmp_path):
    db = str(tmp_path / "x.db")
    with iidindex.open(db, create=True) as index:
        index.ingest(path)
    code = """
import sys
from iidindex.cli.main import main
try:
    sys.argv[1:] = ["--db", sys.argv[1], "find", "--format", "jsonl"]
    main()
except SystemExit as end:
    assert end.code == 0
"""
    found = modules_after(code, db, whole=True)
    assert "iidindex.query.question.compile" in found
    others = ("ingestion", "query.linkage", "query.overlaps", "pictures", "render", "formats")
    others += ("codec.encode", "files.scan", "catalog.load", "catalog.sqlite.pages")
    assert {
        name for name in found if name.startswith(tuple(f"iidindex.{one}" for one in others))
    } == set()
    assert found & (HEAVY - {"sqlalchemy", "click", "sqlite3"}) == set()


def test_files_on_a_disk_load_no_store(path, tmp_path):
    code = """
import sys, iidindex
with iidindex.open(sys.argv[1], create=True) as index:
    index.ingest(sys.argv[2], jobs=1)
    index.entries.first().mask()
    assert index.verify(masks=True) == []
"""
    found = modules_after(code, str(tmp_path / "x.db"), str(path), whole=True)
    assert not {name for name in found if name.startswith(("obstore", "iidindex.storage.object_s"))}
    assert "iidindex.storage.local_ranges" in found


def test_only_to_serve_loads_a_server(path, tmp_path):
    code = """
import sys, iidindex
from iidindex.cli.main import run, VERBS
from importlib import import_module
for module, _ in VERBS.values():
    import_module(f"iidindex.cli.{module}")
with iidindex.open(sys.argv[2], create=True) as index:
    index.ingest(sys.argv[1])
    file = index.named_file("file.iid")
    assert index.packed_masks(file).entries
"""
    found = modules_after(code, str(path.parent), str(tmp_path / "x.db"))
    assert found & {"starlette", "uvicorn", "anyio", "httpx"} == set()


def test_reading_a_file(path):
    code = """
import sys
from iidindex import IIDFile
with IIDFile(sys.argv[1]) as file:
    _ = [entry.seg.mask() for entry in file.fetch(everything=True)]
    _ = list(file.masks()), file.iids, file.meta, file.groups.list()
    _ = file.at(5, 5), file.region((0, 0, 9, 9)), file.to_bytes()
"""
    assert modules_after(code, str(path)) & HEAVY == set()


def test_adding_loads_nothing_either():
    code = "from iidindex import IIDFile; import numpy as np\n"
    code += "IIDFile().add(b'x', None, (0, 0, 9, 9), np.eye(9, dtype=bool))"
    assert not modules_after(code) & HEAVY


@pytest.fixture
def reads(monkeypatch):
    """What is read of local files: offset and length, or "all" for the map."""
    seen = []
    read, data = LocalFile.read, LocalFile.data

    def read_and_note(self, offset, length):
        seen.append((offset, length))
        return read(self, offset, length)

    def map_and_note(self):
        seen.append("all")
        return data(self)

    monkeypatch.setattr(LocalFile, "read", read_and_note)
    monkeypatch.setattr(LocalFile, "data", map_and_note)
    return seen


def test_opening_reads_the_header_alone(path, reads):
    file = IIDFile(path)
    assert reads == [(0, 48)]
    assert file.header.bufloc_lut == (48, 800)
    assert file.name == str(path)
    assert reads == [(0, 48)]
    assert len(file) == 40
    assert reads[:2] == [(0, 48), "all"]


def overwrite(path, begin, end):
    """Nonsense over a part of a file, to show that nobody looks there."""
    data = bytearray(path.read_bytes())
    data[begin:end] = b"\xee" * (end - begin)
    path.write_bytes(data)


def test_each_part_is_read_when_it_is_asked_for(path):
    with IIDFile(path) as file:
        header = file.header
        whole = [entry.seg.mask() for entry in file]
    for name in ("iids", "meta", "groups", "segs"):
        place = getattr(header, f"bufloc_{name}")
        damaged = path.with_name(f"{name}.iid")
        damaged.write_bytes(path.read_bytes())
        overwrite(damaged, place.offset, place.end)
        with IIDFile(damaged) as file:
            asked = {
                "iids": lambda file=file: len(file.iids),
                "meta": lambda file=file: file.meta,
                "groups": lambda file=file: len(file.groups),
                "segs": lambda file=file: sum(mask.sum() for _, mask in file.masks()),
            }
            with pytest.raises(ValueError, match=f"{name}.iid: section {name}"):
                asked.pop(name)()
            for ask in asked.values():
                assert ask() is not None
            if name != "segs":
                assert np.array_equal(file.fetch(3, segs=True)[0].seg.mask(), whole[3])


def test_one_row_is_decoded_without_the_others(path):
    with IIDFile(path) as file:
        places = [entry.seg.bufloc for entry in file]
    for nth, place in enumerate(places):
        if nth != 17:
            overwrite(path, *(place.offset, place.end))
    with IIDFile(path) as file:
        (entry,) = file.fetch(17)
        assert entry.seg.bbox == (17, 17, 47, 47)
        assert entry.seg.mask().sum() == entry.seg.area
        with pytest.raises(ValueError, match="file.iid: section segs"):
            file.fetch(16)


def test_metadata_are_those_of_the_index(tmp_path, reads):
    """No file is opened for them: there is none any more."""
    for name in "ab":
        write_garden(tmp_path / "archive" / f"{name}.iid")
    with iidindex.open(tmp_path / "x.db", create=True) as index:
        index.ingest(tmp_path / "archive")
        for path in (tmp_path / "archive").iterdir():
            path.unlink()
        reads.clear()
        hits = index.entries.where(address=b"tree", meta={"camera": {"iso": (200, 200)}})
        fields = ["path", "meta.day", "meta.camera.iso"]
        wanted = [
            {"path": f"{name}.iid", "meta.day": name, "meta.camera.iso": 200} for name in "ba"
        ]
        assert hits.order_by("-meta.day").to_dicts(fields) == wanted
        assert hits.order_by("-meta.day").to_arrow(fields).to_pylist() == wanted
        assert index.files().to_dicts(fields) == wanted[::-1]
        assert index.links(b"tree").to_dicts(fields) == wanted[::-1]
        assert [entry.meta["day"] for entry in hits] == ["a", "b"]
        assert index.tracks("meta.day", order_by="-files")[0][1:4] == ("a", "b", 2)
    assert reads == []
