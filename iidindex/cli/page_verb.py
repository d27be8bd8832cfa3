"""The verb ``page``."""

from __future__ import annotations

from typing import Any

import click

from iidindex.cli.bar import Bar
from iidindex.cli.filter_options import limit_option, narrowed, selection_options
from iidindex.cli.hint import hint, hint_excluded
from iidindex.cli.opening import open_to_ask
from iidindex.cli.places_option import pictures_option
from iidindex.cli.terminal import DONE, NOTHING_FOUND, SOME_FAILED, printable
from iidindex.plural import counted


@click.command()
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(),
    metavar="DIR",
    help="The directory to write; one that holds a page written before is replaced.",
)
@pictures_option
@click.option(
    "--size",
    type=click.IntRange(1, 4096),
    default=1600,
    show_default=True,
    help="Pixels along the longer side of a picture at the most.",
)
@click.option("--dry-run", is_flag=True, help="Count what would be written; write nothing.")
@limit_option
@selection_options
@click.pass_obj
def page(
    db: str,
    /,
    output: str,
    pictures: tuple[str, ...],
    size: int,
    dry_run: bool,
    **filters: Any,
) -> int:
    """Write a static page to share: pictures under their masks, and individuals.

    Of all entries, or of those that fit the filters. The page needs no server and no script: put
    it on any web server or a stick, and open index.html. Originals are only read.
    """
    with open_to_ask(db) as index:
        asked = narrowed(index.entries, **filters)
        if not asked.exists():
            hint(asked)
            return NOTHING_FOUND
        hint_excluded(asked)
        with Bar("writing") as bar:
            report = index.page(
                output, asked, pictures=pictures, size=size, dry_run=dry_run, progress=bar.show
            )
    if dry_run:
        click.echo("nothing was written; this would be done:")
    files, entries = counted(report.files, "file"), counted(report.entries, "entry", "entries")
    told = f"{files}, {entries}, {counted(report.individuals, 'individual')}"
    click.echo(f"{printable(output)}: {told} in {report.seconds:.1f} s")
    if report.unread:
        unread = counted(report.unread, "file")
        click.echo(f"{unread} could not be read; the page says so", err=True)
        return SOME_FAILED
    return DONE
