"""COCO instances and results come in, masks bit for bit."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from pycocotools import mask as judge

from coco_sets import addresses, coco, imported
from iidindex import ExchangeError, IIDFile, import_archive
from iidindex.cli.main import run
from iidindex.formats import read
from iidindex.formats.json_ranges import Elements, scan

# pycocotools 2.0.11 and NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_a_file_comes_in(tmp_path: Path) -> None:
    report, files = imported(coco([{}, {"iscrowd": 1}]), tmp_path)
    assert (report.pictures, report.entries, report.individuals) == (2, 2, 2)
    assert report.individuals_in_several == 0
    assert report.identity == "the annotation's id"
    assert sorted(files) == ["1.iid", "2.iid"]
    assert files["2.iid"] == []  # a picture without annotations
    domain, address, groups, box, mask = files["1.iid"][0]
    assert (domain, address, groups) == (b"set", b"1", ["tree"])
    assert (box, mask.all()) == ((2, 2, 6, 6), True)
    assert files["1.iid"][1][2] == ["crowd", "tree"]
    meta = IIDFile(tmp_path / "out/1.iid").meta.data
    assert meta == {
        "width": 20,
        "height": 10,
        "source": {
            "format": "coco",
            "file": "set.json",
            "id": 1,
            "file_name": "1.jpg",
            "place": "../set.json",
        },
    }


def _ring(rng: np.random.Generator) -> list[float]:
    n = int(rng.integers(3, 12))
    return (rng.random((n, 2)) * [30, 20] - [5, 5]).round(2).ravel().tolist()


def test_every_spelling_is_what_pycocotools_makes_of_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    annotations, masks = [], []
    for number in range(300):
        kind = number % 4
        whole = np.asfortranarray(rng.random((10, 20)) < rng.random(), np.uint8)
        packed = judge.encode(whole)
        if kind == 0:
            shape: Any = [_ring(rng) for _ in range(int(rng.integers(1, 3)))]
            whole = judge.decode(judge.merge(judge.frPyObjects(shape, 10, 20)))
        elif kind == 1:
            shape = {"size": [10, 20], "counts": packed["counts"].decode()}
        elif kind == 2:
            flat = whole.ravel(order="F")
            cuts = np.flatnonzero(np.diff(flat)) + 1
            counts = np.diff(np.concatenate([[0], cuts, [200]])).tolist()
            shape = {"size": [10, 20], "counts": ([0] if flat[0] else []) + counts}
        else:
            import base64

            counts = base64.b64encode(packed["counts"]).decode()
            shape = {"size": [10, 20], "counts": counts}
        # CVAT says iscrowd of every mask; it says nothing of the spelling.
        annotations.append({"segmentation": shape, "iscrowd": number % 2})
        masks.append(whole.astype(bool))
    report, files = imported(coco(annotations), tmp_path)
    found = {int(entry[1]): entry for entry in files["1.iid"]}
    assert report.refused.get("empty", 0) == sum(not mask.any() for mask in masks)
    assert len(found) == sum(mask.any() for mask in masks) > 250
    for number, mask in enumerate(masks, 1):
        if mask.any():
            minr, minc, maxr, maxc = found[number][3]
            whole = np.zeros((10, 20), bool)
            whole[minr:maxr, minc:maxc] = found[number][4]
            assert (whole == mask).all()


# ---------------------------------------------------------------------- pictures


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_turn_of_a_picture_is_undone(orientation: int, tmp_path: Path) -> None:
    stored = np.random.default_rng(orientation).random((20, 10)) < 0.4
    exif = Image.Exif()
    exif[0x0112] = orientation
    (tmp_path / "photos").mkdir()
    Image.fromarray(stored).save(tmp_path / "photos/1.png", exif=exif)
    with Image.open(tmp_path / "photos/1.png") as image:
        shown = np.asarray(ImageOps.exif_transpose(image))
    packed = judge.encode(np.asfortranarray(shown, np.uint8))
    height, width = shown.shape
    images = [{"id": 1, "file_name": "1.png", "width": width, "height": height}]
    shape = {"size": [height, width], "counts": packed["counts"].decode()}
    content = coco([{"segmentation": shape}], images)
    report, files = imported(content, tmp_path, images=tmp_path / "photos", exif="turned")
    meta = IIDFile(tmp_path / "out/1.iid").meta.data
    assert (meta["width"], meta["height"], meta["image"]) == (10, 20, "../photos/1.png")
    minr, minc, maxr, maxc = files["1.iid"][0][3]
    whole = np.zeros((20, 10), bool)
    whole[minr:maxr, minc:maxc] = files["1.iid"][0][4]
    # A turn by half a circle keeps the size: what was meant is asked for.
    assert (whole == stored).all()
    assert any("turned" in note for note in report.notes) == (orientation > 1)


def test_a_picture_of_the_stored_size_is_left(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (20, 10)).save(tmp_path / "1.jpg", exif=exif)
    _, files = imported(coco([{}]), tmp_path)
    assert files["1.iid"][0][3] == (2, 2, 6, 6)


@pytest.mark.parametrize("exif_asked", [None, "raw", "turned"])
def test_square_pictures_are_as_was_said(exif_asked: Any, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.new("RGB", (20, 20)).save(tmp_path / "1.jpg", exif=exif)
    images = [{"id": 1, "file_name": "1.jpg", "width": 20, "height": 20}]
    report, files = imported(coco([{}], images), tmp_path, exif=exif_asked)
    box = (2, 2, 6, 6) if exif_asked != "turned" else (14, 14, 18, 18)
    assert files["1.iid"][0][3] == box
    assert bool(report.notes) == (exif_asked != "raw")


def test_a_picture_too_large_for_a_file_becomes_tiles(tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": "big.tif", "width": 100_000, "height": 10}]
    shape = [[65_530, 2, 65_540, 2, 65_540, 4, 65_530, 4]]
    _, files = imported(coco([{"segmentation": shape}], images), tmp_path)
    assert sorted(files) == ["big/000000-000000.iid", "big/000000-065535.iid"]
    assert files["big/000000-000000.iid"][0][3] == (2, 65_530, 4, 65_535)
    assert files["big/000000-065535.iid"][0][3] == (2, 0, 4, 5)
    meta = IIDFile(tmp_path / "out/big/000000-065535.iid").meta.data
    assert (meta["offset"], meta["width"]) == ({"row": 0, "column": 65_535}, 34_465)


# ---------------------------------------------------------------------- the file itself


def test_keys_in_any_order_a_mark_and_compression(tmp_path: Path) -> None:
    content = coco([{}, {"image_id": 2}])
    turned = {name: content[name] for name in ("categories", "annotations", "images")}
    source = tmp_path / "set.json"
    source.write_bytes(b"\xef\xbb\xbf" + json.dumps(turned, indent=1).encode())
    assert import_archive(source, tmp_path / "out").entries == 2


@pytest.mark.parametrize(
    "text", ["", "[", "{", '{"images": [1,', "nonsense", '{"images": 7}', "[]"]
)
def test_no_coco(text: str, tmp_path: Path) -> None:
    source = tmp_path / "set.json"
    source.write_text(text)
    with pytest.raises(ExchangeError, match=r"set\.json"):
        import_archive(source, tmp_path / "out", format="coco")


_ODD = [b"NaN", b"null", b"-1", b"1e999", b"[", b"{", b'"', b"99"]


def test_any_bytes_are_read_or_refused(tmp_path: Path) -> None:
    rng = random.Random(8)
    packed = judge.encode(np.asfortranarray(np.eye(10, 20, dtype=np.uint8)))["counts"].decode()
    annotations = [{}, {"segmentation": {"size": [10, 20], "counts": packed}}]
    annotations += [{"track_id": 3, "segmentation": {"size": [10, 20], "counts": [50, 20, 130]}}]
    sound = json.dumps(coco(annotations)).encode()
    source = tmp_path / "set.json"
    read_some = 0
    for _ in range(1000):
        data = bytearray(sound)
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(data))
            kind = rng.randrange(4)
            if kind == 0:
                data[at] = rng.randrange(256)
            elif kind == 1:
                del data[at : at + rng.randrange(1, 30)]
            elif kind == 2:
                data[at:at] = data[at : at + rng.randrange(1, 30)]
            else:
                data[at:at] = rng.choice(
                    [b"NaN", b"null", b"-1", b"1e999", b"[", b"{", b'"', b"99"]
                )
        source.write_bytes(data)
        with suppress(ExchangeError):
            read_some += sum(len(one.entries) for one in read(source, "coco"))
    assert read_some > 200


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('ab"\\,[]{}é\n', max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text('ab"[', max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=150)
@given(
    content=st.dictionaries(st.text(max_size=4), _JSON, max_size=4) | st.lists(_JSON, max_size=5),
    indent=st.sampled_from([None, 1]),
    block=st.sampled_from([1, 7, 64, 1 << 20]),
)
def test_ranges_are_those_of_the_elements(content: Any, indent: int | None, block: int) -> None:
    data = json.dumps(content, indent=indent, ensure_ascii=False).encode()
    found: dict[str | None, Any] = {}
    for part in scan(lambda offset, length: data[offset : offset + length], block):
        if isinstance(part, Elements):
            ranges = zip(part.offset.tolist(), part.length.tolist(), strict=True)
            more = [json.loads(data[at : at + length]) for at, length in ranges]
            found.setdefault(part.name, []).extend(more)
            assert len(part.outlines) == len(more)
        else:
            found[part.name] = json.loads(data[part.offset : part.offset + part.length])
    assert found == (content if isinstance(content, dict) else {None: content})


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    import tracemalloc

    shape = json.dumps([[round(0.37 * n, 2) for n in range(2000)]])
    record = '{"id": %d, "image_id": 1, "category_id": 3, "segmentation": ' + shape + "}"
    peaks = []
    for number in (200, 2000):
        source = tmp_path / f"{number}.json"
        with source.open("w") as file:
            file.write('{"annotations": [')
            file.write(",".join(record % nth for nth in range(number)))
            file.write('], "images": []}')
        tracemalloc.start()
        list(scan(lambda offset, n, path=source: _range(path, offset, n), 1 << 18))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0]


def _range(path: Path, offset: int, length: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(length)


# ---------------------------------------------------------------------- again, and the shell


def test_what_was_interrupted_goes_on(tmp_path: Path) -> None:
    content = coco([{}, {"image_id": 2}])
    imported(content, tmp_path)
    (tmp_path / "out/2.iid").unlink()
    before = (tmp_path / "out/1.iid").stat()
    report, files = imported(content, tmp_path)
    assert (report.pictures, report.unchanged, len(addresses(files))) == (2, 1, 2)
    assert (tmp_path / "out/1.iid").stat().st_mtime_ns == before.st_mtime_ns


def test_a_file_of_somebody_else_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    IIDFile().save(tmp_path / "out/1.iid")
    before = (tmp_path / "out/1.iid").read_bytes()
    report, _ = imported(coco([{}]), tmp_path)
    assert sum(report.refused.values()) == 1
    assert (tmp_path / "out/1.iid").read_bytes() == before


def test_files_of_another_source_of_that_name_are_not_replaced(tmp_path: Path) -> None:
    imported(coco([{}]), tmp_path)
    before = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    (tmp_path / "other").mkdir()
    (tmp_path / "other/set.json").write_text(
        json.dumps(coco([{"segmentation": [[0, 0, 9, 0, 9, 9]]}]))
    )
    with pytest.raises(ExchangeError, match="name another directory"):
        import_archive(tmp_path / "other/set.json", tmp_path / "out")
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_what_a_source_says_anew_is_replaced(tmp_path: Path) -> None:
    imported(coco([{}]), tmp_path)
    report, files = imported(coco([{"track_id": 9}]), tmp_path)
    assert (report.replaced, report.unchanged, addresses(files)) == (1, 1, [b"9"])


@pytest.mark.parametrize("place", [".", "images", "val2017", "../images", "../val2017"])
def test_pictures_are_found_where_they_usually_lie(place: str, tmp_path: Path) -> None:
    here = tmp_path / "set/annotations"
    (here / place).mkdir(parents=True)
    Image.new("L", (20, 10)).save(here / place / "1.jpg")
    (here / "instances_val2017.json").write_text(json.dumps(coco([{}])))
    report = import_archive(here / "instances_val2017.json", tmp_path / "out")
    assert report.with_image == 1
    image = IIDFile(tmp_path / "out/1.iid").meta.data["image"]
    assert (tmp_path / "out" / image).samefile(here / place / "1.jpg")


def test_processes_make_the_same(tmp_path: Path) -> None:
    images = [
        {"id": number, "file_name": f"{number}.jpg", "width": 20, "height": 10}
        for number in range(40)
    ]
    content = coco([{"image_id": number} for number in range(40)], images)
    one = imported(content, tmp_path)
    two = import_archive(tmp_path / "set.json", tmp_path / "other", jobs=2)
    assert (one[0].entries, two.entries) == (40, 40)
    for path in (tmp_path / "out").iterdir():
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes()


def test_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "set.json"
    source.write_text(json.dumps(coco([{}, {"segmentation": None}])))
    out, db = str(tmp_path / "out"), str(tmp_path / "index.db")
    command = ["--db", db, "import", str(source), "-o", out]
    assert run([*command, "--report", "json", "--ingest"]) == 4
    assert json.loads(capsys.readouterr().out) == {
        "pictures": 2,
        "entries": 1,
        "individuals": 1,
        "individuals_in_several": 0,
        "identity": "the annotation's id",
        "refused": {"segmentation": 1},
    }
    assert run(["--db", db, "find", "1", "--count"]) == 0
    assert capsys.readouterr().out.strip() == "1"
    assert run([*command, "--strict"]) == 2
    assert run([*command, "--dry-run"]) == 4
    told = capsys.readouterr()
    assert "nothing was written" in told.out
    assert "annotation 2" in told.err
    source.write_text("{}")
    assert run(command) == 2
