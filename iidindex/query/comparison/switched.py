"""Which individuals exchange their places from one picture to the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from iidindex.catalog.lookup import Ids, iids_of
from iidindex.masks.boxes import BoxIndex
from iidindex.masks.intersections import overlapping
from iidindex.masks.measure import areas
from iidindex.masks.regions import Regions, join
from iidindex.masks.tiles import disjoint
from iidindex.processes import in_order
from iidindex.query.comparison.file_order import PicturesInOrder
from iidindex.query.pixels.originals import OnStale, Originals
from iidindex.query.pixels.segments import Ints, Original, Segments
from iidindex.query.pixels.sift import regions_of
from iidindex.query.question.asked import Filters
from iidindex.query.question.asking import Question, files_of

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

# Entries of pictures that are compared together, and such pictures.
_ENTRIES = 8192
_PICTURES = 512
# No picture has more rows.
_ROWS = 1 << 16

_COLUMNS = (
    *("id", "file_id", "key", "minr", "minc", "maxr", "maxc", "area", "offset", "length"),
    "checksum",
    "iid_id",
)


class Switches(NamedTuple):
    """Two individuals that exchange their places, as columns: one row for each two.

    Attributes
    ----------
    before, file_id : ndarray of int64, shape (n,)
        The file of the first picture, and that of the second.
    key, iid, other : ndarray of int64, shape (n,)
        The lowest key of one individual in the second, its id, and that of the other.
    iou : ndarray of float64, shape (n,)
        The smaller one of both overlaps across.
    """

    before: Ids
    file_id: Ids
    key: Ids
    iid: Ids
    other: Ids
    iou: Floats


class _Candidates(NamedTuple):
    """Entries of individuals that may have changed places, and which may have done so.

    ``picture`` and ``is_second`` say where an entry lies; ``a`` and ``b`` are individuals of a
    ``pair_picture``, ``a < b``.
    """

    segments: Segments
    iid: Ints
    picture: Ints
    is_second: Bools
    pair_picture: Ints
    a: Ints
    b: Ints


def switches(
    connection: Connection,
    originals: Originals,
    filters: Filters,
    pictures: PicturesInOrder,
    least: float,
) -> Iterator[Switches]:
    """Find individuals whose masks exchange places between a picture and the next one.

    Two individuals of one domain that are in both pictures have switched, if in the second one the
    mask of each has a larger IoU with the mask that the other had in the first than with its own
    there, and both of these IoUs are at least `least`. The masks that an individual has in one
    picture are united.

    Parameters
    ----------
    connection : Connection
    originals : Originals
    filters : Filters
        What is asked of entries; how originals are read.
    pictures : PicturesInOrder
    least : float

    Yields
    ------
    Switches
        Of some pictures after others.

    Notes
    -----
    Candidates are found by boxes; only their masks are read. In memory are the entries of some
    hundred pictures, or of two large ones.
    """
    # What is in one picture alone has nobody to exchange places with.
    edges = np.flatnonzero(pictures.folder[1:] == pictures.folder[:-1])

    def tasks() -> Iterator[tuple[_Candidates, tuple[object, ...]]]:
        for some in _portions(pictures, edges):
            found = _candidates(connection, filters, pictures, some)
            if len(found.a):
                files = files_of(connection, found.segments.file_id)
                yield found, (originals, files, found, least, filters.on_stale)

    for found, (pair, iou) in in_order(_exchanged, tasks(), filters.jobs):
        if len(pair):
            yield _told(pictures, found, pair, iou)


def _portions(pictures: PicturesInOrder, edges: Ints) -> Iterator[Ints]:
    """Cut pairs of consecutive pictures into runs with a bounded number of entries."""
    sizes = pictures.n_entries[edges] + pictures.n_entries[edges + 1]
    total = np.cumsum(sizes)
    begin = 0
    while begin < len(edges):
        room = (total[begin - 1] if begin else 0) + _ENTRIES
        end = int(np.searchsorted(total, room, side="right"))
        end = min(max(end, begin + 1), begin + _PICTURES)
        yield edges[begin:end]
        begin = end


def _candidates(
    connection: Connection, filters: Filters, pictures: PicturesInOrder, edges: Ints
) -> _Candidates:
    """Individuals each of whose boxes meets one of the other's in the picture beside it."""
    places = np.union1d(edges, edges + 1)
    file_ids = pictures.file_id[places]
    question = Question(connection, Originals(), filters.in_files(file_ids.tolist()))
    table = question.all_numbers(*_COLUMNS)
    by_id = np.argsort(file_ids)
    place = places[by_id[np.searchsorted(file_ids, table[:, 1], sorter=by_id)]]
    # Each entry is in a first picture, in a second one, or in both.
    first, second = (np.flatnonzero(np.isin(place - back, edges)) for back in (0, 1))
    rows = np.concatenate([first, second])
    is_second = np.arange(len(rows)) >= len(first)
    picture = place[rows] - is_second
    iid = table[rows, -1]
    individuals, who = np.unique(iid, return_inverse=True)
    code = picture * max(len(individuals), 1) + who
    stays = np.isin(code, np.intersect1d(code[~is_second], code[is_second]))
    rows, is_second, picture, who = rows[stays], is_second[stays], picture[stays], who[stays]
    bbox = table[rows, 3:7]
    number = max(len(individuals), 1)
    met: list[Ints] = [np.empty(0, np.int64)]
    for i, j in BoxIndex(bbox + _down(picture)).pairs():
        across = (is_second[i] != is_second[j]) & (who[i] != who[j])
        i, j = i[across], j[across]
        earlier, later = np.where(is_second[i], j, i), np.where(is_second[i], i, j)
        met.append(np.unique((picture[i] * number + who[earlier]) * number + who[later]))
    codes = np.unique(np.concatenate(met))
    rest, b = np.divmod(codes, number)
    pair_picture, a = np.divmod(rest, number)
    mutual = (a < b) & np.isin((pair_picture * number + b) * number + a, codes)
    pair_picture, a, b = pair_picture[mutual], a[mutual], b[mutual]
    domain = _domains(connection, individuals, np.union1d(a, b))
    same = domain[a] == domain[b]
    pair_picture, a, b = pair_picture[same], a[same], b[same]
    wanted = np.concatenate([pair_picture * number + a, pair_picture * number + b])
    chosen = np.isin(picture * number + who, wanted)
    segments = _segments(table[rows[chosen]])
    return _Candidates(
        segments,
        individuals[who[chosen]],
        picture[chosen],
        is_second[chosen],
        pair_picture,
        individuals[a],
        individuals[b],
    )


