"""Verbs that follow individuals from file to file."""

from __future__ import annotations

import click

from iidindex.cli.iidtext import IID_TEXT
from iidindex.cli.output import format_option, write
from iidindex.index import Index


@click.command()
@click.argument("address", type=IID_TEXT)
@click.option("--domain", type=IID_TEXT, help="In this domain only; '' for none.")
@format_option
@click.pass_obj
def links(db: str, /, address: bytes, domain: bytes | None, form: str) -> int:
    """List the files in which an individual appears.

    For each file: how many entries carry the IID, and their pixels together.
    """
    with Index(db) as index:
        rows = (link._asdict() for link in index.links(address, domain=domain))
        return write(rows, form, ("path", "entries", "area"))
