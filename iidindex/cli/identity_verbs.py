"""The verb that looks for faults of identity."""

from __future__ import annotations

from typing import Any

import click

from iidindex.cli.file_order_option import check_by
from iidindex.cli.filter_options import narrowed, reading_option, selection_options
from iidindex.cli.hint import hint
from iidindex.cli.opening import open_to_ask
from iidindex.cli.output import Form, row_options, write
from iidindex.cli.terminal import DONE, FAULTS_FOUND, NOTHING_FOUND
from iidindex.query.comparison.identity_faults import FAULTS
from iidindex.rows import IDENTITY_FAULT


@click.command()
@click.option(
    "--fault",
    "faults",
    type=click.Choice(FAULTS),
    multiple=True,
    help="The fault to look for; all of them by default. Repeated: any of them.",
)
@click.option(
    "--by",
    default="path",
    show_default=True,
    metavar="path|meta.NAME",
    callback=check_by,
    help="The order in which the files of a directory follow each other, for switched.",
)
@click.option(
    "--iou",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="For switched: what both overlaps across must be at least.",
)
@selection_options
@reading_option
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(min=1),
    help="Processes that read and compare masks; 1 by default.",
)
@row_options(IDENTITY_FAULT)
@click.pass_obj
def identities(
    db: str,
    /,
    faults: tuple[str, ...],
    by: str,
    iou: float,
    jobs: int | None,
    form: Form,
    **given: Any,
) -> int:
    """List faults of identity: who seems to be named wrongly.

    \b
    twice     a further entry of an individual in one file; other is the key of its first
    domains   an address in several domains; other is the first of these
    switched  two individuals exchange their places from one picture to the next
    once      an individual that has one entry and no other

    Exits with 3 if there is any, and with 0 if there is none.
    """  # noqa: D301
    with open_to_ask(db) as index:
        asked = narrowed(index.entries, **given)
        found = asked.reading(jobs=jobs).identities(faults=faults or None, by=by, iou=iou)
        shown = ("fault", "path", "key", "domain", "address", "other")
        if write(found, form, IDENTITY_FAULT, shown, ("domain",)) != NOTHING_FOUND:
            return FAULTS_FOUND
        # Who misspelt a filter has no archive without faults.
        hint(asked)
    return DONE
