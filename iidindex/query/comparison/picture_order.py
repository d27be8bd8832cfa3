"""In which order the pictures of an archive follow each other."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection, Select, select

from iidindex.catalog.lookup import Ids
from iidindex.catalog.schema import files
from iidindex.catalog.statement import Statement
from iidindex.errors import QueryError
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

# Rows fetched at a time.
_ROWS = 1000


class PicturesInOrder(NamedTuple):
    """Files, each directory of each root for itself, in order.

    Attributes
    ----------
    file_id : ndarray of int64, shape (n,)
    n_entries : ndarray of int64, shape (n,)
    folder : ndarray of int64, shape (n,)
        A number for the directory of each file, ascending.
    """

    file_id: Ids
    n_entries: Ids
    folder: Ids


def check_by(by: Any) -> str:
    """Refuse an order that is none of pictures.

    Raises
    ------
    QueryError
        If it is neither ``path`` nor ``meta.`` and names.
    """
    is_name = isinstance(by, str) and not by.startswith("-")
    if is_name and (by == "path" or names_in_order(by) is not None):
        return str(by)
    raise QueryError(f"by is {by!r:.200}; expected 'path', or 'meta.' and a name in the metadata")


def pictures_in_order(connection: Connection, filters: Filters, by: str) -> PicturesInOrder:
    """The files that fit, as they follow each other in their directories.

    Parameters
    ----------
    connection : Connection
    filters : Filters
        What they ask of files counts, and nothing else.
    by : str
        ``path``, or ``meta.`` and a name: files that say nothing come last, and those that tie by
        path.
    """
    check_by(by)
    order = shape_of_order(by)
    keys = [directed(comparable(0, order), order)] if isinstance(order, MetaOrder) else []
    statement: Select[Any] = (
        select(files.c.id, files.c.n_entries, files.c.root_id, files.c.path)
        .where(*of_files(shape_of(filters)))
        .order_by(files.c.root_id, *keys, files.c.path)
    )
    values = {**values_of(filters), **values_of_order(0, by)}
    found: list[tuple[int, int, int]] = []
    folders: dict[tuple[int, str | bytes], int] = {}
    for rows in Statement(statement).parts(connection, values, _ROWS):
        for file_id, n_entries, root_id, path in rows:
            place = root_id, os.fsencode(path).rpartition(b"/")[0]
            found.append((file_id, n_entries, folders.setdefault(place, len(folders))))
    table = np.array(found, np.int64).reshape(-1, 3)
    table = table[np.argsort(table[:, 2], kind="stable")]
    return PicturesInOrder(*np.ascontiguousarray(table.T))
