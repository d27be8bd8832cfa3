"""Verbs that fill the index and tell what it holds."""

from __future__ import annotations

import json
from concurrent.futures import Executor
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import asdict
from itertools import chain, islice
from typing import Any

import click

from iidindex.catalog.contract import MANY_LAYERS
from iidindex.catalog.stores import store_at
from iidindex.cli.bar import Bar
from iidindex.cli.opening import open_to_ask, open_to_try
from iidindex.cli.output import report_option
from iidindex.cli.path_lists import listed_paths
from iidindex.cli.streams import require_output
from iidindex.cli.terminal import DONE, GONE, SOME_FAILED, printable
from iidindex.index import Index
from iidindex.ingestion.diff import places_of
from iidindex.ingestion.discover import has_iid
from iidindex.ingestion.report import IngestReport
from iidindex.plural import counted

# Files that could not be read, of which each is named on the terminal.
_MOST_NAMED = 20
# Suffixes of other files that are named, and those of which one can make .iid files.
_MOST_SUFFIXES = 5
_IMPORTED = {".png", ".tif", ".tiff", ".npy", ".json", ".geojson", ".xml", ".txt"}


@click.command()
@click.argument("paths", nargs=-1, type=click.Path())
@click.option(
    "--list",
    "lists",
    multiple=True,
    metavar="FILE",
    help="Take more paths and URLs from a text file, one on each line; `-` reads them from "
    "standard input. FILE may be a URL, too: then its lines may be relative to it.",
)
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(min=1),
    help="The number of processes that read files; by default one for each processor, if there "
    "is much to read.",
)
@click.option(
    "--dask",
    metavar="SCHEDULER",
    help="Let workers of Dask read the files: the address of the scheduler, such as "
    "tcp://host:8786, or `local` for workers on this machine. Not together with --jobs.",
)
@click.option(
    "--checksum", is_flag=True, help="Read every file, even if its size and time are the same."
)
@click.option(
    "--fixity",
    is_flag=True,
    help="Record checksums of all bytes, in this and every later ingest of these directories, so "
    "that damage is found.",
)
@click.option("--dry-run", is_flag=True, help="Read, and say what would be done; change nothing.")
@report_option
@click.pass_obj
def ingest(
    db: str,
    /,
    paths: tuple[str, ...],
    lists: tuple[str, ...],
    jobs: int | None,
    dask: str | None,
    checksum: bool,
    fixity: bool,
    dry_run: bool,
    form: str,
) -> int:
    """Bring the index up to date with files and directories.

    Directories are searched for .iid files. Files that have not changed are not opened. The
    index is made if there is none and a file was found. Originals are never written to.

    A directory may be in an object store: s3://bucket/prefix, gs:// and az://. On a web server,
    each file is named by its URL, or in a list.
    """
    paths += tuple(chain.from_iterable(map(listed_paths, lists)))
    if not paths:
        raise click.UsageError("Missing argument 'PATHS...', or --list with a file that has some")
    if dask is not None and jobs is not None:
        raise click.UsageError("--jobs and --dask cannot be combined: Dask has its own workers")
    # Neither a wrong path nor a directory of other files should leave an empty index behind.
    places = places_of(paths)
    with closing(store_at(db)) as store:
        is_new = not store.exists()
    if is_new and not places.there:
        raise click.UsageError(f"{printable(paths[0])}: there is no such file or directory")
    is_idle = is_new and not any(map(has_iid, places.there))
    with ExitStack() as stack:
        executor = None if dask is None else stack.enter_context(_workers(dask))
        opened = open_to_try(db) if dry_run or is_idle else Index(db, create=True)
        index = stack.enter_context(opened)
        bar = stack.enter_context(Bar("ingesting"))
        report = index.ingest(
            paths,
            jobs=jobs,
            checksum=checksum,
            fixity=fixity,
            dry_run=dry_run,
            progress=bar.show,
            executor=executor,
        )
    if form == "json":
        click.echo(json.dumps(asdict(report)))
    else:
        _tell(report, dry_run)
    gone = {location for location in report.absent.values() if location in places.absent}
    if report.kept or gone:
        return GONE
    return SOME_FAILED if report.failed or report.unreadable else DONE


