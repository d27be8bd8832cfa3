"""What two entries, or two surveys, have in common and how they differ."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Unpack

from iidindex.errors import QueryError
from iidindex.index.opened import Opened
from iidindex.query.answers.records import LazyRecords, Records
from iidindex.query.pixels.originals import OnStale
from iidindex.query.question.filters import Where, with_filters
from iidindex.rows import DIFFERENCE

if TYPE_CHECKING:
    from iidindex.query.comparison.differences import Difference
    from iidindex.query.entries import Entries
    from iidindex.query.overlaps.overlap import Overlaps


class PairQuestions(Opened):
    """Questions that lay masks on one another."""

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
