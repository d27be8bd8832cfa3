"""The verb ``export``."""

from __future__ import annotations

from typing import Any

import click

from iidindex.cli.bar import Bar
from iidindex.cli.filter_options import filter_options, narrowed, reading_option
from iidindex.cli.format_list import formats_told
from iidindex.cli.hint import hint, hint_excluded
from iidindex.cli.opening import open_to_ask
from iidindex.cli.place_options import place_options, placed
from iidindex.cli.terminal import DONE, NOTHING_FOUND, SOME_FAILED, printable
from iidindex.exchange.exporting import export_formats
from iidindex.plural import counted

_EPILOG = formats_told(export_formats())


@click.command(epilog=_EPILOG)
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(),
    help="Where to write: a file for coco and csv, a directory for all other formats.",
)
@click.option(
    "--to",
    required=True,
    type=click.Choice(list(export_formats())),
    help="The format to write.",
)
@place_options
@click.option(
    "--by",
    type=click.Choice(["iid", "place"]),
    help="With --to parquet: sort by individuals only, or by place only; both by default.",
)
@click.option("--dry-run", is_flag=True, help="Count what would be written; write nothing.")
@filter_options
@reading_option
@click.pass_obj
def export(
    db: str,
    /,
    output: str,
    to: str,
    by: str | None,
    dry_run: bool,
    **filters: Any,
) -> int:
    """Write entries in another format, for other programs.

    Exports all entries, or those that fit the filters. Original files are only read. What the
    format cannot keep is reported on standard error.
    """
    if by is not None and to != "parquet":
        raise click.UsageError("--by works only with --to parquet")
    with open_to_ask(db) as index:
        asked = narrowed(placed(index.entries, filters), **filters)
        if not asked.exists():
            hint(asked)
            return NOTHING_FOUND
        hint_excluded(asked)
        with Bar("exporting") as bar:
            report = asked.export(output, to, by=by, dry_run=dry_run, progress=bar.show)
    if dry_run:
        click.echo("nothing was written; this would be done:")
    for told, count in report.lost.items():
        click.echo(f"lost: {printable(told)} ({count:,})", err=True)
    pictures = counted(report.pictures, "picture", "pictures")
    entries = counted(report.entries, "entry", "entries")
    click.echo(f"{printable(output)}: {pictures}, {entries} in {report.seconds:.1f} s")
    if to == "parquet":
        written = counted(report.parts_written, "part", "parts")
        click.echo(f"{written} written, {report.parts_kept} up to date, ", nl=False)
        click.echo(f"{report.parts_removed} removed")
    if report.unread:
        unread = counted(report.unread, "file", "files")
        click.echo(f"{unread} could not be read, and left out", err=True)
        return SOME_FAILED
    return DONE
