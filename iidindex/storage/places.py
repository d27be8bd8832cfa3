"""Which storage a location is of: by the scheme of a URL, or else the disk's."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from importlib import import_module
from itertools import groupby
from typing import cast

from iidindex.errors import SourceError, SourceNotFoundError
from iidindex.model import FileStamp
from iidindex.storage.local_storage import LOCAL
from iidindex.storage.object_urls import STORES, WEB, refuse_credentials
from iidindex.storage.paths import ways_to
from iidindex.storage.protocol import Remote, Storage

# By the scheme of a URL: the module whose `STORAGE` it is. It is imported when it is asked for.
_BY_SCHEME: dict[str, str] = dict.fromkeys((*STORES, *WEB), "iidindex.storage.object_storage")


def storage_at(location: str) -> Storage:
    """The storage of a location: a path, or a URL of a scheme that is known."""
    # This is asked for every file and every mask.
    return LOCAL if "://" not in location else _storage_of(location.partition("://")[0])


@lru_cache
def _storage_of(scheme: str) -> Storage:
    # A path may have these characters in it.
    home = _BY_SCHEME.get(scheme)
    return LOCAL if home is None else cast("Storage", import_module(home).STORAGE)


class Ways:
    """The ways to many places that are looked at together; see `Storage.ways`."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def to(self, location: str) -> list[str]:
        """The ways to one of them."""
        storage = storage_at(location)
        return ways_to(location, self._known) if storage is LOCAL else storage.ways(location)


def location_of(root: str, path: str) -> str:
    """Where a file can be opened, by the location of its root and its path inside."""
    return storage_at(root).join(root, path)


def refuse_secrets(text: str) -> None:
    """Refuse the URL of a storage, or a pattern of such, that has a password in it.

    Raises
    ------
    SourceError
        Which does not repeat it.
    """
    if storage_at(text) is not LOCAL:
        refuse_credentials(text, is_pattern=True)


def is_remote(location: str) -> bool:
    """Whether a location is in a storage that is asked over a network."""
    return isinstance(storage_at(location), Remote)


def stamps_at(locations: Sequence[str]) -> list[FileStamp | SourceError]:
    """Which version of each of many files is there now, or what is wrong with it."""
    found: list[FileStamp | SourceError] = []
    for storage, some in groupby(locations, storage_at):
        if isinstance(storage, Remote):
            found += storage.stamps(list(some))
            continue
        for location in some:
            try:
                found.append(storage.stamp(location))
            except SourceError as error:
                found.append(error)
    return found


def exist_at(locations: Sequence[str]) -> list[bool]:
    """Whether each of many files is there; in a storage that is far away, or nobody can tell."""
    found: list[bool] = []
    for storage, some in groupby(locations, storage_at):
        if isinstance(storage, Remote):
            stamps = storage.stamps(list(some))
            found += [not isinstance(stamp, SourceNotFoundError) for stamp in stamps]
        else:
            found += map(storage.exists, some)
    return found


@contextmanager
def opening(locations: Sequence[str]) -> Iterator[None]:
    """Where files are opened in this order; a storage that is far away may begin with some."""
    far: dict[Remote, list[str]] = {}
    for location in locations:
        storage = storage_at(location)
        if storage is not LOCAL and isinstance(storage, Remote):
            far.setdefault(storage, []).append(location)
    with ExitStack() as stack:
        for storage, of_it in far.items():
            stack.enter_context(storage.opening(of_it))
        yield


def is_absolute(text: str) -> bool:
    """Whether a text says where something lies, rather than where inside a root."""
    return os.path.isabs(text) or storage_at(text) is not LOCAL
