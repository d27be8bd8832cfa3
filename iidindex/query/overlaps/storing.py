"""Keeping overlaps in the catalogue, so that they are not counted again."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from sqlalchemy import literal_column

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.schema import files
from iidindex.errors import QueryError, SourceError
from iidindex.plural import counted
from iidindex.query.answers.indexed_file import IndexedFile, files_that, listed_files
from iidindex.query.overlaps.counting import check_order, counted_files
from iidindex.query.overlaps.pairs import Pairs
from iidindex.query.pixels.originals import Originals
from iidindex.query.pixels.segments import Segments
from iidindex.query.question import compile as sql
from iidindex.query.question.asked import Filters
from iidindex.query.question.asking import Question
from iidindex.query.question.conditions import of_files
from iidindex.query.question.shape import Shape, shape_of, values_of

# Seconds and numbers after which what was counted is committed.
_COMMIT_SECONDS = 20.0
_COMMIT_NUMBERS = 3_000_000


class Progress(NamedTuple):
    """How many files were looked at, of how many; as text, one line for a person."""

    files: int
    total: int

    def __str__(self) -> str:
        return f"{self.files} of {counted(self.total, 'file')}"


Tell = Callable[[Progress], object]


def store(
    catalog: Catalog, originals: Originals, filters: Filters, progress: Tell | None = None
) -> None:
    """Count the overlaps of whole files and keep them in the catalogue, but for those it has.

    What is committed every now and then stays if it is interrupted. Of files that the next
    ingest finds changed, they are forgotten. Files that cannot be believed are warned of, and
    none are kept of them; the others go on.

    Raises
    ------
    QueryError
        If the filters choose a part of a file.
    CatalogLockedError
        If another process is writing.
    SourceError
        At the end, if files could not be believed, and that is an error.
    """
    shape = _of_whole_files(filters)
    catalog.check_writable()
    with catalog.sole_writer():
        with catalog.reading() as connection:
            total, left = (
                sql.count_filled_files(one).run(connection, values_of(filters)).fetchone()[0]
                for one in (shape, shape._replace(stored=False))
            )
        done, after = total - left, 0
        while done < total:
            with catalog.reading() as connection:
                going_on = replace(filters, stored=False).following(after)
                going_on = going_on.reading("warn" if filters.on_stale == "error" else None, None)
                question = Question(connection, originals, going_on)
                with closing(counted_files(question, originals)) as parts:
                    batch = _Batch()
                    for segments, pairs in parts:
                        done, after = done + batch.add(segments, pairs), int(segments.id[-1])
                        if progress is not None:
                            progress(Progress(done, total))
                        if batch.is_full:
                            break
                    else:
                        done = total
            batch.write(catalog)
    bad = _files_without_overlaps(catalog, filters) if filters.on_stale == "error" else []
    if bad:
        more = f" (and {counted(len(bad) - 1, 'other')})" if len(bad) > 1 else ""
        raise SourceError(
            f"{bad[0].location}: is not as it was indexed{more}; the overlaps of all other files "
            "are stored"
        )


def to_store(catalog: Catalog, filters: Filters) -> list[IndexedFile]:
    """List the files whose overlaps `store` would count.

    Raises
    ------
    QueryError
        If the filters choose a part of a file.
    """
    _of_whole_files(filters)
    return _files_without_overlaps(catalog, filters)


def _of_whole_files(filters: Filters) -> Shape:
    """The shape of a question, if it asks for whole files."""
    check_order(filters)
    shape = shape_of(filters)
    if not shape.is_of_whole_files:
        raise QueryError(
            "only the overlaps of whole files can be stored: ask by path, root or meta"
        )
    return shape


class _Batch:
    """Overlaps that are committed together."""

    def __init__(self) -> None:
        self._begin = time.monotonic()
        self._files: list[int] = []
        self._flat: list[int] = []

    @property
    def is_full(self) -> bool:
        """Whether they are many, or were long in coming."""
        waited = time.monotonic() - self._begin
        return waited > _COMMIT_SECONDS or len(self._flat) > _COMMIT_NUMBERS

    def add(self, segments: Segments, pairs: Pairs) -> int:
        """Take in what is new of files that could be read; return how many files there were."""
        files = np.unique(segments.file_id)
        new = np.setdiff1d(files, pairs.unread)
        file_id = segments.file_id[np.searchsorted(segments.id, pairs.a)]
        chosen = pairs.among(np.isin(file_id, new))
        self._flat += np.column_stack(chosen[:3]).ravel().tolist()
        self._files += new.tolist()
        return len(files)

    def write(self, catalog: Catalog) -> None:
        """Write and commit them."""
        if self._files:
            with catalog.writing() as connection:
                insert_rows = catalog.store.insert_rows
                insert_rows(connection, "overlaps", ["a_id", "b_id", "pixels"], self._flat)
                insert_rows(connection, "overlap_files", ["file_id"], self._files)


def _files_without_overlaps(catalog: Catalog, filters: Filters) -> list[IndexedFile]:
    """List files that fit and have entries, but whose overlaps are not stored."""
    fits = of_files(shape_of(replace(filters, stored=False)))
    found = files_that(*fits, files.c.n_entries > literal_column("0"))
    with catalog.reading() as connection:
        ordered = found.order_by(files.c.root_id, files.c.path)
        return [*listed_files(connection, ordered, values_of(filters))]
