"""Reading parts of objects: many at once, and neighbours together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from iidindex.errors import SourceError, StaleFileError
from iidindex.model import FileStamp
from iidindex.storage import object_stores
from iidindex.storage.object_stores import AT_ONCE, Got, at_once
from iidindex.storage.protocol import Wanted, copy, stale

# Bytes between two ranges that are always read along, and that may be where there are more ranges
# than are asked for at once: to send so many takes a store as long as to answer once more.
_GAP = 16 << 10
_LONGEST_GAP = 1 << 20
# Bytes of one request at most: a store sends several at once faster than one.
_PIECE = 8 << 20


class _Piece(NamedTuple):
    """One request: which of several files, and from where to where in it."""

    nth: int
    location: str
    stamp: FileStamp
    begin: int
    end: int


class ObjectRanges:
    """Reads parts of objects. May be shared by threads.

    Each request names the content that is meant, so that it is looked at and read at once.
    """

    def read(
        self, location: str, stamp: FileStamp, ranges: Sequence[tuple[int, int]]
    ) -> list[bytes]:
        """Read many ranges of one object, if it has the content that was indexed.

        Raises
        ------
        SourceNotFoundError, SourceError
            If it is not there or cannot be read.
        StaleFileError
            If it has another content.
        """
        try:
            return read_ranges(location, stamp, ranges)
        except StaleFileError:
            raise _told(location, stamp) from None

    def fill(self, wanted: Sequence[Wanted], out: memoryview) -> dict[int, SourceError]:
        """Read ranges of many objects into memory; what was wrong with some, by their places."""
        failed: dict[int, SourceError] = {}
        for nth, pieces in _read([one[:3] for one in wanted]):
            location, stamp, _, _ = wanted[nth]
            try:
                if isinstance(pieces, SourceError):
                    raise pieces
                copy(pieces, wanted[nth], out)
            except StaleFileError:
                failed[nth] = _told(location, stamp)
            except SourceError as error:
                failed[nth] = error
        return failed

    def close(self) -> None:
        """Do nothing: nothing is held."""


def read_ranges(location: str, stamp: FileStamp, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
    """Read many ranges of one object; raises as `object_stores.get`."""
    ((_, pieces),) = _read([(location, stamp, ranges)])
    if isinstance(pieces, SourceError):
        raise pieces
    return pieces


def _read(
    files: Sequence[tuple[str, FileStamp, Sequence[tuple[int, int]]]],
) -> Iterator[tuple[int, list[bytes] | SourceError]]:
    """Read ranges of files, the requests for all of them at once; yield file by file."""
    longest = _longest_gap([ranges for _, _, ranges in files])
    pieces = [
        _Piece(nth, location, stamp, begin, end)
        for nth, (location, stamp, ranges) in enumerate(files)
        for begin, end in _pieces(ranges, longest, stamp.size)
    ]
    answers = zip(pieces, at_once(_ask, pieces), strict=True) if pieces else iter(())
    following = next(answers, None)
    for nth, (location, stamp, ranges) in enumerate(files):
        got: list[tuple[int, bytes]] = []
        failure: SourceError | None = None
        if not ranges or not any(length for _, length in ranges):
            failure = _looked_at(location, stamp)
        while following is not None and following[0].nth == nth:
            piece, answer = following
            try:
                got.append((piece.begin, answer.result().content))
            except SourceError as error:
                failure = failure or error
            following = next(answers, None)
        yield nth, failure or _cut(got, ranges)


def _ask(piece: _Piece) -> Got:
    return object_stores.get(piece.location, piece.begin, piece.end, piece.stamp)


def _looked_at(location: str, stamp: FileStamp) -> SourceError | None:
    """What is wrong with an object of which no byte is wanted."""
    try:
        now = object_stores.head(location)
    except SourceError as error:
        return error
    return None if now == stamp else stale(location, stamp, now)


def _longest_gap(files: Sequence[Sequence[tuple[int, int]]]) -> int:
    """How long what lies between two ranges may be to be read along.

    Few ranges are read one by one, as a store answers many requests in the time of one. Of more,
    those that lie nearest to each other are put together, until no more are left.
    """
    gaps = []
    for ranges in files:
        if len(ranges) > 1:
            table = np.array(ranges, np.int64)
            ends = np.maximum.accumulate(table.sum(axis=1))
            gaps.append(table[1:, 0] - ends[:-1])
    n_more = sum(map(len, files)) - AT_ONCE
    if n_more <= 0 or not gaps:
        return _GAP
    every = np.concatenate(gaps)
    if n_more >= len(every):
        return _LONGEST_GAP
    found = int(np.partition(every, n_more - 1)[n_more - 1])
    return max(_GAP, min(found, _LONGEST_GAP))


def _pieces(
    ranges: Sequence[tuple[int, int]], longest: int, size: int
) -> Iterator[tuple[int, int]]:
    """From where to where requests go: neighbours together, and long ones in parts."""
    begin = end = -1
    for offset, length in (*ranges, (1 << 62, 1)):
        last = min(offset + length, size)
        if end >= 0 and offset <= end + longest:
            end = max(end, last)
            continue
        for low in range(begin, end, _PIECE):
            yield low, min(low + _PIECE, end)
        begin, end = (offset, last) if last > offset else (-1, -1)


def _cut(got: Sequence[tuple[int, bytes]], ranges: Sequence[tuple[int, int]]) -> list[bytes]:
    """The bytes of each range, of those that requests brought."""
    found = []
    at = 0
    for offset, length in ranges:
        while at + 1 < len(got) and got[at + 1][0] <= offset:
            at += 1
        parts, nth = [], at
        while length > 0 and nth < len(got):
            begin, content = got[nth]
            part = content[offset - begin : offset - begin + length] if offset >= begin else b""
            if not part:
                break
            parts.append(part)
            offset, length, nth = offset + len(part), length - len(part), nth + 1
        found.append(parts[0] if len(parts) == 1 else b"".join(parts))
    return found


def _told(location: str, stamp: FileStamp) -> SourceError:
    """What to say of an object that has another content: what it has now, if it says so."""
    try:
        return stale(location, stamp, object_stores.head(location))
    except SourceError as error:
        return error
