"""Pictures of what an index leads to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Unpack

from iidindex.index.opened import Opened
from iidindex.model import IID, BBoxLike
from iidindex.query.entries import Entries
from iidindex.query.pixels.originals import OnStale
from iidindex.storage.paths import as_path

if TYPE_CHECKING:
    from iidindex.exchange.label_planes import LabelPlanes, Numbering
    from iidindex.pictures.drawing import Drawing, VectorDrawing
    from iidindex.pictures.manner import HowDrawn
    from iidindex.pictures.many import RenderProgress, RenderReport
    from iidindex.query.pixels.picture_places import PicturePlaces


class Pictures(Opened):
    """Masks, drawn and numbered."""

    def render(
        self,
        path: str,
        entries: Entries | None = None,
        *,
        image: str | os.PathLike[str] | bool = True,
        size: int = 2048,
        zoom: int | None = None,
        crop: BBoxLike | None = None,
        fit: bool = False,
        alpha: float | None = None,
        outlines: bool = True,
        labels: bool = True,
        legend: bool = True,
        colour_by: str = "individual",
        palette: str | None = None,
        font: str | os.PathLike[str] | None = None,
        compare: tuple[bytes | str, bytes | str] | None = None,
        iou: float = 0.5,
        on_stale: OnStale | None = None,
    ) -> Drawing:
        """Draw the masks of one file, each in its IID's colour, over the file's picture.

        Where there are several domains, the masks of the first are tinted, those of the second
        have outlines, of the third dashed ones, and of others dotted ones: in the order in which
        ``where(domain=[…])`` names them, or else by name. A legend below the picture tells which
        is which, what colours mean if they are not those of individuals, and what all names
        begin with, which labels leave out.

        Parameters
        ----------
        path : str
            The path inside its root, or the path on disk.
        entries : Entries, optional
            Draw only these entries of the file: ``index.entries.where(...)``.
        image : path-like or bool
            The image file to draw over. By default, the first file that the metadata name under
            ``image``, ``picture``, ``file_name``, ``filename`` or ``path``, relative to the
            directory of the ``.iid`` file, if it is there; False for no image.
        size : int
            The largest number of pixels along the longer side of the result. A larger frame is
            reduced, and a pixel is tinted by the part of it that a mask covers.
        zoom : int, optional
            Sides of the square that a pixel of the frame is drawn as, if `size` allows; 1 without
            it, or with `fit` what makes a small part 480 pixels large.
        crop : sequence of int, optional
            ``(minr, minc, maxr, maxc)``, half-open, pixels: draw this part of the frame.
        fit : bool
            Draw the part of the frame that holds the boxes of all entries that are drawn.
        alpha : float, optional
            The strength of the tints, 0 … 1; by default 0.4 over an image and 0.7 without one.
        outlines, labels, legend : bool
            Labels name the largest masks first, at most 200, and as many as cover a tenth of the
            picture; a line leads to a mask that its label lies beside. Without outlines, all
            domains are tinted; without a legend, labels are whole.
        colour_by : str
            ``individual``, ``group``, ``domain``, ``area``, or ``meta.NAME`` for what the file's
            metadata say. An entry in several groups has the colour of the one that
            ``where(group=[…])`` names first, or else of the most common.
        palette : str, optional
            Of categories ``okabe-ito`` (without this), ``bright`` or ``muted``; for numbers ``sea``
            (without this), ``ember`` or ``grey``. With one, individuals share its colours.
        font : path-like, optional
            A font file for the labels.
        compare : (bytes or str, bytes or str), optional
            Two domains, A and B: draw where they agree, as `agreement` matches them. A is tinted,
            B is outlined. Matches are sky blue, masks of A only are vermillion, masks of B only
            are yellow. A legend below the picture counts them. Labels name those without a match.
        iou : float
            With `compare`, the smallest IoU of a match.
        on_stale : {"error", "skip", "warn"}, optional
            As in `Entries.reading`; by default, that of `entries`.

        Returns
        -------
        Drawing
            ``picture``, uint8 of shape (h, w, 3); ``drawn``, the number of entries on it;
            ``left_out``, the number of labels that found no place; ``images``, the image files
            that it was drawn over; ``missing``, those that the metadata name but that are not
            there.

        Raises
        ------
        QueryError
            If no file has that path, an argument is not valid, the image's size is not the one
            that the metadata state, or masks reach outside it.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`; also if the image cannot be read.

        Notes
        -----
        Memory grows with `size`, the image, and the number of entries, not with the frame.
        """
        from iidindex.pictures.manner import Manner
        from iidindex.pictures.render import Source, render

        manner = Manner.of(
            image=image,
            size=size,
            zoom=zoom,
            crop=crop,
            fit=fit,
            alpha=alpha,
            outlines=outlines,
            labels=labels,
            legend=legend,
            colour_by=colour_by,
            palette=palette,
            font=font,
            compare=compare,
            iou=iou,
        )
        hits = self._among(entries).reading(on_stale=on_stale)
        source = Source(self._catalog, self._originals, hits, manner, hits.on_stale)
        return render(source, *source.file(path))

    def render_svg(
        self,
        path: str,
        entries: Entries | None = None,
        *,
        on_stale: OnStale | None = None,
        **drawing: Unpack[HowDrawn],
    ) -> VectorDrawing:
        """Draw the outlines of the masks of one file, as an SVG document.

        Outlines go along the edges of pixels, so that they are exact however far one zooms. A
        mask tells whose it is where one points at it. The picture lies in the document. All text
        of strangers is escaped.

        Parameters
        ----------
        path, entries, on_stale
            As in `render`.
        **drawing
            All other arguments of `render`. `size` and `zoom` say how large it is shown.

        Returns
        -------
        VectorDrawing
            ``svg``, a text; and what a `Drawing` tells.

        Raises
        ------
        QueryError
            As `render`; also if more than 67,108,864 pixels of a mask lie in the window.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `render`.
        """
        from iidindex.pictures.manner import Manner
        from iidindex.pictures.render import Source, render_svg

        hits = self._among(entries).reading(on_stale=on_stale)
        manner = Manner.of(**drawing)
        source = Source(self._catalog, self._originals, hits, manner, hits.on_stale)
        return render_svg(source, *source.file(path))

    def render_files(
        self,
        out: str | os.PathLike[str],
        entries: Entries | None = None,
        *,
        to: str = "png",
        limit: int | None = None,
        progress: Callable[[RenderProgress], object] | None = None,
        on_stale: OnStale | None = None,
        **drawing: Unpack[HowDrawn],
    ) -> RenderReport:
        """Draw all files in which a question finds something, a picture for each.

        Categories have the same colour on all pictures, and scales the same ends. A file that
        cannot be drawn does not stop the others.

        Parameters
        ----------
        out : path-like
            A directory: one that is not there, that is empty, or that was written by this before.
            The picture of ``a/b.iid`` is ``a/b.png`` there, below the name of its root if there
            are files of several. ``pictures.jsonl`` has a row for each: ``path``, ``picture``,
            ``entries``, ``left_out``, or ``problem``.
        entries : Entries, optional
            Draw only these, in their order, if they have one.
        to : {"png", "jpg", "webp", "svg", "npy"}
        limit : int, optional
            Files at the most.
        progress : callable, optional
            Called with a `RenderProgress` after each file.
        on_stale : {"error", "skip", "warn"}, optional
            As in `render`; an error is that of one file.
        **drawing
            All other arguments of `render`, but for an image's path.

        Returns
        -------
        RenderReport

        Raises
        ------
        QueryError
            If an argument is not valid, or `out` holds something else.
        """
        from iidindex.pictures.manner import Manner
        from iidindex.pictures.many import render_files
        from iidindex.pictures.render import Source

        hits = self._among(entries).reading(on_stale=on_stale)
        manner = Manner.of(**drawing)
        source = Source(self._catalog, self._originals, hits, manner, hits.on_stale)
        return render_files(source, out, to, limit, progress)

    def sheet(
        self,
        address: bytes | IID | Iterable[bytes | IID] | None = None,
        entries: Entries | None = None,
        *,
        domain: bytes | None = None,
        limit: int = 60,
        tile: int = 192,
        margin: float = 0.25,
        fit: bool = False,
        caption: Sequence[str] | None = None,
        image: bool | PicturePlaces = True,
        gaps: bool = False,
        strip: bool = False,
        scale: str = "bar",
        legend: bool = True,
        colour_by: str = "individual",
        palette: str | None = None,
        alpha: float | None = None,
        outlines: bool = True,
        font: str | os.PathLike[str] | None = None,
        on_stale: OnStale | None = None,
    ) -> Drawing:
        """Draw every appearance of an IID, or all that a question finds, a tile for each.

        Tiles come by path and key.

        Parameters
        ----------
        address : bytes or IID, or iterable of them, optional
            Without it, all that `entries` find are drawn. An address that is that of several IIDs
            is refused; of several addresses, and IIDs, all are drawn.
        entries : Entries, optional
            Draw only these entries; in their order, if they have one.
        domain : bytes, optional
            ``b""`` stands for none given; without it, the only domain that has the address.
        limit : int
            Tiles, at most 400.
        tile : int
            The sides of a tile, in pixels.
        margin : float
            The margin on each side of a mask, as a fraction of the mask's longer side.
        fit : bool
            Scale every tile to its own mask. By default, all tiles show a square of the same size,
            so that masks can be compared.
        caption : sequence of str, optional
            Columns of an entry's row to write below its tile, one on each line. Metadata such as
            ``meta.camera.iso`` work, too. By default, the path, and what distinguishes several
            entries.
        image : bool or PicturePlaces
            Draw over the pictures that the metadata name, as in `render`; only over those in
            certain places, if these are given (`picture_places`).
        gaps : bool
            Give an empty tile to each file between its first and its last that lacks the
            individual, as `Entries.tracks` counts them. The order must be that of paths or of one
            name in metadata, ascending. Each individual begins a row of its own, by address. Gaps
            count for `limit`.
        strip : bool
            Lay all tiles of one individual out in one row, in such an order, and draw before them
            the path of the middle of its boxes, over all files: dark at its beginning, dashed
            where files lack it.
        scale : {"bar", "area", "none"}
            Draw how long so many pixels are: once, or with `fit` on each tile; or write the area
            of each mask below its tile.
        legend : bool
            Write below the sheet what colours mean, if they are not those of individuals.
        colour_by, palette
            As in `render`.
        alpha, outlines, font, on_stale
            As in `render`.

        Returns
        -------
        Drawing
            ``picture``, uint8 of shape (h, w, 3), without pixels if there is no appearance;
            ``drawn``, the tiles; ``gaps``, those that are empty; ``left_out``, how many appearances
            and gaps are more than `limit`.

        Raises
        ------
        SeveralDomainsError
            If the entries that may be drawn have an address in several domains.
        QueryError, SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `render`.
        """
        from iidindex.pictures.coloring import paint_of
        from iidindex.pictures.scene import Style
        from iidindex.pictures.sheet import Layout, sheet

        hits = self._among(entries).reading(on_stale=on_stale)
        return sheet(
            self._catalog,
            self._originals,
            hits,
            address,
            domain,
            Layout(limit, tile, margin, fit, gaps, strip, scale, legend),
            caption=caption,
            image=image,
            paint=paint_of(colour_by, palette),
            style=Style(alpha, outlines),
            font=None if font is None else as_path(font),
            on_stale=hits.on_stale,
        )

    def draw_heat(
        self,
        entries: Entries | None = None,
        *,
        size: int = 1024,
        crop: BBoxLike | None = None,
        fit: bool = False,
        image: str | os.PathLike[str] | bool | PicturePlaces = True,
        palette: str = "ember",
        alpha: float | None = None,
        font: str | os.PathLike[str] | None = None,
        on_stale: OnStale | None = None,
    ) -> Drawing:
        """Draw where masks lie, over all files, with a scale in whole numbers.

        Parameters
        ----------
        entries : Entries, optional
            Of these; of all, without it.
        size, crop, fit
            As in `Entries.heat`.
        image : path-like, bool or PicturePlaces
            A picture to draw over, in grey. By default that of the files; if they have several of
            one size, the first of them. Pictures of different sizes are drawn over none.
        palette : {"ember", "sea", "grey"}
        alpha : float, optional
            Strength of the colours, 0 … 1; by default 0.65 over an image and 1 over none.
        font, on_stale
            As in `render`.

        Returns
        -------
        Drawing
            ``drawn``, how many masks were counted; ``sizes`` of pictures, if they differ.

        Raises
        ------
        QueryError
            As `Entries.heat`; also if a picture is named and has another size than those of the
            files, or these have several.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `render`.
        """
        from iidindex.pictures.heat import draw_heat, ground_of
        from iidindex.pictures.scene import Style
        from iidindex.query.pixels.picture_places import PicturePlaces
        from iidindex.render.palettes import scale_of

        scale_of(palette)
        strength = Style(alpha).alpha
        hits = self._among(entries).reading(on_stale=on_stale)
        found = hits.heat(size=size, crop=crop, fit=fit)
        named = image if isinstance(image, (bool, PicturePlaces)) else as_path(image)
        ground = ground_of(self._catalog, found, named)
        face = None if font is None else as_path(font)
        return draw_heat(found, ground=ground, palette=palette, alpha=strength, font=face)

    def labels(
        self,
        path: str,
        entries: Entries | None = None,
        *,
        domain: bytes | None = None,
        by: Numbering = "entry",
        on_stale: OnStale | None = None,
    ) -> LabelPlanes:
        """The masks of one file as label images, each as large as the whole frame.

        Parameters
        ----------
        path : str
            The path inside its root, or the path on disk.
        entries : Entries, optional
            Only these entries of the file: ``index.entries.where(...)``.
        domain : bytes, optional
            Only of this domain; ``b""`` for no domain.
        by : {"entry", "individual"}
            What a number stands for. An entry has the number key + 1. Individuals are numbered
            from 1, by address, then by domain (no domain first), in each file separately.
        on_stale : {"error", "skip", "warn"}, optional
            As in `Entries.reading`; by default, that of `entries`.

        Returns
        -------
        LabelPlanes
            A list of ndarrays of uint32, each of shape (height, width), 0 outside all masks. There
            is one plane if nothing overlaps, and otherwise as many as are needed, with the largest
            masks on the first. Its ``iids`` says which individual a number is. The frame is the
            one that the metadata state. Without it, it is the smallest frame from row 0, column 0
            that holds all boxes.

        Raises
        ------
        QueryError
            If no file has that path, an argument is not valid, or the planes do not fit into
            memory.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`.
        """
        from iidindex.exchange.label_planes import label_planes

        hits = self._among(entries).where(domain=domain).reading(on_stale=on_stale)
        return label_planes(self._catalog, self._originals, hits, path, by)
