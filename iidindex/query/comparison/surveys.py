"""Surveys: the files that people name together, by root, file, directory or pattern."""

from __future__ import annotations

import glob
from collections.abc import Iterator

from sqlalchemy import Connection, and_, select

from iidindex.catalog.roots import root_directories
from iidindex.catalog.schema import files
from iidindex.errors import QueryError
from iidindex.query.question.asked import Filters
from iidindex.query.question.conditions import of_files
from iidindex.query.question.near_names import near_path
from iidindex.query.question.resolve import places_meant
from iidindex.query.question.shape import shape_of, values_of


def survey(connection: Connection, filters: Filters, name: str) -> Filters:
    """Ask among the entries of a survey.

    Parameters
    ----------
    connection : Connection
    filters : Filters
        What else is asked for.
    name : str
        The name of a root; or a file, a directory or a pattern, inside roots or on disk. What is
        found first is meant.

    Raises
    ------
    QueryError
        If there is nothing of this name.
    """
    if not isinstance(name, str):
        raise QueryError(f"a survey must be text, not {type(name).__name__}: {name!r:.200}")
    for taken in ("path", "root"):
        if filters.get(taken) is not None:
            raise QueryError(f"{taken} goes by the surveys that are compared; leave it out")
    if name in {root.name for root in root_directories(connection)}:
        return filters.where(root=name)
    for path in _meant(name):
        asked = Filters().where(path=path)
        statement = select(files.c.id).where(and_(*of_files(shape_of(asked)))).limit(1)
        if connection.execute(statement, values_of(asked)).first() is not None:
            return filters.where(path=path)
    _, hint = near_path(connection, name)
    raise QueryError(f"{name}: no root, file or directory of the index; {hint}")


def _meant(name: str) -> Iterator[str]:
    """Paths and patterns, of which the first that is known is meant."""
    for path in (name, *places_meant(name)):
        if path:
            yield path
            yield f"{glob.escape(path.rstrip('/'))}/*"
