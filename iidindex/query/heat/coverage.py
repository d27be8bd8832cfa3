"""Where in the frame masks lie, over all files."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from iidindex.catalog.catalogue import Catalog
from iidindex.errors import QueryError
from iidindex.files.arguments import one_integer
from iidindex.masks.cells import Grid, count_grid
from iidindex.masks.tiles import disjoint_masks
from iidindex.model import BBox
from iidindex.query.pixels.frames import largest, sizes_of
from iidindex.query.pixels.originals import Originals
from iidindex.query.pixels.segments import Ints
from iidindex.query.pixels.sift import regions_of
from iidindex.query.question.asked import PLANE, Filters
from iidindex.query.question.asking import Question, files_of

# Cells along a side; so many squared are held as 64-bit numbers.
MOST_CELLS = 8192


@dataclass(frozen=True, slots=True)
class Heat:
    """The number of masks at each place.

    Attributes
    ----------
    counts : ndarray of int64, shape (h, w)
        Set pixels of all masks in each cell of the grid.
    grid : Grid
        Where the cells lie in the frame.
    entries : int
        The number of masks that were counted, including those outside the grid.
    file_ids : ndarray of int64, shape (n,)
        Ids of their files in the catalogue.
    """

    counts: Ints
    grid: Grid
    entries: int
    file_ids: Ints = field(default_factory=lambda: np.zeros(0, np.int64), repr=False, compare=False)

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """The mean number of masks that cover a pixel, for each cell: float64, shape (h, w)."""
        found: npt.NDArray[np.float64] = self.counts / self.grid.pixels
        return found


# No crop reaches so far; coordinates times cells must be integers that fit.
_FAR = 1 << 31


def heat(
    catalog: Catalog,
    originals: Originals,
    filters: Filters,
    size: int,
    crop: BBox | None,
    fit: bool = False,
) -> Heat:
    """Count how many masks cover each place; see `Entries.heat`.

    Notes
    -----
    Two runs over the hits, both in bounded memory: one for the frame, one for the pixels.
    """
    check_size(size)
    if fit and crop is not None:
        raise QueryError("fit chooses a part, and crop names one; give one of them")
    if filters.order_by or filters.near is not None:
        raise QueryError("places are counted in no order; leave order_by and nearest out")
    if crop is not None and not crop.n_pixels:
        raise QueryError(f"crop {tuple(crop)} has no pixel")
    if crop is not None and max(map(abs, crop)) > _FAR:
        raise QueryError(f"crop {tuple(crop)} reaches beyond {_FAR}; masks end at {PLANE.maxr}")
    with catalog.reading() as connection:
        question = Question(connection, originals, filters)
        box = _frame(question, fit) if crop is None else crop
        grid = Grid.over(box, size)
        total = np.zeros(grid.shape, np.int64)
        n_entries = 0
        met = np.zeros(0, np.int64)
        for part in question.segments():
            files = files_of(connection, part.file_id)
            every = np.arange(len(part))
            for rows, table in regions_of(originals, files, part, every, filters.on_stale):
                n_entries += len(rows)
                met = np.union1d(met, part.file_id[rows])
                total += count_grid(disjoint_masks(table.regions, table.segment), grid)
    return Heat(total, grid, n_entries, met)


def check_size(size: int, name: str = "size", most: int = MOST_CELLS) -> int:
    """Check a number of pixels or cells; return it as a plain integer.

    Raises
    ------
    QueryError
        If it is no integer from 1 to `most`.
    """
    number = one_integer(size, name)
    if not 1 <= number <= most:
        raise QueryError(f"{name} is {size!r}; expected 1 … {most}")
    return number


def _frame(question: Question, fit: bool) -> BBox:
    """From the origin to the last row and column of the hits, or of their files' pictures.

    To `fit`, what holds the boxes of the hits.
    """
    first, corner = np.full(2, PLANE.maxr), np.ones(2, np.int64)
    seen = np.empty(0, np.int64)
    for part in question.segments():
        boxes = part.bbox[(part.bbox[:, 2:] > part.bbox[:, :2]).all(axis=1)]
        if len(boxes):
            first = np.minimum(first, boxes[:, :2].min(axis=0))
        if len(part):
            corner = np.maximum(corner, part.bbox[:, 2:].max(axis=0))
            seen = np.union1d(seen, part.file_id)
    maxr, maxc = corner.tolist()
    if fit and (first < corner).all():
        minr, minc = first.tolist()
        return BBox(minr, minc, maxr, maxc)
    return BBox(0, 0, *largest(sizes_of(question.connection, seen), (maxr, maxc)))
