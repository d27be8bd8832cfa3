"""Bringing a catalogue to the newest schema."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection

from iidindex.catalog import schema
from iidindex.catalog.engine import as_url, make_engine, revision_of, translated
from iidindex.catalog.lock import sole_writer
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
    url = as_url(location)
    path = Path(str(url.database)).absolute()
    if not path.is_file():
        raise CatalogNotFoundError(f"{path}: there is no index here")
    engine = make_engine(url, path, read_only=dry_run)
    try:
        with translated(str(path)), engine.connect() as connection:
            found = revision_of(connection)
        if found is None:
            raise CatalogError(f"{path}: is a SQLite database, but no iidindex catalogue")
        if found > schema.HEAD:
            raise SchemaVersionError(
                f"{path}: has schema {found}, newer than the {schema.HEAD} of this iidindex; "
                "upgrade iidindex"
            )
        if found == schema.HEAD or dry_run:
            return Migration(found, schema.HEAD, None)
        with sole_writer(str(path)):
            backup = _copy(path, found)
            with translated(str(path)), engine.connect() as connection:
                writer = connection.execution_options(iidindex_writer=True)
                with writer.begin():
                    upgrade(writer)
        return Migration(found, schema.HEAD, backup)
    finally:
        engine.dispose()


def _copy(path: Path, revision: str) -> str:
    """Copy a database, with what is still in its log, beside it; overwrite nothing."""
    backup = Path(f"{path}.{revision}.bak")
    number = 1
    while backup.exists():  # of a migration that was cut off
        number += 1
        backup = Path(f"{path}.{revision}-{number}.bak")
    temporary = Path(f"{backup}.part")
    temporary.unlink(missing_ok=True)
    source, target = sqlite3.connect(path), sqlite3.connect(temporary)
    try:
        source.backup(target)
    except sqlite3.Error as error:
        temporary.unlink(missing_ok=True)
        raise CatalogError(f"{backup}: cannot be written: {error}") from error
    finally:
        source.close()
        target.close()
    temporary.replace(backup)
    return str(backup)
