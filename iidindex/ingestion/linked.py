"""Which of several ways to a place is meant, where links lead to it.

A place is recorded once: under the name that it has in the catalogue, whoever names it how.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

from sqlalchemy import Connection

from iidindex.catalog.file_rows import files_of_root
from iidindex.catalog.roots import KnownRoots, root_directories
from iidindex.storage.enclosing import Enclosing
from iidindex.storage.paths import is_iid
from iidindex.storage.places import storage_at


class Recorded:
    """Chooses the ways under which places are recorded.

    Parameters
    ----------
    connection : Connection, optional
        To a catalogue that may know the places.
    tops : iterable of str
        Directories that are ingested, too, as they are without links.
    """

    def __init__(self, connection: Connection | None, tops: Iterable[str]) -> None:
        self._connection = connection
        self._tops = Enclosing(tops)

    @cached_property
    def _known(self) -> KnownRoots:
        return KnownRoots(() if self._connection is None else root_directories(self._connection))

    def knows(self, place: str) -> bool:
        """Whether the catalogue has a file of this place, or below it."""
        storage = storage_at(place)
        root = self._known.over(storage.parent(place))
        if root is None or self._connection is None:
            return False
        below = storage.relative(root.location, place) or ""
        return any(True for _ in files_of_root(self._connection, root.id, below))

    def chosen(self, ways: Sequence[str], is_directory: bool) -> str:
        """Choose a way to a place.

        Parameters
        ----------
        ways : sequence of str
            Of a storage: absolute, with more and more of their links followed.
        is_directory : bool
            Whether they lead to one.

        Returns
        -------
        str
            The first of which the catalogue knows files; else the last inside a root, or inside a
            directory that is ingested, as there it is found; else the last.
        """
        if len(ways) == 1:
            return ways[0]
        final = ways[-1]
        storage = storage_at(final)
        # A file that a search would not find under its own name has that of a link to it.
        ways = [way for way in ways if is_directory or is_iid(way)] or ways
        inside = [way for way in ways if any(top != final for top in self._tops.over(way))]
        for way in ways:
            root = self._known.over(way if is_directory else storage.parent(way))
            if root is None:
                continue
            below = storage.relative(root.location, way) or ""
            connection = self._connection
            if connection and any(True for _ in files_of_root(connection, root.id, below)):
                return way
            inside.append(way)
        # The more links were followed, the later a way comes.
        return max(inside or ways, key=ways.index)
