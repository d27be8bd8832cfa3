"""What an index is while it is open: a catalogue, and the originals it leads to."""

from __future__ import annotations

import os
from types import FunctionType
from typing import Any, Self

from iidindex.catalog.catalogue import Catalog
from iidindex.errors import QueryError
from iidindex.exchange.answers_out import Entries
from iidindex.query.entries import Entries as Asked
from iidindex.query.pixels.originals import Originals
from iidindex.query.question.asked import Filters


class Opened:
    """What the parts of an `Index` share.

    Python names a method in its errors after the class that it was written in. People know
    ``Index``, of which the parts are made up, and so that name is given to all of them.
    """

    def __init_subclass__(cls) -> None:
        for own in (Opened, cls):
            for name, member in vars(own).items():
                if isinstance(member, FunctionType):
                    member.__qualname__ = f"Index.{name}"

    def __init__(
        self, location: str | os.PathLike[str], *, create: bool = False, read_only: bool = False
    ) -> None:
        self._catalog = Catalog(location, create=create, read_only=read_only)
        self._originals = Originals()

    @property
    def entries(self) -> Entries:
        """All entries of all files. Narrow them down by ``where at region …``."""
        return Entries(self._catalog, self._originals, Filters())

    def _among(self, entries: Asked | None) -> Asked:
        """What is asked for, or all."""
        if not isinstance(entries, (Asked, type(None))):
            told = f"{type(entries).__name__}: {entries!r:.200}"
            raise QueryError(f"entries must be a question, index.entries.where(…), not {told}")
        return self.entries if entries is None else entries

    def close(self) -> None:
        """Close the database and all original files."""
        self._originals.close()
        self._catalog.close()

    def __getstate__(self) -> dict[str, Any]:
        self._catalog.check_open()
        return self._catalog.arguments

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Where it arrives, the database and the originals are opened anew.
        self._catalog, self._originals = Catalog(**state), Originals()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Index {self._catalog.name!r}>"
