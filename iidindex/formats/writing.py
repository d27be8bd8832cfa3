"""The contract of a format that is written: pictures go in one by one, and files come out."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol, runtime_checkable

from iidindex.formats.annotation import Picture


class Sink(Protocol):
    """Where an export goes. A file is there whole or not at all, and no other is overwritten."""

    @property
    def name(self) -> str:
        """The last part of what was named: ``coco.json``."""

    def put(self, name: str, data: bytes) -> None:
        """Write a file; its name is relative, parted by ``/``.

        Raises
        ------
        ExchangeError
            If a file of this name was written already.
        """

    def stream(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Write a file bit by bit; it is there when the context ends without an error."""


class Session(Protocol):
    """One export under way."""

    def add(self, picture: Picture) -> None:
        """Write a picture.

        Its entries are those that were asked for, in the order of their keys; `Picture.meta`
        is that of its file, and `Picture.image` what that calls the image.
        """

    def finish(self) -> None:
        """Write what is about all pictures together."""

    @property
    def lost(self) -> dict[str, int]:
        """What the format could not keep, and how often."""


class WritableFormat(Protocol):
    """A format that can be written. `iidindex.formats.registry` lists them, too."""

    @property
    def is_one_file(self) -> bool:
        """Whether all goes into one file; otherwise into a directory."""

    def begin(self, sink: Sink) -> Session:
        """Begin an export; a writer of one file writes ``sink.name``."""


@runtime_checkable
class NumbersGroups(Protocol):
    """A format in which groups are numbers, which should not depend on the order of pictures."""

    def begin_with_groups(self, sink: Sink, first_groups: Iterable[str | None]) -> Session:
        """Begin an export, the first group of each of its entries known; None where it has none."""
