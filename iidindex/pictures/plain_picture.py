"""The picture of one file alone, a part of it at the size that is needed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.roots import root_directories
from iidindex.errors import QueryError, SourceError
from iidindex.masks.cells import Grid
from iidindex.model import BBox
from iidindex.pictures.drawing import Drawing
from iidindex.pictures.images import photo_for
from iidindex.query.heat.coverage import check_size
from iidindex.query.holdings.named_file import NamedFile
from iidindex.query.pixels.frames import Frame, frames_of
from iidindex.query.pixels.picture_places import PicturePlaces


def places_of_pictures(catalog: Catalog, others: Sequence[str] = ()) -> PicturePlaces:
    """Where pictures may lie: in the roots, and in other directories."""
    with catalog.reading() as connection:
        roots = [root.location for root in root_directories(connection)]
    return PicturePlaces([*roots, *others])


def picture_file(catalog: Catalog, file: NamedFile, places: PicturePlaces) -> str | None:
    """The path of the picture, if the metadata name one that is there and may be opened."""
    return places.within(_frame(catalog, file)).image


def plain_picture(
    catalog: Catalog, file: NamedFile, places: PicturePlaces, crop: BBox | None, size: int
) -> Drawing | None:
    """The picture that the metadata of a file name.

    Parameters
    ----------
    catalog : Catalog
    file : NamedFile
    places : PicturePlaces
        Where it has to lie.
    crop : BBox, optional
        A part of it.
    size : int
        The largest number of pixels along the longer side; a larger part is reduced.

    Returns
    -------
    Drawing or None
        None, if there is no picture.

    Raises
    ------
    QueryError
        If `crop` has no pixel in it.
    SourceNotFoundError, SourceError
        If it cannot be read, or does not have the size that the metadata state.
    """
    check_size(size)
    frame = places.within(_frame(catalog, file))
    if frame.image is None:
        return None
    try:
        photo = photo_for(frame, (0, 0), None, places)
    except QueryError as error:
        raise SourceError(str(error)) from None
    assert photo is not None
    whole = BBox(0, 0, *photo.size)
    window = whole if crop is None else whole & crop
    if not window.n_pixels:
        raise QueryError(
            f"box {tuple(crop or ())} has no pixel in the picture of {file.path}, which is "
            f"{whole.height} x {whole.width}"
        )
    return Drawing(photo.part(Grid.over(window, size)), 0, 0, (photo.path,))


def _frame(catalog: Catalog, file: NamedFile) -> Frame:
    with catalog.reading() as connection:
        return frames_of(connection, np.array([file.file_id]))[file.file_id]
