"""What the metadata of files say of their pictures: how large they are, and where they lie."""

from __future__ import annotations

import json
import mimetypes
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection, select

from iidindex.catalog.schema import files, roots
from iidindex.catalog.statement import Statement, is_among
from iidindex.files.frame_size import size_of
from iidindex.query.pixels.segments import Ints
from iidindex.storage.places import location_of

# Names under which metadata tell the picture's own file, the most telling first. Those of COCO
# (``file_name``) are among them.
IMAGE_KEYS = ("image", "picture", "file_name", "filename", "path")

_FILES_AT_A_TIME = 1000


_FRAMES = Statement(
    select(files.c.id, files.c.path, roots.c.location, files.c.meta)
    .join(roots, roots.c.id == files.c.root_id)
    .where(is_among(files.c.id, "ids"))
)
_METADATA = Statement(select(files.c.meta).where(is_among(files.c.id, "ids")))


class Frame(NamedTuple):
    """A file's picture.

    Attributes
    ----------
    location : str
        Where the ``.iid`` file can be opened.
    size : (int, int) or None
        Height and width in pixels, if the metadata tell both.
    image : str or None
        The picture's own file, if the metadata name one that is there.
    missing_image : str or None
        Otherwise the first that they name, and that ends as images do.
    """

    location: str
    size: tuple[int, int] | None
    image: str | None
    missing_image: str | None = None


def frames_of(connection: Connection, file_ids: Ints) -> dict[int, Frame]:
    """Frames of files, by id."""
    found = {}
    for low in range(0, len(file_ids), _FILES_AT_A_TIME):
        ids = file_ids[low : low + _FILES_AT_A_TIME]
        for file_id, path, root, text in _FRAMES.run(connection, {"ids": ids}):
            location = location_of(os.fsdecode(root), os.fsdecode(path))
            meta = _mapping(text)
            image = image_of(meta, location)
            missing = missing_image_of(meta, location) if image is None else None
            found[file_id] = Frame(location, size_of(meta), image, missing)
    return found


def sizes_of(connection: Connection, file_ids: Ints) -> Iterator[tuple[int, int]]:
    """The sizes of those files' pictures that tell one."""
    for low in range(0, len(file_ids), _FILES_AT_A_TIME):
        ids = file_ids[low : low + _FILES_AT_A_TIME]
        for (text,) in _METADATA.run(connection, {"ids": ids}):
            size = size_of(_mapping(text))
            if size is not None:
                yield size


def image_of(meta: Mapping[str, Any], location: str) -> str | None:
    """The first regular file among those that metadata name, relative to the ``.iid`` file's.

    Names that end as those of texts or of other things that are no pictures do not count.
    """
    for name in filter(_may_be_image, _names(meta)):
        path = os.path.join(os.path.dirname(location), name)
        try:
            if os.path.isfile(path):
                return os.path.realpath(path)
        except ValueError:  # a name that no file can have
            continue
    return None


def image_named(meta: Any) -> str | None:
    """The name under which metadata tell the picture's own file, whether or not it is there."""
    if not isinstance(meta, dict):
        return None
    return next(filter(_may_be_image, _names(meta)), None)


def missing_image_of(meta: Mapping[str, Any], location: str) -> str | None:
    """Where the first name among those of `image_of` leads to that ends as images do."""
    for name in _names(meta):
        kind, _ = mimetypes.guess_type(name, strict=False)
        if kind is not None and kind.startswith("image/"):
            return os.path.join(os.path.dirname(location), name)
    return None


def _names(meta: Mapping[str, Any]) -> Iterator[str]:
    yield from _texts(meta.get(key) for key in IMAGE_KEYS)


def _may_be_image(name: str) -> bool:
    kind, _ = mimetypes.guess_type(name, strict=False)
    return not name.lower().endswith(".iid") and (kind is None or kind.startswith("image/"))


def _texts(values: Iterable[Any]) -> Iterator[str]:
    yield from (value for value in values if isinstance(value, str) and value)


def _mapping(text: str | None) -> Mapping[str, Any]:
    try:
        meta = json.loads(text or "{}")
    except ValueError:
        return {}
    return meta if isinstance(meta, dict) else {}


def largest(sizes: Iterable[tuple[int, int]], corner: tuple[int, int]) -> tuple[int, int]:
    """The smallest height and width that hold all sizes and a corner."""
    every = np.array([corner, *sizes], np.int64)
    height, width = np.maximum.reduce(every, axis=0).tolist()
    return height, width
