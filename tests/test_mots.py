"""MOTS, as text and as images.

Both forms are those of https://www.vision.rwth-aachen.de/page/mots ("Annotation Format"); run
lengths are made by pycocotools, which the authors' own tools use.
"""

import io

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

import iidindex
from iidindex.errors import ExchangeError
from iidindex.formats import read
from iidindex.storage.folder import HeldFiles
from tracked import by_name, entries_of, frame_of, read_held, recognised, survives

HEIGHT, WIDTH = 24, 40


def rectangle(row, column, height, width):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[row : row + height, column : column + width] = True
    return mask


def line(frame, number, of_class, mask):
    counts = coco_mask.encode(np.asfortranarray(mask, np.uint8))["counts"].decode()
    return f"{frame} {number} {of_class} {mask.shape[0]} {mask.shape[1]} {counts}\n"


CAR, WALKER = rectangle(2, 3, 5, 9), rectangle(8, 20, 9, 4)
NOBODY = rectangle(0, 30, 3, 10)


def text():
    return "".join(
        [
            line(0, 1000, 1, CAR),
            line(0, 2003, 2, WALKER),
            line(0, 10000, 10, NOBODY),
            line(1, 2003, 2, np.roll(WALKER, 1, axis=1)),
            line(1, 10000, 10, NOBODY),
            line(3, 1000, 1, CAR),
        ]
    ).encode()


def png(plane, mode="uint16"):
    out = io.BytesIO()
    Image.fromarray(np.asarray(plane, mode)).save(out, "PNG")
    return out.getvalue()


def plane(**masks):
    found = np.zeros((HEIGHT, WIDTH), np.uint16)
    for number, mask in masks.items():
        found[mask] = int(number[1:])
    return found


def test_a_sequence_of_lines(tmp_path):
    (tmp_path / "0002.txt").write_bytes(text())
    report = iidindex.import_archive(tmp_path / "0002.txt", tmp_path / "out")
    assert (report.pictures, report.entries) == (3, 6)
    # The car and the walker; what is ignored is somebody else in each picture.
    assert (report.individuals, report.individuals_in_several) == (4, 2)
    assert (report.identity, report.refused, report.notes) == ("the track", {}, {})
    assert sorted(path.name for path in (tmp_path / "out/0002").iterdir()) == [
        "000000.iid",
        "000001.iid",
        "000003.iid",
    ]
    pictures = by_name(read(tmp_path / "0002.txt"))
    first = pictures["0002/000000"]
    assert entries_of(first) == [
        ("0002", "000000/10000", ("ignore",)),
        ("0002", "1000", ("car",)),
        ("0002", "2003", ("pedestrian",)),
    ]
    assert first.meta == {
        "width": WIDTH,
        "height": HEIGHT,
        "source": {"format": "mots", "file": "0002.txt", "sequence": "0002", "frame": 0},
    }
    for entry, mask in zip(first.entries, [CAR, WALKER, NOBODY], strict=True):
        assert (frame_of(entry, HEIGHT, WIDTH) == mask).all()
        rows, columns = np.nonzero(mask)
        assert entry.bbox == (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)


def test_sequences_are_told_apart_and_pictures_found():
    files = {
        "train/MOTS20-02/gt/gt.txt": line(1, 2001, 2, WALKER).encode(),
        "train/MOTS20-02/img1/000001.jpg": b"",
        "train/MOTS20-05/gt/gt.txt": line(1, 2001, 2, WALKER).encode(),
        "train/MOTS20-05/img1/000001.jpg": b"",
    }
    assert recognised(HeldFiles(files, "MOTS")) == ["mots"]
    _, pictures = read_held("mots", files, "MOTS", images=HeldFiles(files, "MOTS"))
    assert [(one.name, one.image, entries_of(one)[0][0]) for one in pictures] == [
        ("train/MOTS20-02/000001", "train/MOTS20-02/img1/000001.jpg", "MOTS/train/MOTS20-02"),
        ("train/MOTS20-05/000001", "train/MOTS20-05/img1/000001.jpg", "MOTS/train/MOTS20-05"),
    ]


