"""Questions about entries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, Unpack

import numpy as np
import numpy.typing as npt

from iidindex.catalog.catalogue import Catalog
from iidindex.errors import QueryError
from iidindex.masks.regions import Bool2D
from iidindex.model import BBox, BBoxLike
from iidindex.query.answers.entry import Chunk, Entry
from iidindex.query.answers.hit_columns import columns_of
from iidindex.query.answers.records import Records, Tabular
from iidindex.query.pixels.originals import OnStale, Originals
from iidindex.query.pixels.sift import read_masks
from iidindex.query.question.asked import Filters
from iidindex.query.question.asking import Question, places_of
from iidindex.query.question.filters import Where, with_filters
from iidindex.query.question.nearest import NearestQuestion
from iidindex.rows import ENTRY, FILE, NEAREST, Kind

if TYPE_CHECKING:
    import pyarrow

    from iidindex.query.answers.indexed_file import IndexedFile
    from iidindex.query.heat.coverage import Heat
    from iidindex.query.overlaps.overlap import Overlaps


class Entries(Tabular):
    """A question about entries: ``index.entries``.

    It is immutable. Nothing runs until an answer is asked for.

    Iterating returns the hits by their ids: file by file, and by key within a file.
    """

    def __init__(self, catalog: Catalog, originals: Originals, filters: Filters) -> None:
        self._catalog = catalog
        self._originals = originals
        self._filters = filters

    @with_filters
    def where(self, **wanted: Unpack[Where]) -> Self:
        """Narrow the question down. An entry must fit every argument that is given.

        Parameters
        ----------
        FILTERS

        Raises
        ------
        QueryError
            If an argument is not valid.
        """
        return self._with(self._filters.where(**wanted))

    def at(
        self,
        x: int,
        y: int,
        *,
        exact: bool = True,
        on_stale: OnStale | None = None,
        jobs: int | None = None,
    ) -> Self:
        """Ask for masks that hold the pixel in column `x`, row `y`.

        With ``exact=False``, ask for boxes that hold it; then no original file is read. `on_stale`
        and `jobs` are those of `reading`.
        """
        for name, value in (("x", x), ("y", y)):
            if not hasattr(value, "__index__"):
                raise QueryError(f"{name} must be an integer, not {value!r}")
        return self.region((y, x, y + 1, x + 1), exact=exact, on_stale=on_stale, jobs=jobs)

    def region(
        self,
        bbox: BBoxLike,
        *,
        exact: bool = True,
        on_stale: OnStale | None = None,
        jobs: int | None = None,
    ) -> Self:
        """Ask for masks that have a pixel inside a box.

        Parameters
        ----------
        bbox : sequence of int
            ``(minr, minc, maxr, maxc)``, half-open, pixels.
        exact : bool
            If False, ask for boxes that share a pixel with it; then no original file is read.
        on_stale : {"error", "skip", "warn"}, optional
        jobs : int, optional
            As in `reading`.
        """
        return self._with(self._filters.within(bbox, exact).reading(on_stale, jobs))

    def nearest(
        self,
        x: int,
        y: int,
        k: int = 1,
        *,
        on_stale: OnStale | None = None,
        jobs: int | None = None,
    ) -> Self:
        """Ask for the `k` masks nearest to the pixel in column `x`, row `y`, nearest first.

        The distance is Euclidean, in pixels, to the nearest pixel of the mask, and 0 inside; each
        hit has it as ``distance``. Of hits at equal distances, the lower id comes first. Empty
        masks are never found. `on_stale` and `jobs` are those of `reading`.
        """
        return self._with(self._filters.nearest(x, y, k).reading(on_stale, jobs))

    def order_by(self, *names: str) -> Self:
        """Ask for an order: ``path key area address domain``, with ``-`` for descending.

        ``meta.camera.iso`` is the value that the file's metadata have under these names. A name
        that contains a dot stands in double quotes. Numbers come first, then text, false, true,
        and then lists and mappings, which all count as equal. Whole numbers of more than 64 bits
        are compared as floats. Files without the value, or with null, come last, also in a
        descending order. Hits that tie come in the order that they have without ``order_by``.
        """
        return self._with(self._filters.ordered(names))

    @property
    def is_ordered(self) -> bool:
        """Whether an order was asked for."""
        return bool(self._filters.order_by)

    def limit(self, limit: int) -> Self:
        """Ask for at most this many."""
        return self._with(self._filters.limited(limit))

    def after(self, entry: Entry | int) -> Self:
        """Ask for what comes after an entry, or its id, in the order without `order_by`.

        With `limit`, this reads many hits page by page. `after_place` does so in any order.
        """
        if not isinstance(entry, (Entry, int, np.integer)):
            raise QueryError(f"after must be an entry or its id, not {entry!r}")
        number = entry.id if isinstance(entry, Entry) else int(entry)
        return self._with(self._filters.following(number))

    def reading(self, *, on_stale: OnStale | None = None, jobs: int | None = None) -> Self:
        """Say how original files are read.

        Parameters
        ----------
        on_stale : {"error", "skip", "warn"}, optional
            What to do with files that cannot be read or have changed: raise an error (the
            default); leave their entries out; or leave them out with a warning.
        jobs : int, optional
            The number of processes that compare pixels and count overlaps; 1 by default. Starting
            them takes time. With masks 16 pixels across, two processes compare 600,000 of them in
            0.86 of the time of one, but 26,000 in 1.4 times the time. `nearest` starts them only
            for tens of thousands of masks, and gained nothing by them when all files were cached.
        """
        return self._with(self._filters.reading(on_stale, jobs))

    @property
    def on_stale(self) -> OnStale:
        """What is done with files that have changed; see `reading`."""
        return self._filters.on_stale

    @property
    def filters(self) -> Filters:
        """The filters, for code that answers other questions about the same entries."""
        return self._filters

    def _with(self, filters: Filters) -> Self:
        return type(self)(self._catalog, self._originals, filters)

    def __getstate__(self) -> tuple[dict[str, Any], Filters]:
        return self._catalog.arguments, self._filters

    def __setstate__(self, state: tuple[dict[str, Any], Filters]) -> None:
        arguments, self._filters = state
        # In another process, connections and handles are opened anew.
        self._catalog, self._originals = Catalog(**arguments), Originals()

    # ---------------------------------------------------------------- answers

    @contextmanager
    def _asked(self) -> Iterator[Question | NearestQuestion]:
        kind = Question if self._filters.near is None else NearestQuestion
        with self._catalog.reading() as connection:
            yield kind(connection, self._originals, self._filters)

    def __len__(self) -> int:
        # A count is a question that takes its time, and list() would ask it, too.
        raise TypeError("a question has no length; call entries.count()")

    def __getitem__(self, place: object) -> Entry:
        raise TypeError(
            f"a question has no [{place!r:.50}]; ask entries.first(), entries.limit(n), or iterate"
        )

    def __bool__(self) -> bool:
        # Whether there are hits is for `exists` to say.
        return True

    def exists(self) -> bool:
        """Whether there is any hit."""
        return self.first() is not None

    def count(self) -> int:
        """How many hits there are."""
        with self._asked() as question:
            return question.count()

    def first(self) -> Entry | None:
        """The first hit, or None."""
        return next(iter(self.limit(1)), None)

    def ids(self) -> npt.NDArray[np.int64]:
        """The ids of the hits, in their order: int64, shape (n,)."""
        with self._asked() as question:
            return question.ids()

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """All hits as columns.

        Returns
        -------
        dict of str to ndarray, each of n rows
            ``id key area offset length`` (int64), ``bbox`` (int64, shape (n, 4)), ``path
            location`` (str), ``address domain`` (bytes; ``b""`` for no domain), and
            ``distance`` (float64) if `nearest` was asked. Text and bytes are objects.
        """
        with self._asked() as question:
            rows = [row for part in question.rows() for row in part]
        return columns_of(rows, has_distance=self._filters.near is not None)

    def __iter__(self) -> Iterator[Entry]:
        with self._asked() as question:
            for rows in question.rows():
                chunk = Chunk(self._catalog, self._originals, rows, question.connection)
                yield from (Entry(row, chunk, *row[18:]) for row in rows)

    def _kind_of_rows(self) -> Kind:
        return ENTRY if self._filters.near is None else NEAREST

    def _batches(self, kind: Kind) -> Iterator[pyarrow.RecordBatch]:
        from iidindex.query.answers.arrow import batches_of_entries

        with self._asked() as question:
            yield from batches_of_entries(kind, question.connection, question.rows())

    def masks(self, *, on_stale: OnStale | None = None) -> Iterator[tuple[Entry, Bool2D]]:
        """Read the masks of all hits, many at a time, sorted by file and offset.

        Parameters
        ----------
        on_stale : {"error", "skip", "warn"}, optional
            As in `reading`.

        Yields
        ------
        (Entry, ndarray of bool, shape (height, width))
            Small neighbouring masks share memory. Copy a mask that you keep for long.

        Raises
        ------
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`.
        """
        filters = self._filters.reading(on_stale, None)
        if filters.order_by or filters.near is not None:
            raise QueryError("masks come in the order of their files; leave order_by out")
        with self._with(filters)._asked() as question:
            for rows in question.rows():
                chunk = Chunk(self._catalog, self._originals, rows, question.connection)
                segments, files = places_of(rows)
                for place, mask in read_masks(self._originals, files, segments, filters.on_stale):
                    yield Entry(rows[place], chunk), mask

    def overlaps(
        self,
        *,
        between: tuple[bytes, bytes] | None = None,
        a_group: str | Iterable[str] | None = None,
        b_group: str | Iterable[str] | None = None,
        min_iou: float | None = None,
        a_in_b: tuple[float | None, float | None] | None = None,
        b_in_a: tuple[float | None, float | None] | None = None,
        within: int | None = None,
        order_by: str | Iterable[str] | None = None,
        limit: int | None = None,
        across: tuple[str, str] | None = None,
        store: bool = False,
        jobs: int | None = None,
        progress: Callable[[Any], object] | None = None,
    ) -> Overlaps:
        """Count the shared pixels of the hits that overlap, within each file.

        Parameters
        ----------
        between : (bytes, bytes), optional
            The domain of `a` and the domain of `b`; ``b""`` for none.
        a_group, b_group : str or iterable of str, optional
            `a` is in any of the first groups; `b` is in any of the second.
        min_iou : float, optional
            The smallest intersection over union (IoU).
        a_in_b, b_in_a : (float, float), optional
            The smallest and largest fraction of one in the other, both included; None: no limit.
        within : int, optional
            Also find pairs at most this many pixels apart: the larger of rows and columns
            (Chebyshev distance). Pixels that touch, even at a corner, are 1 apart.
        order_by : str or iterable of str, optional
            ``pixels iou a_in_b b_in_a distance a_area b_area``, with ``-`` for descending.
        limit : int, optional
            The largest number of pairs.
        across : (str, str), optional
            Two files of one picture to compare: `a` is in the first, `b` in the second.
        store : bool
            Store the overlaps in the index, for whole files only: filter by `path`, `root` or
            `meta`. They are counted again only after an ingest has found that the file has
            changed.
        jobs : int, optional
            As in `reading`.
        progress : callable, optional
            Called while they are stored, with an object that has ``files``, ``total`` and a
            ``str``.

        Returns
        -------
        Overlaps
            An iterator of `Overlap`, ``a b pixels iou a_in_b b_in_a distance``; sorted by file,
            then by keys. ``a.key < b.key``, unless `a` and `b` are asked for different things.
            Then two entries that both fit both are two pairs. ``count`` returns their number.

        Raises
        ------
        QueryError
            If the question has an order or a limit, an argument is not valid, or `store` is used
            with filters that choose a part of a file.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`.
        """
        from iidindex.query.overlaps import counting, storing
        from iidindex.query.overlaps.pair_filters import PairFilters

        wanted = PairFilters.read(
            between, (a_group, b_group), min_iou, (a_in_b, b_in_a), within, order_by, limit, across
        )
        filters = self._filters.reading(None, jobs)
        if store:
            storing.store(self._catalog, self._originals, filters, progress)
        return counting.overlaps(self._catalog, self._originals, filters, wanted)

    def files_without_overlaps(self) -> Records[IndexedFile]:
        """The files whose overlaps ``overlaps(store=True)`` would count and store.

        Raises
        ------
        QueryError
            If the filters choose a part of a file.
        """
        from iidindex.query.overlaps import storing

        return Records(FILE, storing.to_store(self._catalog, self._filters), self._catalog)

    def heat(self, *, size: int = 1024, crop: BBoxLike | None = None, fit: bool = False) -> Heat:
        """Count how many masks cover each place, over all files.

        Parameters
        ----------
        size : int
            The largest number of cells along the longer side. In a small frame, a cell is a pixel.
        crop : sequence of int, optional
            ``(minr, minc, maxr, maxc)``, half-open, pixels: count in this part. By default, in the
            frame from row 0, column 0 that holds all masks and all frames that metadata state.
        fit : bool
            Count in the part of the frame that holds the boxes of all masks.

        Returns
        -------
        Heat
            ``counts``, int64 of shape (h, w), exact; ``grid``, the places of the cells; ``mean``,
            masks per pixel of each cell; ``entries``, how many; ``file_ids``, of which files.

        Raises
        ------
        QueryError
            If the question has an order or asks for the nearest, or an argument is wrong.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`.
        """
        from iidindex.query.heat.coverage import heat

        box = None if crop is None else BBox.of(crop, "crop")
        return heat(self._catalog, self._originals, self._filters, size, box, fit)

    def explain(self) -> str:
        """The plan that was chosen, the SQL, and the database's plan for it."""
        # Those near a pixel are looked for in squares around it, among these.
        filters = replace(self._filters, near=None)
        with self._catalog.reading() as connection:
            return Question(connection, self._originals, filters).explain()

    def why_nothing(self, show: Callable[[bytes], str] = repr) -> str | None:
        """Name the first thing in this question that is nowhere in the index.

        It runs some questions of its own, so call it only if nothing was found.

        Parameters
        ----------
        show : callable
            Writes addresses and domains.

        Returns
        -------
        str or None
            A line of text, with a similar name or the place of the masks. None if everything that
            is named is there, but not together.
        """
        from iidindex.query.question.diagnosis import why_nothing

        return why_nothing(self._catalog, self._filters, show)

    def unknown_exclusions(self, show: Callable[[bytes], str] = repr) -> list[str]:
        """Names that this question excludes, as `not_group` does, and that are nowhere.

        They exclude nothing. That may be right, or they may be misspelt.

        Parameters
        ----------
        show : callable
            How domains are written.

        Returns
        -------
        list of str
            A line of text for each filter that has such a name, with a similar name.
        """
        from iidindex.query.question.diagnosis import unknown_exclusions

        return unknown_exclusions(self._catalog, self._filters, show)

    def __repr__(self) -> str:
        return f"<Entries {self._filters}>"
