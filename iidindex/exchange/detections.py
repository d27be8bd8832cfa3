"""The masks of one file as `supervision.Detections` (https://supervision.roboflow.com)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, select

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.schema import groups
from iidindex.errors import QueryError
from iidindex.exchange.dataset import owners_of
from iidindex.exchange.whole_file import extent_of, masks_of_file
from iidindex.model import BBox
from iidindex.query.entries import Entries
from iidindex.query.pixels.originals import Originals
from iidindex.query.single_entry import hits_in_file


def detections(catalog: Catalog, originals: Originals, question: Entries, path: str) -> Any:
    """Hand over the hits in one file; see `Entries.to_supervision`."""
    try:
        from supervision import Detections
        from supervision.detection.compact_mask import CompactMask
    except ImportError as error:
        raise QueryError(
            f"supervision 0.28 or later is needed: `pip install supervision` ({error})"
        ) from error
    file = hits_in_file(catalog, question, path)
    hits = file.hits
    masks = masks_of_file(originals, hits, question.on_stale)
    size = extent_of(catalog, file)
    kept = [hits[place] for place in sorted(masks)]
    ids = np.array([one.id for one in kept], np.int64)
    first = [next(iter(one.groups), "") for one in kept]
    with catalog.reading() as connection:
        individuals = owners_of(connection, "individual", ids)
        number_of = _numbers_of_groups(connection, set(first))
    if len(individuals) < len(kept):
        raise QueryError(f"{path}: its entries are no longer in the index; ask again")
    shown = [_with_a_pixel(one.bbox, size) for one in kept]
    compact = [CompactMask.from_dense(np.zeros((0, *size), np.bool_), _boxes([]), size)]
    for place, box, entry in zip(sorted(masks), shown, kept, strict=True):
        # As a picture of its own, moved to its place: nothing is as large as the frame.
        mask = masks[place] if entry.bbox.n_pixels else np.zeros((1, 1), np.bool_)
        own = _boxes([BBox(0, 0, *mask.shape)])
        alone = CompactMask.from_dense(mask[None], own, mask.shape)
        compact.append(alone.with_offset(box.minc, box.minr, size))
    return Detections(
        xyxy=_boxes(shown),
        mask=CompactMask.merge(compact),
        class_id=np.array([number_of[name] for name in first], np.int64),
        tracker_id=individuals,
        data={
            "class_name": np.array(first, np.str_),
            "address": _objects([one.iid.address for one in kept]),
            "domain": _objects([one.iid.domain or b"" for one in kept]),
            "key": np.array([one.key for one in kept], np.int64),
            "groups": _objects([one.groups for one in kept]),
        },
    )


def _numbers_of_groups(connection: Connection, names: set[str]) -> dict[str, int]:
    """The catalogue's numbers of groups, from 1 on; 0 for the name of none."""
    rows = connection.execute(select(groups.c.name, groups.c.id).where(groups.c.name.in_(names)))
    return {"": 0, **{name: number for name, number in rows if name}}


def _with_a_pixel(box: BBox, size: tuple[int, int]) -> BBox:
    """The box, or of one that has no pixel, a pixel of the frame; supervision's have one."""
    if box.n_pixels:
        return box
    row, col = min(box.minr, size[0] - 1), min(box.minc, size[1] - 1)
    return BBox(row, col, row + 1, col + 1)


def _boxes(boxes: list[BBox]) -> npt.NDArray[np.float64]:
    """Boxes as x and y of their first and last pixels, as supervision has those of masks."""
    table = np.array(boxes, np.float64).reshape(-1, 4)
    return table[:, [1, 0, 3, 2]] - (0, 0, 1, 1)


def _objects(values: list[Any]) -> npt.NDArray[Any]:
    column = np.empty(len(values), object)
    column[:] = values
    return column
