"""Some entries of one file, drawn in a window of its frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from iidindex.errors import QueryError
from iidindex.files.arguments import is_between
from iidindex.masks.cells import Grid, cell_counts
from iidindex.model import BBox
from iidindex.pictures.images import Photo
from iidindex.query.answers.entry import Entry, segments_of
from iidindex.query.pixels.originals import OnStale, Originals
from iidindex.query.pixels.segments import Ints, Original
from iidindex.query.pixels.sift import regions_of
from iidindex.render.canvas import Canvas, Look, Marks, Picture
from iidindex.render.colors import BACKGROUND, colors_of

# Strength of tints over an image, and where there is none.
_OVER_IMAGE, _OVER_NOTHING = 0.4, 0.7
# Cells of a picture's side for each pixel of its outlines.
_SIDE_PER_OUTLINE = 900


@dataclass(frozen=True, slots=True)
class Style:
    """How masks are drawn.

    Attributes
    ----------
    alpha : float or None
        Strength of the tints, 0 … 1; None for 0.4 over an image and 0.7 over none.
    outlines : bool
    """

    alpha: float | None = None
    outlines: bool = True

    def __post_init__(self) -> None:
        if self.alpha is not None and not is_between(self.alpha, 0, 1):
            raise QueryError(f"alpha is {self.alpha!r}; expected 0 … 1")

    def strength(self, photo: Photo | None) -> float:
        """Of the tints, over an image or over none."""
        if self.alpha is not None:
            return self.alpha
        return _OVER_NOTHING if photo is None else _OVER_IMAGE


class Seen(NamedTuple):
    """What was drawn.

    Attributes
    ----------
    picture : ndarray of uint8, shape (h, w, 3)
    marks : Marks
        Where the entries are seen, by their positions.
    covered : ndarray of bool, shape (h, w)
        Where any of them is.
    """

    picture: Picture
    marks: Marks
    covered: npt.NDArray[np.bool_]


def draw(
    originals: Originals,
    entries: Sequence[Entry],
    grid: Grid,
    photo: Photo | None,
    style: Style,
    *,
    look: Look | None = None,
    zoom: int = 1,
    closed: bool = True,
    on_stale: OnStale = "error",
) -> Seen:
    """Draw entries of one file.

    Parameters
    ----------
    originals : Originals
    entries : sequence of Entry
    grid : Grid
        The window, and its cells.
    photo : Photo, optional
    style : Style
    look : Look, optional
        Of each entry.
    zoom : int
        Pixels of the picture along each side of a cell.
    closed : bool
        Whether outlines go along the edge of the picture.
    on_stale : {"error", "skip", "warn"}

    Returns
    -------
    Seen
        The picture has ``zoom`` times as many rows and columns as the grid has cells.
    """
    canvas = Canvas(grid, zoom)
    width = max(1, round(max(canvas.shape) / _SIDE_PER_OUTLINE)) if style.outlines else 0
    if look is None:
        look = Look(colors_of(entry.iid for entry in entries))
    segments = segments_of(entries)
    files = {entry.file_id: Original(entry.location, entry.stamp) for entry in entries}
    seen = [Marks(np.empty(0, np.int64), *(np.empty((0, n), np.int64) for n in (2, 4)))]
    within = _meeting(segments.bbox, grid.bbox)
    for rows, table in regions_of(originals, files, segments, within, on_stale):
        for found in cell_counts(table.regions, table.segment, grid, zoom=zoom):
            marks = canvas.add(
                found,
                look.of(rows),
                segments.area[rows],
                width=width,
                closed=closed,
            )
            seen.append(marks._replace(owner=rows[marks.owner]))
    if photo is None:
        base = np.full((*canvas.shape, 3), BACKGROUND, np.uint8)
    else:
        base = photo.part(grid).repeat(zoom, axis=0).repeat(zoom, axis=1)
    every = (np.concatenate(column) for column in zip(*seen, strict=True))
    alpha = style.strength(photo)
    return Seen(canvas.over(base, alpha=alpha), Marks(*every), canvas.covered())


def _meeting(bbox: Ints, window: BBox) -> Ints:
    minr, minc, maxr, maxc = bbox.T
    return np.flatnonzero(
        (minr < window.maxr) & (maxr > window.minr) & (minc < window.maxc) & (maxc > window.minc)
    )