def _workers(scheduler: str) -> AbstractContextManager[Executor]:
    from iidindex.ingestion.dask_workers import dask_executor

    return dask_executor(scheduler)


def _tell(report: IngestReport, dry_run: bool) -> None:
    counts: list[tuple[str, Any]] = [
        (name, getattr(report, name))
        for name in (
            *("added", "updated", "touched", "moved", "returned", "unchanged", "missing", "failed"),
        )
    ]
    told = ", ".join(f"{count} {name}" for name, count in counts if count) or "no .iid files"
    if dry_run:
        told = f"nothing was changed; this would be done: {told}"
    click.echo(
        f"{told}; {counted(report.entries, 'entry', 'entries')} indexed in {report.seconds:.1f} s"
    )
    if report.others:
        click.echo(f"found {_told(report.others)}", err=True)
    for name, place in report.relocated.items():
        click.echo(
            f"the root {printable(name)} was found by its files at {printable(place)}", err=True
        )
    _tell_layers(report.layers)
    if report.kept:
        gone = counted(report.kept, "indexed file is gone", "indexed files are gone")
        they = "it is" if report.kept == 1 else "they are"
        click.echo(
            f"{gone}, and no other is there: {they} kept, in case a disk is not mounted",
            err=True,
        )
    for name, location in report.absent.items():
        click.echo(
            f"the root {printable(name)} is not at {printable(location)} any more, but its files "
            f"are still in the index: if it has moved, run `iidindex relocate {printable(name)} "
            "PLACE` before you ingest its new place; otherwise run `iidindex prune --root "
            f"{printable(name)}`",
            err=True,
        )
    # Of a dry run, nothing is recorded that `files` could list.
    rest = "--format json names all" if dry_run else "`iidindex files --state failed` lists all"
    _tell_unread(report.failures, ("file", "files"), rest)
    _tell_unread(report.unreadable, ("directory", "directories"), "--format json names all")


def _tell_layers(layers: float) -> None:
    """Say that the spatial index should be packed anew, if that is so."""
    if layers >= MANY_LAYERS:
        click.echo(
            f"the R-tree has {layers:.0f} layers, and a question about a pixel or a region reads "
            "all of them: `iidindex optimize` leaves one or two",
            err=True,
        )


def _told(others: dict[str, int]) -> str:
    """What was found instead of .iid files, and what may be done with it."""
    named = [f"{count} {printable(suffix) or 'without suffix'}" for suffix, count in others.items()]
    told = ", ".join(named[:_MOST_SUFFIXES])
    if len(named) > _MOST_SUFFIXES:
        told += " and others"
    if _IMPORTED & set(others):
        told += ": `iidindex import` makes .iid files of other formats"
    return told


def _tell_unread(reasons: dict[str, str], what: tuple[str, str], rest: str) -> None:
    """Name what could not be read: some, and how many there are besides."""
    for location, reason in islice(reasons.items(), _MOST_NAMED):
        click.echo(f"could not read {printable(location)}: {printable(reason)}", err=True)
    if len(reasons) > _MOST_NAMED:
        more = counted(len(reasons) - _MOST_NAMED, *(f"more {noun}" for noun in what))
        click.echo(f"and {more} could not be read; {rest}", err=True)


@click.command()
@report_option
@click.pass_obj
def status(db: str, /, form: str) -> int:
    """Show how much the index holds."""
    require_output()
    with open_to_ask(db) as index:
        counts = index.stats()._asdict()
        layers = index.layers()
    if form == "json":
        click.echo(json.dumps(counts | {"layers": round(layers, 1)}))
    else:
        for name, count in counts.items():
            click.echo(f"{count:>12,} {_noun(name, count)}")
        _tell_layers(layers)
    return DONE


def _noun(name: str, count: int) -> str:
    """What is counted under a name, which is a plural or no noun."""
    return {"entries": "entry"}.get(name, name.removesuffix("s")) if count == 1 else name
