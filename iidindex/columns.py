"""What travels from a scanned file to the catalogue: columns, of one file or of many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from iidindex.iidwords import IIDRecords, IIDWords
from iidindex.model import BufLoc, FileStamp

Ints = npt.NDArray[np.int64]


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
    iids : IIDRecords
        The IID of each entry.
    groups : dict of str to ndarray of int64
        For each group, the rows of its entries, ascending.
    fixity : bytes, optional
        BLAKE2b of all bytes, 32 bytes, if it was asked for.
    checksum : ndarray of int64, shape (n,), optional
        Of the bytes of each segment, from 1, if it was asked for.
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
    iids: IIDRecords
    groups: dict[str, Ints]
    fixity: bytes | None = None
    checksum: Ints | None = None

    def __len__(self) -> int:
        return len(self.key)


class FileFacts(NamedTuple):
    """What is known of a file as a whole; the fields are those of `FileColumns`."""

    stamp: FileStamp
    digest: bytes
    sections: tuple[BufLoc, ...]
    meta: str
    n_entries: int
    fixity: bytes | None


@dataclass(frozen=True, slots=True)
class Batch:
    """The columns of many files, one behind the other.

    Attributes
    ----------
    files : list of FileFacts
        In the order in which their entries follow.
    key, bbox, area, offset, length, checksum : ndarray
        As in `FileColumns`, for the entries of all files; checksums are 0 where none were asked
        for.
    iids : IIDWords
        The IID of each entry.
    group_names : list of str
        The different groups of all files.
    group_of, member : ndarray of int64, shape (m,)
        Memberships: position of the group in `group_names`, and of the entry in the columns.
        Sorted by group, then by entry.
    file_group_of, file_member : ndarray of int64, shape (f,)
        Groups of files: position of the group, and of the file in `files`.
    """

    files: list[FileFacts]
    key: Ints
    bbox: npt.NDArray[np.uint16]
    area: npt.NDArray[np.uint32]
    offset: Ints
    length: Ints
    checksum: Ints
    iids: IIDWords
    group_names: list[str]
    group_of: Ints
    member: Ints
    file_group_of: Ints
    file_member: Ints

    def __len__(self) -> int:
        return len(self.key)


def gather(files: Sequence[FileColumns]) -> Batch:
    """Put the columns of several files, at least one, one behind the other."""
    members: dict[str, list[Ints]] = {}
    of_files: dict[str, list[int]] = {}
    first = 0
    for nth, file in enumerate(files):
        for name, rows in file.groups.items():
            members.setdefault(name, []).append(rows + first)
            of_files.setdefault(name, []).extend([nth] if len(rows) else [])
        first += len(file)
    group_of, member = _pairs([np.concatenate(parts) for parts in members.values()])
    file_group_of, file_member = _pairs([np.array(which, np.int64) for which in of_files.values()])
    return Batch(
        [
            FileFacts(file.stamp, file.digest, file.sections, file.meta, len(file), file.fixity)
            for file in files
        ],
        np.concatenate([file.key for file in files]),
        np.concatenate([file.bbox for file in files]),
        np.concatenate([file.area for file in files]),
        np.concatenate([file.offset for file in files]),
        np.concatenate([file.length for file in files]),
        np.concatenate(
            [
                np.zeros(len(file), np.int64) if file.checksum is None else file.checksum
                for file in files
            ]
        ),
        IIDWords.of(file.iids for file in files),
        list(members),
        group_of,
        member,
        file_group_of,
        file_member,
    )


def _pairs(lists: Sequence[Ints]) -> tuple[Ints, Ints]:
    """Lists one behind the other, and which of them each number is from."""
    which = np.repeat(np.arange(len(lists)), [len(one) for one in lists])
    return which, np.concatenate([np.empty(0, np.int64), *lists])
