"""What of one file is drawn, and how: before there is a pixel, or a line, of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from iidindex.errors import QueryError
from iidindex.model import BBox
from iidindex.pictures.coloring import DOMAIN, Coloring, Paint
from iidindex.pictures.domains import Domains
from iidindex.pictures.images import Photo, photo_for
from iidindex.query.answers.entry import Entry
from iidindex.query.pixels.frames import Frame, largest
from iidindex.query.question.asked import Filters

# A part that is smaller than this is enlarged, if it was chosen by what is in it.
_LEAST_SIDE = 480


class Found(NamedTuple):
    """A file, what its metadata say of its picture, and the hits in it."""

    file_id: int
    frame: Frame
    hits: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class Window:
    """The part of the frame that is drawn.

    Attributes
    ----------
    size : int
        Pixels along the longer side of the picture at the most.
    zoom : int, optional
        Pixels of the picture along each side of one of the frame; without it 1, or what shows a
        small part well, if that was chosen by what is in it.
    crop : BBox, optional
    fit : bool
        Whether it is what holds the boxes of all that is drawn.
    """

    size: int
    zoom: int | None = None
    crop: BBox | None = None
    fit: bool = False

    def box(self, frame: Frame, hits: Sequence[Entry], photo: Photo | None) -> BBox:
        """The image, or the frame that the metadata tell, or what holds all boxes; or a part.

        Raises
        ------
        QueryError
            If there is no pixel in it.
        """
        if photo is not None:
            whole = BBox(0, 0, *photo.size)
        else:
            sizes = [] if frame.size is None else [frame.size]
            whole = BBox(0, 0, *largest([*sizes, (1, 1)], extent_of(hits)))
        part = self.crop
        if self.fit:
            boxes = np.array([entry.bbox for entry in hits if entry.bbox.n_pixels], np.int64)
            if len(boxes):
                part = BBox(*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist())
        window = whole if part is None else whole & part
        if not window.n_pixels:
            raise QueryError(
                f"crop {tuple(part or ())} has no pixel in the frame of {frame.location}, which is "
                f"{whole.height} x {whole.width}"
            )
        return window

    def zoom_of(self, box: BBox) -> int:
        """Pixels of the picture along each side of one of the frame, as far as the size allows."""
        longest = max(box.height, box.width)
        wanted = self.zoom
        if wanted is None:
            wanted = _LEAST_SIDE // longest if self.fit else 1
        return max(1, min(wanted, self.size // longest))


@dataclass(frozen=True, slots=True)
class Colored:
    """By what entries are coloured, on one picture or on many.

    Attributes
    ----------
    paint : Paint
    coloring : Coloring
    domains : Domains
    """

    paint: Paint
    coloring: Coloring
    domains: Domains

    @classmethod
    def by(cls, paint: Paint, entries: Iterable[Entry], filters: Filters | None = None) -> Colored:
        """Find the colours of all entries that will be drawn."""
        names: set[bytes] = set()

        def noted() -> Iterator[Entry]:
            for entry in entries:
                names.add(entry.iid.domain or b"")
                yield entry

        rest = noted()
        coloring = Coloring(paint, rest, filters)
        # It need not have looked at them.
        deque(rest, maxlen=0)
        return cls(paint, coloring, Domains(names, filters))

    @property
    def is_by_domain(self) -> bool:
        """Whether a colour tells the domain."""
        return self.paint.by == DOMAIN


def photo_of(frame: Frame, hits: Sequence[Entry], image: str | bool) -> Photo | None:
    """The picture that entries are drawn over, if they are drawn over one."""
    if image is False:
        return None
    return photo_for(frame, extent_of(hits), None if isinstance(image, bool) else image)


def extent_of(hits: Sequence[Entry]) -> tuple[int, int]:
    """Rows and columns that boxes reach to."""
    boxes = [entry.bbox for entry in hits]
    return max((box.maxr for box in boxes), default=0), max((box.maxc for box in boxes), default=0)
