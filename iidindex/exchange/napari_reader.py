"""``.iid`` files as label layers of napari, which finds this module by ``napari.yaml``.

Nothing of napari is imported: layers are plain tuples of data, arguments and a kind
(https://napari.org/stable/plugins/building_a_plugin/guides.html, "Readers").
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from iidindex.files.frame_size import size_of
from iidindex.files.iidfile import IIDFile
from iidindex.formats.label_table import as_text
from iidindex.masks.labels import paint_planes
from iidindex.storage.paths import SUFFIX, is_iid

Ints: TypeAlias = npt.NDArray[np.int64]
Layer: TypeAlias = tuple[npt.NDArray[np.uint32], dict[str, Any], str]
Paths: TypeAlias = "str | os.PathLike[str] | Sequence[str | os.PathLike[str]]"


def get_reader(path: Paths) -> Callable[[Paths], list[Layer]] | None:
    """What reads a path, or several; None, if one of them is no ``.iid`` file."""
    paths = _listed(path)
    return read_layers if paths and all(map(is_iid, paths)) else None


def read_layers(path: Paths) -> list[Layer]:
    """Read ``.iid`` files as label layers.

    Parameters
    ----------
    path : path-like, or sequence of path-like

    Returns
    -------
    list of (ndarray of uint32, dict, str)
        For each file as many planes, of shape (height, width), as it takes that no mask covers
        another: the largest masks on the first. An entry's number is its key + 1. The frame is
        what the metadata state, as far as it holds all boxes. The dictionary has the layer's
        ``name``; ``features``, a dictionary of lists with a row for each entry of the plane:
        ``index`` (the number) ``key address domain groups area`` (groups one a line); and
        ``metadata``: ``path``, and ``meta`` as in the file. Bytes that are not UTF-8 are ``b64:``
        and base64. The last is always ``"labels"``.

    Raises
    ------
    SourceNotFoundError, SourceError
        If a file is not there or cannot be read.
    IIDFormatError
        If its bytes are not those of a ``.iid`` file.
    """
    return [layer for one in _listed(path) for layer in _layers_of(one)]


def _listed(path: Paths) -> list[str]:
    several = [path] if isinstance(path, (str, os.PathLike)) else path
    return [os.fsdecode(one) for one in several]


def _layers_of(path: str) -> list[Layer]:
    with IIDFile(path) as file:
        found = list(file.masks())
        entries, masks = [entry for entry, _ in found], [mask for _, mask in found]
        boxes = np.array([entry.seg.bbox for entry in entries], np.int64).reshape(-1, 4)
        areas = np.array([entry.seg.area for entry in entries], np.int64)
        numbers = np.array([entry.key for entry in entries], np.int64) + 1
        meta = file.meta.data
        size = np.vstack([boxes[:, 2:], size_of(meta) or (1, 1)]).max(axis=0).tolist()
        planes, plane_of = paint_planes(boxes, areas, masks, (size[0], size[1]), numbers)
        groups_of: dict[int, list[str]] = {entry.key: [] for entry in entries}
        for name, keys in sorted(file.groups.as_dict().items()):
            for key in keys.tolist():
                groups_of[key].append(name)
        rows = [
            {
                "index": entry.key + 1,
                "key": entry.key,
                "address": as_text(entry.iid.address),
                "domain": as_text(entry.iid.domain or b""),
                "groups": "\n".join(groups_of[entry.key]),
                "area": area,
            }
            for entry, area in zip(entries, areas.tolist(), strict=True)
        ]
    name = os.path.basename(path)[: -len(SUFFIX)]
    layers: list[Layer] = []
    for nth, plane in enumerate(planes):
        on_it = [rows[place] for place in np.flatnonzero(plane_of == nth).tolist()]
        arguments = {
            "name": name if nth == 0 else f"{name} ({nth + 1})",
            "features": {column: [row[column] for row in on_it] for column in _COLUMNS},
            "metadata": {"path": path, "meta": meta},
        }
        layers.append((plane, arguments, "labels"))
    return layers


_COLUMNS = ("index", "key", "address", "domain", "groups", "area")
