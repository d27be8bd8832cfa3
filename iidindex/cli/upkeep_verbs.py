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

_dry_run = click.option("--dry-run", is_flag=True, help="Say what would be done; change nothing.")


@click.command()
@row_options(ROOT)
@click.pass_obj
def roots(db: str, /, form: Form) -> int:
    """List the roots: the directories that the paths of files begin at."""
    with open_to_ask(db) as index:
        return write(index.roots(), form, ROOT, ("name", "location", "files"))


@click.command()
@click.argument("name")
@click.argument("place", type=click.Path())
@_dry_run
@click.pass_obj
def relocate(db: str, /, name: str, place: str, dry_run: bool) -> int:
    """Tell the index that a root has moved to another directory.

    NAME is the root's name, as `roots` shows it. PLACE is the directory where its files are now.
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
    help="Besides comparing sizes and times, read every file, except its masks.",
)
@click.option(
    "--fixity",
    is_flag=True,
    help="Compare every byte of the files for which `ingest --fixity` recorded checksums.",
)
@click.option(
    "--masks", is_flag=True, help="Decode every mask, and compare its pixels with its area."
)
@row_options(PROBLEM)
@click.pass_obj
def verify(db: str, /, checksum: bool, fixity: bool, masks: bool, form: Form) -> int:
    """Check that the original files and the index are as they were indexed.

    Lists what is wrong, one line for each file, and exits with 3 if anything is wrong.
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
    help="Changes since: `last`, the last ingest; a span such as 1d or 12h; or a date such as "
    "2026-11-30.",
)
@row_options(CHANGE)
@click.pass_obj
def changes(db: str, /, since: str | None, form: Form) -> int:
    """List the changes that ingests found, by name.

    A file is added, updated (it has other content, or could not be read before), touched (only its
    time is different), moved, missing, returned (it was missing and is back) or failed. The oldest
    change comes first. Exits with 1 if nothing changed.
    """
    with open_to_ask(db) as index:
        return write(index.changes(since=since), form, CHANGE)


@click.command()
@report_option
@click.pass_obj
def doctor(db: str, /, form: str) -> int:
    """Show versions, what SQLite can do here, and the state of the index.

    Paste the output when you ask somebody for help. No original file is opened.
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
    help="Forget the root of this name instead, with all its files. They must be gone.",
)
@_dry_run
@click.pass_obj
def prune(db: str, /, root: str | None, dry_run: bool) -> int:
    """Delete what the index knows about missing files.

    Only this verb forgets files: `ingest` marks a file that is gone as missing.
    """
    with open_to_change(db, dry_run=dry_run) as index:
        for path in index.prune(root=root, dry_run=dry_run):
            click.echo(printable(path))
    return DONE


@click.command()
@_dry_run
@click.pass_obj
def optimize(db: str, /, dry_run: bool) -> int:
    """Make the index compact again, after many small changes.

    Packs the R-tree anew, and gathers the statistics by which SQLite plans queries.
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
    """Upgrade an index of an older version to this one.

    Before it changes anything, it makes a copy of the index beside it.
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


@click.command()
@click.argument("from_", metavar="FROM")
@click.argument("to", metavar="TO")
def copy(from_: str, to: str) -> int:
    """Copy an index to another place, or between SQLite and PostgreSQL.

    FROM and TO are paths or URLs; in TO there is no index yet. All ids stay as they are. The
    originals are neither read nor copied. `--db` is not looked at.
    """
    with open_to_ask(from_) as index, Bar("copying") as bar:
        done = index.copy_to(to, progress=bar.show)
    click.echo(f"copied {counted(done.files, 'file')}, {counted(done.entries, 'entry', 'entries')}")
    return DONE
