"""What a peer is: a way to store entries, and to answer questions about them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from benchmarks.peers.corpus import Corpus
from iidindex.masks.regions import Bool2D
from iidindex.model import BBox

# Which file, which key: what all peers agree about.
Named: TypeAlias = tuple[str, int]
# Two keys, the lesser first, and the pixels that both have.
Edge: TypeAlias = tuple[int, int, int]
Pixels: TypeAlias = npt.NDArray[np.uint8]


class Peer:
    """One of the peers, open.

    A subclass has those of the methods below that it can do; to ask whether it can, `can`.
    Answers to questions are records in the form that is natural to it, each with its file, key,
    IID, box and area; `named` tells afterwards which they are, untimed.
    """

    name: ClassVar[str]
    shape: ClassVar[str]

    @classmethod
    def build(cls, corpus: Corpus, place: Path) -> None:
        """Store everything below an empty directory."""
        raise NotImplementedError

    def __init__(self, place: Path) -> None:
        """Open what `build` has stored."""

    def close(self) -> None:
        """Give back what is open."""

    def named(self, answer: Any) -> Iterable[Named]:
        """Tell the file and key of each record."""
        raise NotImplementedError

    def find(self, address: bytes) -> Any:
        """All entries of an individual."""
        raise NotImplementedError

    def boxes_at(self, x: int, y: int) -> Any:
        """Entries whose box holds a pixel."""
        raise NotImplementedError

    def boxes_in(self, box: BBox) -> Any:
        """Entries whose box meets another."""
        raise NotImplementedError

    def masks_at(self, x: int, y: int) -> Any:
        """Entries whose mask holds a pixel."""
        raise NotImplementedError

    def masks(self, file: str) -> Iterator[tuple[int, Any]]:
        """Keys and masks of a file, as large as their boxes or as the frame."""
        raise NotImplementedError

    def overlaps(self, file: str) -> Sequence[Edge]:
        """Pairs of a file that share pixels, and how many."""
        raise NotImplementedError

    @classmethod
    def can(cls, method: str) -> bool:
        """Whether it has an answer to such questions."""
        return getattr(cls, method) is not getattr(Peer, method)


@dataclass(frozen=True)
class Row:
    """An entry as a row of a table, its mask packed, eight pixels a byte, row by row."""

    id: int
    file: str
    key: int
    address: bytes
    bbox: BBox
    area: int
    mask: Bool2D

    @property
    def packed(self) -> bytes:
        """The mask, most significant bit first."""
        return np.packbits(self.mask).tobytes()


def rows(corpus: Corpus) -> Iterable[Row]:
    """All entries, with ids from 1 upwards."""
    number = 0
    for file, entries in corpus.files.items():
        for key, entry in enumerate(entries):
            number += 1
            yield Row(
                number, file, key, entry.address, entry.bbox, int(entry.mask.sum()), entry.mask
            )


def unpacked(packed: bytes, minr: int, minc: int, maxr: int, maxc: int) -> Pixels:
    """Unpack a mask."""
    shape = maxr - minr, maxc - minc
    flat = np.unpackbits(np.frombuffer(packed, np.uint8), count=shape[0] * shape[1])
    return flat.reshape(shape)


def shared(a: Pixels, at: Sequence[int], b: Pixels, bt: Sequence[int]) -> int:
    """Count the pixels that two masks share, as one writes it in a minute of NumPy."""
    minr, minc = max(at[0], bt[0]), max(at[1], bt[1])
    maxr, maxc = min(at[2], bt[2]), min(at[3], bt[3])
    return int(
        np.count_nonzero(
            a[minr - at[0] : maxr - at[0], minc - at[1] : maxc - at[1]]
            & b[minr - bt[0] : maxr - bt[0], minc - bt[1] : maxc - bt[1]]
        )
    )
