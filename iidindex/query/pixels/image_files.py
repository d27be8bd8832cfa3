"""The image files that masks belong to: opened, decoded, and brought to colours."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

import numpy as np

from iidindex.errors import SourceError, SourceNotFoundError
from iidindex.time_limit import check_time

if TYPE_CHECKING:
    from PIL import Image


def value_range(image: Image.Image) -> tuple[float, float] | None:
    """Least and largest value of an image of more than 8 bits a pixel; None for others."""
    if not image.mode.startswith(("I", "F")):
        return None
    values = np.asarray(image)
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)


def open_image(path: str, formats: tuple[str, ...] | None = None) -> Image.Image:
    """Open and decode an image file, of one of some formats of Pillow if they are named.

    Raises
    ------
    SourceNotFoundError
        If there is nothing at `path`.
    SourceError
        If it is no image, or too large to be one that was meant.
    """
    from PIL import Image

    check_time()
    if not os.path.exists(path):
        raise SourceNotFoundError(f"{path}: there is no such file")
    if not os.path.isfile(path):
        raise SourceError(f"{path}: is not a regular file")
    try:
        with warnings.catch_warnings():
            # Pictures of a hundred million pixels are no rarity here; above twice the number
            # that Pillow warns of, it refuses them.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with open(path, "rb") as file:
                image = Image.open(file, formats=formats)
                if image.format == "EPS":  # Pillow would have Ghostscript run it
                    raise ValueError("PostScript is a program")
                image.load()
                return image
    # A decoder that is given nonsense may raise anything.
    except Exception as error:
        raise unreadable(path, error) from error


def unreadable(path: str, error: Exception) -> SourceError:
    """What a decoder raised, as the error that a file is no image."""
    from PIL import UnidentifiedImageError

    reason = "no known format" if isinstance(error, UnidentifiedImageError) else str(error)
    return SourceError(f"{path}: is not an image that can be read: {reason}")


def as_rgb(part: Image.Image, span: tuple[float, float] | None) -> Image.Image:
    """A part of an image in colours; values of `span` become those of black to white."""
    from PIL import Image

    if span is None:
        return part.convert("RGB")
    low, high = span
    values = np.nan_to_num(np.asarray(part).astype(np.float64), nan=low)
    grey = (np.clip(values, low, high) - low) * (255 / max(high - low, 1e-300))
    return Image.fromarray(np.rint(grey).astype(np.uint8)).convert("RGB")
