"""Reading masks from the original files, and noticing when those are no longer the same."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from iidindex.codec.reader import Bytes, Ints, Lut, as_bytes, read_segments
from iidindex.errors import IIDFormatError, SourceNotFoundError, StaleFileError
from iidindex.files.part import naming
from iidindex.files.source import LocalFile
from iidindex.model import BBox, BufLoc, FileStamp

# Files held open at a time, and bytes between two segments that are read along with them.
_MAX_OPEN = 64
_GAP = 4096


class Wanted(NamedTuple):
    """A segment as the catalogue knows it."""

    key: int
    bbox: BBox
    area: int
    bufloc: BufLoc


class Segments(NamedTuple):
    """Segments of one file that were read: one buffer, and where each of them lies in it."""

    data: Bytes
    offset: Ints
    length: Ints


class Originals:
    """The original files, a bounded number of them open. May be shared by threads."""

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[str, FileStamp], LocalFile] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, location: str, stamp: FileStamp, wanted: Sequence[Wanted]) -> Segments:
        """Read segments of one file, neighbours together, in the order given.

        Parameters
        ----------
        location : str
        stamp : FileStamp
            What the file's size and time were when it was indexed.
        wanted : sequence of Wanted

        Returns
        -------
        Segments

        Raises
        ------
        SourceNotFoundError, SourceError
            If the file is not there or cannot be read.
        StaleFileError
            If it is not the file that was indexed.
        """
        offset = np.array([item.bufloc.offset for item in wanted], np.int64)
        length = np.array([item.bufloc.length for item in wanted], np.int64)
        order = np.argsort(offset, kind="stable")
        begin, end = offset[order], (offset + length)[order]
        reached = np.maximum.accumulate(end)
        opens = np.flatnonzero(np.append(True, begin[1:] > reached[:-1] + _GAP))
        stops = np.maximum.reduceat(end, opens)
        runs = list(zip(begin[opens].tolist(), stops.tolist(), strict=True))
        with self._lock:
            source = self._opened(location, stamp)
            pieces = [source.read(start, stop - start) for start, stop in runs]
            # Somebody may have written into the very file that was opened and found right.
            if source.current_stamp() != stamp:
                found = source.current_stamp()
                self._open.pop((location, stamp)).close()
                raise _stale(location, stamp, found)
        data = as_bytes(b"".join(pieces))
        if len(data) != sum(stop - start for start, stop in runs):
            raise StaleFileError(
                f"{location}: is shorter than when it was indexed; ingest it again"
            )
        # From places in the file to places in the pieces that were read.
        run_of = np.searchsorted(begin[opens], offset, side="right") - 1
        sizes = [len(piece) for piece in pieces]
        skipped = begin[opens] - (np.cumsum(sizes) - np.array(sizes, np.int64))
        segments = Segments(data, offset - skipped[run_of], length)
        _check(location, segments, wanted)
        return segments

    def _opened(self, location: str, stamp: FileStamp) -> LocalFile:
        known = self._open.pop((location, stamp), None)
        if known is None:
            try:
                known = LocalFile(location)
            except SourceNotFoundError:
                raise SourceNotFoundError(
                    f"{location}: is not there any more; ingest its directory again, "
                    "or tell where it is now with `iidindex relocate`"
                ) from None
            if known.stamp != stamp:
                found = known.stamp
                known.close()
                raise _stale(location, stamp, found)
            while len(self._open) >= _MAX_OPEN:
                self._open.popitem(last=False)[1].close()
        self._open[location, stamp] = known
        return known

    def close(self) -> None:
        """Close all files; they are opened again when they are needed."""
        with self._lock:
            for source in self._open.values():
                source.close()
            self._open.clear()


def _check(location: str, found: Segments, wanted: Sequence[Wanted]) -> None:
    """A file rewritten with the same size and time holds other segments in these places."""
    key = np.array([item.key for item in wanted], np.int64)
    try:
        with naming(location):
            heads = read_segments(
                found.data, Lut(key, found.offset, found.offset, found.offset, found.length)
            )
    except IIDFormatError as error:
        raise StaleFileError(f"{error}; it was valid when it was indexed") from error
    boxes = np.array([item.bbox for item in wanted], np.int64).reshape(-1, 4)
    area = np.array([item.area for item in wanted], np.int64)
    differs = (heads.bbox != boxes).any(axis=1) | (heads.area != area)
    if differs.any():
        which = int(np.argmax(differs))
        raise StaleFileError(
            f"{location}: has changed since it was indexed: the segment of key {key[which]} had "
            f"bbox {tuple(boxes[which].tolist())} and area {area[which]}, now "
            f"bbox {tuple(heads.bbox[which].tolist())} and area {heads.area[which]}; "
            "ingest it again"
        )


def _stale(location: str, stamp: FileStamp, found: FileStamp) -> StaleFileError:
    return StaleFileError(
        f"{location}: has changed since it was indexed: size {stamp.size} then and {found.size} "
        f"now, mtime_ns {stamp.mtime_ns} then and {found.mtime_ns} now; ingest it again"
    )
