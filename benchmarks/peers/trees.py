"""Trees of boxes: rtree alone, and GeoPandas with Shapely, whose polygons are exact.

A mask as a polygon is the union of its pixels as squares. All corners are whole numbers, so that
a pixel's centre is never on an edge, and the area of an intersection is a count of pixels.
Both trees count boxes as closed; a quarter of a pixel less on each side makes that half-open.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import numpy.typing as npt
import shapely
from rtree.index import Index as Tree

from benchmarks.peers.corpus import Corpus
from benchmarks.peers.peer import Edge, Named, Peer, rows
from iidindex.masks.regions import Bool2D
from iidindex.model import BBox

_LESS = 0.25
_CORNERS = ["minr", "minc", "maxr", "maxc"]


class RTree(Peer):
    """libspatialindex, in memory, with records in a list."""

    name = f"rtree {version('rtree')} alone"
    shape = "arrays on the disk; opened, a tree of boxes in memory and a list of records"

    @classmethod
    def build(cls, corpus: Corpus, place: Path) -> None:
        """Save the columns; the tree is quicker to load in bulk than to read."""
        found = [(row.file, row.key, row.address, row.area) for row in rows(corpus)]
        file, key, address, area = map(np.array, zip(*found, strict=True))
        boxes = np.array([row.bbox for row in rows(corpus)])
        columns = {"files": file, "keys": key, "addresses": address, "areas": area}
        np.savez(place / "entries.npz", boxes=boxes, **columns)

    def __init__(self, place: Path) -> None:
        """Load the columns, and the tree in bulk."""
        with np.load(place / "entries.npz") as columns:
            boxes = columns["boxes"]
            names = ("files", "keys", "addresses", "areas")
            self._records = list(
                zip(*(columns[name].tolist() for name in names), boxes.tolist(), strict=True)
            )
        low, high = (
            np.ascontiguousarray(boxes[:, :2], float),
            np.ascontiguousarray(boxes[:, 2:], float),
        )
        self._tree = Tree((np.arange(len(boxes)), low, high))

    def named(self, answer: Any) -> Iterable[Named]:
        """Tell the file and key of each record."""
        return [record[:2] for record in answer]

    def boxes_at(self, x: int, y: int) -> Any:
        """Boxes that hold the pixel's centre."""
        records = self._records
        return [records[at] for at in self._tree.intersection((y + 0.5, x + 0.5) * 2)]

    def boxes_in(self, box: BBox) -> Any:
        """Boxes that meet a slightly smaller one."""
        low, high = (box.minr + _LESS, box.minc + _LESS), (box.maxr - _LESS, box.maxc - _LESS)
        records = self._records
        return [records[at] for at in self._tree.intersection((*low, *high))]


class GeoPandas(Peer):
    """A table of polygons in memory, sorted by address, with two trees."""

    name = f"GeoPandas {version('geopandas')}, Shapely {version('shapely')}"
    shape = (
        "a GeoPackage of polygons; opened, a table in memory with a tree of boxes and one of "
        "polygons"
    )

    @classmethod
    def build(cls, corpus: Corpus, place: Path) -> None:
        """Turn masks into polygons, and save them."""
        found = list(rows(corpus))
        frame = geopandas.GeoDataFrame(
            {
                "file": [row.file for row in found],
                "key": [row.key for row in found],
                "address": [row.address.decode() for row in found],
                "area": [row.area for row in found],
                **dict(zip(_CORNERS, np.array([row.bbox for row in found]).T, strict=True)),
            },
            geometry=[polygon(row.mask, row.bbox) for row in found],
        )
        with warnings.catch_warnings():
            # Pixels are nowhere on Earth.
            warnings.filterwarnings("ignore", message="'crs' was not provided")
            frame.to_file(place / "entries.gpkg", driver="GPKG")

    def __init__(self, place: Path) -> None:
        """Load the table and make the trees."""
        frame = geopandas.read_file(place / "entries.gpkg")
        self._frame = frame.set_index("address").sort_index()
        boxes = self._frame[_CORNERS].to_numpy()
        self._boxes = shapely.STRtree(
            shapely.box(boxes[:, 1], boxes[:, 0], boxes[:, 3], boxes[:, 2])
        )
        self._masks = self._frame.sindex
        self._of_file = self._frame.groupby("file").indices

    def named(self, answer: Any) -> Iterable[Named]:
        """Tell the file and key of each row."""
        return list(zip(answer["file"].tolist(), answer["key"].tolist(), strict=True))

    def find(self, address: bytes) -> Any:
        """By the sorted index of the table."""
        return self._frame.loc[[address.decode()]]

    def boxes_at(self, x: int, y: int) -> Any:
        """Boxes that hold the pixel's centre."""
        return self._frame.iloc[self._boxes.query(shapely.Point(x + 0.5, y + 0.5))]

    def boxes_in(self, box: BBox) -> Any:
        """Boxes that meet a slightly smaller one."""
        smaller = shapely.box(
            box.minc + _LESS, box.minr + _LESS, box.maxc - _LESS, box.maxr - _LESS
        )
        return self._frame.iloc[self._boxes.query(smaller)]

    def masks_at(self, x: int, y: int) -> Any:
        """Polygons that hold the pixel's centre."""
        found = self._masks.query(shapely.Point(x + 0.5, y + 0.5), predicate="intersects")
        return self._frame.iloc[found]

    def overlaps(self, file: str) -> Sequence[Edge]:
        """Areas of intersections, of the pairs whose polygons meet."""
        frame = self._frame.iloc[self._of_file[file]]
        shapes: npt.NDArray[Any] = frame.geometry.to_numpy()
        keys = frame["key"].to_numpy()
        a, b = shapely.STRtree(shapes).query(shapes, predicate="intersects")
        once = keys[a] < keys[b]
        a, b = a[once], b[once]
        pixels = np.rint(shapely.area(shapely.intersection(shapes[a], shapes[b]))).astype(int)
        some = pixels > 0
        return list(
            zip(keys[a][some].tolist(), keys[b][some].tolist(), pixels[some].tolist(), strict=True)
        )


def polygon(mask: Bool2D, bbox: BBox) -> Any:
    """Unite the runs of a mask, each a rectangle one pixel high."""
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, start = np.nonzero(edges == 1)
    _, end = np.nonzero(edges == -1)
    minr, minc = bbox.minr, bbox.minc
    return shapely.union_all(shapely.box(start + minc, row + minr, end + minc, row + minr + 1))
