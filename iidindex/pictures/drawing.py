"""What comes out of drawing."""

from __future__ import annotations

from typing import NamedTuple

from iidindex.render.canvas import Picture


class Drawing(NamedTuple):
    """A picture, and facts that the picture itself does not show.

    Attributes
    ----------
    picture : ndarray of uint8, shape (h, w, 3)
        RGB.
    drawn : int
        How many entries are on it.
    left_out : int
        Of `Index.render`, labels that are not written; of `Index.sheet`, appearances that are
        more than the limit, with gaps also these.
    images : tuple of str
        Image files that it was drawn over.
    missing : tuple of str
        Image files that the metadata name but that are not there. Their masks were drawn on a
        plain background.
    gaps : int
        For `Index.sheet`, the number of tiles of files that lack the individual.
    sizes : tuple of (int, int)
        Of `Index.draw_heat`, the heights and widths that the metadata of files state, if they
        differ.
    """

    picture: Picture
    drawn: int
    left_out: int = 0
    images: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    gaps: int = 0
    sizes: tuple[tuple[int, int], ...] = ()


class VectorDrawing(NamedTuple):
    """A picture of lines, and what it does not say of itself.

    Attributes
    ----------
    svg : str
        A document, to be written as UTF-8.
    drawn, left_out, images, missing
        As in `Drawing`.
    """

    svg: str
    drawn: int
    left_out: int = 0
    images: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
