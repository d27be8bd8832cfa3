"""Who is who in COCO: by the first field that tells it, and nobody linked by accident."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as judge

from coco_sets import addresses, coco, imported
from iidindex import ExchangeError, import_archive

# pycocotools 2.0.11 and NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_the_first_field_that_tells_an_identity(tmp_path: Path) -> None:
    annotations = [
        {"track_id": 7, "attributes": {"track_id": 1}},
        {"image_id": 2, "track_id": 7},
        {"image_id": 2},
    ]
    report, files = imported(coco(annotations), tmp_path)
    assert addresses(files) == [b"7", b"7", b"2/3"]
    assert report.identity == "track_id"
    assert (report.individuals, report.individuals_in_several) == (2, 1)


def test_tracks_hide_in_attributes(tmp_path: Path) -> None:
    report, files = imported(coco([{"attributes": {"track_id": 5}}, {"image_id": 2}]), tmp_path)
    assert (report.identity, addresses(files)) == ("attributes.track_id", [b"5", b"2/2"])


def test_identity_that_is_asked_for(tmp_path: Path) -> None:
    content = coco([{"tag": "Anna", "track_id": 1}, {"image_id": 2, "tag": "Anna", "track_id": 2}])
    report, files = imported(content, tmp_path, identity="tag")
    assert (addresses(files), report.individuals_in_several) == ([b"Anna", b"Anna"], 1)
    with pytest.raises(ExchangeError, match=r"no annotation has .* 'nonsense'.*tag"):
        imported(content, tmp_path, identity="nonsense")


def test_ids_that_come_again_link_nobody(tmp_path: Path) -> None:
    report, files = imported(coco([{"id": 1}, {"id": 2}, {"id": 1, "image_id": 2}]), tmp_path)
    assert addresses(files) == [b"1/1", b"1/2", b"2/1"]
    assert (report.individuals, report.individuals_in_several) == (3, 0)
    assert "come again" in report.identity


def test_zeros_for_all_link_nobody(tmp_path: Path) -> None:
    content = coco([{"id": 0}, {"id": 0}, {"id": 0, "image_id": 2}])
    report, _ = imported(content, tmp_path)
    assert (report.individuals, report.individuals_in_several) == (3, 0)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"id": 7}, {"id": "7", "image_id": 2}),
        ({"id": 7}, {"id": 7.0, "image_id": 2}),
        ({"id": 1}, {"id": None}),
    ],
)
def test_ids_that_are_one_address_link_nobody(first: Any, second: Any, tmp_path: Path) -> None:
    report, _ = imported(coco([first, second, {"id": 1, "image_id": 2}]), tmp_path)
    assert (report.individuals, report.individuals_in_several) == (3, 0)


def test_files_of_one_name_link_nobody(tmp_path: Path) -> None:
    places = []
    for part in ("train", "valid"):
        (tmp_path / part).mkdir()
        images = [{"id": 1, "file_name": f"{part}.jpg", "width": 20, "height": 10}]
        places.append(tmp_path / part / "set.json")
        places[-1].write_text(json.dumps(coco([{}], images)))
    with pytest.raises(ExchangeError, match="both have the domain 'set'"):
        import_archive(places, tmp_path / "out")
    with pytest.raises(ExchangeError, match="would be the same individuals"):
        import_archive(places, tmp_path / "out", domain=b"garden")
    assert not (tmp_path / "out").exists()


def test_text_ids_stand_as_they_are(tmp_path: Path) -> None:
    images = [{"id": "a b", "file_name": "x/y.png", "width": 20, "height": 10}]
    _, files = imported(coco([{"id": "n°7", "image_id": "a b"}], images), tmp_path)
    assert addresses(files) == ["n°7".encode()]
    assert list(files) == ["x/y.iid"]


def test_results_have_neither_ids_nor_pictures(tmp_path: Path) -> None:
    packed = judge.encode(np.asfortranarray(np.eye(6, dtype=np.uint8)))
    shape = {"size": [6, 6], "counts": packed["counts"].decode()}
    results = [
        {"image_id": image, "category_id": 9, "segmentation": shape, "score": 0.5}
        for image in (5, 7, 5)
    ]
    report, files = imported(results, tmp_path)
    assert {name: [entry[1] for entry in entries] for name, entries in files.items()} == {
        "5.iid": [b"5/0", b"5/1"],
        "7.iid": [b"7/0"],
    }
    assert files["5.iid"][0][2] == ["category 9"]
    assert report.individuals_in_several == 0
