"""A small sound source of every format that is read: its files, by name."""

import base64
import io
import json

import numpy as np
import tifffile
import zarr
from PIL import Image

HEIGHT, WIDTH = 20, 30


def box(row, column, height, width):
    """A frame in which a box is set."""
    frame = np.zeros((HEIGHT, WIDTH), bool)
    frame[row : row + height, column : column + width] = True
    return frame


CAR, TREE = box(2, 3, 6, 9), box(9, 14, 8, 11)
LABELS = (CAR + 2 * TREE).astype(np.uint16)
RING = [[3.5, 2.5], [11.5, 2.5], [11.5, 7.5], [3.5, 7.5]]
FLAT = [side for corner in RING for side in corner]


def _image(plane, palette=None, kind="PNG"):
    out = io.BytesIO()
    image = Image.fromarray(plane)
    if palette is not None:
        image.putpalette(palette)
    image.save(out, kind)
    return out.getvalue()


def _tiff(plane, **more):
    out = io.BytesIO()
    tifffile.imwrite(out, plane, photometric="minisblack", **more)
    return out.getvalue()


def _npy(plane):
    out = io.BytesIO()
    np.save(out, plane)
    return out.getvalue()


def _json(value):
    return json.dumps(value).encode()


def _counts(mask, order="F"):
    """Lengths of runs, of zeros first."""
    flat = mask.ravel(order=order)
    cuts = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *cuts, flat.size]).tolist()
    return [0, *counts] if flat[0] else counts


def _letters(mask):
    """Run lengths as text, as ``rleToString`` in pycocotools' ``maskApi.c`` writes them."""
    out, counts = "", _counts(mask)
    for nth, count in enumerate(counts):
        rest = count - counts[nth - 2] if nth > 2 else count
        while True:
            part, rest = rest & 31, rest >> 5
            goes_on = rest != (-1 if part & 16 else 0)
            out += chr(48 + part + 32 * goes_on)
            if not goes_on:
                break
    return {"size": [HEIGHT, WIDTH], "counts": out}


def _listed(mask):
    return {"size": [HEIGHT, WIDTH], "counts": _counts(mask)}


_PICTURE = _image((np.arange(HEIGHT * WIDTH) % 251).astype(np.uint8).reshape(HEIGHT, WIDTH))
_GREYS = [part for grey in range(256) for part in (grey, grey, grey)]
_CATEGORIES = [{"id": 1, "name": "car"}, {"id": 2, "name": "tree"}]


def _coco():
    images = [{"id": n, "file_name": f"{n}.jpg", "height": HEIGHT, "width": WIDTH} for n in (1, 2)]
    kinds = ([FLAT], _letters(TREE), _listed(CAR))
    annotations = [
        {"id": n, "image_id": n % 2 + 1, "category_id": n % 2 + 1, "track_id": 7, "iscrowd": 0,
         "area": 48, "bbox": [3, 2, 9, 6], "segmentation": kind}
        for n, kind in enumerate(kinds)
    ]  # fmt: skip
    return {
        "a.json": _json({"images": images, "annotations": annotations, "categories": _CATEGORIES})
    }


def _youtube_vis():
    video = {"id": 1, "width": WIDTH, "height": HEIGHT, "length": 2}
    video["file_names"] = ["bear/00000.jpg", "bear/00005.jpg"]
    of = {"video_id": 1, "iscrowd": 0, "bboxes": [None, None], "areas": [None, None]}
    annotations = [
        {"id": 4, "category_id": 1, "segmentations": [_letters(CAR), None], **of},
        {"id": 5, "category_id": 2, "segmentations": [[FLAT], _listed(TREE)], **of},
    ]
    return {
        "vis.json": _json(
            {"videos": [video], "categories": _CATEGORIES, "annotations": annotations}
        )
    }


def _sam():
    image = {"image_id": 4, "width": WIDTH, "height": HEIGHT, "file_name": "sa_4.jpg"}
    records = [
        {"id": n, "segmentation": write(mask), "area": int(mask.sum()), "bbox": [3, 2, 9, 6],
         "predicted_iou": 0.9, "point_coords": [[4.5, 3.5]], "stability_score": 0.9,
         "crop_box": [0, 0, WIDTH, HEIGHT]}
        for n, (write, mask) in enumerate([(_letters, CAR), (_listed, TREE)])
    ]  # fmt: skip
    return {"sa_4.json": _json({"image": image, "annotations": records})}


