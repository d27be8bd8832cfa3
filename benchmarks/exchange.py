"""Other formats in and out, against the libraries that people use for it, and the original."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_masks
from pycocotools.coco import COCO
from skimage.measure import regionprops
from tifffile import imread, imwrite

from benchmarks import original
from benchmarks.drawing import NAME, polygons_in
from benchmarks.runner import Contender, Promise, Scale, Work, agree
from iidindex import IIDFile, import_archive
from iidindex import open as open_index

_FRAME = (480, 640)


def works(directory: Path, scale: Scale) -> Sequence[Work]:
    """A COCO file in, a stack of label images in, and COCO out."""
    return [
        _coco_in(directory, scale),
        _labels_in(directory, scale),
        _coco_out(directory, scale),
    ]


def _coco_file(place: Path, npolygons_in: int) -> None:
    """COCO instances, some ten a picture."""
    n_pictures = max(1, npolygons_in // 10)
    shapes = polygons_in(npolygons_in, _FRAME)
    images = [
        {"id": number, "file_name": f"{number:06d}.jpg", "width": _FRAME[1], "height": _FRAME[0]}
        for number in range(n_pictures)
    ]
    annotations = [
        {
            "id": number,
            "image_id": number % n_pictures,
            "category_id": 1,
            "segmentation": [shape.reshape(-1).tolist()],
            "area": 1.0,
            "bbox": [0, 0, 1, 1],
            "iscrowd": 0,
        }
        for number, shape in enumerate(shapes)
    ]
    content = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "thing"}],
    }
    place.write_text(json.dumps(content))


def _coco_in(directory: Path, scale: Scale) -> Work:
    count = scale.of(100_000, 4_000)
    source = directory / "coco.json"
    _coco_file(source, count)

    def ours() -> None:
        shutil.rmtree(directory / "ours", ignore_errors=True)
        import_archive(source, directory / "ours", jobs=1)

    def theirs() -> None:
        shutil.rmtree(directory / "theirs", ignore_errors=True)
        (directory / "theirs").mkdir()
        dataset = COCO(str(source))
        for image_id, image in dataset.imgs.items():
            file = original.new()
            for annotation in dataset.imgToAnns[image_id]:
                _add(file, str(annotation["id"]), dataset.annToMask(annotation))
            original.mend(file)
            file.save(str(directory / "theirs" / f"{image['file_name'][:-4]}.iid"))
            original.close(file)

    def check() -> None:
        ours()
        theirs()
        for path in sorted((directory / "theirs").iterdir())[:20]:
            agree("masks", _masks(directory / "ours" / path.name), _masks(path))

    return Work(
        name=f"import COCO, {count:,} polygons",
        ours=[Contender.of("import_archive", ours)],
        theirs=Contender.of(f"{NAME} annToMask of all, and iidfile", theirs),
        promise=Promise.faster(3),
        repeats=scale.of(3, 2),
        check=check,
        reason="One process each; both write a file for every picture.",
    )


def _add(file: Any, address: str, whole: npt.NDArray[Any]) -> None:
    rows, columns = np.flatnonzero(whole.any(axis=1)), np.flatnonzero(whole.any(axis=0))
    if not len(rows):
        return
    box = (int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
    mask = whole[box[0] : box[2], box[1] : box[3]].astype(bool)
    file.add(address=address.encode(), domain=b"coco", bbox=box, mask=mask)


def _masks(path: Path) -> list[tuple[bytes, tuple[int, ...], bytes]]:
    return sorted(
        (entry.iid.address, tuple(entry.seg.bbox), entry.seg.mask().tobytes())
        for entry in IIDFile(path).fetch(everything=True)
    )


def _labels_in(directory: Path, scale: Scale) -> Work:
    n_frames, side = scale.of(30, 6), 1024
    source = directory / "stack.tif"
    rng = np.random.default_rng(1)
    stack = np.zeros((n_frames, side, side), np.uint16)
    grid = np.hypot(*np.ogrid[-12:13, -12:13]) <= 12
    for frame in stack:
        for label, (row, column) in enumerate(rng.integers(0, side - 25, (500, 2)), 1):
            frame[row : row + 25, column : column + 25][grid] = label
    imwrite(source, stack, photometric="minisblack")

    def ours() -> None:
        shutil.rmtree(directory / "ours", ignore_errors=True)
        import_archive(source, directory / "ours", jobs=1)

    def theirs() -> None:
        shutil.rmtree(directory / "theirs", ignore_errors=True)
        (directory / "theirs").mkdir()
        for number, plane in enumerate(imread(source)):
            file = original.new()
            for region in regionprops(plane):
                file.add(
                    address=str(region.label).encode(),
                    domain=b"stack",
                    bbox=region.bbox,
                    mask=region.image,
                )
            original.mend(file)
            file.save(str(directory / "theirs" / f"{number:04d}.iid"))
            original.close(file)

    def check() -> None:
        ours()
        theirs()
        for path in sorted((directory / "theirs").iterdir())[:5]:
            agree("masks", _masks(directory / "ours/stack" / path.name), _masks(path))

    return Work(
        name=f"import a stack of {n_frames} label images of 500 labels",
        ours=[Contender.of("import_archive", ours)],
        theirs=Contender.of("scikit-image regionprops, and iidfile", theirs),
        promise=Promise.faster(3),
        repeats=scale.of(5, 3),
        check=check,
        reason="One process each; both write a file for every plane.",
    )


def _coco_out(directory: Path, scale: Scale) -> Work:
    count = scale.of(20_000, 2_000)
    source = directory / "out-source.json"
    _coco_file(source, count)
    import_archive(source, directory / "archive")
    index = open_index(directory / "index.db", create=True)
    index.ingest([directory / "archive"])
    # What pycocotools encodes: whole frames, column by column. Some at a time fit into memory.
    some = [(entry.bbox, mask) for entry, mask in index.entries.limit(500).masks()]
    frames = []
    for box, mask in some:
        frame = np.zeros(_FRAME, np.uint8, order="F")
        frame[box.minr : box.maxr, box.minc : box.maxc] = mask
        frames.append(frame)

    def ours() -> None:
        index.entries.limit(len(frames)).export(directory / "out.json")

    def theirs() -> None:
        for frame in frames:
            coco_masks.encode(frame)

    def check() -> None:
        ours()
        written = json.loads((directory / "out.json").read_text())["annotations"]
        for record, frame in zip(written[:100], frames[:100], strict=False):
            shape = record["segmentation"]
            agree("pixels", coco_masks.decode(shape).tobytes(), frame.tobytes())

    return Work(
        name=f"export {len(frames)} masks as COCO run lengths, read from the archive",
        ours=[Contender.of("entries.export", ours)],
        theirs=Contender.of(f"{NAME} encode of ready frames", theirs),
        promise=Promise.faster(1),
        repeats=scale.of(9, 5),
        check=check,
        reason="The other program neither reads nor writes: its frames are in memory, column by "
        "column.",
    )
