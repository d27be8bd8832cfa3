"""How individuals, entries and files differ, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Unpack

from iidindex.errors import QueryError
from iidindex.index.opened import Opened
from iidindex.query.answers.records import LazyRecords, Records
from iidindex.query.pixels.originals import OnStale
from iidindex.query.question.filters import Where, with_filters
from iidindex.rows import DIFFERENCE

if TYPE_CHECKING:
    from iidindex.query.comparison.agreement import Agreement
    from iidindex.query.comparison.differences import Difference
    from iidindex.query.comparison.identity_faults import IdentityFault
    from iidindex.query.comparison.tracks import Tracks
    from iidindex.query.entries import Entries
    from iidindex.query.overlaps.overlap import Overlaps

# What answers is imported where it is asked, as in `linking`.


class Comparison(Opened):
    """Questions about what is the same, what moved, and who is wrong."""

    @with_filters
    def tracks(
        self,
        by: str = "path",
        *,
        min_files: int = 1,
        order_by: str | Iterable[str] = (),
        limit: int | None = None,
        exact: bool = False,
        **wanted: Unpack[Where],
    ) -> Tracks:
        """Follow individuals from the first of their files to the last. Each has a row.

        Parameters
        ----------
        by : str
            The order of the files: ``path``, or a value of their metadata, such as ``meta.frame``.
        min_files : int
            Only individuals that are in at least this many files.
        order_by : str or iterable of str
            Columns, with ``-`` for descending.
        limit : int, optional
            The largest number of rows.
        exact : bool
            Measure the displacement between centroids of masks, which are read for it.
        FILTERS

        Returns
        -------
        Tracks
            ``iid first last files entries gaps area_min area_mean area_max displacement``:
            `Entries.tracks` explains them.

        Raises
        ------
        QueryError
            If an argument is not valid.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`, with `exact`.
        """
        return self.entries.where(**wanted).tracks(
            by, min_files=min_files, order_by=order_by, limit=limit, exact=exact
        )

    @with_filters
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
        on_stale: OnStale | None = None,
        jobs: int | None = None,
        **wanted: Unpack[Where],
    ) -> Agreement:
        """How well two domains, or files of two sides, agree on the masks of the same pictures.

        Parameters
        ----------
        a, b : bytes or str, optional
            Two domains; ``b""`` or ``""`` for no domain.
        paths : sequence of two str, optional
            Files of A and of B: patterns, directories with a ``/`` at the end, or names of roots.
        pair : str
            As in `Entries.agreement`, which explains the columns. The next three are described
            there, too.
        iou : float
        order_by : str or sequence of str
        limit : int, optional
        on_stale : {"error", "skip", "warn"}, optional
        jobs : int, optional
            As in `Entries.reading`.
        FILTERS

        Returns
        -------
        Agreement
            ``path_a path_b matched only_a only_b split merged mean_iou pq``, a row for each
            picture. ``total()`` has the figures over all pictures.

        Raises
        ------
        QueryError
            If an argument is not valid, or two files of one side are paired with the same one.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`.
        """
        asked = self.entries.where(**wanted).reading(on_stale=on_stale, jobs=jobs)
        return asked.agreement(
            a, b, paths=paths, pair=pair, iou=iou, order_by=order_by, limit=limit
        )

    @with_filters
    def compare(
        self,
        a: str,
        b: str,
        entries: Entries | None = None,
        *,
        change: str | Iterable[str] | None = None,
        on_stale: OnStale | None = None,
        jobs: int | None = None,
        **wanted: Unpack[Where],
    ) -> Records[Difference]:
        """What happened to individuals from one survey to another.

        The masks that an individual has in a survey are united, as if all files of the survey were
        one frame. Then the masks of both surveys are compared, with their places.

        Parameters
        ----------
        a, b : str
            The earlier and the later survey: the name of a root, or a file, a directory or a
            pattern, inside roots or on disk.
        entries : Entries, optional
            Only these entries: ``index.entries.where(...)``.
        change : str or iterable of str, optional
            Only some of these: ``same``, the pixels are equal; ``moved``, an equal shape is at
            another place; ``changed``, any other difference; ``gone``, it is only in `a`; ``new``,
            it is only in `b`.
        on_stale : {"error", "skip", "warn"}, optional
            As in `Entries.reading`. If a file is left out, so are all individuals that have a mask
            in it.
        jobs : int, optional
            The number of processes that compare; 1 by default.
        FILTERS

        Returns
        -------
        Records of Difference
            ``iid change iou area_a area_b``, sorted by domain, then by address; no domain comes
            first. The IoU is the intersection over union: 1 for `same`, 0 for `gone` and `new`.
            Areas are pixels of the united masks, None if there is no mask. They are read one by
            one while you iterate over them or make a table. ``len``, ``[…]`` and ``==`` load all
            of them.

        Raises
        ------
        QueryError
            If a survey is not in the index, or an argument is not valid.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`.

        Notes
        -----
        Memory holds some numbers for each entry of both surveys, and the bytes of some
        individuals. A mask is read only if its individual is in both surveys, or has several masks
        in one.
        """
        from iidindex.query.comparison.differences import check_changes, differences

        hits = self._among(entries).where(**wanted)
        filters = hits.reading(on_stale=on_stale, jobs=jobs)._filters
        changes = check_changes(change)
        return LazyRecords(
            DIFFERENCE,
            lambda: differences(self._catalog, self._originals, filters, (a, b), changes),
        )

    @with_filters
    def duplicates(
        self,
        entries: Entries | None = None,
        *,
        iou: float | None = None,
        across: bool = False,
        on_stale: OnStale | None = None,
        jobs: int | None = None,
        **wanted: Unpack[Where],
    ) -> Overlaps:
        """Masks that were drawn twice, of the same individual or of two.

        Parameters
        ----------
        entries : Entries, optional
            Only these entries: ``index.entries.where(...)``.
        iou : float, optional
            The smallest intersection over union of two masks of one file; 0.9 by default.
        across : bool
            Find equal masks of different files instead. Equal masks have the same pixels at the
            same place, even if they are split into regions in different ways.
        on_stale : {"error", "skip", "warn"}, optional
        jobs : int, optional
            As in `Entries.reading`.
        FILTERS

        Returns
        -------
        Overlaps
            An iterator of `Overlap`, every two of them, as `Entries.overlaps` gives them.

        Raises
        ------
        QueryError
            If an argument is not valid, or `iou` is given with `across`.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`.

        Notes
        -----
        With `across`, a mask is read only if a mask in another file has the same box and area.
        Equal masks are found by digests of 128 bits under a random key. Memory holds some numbers
        for each entry. Without `across`, stored overlaps are used.
        """
        hits = self._among(entries).where(**wanted).reading(on_stale=on_stale, jobs=jobs)
        if not across:
            return hits.overlaps(min_iou=0.9 if iou is None else iou)
        if iou is not None:
            raise QueryError("masks of different files are duplicates if equal; leave iou out")
        from iidindex.query.comparison.duplicates import equal_masks

        return equal_masks(self._catalog, self._originals, hits._filters)

    @with_filters
    def identities(
        self,
        *,
        faults: str | Iterable[str] | None = None,
        by: str = "path",
        iou: float = 0.0,
        on_stale: OnStale | None = None,
        jobs: int | None = None,
        **wanted: Unpack[Where],
    ) -> Records[IdentityFault]:
        """Entries that seem to be named wrongly, as far as an index can tell.

        - ``twice``: an individual has a further entry in one file. ``other`` is the key of its
          first entry there.
        - ``domains``: an address is in several domains. Each domain but the first has a row, for
          the first place where it occurs. ``other`` is the first domain.
        - ``switched``: two individuals of one domain exchange their places between a picture and
          the next one. ``other`` is the address of the other individual, ``before`` the path of
          the picture before.
        - ``once``: an individual has one entry and no other. ``other`` is None.

        The files of one directory have an order, and each picture is compared with the next one.
        Two individuals that are in both have switched if the following holds for each of them: in
        the later picture, its IoU (shared pixels over the pixels of both) with the mask that the
        other had before is larger than with its own mask from before. The masks that an individual
        has in one picture are united. If all four IoUs are equal, the two have not switched. If
        one takes the place of another that went elsewhere, they have not switched either.

        Parameters
        ----------
        faults : str or iterable of str, optional
            Some of ``twice domains switched once``; all by default.
        by : str
            The order of pictures: ``path``, or ``meta.`` and a name in their metadata. Files
            without the value come last. Files with the same value come by path.
        iou : float
            For `switched`: the smallest IoU that both overlaps must have.
        on_stale : {"error", "skip", "warn"}, optional
        jobs : int, optional
            As in `Entries.reading`.
        FILTERS

        Returns
        -------
        Records of IdentityFault
            ``fault path key iid other``, and ``before iou location``: sorted by fault, then by
            file and key. `domains` is sorted by address and domain. They are read one by one while
            you iterate over them or make a table. ``len``, ``[…]`` and ``==`` load all of them.

        Raises
        ------
        QueryError
            If an argument is not valid.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`, while ``switched`` is looked for.

        Notes
        -----
        Masks are read for ``switched`` only, and only if the boxes of two individuals meet in both
        directions, in neighbouring pictures. Memory holds two numbers for each individual of the
        archive, and some MiB.
        """
        asked = self.entries.where(**wanted).reading(on_stale=on_stale, jobs=jobs)
        return asked.identities(faults=faults, by=by, iou=iou)
