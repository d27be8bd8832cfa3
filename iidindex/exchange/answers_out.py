"""Questions whose answers go further: followed over files, written, or handed to training code."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Self

from iidindex.query.answers.entry import Entry, view_of
from iidindex.query.answers.records import Records
from iidindex.query.compared_entries import ComparedEntries
from iidindex.query.pixels.originals import OnStale
from iidindex.query.question.asking import place_of
from iidindex.query.question.place_in_order import PlaceInOrder
from iidindex.rows import FILE

if TYPE_CHECKING:
    from iidindex.exchange.dataset import By, Dataset
    from iidindex.exchange.export_report import ExportReport
    from iidindex.query.answers.indexed_file import IndexedFile


class Entries(ComparedEntries):
    """A question about entries: ``index.entries``.

    It is immutable. Nothing runs until an answer is asked for.

    Iterating returns the hits by their ids: file by file, and by key within a file.
    """

    def in_file(self, file_id: int) -> Self:
        """Narrow the question down to one file, by its id in the catalogue."""
        return self._with(self._filters.in_files([file_id]))

    def place_of(self, entry: Entry) -> PlaceInOrder:
        """The position of an entry in the order that was asked for, for `after_place`."""
        with view_of(entry) as connection:
            return place_of(connection, self._filters, entry.id)

    def after_place(self, place: PlaceInOrder) -> Self:
        """Ask for the hits after a position. The entry that was there may be gone.

        Raises
        ------
        QueryError
            If it is a position in another order.
        """
        return self._with(self._filters.beyond(place))

    def files(
        self,
        *,
        state: str | None = None,
        order_by: str | Iterable[str] = (),
        limit: int | None = None,
        after: IndexedFile | None = None,
    ) -> Records[IndexedFile]:
        """The files that fit; if anything is asked of entries, those with an entry that fits.

        Files that are missing or failed are among them, with what is known of their entries.

        Parameters
        ----------
        state : {"ok", "missing", "failed"}, optional
            Only files in this state.
        order_by : str or iterable of str
            ``path state entries size``, or in metadata ``meta.camera.iso``, with a ``-`` before it
            for descending. By root and path without it, and where they tie.
        limit : int, optional
            The largest number of rows.
        after : IndexedFile, optional
            Only rows that come after this one. With `limit`, this reads many rows page by page.

        Raises
        ------
        QueryError
            If an argument is not valid, or the question asks for more than filters do.
        """
        from iidindex.query.holdings.archive_files import indexed_files

        found = indexed_files(
            self._catalog, self._filters, state=state, order_by=order_by, limit=limit, after=after
        )
        return Records(FILE, found, self._catalog)

    def export(
        self,
        out: str | os.PathLike[str],
        to: str = "coco",
        *,
        by: str | None = None,
        dry_run: bool = False,
        progress: Callable[[Any], object] | None = None,
    ) -> ExportReport:
        """Write the hits in another format.

        Parameters
        ----------
        out : path-like
            A file for ``coco`` and ``csv``, a directory for all other formats; made if it is not
            there. Existing files are replaced, but no original file and no picture of one. For
            ``parquet``, only files whose rows have changed are replaced.
        to : str
            The format, as ``iidindex export --help`` lists them.
        by : {"iid", "place"}, optional
            The one order in which ``parquet`` is sorted; both by default.
        dry_run : bool
            Write nothing, and count what would be written. No masks are read.
        progress : callable, optional
            Called with an object that has ``files`` and ``total`` and whose ``str`` is a line of
            text.

        Returns
        -------
        ExportReport
            Its ``lost`` counts what the format cannot keep.

        Raises
        ------
        ExchangeError
            If there is no such format, two files would be written to one path, or an original
            would be replaced.
        QueryError
            If pyarrow is not installed, which ``parquet`` needs.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`.
        """
        from iidindex.exchange.exporting import export

        return export(
            self, self._catalog, self._originals, self._filters, out, to, dry_run, progress, by
        )

    def dataset(
        self, by: By = "picture", *, groups: bool = False, on_stale: OnStale | None = None
    ) -> Dataset:
        """The hits as a map-style data set for training code, such as PyTorch.

        Parameters
        ----------
        by : {"picture", "entry", "individual"}
            What an item is: a file with its hits, one hit, or all hits of one individual in all
            files. Files without hits are no items. But if the filters choose whole files, files
            without entries are items, at the end.
        groups : bool
            Also give items the groups of each mask, under ``groups``.
        on_stale : {"error", "skip", "warn"}, optional
            As in `reading`. The items hold no masks of files that cannot be read.

        Returns
        -------
        Dataset
            It has the hits that the index has now. No ``.iid`` file is opened, unless the question
            compares pixels. The masks of an item are read when it is asked for.

        Raises
        ------
        QueryError
            If an argument is not valid.

        Notes
        -----
        In memory and pickled, it takes at most 4 bytes for each mask and 4 for each item, or 8 in
        an index that ever had more than 2³² entries. Masks that are neighbours in the index take
        almost nothing.
        """
        from iidindex.exchange.dataset import dataset

        question = self.reading(on_stale=on_stale)
        with question._asked() as asked:
            return dataset(asked, self._catalog, self._originals, question._filters, by, groups)

    def to_supervision(self, path: str) -> Any:
        """The hits in one file as ``supervision.Detections``, with masks as its ``CompactMask``.

        Parameters
        ----------
        path : str
            The path inside its root, or the path on disk.

        Returns
        -------
        supervision.Detections
            ``xyxy``: float64, shape (n, 4), columns and rows of the first and the last pixels of
            boxes, as ``supervision.mask_to_xyxy`` has them; ``mask``; ``tracker_id``: the number
            that the individual has in this index, in every file; ``class_id``: the number that the
            first of the entry's groups has in this index, 0 for none; ``data``: ``address``
            and ``domain`` (bytes), ``key``, ``groups`` (tuples of str), and ``class_name``, the
            first of the groups. There is no ``confidence``.

        Raises
        ------
        QueryError
            If no file has that path, or supervision 0.28 or later is not installed
            (``pip install supervision``).
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`.
        """
        from iidindex.exchange.detections import detections

        return detections(self._catalog, self._originals, self, path)
