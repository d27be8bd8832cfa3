"""How individuals and files differ."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Unpack

from iidindex.index.opened import Opened
from iidindex.query.question.filters import Where, with_filters

if TYPE_CHECKING:
    from iidindex.query.comparison.tracks import Tracks


class Comparison(Opened):
    """Questions about how things change from file to file."""

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
