"""The image files that masks belong to: opened, decoded, and brought to colours."""

from __future__ import annotations

import io
import os
import stat
import warnings
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from iidindex.errors import QueryError, SourceError, TimeLimitError
from iidindex.query.pixels.picture_places import MOST_DECODED, RASTER_FORMATS, PicturePlaces
from iidindex.storage.local import cannot_be_opened
from iidindex.system import positioned
from iidindex.time_limit import check_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from PIL import Image

# Pixels that are worked on at a time: as numbers, they take many times what they do in a file.
_TOGETHER = 1 << 18


# What a pixel takes in Pillow's memory; in modes that are not named, 4.
_PIXEL_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "LA": 4, "F": 4}


class _Timed(io.BufferedReader):
    """A file that is read within the time limit: decoders read large pictures piece by piece."""

    def read(self, size: int | None = -1, /) -> bytes:
        check_time()
        return super().read(size)


def value_range(image: Image.Image) -> tuple[float, float] | None:
    """Least and largest value of an image of more than 8 bits a pixel; None for others."""
    if not image.mode.startswith(("I", "F")):
        return None
    low, high = np.inf, -np.inf
    for _, band in _bands(image):
        values = np.asarray(band)
        finite = values[np.isfinite(values)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    return (low, high) if low <= high else (0.0, 1.0)


def _bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """An image from top to bottom, some rows at a time, and where each band begins."""
    height = max(1, _TOGETHER // max(1, image.width))
    for top in range(0, image.height, height):
        check_time()
        yield top, image.crop((0, top, image.width, min(top + height, image.height)))


def open_image(
    path: str,
    within: PicturePlaces | None = None,
    check: Callable[[tuple[int, int]], object] | None = None,
) -> Image.Image:
    """Open and decode an image file.

    Parameters
    ----------
    path : str
    within : PicturePlaces, optional
        Where it has to lie; then it is one of ``RASTER_FORMATS`` alone, and no larger than
        ``MOST_DECODED``.
    check : callable, optional
        Called with rows and columns before anything is decoded; may raise a `QueryError`.

    Raises
    ------
    SourceNotFoundError
        If there is nothing at `path`.
    SourceError
        If it is no image, or too large to be one that was meant.
    """
    from PIL import Image

    check_time()
    try:
        with warnings.catch_warnings(), _opened(path) as file:
            # Pictures of a hundred million pixels are no rarity here; above twice the number
            # that Pillow warns of, it refuses them.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            if within is not None and not within.allow_opened(file.fileno(), path):
                raise SourceError(f"{path}: lies outside of where pictures may be read")
            image = Image.open(file, formats=None if within is None else RASTER_FORMATS)
            if image.format == "EPS":  # Pillow would have Ghostscript run it
                raise ValueError("PostScript is a program")
            n_bytes = image.width * image.height * _PIXEL_BYTES.get(image.mode, 4)
            if within is not None and n_bytes > MOST_DECODED:
                raise ValueError(f"decoded, it takes {n_bytes} bytes, more than {MOST_DECODED}")
            if check is not None:
                check((image.height, image.width))
            image.load()
            return image
    except (QueryError, SourceError, TimeLimitError):
        raise
    # A decoder that is given nonsense may raise anything.
    except Exception as error:
        raise unreadable(path, error) from error


def _opened(path: str) -> BinaryIO:
    """Open a regular file, without waiting for the writer of a named pipe."""
    try:
        fd, status = positioned.open_to_read(path)
    except (OSError, ValueError) as error:
        raise cannot_be_opened(path, error) from None
    if not stat.S_ISREG(status.st_mode):
        if fd >= 0:
            os.close(fd)
        raise SourceError(f"{path}: is not a regular file")
    return _Timed(io.FileIO(fd, "rb"))


def unreadable(path: str, error: Exception) -> SourceError:
    """What a decoder raised, as the error that a file is no image."""
    from PIL import UnidentifiedImageError

    reason = "no known format" if isinstance(error, UnidentifiedImageError) else str(error)
    return SourceError(f"{path}: is not an image that can be read: {reason}")


def as_rgb(part: Image.Image, span: tuple[float, float] | None) -> Image.Image:
    """A part of an image in colours; values of `span` become those of black to white."""
    from PIL import Image

    if span is None:
        return part if part.mode == "RGB" else part.convert("RGB")
    low, high = span
    colored = Image.new("RGB", part.size)
    for top, band in _bands(part):
        values = np.nan_to_num(np.asarray(band).astype(np.float64), nan=low)
        grey = (np.clip(values, low, high) - low) * (255 / max(high - low, 1e-300))
        colored.paste(Image.fromarray(np.rint(grey).astype(np.uint8)).convert("RGB"), (0, top))
    return colored
