"""What the metadata of files say, for answers that tell of files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection, select

from iidindex.catalog.catalogue import Catalog, Elsewhere
from iidindex.catalog.dialect import dialect_of
from iidindex.catalog.schema import files
from iidindex.catalog.statement import Statement, execute, is_among
from iidindex.metadata_names import value_in
from iidindex.query.pixels.segments import Ints
from iidindex.storage.places import location_of

# Looked up together; SQLite takes somewhat more values in a statement.
_TOGETHER = 500

_OF_IDS = Statement(
    select(files.c.id, files.c.first_entry_id, files.c.meta).where(is_among(files.c.id, "ids"))
)
# The index over root and path leads to each.
_OF_PATHS = (
    "SELECT r.location, f.path, f.meta FROM roots r {then} files f ON f.root_id = r.id "
    "WHERE f.path IN ({marks})"
)


class Told(NamedTuple):
    """Where the entries of a file begin now, and its metadata as text: decoded, they are larger."""

    first_entry_id: int | None
    text: str | None

    @property
    def meta(self) -> Any:
        """What they say, decoded anew."""
        return _read(self.text)


def metadata_of(connection: Connection, file_ids: Ints | Sequence[int]) -> dict[int, Told]:
    """What the metadata of files say, by id; those that are no longer there are not in it."""
    found = {}
    for low in range(0, len(file_ids), _TOGETHER):
        ids = file_ids[low : low + _TOGETHER]
        for file_id, first, text in _OF_IDS.run(connection, {"ids": ids}):
            found[file_id] = Told(first, text)
    return found


class File(Protocol):
    """A record of a file."""

    @property
    def path(self) -> str:
        """Inside its root."""

    @property
    def location(self) -> str:
        """Where it can be opened."""


class FileMetadata:
    """What the metadata say of the files of an answer, looked up once they are asked for.

    Parameters
    ----------
    catalog : Catalog or Elsewhere
    records : sequence of File
        Of these, all are looked up together.
    """

    def __init__(self, catalog: Catalog | Elsewhere, records: Sequence[File]) -> None:
        self._catalog = catalog
        self._records = records
        # For each of the names asked for, what is said, by location; nothing else is kept.
        self._said: dict[tuple[str, ...], dict[str, Any]] = {}

    def under(self, record: File, names: tuple[str, ...]) -> Any:
        """What the metadata of a file say under names; None, if they say nothing."""
        if names not in self._said:
            self._said[names] = self._looked_up(self._records, names)
        said = self._said[names]
        if record.location not in said:
            # It is of another answer.
            said |= self._looked_up([record], names)
        return said[record.location]

    def _looked_up(self, records: Sequence[File], names: tuple[str, ...]) -> dict[str, Any]:
        said: dict[str, Any] = {record.location: None for record in records}
        with self._catalog.reading() as connection:
            for low in range(0, len(records), _TOGETHER):
                paths = {record.path for record in records[low : low + _TOGETHER]}
                for location, meta in _of_paths(connection, paths):
                    if location in said:
                        said[location] = value_in(meta, names)
        return said

    def __getstate__(self) -> tuple[Any, Any]:
        return self._catalog.elsewhere, self._records

    def __setstate__(self, state: tuple[Any, Any]) -> None:
        self.__init__(*state)  # type: ignore[misc]


def _of_paths(connection: Connection, paths: set[str]) -> Iterator[tuple[str, Any]]:
    """The locations of files that have one of some paths, and what their metadata say."""
    dialect = dialect_of(connection)
    text = _OF_PATHS.format(then=dialect.then, marks=", ".join("?" * len(paths)))
    rows: Any = execute(connection, text, [*map(dialect.path, paths)])
    for root, path, text in rows:
        yield location_of(os.fsdecode(root), os.fsdecode(path)), _read(text)


def _read(text: str | None) -> Any:
    # A file that could not be read has none.
    return None if text is None else json.loads(text)
