"""Where picture files may be read from, if strangers write the metadata that name them."""

from __future__ import annotations

import os
from collections.abc import Iterable

from iidindex.query.pixels.frames import Frame
from iidindex.system.descriptor_path import path_of

# Of the formats that Pillow reads, those of pictures that are pixels and nothing else, and how
# their files end.
RASTER_FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
_SUFFIXES = (
    *(".bmp", ".gif", ".jpg", ".jpeg", ".jpe", ".jfif", ".jp2", ".j2k", ".jpx"),
    *(".png", ".ppm", ".pgm", ".pbm", ".pnm", ".tif", ".tiff", ".webp"),
)


# Bytes of a decoded picture: 128 million pixels in colours, which Pillow keeps as four bytes each.
MOST_DECODED = 1 << 29


class PicturePlaces:
    """Directories in which picture files may be opened.

    Parameters
    ----------
    places : iterable of str
        Links in them are followed, as in the paths that are compared with them.
    """

    def __init__(self, places: Iterable[str]) -> None:
        self._tops = [os.path.join(os.path.realpath(place), "") for place in places]

    def allow(self, path: str) -> bool:
        """Whether a file may be opened: where it really lies, and by its ending."""
        try:
            real = os.path.realpath(path)
        except (OSError, ValueError):
            return False
        return self._hold(real)

    def allow_opened(self, fd: int, path: str) -> bool:
        """Whether a file that was opened may be read: where it lies, whatever its name means now.

        Parameters
        ----------
        fd : int
        path : str
            By which it was opened.
        """
        real = path_of(fd, path)
        return real is not None and self._hold(real)

    def _hold(self, real: str) -> bool:
        if not real.lower().endswith(_SUFFIXES):
            return False
        return any(real.startswith(top) for top in self._tops)

    def within(self, frame: Frame) -> Frame:
        """What metadata say of a picture, without an image that may not be opened."""
        is_allowed = frame.image is not None and self.allow(frame.image)
        return frame if is_allowed else frame._replace(image=None, missing_image=None)
