"""What is wrong in COCO costs only itself, and no name leads out of the archive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from coco_sets import SQUARE, addresses, coco, imported
from iidindex import ExchangeError

# pycocotools 2.0.11 and NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.mark.parametrize(
    "segmentation",
    [
        {"size": [131072, 131072], "counts": [0, 131072**2]},
        {"size": [131072, 131072], "counts": "0PPPP@"},
        [[0, 0, 131072, 0, 131072, 131072]],
        [[1, 1, 5, 5]],
        [[]],
        [],
        None,
        [[1, 1, 5, 1, 5, float("nan")]],
        [[1, 1, 5, 1, 5, float("inf")]],
        [[1, 1, 5, 1, 5, 1e9]],
        [[1, 1, 5, 1, 5, 5, 7]],
        [[1, 1, 5, 1, 5, True]],
        [[1, 1, 5, 1, 5, "5"]],
        [*SQUARE, [1, 1]],
        {"size": [10, 20], "counts": [200, 5]},
        {"size": [10, 20], "counts": [10, 5]},
        {"size": [10, 20], "counts": [-5, 205]},
        {"size": [10, 20], "counts": [True, 199]},
        {"size": [10, 20], "counts": [10**30]},
        {"size": [20, 10], "counts": [100, 100]},
        {"size": [10, 20], "counts": "nonsense~~"},
        {"size": [10, 20], "counts": "b'PQ1'"},
        {"size": [10, 20]},
        {"counts": [200]},
        "text",
        7,
    ],
)
def test_a_bad_segmentation_costs_only_itself(segmentation: Any, tmp_path: Path) -> None:
    images = None
    if "131072" in str(segmentation):
        images = [{"id": 1, "file_name": "1.jpg", "width": 131072, "height": 131072}]
    report, files = imported(coco([{"segmentation": segmentation}, {}], images), tmp_path)
    assert addresses(files) == [b"2"]
    assert sum(report.refused.values()) == 1
    assert "annotation 1" in next(iter(report.first_refused.values()))[0]


def test_outside_of_the_picture(tmp_path: Path) -> None:
    report, files = imported(coco([{"segmentation": [[50, 50, 60, 50, 60, 60]]}, {}]), tmp_path)
    assert (report.refused, addresses(files)) == ({"empty": 1}, [b"2"])


def test_annotations_of_unknown_pictures(tmp_path: Path) -> None:
    report, _ = imported(coco([{}, {"image_id": 99}, {"image_id": None}]), tmp_path)
    assert report.refused == {"no such picture": 2}


def test_strict_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(ExchangeError, match="1 refused"):
        imported(coco([{"segmentation": None}, {}]), tmp_path, strict=True)
    assert not (tmp_path / "out").exists()


def test_two_pictures_of_one_path(tmp_path: Path) -> None:
    images = [
        {"id": 1, "file_name": "a.jpg", "width": 20, "height": 10},
        {"id": 2, "file_name": "a.jpg", "width": 20, "height": 10},
        {"id": 3, "file_name": "a.png", "width": 20, "height": 10},
    ]
    content = coco([{}, {"image_id": 2}], images)
    with pytest.raises(ExchangeError, match=r"a\.jpg.*a\.jpg"):
        imported(content, tmp_path)
    content["images"][1]["file_name"] = "b.jpg"
    with pytest.raises(ExchangeError, match=r"a\.jpg.*a\.png.*keep-suffix"):
        imported(content, tmp_path)
    assert not (tmp_path / "out").exists()
    _, files = imported(content, tmp_path, keep_suffix=True)
    assert sorted(files) == ["a.jpg.iid", "a.png.iid", "b.jpg.iid"]


def test_pictures_of_one_name_can_be_merged(tmp_path: Path) -> None:
    images = [{"id": number, "file_name": "a.jpg", "width": 20, "height": 10} for number in (1, 2)]
    content = coco([{}, {"image_id": 2}], images)
    _, files = imported(content, tmp_path, merge_same_name=True)
    assert addresses(files) == [b"1", b"2"]


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("images\\1/a.jpg", "images/1/a.iid"),
        ("../../a.jpg", "a.iid"),
        ("/etc/a.jpg", "etc/a.iid"),
        ("C:\\x\\a.jpg", "x/a.iid"),
        ("a%20b.jpg", "a%20b.iid"),
        ("frame.0001", "frame.0001.iid"),
    ],
)
def test_names_stay_within_the_archive(name: str, place: str, tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": name, "width": 20, "height": 10}]
    _, files = imported(coco([{}], images), tmp_path)
    assert list(files) == [place]


def test_a_name_that_is_no_path(tmp_path: Path) -> None:
    images = [
        {"id": 1, "file_name": "..", "width": 20, "height": 10},
        {"id": 2, "file_name": "b.jpg", "width": 20, "height": 10},
    ]
    report, files = imported(coco([{}], images), tmp_path)
    assert list(files) == ["b.iid"]
    assert sum(report.refused.values()) == 1


def test_area_of_another_rule_is_noted(tmp_path: Path) -> None:
    report, _ = imported(coco([{"area": 16.2}, {"area": 25.0}]), tmp_path)
    assert list(report.notes.values()) == [1]


def test_group_by(tmp_path: Path) -> None:
    content = coco([{"attributes": {"sex": "f"}}, {"attributes": {}}])
    _, files = imported(content, tmp_path, group_by="attributes.sex")
    assert [entry[2] for entry in files["1.iid"]] == [["f"], []]
    _, files = imported(content, tmp_path, group_by="supercategory")
    assert [entry[2] for entry in files["1.iid"]] == [["plant"], ["plant"]]
