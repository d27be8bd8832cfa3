"""What napari is told and given, without napari."""

import tomllib
import warnings
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import iidindex
from iidindex import IIDFile, IIDFormatError, SourceNotFoundError
from iidindex.exchange.napari_reader import get_reader, read_layers
from test_laziness import modules_after

HERE = Path(__file__).parents[1]
MANIFEST = Path(iidindex.__file__).with_name("napari.yaml")
COLUMNS = ["index", "key", "address", "domain", "groups", "area"]


@pytest.fixture
def path(tmp_path, file):
    file.meta.data = {"height": 70, "width": 90, "camera": "x"}
    file.add(b"\xff\0", b"", (0, 80, 2, 90), np.ones((2, 10), bool))
    file.save(tmp_path / "a.iid")
    return str(tmp_path / "a.iid")


def test_layers(path):
    layers = get_reader(path)(path)
    assert [kind for _, _, kind in layers] == ["labels"] * 2
    assert [arguments["name"] for _, arguments, _ in layers] == ["a", "a (2)"]
    seen = {}
    for plane, arguments, _ in layers:
        assert plane.shape == (70, 90)
        assert plane.dtype == np.uint32
        assert set(arguments) == {"name", "features", "metadata"}
        camera = {"height": 70, "width": 90, "camera": "x"}
        assert arguments["metadata"] == {"path": path, "meta": camera}
        features = arguments["features"]
        assert list(features) == COLUMNS
        assert len({len(column) for column in features.values()}) == 1
        for number, *told in zip(*features.values(), strict=True):
            assert number not in seen
            seen[number] = plane == number, told
        assert set(np.unique(plane[plane > 0]).tolist()) <= set(features["index"])
    with IIDFile(path) as opened:
        for entry, mask in opened.masks():
            pixels, (key, address, domain, groups, area) = seen.pop(entry.key + 1)
            box = entry.seg.bbox
            whole = np.zeros((70, 90), bool)
            whole[box.minr : box.maxr, box.minc : box.maxc] = mask
            assert np.array_equal(pixels, whole)
            assert (key, area) == (entry.key, mask.sum())
            in_words = "b64:/wA=" if entry.key == 4 else entry.iid.address.decode()
            assert address == in_words
            assert domain == (entry.iid.domain or b"").decode()
            assert groups.split("\n") == {0: ["a"], 1: ["a", "b"], 3: ["b"]}.get(entry.key, [""])
    assert not seen


def test_frames_that_no_metadata_state(tmp_path, odd):
    odd.save(tmp_path / "odd.iid")
    ((plane, arguments, _),) = read_layers(tmp_path / "odd.iid")[:1]
    assert plane.shape == (12, 12)
    empty = IIDFile()
    empty.meta.data = ["no", "mapping"]
    empty.save(tmp_path / "empty.iid")
    ((plane, arguments, _),) = read_layers(tmp_path / "empty.iid")
    assert plane.shape == (1, 1)
    assert not plane.any()
    assert arguments["features"] == {name: [] for name in COLUMNS}
    assert arguments["metadata"]["meta"] == ["no", "mapping"]


def test_what_is_taken(path, tmp_path):
    assert get_reader(str(tmp_path / "a.png")) is None
    assert get_reader([path, "b.png"]) is None
    assert get_reader([]) is None
    several = get_reader([path, path])([path, path])
    assert len(several) == 4
    with pytest.raises(SourceNotFoundError):
        read_layers(str(tmp_path / "none.iid"))
    (tmp_path / "bad.iid").write_bytes(b"nonsense")
    with pytest.raises(IIDFormatError, match="bad.iid"):
        read_layers(str(tmp_path / "bad.iid"))


def test_nothing_heavy_is_imported(path):
    code = f"from iidindex.exchange.napari_reader import get_reader; get_reader({path!r})({path!r})"
    found = modules_after(code)
    assert not found & {"napari", "npe2", "pandas", "sqlalchemy", "sqlite3", "skimage", "scipy"}


def test_the_manifest_is_found():
    project = tomllib.loads((HERE / "pyproject.toml").read_text("utf-8"))["project"]
    points = project["entry-points"]["napari.manifest"]
    assert points == {project["name"]: f"iidindex:{MANIFEST.name}"}
    lines = [line.strip(" -") for line in MANIFEST.read_text("utf-8").splitlines()]
    told = dict(line.split(": ", 1) for line in lines if ": " in line)
    module, name = told["python_name"].split(":")
    assert getattr(import_module(module), name) is get_reader
    assert told["command"] == told["id"]
    assert told["name"] == "iidindex"


@pytest.fixture
def npe2():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what it is made of
        return pytest.importorskip("npe2")


def test_the_manifest_is_valid(npe2):
    manifest = npe2.PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()
    (reader,) = manifest.contributions.readers
    assert "*.iid" in reader.filename_patterns


def test_npe2_reads_by_it(path, npe2):
    # By the only manager that commands are looked up in.
    manager = npe2.PluginManager.instance()
    manager.register(npe2.PluginManifest.from_file(MANIFEST), warn_disabled=False)
    try:
        layers = npe2.read([path], stack=False)
    finally:
        manager.unregister("iidindex")
    assert [layer[2] for layer in layers] == ["labels"] * 2
