"""A file on a local or mounted disk: read at places, or mapped."""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Callable
from typing import Self

import numpy as np

from iidindex.buffers import Bytes, as_bytes
from iidindex.errors import SourceError, SourceNotFoundError, StaleFileError
from iidindex.model import FileStamp, time_in_64_bits
from iidindex.storage.paths import absolute, as_path
from iidindex.system import positioned

# Bytes up to which a file is read in one go, which is done sooner than mapping it and touching
# its pages, and leaves nothing that somebody could cut off.
_SMALL_FILE = 1 << 18


class LocalFile:
    """A file on a local or mounted disk, opened read-only.

    Parameters
    ----------
    path : path-like
    before : FileStamp, optional
        What it had when it was last looked at, for `is_current`.

    Raises
    ------
    SourceNotFoundError
        If there is nothing at `path`.
    SourceError
        If it is no regular file or may not be read.
    """

    def __init__(self, path: str | os.PathLike[str], before: FileStamp | None = None) -> None:
        self._fd = -1
        self._before = before
        self._map: mmap.mmap | None = None
        self.name = as_path(path)
        try:
            self._fd, status = positioned.open_to_read(self.name)
        except (OSError, ValueError) as error:
            self.close()
            raise cannot_be_opened(self.name, error) from None
        if not stat.S_ISREG(status.st_mode):
            self.close()
            raise SourceError(f"{self.name}: is not a regular file")
        self.stamp = stamp_in(status)

    def read(self, offset: int, length: int) -> bytes:
        """Read `length` bytes from `offset`; fewer only where the file ends."""
        self._check_open()
        try:
            content = positioned.read_at(self._fd, length, offset)
            if len(content) != length:
                content = positioned.read_on(self._fd, content, length, offset)
            return content
        except OSError as error:
            raise SourceError(f"{self.name}: cannot be read: {reason_of(error)}") from error

    def data(self) -> Bytes:
        """The whole file: a small one read at once, others through a read-only memory map.

        A page of a map is read when it is touched.
        """
        self._check_open()
        if self.stamp.size == 0:
            return np.empty(0, np.uint8)
        if self.stamp.size <= _SMALL_FILE:
            content = self.read(0, self.stamp.size)
            if len(content) < self.stamp.size:
                raise SourceError(f"{self.name}: has been cut short since it was opened")
            return as_bytes(content)
        self.check_whole()
        if self._map is None:
            try:
                self._map = mmap.mmap(self._fd, self.stamp.size, access=mmap.ACCESS_READ)
            except (OSError, ValueError) as error:
                raise SourceError(f"{self.name}: cannot be mapped: {reason_of(error)}") from error
        return np.frombuffer(self._map, np.uint8)

    def check_whole(self) -> None:
        """Refuse a mapped file that has been cut short.

        To touch its pages would end the process. Whoever cuts it short between this look and
        the touch still does that, but not at any time while the file is open.
        """
        if self._map is not None and os.fstat(self._fd).st_size < self.stamp.size:
            raise SourceError(f"{self.name}: has been cut short since it was opened")

    def is_current(self) -> bool:
        """Whether the file of this name has the stamp that this one had, and had before.

        Raises
        ------
        SourceNotFoundError
            If there is nothing at the path any more.
        """
        return self._before in (None, self.stamp) and stamp_of(self.name) == self.stamp

    def close(self) -> None:
        """Close the file; the map goes when the last array over it does."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._map = None

    def _check_open(self) -> None:
        if self._fd < 0:
            raise SourceError(f"{self.name}: the file is closed")

    def __reduce__(self) -> tuple[Callable[..., LocalFile], tuple[str, str, FileStamp]]:
        # The number of a descriptor stands for nothing elsewhere, and two who have it both close
        # it: a copy opens the file anew.
        self._check_open()
        return _opened_again, (self.name, absolute(self.name), self.stamp)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


def _opened_again(name: str, place: str, stamp: FileStamp) -> LocalFile:
    """Open a file that was open before, here or in another process.

    Raises
    ------
    SourceNotFoundError, SourceError
        If it is not there, cannot be read, or is not what it was.
    """
    file = LocalFile(place)
    if file.stamp != stamp:
        now = file.stamp
        file.close()
        raise StaleFileError(
            f"{place}: has changed since it was opened, so that no copy can be had: size "
            f"{stamp.size} then and {now.size} now, mtime_ns {stamp.mtime_ns} then and "
            f"{now.mtime_ns} now"
        )
    file.name = name
    return file


def stamp_of(path: str | os.PathLike[str]) -> FileStamp:
    """Size and modification time of a file as it is now.

    Raises
    ------
    SourceNotFoundError
        If there is nothing at `path`.
    SourceError
        If the file system refuses.
    """
    return stamp_in(status_of(path))


def status_of(path: str | os.PathLike[str]) -> os.stat_result:
    """What the system tells of a file; raises as `stamp_of`."""
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise SourceNotFoundError(f"{os.fsdecode(path)}: there is no such file") from None
    except (OSError, ValueError) as error:
        raise SourceError(f"{os.fsdecode(path)}: cannot be read: {reason_of(error)}") from error


def stamp_in(status: os.stat_result) -> FileStamp:
    """Size and modification time, of what the system tells of a file."""
    return FileStamp(status.st_size, time_in_64_bits(status.st_mtime_ns))


def cannot_be_opened(name: str, error: OSError | ValueError) -> SourceError:
    """What is raised because a file could not be opened."""
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return SourceNotFoundError(f"{name}: there is no such file")
    return SourceError(f"{name}: cannot be opened: {reason_of(error)}")


def reason_of(error: Exception) -> str:
    """Why the system refused, in its own words."""
    return getattr(error, "strerror", None) or str(error)
