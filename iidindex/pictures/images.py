"""Reading the pictures that masks belong to, a part of them at the size that is needed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from iidindex.errors import QueryError, TimeLimitError
from iidindex.masks.cells import Grid
from iidindex.model import BBox
from iidindex.query.pixels.frames import Frame
from iidindex.query.pixels.image_files import as_rgb, open_image, unreadable, value_range
from iidindex.query.pixels.picture_places import PicturePlaces
from iidindex.render.canvas import Picture
from iidindex.render.colors import BACKGROUND


class Photo:
    """An image file, decoded when a part of it is asked for.

    Rows and columns are those of the file: what EXIF says of turning it is ignored, as it
    is by the programs that make masks.

    Parameters
    ----------
    path : str
    within, check
        As of `open_image`.

    Raises
    ------
    SourceNotFoundError
        If there is nothing at `path`.
    SourceError
        If it is no image, or too large to be one that was meant.
    """

    def __init__(
        self,
        path: str,
        within: PicturePlaces | None = None,
        check: Callable[[tuple[int, int]], object] | None = None,
    ) -> None:
        self.path = path
        self._image = open_image(path, within, check)
        width, height = self._image.size
        self.size = (height, width)

    def part(self, grid: Grid) -> Picture:
        """The picture in each cell of a grid: uint8, shape (h, w, 3).

        Where the grid reaches outside, it is dark.
        """
        shape = grid.shape
        drawn = np.full((*shape, 3), BACKGROUND, np.uint8)
        window = grid.bbox
        common = window & BBox(0, 0, *self.size)
        if not common.n_pixels:
            return drawn
        top, bottom = np.searchsorted(grid.rows, [common.minr, common.maxr]).tolist()
        left, right = np.searchsorted(grid.cols, [common.minc, common.maxc]).tolist()
        # Cells that the image's edge runs through are drawn from what it has of them.
        top, left = min(top, shape[0] - 1), min(left, shape[1] - 1)
        bottom, right = max(bottom, top + 1), max(right, left + 1)
        drawn[top:bottom, left:right] = self._resized(common, bottom - top, right - left)
        return drawn

    def _resized(self, box: BBox, height: int, width: int) -> Picture:
        from PIL import Image

        try:
            part = self._image
            if box != BBox(0, 0, *self.size):
                part = part.crop((box.minc, box.minr, box.maxc, box.maxr))
            colored = as_rgb(part, value_range(self._image))
            if colored.size != (width, height):
                colored = colored.resize(
                    (width, height), Image.Resampling.LANCZOS, reducing_gap=3.0
                )
            return np.asarray(colored)
        except TimeLimitError:
            raise
        except Exception as error:
            raise unreadable(self.path, error) from error


def photo_for(
    frame: Frame,
    extent: tuple[int, int],
    image: str | None,
    within: PicturePlaces | None = None,
) -> Photo | None:
    """The picture of a file: the one that is named, or else the one its metadata name.

    Parameters
    ----------
    frame : Frame
        What the metadata say.
    extent : (int, int)
        Rows and columns that the masks need.
    image : str or None
    within : PicturePlaces, optional
        As of `Photo`.

    Raises
    ------
    SourceNotFoundError, SourceError
        As `Photo`.
    QueryError
        If its size is not the one the metadata tell, or masks reach outside it.
    """
    path = frame.image if image is None else image
    if path is None:
        return None

    def check(size: tuple[int, int]) -> None:
        told = f"{path}: has {size[0]} x {size[1]} pixels (rows x columns), but"
        if frame.size is not None and frame.size != size:
            raise QueryError(
                f"{told} the metadata of {frame.location} state {frame.size[0]} x {frame.size[1]}; "
                "name the right image, or draw without one"
            )
        if extent[0] > size[0] or extent[1] > size[1]:
            raise QueryError(
                f"{told} masks of {frame.location} reach to row {extent[0]}, column {extent[1]}; "
                "name the right image, or draw without one"
            )

    return Photo(path, within, check)