def _panoptic():
    numbers = LABELS.astype(np.int64) * 300
    colors = np.dstack([numbers % 256, numbers // 256 % 256, numbers // 65536]).astype(np.uint8)
    segments = [
        {"id": 300 * n, "category_id": n, "area": int((n == LABELS).sum()), "iscrowd": 0,
         "bbox": [3, 2, 9, 6]}
        for n in (1, 2)
    ]  # fmt: skip
    about = {
        "images": [{"id": 139, "width": WIDTH, "height": HEIGHT, "file_name": "139.jpg"}],
        "annotations": [{"image_id": 139, "file_name": "139.png", "segments_info": segments}],
        "categories": [{**category, "isthing": 1} for category in _CATEGORIES],
    }
    return {"panoptic_val.json": _json(about), "panoptic_val/139.png": _image(colors)}


def _ctc():
    files = {"01_GT/TRA/man_track.txt": b"1 0 1 0\n2 1 1 1\n"}
    for frame in range(2):
        files[f"01/t{frame:03d}.tif"] = _tiff(LABELS * 100)
        files[f"01_GT/TRA/man_track{frame:03d}.tif"] = _tiff(LABELS if frame else LABELS % 2)
    return files


def _mots():
    masks = [(0, 1001, 1, CAR), (0, 2002, 2, TREE), (1, 1001, 1, CAR)]
    lines = [
        f"{frame} {number} {of} {HEIGHT} {WIDTH} {_letters(mask)['counts']}\n"
        for frame, number, of, mask in masks
    ]
    return {"0002.txt": "".join(lines).encode()}


def _davis():
    plane = LABELS.astype(np.uint8)
    return {
        **{f"Annotations/480p/bear/{n:05d}.png": _image(plane, _GREYS) for n in range(2)},
        "JPEGImages/480p/bear/00000.jpg": _PICTURE,
    }


def _voc():
    plane = LABELS.astype(np.uint8)
    return {
        "SegmentationObject/2007_1.png": _image(plane, _GREYS),
        "SegmentationClass/2007_1.png": _image(plane * 7, _GREYS),
        "JPEGImages/2007_1.jpg": _PICTURE,
    }


def _labels():
    planes = {"a.tif": 2, "b.png": 1, "c.npy": 1}
    table = "path,plane,label,key,domain,address,groups\n" + "".join(
        f'{name},{plane},{label},,road,{label},"[""red""]"\n'
        for name, n_planes in planes.items()
        for plane in range(n_planes)
        for label in (1, 2)
    )
    return {
        "labels.csv": table.encode(),
        "a.tif": _tiff(np.stack([LABELS, LABELS[::-1]]), compression="zlib"),
        "b.png": _image(LABELS.astype(np.uint8)),
        "c.npy": _npy(LABELS.astype(np.int32)),
    }


def _masks():
    names = {"images/00ae": CAR, "masks/a": CAR, "masks/b": TREE}
    return {
        f"00ae/{name}.png": _image((mask * 255).astype(np.uint8)) for name, mask in names.items()
    }


def _ome_zarr():
    store = zarr.storage.MemoryStore()
    top = zarr.create_group(store, zarr_format=2)
    top.attrs["multiscales"] = [{"axes": [], "datasets": [{"path": "0"}]}]
    root = top.create_group("labels")
    root.attrs["labels"] = ["cells"]
    cells = root.create_group("cells")
    cells.attrs["multiscales"] = [
        {
            "version": "0.4",
            "axes": [{"name": name, "type": "space"} for name in "zyx"],
            "datasets": [{"path": "0"}],
        }
    ]
    cells.attrs["image-label"] = {"properties": [{"label-value": 1, "class": "car"}]}
    planes = np.stack([LABELS, LABELS[::-1]])
    made = cells.create_array("0", shape=planes.shape, chunks=(1, 8, 16), dtype=planes.dtype)
    made[...] = planes
    return {name: buffer.to_bytes() for name, buffer in store._store_dict.items()}


def _yolo():
    corners = " ".join(f"{x / WIDTH:.5f} {y / HEIGHT:.5f}" for x, y in RING)
    return {
        "data.yaml": b"path: pond\ntrain: images\n\nnames:\n  0: car\n  1: tree\n",
        "images/a.png": _PICTURE,
        "labels/a.txt": f"0 {corners}\n1 {corners}\n".encode(),
    }


def _geojson():
    features = [
        {
            "type": "Feature",
            "id": f"6f1e5a4{n}-0000-4000-8000-000000000000",
            "geometry": {"type": "Polygon", "coordinates": [[*RING, RING[0]]]},
            "properties": {"objectType": "annotation", "classification": {"name": "car"}},
        }
        for n in range(2)
    ]
    return {"slide.geojson": _json({"type": "FeatureCollection", "features": features})}


def _labelme():
    plain = {"group_id": None, "flags": {}, "label": "car", "mask": None}
    mask = base64.b64encode(_image(np.eye(6, dtype=np.uint8))).decode()
    shapes = [
        {**plain, "points": RING, "shape_type": "polygon", "group_id": 1},
        {**plain, "points": [[9, 9], [12, 12]], "shape_type": "circle"},
        {**plain, "points": [[5, 5], [10, 10]], "shape_type": "mask", "mask": mask},
    ]
    about = {"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": "a.jpg"}
    return {
        "a.json": _json({**about, "imageData": None, "imageHeight": HEIGHT, "imageWidth": WIDTH})
    }


def _cvat():
    points = ";".join(f"{x:.2f},{y:.2f}" for x, y in RING)
    counts = ", ".join(map(str, _counts(np.eye(4, dtype=bool), "C")))
    text = f"""<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><id>12</id><name>pond</name></task></meta>
<image id="0" name="a.jpg" width="{WIDTH}" height="{HEIGHT}">
<polygon label="car" occluded="0" points="{points}" z_order="0">
<attribute name="id">7</attribute></polygon>
<mask label="tree" occluded="0" rle="{counts}" left="3" top="4" width="4" height="4" z_order="0">
</mask></image>
<image id="1" name="b.jpg" width="{WIDTH}" height="{HEIGHT}"></image></annotations>"""
    return {"annotations.xml": text.encode()}


def _label_studio():
    plain = {"original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0}
    polygon = {"points": [[100 * x / WIDTH, 100 * y / HEIGHT] for x, y in RING]}
    opaque = np.repeat(np.where(CAR, 255, 0).astype(np.uint8).reshape(-1), 4)
    # As rle-pack writes, with every value by itself, in stretches of up to 16.
    bits = f"{len(opaque):032b}{7:05b}" + "".join(f"{3:04b}" for _ in range(4))
    for begin in range(0, len(opaque), 16):
        part = opaque[begin : begin + 16]
        bits += f"000{len(part) - 1:04b}" + "".join(f"{value:08b}" for value in part)
    bits += "0" * (-len(bits) % 8)
    packed = [int(bits[n : n + 8], 2) for n in range(0, len(bits), 8)]
    results = [
        {**plain, "id": "p", "type": "polygonlabels",
         "value": {**polygon, "polygonlabels": ["car"]}},
        {**plain, "id": "b", "type": "brushlabels",
         "value": {"format": "rle", "rle": packed, "brushlabels": ["tree"]}},
    ]  # fmt: skip
    task = {"id": 1, "data": {"image": "/data/upload/1/ab12-a.jpg"}, "file_upload": "ab12-a.jpg"}
    return {"export.json": _json([{**task, "annotations": [{"id": 101, "result": results}]}])}


SOURCES = {
    "coco": _coco,
    "ctc": _ctc,
    "mots": _mots,
    "davis": _davis,
    "voc": _voc,
    "youtube-vis": _youtube_vis,
    "labels": _labels,
    "masks": _masks,
    "panoptic": _panoptic,
    "sam": _sam,
    "ome-zarr": _ome_zarr,
    "yolo": _yolo,
    "geojson": _geojson,
    "labelme": _labelme,
    "cvat": _cvat,
    "label-studio": _label_studio,
}
