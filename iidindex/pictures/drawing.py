"""What comes out of drawing."""

from __future__ import annotations

from typing import NamedTuple

from iidindex.render.canvas import Picture


class Drawing(NamedTuple):
    """A picture, and what it does not say of itself.

    Attributes
    ----------
    picture : ndarray of uint8, shape (h, w, 3)
        RGB.
    drawn : int
        How many entries are on it.
    left_out : int
        Of `Index.render`, labels that found no room; of `Index.sheet`, appearances that are
        more than the limit, with gaps also these; of `Index.draw_graph`, nodes that are more than
        the limit.
    images : tuple of str
        Image files that it was drawn over.
    missing : tuple of str
        Image files that the metadata name and that are not there, so that it was drawn on a
        plain background.
    gaps : int
        Of `Index.sheet`, tiles of files that lack the individual.
    """

    picture: Picture
    drawn: int
    left_out: int = 0
    images: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    gaps: int = 0
