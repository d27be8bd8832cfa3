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
    """A question about entries: ``index.entries``. Immutable; nothing runs until it is asked.

    Iterating streams the hits in the order of their ids: file by file, and by key within a
    file.
    """

    def __init__(self, catalog: Catalog, originals: Originals, filters: Filters) -> None:
        self._catalog = catalog
        self._originals = originals
        self._filters = filters

    @with_filters
    def where(self, **wanted: Unpack[Where]) -> Self:
        """Narrow the question down; every argument that is given must fit.

        Parameters
        ----------
        FILTERS

        Raises
        ------
        QueryError
            If an argument has not its form.
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

        With ``exact=False``, for boxes that do; no original is read then. `on_stale` and
        `jobs` are those of `reading`.
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
            If False, ask for boxes that share a pixel with it; no original is read then.
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

        The distance is Euclidean, in pixels, to the nearest pixel of the mask, and 0 inside;
        each hit carries it as ``distance``. Of equal ones, the lower id comes first. Empty
        masks are near to nothing. `on_stale` and `jobs` are those of `reading`.
        """
        return self._with(self._filters.nearest(x, y, k).reading(on_stale, jobs))

    def order_by(self, *names: str) -> Self:
        """Ask for an order: ``path key area address domain``, with ``-`` for descending.

        ``meta.camera.iso`` is what the metadata of the file say under these names; one that has a
        dot itself stands in double quotes. Numbers come first, then text, false, true, and lists
        and mappings, which are all equal here. Whole numbers of more than 64 bits are compared as
        floats. Where nothing is said, or null, comes last, also in a descending order. What ties
        comes as it would without an order.
        """
        return self._with(self._filters.ordered(names))

    @property
    def is_ordered(self) -> bool:
        """Whether an order was asked for."""
        return bool(self._filters.order_by)

    def limit(self, limit: int) -> Self:
        """Ask for so many at the most."""
        return self._with(self._filters.limited(limit))

    def after(self, entry: Entry | int) -> Self:
        """Ask for what comes after an entry, or its id, in the order without `order_by`.

        With `limit`, this goes through many hits page by page; `after_place` does so in any order.
        """
        if not isinstance(entry, (Entry, int, np.integer)):
            raise QueryError(f"after must be an entry or its id, not {entry!r}")
        number = entry.id if isinstance(entry, Entry) else int(entry)
        return self._with(self._filters.following(number))

    def reading(self, *, on_stale: OnStale | None = None, jobs: int | None = None) -> Self:
        """Say how originals are read.

        Parameters
        ----------
        on_stale : {"error", "skip", "warn"}, optional
            What to do about files that cannot be read, or have changed since: raise an error,
            as without this; leave their entries out; or leave them out with a warning.
        jobs : int, optional
            Processes that look at pixels and count overlaps; 1 without this. They have to be
            started: of masks 16 pixels across, two processes look at 600,000 in 0.86 of the
            time, but at 26,000 in 1.4 times the time. `nearest` starts them only for tens of
            thousands of masks, and gained nothing by them where all files were cached.
        """
        return self._with(self._filters.reading(on_stale, jobs))

    @property
    def on_stale(self) -> OnStale:
        """What is done about files that have changed; see `reading`."""
        return self._filters.on_stale

    @property
    def filters(self) -> Filters:
        """What is asked, for those who answer other questions about the same entries."""
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
        raise TypeError("a question has no length yet; ask entries.count()")

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
                yield from (Entry(row, chunk, *row[17:]) for row in rows)

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
            Small neighbouring masks share memory: copy one that is to be kept alone for long.

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
            The domain of `a` and that of `b`; ``b""`` for none.
        a_group, b_group : str or iterable of str, optional
            `a` is in any of these groups; `b` is in any of those.
        min_iou : float, optional
            The least intersection over union.
        a_in_b, b_in_a : (float, float), optional
            Least and largest fraction of one that lies in the other, both included; None for open.
        within : int, optional
            Find pairs, too, that are so many pixels apart at the most. Pixels that touch, also at
            a corner, are 1 apart: it is the larger of rows and columns (Chebyshev distance).
        order_by : str or iterable of str, optional
            ``pixels iou a_in_b b_in_a distance a_area b_area``, with ``-`` for descending.
        limit : int, optional
            So many at the most.
        across : (str, str), optional
            Two files that are laid on one another: `a` is of the first, `b` of the second.
        store : bool
            Keep the overlaps in the catalogue, in the table ``overlaps``: of whole files only,
            so ask by `path`, `root` or `meta`. They are then not counted again until an
            ingest finds that the file has changed.
        jobs : int, optional
            As in `reading`.
        progress : callable, optional
            Called while they are stored, with something that has ``files`` and ``total`` and
            prints as a line of text.

        Returns
        -------
        Overlaps
            An iterator of `Overlap`, ``a b pixels iou a_in_b b_in_a distance``; by file, then by
            keys. ``a.key < b.key``, unless different things are asked of `a` and `b`: then two
            entries that both fit both are two pairs. ``count`` tells how many there are.

        Raises
        ------
        QueryError
            If the question has an order or a limit, an argument has not its form, or less than
            whole files is to be stored.
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
        """The files that ``overlaps(store=True)`` would count: those whose overlaps it lacks.

        Raises
        ------
        QueryError
            If less than whole files is asked for.
        """
        from iidindex.query.overlaps import storing

        return Records(FILE, storing.to_store(self._catalog, self._filters), self._catalog)

    def heat(self, *, size: int = 1024, crop: BBoxLike | None = None) -> Heat:
        """Count how many masks cover each place, over all files.

        Coordinates are those of the files, whatever the sizes of their pictures.

        Parameters
        ----------
        size : int
            Cells along the longer side at the most. A cell is a pixel, if that suffices.
        crop : sequence of int, optional
            ``(minr, minc, maxr, maxc)``, half-open, pixels: count in this part. Without it,
            in the smallest frame from row 0, column 0 that holds the masks and the frames
            that the metadata of their files tells, by ``height`` and ``width``.

        Returns
        -------
        Heat
            ``counts``, int64 of shape (h, w), exact; ``grid``, where the cells lie; ``mean``,
            masks per pixel of each cell; ``entries``, how many masks were counted.

        Raises
        ------
        QueryError
            If the question has an order or asks for the nearest, or `size` or `crop` is wrong.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`.
        """
        from iidindex.query.heat.coverage import heat

        box = None if crop is None else BBox.of(crop, "crop")
        return heat(self._catalog, self._originals, self._filters, size, box)

    def explain(self) -> str:
        """The way that was chosen, the SQL, and the plan the database makes for it."""
        # Those near a pixel are looked for in squares around it, among these.
        filters = replace(self._filters, near=None)
        with self._catalog.reading() as connection:
            return Question(connection, self._originals, filters).explain()

    def why_nothing(self, show: Callable[[bytes], str] = repr) -> str | None:
        """Name the first thing that this question asks for and that is nowhere in the index.

        It costs some questions of its own: ask it when nothing was found.

        Parameters
        ----------
        show : callable
            How addresses and domains are written.

        Returns
        -------
        str or None
            A line of text, with what is similar or where masks lie; None, if all that is named
            is there, but not together.
        """
        from iidindex.query.question.diagnosis import why_nothing

        return why_nothing(self._catalog, self._filters, show)

    def unknown_exclusions(self, show: Callable[[bytes], str] = repr) -> list[str]:
        """Names that this question excludes, as `not_group` does, and that are nowhere.

        They leave nothing out, which is as it should be, or they are misspelt.

        Parameters
        ----------
        show : callable
            How domains are written.

        Returns
        -------
        list of str
            A line of text for each filter that has one, with what is similar.
        """
        from iidindex.query.question.diagnosis import unknown_exclusions

        return unknown_exclusions(self._catalog, self._filters, show)

    def __repr__(self) -> str:
        return f"<Entries {self._filters}>"
