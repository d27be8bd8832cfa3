"""Reading masks from the original files, and noticing when those are no longer the same."""

from __future__ import annotations

import resource
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from iidindex.codec import layout
from iidindex.codec.reader import Bytes, Ints, as_bytes, heads_at
from iidindex.columns import FileColumns
from iidindex.errors import IIDFormatError, SourceError, SourceNotFoundError, StaleFileError
from iidindex.files.scan import scan
from iidindex.model import BBox, BufLoc, FileStamp
from iidindex.query.pixels.segments import Original, Segments
from iidindex.storage.local import LocalFile, stamp_of

# Files held open at a time, if a process may have four times as many; and bytes between two
# segments that are read along with them.
_MAX_OPEN = 64
_GAP = 4096
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
    """The original files, a bounded number of them open. May be shared by threads.

    Sent to another process, they are those that this process has open.
    """

    def __init__(self) -> None:
        self._open: OrderedDict[Original, LocalFile] = OrderedDict()
        allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self._most = min(_MAX_OPEN, allowed // 4) or 1 if allowed >= 0 else _MAX_OPEN
        self._lock = threading.Lock()
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
        """
        # Files laid one behind the other, far apart.
        which = np.cumsum(np.append(0, np.diff(wanted.file_id) != 0)) if len(wanted) else 0
        begin = wanted.offset + which * _FAR
        end = begin + wanted.length
        reached = np.maximum.accumulate(end)
        opens = np.flatnonzero(np.append(True, begin[1:] > reached[:-1] + _GAP)[: len(wanted)])
        start = wanted.offset[opens]
        size = np.maximum.reduceat(end, opens) - begin[opens] if len(opens) else opens
        runs = list(zip(wanted.file_id[opens].tolist(), start.tolist(), size.tolist(), strict=True))
        pieces: list[bytes] = []
        for file_id, of_file in groupby(runs, key=lambda run: run[0]):
            ranges = [(offset, length) for _, offset, length in of_file]
            pieces += self._ranges(files[file_id], ranges, on_stale)
        data = as_bytes(b"".join(pieces))
        sizes = np.array([len(piece) for piece in pieces], np.int64)
        run_of = np.searchsorted(opens, np.arange(len(wanted)), side="right") - 1
        moved = np.cumsum(sizes) - sizes - start
        found = Read(data, wanted.offset + moved[run_of], wanted.length, (sizes == size)[run_of])
        return self._checked(files, wanted, found, on_stale)

    def read_one(self, file: Original, key: int, bbox: BBox, area: int, place: BufLoc) -> Bytes:
        """Read one segment; `read` takes several times as long, for one or for some.

        Parameters
        ----------
        file : Original
        key, bbox, area : int, BBox, int
            What the catalogue knows of the segment.
        place : BufLoc
            Where it lies.

        Raises
        ------
        SourceNotFoundError, SourceError, StaleFileError
            As `read`.
        """
        (piece,) = self._ranges(file, [place], "error")
        now, *inside = layout.SEGMENT_HEAD_STRUCT.unpack_from(piece)
        differs = inside != [*bbox, area]
        if now != key and not differs:
            wanted = Segments.of([(0, 0, key, *bbox, area, *place)])
            differs = bool(self._renumbered(file, wanted)[0])
        if differs:
            raise _other(file, (key, *bbox, area), (now, *inside))
        return as_bytes(piece)

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
        for file_id in file_ids.tolist():
            file = files[file_id]
            try:
                stamp = stamp_of(file.location)
                if stamp != file.stamp:
                    raise _stale(file, stamp)
            except SourceNotFoundError:
                _tell(_gone(file), on_stale)
                found.append(file_id)
            except SourceError as error:
                _tell(error, on_stale)
                found.append(file_id)
        return found

    def _ranges(
        self, file: Original, ranges: Sequence[tuple[int, int]], on_stale: OnStale
    ) -> list[bytes]:
        """Ranges of one file; nothing of it, if it is stale and that is allowed."""
        try:
            with self._lock:
                pieces = self._read_now(file, ranges)
            if any(len(piece) < length for piece, (_, length) in zip(pieces, ranges, strict=True)):
                raise StaleFileError(
                    f"{file.location}: is shorter than when it was indexed; ingest it again"
                )
        except SourceError as error:
            _tell(error, on_stale)
            return [b""] * len(ranges)
        return pieces

    def _read_now(self, file: Original, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Ranges of the file that is there now, if it is the one that was indexed."""
        while True:
            source = self._opened(file)
            pieces = [source.read(offset, length) for offset, length in ranges]
            # Somebody may have written into the very file that was opened and found right, or
            # put another in its place.
            try:
                found = source.current_stamp()
            except SourceNotFoundError:
                self._open.pop(file).close()
                raise _gone(file) from None
            if found == file.stamp:
                return pieces
            self._open.pop(file).close()
            if found is not None:
                raise _stale(file, found)

    def _opened(self, file: Original) -> LocalFile:
        known = self._open.pop(file, None)
        if known is None:
            try:
                known = LocalFile(file.location)
            except SourceNotFoundError:
                raise _gone(file) from None
            if known.stamp != file.stamp:
                found = known.stamp
                known.close()
                raise _stale(file, found)
            while len(self._open) >= self._most:
                self._open.popitem(last=False)[1].close()
        self._open[file] = known
        return known

    def _checked(
        self, files: Mapping[int, Original], wanted: Segments, found: Read, on_stale: OnStale
    ) -> Read:
        """A file rewritten with the same size and time holds other segments in these places."""
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
            return found
        wrong_rows = np.flatnonzero(differs)
        wrong_files, first = np.unique(wanted.file_id[there[wrong_rows]], return_index=True)
        for file_id, nth in zip(wrong_files.tolist(), wrong_rows[first].tolist(), strict=True):
            row = int(there[nth])
            then = (int(wanted.key[row]), *wanted.bbox[row].tolist(), int(wanted.area[row]))
            now = (int(heads["key"][nth]), *heads["bbox"][nth].tolist(), int(heads["area"][nth]))
            _tell(_other(files[file_id], then, now), on_stale)
        # Nothing of such a file can be trusted.
        wrong = np.isin(wanted.file_id, wrong_files)
        return found._replace(is_there=found.is_there & ~wrong)

    def _renumbered(self, file: Original, wanted: Segments) -> npt.NDArray[np.bool_]:
        """Which segments have other keys in the lookup table than in the catalogue.

        A segment repeats its key, but nothing makes a file's writer repeat the right one.
        """
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
        with self._lock:
            for source in self._open.values():
                source.close()
            self._open.clear()


@lru_cache(maxsize=1)
def _of_this_process() -> Originals:
    return Originals()


def _tell(error: SourceError, on_stale: OnStale) -> None:
    if on_stale == "error":
        raise error
    if on_stale == "warn":
        warnings.warn(f"left out: {error}", stacklevel=2)


def _gone(file: Original) -> SourceNotFoundError:
    return SourceNotFoundError(
        f"{file.location}: is not there any more; ingest its directory again, "
        "or tell where it is now with `iidindex relocate`"
    )


def _other(file: Original, then: tuple[int, ...], now: tuple[int, ...]) -> StaleFileError:
    """Another segment, of a key, a box and an area, lies where one was indexed."""
    return StaleFileError(
        f"{file.location}: has changed since it was indexed: the segment of key {then[0]} had bbox "
        f"{then[1:5]} and area {then[5]}, now key {now[0]}, bbox {now[1:5]} and area {now[5]}; "
        "ingest it again"
    )


def _stale(file: Original, found: FileStamp) -> StaleFileError:
    then = file.stamp
    return StaleFileError(
        f"{file.location}: has changed since it was indexed: size {then.size} then and "
        f"{found.size} now, mtime_ns {then.mtime_ns} then and {found.mtime_ns} now; ingest it again"
    )
