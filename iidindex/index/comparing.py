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
        """Follow individuals from the first of their files to the last, a row for each.

        Parameters
        ----------
        by : str
            What files are ordered by: ``path``, or what their metadata say, such as
            ``meta.frame``.
        min_files : int
            Only individuals that are in so many files.
        order_by : str or iterable of str
            Columns, with ``-`` for descending.
        limit : int, optional
            How many at the most.
        exact : bool
            Measure the displacement between centroids of masks, which are read for it.
        FILTERS

        Returns
        -------
        Tracks
            ``iid first last files entries gaps area_min area_mean area_max displacement``:
            `Entries.tracks` tells what they mean.

        Raises
        ------
        QueryError
            If an argument has not its form.
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
            Two domains; ``b""`` or ``""`` for none given.
        paths : sequence of two str, optional
            Files of A and of B: patterns, directories with ``/`` behind them, or names of roots.
        pair : str
            As in `Entries.agreement`, which tells what the columns mean; so are the next three.
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
            picture; ``total()`` has all together.

        Raises
        ------
        QueryError
            If an argument has not its form, or two files of one side are paired with the same one.
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
        """What became of individuals from one survey to another.

        The masks that an individual has in a survey are united, as if all of its files were one
        frame, and compared where they lie.

        Parameters
        ----------
        a, b : str
            The earlier and the later survey: the name of a root, or a file, a directory or a
            pattern, inside roots or on disk.
        entries : Entries, optional
            Only those among these: ``index.entries.where(...)``.
        change : str or iterable of str, optional
            Only some of these: ``same``, the pixels are equal; ``moved``, an equal shape
            lies elsewhere; ``changed``, it is another; ``gone``, it is in `a` alone; ``new``, it is
            in `b` alone.
        on_stale : {"error", "skip", "warn"}, optional
            As in `Entries.reading`. Individuals that have a mask in files that cannot be believed
            are left out with these.
        jobs : int, optional
            Processes that compare; 1 without this.
        FILTERS

        Returns
        -------
        Records of Difference
            ``iid change iou area_a area_b``, by domain, none first, then by address. The IoU is
            intersection over union: 1 for what is the same, 0 for what is gone or new. Areas are
            pixels of the united masks, None where there is none. They come one after the other as
            they are iterated over, or made a table of; ``len``, ``[…]`` and ``==`` keep all.

        Raises
        ------
        QueryError
            If a survey is not in the index, or an argument has not its form.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`.

        Notes
        -----
        In memory are some numbers for each entry of both, and the bytes of some individuals. A mask
        is read only if its individual is in both surveys, or has several masks in one.
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
        """Masks that are there twice, of the same or of other individuals.

        Parameters
        ----------
        entries : Entries, optional
            Only those among these: ``index.entries.where(...)``.
        iou : float, optional
            The least intersection over union of two masks of one file; 0.9 without this.
        across : bool
            Find equal masks of different files instead, which have the same pixels at the same
            place, however these are cut into regions.
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
            If an argument has not its form, or `iou` is given with `across`.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`.

        Notes
        -----
        With `across`, only masks whose box and area are those of one in another file are read, and
        found equal by digests of 128 bits under a random key. In memory are some numbers for each
        entry. Stored overlaps are used without it.
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
        """Faults of identity: what was named wrongly, as far as an index can see it.

        - ``twice``: an individual has a further entry in one file. ``other`` is the key of its
          first entry there.
        - ``domains``: an address is in several domains. Each but the first is told, where it comes
          first; ``other`` is the first domain.
        - ``switched``: two individuals of one domain exchange their places between a picture and
          the next one. ``other`` is the address of the other individual, ``before`` the path of
          the picture before.
        - ``once``: an individual has one entry and no other. ``other`` is None.

        Pictures that follow each other are neighbours in an order of the files of one directory.
        Two individuals that are in both have switched, if in the later picture each has a larger
        IoU (shared pixels over those of both together) with the mask that the other had before than
        with its own. The masks that an individual has in one picture are united. Where all four
        are equal, nobody has switched; nor where one takes the place of another that went
        elsewhere.

        Parameters
        ----------
        faults : str or iterable of str, optional
            Some of ``twice domains switched once``; all without it.
        by : str
            The order of pictures: ``path``, or ``meta.`` and a name in their metadata. Files that
            say nothing come last, and those that tie by path.
        iou : float
            What both overlaps across must be at least, for individuals to have switched.
        on_stale : {"error", "skip", "warn"}, optional
        jobs : int, optional
            As in `Entries.reading`.
        FILTERS

        Returns
        -------
        Records of IdentityFault
            ``fault path key iid other``, and ``before iou location``: by fault, then by file and
            key; those of several domains by address and domain. They come one after the other as
            they are iterated over, or made a table of; ``len``, ``[…]`` and ``==`` keep all.

        Raises
        ------
        QueryError
            If an argument has not its form.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`, while ``switched`` is looked for.

        Notes
        -----
        Masks are read for ``switched`` alone, and only those of two individuals each of whose
        boxes meets one of the other's in the picture beside it. In memory are two numbers for each
        individual of the archive, and some MiB.
        """
        asked = self.entries.where(**wanted).reading(on_stale=on_stale, jobs=jobs)
        return asked.identities(faults=faults, by=by, iou=iou)