def _down(picture: Ints) -> Ints:
    """How far pictures are moved, so that masks of two do not meet."""
    _, nth = np.unique(picture, return_inverse=True)
    down: Ints = nth[:, np.newaxis] * np.array([_ROWS, 0, _ROWS, 0])
    return down


def _domains(connection: Connection, individuals: Ints, asked: Ints) -> Ints:
    """A number for the domain of each individual; −1 where it is not asked for."""
    found = np.full(len(individuals), -1, np.int64)
    numbers: dict[bytes | None, int] = {}
    named = iids_of(connection, individuals[asked])
    found[asked] = [numbers.setdefault(iid.domain, len(numbers)) for iid in named]
    return found


def _segments(table: Ints) -> Segments:
    entry_id, file_id, key, *_, area, offset, length, checksum, _ = np.ascontiguousarray(table.T)
    bbox = np.ascontiguousarray(table[:, 3:7])
    return Segments(entry_id, file_id, key, bbox, area, offset, length, checksum)


def _exchanged(
    originals: Originals,
    files: Mapping[int, Original],
    found: _Candidates,
    least: float,
    on_stale: OnStale,
) -> tuple[Ints, Floats]:
    """Which of the pairs have exchanged their places, and the smaller overlap across."""
    nodes, owner = _nodes(found)
    n = len(nodes.code)
    is_read = np.zeros(len(found.segments), np.bool_)
    parts = []
    for rows, table in regions_of(
        originals, files, found.segments, np.arange(len(found.segments)), on_stale
    ):
        is_read[rows] = True
        parts.append((rows[table.segment], table.regions))
    if not parts:
        return np.empty(0, np.int64), np.empty(0)
    row = np.concatenate([rows for rows, _ in parts])
    regions = join([regions for _, regions in parts])
    regions = Regions(regions.data, regions.start, regions.bbox + _down(found.picture)[row])
    side = np.zeros(n, np.bool_)
    side[owner] = found.is_second
    size = _united(regions, owner[row], n)
    one, other, pixels = overlapping(regions, owner[row], side)
    # Behind the last one lies what is never met.
    known, pixels = np.append(one * n + other, -1), np.append(pixels, 0)
    # Of an individual of which a mask cannot be believed, nothing is told.
    unread = np.isin(found.segments.file_id, found.segments.file_id[~is_read])
    doubtful = np.zeros(n, np.bool_)
    doubtful[owner[unread]] = True

    def iou(first: Ints, second: Ints) -> Floats:
        code = np.minimum(first, second) * n + np.maximum(first, second)
        at = np.searchsorted(known[:-1], code)
        both = np.where(known[at] == code, pixels[at], 0)
        either: Ints = size[first] + size[second] - both
        ratio: Floats = both / np.maximum(either, 1)
        return ratio

    a1, a2 = (nodes.of(found.pair_picture, late, found.a) for late in (False, True))
    b1, b2 = (nodes.of(found.pair_picture, late, found.b) for late in (False, True))
    forth, back = iou(a1, b2), iou(b1, a2)
    smaller = np.minimum(forth, back)
    # Each took the place of the other more than it kept its own, seen from either picture.
    moved = (forth > iou(a1, a2)) & (back > iou(b1, b2)) & (smaller >= least)
    for node in (a1, a2, b1, b2):
        moved &= ~doubtful[node]
    pair = np.flatnonzero(moved)
    return pair, smaller[pair]


