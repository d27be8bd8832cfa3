"""What a viewer shows of one file: its masks as bits, and its picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iidindex.exchange.answers_out import Entries
from iidindex.index.opened import Opened
from iidindex.model import BBox, BBoxLike
from iidindex.query.holdings.named_file import NamedFile, named_file

if TYPE_CHECKING:
    from iidindex.exchange.packed_masks import PackedMasks
    from iidindex.pictures.drawing import Drawing
    from iidindex.query.pixels.picture_places import PicturePlaces

# Masks of one answer, and bytes of them, if nobody says otherwise.
MOST_MASKS, MOST_BYTES = 10_000, 32 << 20


class Viewing(Opened):
    """One file for those who draw it themselves."""

    def named_file(self, path: str, *, root: str | None = None) -> NamedFile | None:
        """One file that is there, by its exact name; nothing is looked for on a disk.

        Parameters
        ----------
        path : str
            Inside its root, or its ``location``.
        root : str, optional
            The name of the root.

        Returns
        -------
        NamedFile or None
            ``file_id root_id path location stamp``, or None, if no file has this name.

        Raises
        ------
        QueryError
            If files of several roots have this path, and none is named.
        """
        return named_file(self._catalog, path, root)

    def check_original(self, file: NamedFile) -> None:
        """Look whether a file is the one that was indexed; it is not opened.

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
        """The masks of one file, one bit a pixel.

        Parameters
        ----------
        file : NamedFile
        entries : Entries, optional
            Only those of the file that are among these: ``index.entries.where(...)``.
        box : sequence of int, optional
            ``(minr, minc, maxr, maxc)``, half-open, pixels: only masks that have a pixel in it, and
            of them only what lies in it.
        most, most_bytes : int
            How many masks there may be, and how many bytes their bits may take.

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
        """Where picture files may lie that metadata name: in the roots, and in `others`."""
        from iidindex.pictures.plain_picture import places_of_pictures

        return places_of_pictures(self._catalog, others)

    def picture_file(self, file: NamedFile, places: PicturePlaces) -> str | None:
        """The picture's own file, if the metadata name one that is there and may be opened."""
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
            Where it may be opened.
        box : sequence of int, optional
            ``(minr, minc, maxr, maxc)``, half-open, pixels: a part of it.
        size : int
            Pixels along the longer side at the most; a larger part is reduced.

        Returns
        -------
        Drawing or None
            None, if there is no picture, or it must not be opened.

        Raises
        ------
        QueryError
            If the box has no pixel in it.
        SourceNotFoundError, SourceError
            If it cannot be read, or has not the size that the metadata state.
        """
        from iidindex.pictures.plain_picture import plain_picture

        window = None if box is None else BBox.of(box, "box")
        return plain_picture(self._catalog, file, places, window, size)
