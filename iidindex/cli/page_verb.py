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
    help="The directory to write; a page that was written there before is replaced.",
)
@pictures_option
@click.option(
    "--size",
    type=click.IntRange(1, 4096),
    default=1600,
    show_default=True,
    help="The largest number of pixels along the longer side of a picture.",
)
@click.option(
    "--individuals",
    type=click.IntRange(min=1),
    default=20_000,
    show_default=True,
    help="The largest number of individuals that have a page of their own, a file each.",
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
    individuals: int,
    dry_run: bool,
    **filters: Any,
) -> int:
    """Write a static web page to share: pictures with their masks, and individuals.

    It shows all entries, or those that fit the filters. The page needs no server and no script:
    copy it to any web server or disk, and open index.html. Original files are only read.
    """
    with open_to_ask(db) as index:
        asked = narrowed(index.entries, **filters)
        if not asked.exists():
            hint(asked)
            return NOTHING_FOUND
        hint_excluded(asked)
        with Bar("writing") as bar:
            report = index.page(
                output,
                asked,
                pictures=pictures,
                size=size,
                individuals=individuals,
                dry_run=dry_run,
                progress=bar.show,
            )
    if dry_run:
        click.echo("nothing was written; this would be done:")
    files, entries = counted(report.files, "file"), counted(report.entries, "entry", "entries")
    told = f"{files}, {entries}, {counted(report.individuals, 'individual')}"
    click.echo(f"{printable(output)}: {told} in {report.seconds:.1f} s")
    if report.left_out:
        others = counted(report.left_out, "other individual")
        click.echo(f"{others}: no page of their own; --individuals allows more", err=True)
    if report.unread:
        unread = counted(report.unread, "file")
        click.echo(f"{unread} could not be read; the page says so", err=True)
        return SOME_FAILED
    return DONE
