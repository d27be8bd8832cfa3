"""The files of a directory, or one file, by their relative names; they are only read."""

from __future__ import annotations

import io
import os
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import BinaryIO

from iidindex.errors import SourceError, SourceNotFoundError
from iidindex.storage.gzip_bytes import GzipBytes, LastUnpacked, is_packed, read_whole
from iidindex.storage.local import reason_of
from iidindex.storage.paths import absolute, as_path
from iidindex.system.positioned import open_to_read, read_at

# Systems read no more than 2 GiB at a time.
_MOST_AT_ONCE = 1 << 30
_PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp")


def _stem(name: str) -> str:
    dot = name.rfind(".")
    return name[:dot] if dot > name.rfind("/") + 1 else name


class _Ends:
    """Paths in the order of their last parts, so that those of one end lie together."""

    def __init__(self, names: Sequence[str], paths: Iterable[str]) -> None:
        # A slash behind the first part keeps parts whole: "b/a/" is no end of "bb/a".
        found = sorted((_backwards(path), name) for path, name in zip(paths, names, strict=True))
        self._keys = [key for key, _ in found]
        self._names = [name for _, name in found]

    def ending(self, path: str) -> list[str]:
        """The names of two at most whose paths end in all parts of a path."""
        key = _backwards(path)
        low = bisect_left(self._keys, key)
        return [
            name
            for own, name in zip(self._keys[low : low + 2], self._names[low : low + 2], strict=True)
            if own.startswith(key)
        ]


def _backwards(path: str) -> str:
    return "/".join(reversed(path.split("/"))) + "/"


class _Opened:
    """A file that is kept open."""

    def __init__(self, name: str, path: str) -> None:
        self.name = name
        self._fd, _ = open_to_read(path)
        if self._fd < 0:
            raise OSError("it is not a regular file")

    def read(self, offset: int, length: int) -> bytes:
        """Read some bytes, fewer at the end."""
        parts = []
        while length > 0 and (part := read_at(self._fd, min(length, _MOST_AT_ONCE), offset)):
            parts.append(part)
            offset, length = offset + len(part), length - len(part)
        return b"".join(parts)

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) >= 0:
            os.close(self._fd)


