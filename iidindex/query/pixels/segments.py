"""Where segments lie and what must be found there, as columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from iidindex.model import FileStamp

Ints = npt.NDArray[np.int64]

# Bytes of masks read at a time.
_READ_BYTES = 16 << 20


class Original(NamedTuple):
    """An original file: where it can be opened, and its size and time when it was indexed."""

    location: str
    stamp: FileStamp


@dataclass(frozen=True, slots=True)
class Segments:
    """Segments of any files, as the catalogue knows them.

    Attributes
    ----------
    id, file_id, key : ndarray of int64, shape (n,)
        Of the entry, of its file, and in the file.
    bbox : ndarray of int64, shape (n, 4)
        ``(minr, minc, maxr, maxc)``, half-open, pixels.
    area, offset, length, checksum : ndarray of int64, shape (n,)
        Pixels, where the segment lies in its file, in bytes, and what these come to; 0 if that
        was not asked for.
    """

    id: Ints
    file_id: Ints
    key: Ints
    bbox: Ints
    area: Ints
    offset: Ints
    length: Ints
    checksum: Ints

    @classmethod
    def of(cls, rows: Sequence[Sequence[Any]]) -> Self:
        """From rows of ``id file_id key minr minc maxr maxc area offset length checksum``."""
        table = np.fromiter(chain.from_iterable(rows), np.int64, 11 * len(rows))
        return cls.in_table(table.reshape(-1, 11))

    @classmethod
    def in_table(cls, table: Ints) -> Self:
        """From the same rows as an array, shape (n, 11)."""
        columns = np.ascontiguousarray(table.T)
        entry_id, file_id, key, *_, area, offset, length, checksum = columns
        bbox = np.ascontiguousarray(table[:, 3:7])
        return cls(entry_id, file_id, key, bbox, area, offset, length, checksum)

    def __len__(self) -> int:
        return len(self.id)

    @property
    def fills_box(self) -> npt.NDArray[np.bool_]:
        """Which masks have every pixel of their box, so that their bits need no look."""
        size = self.bbox[:, 2:] - self.bbox[:, :2]
        fills: npt.NDArray[np.bool_] = self.area == size[:, 0] * size[:, 1]
        return fills

    def take(self, rows: Ints | npt.NDArray[np.bool_]) -> Self:
        """Some of them."""
        return type(self)(
            self.id[rows],
            self.file_id[rows],
            self.key[rows],
            self.bbox[rows],
            self.area[rows],
            self.offset[rows],
            self.length[rows],
            self.checksum[rows],
        )

    def portions(self, rows: Ints) -> Iterator[Ints]:
        """Order rows by file and offset, and cut them into runs of bounded size in bytes."""
        offset, file_id = self.offset[rows], self.file_id[rows]
        # As a rule they are in order: files have ids as they were read, and so have their entries.
        after = file_id[1:] > file_id[:-1]
        after |= (file_id[1:] == file_id[:-1]) & (offset[1:] >= offset[:-1])
        order = rows if after.all() else rows[np.lexsort((offset, file_id))]
        if self.length[rows].sum() < _READ_BYTES:
            yield from (order,) if len(order) else ()
            return
        portion = np.cumsum(self.length[order]) // _READ_BYTES
        edges = np.flatnonzero(np.diff(portion)) + 1
        yield from (part for part in np.split(order, edges) if len(part))


def concatenate(parts: Iterable[Segments]) -> Segments:
    """Several, one behind the other."""
    listed = list(parts) or [Segments.of([])]
    return Segments(
        *(
            np.concatenate([getattr(part, name) for part in listed])
            for name in ("id", "file_id", "key", "bbox", "area", "offset", "length", "checksum")
        )
    )
