"""Questions whose hits are compared: followed over files, and with those of another side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from iidindex.query.answers.entry import Entry
from iidindex.query.answers.records import LazyRecords, Records
from iidindex.query.entries import Entries
from iidindex.rows import IDENTITY_FAULT

if TYPE_CHECKING:
    from iidindex.query.comparison.agreement import Agreement
    from iidindex.query.comparison.identity_faults import IdentityFault
    from iidindex.query.comparison.tracks import Tracks
    from iidindex.query.overlaps.overlap import Overlaps


class ComparedEntries(Entries):
    """A question about entries, and what becomes of them from file to file."""

    def neighbours(self, entry: Entry, within: int = 1) -> Overlaps:
        """The hits in an entry's file that touch it, or nearly touch it.

        Parameters
        ----------
        entry : Entry
            The entry whose neighbours are looked for. It need not be a hit itself.
        within : int
            The largest distance, in pixels. It is the larger of rows and columns (Chebyshev
            distance). Pixels that touch, even at a corner, are 1 apart. With 0, masks must share a
            pixel.

        Returns
        -------
        Overlaps
            An iterator of `Overlap`, by key: ``a`` is the entry, ``b`` a neighbour, ``distance``
            how far apart they are, ``pixels`` what they share. The entry is no neighbour of itself.

        Raises
        ------
        QueryError
            If an argument is not valid, or the question has an order or a limit.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`.

        Notes
        -----
        Only masks whose boxes are that near are read.
        """
        from iidindex.query.overlaps.neighbouring import neighbours

        return neighbours(self._catalog, self._originals, self._filters, entry, within)

    def unknown_order(self, by: str) -> str | None:
        """Say that no file's metadata has the name by which files are to be ordered.

        Parameters
        ----------
        by : str
            As of `tracks`.

        Returns
        -------
        str or None
            A line of text, with what is similar; None, if a file has it, or it is ``path``.

        Raises
        ------
        QueryError
            If it is no order.
        """
        from iidindex.query.comparison.file_order import names_of
        from iidindex.query.question.diagnosis import unknown_metadata

        names = names_of(by)
        return None if names is None else unknown_metadata(self._catalog, names)

    def tracks(
        self,
        by: str = "path",
        *,
        min_files: int = 1,
        order_by: str | Iterable[str] = (),
        limit: int | None = None,
        exact: bool = False,
    ) -> Tracks:
        """Follow the individuals of the hits from the first of their files to the last.

        Parameters
        ----------
        by : str
            The order of the files: ``path``, or a value of their metadata, such as ``meta.frame``.
            `order_by` describes the order of such values. Files without the value come last. Files
            with the same value come by path, then by the names of their roots.
        min_files : int
            Only individuals that are in at least this many files.
        order_by : str or iterable of str
            ``address domain first last files entries gaps area_min area_mean area_max
            displacement``, with ``-`` for descending. Unknown values come last. Individuals that
            tie are sorted by address, then by domain; no domain comes first. So are all
            individuals by default.
        limit : int, optional
            The largest number of rows.
        exact : bool
            Measure the displacement between centroids of masks. For it, the original masks are
            read in the first and in the last file of each individual in the answer.

        Returns
        -------
        Tracks
            A row for each individual. The question runs when the rows are read: ``iid first last
            files entries gaps area_min area_mean area_max displacement``. ``count()`` returns
            their number.

        Raises
        ------
        QueryError
            If an argument is not valid, or the question has an order or a limit of its own.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`, with `exact`, or if the question looks at pixels. If files are left
            out (`reading`), displacements from and to them are None.

        Notes
        -----
        The list of files depends on the filters of files only: path, root and metadata. Filters of
        entries and individuals do not change it. So a file in which no entry of an individual fits
        is a gap, and so is a file without any entry. An individual in several roots has one row.
        Its gaps are counted between its first and its last file in each root, and added. ``first``
        and ``last`` are those of all its files. Several entries in one file are one appearance,
        whose box is the one around them all. With `exact`, pixels that they share count each time.
        """
        from iidindex.query.comparison.tracks import tracks

        return tracks(
            self._catalog,
            self._originals,
            self._filters,
            by=by,
            min_files=min_files,
            order_by=order_by,
            limit=limit,
            exact=exact,
        )

    def agreement(
        self,
        a: bytes | str | None = None,
        b: bytes | str | None = None,
        *,
        paths: Sequence[str] | None = None,
        pair: str = "path",
        iou: float = 0.5,
        order_by: str | Sequence[str] = (),
        limit: int | None = None,
    ) -> Agreement:
        """How well two sides agree on the masks of the same pictures. A is taken for the truth.

        In each picture, masks of A and B are matched one to one by their IoU (shared pixels over
        the pixels of both). The best pair is matched first, then the next of those that are left;
        of pairs that tie, lower keys come first. An entry without a match counts: in A, it is one
        that B missed; in B, it is one too many. A mask without a pixel has no match.

        Parameters
        ----------
        a, b : bytes or str, optional
            Two domains; ``b""`` or ``""`` for no domain. Without `paths`, every file that fits the
            filters of files is a picture, even if it is empty on both sides.
        paths : sequence of two str, optional
            Files of A and files of B: patterns, as in `where`; directories with a ``/`` at the
            end, for all files below; or names of roots. A picture that has a file on one side only
            counts, too: all of its entries are without a match.
        pair : str
            Which of these files are of one picture. ``path``: the wildcards of both patterns stand
            for the same text, from the first to the last: ``a/x.iid`` and ``b/x.iid`` for
            ``("a/*", "b/*")``, ``x_anna.iid`` and ``x_ben.iid`` for ``("*_anna.iid",
            "*_ben.iid")``. ``stem``: the files have the same name, in any directory; the end of a
            pattern after its last wildcard is ignored, and so is ``.iid``. ``meta.`` and a name,
            such as ``meta.image``: the metadata have the same value there; a file without the
            value is alone.
        iou : float
            The smallest IoU of a match, 0 … 1.
        order_by : str or sequence of str
            ``path_a path_b matched only_a only_b split merged mean_iou pq``, with ``-`` for
            descending. Unknown values come last. ``pq`` begins with the worst pictures, including
            those without a match. By default, pictures are sorted by root and path of A, then come
            those that only B has.
        limit : int, optional
            The largest number of pictures; totals do not depend on it.

        Returns
        -------
        Agreement
            A row for each picture. The question runs when the rows are read: ``path_a path_b
            matched only_a only_b split merged mean_iou``, and ``pq location_a location_b``.
            ``total()`` has all pictures together, ``by_group()`` a row for each group, ``only_a()
            only_b() split() merged() matched()`` list entries.

        Raises
        ------
        QueryError
            If an argument is not valid, the question has an order or a limit, or two files of one
            side are paired with the same one.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`. If files are left out (`reading`), so are their pictures.

        Notes
        -----
        A mask is read only if its box meets a box of the other side. Memory holds two numbers for
        each file, eight for each picture if pictures are sorted, and the masks of some thousand
        small pictures or of one large picture.
        """
        from iidindex.query.comparison.agreement import agreement

        return agreement(
            self._catalog,
            self._originals,
            self._filters,
            a,
            b,
            paths=paths,
            pair=pair,
            iou=iou,
            order_by=order_by,
            limit=limit,
        )

    def identities(
        self, *, faults: str | Iterable[str] | None = None, by: str = "path", iou: float = 0.0
    ) -> Records[IdentityFault]:
        """Hits that seem to be named wrongly, as in `Index.identities`.

        Parameters
        ----------
        faults : str or iterable of str, optional
            Some of ``twice domains switched once``; all by default.
        by : str
            The order of pictures: ``path``, or ``meta.`` and a name in their metadata.
        iou : float
            For `switched`: the smallest IoU that both overlaps must have.

        Returns
        -------
        Records of IdentityFault

        Raises
        ------
        QueryError
            If an argument is not valid, or the question has a place, an order or a limit.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`, while ``switched`` is looked for.
        """
        from iidindex.query.comparison.identity_faults import identity_faults

        filters = self._filters
        found = identity_faults(self._catalog, self._originals, filters, faults, by, iou)
        return LazyRecords(IDENTITY_FAULT, found)
