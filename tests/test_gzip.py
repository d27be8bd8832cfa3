"""JSON that was packed with gzip is read as if it were not, whatever it swells to."""

import gzip
import io
import json
import random
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from foreign_files import claims, pictures_of
from iidindex import ExchangeError, import_archive
from iidindex.errors import SourceError
from iidindex.formats.json_ranges import peek
from iidindex.formats.reading import Options, byte_range
from iidindex.formats.registry import format_named
from iidindex.storage import gzip_bytes
from iidindex.storage.folder import Folder, HeldFiles
from iidindex.storage.gzip_bytes import GzipBytes

SQUARE = [2, 3, 12, 3, 12, 9, 2, 9]
RUNS = {"size": [20, 30], "counts": [40, 5, 15, 5, 535]}
CATEGORIES = [{"id": 3, "name": "tree"}]
ANNOTATION = {"id": 17, "image_id": 1, "category_id": 3, "segmentation": [SQUARE], "iscrowd": 0}


def unpacked(data):
    return GzipBytes(lambda at, n: data[at : at + n], "a.json.gz", len(data))


def png(plane):
    out = io.BytesIO()
    Image.fromarray(plane).save(out, "PNG")
    return out.getvalue()


def shape(kind, **more):
    points = [[2, 3], [12, 3], [12, 9]]
    return {"label": "tree", "shape_type": kind, "points": points, **more}


COLORED = np.zeros((20, 30, 3), np.uint8)
COLORED[2:5, 3:9, 0] = 7
SOURCES = {
    "coco": {
        "c.json": {
            "images": [{"id": 1, "file_name": "a.jpg", "width": 30, "height": 20}],
            "categories": CATEGORIES,
            "annotations": [ANNOTATION, {**ANNOTATION, "id": 18, "segmentation": RUNS}],
        }
    },
    "youtube-vis": {
        "y.json": {
            "videos": [
                {"id": 1, "width": 30, "height": 20, "length": 1, "file_names": ["v/0.jpg"]}
            ],
            "categories": CATEGORIES,
            "annotations": [{"id": 5, "video_id": 1, "category_id": 3, "segmentations": [RUNS]}],
        }
    },
    "panoptic": {
        "p.json": {
            "images": [{"id": 1, "file_name": "a.jpg", "width": 30, "height": 20}],
            "categories": CATEGORIES,
            "annotations": [
                {
                    "image_id": 1,
                    "file_name": "a.png",
                    "segments_info": [{"id": 7, "category_id": 3}],
                }
            ],
        },
        "p/a.png": png(COLORED),
    },
    "labelme": {
        f"m/{name}.json": {
            "version": "5",
            "imagePath": f"{name}.jpg",
            "imageWidth": 30,
            "imageHeight": 20,
            "shapes": [shape("polygon")],
        }
        for name in "ab"
    },
    "sam": {
        "s.json": {
            "image": {"image_id": 1, "width": 30, "height": 20, "file_name": "s.jpg"},
            "annotations": [
                {"id": 4, "segmentation": RUNS, "predicted_iou": 0.9, "stability_score": 0.9}
            ],
        }
    },
    "label-studio": {
        "l.json": [
            {
                "id": 1,
                "data": {"image": "a.jpg"},
                "annotations": [
                    {
                        "id": 2,
                        "result": [
                            {
                                "id": "r",
                                "type": "rectangle",
                                "original_width": 30,
                                "original_height": 20,
                                "value": {
                                    "x": 10,
                                    "y": 10,
                                    "width": 50,
                                    "height": 50,
                                    "rotation": 0,
                                },
                            }
                        ],
                    }
                ],
            }
        ]
    },
    "geojson": {
        "g.geojson": {
            "type": "FeatureCollection",
            "features": [
                {
                    "type": "Feature",
                    "geometry": {
                        "type": "Polygon",
                        "coordinates": [[[2, 3], [12, 3], [12, 9], [2, 9], [2, 3]]],
                    },
                    "properties": {},
                }
            ],
        }
    },
}


def told(picture):
    entries = [
        (one.address, one.domain, one.bbox, one.groups, one.mask.tobytes())
        for one in picture.entries
    ]
    return picture.name, picture.width, picture.height, entries


@pytest.mark.parametrize("name", SOURCES)
def test_a_format_is_read_packed_as_it_is_plain(name, tmp_path):
    plain, packed = {}, {}
    for path, value in SOURCES[name].items():
        if isinstance(value, bytes):
            plain[path] = packed[path] = value
        else:
            plain[path] = json.dumps(value).encode()
            packed[f"{path}.gz"] = gzip.compress(plain[path])
    expected = [told(picture) for picture in pictures_of(HeldFiles(plain, "source"))]
    assert expected
    assert all(entries for *_, entries in expected)
    assert [told(picture) for picture in pictures_of(HeldFiles(packed, "source"))] == expected
    assert claims(packed) == [name]
    for path, data in packed.items():
        (tmp_path / "in" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / path).write_bytes(data)
    report = import_archive(tmp_path / "in", tmp_path / "out", jobs=2 if name == "coco" else 1)
    assert (report.formats, report.pictures) == ([name], len(expected))
    assert report.entries == sum(len(entries) for *_, entries in expected)


