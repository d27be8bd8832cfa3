"""The verb that compares entries with each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from iidindex.cli.bar import Bar
from iidindex.cli.completion import PATH
from iidindex.cli.filter_options import narrowed, reading_option, selection_options
from iidindex.cli.hint import hint, hint_excluded
from iidindex.cli.opening import open_to_change
from iidindex.cli.output import Form, row_options, write
from iidindex.cli.terminal import DONE, NOTHING_FOUND, SOME_FAILED, printable
from iidindex.query.entries import Entries
from iidindex.rows import OVERLAP

_DOMAINS = ("a_domain", "b_domain")
_SHOWN = ("path", "a_key", "b_key", "a_domain", "a_address", "b_domain", "b_address")
_FIGURES = ("pixels", "iou")


@click.command()
@click.argument("paths", nargs=-1, type=PATH)
@selection_options
@reading_option
@click.option("--store", is_flag=True, help="Keep the pairs in the index, and write nothing.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="With --store: list the files whose overlaps would be counted; change nothing.",
)
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(min=1),
    help="Processes that read and compare masks; 1 by default.",
)
@row_options(OVERLAP)
@click.pass_obj
def overlaps(
    db: str,
    /,
    paths: tuple[str, ...],
    store: bool,
    dry_run: bool,
    jobs: int | None,
    form: Form,
    **filters: Any,
) -> int:
    """List the pairs of entries of a file that share pixels.

    Of the files named by PATHS, or of all files; with filters, between the entries that fit.
    """
    if paths and filters["path"] is not None:
        raise click.UsageError("name files as PATHS or with --path, not both")
    if dry_run and not store:
        raise click.UsageError("--dry-run goes with --store; without it, nothing is changed")
    with open_to_change(db, dry_run=dry_run or not store) as index:
        questions = [
            narrowed(index.entries, **filters | {"path": path})
            for path in paths or (filters["path"],)
        ]
        if dry_run:
            # Two questions may lead to one file.
            lists = [one.files_without_overlaps() for one in questions]
            files = {file for some in lists for file in some}
            write(sorted(files), form, lists[0].kind, ("path", "entries", "location"))
            return DONE
        if store:
            with Bar("counting") as bar:
                for question in questions:
                    going_on = question.reading(on_stale="warn")
                    going_on.overlaps(store=True, jobs=jobs, progress=bar.show)
            return _left_out(questions)
        found = (pair for question in questions for pair in question.overlaps(jobs=jobs))
        code = write(found, form, OVERLAP, (*_SHOWN, *_FIGURES), _DOMAINS)
        if code == NOTHING_FOUND:
            hint(*questions)
        else:
            hint_excluded(*questions)
        return code


def _left_out(questions: Sequence[Entries]) -> int:
    """Name the files whose overlaps could not be stored; return the exit code."""
    files = {file for question in questions for file in question.files_without_overlaps()}
    for file in sorted(files):
        told = printable(file.location)
        click.echo(f"iidindex: {told}: its overlaps are not stored", err=True)
    return SOME_FAILED if files else DONE
