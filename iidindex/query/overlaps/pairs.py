"""Counting the shared pixels of segments, of many small files at once or of a large one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from iidindex.errors import IIDIndexError
from iidindex.masks.boxes import BoxIndex
from iidindex.masks.gaps import grown, near
from iidindex.masks.intersections import overlapping
from iidindex.masks.regions import Regions, join
from iidindex.query.pixels.originals import OnStale, Originals
from iidindex.query.pixels.segments import Ints, Original, Segments, concatenate
from iidindex.query.pixels.sift import regions_of

Bools = npt.NDArray[np.bool_]

# Bytes and numbers of segments that are taken together, if they are of several files.
_BATCH_BYTES = 8 << 20
_BATCH_SEGMENTS = 2048
# No picture has more rows.
_ROWS = 1 << 16


class Pairs(NamedTuple):
    """Pairs that overlap, as columns of int64: rows or ids of two entries, and shared pixels.

    ``unread`` are ids of files that could not be read, or come behind one that could not; what
    was wrong with that one is the ``error``, if it is to be one. ``distance`` is how far apart
    they are, where pairs were asked for that are near.
    """

    a: Ints
    b: Ints
    pixels: Ints
    unread: Ints
    error: IIDIndexError | None = None
    distance: Ints | None = None

    def among(self, chosen: Bools) -> Pairs:
        """Some of the pairs."""
        some = self._replace(a=self.a[chosen], b=self.b[chosen], pixels=self.pixels[chosen])
        return some if self.distance is None else some._replace(distance=self.distance[chosen])

    @property
    def columns(self) -> list[Ints]:
        """Both sides and the pixels, and the distance, if there is one."""
        return [*self[:3], *(() if self.distance is None else (self.distance,))]


NOTHING = np.empty(0, np.int64)


def whole_files(parts: Iterable[Segments]) -> Iterator[Segments]:
    """Cut segments in the order of their ids between files, a bounded part at a time."""
    waiting: list[Segments] = []
    for part in parts:
        if not len(part):
            continue
        # The last file may go on in the next part.
        is_last = part.file_id == part.file_id[-1]
        if not is_last.all():
            yield from _portions(concatenate([*waiting, part.take(~is_last)]))
            waiting = []
        elif waiting and waiting[-1].file_id[-1] != part.file_id[-1]:
            yield from _portions(concatenate(waiting))
            waiting = []
        waiting.append(part.take(is_last))
    if waiting:
        yield from _portions(concatenate(waiting))


def _portions(segments: Segments) -> Iterator[Segments]:
    opens = np.flatnonzero(np.diff(segments.file_id, prepend=-1))
    n_bytes = (np.cumsum(segments.length) - segments.length)[opens] // _BATCH_BYTES
    number = opens // _BATCH_SEGMENTS
    cuts = opens[np.flatnonzero(np.diff(n_bytes) | np.diff(number)) + 1]
    for rows in np.split(np.arange(len(segments)), cuts):
        yield segments.take(rows)


def count_up_to_error(
    originals: Originals,
    files: Mapping[int, Original],
    segments: Segments,
    on_stale: OnStale,
    within: int = 0,
) -> Pairs:
    """Count as `count_pairs`, file by file if something is wrong with one, up to that one."""
    try:
        return count_pairs(originals, files, segments, on_stale, within=within)
    except IIDIndexError:
        opens = np.flatnonzero(np.diff(segments.file_id)) + 1
    counted: list[Pairs] = [_none(NOTHING, within)]
    error = None
    for rows in np.split(np.arange(len(segments)), opens):
        try:
            found = count_pairs(originals, files, segments.take(rows), on_stale, within=within)
        except IIDIndexError as problem:
            error = problem
            counted.append(counted[0]._replace(unread=np.unique(segments.file_id[rows[0] :])))
            break
        counted.append(found._replace(a=rows[found.a], b=rows[found.b]))
    a, b, pixels, unread = (np.concatenate([one[nth] for one in counted]) for nth in range(4))
    distance = [one.distance for one in counted if one.distance is not None]
    return Pairs(a, b, pixels, unread, error, np.concatenate(distance) if distance else None)


def _none(unread: Ints, within: int) -> Pairs:
    """No pairs."""
    return Pairs(NOTHING, NOTHING, NOTHING, unread, None, NOTHING if within else None)


def count_pairs(
    originals: Originals,
    files: Mapping[int, Original],
    segments: Segments,
    on_stale: OnStale,
    is_own: Bools | None = None,
    picture: Ints | None = None,
    within: int = 0,
) -> Pairs:
    """Count the shared pixels of every two segments of one picture that overlap.

    Parameters
    ----------
    originals : Originals
    files : mapping of int to Original
    segments : Segments
        Of any files.
    on_stale : {"error", "skip", "warn"}
    is_own : ndarray of bool, shape (n,), optional
        Count only pairs of one of these and one of the others.
    picture : ndarray of int64, shape (n,), optional
        The number of the picture in which each lies; without this, that of its file. In one
        picture, the segments of several files are laid on one another.
    within : int
        Find pairs, too, that are so many pixels apart at the most, as `near` says.

    Returns
    -------
    Pairs
        ``a`` and ``b`` are rows of `segments`, ``a < b``.
    """
    # Pictures laid one below the other, so that masks of two do not meet.
    number = segments.file_id if picture is None else picture
    _, nth_picture = np.unique(number, return_inverse=True)
    down = nth_picture[:, np.newaxis] * (np.array([1, 0, 1, 0]) * (_ROWS + within))
    # What meets nothing need not be read.
    meet = np.zeros(len(segments), np.bool_)
    for i, j in BoxIndex(grown(segments.bbox + down, within)).pairs():
        across = slice(None) if is_own is None else is_own[i] != is_own[j]
        meet[i[across]] = True
        meet[j[across]] = True
    parts = list(regions_of(originals, files, segments, np.flatnonzero(meet), on_stale))
    for rows, _ in parts:
        meet[rows] = False
    unread = np.unique(segments.file_id[meet])
    if not parts:
        return _none(unread, within)
    owner = np.concatenate([rows[table.segment] for rows, table in parts])
    found = [table.regions for _, table in parts]
    joined = found[0] if len(found) == 1 else join(found)
    regions = Regions(joined.data, joined.start, joined.bbox + down[owner])
    if within:
        a, b, pixels, distance = near(regions, owner, within, is_own)
        pairs = Pairs(a, b, pixels, unread, None, distance)
    else:
        pairs = Pairs(*overlapping(regions, owner, is_own), unread)
    if len(unread):
        # Nothing of a file is believed of which a part is not.
        bad = np.isin(segments.file_id, unread)
        pairs = pairs.among(~(bad[pairs.a] | bad[pairs.b]))
    return pairs
