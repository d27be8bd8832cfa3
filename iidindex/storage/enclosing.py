"""Which of some places a location lies in, found in as many steps as it has directories above."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from iidindex.storage.places import storage_at


def above(location: str) -> Iterator[str]:
    """The directories that a location lies in, the innermost first."""
    storage = storage_at(location)
    directory = storage.parent(location)
    while directory and directory != location:
        yield directory
        location, directory = directory, storage.parent(directory)


class Enclosing:
    """Places, looked up by what lies in them.

    To compare a location with every place takes time that grows with the product of both. What
    was found for a directory is kept, so that its files cost a step each.

    Parameters
    ----------
    places : iterable of str
        Locations as a storage tells them, absolute.
    """

    def __init__(self, places: Iterable[str]) -> None:
        self._places = frozenset(places)
        self._known: dict[str, tuple[str, ...]] = {}

    def over(self, directory: str) -> tuple[str, ...]:
        """Those of the places that a directory is or lies in, the innermost first."""
        found = self._known.get(directory)
        if found is not None:
            return found
        found, waiting = (), list[str]()
        for place in chain([directory], above(directory)):
            if place in self._known:
                found = self._known[place]
                break
            waiting.append(place)
        for place in reversed(waiting):
            found = (place, *found) if place in self._places else found
            self._known[place] = found
        return found
