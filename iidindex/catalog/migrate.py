"""Bringing a catalogue to the newest schema."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection


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
