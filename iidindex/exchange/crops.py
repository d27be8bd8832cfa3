"""Crops of the picture that masks belong to."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from iidindex.masks.regions import Bytes
from iidindex.model import BBox
from iidindex.query.pixels.image_files import as_rgb, open_image, unreadable, value_range

if TYPE_CHECKING:
    from PIL import Image


class Crops:
    """An image file, decoded when a crop of it is asked for.

    Parameters
    ----------
    path : str
    """

    def __init__(self, path: str) -> None:
        self._path = path

    @cached_property
    def _opened(self) -> tuple[Image.Image, tuple[float, float] | None]:
        image = open_image(self._path)
        return image, value_range(image)

    def __call__(self, box: BBox) -> Bytes:
        """The pixels in a box: uint8, shape (height, width, 3); black outside of the picture.

        Raises
        ------
        SourceError
            If it is no image that can be read.
        """
        image, span = self._opened
        try:
            part = image.crop((box.minc, box.minr, box.maxc, box.maxr))
            return np.asarray(as_rgb(part, span))
        except Exception as error:
            raise unreadable(self._path, error) from error
