"""Which storage a location is of: by the scheme of a URL, or else the disk's."""

from __future__ import annotations

import os
from functools import lru_cache
from importlib import import_module
from typing import cast

from iidindex.storage.local_storage import LOCAL
from iidindex.storage.paths import ways_to
from iidindex.storage.protocol import Storage

# By the scheme of a URL: the module whose `STORAGE` it is. It is imported when it is asked for.
_BY_SCHEME: dict[str, str] = {}


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


def is_absolute(text: str) -> bool:
    """Whether a text says where something lies, rather than where inside a root."""
    return os.path.isabs(text) or storage_at(text) is not LOCAL
