"""Object stores and web servers as a storage: names, no directories, and no times that count."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager

from iidindex.errors import SourceError, SourceNotFoundError
from iidindex.model import FileStamp
from iidindex.storage import object_stores
from iidindex.storage.object_file import ObjectFile
from iidindex.storage.object_ranges import ObjectRanges
from iidindex.storage.object_urls import (
    canonical,
    is_web,
    location_of_key,
    object_name,
    refuse_credentials,
)
from iidindex.storage.paths import is_iid
from iidindex.storage.protocol import Listing, Source

_UNLISTED = (
    "the files of a web server cannot be listed; name their URLs, or a text file that has one on "
    "each line with --list"
)


class ObjectStorage:
    """Objects by name; a stamp is a size and an ETag. Who looks at one needs no more than a list.

    What begins the names of objects, up to a slash, is taken for a directory. It is there whether
    or not there is any object: an empty one holds none.
    """

    def __init__(self) -> None:
        self._ahead = threading.local()

    def ways(self, location: str) -> list[str]:
        """The one name of a place, without a slash behind it.

        Raises
        ------
        SourceNotFoundError, SourceError
            If it names no store, nothing can have this name, it has credentials in it, or obstore
            is not installed.
        """
        refuse_credentials(location)
        object_stores.require()
        return [canonical(location)]

    def join(self, root: str, path: str) -> str:
        """The URL of a path inside a root."""
        return f"{root}/{path}"

    def relative(self, root: str, location: str) -> str | None:
        """The path inside a root; None if it is not inside."""
        if location == root:
            return ""
        top = root if root.endswith("/") else f"{root}/"
        return location[len(top) :] if location.startswith(top) else None

    def parent(self, location: str) -> str:
        """What stands before the last slash; of a store, its scheme."""
        scheme, _, rest = location.partition("://")
        above, slash, _ = rest.rpartition("/")
        if slash:
            return f"{scheme}://{above}"
        return f"{scheme}://" if rest else ""

    def exists(self, location: str) -> bool:
        """Whether there is an object; True if nobody can tell."""
        try:
            object_stores.head(location)
        except SourceNotFoundError:
            return False
        except SourceError:
            return True
        return True

    def is_dir(self, location: str) -> bool:
        """Whether objects may lie below it: wherever it is not the name of one."""
        return not is_iid(location)

    def has_any(self, location: str) -> bool:
        """Whether there is any object below it; True if nobody can tell."""
        if is_web(location):
            return True
        try:
            return any(True for some in object_stores.listed(location) if some)
        except SourceError:
            return True

    def walk(self, root: str, below: str, suffix: str) -> Listing:
        """List objects with their stamps; nothing is opened.

        Of a list that breaks off, nothing is told but that: what was not yet listed is not gone.
        """
        top = f"{root}/{below}" if below else root
        if is_web(root):
            return Listing(unreadable={below: _UNLISTED})
        found = {}
        try:
            for path, stamp in self._listed(root, top, suffix):
                found[path] = stamp.size, stamp.mtime_ns
        except SourceError as error:
            reason = str(error).removeprefix(f"{top}: ")
            return Listing(unreadable={below: reason.replace("read: ", "listed: ", 1)})
        return Listing(found)

    def names(self, root: str, suffix: str = "") -> Iterator[str]:
        """Paths of objects; none where they cannot be listed."""
        if is_web(root):
            return
        try:
            for path, _ in self._listed(root, root, suffix):
                yield path
        except SourceError:
            return

    @staticmethod
    def _listed(root: str, top: str, suffix: str) -> Iterator[tuple[str, FileStamp]]:
        store, _ = object_name(root)
        begin = len(root) + 1
        for some in object_stores.listed(top):
            for key, stamp in some:
                if key.endswith(suffix) or key.lower().endswith(suffix):
                    yield location_of_key(store, key)[begin:], stamp

    def stamp(self, location: str) -> FileStamp:
        """Size and ETag of an object as it is now."""
        return object_stores.head(location)

    def stamps(self, locations: Sequence[str]) -> list[FileStamp | SourceError]:
        """Those of many objects, which are looked at at once; of some, what is wrong."""
        found: list[FileStamp | SourceError] = []
        for answer in object_stores.at_once(object_stores.head, locations):
            try:
                found.append(answer.result())
            except SourceError as error:
                found.append(error)
        return found

    def open(self, location: str) -> Source:
        """Open an object; what was begun ahead is there at once."""
        ahead = getattr(self._ahead, "files", None)
        begun = None if ahead is None else ahead.take(location)
        return ObjectFile(location) if begun is None else begun.result()

    @contextmanager
    def opening(self, locations: Sequence[str]) -> Iterator[None]:
        """Where objects are opened in this order: some are begun before they are asked for."""
        before = getattr(self._ahead, "files", None)
        self._ahead.files = ahead = _Ahead(locations)
        try:
            yield
        finally:
            ahead.close()
            self._ahead.files = before

    def ranges(self) -> ObjectRanges:
        """Something that reads many ranges at once."""
        return ObjectRanges()


class _Ahead:
    """Objects that are being opened, in the order in which they will be asked for."""

    def __init__(self, locations: Sequence[str]) -> None:
        self._waiting = iter(locations)
        self._begun: deque[tuple[str, Future[ObjectFile]]] = deque()
        self._fill()

    def _fill(self) -> None:
        while len(self._begun) < object_stores.AT_ONCE:
            location = next(self._waiting, None)
            if location is None:
                return
            future = object_stores.threads().submit(ObjectFile, location)
            self._begun.append((location, future))

    def take(self, location: str) -> Future[ObjectFile] | None:
        """The object of a URL, if it was begun; those before it are not asked for any more."""
        if not any(location == name for name, _ in self._begun):
            return None
        while True:
            name, future = self._begun.popleft()
            self._fill()
            if name == location:
                return future
            future.cancel()

    def close(self) -> None:
        """Give up what nobody has asked for."""
        for _, future in self._begun:
            future.cancel()
        self._begun.clear()


STORAGE = ObjectStorage()
