"""One indexed file as a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from iidindex.catalog.catalogue import Catalog
from iidindex.errors import QueryError
from iidindex.masks.cells import Grid
from iidindex.model import BBox
from iidindex.pictures.disagreement import Compared, disagreement, legend_of
from iidindex.pictures.drawing import Drawing
from iidindex.pictures.fonts import typeface
from iidindex.pictures.images import Photo, photo_for
from iidindex.pictures.scene import Style, draw
from iidindex.query.answers.entry import Entry
from iidindex.query.entries import Entries
from iidindex.query.heat.coverage import check_size
from iidindex.query.pixels.frames import Frame, largest
from iidindex.query.pixels.originals import OnStale, Originals
from iidindex.query.single_entry import hits_in_file
from iidindex.render.canvas import Marks, Picture
from iidindex.render.colors import Colors, colors_of
from iidindex.render.legend import with_legend
from iidindex.render.text import Label, Typeface, write_labels

# Of a label, in letters' heights.
_LABEL_WIDTH = 11
_LETTERS = (11, 26)


def render(
    catalog: Catalog,
    originals: Originals,
    entries: Entries,
    path: str,
    *,
    image: str | bool = True,
    size: int = 2048,
    zoom: int = 1,
    crop: BBox | None = None,
    style: Style,
    labels: bool = True,
    font: str | None = None,
    compared: Compared | None = None,
    on_stale: OnStale = "error",
) -> Drawing:
    """Draw the entries of one file; see `Index.render`."""
    check_size(size)
    check_size(zoom, "zoom", 64)
    if compared is not None:
        entries = entries.where(domain=compared[:2])
    span, frame, hits = hits_in_file(catalog, entries, path)
    photo = None if image is False else _photo(frame, hits, image)
    window = _window(frame, hits, photo, crop)
    zoom = max(1, min(zoom, size // max(window.height, window.width)))
    grid = Grid.over(window, size)
    found = None
    if compared is not None:
        found = disagreement(
            catalog, originals, entries.filters, span.file_id, hits, compared, on_stale
        )
    picture, marks = draw(
        originals,
        hits,
        grid,
        photo,
        style,
        look=None if found is None else found.look,
        zoom=zoom,
        closed=crop is None,
        on_stale=on_stale,
    )
    left_out = 0
    if labels and found is None:
        colors = colors_of(hit.iid for hit in hits)
        picture, left_out = _labelled(picture, marks, hits, colors, font)
    elif labels and found is not None:
        # Who agrees needs no name, and would have two.
        alone = Marks(*(column[found.alone[marks.owner]] for column in marks))
        picture, left_out = _labelled(picture, alone, hits, found.look.colors, font)
    if found is not None and compared is not None:
        face = typeface(letter_size(picture), font)
        picture = with_legend(picture, legend_of(compared, found.counts, face), face)
    images = () if photo is None else (photo.path,)
    # What the metadata name was looked for only if no other image was named, nor none.
    missing = () if image is not True or frame.missing_image is None else (frame.missing_image,)
    return Drawing(picture, len(marks.owner), left_out, images, missing)


def _photo(frame: Frame, hits: Sequence[Entry], image: str | bool) -> Photo | None:
    return photo_for(frame, _extent(hits), None if isinstance(image, bool) else image)


def _extent(hits: Sequence[Entry]) -> tuple[int, int]:
    boxes = [entry.bbox for entry in hits]
    return max((box.maxr for box in boxes), default=0), max((box.maxc for box in boxes), default=0)


def _window(frame: Frame, hits: Sequence[Entry], photo: Photo | None, crop: BBox | None) -> BBox:
    """What is drawn: the image, or the frame that the metadata tell, or what holds all boxes."""
    if photo is not None:
        whole = BBox(0, 0, *photo.size)
    else:
        sizes = [] if frame.size is None else [frame.size]
        whole = BBox(0, 0, *largest([*sizes, (1, 1)], _extent(hits)))
    window = whole if crop is None else whole & crop
    if not window.n_pixels:
        raise QueryError(
            f"crop {tuple(crop or ())} has no pixel in the frame of {frame.location}, which is "
            f"{whole.height} x {whole.width}"
        )
    return window


def _labelled(
    picture: Picture, marks: Marks, hits: Sequence[Entry], colors: Colors, font: str | None
) -> tuple[Picture, int]:
    face = typeface(letter_size(picture), font)
    chosen = [hits[owner] for owner in marks.owner.tolist()]
    named = colors[marks.owner].tolist()
    area = np.array([entry.area for entry in chosen], np.int64)
    words = []
    for nth in np.lexsort((marks.owner, -area)).tolist():
        (row, col), box = marks.anchor[nth].tolist(), tuple(marks.bbox[nth].tolist())
        text = label_of(chosen[nth].iid.address, face)
        if text:
            words.append(Label(text, (row, col), box, tuple(named[nth])))
    picture, written = write_labels(picture, words, face)
    return picture, len(words) - written


def letter_size(picture: Picture) -> int:
    """The height of letters that suits a picture, in pixels."""
    longest: int = max(picture.shape)
    return int(np.clip(round(longest / 72), *_LETTERS))


def label_of(address: bytes, face: Typeface) -> str:
    """What is written for an address."""
    return face.within(face.readable(address), _LABEL_WIDTH * face.height)
