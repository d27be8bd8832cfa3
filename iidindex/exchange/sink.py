"""Where an export is written: whole files, and never over an original."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from iidindex.errors import ExchangeError, SourceError
from iidindex.storage.atomic import write_atomically
from iidindex.storage.local import reason_of
from iidindex.storage.paths import absolute

Guard = Callable[[str], object]


class LocalSink:
    """A directory or a file on this machine's disks.

    Parameters
    ----------
    out : path-like
    is_one_file : bool
        Whether `out` is the file to write, and not a directory.
    guard : callable
        Called with the path of a file that is there and would be replaced; raises an error if
        it must not be.
    """

    def __init__(self, out: str | os.PathLike[str], is_one_file: bool, guard: Guard) -> None:
        self._out = absolute(out)
        self._is_one_file = is_one_file
        self._guard = guard
        self._written: set[str] = set()
        self._unfinished: set[str] = set()
        self.name = os.path.basename(self._out)
        if is_one_file and os.path.isdir(self._out):
            raise ExchangeError(f"{self._out} is a directory; expected a file to write")
        if not is_one_file and os.path.isfile(self._out):
            raise ExchangeError(f"{self._out} is a file; expected a directory to write to")

    def put(self, name: str, data: bytes) -> None:
        """Write a file."""
        place = self._taken(name)
        self._make_room(place)
        write_atomically(place, [data])

    @contextmanager
    def stream(self, name: str) -> Iterator[BinaryIO]:
        """Write a file bit by bit; it is there when the context ends without an error."""
        place = self._taken(name)
        self._make_room(place)
        target = os.path.realpath(place)
        lead, last = os.path.split(target)
        temporary = os.path.join(lead, f".iidindex.{os.getpid()}.{abs(hash(last)):x}.tmp")
        self._unfinished.add(temporary)
        try:
            with open(temporary, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except OSError as error:
            raise SourceError(f"{place}: cannot be written: {reason_of(error)}") from error
        self._unfinished.discard(temporary)

    def close(self) -> None:
        """Remove what was begun and not finished."""
        for temporary in self._unfinished:
            if os.path.exists(temporary):
                os.unlink(temporary)

    def _taken(self, name: str) -> str:
        if name in self._written:
            raise ExchangeError(
                f"two files would be written to {name}; narrow the question down, by root or path"
            )
        self._written.add(name)
        place = self._out if self._is_one_file else os.path.join(self._out, *name.split("/"))
        if os.path.lexists(place):
            self._guard(place)
        return place

    def _make_room(self, place: str) -> None:
        try:
            os.makedirs(os.path.dirname(place), exist_ok=True)
        except OSError as error:
            told = f"{os.path.dirname(place)}: cannot be made: {reason_of(error)}"
            raise SourceError(told) from error
