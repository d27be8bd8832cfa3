"""One indexed file as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from iidindex.catalog.catalogue import Catalog
from iidindex.errors import QueryError
from iidindex.masks.cells import Grid
from iidindex.model import BBox, BBoxLike
from iidindex.pictures.coloring import INDIVIDUAL, Paint, paint_of
from iidindex.pictures.disagreement import (
    Compared,
    Disagreement,
    compared_as,
    disagreement,
    legend_of,
)
from iidindex.pictures.drawing import Drawing
from iidindex.pictures.fonts import typeface
from iidindex.pictures.naming import Names
from iidindex.pictures.scene import Style, draw
from iidindex.pictures.view import Colored, Window, photo_of
from iidindex.query.answers.entry import Entry
from iidindex.query.entries import Entries
from iidindex.query.heat.coverage import check_size
from iidindex.query.pixels.originals import OnStale, Originals
from iidindex.query.single_entry import FileHits, hits_in_file
from iidindex.render.canvas import Look, Marks, Picture
from iidindex.render.legend import Key, Ramp, with_legend
from iidindex.render.name_labels import write_labels
from iidindex.render.text import Typeface

_LETTERS = (11, 26)


@dataclass(frozen=True, slots=True)
class Manner:
    """How a file is drawn; see `Index.render`."""

    window: Window
    style: Style
    paint: Paint
    image: str | bool = True
    labels: bool = True
    legend: bool = True
    font: str | None = None
    compared: Compared | None = None

    @classmethod
    def of(
        cls,
        *,
        image: str | bool = True,
        size: int = 2048,
        zoom: int | None = None,
        crop: BBoxLike | None = None,
        fit: bool = False,
        alpha: float | None = None,
        outlines: bool = True,
        labels: bool = True,
        legend: bool = True,
        colour_by: str = INDIVIDUAL,
        palette: str | None = None,
        font: str | None = None,
        compare: tuple[bytes | str, bytes | str] | None = None,
        iou: float = 0.5,
    ) -> Manner:
        """Arguments as they were given, checked.

        Raises
        ------
        QueryError
            If one has not its form, or two exclude each other.
        """
        size = check_size(size)
        zoom = None if zoom is None else check_size(zoom, "zoom", 64)
        if fit and crop is not None:
            raise QueryError("fit chooses a part, and crop names one; give one of them")
        box = None if crop is None else BBox.of(crop, "crop")
        paint = paint_of(colour_by, palette)
        if compare is not None and paint != Paint():
            raise QueryError("what is compared has colours of its own; leave colour_by out")
        compared = None if compare is None else compared_as(compare, iou, outlines)
        window, style = Window(size, zoom, box, fit), Style(alpha, outlines)
        return cls(window, style, paint, image, labels, legend, font, compared)


def render(
    catalog: Catalog,
    originals: Originals,
    entries: Entries,
    path: str,
    manner: Manner,
    on_stale: OnStale = "error",
) -> Drawing:
    """Draw the entries of one file; see `Index.render`."""
    if manner.compared is not None:
        entries = entries.where(domain=manner.compared[:2])
    file = hits_in_file(catalog, entries, path)
    colored = Colored.by(manner.paint, file.hits, entries.filters)
    return render_hits(catalog, originals, entries, file, manner, colored, on_stale)


def render_hits(
    catalog: Catalog,
    originals: Originals,
    entries: Entries,
    file: FileHits,
    manner: Manner,
    colored: Colored,
    on_stale: OnStale,
) -> Drawing:
    """Draw what was found in a file, in colours that may be those of many."""
    span, frame, hits = file
    photo = photo_of(frame, hits, manner.image)
    box = manner.window.box(frame, hits, photo)
    found: Disagreement | None = None
    if manner.compared is not None:
        found = disagreement(
            catalog, originals, entries.filters, span.file_id, hits, manner.compared, on_stale
        )
        look = found.look
    else:
        look = colored.domains.look(hits, colored.coloring.colors(hits), manner.style.outlines)
    seen = draw(
        originals,
        hits,
        Grid.over(box, manner.window.size),
        photo,
        manner.style,
        look=look,
        zoom=manner.window.zoom_of(box),
        closed=manner.window.crop is None,
        on_stale=on_stale,
    )
    face = typeface(letter_size(seen.picture), manner.font)
    # The legend of what is compared has no room for what is left out.
    shortened = manner.legend and manner.labels and found is None
    names = Names(hits, colored.domains, face, shortened=shortened)
    picture, left_out = seen.picture, 0
    if manner.labels:
        # Who agrees needs no name, and would have two.
        marks = seen.marks if found is None else _alone(seen.marks, found)
        areas = np.array([entry.area for entry in hits], np.int64)
        words = names.labels(marks, areas, look.colors)
        picture, written = write_labels(picture, words, face, seen.covered)
        left_out = len(words) - written
    picture = _explained(picture, manner, colored, hits, seen.marks, names, look, found)
    images = () if photo is None else (photo.path,)
    # What the metadata name was looked for only if no other image was named, nor none.
    is_missing = manner.image is True and frame.missing_image is not None
    missing = (str(frame.missing_image),) if is_missing else ()
    return Drawing(picture, len(seen.marks.owner), left_out, images, missing)


def _alone(marks: Marks, found: Disagreement) -> Marks:
    """Where entries without a match are seen."""
    return Marks(*(column[found.alone[marks.owner]] for column in marks))


def _explained(
    picture: Picture,
    manner: Manner,
    colored: Colored,
    hits: Sequence[Entry],
    marks: Marks,
    names: Names,
    look: Look,
    found: Disagreement | None,
) -> Picture:
    """The picture with a legend below it, if there is something to tell."""
    face = typeface(letter_size(picture), manner.font)
    if found is not None and manner.compared is not None:
        return with_legend(picture, legend_of(manner.compared, found.counts, face), face)
    if not manner.legend:
        return picture
    owners = np.unique(marks.owner)
    shown = [hits[owner] for owner in owners.tolist()]
    keys, ramp = keys_of(shown, colored, names, look.of(owners), face, manner.style)
    return with_legend(picture, keys, face, ramp)


def keys_of(
    shown: Sequence[Entry],
    colored: Colored,
    names: Names,
    look: Look,
    face: Typeface,
    style: Style,
) -> tuple[list[Key], Ramp | None]:
    """What tells what colours and marks mean, and what names leave out.

    Parameters
    ----------
    shown : sequence of Entry
        What is seen.
    colored : Colored
    names : Names
    look : Look
        Of what is seen.
    face : Typeface
    style : Style
    """
    domains, coloring = colored.domains, colored.coloring
    by_domain = colored.is_by_domain
    keys = [] if by_domain else coloring.keys(shown, face)
    if shown and domains.several and (by_domain or style.outlines):
        colors = look.colors if by_domain else None
        keys += domains.keys(shown, face, names.left_out, colors, style.outlines)
    else:
        if by_domain:
            keys += coloring.keys(shown, face)
        keys += [
            Key(None, f"all names begin with “{beginning}”")
            for beginning in dict.fromkeys(names.left_out.values())
            if beginning
        ]
    return keys, coloring.ramp if shown else None


def letter_size(picture: Picture) -> int:
    """The height of letters that suits a picture, in pixels."""
    longest: int = max(picture.shape)
    return int(np.clip(round(longest / 72), *_LETTERS))
