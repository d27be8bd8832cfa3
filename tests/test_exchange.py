"""From other formats to an archive, and from answers to other formats."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import iidindex
from iidindex import ExchangeError, IIDFile, import_archive
from iidindex.cli.main import run

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def groups_of(file: IIDFile) -> dict[int, tuple[str, ...]]:
    """The groups of each entry, by key."""
    found: dict[int, list[str]] = {int(key): [] for key in file.keys}
    for name, keys in file.groups.as_dict().items():
        for key in keys.tolist():
            found[key].append(name)
    return {key: tuple(sorted(names)) for key, names in found.items()}


def content(archive: Path) -> Counter[tuple[object, ...]]:
    """Who is where in an archive, and in what groups: paths of pictures left out."""
    found: Counter[tuple[object, ...]] = Counter()
    for path in sorted(archive.rglob("*.iid")):
        file = IIDFile(path)
        groups = groups_of(file)
        for entry in file.fetch(everything=True):
            mask = entry.seg.mask()
            rows, columns = np.nonzero(mask)
            minr, minc = entry.seg.bbox[:2]
            pixels = hash(((rows + minr).tobytes(), (columns + minc).tobytes()))
            found[entry.iid.domain, entry.iid.address, groups[entry.key], pixels] += 1
    return found


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """An archive of overlapping masks, odd names, several domains, and groups."""
    rng = np.random.default_rng(5)
    place = tmp_path / "archive"
    for number in range(4):
        file = IIDFile()
        for key in range(12):
            height, width = rng.integers(1, 30, 2)
            row, column = rng.integers(0, 60, 2)
            mask = rng.random((height, width)) < 0.7
            mask[0, 0] = True
            domain = [b"garden", b"", b"\xff\xfe"][key % 3]
            address = [b"tree", b"b64:x", b'a,"b"\n', b"\x00\xff", b"7", b"../up"][key % 6]
            groups = [[], ["plants"], ["crowd", "plants", "a, b"]][key % 3]
            box = (row, column, row + height, column + width)
            file.add(address + str(key).encode() * (key % 2), domain, box, mask, groups)
        file.meta.data = {"width": 100, "height": 100, "frame": number}
        (place / f"deep{number % 2}").mkdir(parents=True, exist_ok=True)
        file.save(place / f"deep{number % 2}" / f"f{number}.iid")
    empty = IIDFile()
    empty.meta.data = {"width": 30, "height": 20}
    empty.save(place / "empty.iid")
    return place


@pytest.fixture
def index(archive: Path, tmp_path: Path) -> iidindex.Index:
    with iidindex.open(tmp_path / "index.db", create=True) as index:
        index.ingest([archive])
        yield index


@pytest.mark.parametrize("to", ["coco", "labels", "geojson", "iid"])
def test_out_and_in_again(to: str, index: iidindex.Index, archive: Path, tmp_path: Path) -> None:
    out = tmp_path / ("out.json" if to == "coco" else "out")
    report = index.entries.export(out, to=to)
    assert (report.pictures, report.entries) == (5, 48)
    if to == "iid":
        back = out
    else:
        back = tmp_path / "back"
        again = import_archive(out, back)
        assert (again.pictures, again.entries, again.refused) == (5, 48, {})
    assert content(back) == content(archive)
    assert len(list(back.rglob("*.iid"))) == 5


def test_iid_subset_copies_bytes(index: iidindex.Index, archive: Path, tmp_path: Path) -> None:
    index.entries.where(group="plants", path="deep0/f0.iid").export(tmp_path / "out", to="iid")
    before, after = IIDFile(archive / "deep0/f0.iid"), IIDFile(tmp_path / "out/deep0/f0.iid")
    assert after.meta.data == before.meta.data
    chosen = before.fetch(groups=["plants"])
    kept = after.fetch(everything=True)
    assert [entry.key for entry in kept] == list(range(len(chosen)))
    for old, new in zip(chosen, kept, strict=True):
        raw = [
            (place / "deep0/f0.iid").read_bytes()[loc.offset + 4 : loc.offset + loc.length]
            for place, loc in ((archive, old.seg.bufloc), (tmp_path / "out", new.seg.bufloc))
        ]
        assert raw[0] == raw[1]
        assert groups_of(before)[old.key] == groups_of(after)[new.key]


def test_whole_files_without_entries_go_out(index: iidindex.Index, tmp_path: Path) -> None:
    index.entries.where(path="empty.iid").export(tmp_path / "out", to="iid")
    assert len(IIDFile(tmp_path / "out/empty.iid")) == 0


@pytest.mark.parametrize("to", ["coco", "labels", "yolo", "geojson", "iid", "chips", "csv"])
def test_any_question_goes_out(to: str, index: iidindex.Index, tmp_path: Path) -> None:
    everything = index.entries
    asked = [
        everything.where(address=b"tree"),
        everything.at(30, 30),
        everything.nearest(30, 30, 3),
        everything.order_by("-area").limit(4),
        everything.where(group="plants").limit(2),
    ]
    for number, question in enumerate(asked):
        report = question.export(tmp_path / f"out{number}", to=to)
        assert report.entries == question.count()


# pycocotools 2.0.11 and NumPy 2.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_coco_as_tools_read_it(index: iidindex.Index, tmp_path: Path) -> None:
    from pycocotools.coco import COCO

    index.entries.export(tmp_path / "out.json")
    coco = COCO(str(tmp_path / "out.json"))
    assert len(coco.anns) == 48
    assert len(coco.imgs) == 5
    for annotation in coco.anns.values():
        mask = coco.annToMask(annotation)
        assert mask.sum() == annotation["area"]
        rows, columns = np.nonzero(mask)
        x, y, width, height = annotation["bbox"]
        assert (columns.min(), rows.min()) == (x, y)
        assert (columns.max() + 1, rows.max() + 1) == (x + width, y + height)
    assert {one["name"] for one in coco.cats.values()} == {"none", "plants", "a, b"}


def test_labels_hold_every_pixel(index: iidindex.Index, archive: Path, tmp_path: Path) -> None:
    from tifffile import imread

    index.entries.export(tmp_path / "out", to="labels")
    with (tmp_path / "out/labels.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["path"] == "deep1/f1.tif"]
    planes = imread(tmp_path / "out/deep1/f1.tif")
    assert planes.shape[1:] == (100, 100)
    file_ = IIDFile(archive / "deep1/f1.iid")
    for row in rows:
        entry = file_.fetch(keys=[int(row["key"])])[0]
        minr, minc, maxr, maxc = entry.seg.bbox
        whole = np.zeros((100, 100), bool)
        whole[minr:maxr, minc:maxc] = entry.seg.mask()
        assert int(row["label"]) == int(row["key"]) + 1
        assert ((planes[int(row["plane"])] == int(row["label"])) == whole).all()


def test_chips_are_crops(tmp_path: Path) -> None:
    place = tmp_path / "archive"
    place.mkdir()
    photo = np.random.default_rng(1).integers(0, 255, (40, 50, 3)).astype(np.uint8)
    Image.fromarray(photo).save(place / "a.png")
    file = IIDFile()
    mask = np.tri(8, 6, dtype=bool)
    file.add(b"a/b", b"who?", (3, 4, 11, 10), mask)
    file.meta.data = {"image": "a.png"}
    file.save(place / "a.iid")
    with iidindex.open(tmp_path / "index.db", create=True) as index:
        index.ingest([place])
        index.entries.export(tmp_path / "out", to="chips")
    chip = np.asarray(Image.open(tmp_path / "out" / "who%3F" / "a%2Fb" / "a__0.png"))
    assert (chip[:, :, :3] == photo[3:11, 4:10]).all()
    assert ((chip[:, :, 3] > 0) == mask).all()


def test_originals_are_never_replaced(index: iidindex.Index, archive: Path) -> None:
    before = {path: path.read_bytes() for path in archive.rglob("*.iid")}
    with pytest.raises(ExchangeError, match="original"):
        index.entries.export(archive, to="iid")
    with pytest.raises(ExchangeError, match="original"):
        index.entries.export(archive / "empty.iid", to="coco")
    assert {path: path.read_bytes() for path in archive.rglob("*") if path.is_file()} == before


def test_pictures_are_never_replaced(tmp_path: Path) -> None:
    Image.new("L", (9, 9)).save(tmp_path / "a.tif")
    file = IIDFile()
    file.add(b"x", None, (0, 0, 2, 2), np.ones((2, 2), bool))
    file.meta.data = {"image": "a.tif"}
    file.save(tmp_path / "a.iid")
    with iidindex.open(tmp_path / "index.db", create=True) as index:
        index.ingest([tmp_path / "a.iid"])
        with pytest.raises(ExchangeError, match="picture"):
            index.entries.export(tmp_path, to="labels")


@pytest.mark.parametrize("to", ["csv", "coco"])
def test_the_index_is_never_replaced(
    to: str, index: iidindex.Index, archive: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "index.db")
    for name in ("index.db", "link"):
        with pytest.raises(ExchangeError, match="the index itself"):
            index.entries.export(tmp_path / name, to=to)
    assert index.entries.count() == 48


def test_pictures_of_other_entries_are_not_replaced(tmp_path: Path) -> None:
    Image.new("L", (9, 9)).save(tmp_path / "a.png")
    for name in ("a", "b"):
        file = IIDFile()
        file.add(name.encode(), None, (0, 0, 2, 2), np.ones((2, 2), bool))
        file.meta.data = {"image": "a.png"} if name == "a" else {}
        file.save(tmp_path / f"{name}.iid")
    with iidindex.open(tmp_path / "index.db", create=True) as index:
        index.ingest([tmp_path / "a.iid", tmp_path / "b.iid"])
        for to in ("csv", "coco"):
            with pytest.raises(ExchangeError, match="picture"):
                index.entries.where(address=b"b").export(tmp_path / "a.png", to=to)


def test_originals_that_cannot_be_read_are_left_out(
    index: iidindex.Index, archive: Path, tmp_path: Path
) -> None:
    (archive / "deep0/f0.iid").unlink()
    for to in ("coco", "labels", "iid"):
        question = index.entries.reading(on_stale="skip")
        report = question.export(tmp_path / f"out-{to}", to=to)
        assert (report.pictures, report.entries, report.unread) == (4, 36, 1)


def test_a_table_whose_line_ends_were_changed(index: iidindex.Index, tmp_path: Path) -> None:
    index.entries.where(address=b"tree").export(tmp_path / "out", to="labels")
    table = tmp_path / "out/labels.csv"
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes().replace(b"\n", b"\r\n"))
    report = import_archive(tmp_path / "out", tmp_path / "back")
    assert (report.entries, report.identity, report.individuals) == (8, "labels.csv", 1)


def test_odd_names_and_sizes_go_out_as_coco(tmp_path: Path) -> None:
    place = tmp_path / "archive"
    for name in ("0/a", "a", "b\udcff"):
        file = IIDFile()
        file.add(b"x", None, (0, 0, 2, 2), np.ones((2, 2), bool))
        file.meta.data = {"image": "a.png" if name != "0/a" else "../a.png"}
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        file.save(place / f"{name}.iid")
    IIDFile().save(place / "none.iid")
    with iidindex.open(tmp_path / "index.db", create=True) as index:
        index.ingest([place])
        index.entries.export(tmp_path / "out.json")
    report = import_archive(tmp_path / "out.json", tmp_path / "back")
    assert (report.pictures, report.entries) == (3, 2)
    assert sum(report.refused.values()) == 1


def test_a_table_cannot_lead_out_of_its_source(tmp_path: Path) -> None:
    Image.new("L", (9, 9), 1).save(tmp_path / "secret.png")
    (tmp_path / "in").mkdir()
    rows = ["path,plane,label,key,domain,address,groups", "../secret.png,0,1,0,d,a,[]"]
    (tmp_path / "in/labels.csv").write_text("\n".join(rows) + "\n")
    with pytest.raises(ExchangeError, match="no such file"):
        import_archive(tmp_path / "in", tmp_path / "out")


def test_two_roots_with_one_path(archive: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(archive, tmp_path / "other")
    with iidindex.open(tmp_path / "index.db", create=True) as index:
        index.ingest([archive, tmp_path / "other"])
        for to in ("iid", "labels"):
            for dry_run in (True, False):
                with pytest.raises(ExchangeError, match="two files would be written"):
                    index.entries.export(tmp_path / "out", to=to, dry_run=dry_run)
        assert not (tmp_path / "out").exists()
        index.entries.where(root="other").export(tmp_path / "out2", to="iid")
        # COCO names pictures, and writes no file for each.
        index.entries.export(tmp_path / "out.json")


def test_unknown_format(index: iidindex.Index, tmp_path: Path) -> None:
    with pytest.raises(ExchangeError, match="expected one of"):
        index.entries.export(tmp_path / "out", to="nonsense")


def test_export_verb(index: iidindex.Index, tmp_path: Path) -> None:
    db = str(tmp_path / "index.db")
    out = str(tmp_path / "out.json")
    assert run(["--db", db, "export", "-o", out, "--to", "coco", "--address", "tree"]) == 0
    with open(out) as file:
        assert {one["attributes"]["address"] for one in json.load(file)["annotations"]} == {"tree"}
    assert run(["--db", db, "export", "-o", out, "--to", "csv", "--address", "nobody"]) == 1
    assert (
        run(["--db", db, "export", "-o", out, "--to", "csv", "--region", "0", "0", "99", "99"]) == 0
    )


@pytest.mark.parametrize(
    ("name", "to"),
    [
        ("usiigaci", "coco"),
        ("usiigaci", "labels"),
        ("sav_example", "coco"),
        ("sav_example", "labels"),
        ("boulder_buildings", "coco"),
    ],
)
def test_real_archives(name: str, to: str, tmp_path: Path) -> None:
    place = SHARED / name
    if not place.exists():
        pytest.skip("the real archives are not beside the checkout")
    if name == "boulder_buildings":
        # One of its eight years: frames of 150 million pixels.
        place = tmp_path / "one"
        place.mkdir()
        first = sorted((SHARED / name).rglob("*.iid"))[0]
        (place / "year.iid").write_bytes(first.read_bytes())
    with iidindex.open(tmp_path / "index.db", create=True) as index:
        index.ingest([place])
        out = tmp_path / ("out.json" if to == "coco" else "out")
        index.entries.export(out, to=to)
    again = import_archive(out, tmp_path / "back")
    assert again.refused == {}
    assert content(tmp_path / "back") == content(place)


@pytest.mark.parametrize("domain", [b"usiigaci.avg", b"usiigaci.track"])
def test_tracks_of_a_real_archive(domain: bytes, tmp_path: Path) -> None:
    place = SHARED / "usiigaci"
    if not place.exists():
        pytest.skip("the real archives are not beside the checkout")
    with iidindex.open(tmp_path / "index.db", create=True) as index:
        index.ingest([place])
        tracked = index.entries.where(domain=domain)
        tracked.export(tmp_path / "tracked", to="iid")
        tracked.export(tmp_path / "ctc", to="ctc")
    again = import_archive(tmp_path / "ctc", tmp_path / "back")
    assert again.refused == {}
    before = content(tmp_path / "tracked")
    assert len(before) > 100
    assert content(tmp_path / "back") == before
