"""The files of an archive in the order in which individuals are followed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import ColumnElement, Connection, Select, literal_column, select

from iidindex.catalog.schema import files, roots
from iidindex.catalog.statement import Statement
from iidindex.errors import QueryError
from iidindex.metadata_names import META
from iidindex.query.pixels.segments import Ints
from iidindex.query.question.asked import Filters
from iidindex.query.question.conditions import of_files
from iidindex.query.question.metadata_order import (
    MetaOrder,
    comparable,
    directed,
    names_in_order,
    shape_of_order,
    values_of_order,
)
from iidindex.query.question.shape import shape_of, values_of

PATH = "path"

# Rows fetched at a time.
_ROWS = 1000


@dataclass(frozen=True, slots=True)
class FileOrder:
    """Files in order, root by root. The place of a file is its position in these columns.

    Attributes
    ----------
    file_id : ndarray of int64, shape (n,)
    root : ndarray of int64, shape (n,)
        Ids of the roots. Files of a root are in order, one behind the other.
    rank : ndarray of int64, shape (n,)
        Positions in the order over all roots.
    value : ndarray of int64, shape (n,)
        Ranks of what they are ordered by: equal, if that is. -1 for those of which nothing is
        known, which come last.
    by_id : ndarray of int64, shape (n,)
        Places in the order of the ids.
    """

    file_id: Ints
    root: Ints
    rank: Ints
    value: Ints
    by_id: Ints

    def places_of(self, file_ids: Ints) -> Ints:
        """The places of files that are among them, equal ids together: int64, shape (n,)."""
        begins = np.flatnonzero(np.append(True, file_ids[1:] != file_ids[:-1])[: len(file_ids)])
        nth = np.searchsorted(self.file_id, file_ids[begins], sorter=self.by_id)
        found = self.by_id[nth]
        return np.repeat(found, np.diff(begins, append=len(file_ids)))


def names_of(by: Any) -> tuple[str, ...] | None:
    """The names in metadata that files are ordered by; None, if it is by path.

    Raises
    ------
    QueryError
        If it is neither.
    """
    text = by if isinstance(by, str) else ""
    if text == PATH:
        return None
    names = None if text.startswith("-") else names_in_order(text)
    if names is None:
        raise QueryError(f"by is {by!r:.200}; expected {PATH} or {META}NAME")
    return names


def files_in_order(connection: Connection, filters: Filters, by: str) -> FileOrder:
    """The files that fit what is asked of files, in the order of their paths or of their metadata.

    Where they tie, they come by path, and then by the names of their roots. What is asked of
    entries does not matter.
    """
    names_of(by)
    key = _key(by)
    said = files.c.path if key is None else key.label("said")
    ends = (files.c.path, roots.c.name)
    # By its label, what the metadata say is looked up once.
    keys = () if key is None else (_directed(literal_column("said"), by),)
    statement = select(files.c.id, files.c.root_id, said).order_by(*keys, *ends)
    joined = statement.select_from(files.join(roots, roots.c.id == files.c.root_id))
    return _ordered(_asked(connection, joined, filters, by))


class PicturesInOrder(NamedTuple):
    """Files, each directory of each root for itself, in order.

    Attributes
    ----------
    file_id : ndarray of int64, shape (n,)
    n_entries : ndarray of int64, shape (n,)
    folder : ndarray of int64, shape (n,)
        A number for the directory of each file, ascending.
    """

    file_id: Ints
    n_entries: Ints
    folder: Ints


def pictures_in_order(connection: Connection, filters: Filters, by: str) -> PicturesInOrder:
    """The files that fit what is asked of files, as they follow each other in their directories.

    Where they tie, they come by path.
    """
    names_of(by)
    key = _key(by)
    keys = () if key is None else (_directed(key, by),)
    columns = (files.c.id, files.c.n_entries, files.c.root_id, files.c.path)
    statement = select(*columns).order_by(files.c.root_id, *keys, files.c.path)
    found: list[tuple[int, int, int]] = []
    folders: dict[tuple[int, bytes], int] = {}
    for file_id, n_entries, root_id, path in _asked(connection, statement, filters, by):
        place = root_id, os.fsencode(path).rpartition(b"/")[0]
        found.append((file_id, n_entries, folders.setdefault(place, len(folders))))
    table = np.array(found, np.int64).reshape(-1, 3)
    table = table[np.argsort(table[:, 2], kind="stable")]
    return PicturesInOrder(*np.ascontiguousarray(table.T))


def _key(by: str) -> ColumnElement[Any] | None:
    """What the metadata say that files are ordered by; None, if it is by path."""
    order = shape_of_order(by)
    return comparable(0, order) if isinstance(order, MetaOrder) else None


def _directed(key: ColumnElement[Any], by: str) -> ColumnElement[Any]:
    order = shape_of_order(by)
    assert isinstance(order, MetaOrder)
    return directed(key, order)


def _asked(
    connection: Connection, statement: Select[Any], filters: Filters, by: str
) -> Iterator[Any]:
    """The rows of a statement about the files that fit."""
    narrowed = Statement(statement.where(*of_files(shape_of(filters))))
    values = values_of(filters) | values_of_order(0, by)
    return chain.from_iterable(narrowed.parts(connection, values, _ROWS))


def _ordered(rows: Iterable[tuple[int, int, Any]]) -> FileOrder:
    """From rows of id, root and value, in their order."""
    found: list[int] = []
    value, before = -1, None
    for file_id, root, said in rows:
        # True is 1 to Python, but here they are what the database gives: numbers, text, bytes.
        if said is not None and said != before:
            value, before = value + 1, said
        found += (file_id, root, -1 if said is None else value)
    table = np.array(found, np.int64).reshape(-1, 3)
    rank = np.argsort(table[:, 1], kind="stable")
    file_id, root, values = np.ascontiguousarray(table[rank].T)
    return FileOrder(file_id, root, rank, values, np.argsort(file_id))
