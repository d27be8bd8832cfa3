"""The files of the archive, as the catalogue knows them."""

from __future__ import annotations

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.schema import FAILED, MISSING, OK, files
from iidindex.errors import QueryError
from iidindex.files.arguments import check_number, is_one_of
from iidindex.query.answers.indexed_file import IndexedFile, listed_files


def indexed_files(
    catalog: Catalog,
    state: str | None = None,
    *,
    limit: int | None = None,
    after: IndexedFile | None = None,
) -> list[IndexedFile]:
    """List files by root and path; only those in `state`, if it is given.

    Raises
    ------
    QueryError
        If there is no such state.
    """
    if not is_one_of(state, OK, MISSING, FAILED):
        raise QueryError(f"state is {state!r}; expected {OK}, {MISSING} or {FAILED}")
    conditions = [] if state is None else [files.c.state == state]
    limit = check_number(limit, "limit")
    return listed_files(catalog, conditions, limit=limit, after=after)
