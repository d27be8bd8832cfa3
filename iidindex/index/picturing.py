"""Pictures of what an index leads to."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from iidindex.index.opened import Opened
from iidindex.model import IID, BBox, BBoxLike
from iidindex.query.entries import Entries
from iidindex.query.pixels.originals import OnStale
from iidindex.storage.paths import as_path

if TYPE_CHECKING:
    from iidindex.exchange.label_planes import LabelPlanes, Numbering
    from iidindex.pictures.drawing import Drawing
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
        zoom: int = 1,
        crop: BBoxLike | None = None,
        alpha: float | None = None,
        outlines: bool = True,
        labels: bool = True,
        font: str | os.PathLike[str] | None = None,
        compare: tuple[bytes | str, bytes | str] | None = None,
        iou: float = 0.5,
        on_stale: OnStale | None = None,
    ) -> Drawing:
        """Draw the masks of one file, each in its IID's colour, over the file's picture.

        Parameters
        ----------
        path : str
            Inside its root, or where the file lies on disk.
        entries : Entries, optional
            Draw only those of the file that are among these: ``index.entries.where(...)``.
        image : path-like or bool
            The picture's own file. By default the first that the metadata name under
            ``image``, ``picture``, ``file_name``, ``filename`` or ``path``, relative to the
            directory of the ``.iid`` file, if it is there; False for none.
        size : int
            Pixels along the longer side of what is returned, at the most. A larger frame is
            reduced, and a pixel tinted by the part of it that a mask covers.
        zoom : int
            Sides of the square that a pixel of the frame is drawn as, if `size` allows.
        crop : sequence of int, optional
            ``(minr, minc, maxr, maxc)``, half-open, pixels: draw this part of the frame.
        alpha : float, optional
            Strength of the tints, 0 … 1; by default 0.4 over an image and 0.7 over none.
        outlines, labels : bool
        font : path-like, optional
            A font file for the labels.
        compare : (bytes or str, bytes or str), optional
            Two domains, A and B: draw where they agree, as `agreement` matches them. A is tinted, B
            outlined: in sky blue where they match, in vermillion what A has alone, in yellow what B
            has alone. A legend below the picture counts them; labels name those without a match.
        iou : float
            With `compare`, the least IoU of a match.
        on_stale : {"error", "skip", "warn"}, optional
            As in `Entries.reading`; that of `entries` without this.

        Returns
        -------
        Drawing
            ``picture``, uint8 of shape (h, w, 3); ``drawn``, how many entries are seen on it;
            ``left_out``, how many labels found no room; ``images`` that it was drawn over, and
            those ``missing`` that the metadata name.

        Raises
        ------
        QueryError
            If no file has that path, an argument has not its form, or the image's size is not
            the one that the metadata tell, or masks reach outside it.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`; also if the image cannot be read.

        Notes
        -----
        Memory grows with `size`, the image, and the number of entries, not with the frame.
        """
        from iidindex.pictures.render import render
        from iidindex.pictures.scene import Style

        hits = self._among(entries).reading(on_stale=on_stale)
        compared = None
        if compare is not None:
            from iidindex.pictures.disagreement import compared_as

            compared = compared_as(compare, iou, outlines)
        return render(
            self._catalog,
            self._originals,
            hits,
            path,
            image=image if isinstance(image, bool) else as_path(image),
            size=size,
            zoom=zoom,
            crop=None if crop is None else BBox.of(crop, "crop"),
            style=Style(alpha, outlines),
            labels=labels,
            font=None if font is None else as_path(font),
            compared=compared,
            on_stale=hits.on_stale,
        )

    def sheet(
        self,
        address: bytes | IID | Iterable[bytes | IID],
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
        alpha: float | None = None,
        outlines: bool = True,
        font: str | os.PathLike[str] | None = None,
        on_stale: OnStale | None = None,
    ) -> Drawing:
        """Draw every appearance of an IID on a tile of its own, by path and key.

        Parameters
        ----------
        address : bytes or IID, or iterable of them
            An address that is that of several IIDs is refused; of several addresses, and IIDs, all
            are drawn.
        entries : Entries, optional
            Draw only those that are among these; in their order, if they have one.
        domain : bytes, optional
            ``b""`` stands for none given; without it, the only domain that has the address.
        limit : int
            Tiles, at most 400.
        tile : int
            Sides of a tile in pixels.
        margin : float
            What is shown on each side of a mask, as a part of its longer side.
        fit : bool
            Scale every tile to its own mask. Otherwise all show a square of the same size, so
            that masks can be compared.
        caption : sequence of str, optional
            Columns of an entry's row to write below its tile, a line each, also of the file's
            metadata, such as ``meta.camera.iso``. Without it the path, and what tells apart.
        image : bool or PicturePlaces
            Draw over the pictures that the metadata name, as in `render`; over those alone that lie
            in some places, if these are named (`picture_places`).
        gaps : bool
            Give an empty tile to each file between its first and its last that lacks the
            individual, as `Entries.tracks` counts them. It must be one individual, and the order
            that of paths or of one name in metadata, ascending. They count for `limit`.
        strip : bool
            Lay all tiles out in one row, in such an order, and draw before them the path of the
            middle of its boxes, over all files: dark at its beginning, dashed where files lack it.
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
            If what may be drawn has an address in several domains.
        QueryError, SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `render`.
        """
        from iidindex.pictures.scene import Style
        from iidindex.pictures.sheet import sheet

        hits = self._among(entries).reading(on_stale=on_stale)
        return sheet(
            self._catalog,
            self._originals,
            hits,
            address,
            domain,
            limit=limit,
            tile=tile,
            margin=margin,
            fit=fit,
            caption=caption,
            image=image,
            gaps=gaps,
            strip=strip,
            style=Style(alpha, outlines),
            font=None if font is None else as_path(font),
            on_stale=hits.on_stale,
        )

    def labels(
        self,
        path: str,
        entries: Entries | None = None,
        *,
        domain: bytes | None = None,
        by: Numbering = "entry",
        on_stale: OnStale | None = None,
    ) -> LabelPlanes:
        """The masks of one file as label images of its whole frame.

        Parameters
        ----------
        path : str
            Inside its root, or where the file lies on disk.
        entries : Entries, optional
            Only those of the file that are among these: ``index.entries.where(...)``.
        domain : bytes, optional
            Only of this domain; ``b""`` for none given.
        by : {"entry", "individual"}
            What has a number of its own: an entry, which is its key + 1, or an individual. These
            are numbered from 1 on, by address, then by domain, none first; in every file anew.
        on_stale : {"error", "skip", "warn"}, optional
            As in `Entries.reading`; that of `entries` without this.

        Returns
        -------
        LabelPlanes
            A list of ndarrays of uint32, each of shape (height, width), 0 where no mask is: one, if
            nothing overlaps, or else as many as it takes, the largest masks on the first. Its
            ``iids`` tells whose each number is. The frame is the one that the metadata state, or
            else the smallest from row 0, column 0 that holds all boxes.

        Raises
        ------
        QueryError
            If no file has that path, an argument has not its form, or the planes do not fit into
            memory.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`.
        """
        from iidindex.exchange.label_planes import label_planes

        hits = self._among(entries).where(domain=domain).reading(on_stale=on_stale)
        return label_planes(self._catalog, self._originals, hits, path, by)
