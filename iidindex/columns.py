"""What travels from a scanned file to the catalogue: columns, of one file or of many."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from iidindex.model import BufLoc, FileStamp

Ints = npt.NDArray[np.int64]
_LENGTHS = struct.Struct("<2I")


@dataclass(frozen=True, slots=True)
class FileColumns:
    """All that the catalogue keeps of a file, as columns. It pickles small and fast.

    Attributes
    ----------
    stamp : FileStamp
        Size and modification time while it was read.
    digest : bytes
        BLAKE2b of everything but the regions, 16 bytes.
    sections : tuple of BufLoc
        Where the five sections lie, in the order of the header.
    meta : str
        The metadata as JSON in ASCII.
    key : ndarray of int64, shape (n,)
    bbox : ndarray of uint16, shape (n, 4)
        ``(minr, minc, maxr, maxc)``, half-open, pixels.
    area : ndarray of uint32, shape (n,)
    offset, length : ndarray of int64, shape (n,)
        Where each segment lies, from the start of the file, in bytes.
    iids : list of bytes
        The file's different IIDs in order of appearance, each as `pack_iid` packs it.
    iid_of : ndarray of int64, shape (n,)
        For each entry, the position of its IID in `iids`.
    groups : dict of str to ndarray of int64
        For each group, the rows of its entries, ascending.
    """

    stamp: FileStamp
    digest: bytes
    sections: tuple[BufLoc, ...]
    meta: str
    key: Ints
    bbox: npt.NDArray[np.uint16]
    area: npt.NDArray[np.uint32]
    offset: Ints
    length: Ints
    iids: list[bytes]
    iid_of: Ints
    groups: dict[str, Ints]

    def __len__(self) -> int:
        return len(self.key)


def pack_iid(domain: bytes, address: bytes) -> bytes:
    """One bytes object for an IID, which is pickled and looked up faster than two.

    Both lengths as u32, little-endian, then domain and address; no domain is ``b""``.
    """
    return _LENGTHS.pack(len(domain), len(address)) + domain + address


def unpack_iid(packed: bytes) -> tuple[bytes, bytes]:
    """Domain and address of what `pack_iid` packed."""
    end = _LENGTHS.size + _LENGTHS.unpack_from(packed)[0]
    return packed[_LENGTHS.size : end], packed[end:]


class FileFacts(NamedTuple):
    """What is known of a file as a whole; the fields are those of `FileColumns`."""

    stamp: FileStamp
    digest: bytes
    sections: tuple[BufLoc, ...]
    meta: str
    n_entries: int


@dataclass(frozen=True, slots=True)
class Batch:
    """The columns of many files, one behind the other.

    Attributes
    ----------
    files : list of FileFacts
        In the order in which their entries follow.
    key, bbox, area, offset, length : ndarray
        As in `FileColumns`, for the entries of all files.
    iids : list of bytes
        The different IIDs of all files.
    iid_of : ndarray of int64, shape (n,)
        For each entry, the position of its IID in `iids`.
    group_names : list of str
        The different groups of all files.
    group_of, member : ndarray of int64, shape (m,)
        Memberships: position of the group in `group_names`, and of the entry in the columns.
    """

    files: list[FileFacts]
    key: Ints
    bbox: npt.NDArray[np.uint16]
    area: npt.NDArray[np.uint32]
    offset: Ints
    length: Ints
    iids: list[bytes]
    iid_of: Ints
    group_names: list[str]
    group_of: Ints
    member: Ints

    def __len__(self) -> int:
        return len(self.key)


def gather(files: Sequence[FileColumns]) -> Batch:
    """Put the columns of several files, at least one, one behind the other."""
    iids: dict[bytes, int] = {}
    names: dict[str, int] = {}
    iid_of, group_of, member = [], [], []
    first = 0
    for file in files:
        known = [iids.setdefault(iid, len(iids)) for iid in file.iids]
        iid_of.append(np.array(known, np.int64)[file.iid_of])
        for name, rows in file.groups.items():
            group_of.append(np.full(len(rows), names.setdefault(name, len(names)), np.int64))
            member.append(rows + first)
        first += len(file)
    none = np.empty(0, np.int64)
    return Batch(
        [FileFacts(file.stamp, file.digest, file.sections, file.meta, len(file)) for file in files],
        np.concatenate([file.key for file in files]),
        np.concatenate([file.bbox for file in files]),
        np.concatenate([file.area for file in files]),
        np.concatenate([file.offset for file in files]),
        np.concatenate([file.length for file in files]),
        list(iids),
        np.concatenate(iid_of),
        list(names),
        np.concatenate([none, *group_of]),
        np.concatenate([none, *member]),
    )
