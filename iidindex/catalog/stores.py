"""Which database holds a catalogue, by its location."""

from __future__ import annotations

import os
from importlib import import_module
from typing import cast

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from iidindex.catalog.contract import Store
from iidindex.errors import CatalogError

# By the name of the database in a URL: the module that is its `Store`, as a class `Database`.
_STORES = {
    "sqlite": "iidindex.catalog.sqlite.database",
    "postgresql": "iidindex.catalog.postgres.server",
}


def store_at(location: str | os.PathLike[str], *, read_only: bool = False) -> Store:
    """The database of a location, which is not opened yet.

    Parameters
    ----------
    location : path-like or str
        A path, for SQLite, or a SQLAlchemy URL such as ``sqlite:////data/archive.db`` or
        ``postgresql://user@host/database``.
    read_only : bool
        Never write, not even a lock.

    Raises
    ------
    CatalogError
        If it is no such URL, or of a database that cannot hold a catalogue.
    """
    try:
        url = _as_url(os.fsdecode(location))
    except TypeError:
        raise CatalogError(
            f"expected a path or a database URL, not {type(location).__name__}: {location!r:.200}"
        ) from None
    home = _STORES.get(url.get_backend_name())
    if home is None:
        raise CatalogError(
            f"{url.render_as_string()}: a catalogue is held by SQLite or PostgreSQL, not by this"
        )
    return cast("Store", import_module(home).Database(url, read_only=read_only))


def _as_url(text: str) -> URL:
    if "://" not in text:
        return URL.create("sqlite", database=text)
    try:
        return make_url(text)
    except (ArgumentError, ValueError):  # ValueError: of a port that is no number
        raise CatalogError(f"{_shown(text)}: is not a database URL") from None


def _shown(text: str) -> str:
    """What looks like a URL, without what may be a password in it."""
    scheme, _, rest = text.partition("://")
    return f"{scheme}://***@{rest.rpartition('@')[2]}" if "@" in rest else text
