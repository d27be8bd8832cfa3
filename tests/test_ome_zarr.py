"""OME-Zarr's label images, as versions 0.4 and 0.5 of https://ngff.openmicroscopy.org say.

Arrays are written by zarr, metadata by hand as the examples of section "labels" have them.
"""

import json
import pickle
import sys

import numpy as np
import pytest
import zarr
from numcodecs import Blosc

import iidindex
from iidindex.errors import ExchangeError
from iidindex.formats import read
from iidindex.formats.registry import guess
from iidindex.storage.folder import Folder, HeldFiles
from tracked import by_name, entries_of, frame_of, read_held, recognised, survives

SHAPE = (20, 30)


def stack():
    """Three planes; 7 is in two of them, 300 goes over the edge of chunks."""
    planes = np.zeros((3, *SHAPE), np.uint16)
    planes[0, 2:9, 3:14] = 7
    planes[0, 12:19, 10:25] = 300
    planes[2, 4:6, 20:23] = 7
    return planes


def group(path, version, attributes):
    path.mkdir(parents=True, exist_ok=True)
    if version == 2:
        (path / ".zgroup").write_text('{"zarr_format": 2}')
        (path / ".zattrs").write_text(json.dumps(attributes))
    else:
        about = {"zarr_format": 3, "node_type": "group", "attributes": {"ome": attributes}}
        (path / "zarr.json").write_text(json.dumps(about))


def label_image(path, version, planes, axes, label=None, **options):
    scales = {
        "axes": [{"name": axis, "type": "space"} for axis in axes],
        "datasets": [{"path": "0"}, {"path": "1"}],
    }
    if version == 2:
        scales["version"] = "0.4"
    group(path, version, {"multiscales": [scales], "image-label": label or {}})
    chunks = (*[1] * (planes.ndim - 2), 8, 16)
    for name, kept in (("0", planes), ("1", planes[..., ::2, ::2])):
        array = zarr.create_array(
            path / name,
            shape=kept.shape,
            chunks=chunks,
            dtype=kept.dtype,
            zarr_format=version,
            **options,
        )
        array[...] = kept


def image(path, version, names=("nuclei",)):
    group(path, version, {"multiscales": [{"axes": [], "datasets": [{"path": "0"}]}]})
    group(path / "labels", version, {"labels": list(names)})
    return path


def held(path):
    """All files, hidden ones too."""
    files = (one for one in path.rglob("*") if one.is_file())
    return {one.relative_to(path).as_posix(): one.read_bytes() for one in files}


@pytest.mark.parametrize("version", [2, 3])
def test_planes_of_labels(tmp_path, version):
    source = image(tmp_path / "cells.zarr", version)
    told = {"properties": [{"label-value": 7, "class": "mitosis"}, {"label-value": "x"}, 5]}
    label_image(source / "labels/nuclei", version, stack(), "zyx", told)
    assert recognised(Folder(source)) == ["ome-zarr"]
    report = iidindex.import_archive(source, tmp_path / "out", group_by="class", jobs=1)
    assert (report.pictures, report.entries) == (3, 3)
    assert (report.individuals, report.individuals_in_several) == (2, 1)
    assert (report.identity, report.refused, report.notes) == ("the label", {}, {})
    file = iidindex.IIDFile(tmp_path / "out/nuclei/0002.iid")
    assert file.meta.data["source"].pop("place") == "../../cells.zarr"
    assert file.meta.data == {
        "width": 30,
        "height": 20,
        "source": {"format": "ome-zarr", "file": "labels/nuclei/0", "plane": {"Z": 2}},
    }
    pictures = by_name(read(source, group_by="class"))
    assert entries_of(pictures["nuclei/0000"]) == [
        ("cells/nuclei", "300", ()),
        ("cells/nuclei", "7", ("mitosis",)),
    ]
    assert pictures["nuclei/0001"].entries == []
    for name, plane in zip(sorted(pictures), stack(), strict=True):
        for entry in pictures[name].entries:
            assert (frame_of(entry, *SHAPE) == (plane == int(entry.address))).all()


