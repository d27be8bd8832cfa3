"""One indexed file as a picture."""

from __future__ import annotations

from iidindex.catalog.catalogue import Catalog
from iidindex.pictures.composition import Composition, compose
from iidindex.pictures.drawing import Drawing, VectorDrawing
from iidindex.pictures.manner import Manner
from iidindex.pictures.vector import svg_of
from iidindex.pictures.view import Colored, Found
from iidindex.query.entries import Entries
from iidindex.query.pixels.originals import OnStale, Originals
from iidindex.query.single_entry import hits_in_file
from iidindex.render.legend import with_legend
from iidindex.render.name_labels import write_labels


class Source:
    """Where what is drawn comes from.

    Parameters
    ----------
    catalog : Catalog
    originals : Originals
    entries : Entries
        The question.
    manner : Manner
    on_stale : {"error", "skip", "warn"}
    """

    def __init__(
        self,
        catalog: Catalog,
        originals: Originals,
        entries: Entries,
        manner: Manner,
        on_stale: OnStale = "error",
    ) -> None:
        self.catalog = catalog
        self.originals = originals
        if manner.compared is not None:
            entries = entries.where(domain=manner.compared[:2])
        self.entries = entries
        self.manner = manner
        self.on_stale = on_stale

    def file(self, path: str) -> tuple[Found, Colored]:
        """One file, in colours of its own."""
        span, frame, hits = hits_in_file(self.catalog, self.entries, path)
        colored = Colored.by(self.manner.paint, hits, self.entries.filters)
        return Found(span.file_id, frame, hits), colored

    def composed(
        self, file: Found, colored: Colored, *, any_character: bool = False
    ) -> Composition:
        """What a picture of a file is made of."""
        return compose(
            self.catalog,
            self.originals,
            self.entries,
            file,
            self.manner,
            colored,
            self.on_stale,
            any_character=any_character,
        )


def render(source: Source, file: Found, colored: Colored) -> Drawing:
    """Draw the entries of a file; see `Index.render`."""
    made = source.composed(file, colored)
    picture, written = write_labels(made.seen.picture, made.labels, made.face, made.seen.covered)
    picture = with_legend(picture, made.keys, made.face, made.ramp)
    n_drawn, left_out = len(made.seen.marks.owner), len(made.labels) - written
    return Drawing(picture, n_drawn, left_out, made.images, made.missing)


def render_svg(source: Source, file: Found, colored: Colored) -> VectorDrawing:
    """Draw the outlines of the entries of a file; see `Index.render_svg`."""
    made = source.composed(file, colored, any_character=True)
    svg, written = svg_of(source.originals, made, source.manner.style, source.on_stale)
    n_drawn, left_out = len(made.seen.marks.owner), len(made.labels) - written
    return VectorDrawing(svg, n_drawn, left_out, made.images, made.missing)
