"""The masks of one file as whole frames of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from iidindex.catalog.catalogue import Catalog
from iidindex.errors import QueryError
from iidindex.exchange.whole_file import extent_of, masks_of_file
from iidindex.masks.labels import paint_planes
from iidindex.model import IID
from iidindex.query.answers.entry import Entry
from iidindex.query.entries import Entries
from iidindex.query.pixels.originals import Originals
from iidindex.query.single_entry import hits_in_file

Numbering: TypeAlias = Literal["entry", "individual"]


class LabelPlanes(list[npt.NDArray[np.uint32]]):
    """Planes of one file: a list of ndarrays of uint32, each of shape (height, width).

    Every pixel has the number of the entry or individual whose mask holds it, or 0. There are so
    many planes that no mask covers another: one, if nothing overlaps.

    Attributes
    ----------
    iids : dict of int to IID
        The individual that each number stands for.
    """

    def __init__(
        self, planes: Sequence[npt.NDArray[np.uint32]] = (), iids: dict[int, IID] | None = None
    ) -> None:
        super().__init__(planes)
        self.iids = iids or {}


def label_planes(
    catalog: Catalog, originals: Originals, entries: Entries, path: str, by: Numbering
) -> LabelPlanes:
    """Paint the hits in one file; see `Index.labels`."""
    if by not in ("entry", "individual"):
        raise QueryError(f"by is {by!r}; expected entry or individual")
    file = hits_in_file(catalog, entries, path)
    hits = file.hits
    masks = masks_of_file(originals, hits, entries.on_stale)
    size = extent_of(catalog, file)
    kept = [hits[place] for place in sorted(masks)]
    numbers = _numbers(kept, by)
    try:
        planes, _ = paint_planes(
            np.array([one.bbox for one in kept], np.int64).reshape(-1, 4),
            np.array([one.area for one in kept], np.int64),
            [masks[place] for place in sorted(masks)],
            size,
            np.array(numbers, np.int64),
        )
    except MemoryError:
        height, width = size
        raise QueryError(
            f"{file.frame.location}: planes of {height} x {width} pixels do not fit into memory"
        ) from None
    iids = {number: one.iid for number, one in zip(numbers, kept, strict=True)}
    return LabelPlanes(planes, dict(sorted(iids.items())))


def _numbers(entries: Sequence[Entry], by: Numbering) -> list[int]:
    if by == "entry":
        return [one.key + 1 for one in entries]
    iids = {one.iid for one in entries}
    by_address = sorted(iids, key=lambda iid: (iid.address, iid.domain or b""))
    number_of = {iid: nth for nth, iid in enumerate(by_address, 1)}
    return [number_of[one.iid] for one in entries]
