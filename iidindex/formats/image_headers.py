"""What the file of a picture says of it before its pixels: its size, and how it is turned."""

from __future__ import annotations

import warnings
from typing import NamedTuple

from iidindex.formats.reading import SourceFiles

# EXIF's tag of orientation, whose values 5 to 8 exchange rows and columns (CIPA DC-008, 4.6.5).
_ORIENTATION = 0x0112
_EXCHANGED = 5


class StoredPicture(NamedTuple):
    """How a picture is stored: its size in pixels, and by which value of EXIF it is shown."""

    width: int
    height: int
    orientation: int

    @property
    def is_exchanged(self) -> bool:
        """Whether rows are shown as columns."""
        return self.orientation >= _EXCHANGED

    @property
    def shown_size(self) -> tuple[int, int]:
        """Width and height of the picture as it is shown."""
        return (self.height, self.width) if self.is_exchanged else (self.width, self.height)


def stored_picture(images: SourceFiles, name: str) -> StoredPicture | None:
    """Read the header of a picture's file; None if it is not there or is no picture."""
    from PIL import Image

    try:
        # Pillow warns of headers that are cut short; what it makes of them is all that is asked.
        with (
            warnings.catch_warnings(action="ignore"),
            images.open(name) as file,
            Image.open(file) as image,
        ):
            found = image.getexif().get(_ORIENTATION, 1)
            orientation = found if isinstance(found, int) and 1 <= found <= 8 else 1
            return StoredPicture(*image.size, orientation)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