def test_several_label_images_in_several_directories(tmp_path):
    for name, version in (("a", 2), ("b", 3)):
        source = image(tmp_path / f"x/{name}.zarr", version, ["nuclei", "rings/outer"])
        label_image(source / "labels/nuclei", version, stack()[0], "yx")
        label_image(source / "labels/rings/outer", version, stack()[0].T, "xy")
    assert guess(Folder(tmp_path / "x")) == "ome-zarr"
    pictures = by_name(read(tmp_path / "x"))
    assert sorted(pictures) == ["a/nuclei", "a/rings/outer", "b/nuclei", "b/rings/outer"]
    domains = {entry.domain for one in pictures.values() for entry in one.entries}
    assert domains == {f"x/{name}".encode() for name in pictures}
    for one in pictures.values():
        assert len(one.entries) == 2
        for entry in one.entries:
            assert (frame_of(entry, *SHAPE) == (stack()[0] == int(entry.address))).all()


def test_channels_are_label_images_of_their_own(tmp_path):
    source = image(tmp_path / "cells.zarr", 2)
    label_image(source / "labels/nuclei", 2, stack()[None, [0, 2]], "tcyx")
    first, second = read(source)
    assert {entry.domain for entry in first.entries} == {b"cells/nuclei/c0"}
    assert {entry.domain for entry in second.entries} == {b"cells/nuclei/c1"}
    assert second.meta["source"]["plane"] == {"T": 0, "C": 1}


def test_one_label_image_and_series_of_bioformats2raw(tmp_path):
    label_image(tmp_path / "nuclei", 3, stack()[0], "yx", shards=(16, 32))
    assert recognised(Folder(tmp_path / "nuclei")) == ["ome-zarr"]
    (picture,) = read(tmp_path / "nuclei")
    assert entries_of(picture) == [("nuclei", "300", ()), ("nuclei", "7", ())]
    raw = tmp_path / "raw.zarr"
    group(raw, 2, {"bioformats2raw.layout": 3})
    for series in "01":
        label_image(image(raw / series, 2) / "labels/nuclei", 2, stack()[0], "yx")
    assert [one.name for one in read(raw)] == ["0/nuclei", "1/nuclei"]


def test_only_the_chunks_of_a_plane_are_read(tmp_path):
    source = image(tmp_path / "cells.zarr", 2)
    label_image(source / "labels/nuclei", 2, stack(), "zyx")
    files = held(source)
    for name in files:
        if name.startswith(("labels/nuclei/0/1.", "labels/nuclei/1/")):
            files[name] = b"no chunk"
    files["labels/nuclei/0/2.0.1"] = b"no chunk"
    given = HeldFiles(files, "cells.zarr")
    pictures = read_held_all(given)
    assert [name for name, found in pictures.items() if isinstance(found, ExchangeError)] == [
        "nuclei/0002"
    ]
    assert len(pictures["nuclei/0000"].entries) == 2
    assert "labels/nuclei/0: cannot be decoded" in str(pictures["nuclei/0002"])


def read_held_all(given):
    from iidindex.formats.finishing import read_pictures
    from iidindex.formats.reading import Options
    from iidindex.formats.registry import format_named

    survey = format_named("ome-zarr").survey(given, Options())
    found = {}
    for task in survey.tasks:
        try:
            (found[task.name],) = read_pictures("ome-zarr", given, Options(), survey.shared, task)
        except ExchangeError as error:
            found[task.name] = error
    return found


def test_what_does_not_fit_is_refused(tmp_path):
    source = image(tmp_path / "cells.zarr", 2, ["good", "none", "float", "bad", "../out"])
    label_image(source / "labels/good", 2, stack()[0], "yx")
    label_image(source / "labels/float", 2, stack()[0] + np.float32(0.5), "yx")
    label_image(source / "labels/bad", 2, stack()[0], "yxz")
    report = iidindex.import_archive(source, tmp_path / "out", jobs=1)
    assert (report.pictures, report.refused) == (1, {"label image": 2, "picture": 1})
    assert "shape is [20, 30]; expected lengths of the axes yxz" in str(report.first_refused)
    assert "expected whole numbers" in str(report.first_refused)
    with pytest.raises(ExchangeError, match="labels have no field 'id'"):
        iidindex.import_archive(source, tmp_path / "out", identity="id")
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(ExchangeError, match="holds no OME-Zarr with labels"):
        iidindex.import_archive(tmp_path / "empty.zarr", tmp_path / "out", format="ome-zarr")


