"""Bringing a catalogue to the newest schema."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection

from iidindex.catalog import schema
from iidindex.catalog.statement import share
from iidindex.catalog.stores import store_at
from iidindex.errors import CatalogError, CatalogNotFoundError, SchemaVersionError


def script_location() -> Path:
    """Where the revisions are: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def upgrade(connection: Connection) -> None:
    """Run all revisions that the connected database lacks, within the open transaction."""
    # Alembic takes longer to import than most questions take to answer.
    from alembic import command
    from alembic.config import Config

    share(connection)
    config = Config()
    config.set_main_option("script_location", str(script_location()).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


class Migration(NamedTuple):
    """What was done: the revisions before and after, and the copy made before, if any."""

    before: str
    after: str
    backup: str | None


def migrate(location: str | os.PathLike[str], *, dry_run: bool = False) -> Migration:
    """Bring a catalogue to the schema of this version, after making a copy of it.

    Parameters
    ----------
    location : path-like or str
        A path, or a SQLAlchemy URL.
    dry_run : bool
        Tell what would be done; change nothing.

    Returns
    -------
    Migration

    Raises
    ------
    CatalogNotFoundError
        If there is none.
    SchemaVersionError
        If it is newer than this version.
    CatalogError
        If it is no catalogue, or a copy cannot be made.
    CatalogLockedError
        If another process is writing.
    """
    store = store_at(location, read_only=dry_run)
    place = store.name
    try:
        if not store.exists():
            raise CatalogNotFoundError(f"{place}: there is no index here")
        with store.translated(), store.engine.connect() as connection:
            found = store.revision(connection)
        if found is None:
            raise CatalogError(f"{place}: is a database, but not an iidindex index")
        if found > schema.HEAD:
            raise SchemaVersionError(
                f"{place}: has schema {found}, newer than the {schema.HEAD} of this iidindex; "
                "upgrade iidindex"
            )
        if found == schema.HEAD or dry_run:
            return Migration(found, schema.HEAD, None)
        with store.sole_writer():
            backup = store.keep_copy(found)
            with store.translated(), store.engine.connect() as connection:
                writer = connection.execution_options(iidindex_writer=True)
                with writer.begin():
                    upgrade(writer)
        return Migration(found, schema.HEAD, backup)
    finally:
        store.engine.dispose()
