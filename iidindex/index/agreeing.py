"""How well those who drew the masks agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack

from iidindex.index.opened import Opened
from iidindex.query.pixels.originals import OnStale
from iidindex.query.question.filters import Where, with_filters

if TYPE_CHECKING:
    from iidindex.query.comparison.agreement import Agreement


class AgreementQuestions(Opened):
    """Questions about two sides that have masks of the same pictures."""

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
