"""Showing a file, straight from the file."""

from __future__ import annotations

import json

import click

from iidindex.cli.filter_options import ENTRY_COLUMNS
from iidindex.cli.output import Form, row_options, write
from iidindex.cli.terminal import DONE, NOTHING_FOUND, printable
from iidindex.files.entry_list import listing
from iidindex.files.iidfile import IIDFile
from iidindex.plural import counted
from iidindex.rows import FILE_ENTRY


@click.command()
@click.argument("file", type=click.Path())
@click.argument("key", type=int, required=False)
@row_options(FILE_ENTRY)
def show(file: str, key: int | None, form: Form) -> int:
    """Show what is in a .iid file; needs no index.

    With KEY, shows that entry only.
    """
    with IIDFile(file) as opened:
        if key is not None and key not in opened.keys:
            click.echo(f"iidindex: {printable(file)}: there is no entry of key {key}", err=True)
            return NOTHING_FOUND
        if form.name == "table" and key is None:
            _tell(opened)
        entries = listing(opened, None if key is None else [key])
        write(entries, form, FILE_ENTRY, [name for name in ENTRY_COLUMNS if name != "path"])
    # A file without entries was shown all the same.
    return DONE


def _tell(file: IIDFile) -> None:
    click.echo(f"{printable(file.name)}: {counted(len(file), 'entry', 'entries')}")
    click.echo(f"meta: {printable(json.dumps(file.meta.data, ensure_ascii=False))}")
    groups = ", ".join(f"{name} ({len(file.groups.keys(name))})" for name in file.groups.list())
    click.echo(f"groups: {printable(groups) or 'none'}")
    click.echo()
