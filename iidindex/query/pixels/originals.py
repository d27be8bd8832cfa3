"""Reading masks from the original files, and noticing when those are no longer the same."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from iidindex.buffers import Bytes, as_bytes
from iidindex.codec import layout
from iidindex.codec.checksum import checksums
from iidindex.codec.reader import Ints, heads_at
from iidindex.columns import FileColumns
from iidindex.errors import (
    DamagedFileError,
    IIDFormatError,
    SourceError,
    SourceNotFoundError,
    StaleFileError,
)
from iidindex.model import BBox, BufLoc, FileStamp
from iidindex.query.pixels.segments import Original, Segments
from iidindex.storage.places import stamps_at, storage_at
from iidindex.storage.protocol import Filling, OneByOne, Storage, Wanted, shorter, stale
from iidindex.time_limit import check_time

# Bytes between two segments that are read along with them; a storage may read more along.
_GAP = 4096
_OTHER_BYTES = "its bytes are not those that were indexed"

# More than any offset in a file can be.
_FAR = 1 << 40

OnStale: TypeAlias = Literal["error", "skip", "warn"]


class Read(NamedTuple):
    """What was read: one buffer, and where each segment lies in it.

    ``is_there`` tells which segments could be read; the others have no bytes.
    """

    data: Bytes
    offset: Ints
    length: Ints
    is_there: npt.NDArray[np.bool_]


class Originals:
    """The original files, wherever they lie. May be shared by threads.

    Sent to another process, they are those that this process has open.
    """

    def __init__(self) -> None:
        self._readers: dict[Storage, Filling] = {}
        # The last file whose segments repeat other keys than its lookup table has.
        self._odd: tuple[Original, FileColumns] | None = None

    def read(
        self,
        files: Mapping[int, Original],
        wanted: Segments,
        on_stale: OnStale = "error",
    ) -> Read:
        """Read segments, neighbours together.

        Parameters
        ----------
        files : mapping of int to Original
            By id.
        wanted : Segments
            Ordered by file and offset.
        on_stale : {"error", "skip", "warn"}
            What to do about files that cannot be read, or are not those that were indexed.

        Returns
        -------
        Read

        Raises
        ------
        SourceNotFoundError, SourceError
            If a file is not there or cannot be read.
        StaleFileError
            If it is not the file that was indexed.
        DamagedFileError
            If a segment has other bytes than those whose checksum was recorded.
        """
        check_time()
        is_other = np.ones(len(wanted), np.bool_)
        np.not_equal(wanted.file_id[1:], wanted.file_id[:-1], out=is_other[1:])
        # Files laid one behind the other, far apart.
        begin = wanted.offset + np.cumsum(is_other) * _FAR
        end = begin + wanted.length
        is_first = is_other.copy()
        is_first[1:] |= begin[1:] > np.maximum.accumulate(end)[:-1] + _GAP
        opens = np.flatnonzero(is_first)
        start = wanted.offset[opens]
        size = np.maximum.reduceat(end, opens) - begin[opens] if len(opens) else opens
        end_of = np.cumsum(size)
        data = np.empty(int(end_of[-1]) if len(opens) else 0, np.uint8)
        ranges = [*zip(start.tolist(), size.tolist(), strict=True)]
        begins = (end_of - size).tolist()
        edges = [*np.flatnonzero(is_other[opens]).tolist(), len(opens)]
        file_ids = wanted.file_id[is_other].tolist()
        of_file: list[Wanted] = [
            (*files[one], ranges[low:high], begins[low])
            for one, (low, high) in zip(file_ids, pairwise(edges), strict=True)
        ]
        is_read = np.ones(len(opens), np.bool_)
        for nth, error in self._filled(of_file, data.data).items():
            tell(error, on_stale)
            is_read[edges[nth] : edges[nth + 1]] = False
        run_of = np.cumsum(is_first) - 1
        moved = end_of - size - start
        found = Read(data, wanted.offset + moved[run_of], wanted.length, is_read[run_of])
        return self._checked(files, wanted, found, on_stale)

    def read_one(
        self, file: Original, key: int, bbox: BBox, area: int, place: BufLoc, checksum: int = 0
    ) -> Bytes:
        """Read one segment; `read` takes several times as long, for one or for some.

        Parameters
        ----------
        file : Original
        key, bbox, area : int, BBox, int
            What the catalogue knows of the segment.
        place : BufLoc
            Where it lies.
        checksum : int
            Of its bytes; 0 if that is not known.

        Raises
        ------
        SourceNotFoundError, SourceError, StaleFileError, DamagedFileError
            As `read`.
        """
        try:
            reader = self._reader(storage_at(file.location))
            (piece,) = reader.read(file.location, file.stamp, [place])
        except SourceNotFoundError:
            raise _gone(file.location) from None
        if len(piece) != place.length:
            raise shorter(file.location)
        now, *inside = layout.SEGMENT_HEAD_STRUCT.unpack_from(piece)
        differs = inside != [*bbox, area]
        if now != key and not differs:
            wanted = Segments.of([(0, 0, key, *bbox, area, *place, 0)])
            differs = bool(self._renumbered(file, wanted)[0])
        if differs:
            raise _other(file, (key, *bbox, area), (now, *inside))
        data = as_bytes(piece)
        if checksum and checksums(data, np.array([0]), np.array([len(data)]))[0] != checksum:
            raise damaged(file, key, _OTHER_BYTES)
        return data

    def changed(
        self, files: Mapping[int, Original], file_ids: Ints, on_stale: OnStale
    ) -> list[int]:
        """Which files are not those that were indexed; none is opened.

        Raises
        ------
        SourceNotFoundError, SourceError, StaleFileError
            As `read`.
        """
        found = []
        ids = file_ids.tolist()
        stamps = stamps_at([files[file_id].location for file_id in ids])
        for file_id, stamp in zip(ids, stamps, strict=True):
            file = files[file_id]
            if stamp == file.stamp:
                continue
            error = stale(*file, stamp) if isinstance(stamp, FileStamp) else stamp
            is_gone = isinstance(error, SourceNotFoundError)
            tell(_gone(file.location) if is_gone else error, on_stale)
            found.append(file_id)
        return found

    def check(self, file: Original) -> None:
        """Check that a file is the one that was indexed, without opening it.

        Raises
        ------
        SourceNotFoundError, SourceError, StaleFileError
            As `read`.
        """
        self.changed({0: file}, np.zeros(1, np.int64), "error")

    def _filled(self, wanted: Sequence[Wanted], out: memoryview) -> dict[int, SourceError]:
        """Read ranges of many files; what was wrong with each that is not what was indexed."""
        by_storage: dict[Storage, list[int]] = {}
        for nth, one in enumerate(wanted):
            by_storage.setdefault(storage_at(one[0]), []).append(nth)
        failed: dict[int, SourceError] = {}
        for storage, places in by_storage.items():
            of_it = [wanted[nth] for nth in places]
            for at, error in self._reader(storage).fill(of_it, out).items():
                is_gone = isinstance(error, SourceNotFoundError)
                failed[places[at]] = _gone(of_it[at][0]) if is_gone else error
        return dict(sorted(failed.items()))

    def _reader(self, storage: Storage) -> Filling:
        found = self._readers.get(storage)
        if found is None:
            made = storage.ranges()
            filling = made if isinstance(made, Filling) else OneByOne(made)
            found = self._readers.setdefault(storage, filling)
        return found

    def _checked(
        self, files: Mapping[int, Original], wanted: Segments, found: Read, on_stale: OnStale
    ) -> Read:
        """A file rewritten with the same size and time holds other segments in these places."""
        if self._are_all_as_indexed(wanted, found):
            return self._undamaged(files, wanted, found, on_stale)
        there = np.flatnonzero(found.is_there)
        if not len(there):
            return found
        heads = heads_at(found.data, found.offset[there], layout.SEGMENT_HEAD)
        differs = (heads["bbox"] != wanted.bbox[there]).any(axis=1)
        differs |= heads["area"] != wanted.area[there]
        other_key = np.flatnonzero(~differs & (heads["key"] != wanted.key[there]))
        for file_id in np.unique(wanted.file_id[there[other_key]]).tolist():
            of_file = other_key[wanted.file_id[there[other_key]] == file_id]
            differs[of_file] = self._renumbered(files[file_id], wanted.take(there[of_file]))
        if not differs.any():
            return self._undamaged(files, wanted, found, on_stale)
        wrong_rows = np.flatnonzero(differs)
        wrong_files, first = np.unique(wanted.file_id[there[wrong_rows]], return_index=True)
        for file_id, nth in zip(wrong_files.tolist(), wrong_rows[first].tolist(), strict=True):
            row = int(there[nth])
            then = (int(wanted.key[row]), *wanted.bbox[row].tolist(), int(wanted.area[row]))
            now = (int(heads["key"][nth]), *heads["bbox"][nth].tolist(), int(heads["area"][nth]))
            tell(_other(files[file_id], then, now), on_stale)
        # Nothing of such a file can be trusted.
        wrong = np.isin(wanted.file_id, wrong_files)
        rest = found._replace(is_there=found.is_there & ~wrong)
        return self._undamaged(files, wanted, rest, on_stale)

    @staticmethod
    def _are_all_as_indexed(wanted: Segments, found: Read) -> bool:
        """Whether every segment was read and has the head that it had, as nearly all have."""
        if not found.is_there.all():
            return False
        heads = heads_at(found.data, found.offset, layout.SEGMENT_HEAD)
        return (
            (heads["key"] == wanted.key).all()
            and (heads["area"] == wanted.area).all()
            and bool((heads["bbox"] == wanted.bbox).all())
        )

    def _undamaged(
        self, files: Mapping[int, Original], wanted: Segments, found: Read, on_stale: OnStale
    ) -> Read:
        """Without the files of which a segment has other bytes than were indexed."""
        if not wanted.checksum.any():
            return found
        known = np.flatnonzero(found.is_there & (wanted.checksum != 0))
        now = checksums(found.data, found.offset[known], found.length[known])
        rows = known[now != wanted.checksum[known]]
        wrong_files, first = np.unique(wanted.file_id[rows], return_index=True)
        for file_id, row in zip(wrong_files.tolist(), rows[first].tolist(), strict=True):
            key = int(wanted.key[row])
            tell(damaged(files[file_id], key, _OTHER_BYTES), on_stale)
        return found._replace(is_there=found.is_there & ~np.isin(wanted.file_id, wrong_files))

    def _renumbered(self, file: Original, wanted: Segments) -> npt.NDArray[np.bool_]:
        """Which segments have other keys in the lookup table than in the catalogue.

        A segment repeats its key, but nothing makes a file's writer repeat the right one.
        """
        # Few questions come here.
        from iidindex.files.scan import scan

        if self._odd is None or self._odd[0] != file:
            try:
                self._odd = file, scan(file.location)
            except (SourceError, IIDFormatError):
                return np.ones(len(wanted), np.bool_)
        now = self._odd[1]
        if not len(now.key):
            return np.ones(len(wanted), np.bool_)
        row = np.searchsorted(now.key, wanted.key).clip(max=len(now.key) - 1)
        same = now.key[row] == wanted.key
        same &= now.offset[row] == wanted.offset
        same &= now.length[row] == wanted.length
        renumbered: npt.NDArray[np.bool_] = ~same
        return renumbered

    def __reduce__(self) -> tuple[Callable[[], Originals], tuple[()]]:
        return _of_this_process, ()

    def close(self) -> None:
        """Close all files; they are opened again when they are needed."""
        for reader in self._readers.values():
            reader.close()


@lru_cache(maxsize=1)
def _of_this_process() -> Originals:
    return Originals()


def tell(error: SourceError, on_stale: OnStale) -> None:
    """Raise an error, or warn of it, or do nothing, as it was asked for."""
    if on_stale == "error":
        raise error
    if on_stale == "warn":
        warnings.warn(f"left out: {error}", stacklevel=2)


def _gone(location: str) -> SourceNotFoundError:
    return SourceNotFoundError(
        f"{location}: is not there any more; ingest its directory again, "
        "or tell where it is now with `iidindex relocate`"
    )


def damaged(file: Original, key: int, problem: str) -> DamagedFileError:
    """The segment of a key cannot be believed."""
    return DamagedFileError(
        f"{file.location}: is damaged: the segment of key {key}: {problem}; bring a "
        "sound copy back, or ingest it again with --checksum"
    )


def _other(file: Original, then: tuple[int, ...], now: tuple[int, ...]) -> StaleFileError:
    """Another segment, of a key, a box and an area, lies where one was indexed."""
    return StaleFileError(
        f"{file.location}: has changed since it was indexed: the segment of key {then[0]} had bbox "
        f"{then[1:5]} and area {then[5]}, now key {now[0]}, bbox {now[1:5]} and area {now[5]}; "
        "ingest it again"
    )
