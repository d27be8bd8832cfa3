"""The entries of a question, file by file, with what else is known of the file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from itertools import groupby, islice, product
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection, func, select

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.roots import root_directories
from iidindex.catalog.schema import OK, files, path_value, roots
from iidindex.catalog.statement import Statement, is_among
from iidindex.query.answers.entry import Entry
from iidindex.query.entries import Entries
from iidindex.query.pixels.frames import image_named
from iidindex.query.question.asked import Filters
from iidindex.query.question.conditions import of_files
from iidindex.query.question.shape import shape_of, values_of
from iidindex.storage.places import location_of, storage_at

# Files whose metadata are fetched together.
_TOGETHER = 200

_KNOWN = Statement(
    select(files.c.id, files.c.path, roots.c.name, roots.c.location, files.c.meta)
    .join(roots, roots.c.id == files.c.root_id)
    .where(is_among(files.c.id, "ids"))
)


class KnownFile(NamedTuple):
    """What the catalogue knows of a file."""

    root: str
    path: str
    location: str
    meta: Any


class ChosenFile(NamedTuple):
    """A file, and those of its entries that were asked for, by key."""

    root: str
    path: str
    location: str
    meta: Any
    entries: list[Entry]


def chosen_files(question: Entries, catalog: Catalog, filters: Filters) -> Iterator[ChosenFile]:
    """The files in which a question finds entries, in the order of the catalogue.

    If it asks for whole files, those without entries are among them, at the end.
    """
    found: Iterable[Entry] = question
    if filters.order_by or filters.near is not None:
        found = sorted(question, key=attrgetter("file_id", "id"))
    grouped = (
        sorted(entries, key=attrgetter("key"))
        for _, entries in groupby(found, key=attrgetter("file_id"))
    )
    while some := list(islice(grouped, _TOGETHER)):
        with catalog.reading() as connection:
            known = known_files(connection, [entries[0].file_id for entries in some])
        for entries in some:
            plain = KnownFile("", entries[0].path, entries[0].location, {})
            yield ChosenFile(*known.get(entries[0].file_id, plain), entries)
    with catalog.reading() as connection:
        empty = files_without_entries(connection, filters)
        others = known_files(connection, empty)
    for file_id in empty:
        yield ChosenFile(*others[file_id], [])


def known_files(connection: Connection, file_ids: list[int]) -> dict[int, KnownFile]:
    """What the catalogue knows of files, by id; those that are gone are not in it."""
    rows = _KNOWN.run(connection, {"ids": np.array(file_ids, np.int64)})
    return {row[0]: _known(*row[1:]) for row in rows}


def _known(path: Any, root: Any, place: Any, meta: str | None) -> KnownFile:
    inner = os.fsdecode(path)
    location = location_of(os.fsdecode(place), inner)
    return KnownFile(os.fsdecode(root), inner, location, json.loads(meta or "{}"))


def files_without_entries(connection: Connection, filters: Filters) -> list[int]:
    """The ids of the files that fit and hold nothing; none, if not whole files are asked for."""
    if filters.order_by or filters.near is not None or filters.limit is not None:
        return []
    shape = shape_of(filters)
    if not shape.is_of_whole_files:
        return []
    statement = (
        select(files.c.id)
        .where(*of_files(shape), files.c.n_entries == 0, files.c.state == OK)
        .order_by(files.c.id)
    )
    return list(connection.execute(statement, values_of(filters)).scalars())


def is_indexed(connection: Connection, places: Iterable[str]) -> bool:
    """Whether a file at one of these places is in the index, whatever its state."""
    for root in root_directories(connection):
        tops = {root.location, os.path.realpath(root.location)}
        for place, top in product(places, tops):
            inner = storage_at(place).relative(top, place)
            if inner is None:
                continue
            wanted = select(files.c.id).where(
                files.c.root_id == root.id, files.c.path == path_value(inner)
            )
            if connection.execute(wanted).first() is not None:
                return True
    return False


def pictures_of_masks(connection: Connection) -> Iterator[str]:
    """Where the pictures of all files are that the metadata name, with links followed."""
    statement = select(files.c.path, roots.c.location, files.c.meta).join(
        roots, roots.c.id == files.c.root_id
    )
    for path, root, meta in connection.execute(statement):
        image = image_named(json.loads(meta or "{}"))
        if image is not None:
            place = os.path.dirname(location_of(os.fsdecode(root), os.fsdecode(path)))
            yield os.path.realpath(os.path.join(place, image))


def has_twins(connection: Connection) -> bool:
    """Whether any two files have the same path, but for ``.iid``, in whatever roots."""
    if connection.execute(select(roots.c.id).limit(2)).all()[1:] == []:
        # Within a root, only names that differ in ``.iid`` and ``.IID``, which a sink notices.
        return False
    twins = select(files.c.path).group_by(files.c.path).having(func.count() > 1).limit(1)
    return connection.execute(twins).first() is not None