def test_text_counts_where_both_are_there():
    files = {
        "instances_txt/0002.txt": text(),
        "instances/0002/000000.png": png(plane(_1000=CAR)),
        "image_02/0002/000000.png": png(np.zeros((HEIGHT, WIDTH, 3)), np.uint8),
    }
    assert recognised(HeldFiles(files, "kitti")) == ["mots"]
    _, pictures = read_held("mots", files, "kitti", images=HeldFiles(files, "kitti"))
    assert [len(one.entries) for one in pictures] == [3, 2, 1]
    assert pictures[0].image == "image_02/0002/000000.png"
    assert pictures[1].image is None


def test_images_of_ids():
    files = {
        "instances/0002/000000.png": png(plane(_1000=CAR, _2003=WALKER, _10000=NOBODY)),
        "instances/0002/000001.png": png(plane(_2003=WALKER)),
        "instances/0009/000000.png": png(plane(_2003=CAR)),
        "instances/0009/000001.png": png(plane()),
    }
    assert recognised(HeldFiles(files, "kitti")) == ["mots"]
    survey, pictures = read_held("mots", files, "kitti")
    assert survey.identity == "the track"
    named = by_name(pictures)
    assert sorted(named) == ["0002/000000", "0002/000001", "0009/000000", "0009/000001"]
    assert entries_of(named["0002/000000"]) == [
        ("kitti/0002", "000000/10000", ("ignore",)),
        ("kitti/0002", "1000", ("car",)),
        ("kitti/0002", "2003", ("pedestrian",)),
    ]
    (entry,) = named["0009/000000"].entries
    assert (entry.domain, entry.address) == (b"kitti/0009", b"2003")
    assert (frame_of(entry, HEIGHT, WIDTH) == CAR).all()
    assert named["0009/000001"].entries == []


def test_text_and_images_say_the_same():
    masks = {"_1000": CAR, "_2003": WALKER, "_10000": NOBODY}
    _, (image,) = read_held("mots", {"0002/000000.png": png(plane(**masks))}, "x")
    _, (lines, *_) = read_held("mots", {"0002.txt": text()}, "x")
    assert entries_of(image) == entries_of(lines)
    for one, other in zip(
        sorted(image.entries, key=lambda entry: entry.address),
        sorted(lines.entries, key=lambda entry: entry.address),
        strict=True,
    ):
        assert (one.bbox, one.mask.tobytes()) == (other.bbox, other.mask.tobytes())


def test_other_classes_have_the_names_beside_the_images():
    """As CVAT and Datumaro write them: a line a class, the first is 1."""
    files = {
        "default/instances/labels.txt": b"cat\ndog\nbird\n",
        "default/instances/a.png": png(plane(_1000=CAR, _3007=WALKER, _10000=NOBODY)),
    }
    assert recognised(HeldFiles(files, "task")) == ["mots"]
    _, (picture,) = read_held("mots", files, "task")
    assert picture.name == "default/a"
    assert entries_of(picture) == [
        ("task/default", "1000", ("cat",)),
        ("task/default", "3007", ("bird",)),
        ("task/default", "a/10000", ("ignore",)),
    ]


def test_domains():
    _, (picture, *_) = read_held("mots", {"0002.txt": text()}, "0002.txt", False)
    assert picture.entries[0].domain == b"0002"
    _, (picture, *_) = read_held("mots", {"0002.txt": text()}, "0002.txt", False, domain=b"kitti")
    assert picture.entries[0].domain == b"kitti/0002"
    survey, _ = read_held("mots", {"gt.txt": text()}, "gt.txt", False)
    assert survey.notes == {"files that do not tell their sequence: name it with --domain": 1}


@pytest.mark.parametrize(
    ("bad", "reason", "told"),
    [
        ("x 1 1 24 40 abc", "line", "found 'x 1 1 24 40 abc'; expected time_frame id class_id"),
        ("0 1001 1 24 40", "line", "found '0 1001 1 24 40'; expected time_frame id"),
        ("0 1001 1 24 41 PY1", "size", "the picture is 41 x 24; expected 40 x 24, as in most"),
        ("0 1001 1 0 40 PY1", "size", "img_height and img_width are 0 and 40"),
        ("0 1001 1 999999 999999 PY1", "size", "expected at most 268435456 pixels"),
        ("0 1001 1 24 40 52203", "line", "run lengths are 16 pixels; expected 24 x 40 = 960"),
        ("0 1001 1 24 40 ~~~", "line", "expected characters from '0' to 'o'"),
        ("-1 1001 1 24 40 PY1", "line", "found '-1 1001 1 24 40 PY1'"),
    ],
)
def test_bad_lines_cost_themselves(bad, reason, told):
    lines = text().decode().splitlines(keepends=True)
    data = "".join([lines[0], bad + "\r\n", "\n", *lines[1:]]).encode()
    survey, pictures = read_held("mots", {"0002.txt": data}, "0002.txt", False)
    refused = [one for named in survey.refused.first.values() for one in named]
    refused += [one for picture in pictures for one in picture.refused]
    ((found, record, problem),) = refused
    assert (found, record) == (reason, "0002.txt, line 2")
    assert told in problem
    assert sum(len(picture.entries) for picture in pictures) == 6


