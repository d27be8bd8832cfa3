"""Imports and exports killed at any moment: whole files only, and the next run ends as any."""

import json
import shutil

import numpy as np
import pytest

import iidindex
from campaign import rounds, seeded
from test_random_kills import duration, kill_after

_PICTURES = 40


def _source(path):
    """A COCO JSON of polygons, with individuals that come again."""
    draw = np.random.default_rng(1)
    images = [
        {"id": n, "file_name": f"{n % 5}/{n}.jpg", "height": 100, "width": 120}
        for n in range(_PICTURES)
    ]
    annotations = []
    for n in range(8 * _PICTURES):
        x, y = (int(side) for side in draw.integers(1, 80, 2))
        ring = [x, y, x + 15, y, x + 15, y + 9, x, y + 12]
        about = {"id": n, "image_id": n // 8, "category_id": n % 3, "track_id": n % 40}
        annotations.append({**about, "segmentation": [ring]})
    categories = [{"id": n, "name": name} for n, name in enumerate(("car", "tree", "sky"))]
    told = {"images": images, "annotations": annotations, "categories": categories}
    path.write_text(json.dumps(told))
    return path


def _held(place):
    """What lies there: files that are on their way have names that begin with a dot."""
    return {
        path.relative_to(place).as_posix(): path.read_bytes()
        for path in ([place] if place.is_file() else place.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def _removed(place):
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def _tried(chance, db, out, arguments, whole, lasts):
    """Kill it at any moments, look at what lies there, and let it come to its end."""
    kills = 0
    for _ in range(chance.randint(1, 2)):
        kills += kill_after(chance.random() * lasts, db, *arguments)
        if out.exists():
            for name, data in _held(out).items():
                assert data == whole[name], f"{name} is half written"
    duration(db, *arguments)
    assert _held(out) == whole
    return kills


def test_killed_imports(tmp_path, counted):
    source = _source(tmp_path / "a.json")
    out, db = tmp_path / "out", tmp_path / "x.db"
    arguments = ["import", source, "-o", out]
    lasts = duration(db, *arguments)
    whole = _held(out)
    assert len(whole) == _PICTURES
    for seed in rounds(2, share=0.02):
        with seeded(seed) as chance:
            _removed(out)
            counted("kills of imports", _tried(chance, db, out, arguments, whole, lasts))


@pytest.mark.parametrize("form", ["coco", "labels", "iid", "chips", "csv", "parquet", "yolo"])
def test_killed_exports(form, tmp_path, counted):
    iidindex.import_archive(_source(tmp_path / "a.json"), tmp_path / "archive")
    db = tmp_path / "x.db"
    with iidindex.open(db, create=True) as index:
        index.ingest(tmp_path / "archive")
    out = tmp_path / "out"
    arguments = ["export", "-o", out, "--to", form]
    lasts = duration(db, *arguments)
    whole = _held(out)
    assert whole
    for seed in rounds(1, share=0.01):
        with seeded(seed) as chance:
            if chance.random() < 0.7:
                _removed(out)
            counted("kills of exports", _tried(chance, db, out, arguments, whole, lasts))
