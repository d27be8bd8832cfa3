"""Listing the files of an index."""

from __future__ import annotations

import click

from iidindex.cli.opening import open_to_ask
from iidindex.cli.output import Form, row_options, write
from iidindex.rows import FILE


@click.command()
@click.option(
    "--state", type=click.Choice(["ok", "missing", "failed"]), help="Only files in this state."
)
@row_options(FILE)
@click.pass_obj
def files(db: str, /, state: str | None, form: Form) -> int:
    """List the indexed files, and those that are missing or failed.

    A file that could not be read is listed with the reason.
    """
    with open_to_ask(db) as index:
        shown = ("path", "entries", "state", "reason", "location")
        found = index.files(state=state)
        return write(found, form, found.kind, shown)
