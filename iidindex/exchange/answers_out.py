"""Questions whose answers can be taken elsewhere: written as files, or handed to training code."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from iidindex.query.entries import Entries as Asked

if TYPE_CHECKING:
    from iidindex.exchange.export_report import ExportReport


class Entries(Asked):
    """A question about entries: ``index.entries``. Immutable; nothing runs until it is asked.

    Iterating streams the hits in the order of their ids: file by file, and by key within a
    file.
    """

    def export(
        self,
        out: str | os.PathLike[str],
        to: str = "coco",
        *,
        progress: Callable[[Any], object] | None = None,
    ) -> ExportReport:
        """Write the hits in another format.

        Parameters
        ----------
        out : path-like
            A file for ``coco`` and ``csv``, a directory for all others; made if it is not there.
            Files that are there are replaced, but no original and no picture of one.
        to : str
            The format, as ``iidindex export --help`` lists them.
        progress : callable, optional
            Called with something that has ``files`` and ``total`` and prints as a line of text.

        Returns
        -------
        ExportReport
            With ``lost``, what the format cannot keep, counted.

        Raises
        ------
        ExchangeError
            If there is no such format, two files would be written to one path, or an original
            would be replaced.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`.
        """
        from iidindex.exchange.exporting import export

        return export(self, self._catalog, self._originals, self._filters, out, to, progress)
