"""Answers as a map-style data set: an item for each number, read when it is asked for."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NotRequired, SupportsIndex, TypeAlias, TypedDict

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from iidindex.catalog.catalogue import Catalog, Elsewhere
from iidindex.catalog.dialect import Text
from iidindex.catalog.file_rows import groups_of_entries
from iidindex.catalog.lookup import numbers
from iidindex.errors import QueryError, SourceError
from iidindex.exchange.chosen import KnownFile, files_without_entries, known_files
from iidindex.exchange.number_list import NumberList
from iidindex.masks.regions import Bool2D
from iidindex.model import IID, BBox, BufLoc
from iidindex.query.pixels.frames import image_of
from iidindex.query.pixels.originals import OnStale, Originals, tell
from iidindex.query.pixels.segments import Original
from iidindex.query.pixels.sift import believed_mask, read_masks
from iidindex.query.question import compile as sql
from iidindex.query.question.asked import Filters
from iidindex.query.question.asking import Question, places_of
from iidindex.query.question.nearest import NearestQuestion

Ints: TypeAlias = npt.NDArray[np.int64]
By: TypeAlias = Literal["picture", "entry", "individual"]

_OWNERS = {
    "picture": Text(
        "SELECT {nth}, e.file_id FROM {rows} {then} entries e ON e.id = {value} ORDER BY {nth}"
    ),
    "individual": Text(
        "SELECT {nth}, e.iid_id FROM {rows} {then} entries e ON e.id = {value} ORDER BY {nth}"
    ),
}
# Entries whose owners are looked up together.
_TOGETHER = 1 << 17


class Item(TypedDict):
    """What a `Dataset` has under a number; n masks, in the order of the question."""

    masks: list[Bool2D]
    boxes: Ints
    areas: Ints
    iids: list[IID]
    keys: Ints
    path: str | list[str]
    image: str | list[str | None] | None
    meta: Any
    groups: NotRequired[list[tuple[str, ...]]]


class Dataset:
    """The hits of a question, item by item: `Entries.dataset`.

    It has a length, and its items are numbered, like PyTorch's map-style data sets
    (https://docs.pytorch.org/docs/stable/data.html). It does not need PyTorch. It consists of a
    few arrays of numbers. When an item is asked for, only the bytes of its masks are read. It can
    be pickled, and opens the index again in the other process. A forked process uses files and
    connections of its own.

    Items are in the order of their first masks in the question. They are dictionaries:

    - ``masks``: list of n ndarrays of bool, each of shape (height, width) of its box;
    - ``boxes``: ndarray of int64, shape (n, 4), ``(minr, minc, maxr, maxc)``, half-open, pixels;
    - ``areas``, ``keys``: ndarrays of int64, shape (n,), pixels, and keys in the file;
    - ``iids``: list of n `IID`;
    - ``path``: of the file, inside its root;
    - ``image``: the path of the picture, or None if the metadata name none that is there;
    - ``meta``: the metadata of the file.
    - ``groups``, if they were asked for: list of n tuples of str, sorted: the groups of each mask.

    If items are individuals, path, image and metadata are lists of n, one for each mask. Asking
    for an item raises the errors of `Entry.mask`, unless ``on_stale`` says otherwise; then masks
    that cannot be read are left out. If an ingest has changed its entries since then, it raises a
    `QueryError`.
    """

    def __init__(
        self,
        catalog: Catalog | Elsewhere,
        originals: Originals,
        by: By,
        on_stale: OnStale,
        listed: tuple[NumberList, NumberList, NumberList],
        has_groups: bool = False,
    ) -> None:
        self._catalog = catalog
        self._originals = originals
        self._process = os.getpid()
        self._by = by
        self._on_stale = on_stale
        self._has_groups = has_groups
        # Of entries; where each item begins among them, and where all end; of files without any.
        self._ids, self._begins, self._empty = listed

    def __len__(self) -> int:
        return len(self._begins) - 1 + len(self._empty)

    def __getitem__(self, number: SupportsIndex) -> Item:
        """Read an item.

        Parameters
        ----------
        number : int
            From 0 on, or from -1 down, the last first.

        Raises
        ------
        IndexError
            If there is no such item.
        QueryError
            If an ingest has changed or removed its entries since the question was asked.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`, unless ``on_stale`` allows it: then masks of such files are not in the
            item, which may be left without any.
        """
        nth = operator.index(number)
        if not -len(self) <= nth < len(self):
            raise IndexError(f"there is no item {nth}; the data set has {len(self)}")
        nth %= len(self)
        if nth >= len(self._begins) - 1:
            return self._without_masks(nth)
        low, high = self._begins.take(nth, nth + 2).tolist()
        ids = self._ids.take(low, high)
        with self._catalog.reading() as connection:
            found = sql.hits_of().run(connection, {"ids": ids}).fetchall()
            by_id = {row[0]: row for row in found}
            if len(by_id) < len(ids):
                raise _changed(nth)
            rows = [by_id[entry_id] for entry_id in ids.tolist()]
            files = known_files(connection, list({row[1] for row in rows}))
            groups = _groups_of(connection, rows) if self._has_groups else None
        return self._item(rows, files, groups)

    def __iter__(self) -> Iterator[Item]:
        return (self[nth] for nth in range(len(self)))

    def _item(
        self,
        rows: Sequence[Sequence[Any]],
        files: dict[int, KnownFile],
        groups: list[tuple[str, ...]] | None,
    ) -> Item:
        segments, places = places_of(rows)
        originals, on_stale = self._of_this_process(), self._on_stale
        if len(rows) == 1:
            masks = _one_mask(originals, places[rows[0][1]], rows[0], on_stale)
        else:
            masks = dict(read_masks(originals, places, segments, on_stale))
        kept = sorted(masks)
        known = {file_id: _told(file) for file_id, file in files.items()}
        told: tuple[Any, Any, Any] = known[rows[0][1]]
        if self._by == "individual":
            of_each = [known[rows[place][1]] for place in kept]
            told = tuple([one[column] for one in of_each] for column in range(3))  # type: ignore[assignment]
        path, image, meta = told
        item = Item(
            masks=[masks[place] for place in kept],
            boxes=segments.bbox[kept],
            areas=segments.area[kept],
            iids=[IID(*rows[place][10:12]) for place in kept],
            keys=segments.key[kept],
            path=path,
            image=image,
            meta=meta,
        )
        if groups is not None:
            item["groups"] = [groups[place] for place in kept]
        return item

    def _without_masks(self, nth: int) -> Item:
        first = nth - (len(self._begins) - 1)
        (file_id,) = self._empty.take(first, first + 1).tolist()
        with self._catalog.reading() as connection:
            found = known_files(connection, [file_id])
        if not found:
            raise _changed(nth)
        path, image, meta = _told(found[file_id])
        none = np.empty(0, np.int64)
        item = Item(
            masks=[],
            boxes=none.reshape(0, 4),
            areas=none,
            iids=[],
            keys=none,
            path=path,
            image=image,
            meta=meta,
        )
        if self._has_groups:
            item["groups"] = []
        return item

    def _of_this_process(self) -> Originals:
        if self._process != os.getpid():
            # What the parent has open is its own. (The catalogue sees to its connections.)
            self._originals, self._process = Originals(), os.getpid()
        return self._originals

    @staticmethod
    def collate(items: Sequence[Item]) -> dict[str, list[Any]]:
        """Join items to a batch: a dictionary with a list of the items' values under each name.

        A ``DataLoader`` takes it as ``collate_fn``. Masks differ in size and number, so they
        cannot be stacked.
        """
        has_groups = bool(items) and "groups" in items[0]
        names = [name for name in Item.__annotations__ if name != "groups" or has_groups]
        return {name: [item[name] for item in items] for name in names}  # type: ignore[literal-required]

    def __reduce__(self) -> tuple[Callable[..., Dataset], tuple[Any, ...]]:
        catalog = self._catalog
        elsewhere = catalog if isinstance(catalog, Elsewhere) else catalog.elsewhere
        listed = (self._ids, self._begins, self._empty)
        of = (elsewhere, self._originals, self._by, self._on_stale, listed, self._has_groups)
        return Dataset, of

    def __repr__(self) -> str:
        return f"<Dataset of {len(self)} by {self._by}, {len(self._ids)} masks>"


def dataset(
    question: Question | NearestQuestion,
    catalog: Catalog,
    originals: Originals,
    filters: Filters,
    by: By,
    groups: bool = False,
) -> Dataset:
    """List what a question finds, which is being asked; see `Entries.dataset`."""
    if by not in ("picture", "entry", "individual"):
        raise QueryError(f"by is {by!r}; expected picture, entry or individual")
    if not isinstance(groups, bool):
        raise QueryError(f"groups is {groups!r}; expected True or False (`where` chooses groups)")
    ids = question.ids()
    empty = np.empty(0, np.int64)
    begins = np.arange(len(ids) + 1)
    if by != "entry":
        order, begins = _together(owners_of(question.connection, by, ids))
        ids = ids[order]
    if by == "picture":
        empty = np.array(files_without_entries(question.connection, filters), np.int64)
    listed = (NumberList(ids), NumberList(begins), NumberList(empty))
    return Dataset(catalog, originals, by, filters.on_stale, listed, groups)


def owners_of(connection: Connection, by: str, ids: Ints) -> Ints:
    """The catalogue's number of each entry's file (``picture``) or ``individual``."""
    parts = [
        numbers(connection, _OWNERS[by], ids[low : low + _TOGETHER])[:, 1]
        for low in range(0, len(ids), _TOGETHER)
    ]
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _groups_of(connection: Connection, rows: Sequence[Sequence[Any]]) -> list[tuple[str, ...]]:
    """The groups of each row of ``HIT_COLUMNS``, sorted."""
    spans: dict[int, tuple[int, int]] = {}
    for row in rows:
        low, high = spans.get(row[1], (row[0], row[0]))
        spans[row[1]] = min(low, row[0]), max(high, row[0])
    found: dict[int, list[str]] = {row[0]: [] for row in rows}
    wanted = [(file_id, *span) for file_id, span in spans.items()]
    for entry_id, name in groups_of_entries(connection, wanted):
        if entry_id in found:
            found[entry_id].append(name)
    return [tuple(sorted(found[row[0]])) for row in rows]


def _together(owners: Ints) -> tuple[Ints, Ints]:
    """Bring entries of one owner together, in the order in which each owner comes first.

    Returns
    -------
    order : ndarray of int64, shape (n,)
    begins : ndarray of int64, shape (number of owners + 1,)
    """
    _, first, nth, sizes = np.unique(
        owners, return_index=True, return_inverse=True, return_counts=True
    )
    place = np.empty(len(first), np.int64)
    by_first = np.argsort(first)
    place[by_first] = np.arange(len(first))
    order = np.argsort(place[nth], kind="stable")
    return order, np.append(0, np.cumsum(sizes[by_first]))


def _one_mask(
    originals: Originals, file: Original, row: Sequence[Any], on_stale: OnStale
) -> dict[int, Bool2D]:
    """The mask of a row of ``HIT_COLUMNS``, past all that pays for many; none, if it is stale."""
    key, box, area, place = row[2], BBox(*row[3:7]), row[7], BufLoc(*row[8:10])
    try:
        data = originals.read_one(file, key, box, area, place, row[16])
        return {0: believed_mask(file, data, key, box, area, None)}
    except SourceError as error:
        tell(error, on_stale)
        return {}


def _told(file: KnownFile) -> tuple[str, str | None, Any]:
    """Path, picture and metadata of a file."""
    meta = file.meta if isinstance(file.meta, dict) else {}
    return file.path, image_of(meta, file.location), file.meta


def _changed(nth: int) -> QueryError:
    return QueryError(
        f"item {nth}: its entries are no longer in the index; ask for the data set again"
    )
