"""The verb ``import``."""

from __future__ import annotations

import json
from typing import Any

import click

from iidindex.cli.bar import Bar
from iidindex.cli.format_list import formats_told
from iidindex.cli.iidtext import quoted
from iidindex.cli.terminal import DONE, SOME_FAILED, printable
from iidindex.exchange.import_report import ImportReport
from iidindex.exchange.importing import import_archive
from iidindex.formats.registry import FORMATS
from iidindex.plural import counted
from iidindex.typed_iids import parse

_EPILOG = formats_told({name: told for name, (_, told) in FORMATS.items()})


@click.command(name="import", epilog=_EPILOG)
@click.argument("sources", nargs=-1, required=True, type=click.Path(), metavar="SOURCE...")
@click.option(
    "--output", "-o", required=True, type=click.Path(), help="Directory to write .iid files to."
)
@click.option(
    "--format", type=click.Choice(list(FORMATS)), help="The format; recognised by default."
)
@click.option("--domain", help="The domain of the individuals; by default the source's name.")
@click.option(
    "--identity", metavar="FIELD", help="The field of an annotation that names the individual."
)
@click.option("--images", type=click.Path(), help="The directory of the pictures themselves.")
@click.option(
    "--group-by", metavar="FIELD", help="The field that names the groups; by default the category."
)
@click.option("--axes", help="The axes of a stack: TYX, ZYX, CYX or YXS.")
@click.option(
    "--exif",
    type=click.Choice(["raw", "turned"]),
    help="For square pictures that EXIF rotates: the masks are of the pixels as stored, or as "
    "shown.",
)
@click.option("--colors", is_flag=True, help="Take each colour of a label image for a label.")
@click.option("--split", is_flag=True, help="Make an entry of each connected part of a label.")
@click.option(
    "--threshold",
    type=click.IntRange(min=1),
    help="The smallest value of a pixel that is inside a grey mask.",
)
@click.option("--keep-suffix", is_flag=True, help="Write a.jpg.iid, not a.iid.")
@click.option(
    "--merge-same-name", is_flag=True, help="Put pictures of the same name into one file."
)
@click.option("--strict", is_flag=True, help="Write nothing if anything would be refused.")
@click.option("--dry-run", is_flag=True, help="Read everything and write nothing.")
@click.option("--ingest", is_flag=True, help="Index the directory of .iid files afterwards.")
@click.option("--jobs", "-j", type=click.IntRange(min=1), help="Processes that read and write.")
@click.option(
    "--report",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="The form of the report.",
)
@click.pass_obj
def import_(
    db: str,
    /,
    sources: tuple[str, ...],
    output: str,
    domain: str | None,
    ingest: bool,
    form: str,
    **asked: Any,
) -> int:
    """Make .iid files from masks in another format.

    Each SOURCE is a file or a directory. One file is written for each picture. The sources are
    only read. What cannot be read is left out, counted, and named.
    """
    with Bar("importing") as bar:
        report = import_archive(
            list(sources),
            output,
            domain=None if domain is None else parse(domain),
            progress=bar.show,
            **asked,
        )
    if form == "json":
        click.echo(json.dumps(_as_promised(report)))
    else:
        _tell(report, asked["dry_run"])
    if ingest and not asked["dry_run"]:
        _index(db, output, form)
    return SOME_FAILED if report.refused else DONE


def _as_promised(report: ImportReport) -> dict[str, Any]:
    names = ("pictures", "entries", "individuals", "individuals_in_several", "identity", "refused")
    told = {name: getattr(report, name) for name in names}
    return {**told, "left_behind": report.left_behind} if report.left_behind else told


def _tell(report: ImportReport, dry_run: bool) -> None:
    if dry_run:
        click.echo("nothing was written; this would be done:")
    click.echo(
        f"{counted(report.pictures, 'picture', 'pictures')}, "
        f"{counted(report.entries, 'entry', 'entries')}, read as {' and '.join(report.formats)} "
        f"in {report.seconds:.1f} s"
    )
    several = "no individual is in several pictures"
    if report.individuals_in_several:
        count = counted(report.individuals_in_several, "of them is", "of them are")
        several = f"{count} in several pictures"
    click.echo(
        f"{counted(report.individuals, 'individual', 'individuals')}, {several}; "
        f"the address is {printable(report.identity)}"
    )
    _tell_of_files(report)
    for told, often in report.notes.items():
        click.echo(f"note: {printable(told)} ({often:,})", err=True)
    for reason, times in report.refused.items():
        named = report.first_refused[reason]
        click.echo(f"refused, {printable(reason)}: {times:,}", err=True)
        for one in named:
            click.echo(f"  {printable(one)}", err=True)
        if times > len(named):
            click.echo(f"  and {times - len(named):,} more", err=True)


def _tell_of_files(report: ImportReport) -> None:
    """Which domains there are, which images were found, and what was there already."""
    if report.domains:
        domains = ", ".join(quoted(domain) for domain in report.domains)
        click.echo(f"domain: {printable(domains)}")
    if report.with_image < report.pictures:
        found = f"{report.with_image:,} of {counted(report.pictures, 'picture', 'pictures')}"
        click.echo(f"image files were found for {found}; --images DIR says where they are")
    if report.replaced:
        again = counted(report.replaced, "file of this source", "files of this source")
        click.echo(f"{again} there already with other masks, and replaced")
    if report.left_behind > 0:
        count = counted(report.left_behind, "file", "files")
        more = ", …" if report.left_behind > len(report.first_left_behind) else ""
        named = f"{', '.join(report.first_left_behind)}{more}"
        told = "of which the source has no picture now, and which an earlier import wrote"
        click.echo(f"{count} there {told}: {printable(named)}", err=True)
    if report.unchanged:
        click.echo(f"{counted(report.unchanged, 'file', 'files')} there already and the same")


def _index(db: str, output: str, form: str) -> None:
    from iidindex.index import Index

    with Index(db, create=True) as index, Bar("ingesting") as bar:
        report = index.ingest([output], progress=bar.show)
    if form != "json":
        entries = counted(report.entries, "entry", "entries")
        click.echo(f"{entries} indexed in {report.seconds:.1f} s")