@pytest.mark.parametrize(
    ("field", "value"),
    [("shape", [1 << 20, 1 << 20]), ("shape", [20, -30]), ("chunks", [1 << 20, 1 << 20])],
)
def test_what_would_not_fit_into_memory_is_refused(tmp_path, field, value):
    source = image(tmp_path / "cells.zarr", 2)
    label_image(source / "labels/nuclei", 2, stack()[0], "yx")
    array = source / "labels/nuclei/0/.zarray"
    array.write_text(json.dumps({**json.loads(array.read_text()), field: value}))
    survey, _ = read_held("ome-zarr", held(source), "cells.zarr")
    assert survey.refused.counts == {"label image": 1}
    assert f"{field}" in str(survey.refused.first)


class _Runs:
    """What pickle makes into a call when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (
            {"compressor": {"id": "pickle"}, "filters": [{"id": "vlen-utf8"}], "dtype": "|O"},
            "dtype",
        ),
        ({"compressor": {"id": "pickle"}}, "compressor is 'pickle'"),
        ({"filters": [{"id": "delta", "dtype": "<u2"}, {"id": "pickle"}]}, "filter is 'pickle'"),
        ({"compressor": {"id": "json2"}}, "compressor is 'json2'"),
    ],
)
def test_no_codec_runs_what_it_is_given(tmp_path, monkeypatch, more, told):
    # Old releases of numcodecs run it without being told to.
    monkeypatch.setattr("numcodecs.pickles.ALLOW_UNSAFE_PICKLE_DECODE", True, raising=False)
    source = image(tmp_path / "cells.zarr", 2)
    label_image(source / "labels/nuclei", 2, stack(), "zyx")
    files = held(source)
    about = json.loads(files["labels/nuclei/0/.zarray"])
    files["labels/nuclei/0/.zarray"] = json.dumps({**about, **more}).encode()
    for name in files:
        if name.startswith("labels/nuclei/0/0."):
            files[name] = pickle.dumps(_Runs(tmp_path / "was-run"))
    survey, pictures = read_held("ome-zarr", files, "cells.zarr")
    assert pictures == []
    assert told in str(survey.refused.first)
    assert not (tmp_path / "was-run").exists()


@pytest.mark.parametrize(("version", "sharded"), [(2, False), (3, False), (3, True)])
def test_a_chunk_of_blosc_that_lies_about_its_bytes(tmp_path, version, sharded):
    """C-Blosc would read on behind it."""
    source = image(tmp_path / "cells.zarr", version)
    codec = {2: Blosc(), 3: zarr.codecs.BloscCodec(cname="lz4")}[version]
    more = {"shards": (1, 16, 32)} if sharded else {}
    label_image(source / "labels/nuclei", version, stack(), "zyx", compressors=codec, **more)
    files = held(source)
    assert len(entries_of(by_name(read(source))["nuclei/0000"])) == 2
    lead = "labels/nuclei/0/" + ("0." if version == 2 else "c/0/")
    for name in [one for one in files if one.startswith(lead)]:
        for place, value in ((12, 1 << 20), (4, 1 << 30)):
            head = bytearray(files[name])
            head[place : place + 4] = value.to_bytes(4, "little")
            found = read_held_all(HeldFiles({**files, name: bytes(head)}, "cells.zarr"))
            assert "a chunk of Blosc" in str(found["nuclei/0000"])
            assert len(found["nuclei/0002"].entries) == 1


def test_without_zarr_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(ExchangeError, match=r"pip install 'iidindex\[zarr\]'"):
        read_held("ome-zarr", {"labels/.zattrs": b'{"labels": ["a"]}'}, "a.zarr")


def test_whatever_the_bytes_they_are_read_or_refused(tmp_path):
    for version in (2, 3):
        source = image(tmp_path / f"{version}.zarr", version)
        label_image(source / "labels/nuclei", version, stack()[:1], "zyx")
        files = held(source)
        chunk = "labels/nuclei/0/0.1.0" if version == 2 else "labels/nuclei/0/c/0/1/0"
        of_array = "labels/nuclei/0/" + (".zarray" if version == 2 else "zarr.json")
        of_group = "labels/nuclei/" + (".zattrs" if version == 2 else "zarr.json")
        for which, count in {chunk: 150, of_array: 250, of_group: 200}.items():
            survives("ome-zarr", files, which, count)