def test_a_first_line_of_another_size_costs_itself():
    data = (line(0, 1000, 1, CAR[:, :30]) + text().decode()).encode()
    _, pictures = read_held("mots", {"0002.txt": data}, "0002.txt", False)
    assert [one.record for one in pictures[0].refused] == ["0002.txt, line 1"]
    assert (pictures[0].width, len(pictures[0].entries)) == (WIDTH, 3)


def test_empty_masks_and_odd_ids():
    data = line(0, 1000, 1, np.zeros((HEIGHT, WIDTH), bool)) + line(0, 17, 1, CAR)
    data += line(0, 17, 1, WALKER)
    _, (picture,) = read_held("mots", {"0002.txt": data.encode()}, "0002.txt", False)
    assert [one.reason for one in picture.refused] == ["empty"]
    assert picture.notes == {
        "ids that are not 1000 times their class and a number": 2,
        "individuals that are in one picture several times": 1,
    }


def test_frames_in_any_order_and_files_in_any_blocks(monkeypatch):
    rng = np.random.default_rng(3)
    lines = [line(int(frame), 2000 + n, 2, WALKER) for n, frame in enumerate(rng.permutation(60))]
    expected = {int(one.split()[0]): one.split()[1].encode() for one in lines}
    data = "".join(lines).encode().removesuffix(b"\n")
    for block in (1, 7, 100, 1 << 20):
        monkeypatch.setattr("iidindex.formats.mots._BLOCK", block)
        _, pictures = read_held("mots", {"0002.txt": data}, "0002.txt", False)
        found = {int(one.name[-6:]): one.entries[0].address for one in pictures}
        assert found == expected
        assert [one.name for one in pictures] == [f"0002/{frame:06d}" for frame in range(60)]


def test_what_is_none_is_not_claimed():
    yolo = {"a.txt": b"0 0.5 0.5 0.25 0.25 0.1 0.1\n", "b.txt": b"0 1 1 0 0 1\n0 5 77 3 4 1\n"}
    assert "mots" not in recognised(HeldFiles(yolo, "x"))
    labels = {"0001.png": png(plane(_1000=CAR, _17=WALKER))}
    assert recognised(HeldFiles(labels, "x")) == ["labels"]
    # 8 bits hold no class.
    assert recognised(HeldFiles({"0001.png": png(plane(_1=CAR, _2=WALKER), np.uint8)}, "x")) == [
        "labels"
    ]
    with pytest.raises(ExchangeError, match="holds no MOTS"):
        read_held("mots", labels)
    with pytest.raises(ExchangeError, match="no field 'track_id'"):
        read_held("mots", {"0002.txt": text()}, identity="track_id")


def test_ids_without_a_class_are_refused():
    files = {"0002/000001.png": png(plane(_1000=CAR)), "0002/000009.png": png(plane(_17=CAR))}
    files |= {f"0002/00000{n}.png": files["0002/000001.png"] for n in (2, 3)}
    _, pictures = read_held("mots", files, "x")
    (refused,) = by_name(pictures)["0002/000009"].refused
    assert (refused.reason, refused.record) == ("class", "0002/000009.png, id 17")


def test_whatever_the_bytes_they_are_read_or_refused():
    _, taken = survives("mots", {"0002.txt": text()}, "0002.txt", 1500, is_folder=False)
    assert taken > 100
    files = {f"0002/00000{n}.png": png(plane(_1000=CAR, _2003=WALKER)) for n in range(2)}
    _, taken = survives("mots", files, "0002/000001.png", 500)
    assert taken > 100
