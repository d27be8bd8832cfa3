"""Verbs that keep an index in order."""

from __future__ import annotations

import json

import click

from iidindex.cli.bar import Bar
from iidindex.cli.completion import ROOT as KNOWN_ROOT
from iidindex.cli.opening import open_to_ask, open_to_change
from iidindex.cli.output import Form, report_option, row_options, write
from iidindex.cli.streams import require_output
from iidindex.cli.terminal import DONE, NOTHING_FOUND, STALE, printable
from iidindex.plural import counted
from iidindex.rows import CHANGE, PROBLEM, ROOT

# Files that cannot be compared byte by byte.
_LACKING = "SELECT id FROM files WHERE state = 'ok' AND fixity IS NULL"

_dry_run = click.option("--dry-run", is_flag=True, help="Tell what would be done; change nothing.")


@click.command()
@row_options(ROOT)
@click.pass_obj
def roots(db: str, /, form: Form) -> int:
    """List the directories that files are recorded relative to."""
    with open_to_ask(db) as index:
        return write(index.roots(), form, ROOT, ("name", "location", "files"))


@click.command()
@click.argument("name")
@click.argument("place", type=click.Path())
@_dry_run
@click.pass_obj
def relocate(db: str, /, name: str, place: str, dry_run: bool) -> int:
    """Record that a root now lies elsewhere.

    NAME is what `roots` shows; PLACE is the directory where its files are now.
    """
    with open_to_change(db, dry_run=dry_run) as index:
        root = index.relocate(name, place, dry_run=dry_run)
    click.echo(
        f"{printable(root.name)}: {counted(root.files, 'file')}, at {printable(root.location)}"
    )
    return DONE


@click.command()
@click.option(
    "--checksum",
    is_flag=True,
    help="Read every file, except for its masks, besides comparing sizes and times.",
)
@click.option(
    "--fixity",
    is_flag=True,
    help="Compare every byte of the files whose fixity `ingest --fixity` has recorded.",
)
@click.option("--masks", is_flag=True, help="Decode every mask, and compare pixels with areas.")
@row_options(PROBLEM)
@click.pass_obj
def verify(db: str, /, checksum: bool, fixity: bool, masks: bool, form: Form) -> int:
    """Compare the originals and the index with what was indexed.

    Lists what is wrong, one line a file, and exits with 3 if anything is.
    """
    with open_to_ask(db) as index:
        with Bar("verifying") as bar:
            problems = index.verify(
                checksum=checksum, fixity=fixity, masks=masks, progress=bar.show
            )
        lacking = sum(1 for _ in index.sql(_LACKING)) if fixity else 0
    if lacking:
        click.echo(
            f"iidindex: {counted(lacking, 'file')} could not be compared byte by byte: "
            "`iidindex ingest --fixity` records what is needed",
            err=True,
        )
    code = write(problems, form, PROBLEM, ("location", "problem"))
    return DONE if code == NOTHING_FOUND else STALE


@click.command()
@click.option(
    "--since",
    metavar="WHEN",
    help="`last`: by the last ingest; a span such as 1d or 12h; or a date such as 2026-11-30.",
)
@row_options(CHANGE)
@click.pass_obj
def changes(db: str, /, since: str | None, form: Form) -> int:
    """List what ingests changed, by name.

    A file is added, updated (it has other content, or could not be read before), touched (only its
    time is another), moved, missing, returned (it was missing and is back) or failed. The oldest
    change comes first. Exits with 1 if nothing changed.
    """
    with open_to_ask(db) as index:
        return write(index.changes(since=since), form, CHANGE)


@click.command()
@report_option
@click.pass_obj
def doctor(db: str, /, form: str) -> int:
    """Tell versions, what SQLite can do here, and the state of the index.

    Paste it when you ask somebody for help. No original is opened.
    """
    require_output()
    with open_to_ask(db) as index:
        found = index.doctor()
    if form == "json":
        click.echo(json.dumps(found))
        return DONE
    for name, value in found.items():
        told = " ".join(value) if isinstance(value, list) else str(value)
        click.echo(f"{name:22} {printable(told)}")
    return DONE


@click.command()
@click.option(
    "--root",
    type=KNOWN_ROOT,
    help="Forget the root of this name instead, with all its files, which must be gone.",
)
@_dry_run
@click.pass_obj
def prune(db: str, /, root: str | None, dry_run: bool) -> int:
    """Delete what is known of files that are missing.

    Only this forgets anything: `ingest` marks a file that is gone as missing.
    """
    with open_to_change(db, dry_run=dry_run) as index:
        for path in index.prune(root=root, dry_run=dry_run):
            click.echo(printable(path))
    return DONE


@click.command()
@_dry_run
@click.pass_obj
def optimize(db: str, /, dry_run: bool) -> int:
    """Pack the index anew, after many small changes.

    The R-tree is packed, and the statistics are gathered by which SQLite plans questions.
    """
    with open_to_change(db, dry_run=dry_run) as index:
        found = index.optimize(dry_run=dry_run)
    if dry_run:
        if found.lacks_indexes:
            click.echo("would make the indexes that a first ingest, cut off, has left out")
        click.echo(
            f"would pack the R-tree anew (boxes: {found.boxes}, nodes now: {found.nodes}, "
            f"layers: {found.layers:.0f})"
        )
        again = "anew" if found.has_statistics else "for the first time"
        click.echo(f"would gather statistics {again}")
        click.echo(
            f"the database has {counted(found.bytes, 'byte')}, of which {found.free_bytes} are free"
        )
    return DONE


@click.command()
@_dry_run
@click.pass_obj
def migrate(db: str, /, dry_run: bool) -> int:
    """Bring an index of an older version to this one.

    A copy of it is made first, beside it.
    """
    from iidindex.catalog.migrate import migrate as bring

    done = bring(db, dry_run=dry_run)
    if done.before == done.after:
        click.echo(f"schema {done.after}: nothing to do")
    else:
        verb = "would go" if dry_run else "went"
        click.echo(f"{verb} from schema {done.before} to {done.after}")
    if done.backup:
        click.echo(f"the index as it was: {printable(done.backup)}")
    return DONE
