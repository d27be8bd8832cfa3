"""What a viewer shows of one file: its masks as bits, and its picture."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from iidindex.exchange.answers_out import Entries
from iidindex.index.opened import Opened
from iidindex.model import BBox, BBoxLike
from iidindex.query.holdings.named_file import NamedFile, named_file

if TYPE_CHECKING:
    from iidindex.exchange.packed_masks import PackedMasks
    from iidindex.pages.page_report import PageReport
    from iidindex.pictures.drawing import Drawing
    from iidindex.query.pixels.picture_places import PicturePlaces

# Masks of one answer, and bytes of them, if nobody says otherwise.
MOST_MASKS, MOST_BYTES = 10_000, 32 << 20


class Viewing(Opened):
    """One file for those who draw it themselves."""

    def named_file(self, path: str, *, root: str | None = None) -> NamedFile | None:
        """One indexed file that is there, by its exact name. The disk is not read.

        Parameters
        ----------
        path : str
            Inside its root, or its ``location``.
        root : str, optional
            The name of the root.

        Returns
        -------
        NamedFile or None
            ``file_id root_id path location stamp``, or None if no file has this name.

        Raises
        ------
        QueryError
            If files of several roots have this path, and no root is given.
        """
        return named_file(self._catalog, path, root)

    def check_original(self, file: NamedFile) -> None:
        """Check that a file is the one that was indexed, without opening it.

        Raises
        ------
        SourceNotFoundError, SourceError, StaleFileError
            If it is gone, or has changed.
        """
        self._originals.check(file.original)

    def packed_masks(
        self,
        file: NamedFile,
        entries: Entries | None = None,
        *,
        box: BBoxLike | None = None,
        most: int = MOST_MASKS,
        most_bytes: int = MOST_BYTES,
    ) -> PackedMasks:
        """The masks of one file, one bit for each pixel.

        Parameters
        ----------
        file : NamedFile
        entries : Entries, optional
            Only these entries of the file: ``index.entries.where(...)``.
        box : sequence of int, optional
            ``(minr, minc, maxr, maxc)``, half-open, pixels: only masks that have a pixel in it,
            and only the parts of them in it.
        most, most_bytes : int
            The largest number of masks, and the largest number of bytes that their bits may take.

        Returns
        -------
        PackedMasks
            ``frame entries bbox bits start``.

        Raises
        ------
        QueryError
            If there are more.
        SourceNotFoundError, SourceError, StaleFileError, DamagedFileError
            As `Entry.mask`.
        """
        from iidindex.exchange.packed_masks import packed_masks

        question = self.entries if entries is None else entries
        window = None if box is None else BBox.of(box, "box")
        return packed_masks(
            self._catalog, self._originals, question, file, window, most, most_bytes
        )

    def picture_places(self, *others: str) -> PicturePlaces:
        """The directories that pictures which metadata name may be in: the roots, and `others`."""
        from iidindex.pictures.plain_picture import places_of_pictures

        return places_of_pictures(self._catalog, others)

    def picture_file(self, file: NamedFile, places: PicturePlaces) -> str | None:
        """The path of the picture, if the metadata name one that is there and may be opened."""
        from iidindex.pictures.plain_picture import picture_file

        return picture_file(self._catalog, file, places)

    def picture(
        self,
        file: NamedFile,
        places: PicturePlaces,
        *,
        box: BBoxLike | None = None,
        size: int = 2048,
    ) -> Drawing | None:
        """The picture that the metadata of a file name, without masks.

        Parameters
        ----------
        file : NamedFile
        places : PicturePlaces
            The places from which it may be opened.
        box : sequence of int, optional
            ``(minr, minc, maxr, maxc)``, half-open, pixels: a part of it.
        size : int
            The largest number of pixels along the longer side; a larger part is reduced.

        Returns
        -------
        Drawing or None
            None if there is no picture, or it must not be opened.

        Raises
        ------
        QueryError
            If the box has no pixel in it.
        SourceNotFoundError, SourceError
            If it cannot be read, or does not have the size that the metadata state.
        """
        from iidindex.pictures.plain_picture import plain_picture

        window = None if box is None else BBox.of(box, "box")
        return plain_picture(self._catalog, file, places, window, size)

    def page(
        self,
        out: str | os.PathLike[str],
        entries: Entries | None = None,
        *,
        pictures: Iterable[str] = (),
        size: int = 1600,
        individuals: int = 20_000,
        dry_run: bool = False,
        progress: Callable[[Any], object] | None = None,
    ) -> PageReport:
        """Write a static web page to share: pictures with their masks, and individuals.

        It needs no server and no script. If a file could not be read, the page says so in its
        place.

        Parameters
        ----------
        out : path-like
            The directory to write. A directory with an earlier page is replaced when the new page
            is complete. If nothing is found, nothing is written.
        entries : Entries, optional
            What to show: ``index.entries.where(...)``; all entries by default. Its order is
            ignored.
        pictures : iterable of str
            Directories, besides the roots, that pictures which metadata name may be in.
        size : int
            The largest number of pixels along the longer side of a picture, 1 … 4096.
        individuals : int
            The largest number of individuals that get a page of their own, each of which is a file.
            Those of the first files come first. The masks of all others are shown, and the page
            says how many individuals they are of.
        dry_run : bool
            Write nothing, and count what would be written. No masks are read.
        progress : callable, optional
            Called with an object that has ``files`` and ``total`` and whose ``str`` is a line of
            text.

        Returns
        -------
        PageReport
            ``files entries individuals left_out unread seconds``.

        Raises
        ------
        ExchangeError
            If `out` is a file, or holds anything that does not belong to a page.
        QueryError
            If an argument is not valid.
        SourceError
            If the disk cannot be written to.
        """
        from iidindex.pages.static_page import write_page

        question = self._among(entries)
        return write_page(
            question,
            self._catalog,
            self._originals,
            out,
            pictures,
            size,
            individuals,
            dry_run,
            progress,
        )
