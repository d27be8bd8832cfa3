"""A storage that is no disk: objects by name, each with a version, in this process.

There are no directories and no times. Every change gives an object a new version, and whoever
reads may say which one is wanted, as with If-Match. What is asked of it is written down.
"""

import threading

from iidindex.buffers import as_bytes
from iidindex.errors import SourceNotFoundError, StaleFileError
from iidindex.model import FileStamp
from iidindex.storage.protocol import Listing, stale

# What the first request for an object brings, and what is read along between two ranges.
_FIRST = 512
_GAP = 1 << 20


class Shelf:
    def __init__(self):
        self._lock = threading.Lock()
        self._objects = {}
        self._version = 0
        self.requests = []

    def put(self, name, content):
        with self._lock:
            self._version += 1
            self._objects[name] = content, self._version

    def delete(self, name):
        with self._lock:
            del self._objects[name]

    def get(self, name, begin, end, version=None):
        """Some bytes, and the stamp; the version has to be the one that is wanted, if any is."""
        with self._lock:
            self.requests.append(("GET", name))
            if name not in self._objects:
                raise SourceNotFoundError(f"{name}: there is no such object")
            content, now = self._objects[name]
            if version not in (None, now):
                raise StaleFileError(f"{name}: is of another version")
            return content[begin:end], FileStamp(len(content), now)

    def head(self, name):
        with self._lock:
            self.requests.append(("HEAD", name))
            if name not in self._objects:
                raise SourceNotFoundError(f"{name}: there is no such object")
            content, version = self._objects[name]
            return FileStamp(len(content), version)

    def names(self, prefix):
        with self._lock:
            self.requests.append(("LIST", prefix))
            return {
                name: FileStamp(len(content), version)
                for name, (content, version) in self._objects.items()
                if name.startswith(prefix)
            }


SHELF = Shelf()


class ShelfFile:
    """The first request tells the version; all others ask for that one."""

    def __init__(self, name):
        self.name = name
        self._first, self.stamp = SHELF.get(name, 0, _FIRST)

    def read(self, offset, length):
        if offset + length <= len(self._first):
            return self._first[offset : offset + length]
        return SHELF.get(self.name, offset, offset + length, self.stamp[1])[0]

    def data(self):
        return as_bytes(self.read(0, self.stamp.size))

    def check_whole(self):
        pass

    def is_current(self):
        return True

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class ShelfRanges:
    """Looks and reads in one request."""

    def read(self, location, stamp, ranges):
        pieces = []
        for begin, end in joined(ranges):
            try:
                content, _ = SHELF.get(location, begin, end, stamp[1])
            except StaleFileError:
                raise stale(location, stamp, SHELF.head(location)) from None
            pieces += [
                content[offset - begin : offset - begin + length]
                for offset, length in ranges
                if begin <= offset < end
            ]
        return pieces

    def close(self):
        pass


def joined(ranges):
    found = []
    for offset, length in ranges:
        if found and offset <= found[-1][1] + _GAP:
            found[-1][1] = max(found[-1][1], offset + length)
        else:
            found.append([offset, offset + length])
    return found


class ShelfStorage:
    def ways(self, location):
        return [location.rstrip("/")]

    def join(self, root, path):
        return f"{root}/{path}"

    def relative(self, root, location):
        if location == root:
            return ""
        return location.removeprefix(f"{root}/") if location.startswith(f"{root}/") else None

    def parent(self, location):
        return location.rpartition("/")[0]

    def exists(self, location):
        try:
            SHELF.head(location)
        except SourceNotFoundError:
            return False
        return True

    def is_dir(self, location):
        return not location.endswith(".iid")

    def has_any(self, location):
        return bool(SHELF.names(location.rstrip("/") + "/"))

    def walk(self, root, below, suffix):
        top = f"{root}/{below}".rstrip("/") + "/"
        found = SHELF.names(top)
        return Listing(
            {
                name.removeprefix(f"{root}/"): tuple(stamp)
                for name, stamp in found.items()
                if name.lower().endswith(suffix)
            }
        )

    def names(self, root, suffix=""):
        return iter(self.walk(root, "", suffix).found)

    def stamp(self, location):
        return SHELF.head(location)

    def open(self, location):
        return ShelfFile(location)

    def ranges(self):
        return ShelfRanges()


STORAGE = ShelfStorage()
