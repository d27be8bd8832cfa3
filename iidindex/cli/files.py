"""Listing the files of an index."""

from __future__ import annotations

import click

from iidindex.cli.output import format_option, write
from iidindex.index import Index


@click.command()
@click.option("--state", type=click.Choice(["ok", "missing", "failed"]), help="Only these.")
@format_option
@click.pass_obj
def files(db: str, /, state: str | None, form: str) -> int:
    """List the indexed files, and those that are missing or failed.

    A file that failed has its reason with it.
    """
    with Index(db) as index:
        rows = (file._asdict() for file in index.files(state=state))
        return write(rows, form, ("path", "entries", "state", "reason", "location"))
