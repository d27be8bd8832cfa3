"""IIDs as rows of 64-bit words: compared, looked up and sent to another process without objects.

A packed IID is the lengths of its domain and address, as two u32, little-endian, and then
both: what a record of a ``.iid`` file is behind its key. One of at most 64 bytes is its own
words, padded with zeros, which is exact since the lengths come first. A longer one is its
lengths and a digest of 56 bytes, and travels beside them.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

_LENGTHS = struct.Struct("<2I")
# Bytes of a packed IID before its domain.
HEADER = _LENGTHS.size
_WORD = 8
MAX_WORDS = 8
_MAX_BYTES = MAX_WORDS * _WORD
# What is left of a word of which so many bytes are in use.
_IN_USE = np.array([(1 << 8 * used) - 1 for used in range(_WORD + 1)], np.uint64)


def pack_iid(domain: bytes, address: bytes) -> bytes:
    """Lengths of domain and address, domain, address; no domain is ``b""``."""
    return _LENGTHS.pack(len(domain), len(address)) + domain + address


def unpack_iid(packed: bytes) -> tuple[bytes, bytes]:
    """Domain and address of a packed IID, whatever follows it."""
    domain_length, address_length = _LENGTHS.unpack_from(packed)
    middle = _LENGTHS.size + domain_length
    return packed[_LENGTHS.size : middle], packed[middle : middle + address_length]


class IIDRecords(NamedTuple):
    """Packed IIDs within a buffer, in any order.

    Attributes
    ----------
    data : ndarray of uint8, shape (m,)
    offset, length : ndarray of int64, shape (n,)
        Where each packed IID lies in `data`.
    """

    data: npt.NDArray[np.uint8]
    offset: Ints
    length: Ints

    def unpacked(self) -> list[tuple[bytes, bytes]]:
        """Domain and address of each."""
        raw = self.data.tobytes()
        places = zip(self.offset.tolist(), self.length.tolist(), strict=True)
        return [unpack_iid(raw[start : start + length]) for start, length in places]


@dataclass(frozen=True, slots=True)
class IIDWords:
    """IIDs as words; two IIDs are equal if and only if their words are.

    Attributes
    ----------
    words : ndarray of uint64, shape (n, k)
        ``k`` from 1 to 8.
    long : dict of int to bytes
        By row, the packed IIDs that are longer than 64 bytes.
    """

    words: Words
    long: dict[int, bytes]

    def __len__(self) -> int:
        return len(self.words)

    @classmethod
    def of(cls, records: Iterable[IIDRecords]) -> Self:
        """The words of packed IIDs, one buffer behind the other; at least one buffer."""
        datas, offsets, lengths = zip(*records, strict=True)
        base = 0
        moved = []
        for data, offset in zip(datas, offsets, strict=True):
            moved.append(offset + base)
            base += len(data)
        data = np.concatenate([*datas, np.zeros(_WORD, np.uint8)])
        return cls._of_one(IIDRecords(data, np.concatenate(moved), np.concatenate(lengths)))

    @classmethod
    def _of_one(cls, records: IIDRecords) -> Self:
        data, offset, length = records
        longest = int(length.max(initial=_WORD))
        width = min(MAX_WORDS, -(-longest // _WORD))
        every = np.ndarray((len(data) - _WORD + 1,), "<u8", data, strides=(1,))
        words = np.empty((len(offset), width), np.uint64)
        for column in range(width):
            used = np.clip(length - column * _WORD, 0, _WORD)
            at = np.minimum(offset + column * _WORD, len(every) - 1)
            words[:, column] = every[at] & _IN_USE[used]
        long: dict[int, bytes] = {}
        for row in np.flatnonzero(length > _MAX_BYTES).tolist():
            packed = data[offset[row] : offset[row] + length[row]].tobytes()
            long[row] = packed
            words[row, 1:] = _digest(packed)
        return cls(words, long)

    @classmethod
    def of_pairs(cls, pairs: Sequence[tuple[bytes, bytes]]) -> Self:
        """The words of IIDs given as domain and address."""
        packed = [pack_iid(domain, address) for domain, address in pairs]
        length = np.array([len(iid) for iid in packed], np.int64)
        data = np.frombuffer(b"".join(packed), np.uint8)
        return cls.of([IIDRecords(data, np.cumsum(length) - length, length)])

    @classmethod
    def joined(cls, parts: Sequence[IIDWords]) -> Self:
        """Those of several, one behind the other; at least one."""
        width = max(part.words.shape[1] for part in parts)
        words = np.zeros((sum(map(len, parts)), width), np.uint64)
        long: dict[int, bytes] = {}
        first = 0
        for part in parts:
            words[first : first + len(part), : part.words.shape[1]] = part.words
            long.update((first + row, packed) for row, packed in part.long.items())
            first += len(part)
        return cls(words, long)

    def take(self, rows: Ints) -> IIDWords:
        """The IIDs of some rows."""
        long: dict[int, bytes] = {}
        if self.long:
            taken = np.flatnonzero(np.isin(rows, list(self.long)))
            long = {nth: self.long[int(rows[nth])] for nth in taken.tolist()}
        return IIDWords(self.words[rows], long)

    def text(self) -> tuple[bytes, Ints, Ints]:
        """The characters of all, without an object for each.

        Returns
        -------
        data : bytes
        offset : ndarray of int64, shape (n,)
            Where the domain of each begins in `data`; the address follows it.
        lengths : ndarray of int64, shape (n, 2)
            Of domain and address.
        """
        width = self.words.shape[1]
        offset = _WORD * (width * np.arange(len(self)) + 1)
        lengths = self.words[:, :1].astype("<u8").view("<u4").astype(np.int64)
        datas = [self.words.astype("<u8", copy=False).tobytes()]
        end = len(datas[0])
        for row, packed in self.long.items():
            offset[row] = end + _LENGTHS.size
            datas.append(packed)
            end += len(packed)
        return b"".join(datas), offset, lengths

    def pairs(self) -> list[tuple[bytes, bytes]]:
        """Domain and address of each."""
        data, offset, lengths = self.text()
        found = []
        for start, (domain, address) in zip(offset.tolist(), lengths.tolist(), strict=True):
            middle = start + domain
            found.append((data[start:middle], data[middle : middle + address]))
        return found


def _digest(packed: bytes) -> Words:
    size = (MAX_WORDS - 1) * _WORD
    return np.frombuffer(hashlib.blake2b(packed, digest_size=size).digest(), "<u8")
