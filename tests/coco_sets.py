"""JSON of COCO for tests, and what an import makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from iidindex import IIDFile, import_archive

SQUARE = [[1.5, 1.5, 5.5, 1.5, 5.5, 5.5, 1.5, 5.5]]


def coco(
    annotations: list[dict[str, Any]], images: list[dict[str, Any]] | None = None, **more: Any
) -> dict[str, Any]:
    """A file as https://cocodataset.org/#format-data describes it."""
    if images is None:
        images = [
            {"id": number, "file_name": f"{number}.jpg", "width": 20, "height": 10}
            for number in (1, 2)
        ]
    every = [
        {"id": number, "image_id": 1, "category_id": 3, "segmentation": SQUARE, "iscrowd": 0}
        | annotation
        for number, annotation in enumerate(annotations, 1)
    ]
    categories = [{"id": 3, "name": "tree", "supercategory": "plant"}]
    return {"images": images, "annotations": every, "categories": categories, **more}


def imported(content: Any, tmp_path: Path, **asked: Any) -> tuple[Any, dict[str, list[Any]]]:
    """Import a JSON; the report, and by file domain, address, groups, box and mask."""
    source = tmp_path / "set.json"
    source.write_text(json.dumps(content))
    report = import_archive(source, tmp_path / "out", **asked)
    return report, held(tmp_path / "out")


def held(place: Path) -> dict[str, list[Any]]:
    found = {}
    for path in sorted(place.rglob("*.iid")):
        file = IIDFile(path)
        names: dict[int, list[str]] = {}
        for name, keys in file.groups.as_dict().items():
            for key in keys.tolist():
                names.setdefault(key, []).append(name)
        found[path.relative_to(place).as_posix()] = [
            (
                entry.iid.domain,
                entry.iid.address,
                sorted(names.get(entry.key, [])),
                tuple(entry.seg.bbox),
                entry.seg.mask(),
            )
            for entry in file.fetch(everything=True)
        ]
    return found


def addresses(files: dict[str, list[Any]]) -> list[bytes]:
    return [entry[1] for entries in files.values() for entry in entries]