class Folder:
    """A directory with all that is in it, or a single file.

    What is in JSON that was packed with gzip is read as if it were not.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    SourceNotFoundError
        If there is nothing.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.location = absolute(path)
        self.is_folder = os.path.isdir(self.location)
        if not self.is_folder and not os.path.exists(self.location):
            raise SourceNotFoundError(f"{as_path(path)}: there is no such file or directory")
        parent, self.name = os.path.split(self.location)
        self._top = self.location if self.is_folder else parent
        # Records of one file are read one after the other.
        self._opened: _Opened | None = None
        self._unpacked = LastUnpacked()
        self._names: list[str] | None = None if self.is_folder else [self.name]

    def names(self) -> Sequence[str]:
        """Relative paths of all files, sorted."""
        if self._names is None:
            self._names = sorted(self._walk())
        return self._names

    def _walk(self) -> list[str]:
        found = []
        for place, folders, files in os.walk(self._top, followlinks=False):
            folders[:] = [name for name in folders if not name.startswith(".")]
            within = os.path.relpath(place, self._top).replace(os.sep, "/")
            lead = "" if within == "." else within + "/"
            found += [lead + name for name in files if not name.startswith(".")]
        return found

    @cached_property
    def _by_end(self) -> tuple[_Ends, _Ends]:
        """The pictures, to be found by how their paths end: as they are, and without suffix."""
        names = self.names() if self.is_folder else ()
        pictures = [name for name in names if name.lower().endswith(_PICTURES)]
        return _Ends(pictures, pictures), _Ends(pictures, map(_stem, pictures))

    def holds(self, name: str) -> bool:
        """Whether there is a file of this name."""
        parts = name.split("/")
        if not name or "\0" in name or any(part in ("", ".", "..") for part in parts):
            return False
        return os.path.isfile(self.path(name))

    def picture_of(self, name: str) -> str | None:
        """The file that a picture's name means: that, or the only one whose path ends so.

        Parameters
        ----------
        name : str
            Relative, parted by ``/``. The suffix may be another one.

        Returns
        -------
        str or None
            None if there is none, or are several.
        """
        if self.holds(name):
            return name
        exact, likely = self._by_end
        found = exact.ending(name) or likely.ending(_stem(name))
        return found[0] if len(found) == 1 else None

    def path(self, name: str) -> str:
        """Where a file is."""
        return os.path.join(self._top, *name.split("/"))

    def size(self, name: str) -> int:
        """Bytes of a file."""
        if is_packed(name):
            return self._packed(name).size()
        return self._stored_size(name)

    def read(self, name: str) -> bytes:
        """All bytes of a file."""
        if is_packed(name):
            return read_whole(self._packed(name), name)
        with self._open_stored(name) as file:
            return file.read()

    def range(self, name: str, offset: int, length: int) -> bytes:
        """Some bytes of a file; fewer at its end."""
        if is_packed(name):
            return self._packed(name).range(offset, length)
        return self._stored_range(name, offset, length)

    def open(self, name: str) -> BinaryIO:
        """A file, to be read at any place."""
        return io.BytesIO(self.read(name)) if is_packed(name) else self._open_stored(name)

    def _packed(self, name: str) -> GzipBytes:
        def read(offset: int, length: int) -> bytes:
            return self._stored_range(name, offset, length)

        return self._unpacked.file(name, read, self._stored_size(name))

    def _stored_size(self, name: str) -> int:
        try:
            return os.stat(self.path(name)).st_size
        except OSError as error:
            raise _unreadable(name, error) from error

    def _stored_range(self, name: str, offset: int, length: int) -> bytes:
        try:
            if self._opened is None or self._opened.name != name:
                if not self.holds(name):
                    raise SourceNotFoundError(f"{name}: there is no such file")
                self._opened = _Opened(name, self.path(name))
            return self._opened.read(offset, length)
        except (OSError, ValueError) as error:
            raise _unreadable(name, error) from error

    def _open_stored(self, name: str) -> BinaryIO:
        if not self.holds(name):
            # Of a pipe, the end may never come; and "..", who knows where that leads.
            raise SourceNotFoundError(f"{name}: there is no such file")
        try:
            return open(self.path(name), "rb")
        except (OSError, ValueError) as error:
            raise _unreadable(name, error) from error

    def __getstate__(self) -> dict[str, object]:
        # A worker is told which files to read; it need not be sent the names of all.
        state = dict(self.__dict__)
        state.pop("_by_end", None)
        names = None if self.is_folder else self._names
        return {**state, "_opened": None, "_unpacked": LastUnpacked(), "_names": names}


class HeldFiles:
    """Files that are in memory already, by name.

    Parameters
    ----------
    files : mapping of str to bytes
    name : str
        What to call them together.
    is_folder : bool
    """

    def __init__(
        self, files: Mapping[str, bytes], name: str = "memory", is_folder: bool = True
    ) -> None:
        self._files = dict(files)
        self._unpacked = LastUnpacked()
        self.name = name
        self.is_folder = is_folder

    def names(self) -> Sequence[str]:
        """Names of all files, sorted."""
        return sorted(self._files)

    def holds(self, name: str) -> bool:
        """Whether there is a file of this name."""
        return name in self._files

    def size(self, name: str) -> int:
        """Bytes of a file."""
        return self._packed(name).size() if is_packed(name) else len(self._stored(name))

    def read(self, name: str) -> bytes:
        """All bytes of a file."""
        return read_whole(self._packed(name), name) if is_packed(name) else self._stored(name)

    def range(self, name: str, offset: int, length: int) -> bytes:
        """Some bytes of a file; fewer at its end."""
        if is_packed(name):
            return self._packed(name).range(offset, length)
        return self._stored(name)[offset : offset + length]

    def open(self, name: str) -> BinaryIO:
        """A file, to be read at any place."""
        return io.BytesIO(self.read(name))

    def _packed(self, name: str) -> GzipBytes:
        stored = self._stored(name)
        return self._unpacked.file(name, lambda at, n: stored[at : at + n], len(stored))

    def _stored(self, name: str) -> bytes:
        if name not in self._files:
            raise SourceNotFoundError(f"{name}: there is no such file")
        return self._files[name]


def _unreadable(name: str, error: Exception) -> SourceError:
    if isinstance(error, FileNotFoundError):
        return SourceNotFoundError(f"{name}: there is no such file")
    return SourceError(f"{name}: cannot be read: {reason_of(error)}")