@pytest.mark.parametrize("seed", range(20))
def test_any_members_and_ranges(seed, monkeypatch):
    draw = random.Random(seed)
    monkeypatch.setattr(gzip_bytes, "_IN_MEMORY", draw.choice([100, 1 << 20]))
    monkeypatch.setattr(gzip_bytes, "_BLOCK", draw.choice([7, 1000, 1 << 20]))
    parts = [
        draw.randbytes(draw.choice([0, 1, 5, 3000])) + bytes(draw.choice([0, 40_000]))
        for _ in range(draw.choice([1, 3, 60]))
    ]
    zeros = [bytes(draw.choice([0, 0, 1, 700])) for _ in parts]
    packed = b"".join(gzip.compress(one) + pad for one, pad in zip(parts, zeros, strict=True))
    data = b"".join(parts)
    file = unpacked(packed)
    for _ in range(20):
        at, n = draw.randrange(len(data) + 10), draw.choice([0, 1, 50, 1 << 20])
        assert file.range(at, n) == data[at : at + n]
    assert file.size() == len(data)


def test_what_is_fed_grows_with_the_file_and_not_with_its_members(monkeypatch):
    fed = 0
    first = zlib.decompressobj

    class Counted:
        def __init__(self, kind):
            self._inner = first(kind)

        def decompress(self, data, most):
            nonlocal fed
            fed += len(data)
            return self._inner.decompress(data, most)

        def __getattr__(self, name):
            return getattr(self._inner, name)

    monkeypatch.setattr(zlib, "decompressobj", Counted)
    packed = gzip.compress(b"x") * 5000 + gzip.compress(random.Random(0).randbytes(100_000))
    assert unpacked(packed).size() == 105_000
    assert fed < 20 * len(packed)


def test_gzip_that_is_cut_or_damaged_or_swells(monkeypatch):
    data = random.Random(1).randbytes(100_000)
    packed = gzip.compress(data)
    for _ in range(2):  # and says so again
        cut = unpacked(packed[:-9])
        with pytest.raises(ExchangeError, match="ends within its gzip data"):
            cut.size()
    assert cut.range(0, 1000) == data[:1000]
    with pytest.raises(ExchangeError, match="is not gzip"):
        unpacked(packed[3:]).range(0, 1)
    with pytest.raises(ExchangeError, match="ends within"):
        unpacked(b"").size()
    monkeypatch.setattr(gzip_bytes, "_LARGEST", 1 << 20)
    bomb = unpacked(gzip.compress(bytes(3 << 20)))
    assert bomb.range(0, 10) == bytes(10)
    with pytest.raises(ExchangeError, match="holds more than 1048576 bytes"):
        bomb.range(2 << 20, 1)
    assert unpacked(gzip.compress(random.Random(2).randbytes(1 << 20))).size() == 1 << 20
    monkeypatch.setattr(gzip_bytes, "MOST_AT_ONCE", 1 << 10)
    with pytest.raises(ExchangeError, match="holds more than 1024 bytes"):
        HeldFiles({"a.json.gz": packed}).read("a.json.gz")


def test_no_room_for_a_temporary_file(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    monkeypatch.setattr(gzip_bytes, "_IN_MEMORY", 10)
    with pytest.raises(SourceError, match=r"a\.json\.gz: cannot be unpacked into a temporary file"):
        unpacked(gzip.compress(bytes(100))).range(0, 100)


def large():
    images = [
        {"id": n, "file_name": f"{n}.jpg", "width": 30, "height": 20, "note": "x" * 2000}
        for n in range(4000)
    ]
    annotations = [{**ANNOTATION, "id": n, "image_id": n} for n in range(4000)]
    return {"images": images, "categories": CATEGORIES, "annotations": annotations}


def test_a_look_and_a_reading_hold_little(tmp_path, monkeypatch):
    monkeypatch.setattr(gzip_bytes, "_IN_MEMORY", 1 << 16)
    monkeypatch.setattr(gzip_bytes, "_BLOCK", 1 << 16)
    data = json.dumps(large()).encode()
    path = tmp_path / "large.json.gz"
    path.write_bytes(gzip.compress(data))
    folder = Folder(path)
    assert "images" in peek(byte_range(folder, path.name))
    assert folder._unpacked._file._n_bytes < len(data) // 2
    tracemalloc.start()
    try:
        for at in range(0, len(data), 1 << 16):
            assert folder.range(path.name, at, 1 << 16) == data[at : at + (1 << 16)]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < len(data) // 8
    assert format_named("coco").survey(folder, Options()).n_pictures == 4000


def test_a_packed_file_that_is_cut_costs_only_itself(tmp_path):
    (tmp_path / "in").mkdir()
    for path, value in SOURCES["labelme"].items():
        data = gzip.compress(json.dumps(value).encode())
        name = path.rpartition("/")[2]
        (tmp_path / "in" / f"{name}.gz").write_bytes(data[:-20] if name == "a.json" else data)
    report = import_archive(tmp_path / "in", tmp_path / "out", format="labelme")
    assert report.pictures == 1
    assert sum(report.refused.values()) == 1
