"""A file's entries as they are drawn, with their names and a legend: as pixels, or as lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from iidindex.catalog.catalogue import Catalog
from iidindex.masks.cells import Grid
from iidindex.model import BBox
from iidindex.pictures.disagreement import Disagreement, disagreement, legend_of
from iidindex.pictures.fonts import typeface
from iidindex.pictures.images import Photo
from iidindex.pictures.manner import Manner
from iidindex.pictures.naming import Names
from iidindex.pictures.scene import Seen, draw
from iidindex.pictures.view import Colored, Found, photo_of
from iidindex.query.answers.entry import Entry
from iidindex.query.entries import Entries
from iidindex.query.pixels.originals import OnStale, Originals
from iidindex.render.canvas import Look, Marks, Picture
from iidindex.render.legend import Key, Ramp
from iidindex.render.name_labels import Label
from iidindex.render.text import Typeface

_LETTERS = (11, 26)


class Composition(NamedTuple):
    """What a picture of a file is made of.

    Attributes
    ----------
    hits : sequence of Entry
    box : BBox
        The part of the frame.
    zoom : int
    photo : Photo or None
    look : Look
        Of each hit.
    seen : Seen
    labels : list of Label
        The most important first.
    keys : list of Key
    ramp : Ramp or None
    face : Typeface
    images, missing : tuple of str
        As in `Drawing`.
    """

    hits: Sequence[Entry]
    box: BBox
    zoom: int
    photo: Photo | None
    look: Look
    seen: Seen
    labels: list[Label]
    keys: list[Key]
    ramp: Ramp | None
    face: Typeface
    images: tuple[str, ...]
    missing: tuple[str, ...]


def compose(
    catalog: Catalog,
    originals: Originals,
    entries: Entries,
    file: Found,
    manner: Manner,
    colored: Colored,
    on_stale: OnStale,
    *,
    any_character: bool = False,
) -> Composition:
    """Draw what was found in a file, in colours that may be those of many.

    With `any_character`, names are written by somebody else's fonts.
    """
    file_id, frame, hits = file
    photo = photo_of(frame, hits, manner.image)
    box = manner.window.box(frame, hits, photo)
    zoom = manner.window.zoom_of(box)
    found: Disagreement | None = None
    if manner.compared is not None:
        found = disagreement(
            catalog, originals, entries.filters, file_id, hits, manner.compared, on_stale
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
        zoom=zoom,
        closed=manner.window.crop is None,
        on_stale=on_stale,
    )
    face = typeface(letter_size(seen.picture), manner.font)
    names = Names(
        hits,
        colored.domains,
        face,
        # The legend of what is compared has no room for what is left out.
        shortened=manner.legend and manner.labels and found is None,
        parted=manner.style.outlines or colored.is_by_domain,
        any_character=any_character,
    )
    labels = []
    if manner.labels:
        # Who agrees needs no name, and would have two.
        marks = seen.marks if found is None else _alone(seen.marks, found)
        areas = np.array([entry.area for entry in hits], np.int64)
        labels = names.labels(marks, areas, look.colors)
    keys: list[Key] = []
    ramp = None
    if found is not None and manner.compared is not None:
        keys = [*legend_of(manner.compared, found.counts, face)]
    elif manner.legend:
        keys, ramp = _legend(hits, seen.marks, colored, names, look, face, manner.style.outlines)
    images = () if photo is None else (photo.path,)
    # What the metadata name was looked for only if no other image was named, nor none.
    is_missing = manner.image is True and frame.missing_image is not None
    missing = (str(frame.missing_image),) if is_missing else ()
    return Composition(
        hits, box, zoom, photo, look, seen, labels, keys, ramp, face, images, missing
    )


def _alone(marks: Marks, found: Disagreement) -> Marks:
    """Where entries without a match are seen."""
    return Marks(*(column[found.alone[marks.owner]] for column in marks))


def _legend(
    hits: Sequence[Entry],
    marks: Marks,
    colored: Colored,
    names: Names,
    look: Look,
    face: Typeface,
    outlines: bool,
) -> tuple[list[Key], Ramp | None]:
    """What tells what colours and marks mean, and what names leave out."""
    domains, coloring = colored.domains, colored.coloring
    owners = np.unique(marks.owner)
    shown = [hits[owner] for owner in owners.tolist()]
    if not shown:
        return [], None
    by_domain = colored.is_by_domain
    if domains.several and (by_domain or outlines):
        colors = look.colors[owners] if by_domain else None
        keys = [] if by_domain else coloring.keys(shown, face)
        keys += domains.keys(shown, face, names.left_out, colors, outlines)
        return keys, coloring.ramp
    beginnings = [
        Key(None, f"all names begin with “{one}”") for one in names.left_out.values() if one
    ]
    return [*coloring.keys(shown, face), *beginnings], coloring.ramp


def letter_size(picture: Picture) -> int:
    """The height of letters that suits a picture, in pixels."""
    longest: int = max(picture.shape)
    return int(np.clip(round(longest / 72), *_LETTERS))