class _Nodes(NamedTuple):
    """Individuals in pictures, each once, by sorted codes."""

    code: Ints
    pictures: Ints
    individuals: Ints

    def of(self, picture: Ints, is_second: bool | Bools, iid: Ints) -> Ints:
        """The numbers of individuals in the first or second of some pictures."""
        return np.searchsorted(self.code, self.code_of(picture, is_second, iid))

    def code_of(self, picture: Ints, is_second: bool | Bools, iid: Ints) -> Ints:
        """A number for each that differs from those of others."""
        place = np.searchsorted(self.pictures, picture) * 2 + is_second
        code: Ints = place * len(self.individuals) + np.searchsorted(self.individuals, iid)
        return code


def _nodes(found: _Candidates) -> tuple[_Nodes, Ints]:
    """The individuals of all entries, and for each entry, which it is."""
    nodes = _Nodes(np.empty(0, np.int64), np.unique(found.picture), np.unique(found.iid))
    code, owner = np.unique(
        nodes.code_of(found.picture, found.is_second, found.iid), return_inverse=True
    )
    return nodes._replace(code=code), owner


def _united(regions: Regions, owner: Ints, n: int) -> Ints:
    """The pixels of the masks of each owner together, each counted once."""
    pixels = areas(regions)
    size = np.bincount(owner, pixels, n).astype(np.int64)
    order = np.argsort(owner, kind="stable")
    several, first, number = np.unique(owner[order], return_index=True, return_counts=True)
    for who, begin, end in zip(
        several.tolist(), first.tolist(), (first + number).tolist(), strict=True
    ):
        if end - begin > 1:
            size[who] = int(areas(disjoint(regions[order[begin:end]])).sum())
    return size


def _told(pictures: PicturesInOrder, found: _Candidates, pair: Ints, iou: Floats) -> Switches:
    """Pairs in the order of their pictures, then of keys."""
    picture, a, b = found.pair_picture[pair], found.a[pair], found.b[pair]
    keys = [_lowest_keys(found, picture, who) for who in (a, b)]
    swapped = keys[1] < keys[0]
    key = np.minimum(*keys)
    a, b = np.where(swapped, b, a), np.where(swapped, a, b)
    order = np.lexsort((np.maximum(*keys), key, picture))
    return Switches(
        pictures.file_id[picture][order],
        pictures.file_id[picture + 1][order],
        key[order],
        a[order],
        b[order],
        iou[order],
    )


def _lowest_keys(found: _Candidates, picture: Ints, iid: Ints) -> Ints:
    """The lowest key that individuals have in the second of their pictures."""
    late = np.flatnonzero(found.is_second)
    order = late[np.lexsort((found.segments.key[late], found.iid[late], found.picture[late]))]
    number = int(found.iid.max()) + 1
    code = found.picture[order] * number + found.iid[order]
    first = np.searchsorted(code, picture * number + iid)
    return found.segments.key[order[first]]
