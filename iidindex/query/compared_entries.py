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
        """The hits in an entry's file that it touches, or nearly.

        Parameters
        ----------
        entry : Entry
            Whose neighbours are looked for; it need not be a hit itself.
        within : int
            How many pixels apart they may be. Pixels that touch, also at a corner, are 1 apart:
            it is the larger of rows and columns (Chebyshev distance). With 0, they share a pixel.

        Returns
        -------
        Overlaps
            An iterator of `Overlap`, by key: ``a`` is the entry, ``b`` a neighbour, ``distance``
            how far apart they are, ``pixels`` what they share. The entry is no neighbour of itself.

        Raises
        ------
        QueryError
            If an argument has not its form, or the question has an order or a limit.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`.

        Notes
        -----
        Only masks whose boxes are as near are read.
        """
        from iidindex.query.overlaps.neighbouring import neighbours

        return neighbours(self._catalog, self._originals, self._filters, entry, within)

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
            What files are ordered by: ``path``, or what their metadata say, such as
            ``meta.frame``; see `order_by` for the order of its values. Files that say nothing
            come last. Where files tie, they come by path, then by the names of their roots.
        min_files : int
            Only individuals that are in so many files.
        order_by : str or iterable of str
            ``address domain first last files entries gaps area_min area_mean area_max
            displacement``, with ``-`` for descending; what is unknown comes last. Where individuals
            tie, and without this, they come by address, then by domain, none first.
        limit : int, optional
            How many at the most.
        exact : bool
            Measure the displacement between centroids of masks. The originals are read for it: the
            masks in the first and in the last file of each individual that is in the answer.

        Returns
        -------
        Tracks
            A row for each individual, asked for when they are read: ``iid first last files entries
            gaps area_min area_mean area_max displacement``. ``count()`` tells how many there are.

        Raises
        ------
        QueryError
            If an argument has not its form, or the question has an order or a limit of its own.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`, with `exact`, or if the question looks at pixels. Where files are left
            out (`reading`), displacements from and to them are None.

        Notes
        -----
        Files are those that fit what is asked of files: their path, root and metadata. All that is
        asked of entries and individuals leaves this list as it is, so a file in which no entry of
        an individual fits is a gap, as is a file without any entry. An individual in several roots
        has one row: its gaps are those between its first and its last file in each root, added, and
        ``first`` and ``last`` are those of all its files. Several entries in one file are one
        appearance, whose box is the one around them all; with `exact`, pixels that they share
        count each time.
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
        """How well two sides agree on the masks of the same pictures, A taken for the truth.

        In each picture, masks of A and B are matched one to one by their IoU (shared pixels over
        those of both together), greedily from the best pair down; where pairs tie, lower keys come
        first. An entry without a match counts: in A it was missed, in B it is one too many. A mask
        without a pixel has no match.

        Parameters
        ----------
        a, b : bytes or str, optional
            Two domains; ``b""`` or ``""`` for none given. Without `paths`, every file that fits
            what is asked of files is a picture, also if it is empty on both sides.
        paths : sequence of two str, optional
            Files of A and files of B: patterns, as in `where`; directories with ``/`` behind them,
            for all that is below; or names of roots. A picture that has a file on one side only
            counts, too: all of its entries are without a match.
        pair : str
            Which of these files are of one picture. ``path``: what the wildcards stand for, from
            the first to the last, is the same: ``a/x.iid`` and ``b/x.iid`` for ``("a/*", "b/*")``,
            ``x_anna.iid`` and ``x_ben.iid`` for ``("*_anna.iid", "*_ben.iid")``. ``stem``: the
            file's name is, whatever the directory; what a pattern has behind its last wildcard is
            not part of it, nor is ``.iid``. ``meta.`` and a name, such as ``meta.image``: the
            metadata say the same there; a file that says nothing is alone.
        iou : float
            No pair with less is a match, 0 … 1.
        order_by : str or sequence of str
            ``path_a path_b matched only_a only_b split merged mean_iou pq``, with ``-`` for
            descending; what is unknown comes last. ``pq`` begins with the worst pictures, also
            those without a match. Without it, pictures come by root and path of A, then those that
            B has alone.
        limit : int, optional
            How many pictures at the most; it changes no total.

        Returns
        -------
        Agreement
            A row for each picture, asked for when they are read: ``path_a path_b matched only_a
            only_b split merged mean_iou``, and ``pq location_a location_b``. ``total()`` has all
            pictures together, ``by_group()`` a row for each group, ``only_a() only_b() split()
            merged() matched()`` list entries.

        Raises
        ------
        QueryError
            If an argument has not its form, the question has an order or a limit, or two files of
            one side are paired with the same one.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`. Where files are left out (`reading`), so are their pictures.

        Notes
        -----
        Masks whose boxes meet none of the other side's are not read. Memory holds two numbers for
        each file, eight for each picture if they are ordered, and the masks of some thousand small
        pictures or of one large one.
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
        """Faults of identity among the hits, as `Index.identities` tells them.

        Parameters
        ----------
        faults : str or iterable of str, optional
            Some of ``twice domains switched once``; all without it.
        by : str
            The order of pictures: ``path``, or ``meta.`` and a name in their metadata.
        iou : float
            What both overlaps across must be at least, for individuals to have switched.

        Returns
        -------
        Records of IdentityFault

        Raises
        ------
        QueryError
            If an argument has not its form, or the question has a place, an order or a limit.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`, while ``switched`` is looked for.
        """
        from iidindex.query.comparison.identity_faults import identity_faults

        filters = self._filters
        found = identity_faults(self._catalog, self._originals, filters, faults, by, iou)
        return LazyRecords(IDENTITY_FAULT, found)
