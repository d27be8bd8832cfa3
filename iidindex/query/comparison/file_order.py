"""The files of an archive in the order in which individuals are followed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection, Select, literal_column, select

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
    if by == PATH:
        return None
    names = names_in_order(by) if isinstance(by, str) and not by.startswith("-") else None
    if names is None:
        raise QueryError(f"by is {by!r:.200}; expected {PATH} or {META}NAME")
    return names


def files_in_order(connection: Connection, filters: Filters, by: str) -> FileOrder:
    """The files that fit what is asked of files, in the order of their paths or of their metadata.

    Where they tie, they come by path, and then by the names of their roots. What is asked of
    entries does not matter.
    """
    names = names_of(by)
    shape = shape_of(filters)
    source = files.join(roots, roots.c.id == files.c.root_id)
    ends = (files.c.path, roots.c.name)
    statement: Select[Any]
    if names is None:
        key: Any = files.c.path
        statement = select(files.c.id, files.c.root_id, key).order_by(*ends)
    else:
        order = shape_of_order(by)
        assert isinstance(order, MetaOrder)
        key = comparable(0, order).label("said")
        said: Any = literal_column("said")
        statement = select(files.c.id, files.c.root_id, key).order_by(directed(said, order), *ends)
    asked = Statement(statement.select_from(source).where(*of_files(shape)))
    values = values_of(filters) | values_of_order(0, by)
    return _ordered(asked.run(connection, values))


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
