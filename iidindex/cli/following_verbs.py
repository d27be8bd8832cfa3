"""Verbs that follow individuals from file to file, and tell who seems to be named wrongly."""

from __future__ import annotations

from typing import Any

import click

from iidindex.cli.completion import ADDRESS
from iidindex.cli.filter_options import (
    count_option,
    jobs_option,
    limit_option,
    narrowed,
    reading_option,
    selection_options,
)
from iidindex.cli.hint import hint, hint_order
from iidindex.cli.opening import open_to_ask
from iidindex.cli.order_options import files_ordered_by, least_files_option, named_order
from iidindex.cli.output import Form, row_options, write
from iidindex.cli.questions import Answer, Answered, Count, Question, question
from iidindex.cli.terminal import DONE, FAULTS_FOUND, NOTHING_FOUND
from iidindex.index import Index
from iidindex.model import IID
from iidindex.query.comparison.identity_faults import FAULTS
from iidindex.query.comparison.tracks import ORDERS
from iidindex.rows import IDENTITY_FAULT, TRACK

_SHOWN = (
    *("domain", "address", "first", "last", "files", "entries", "gaps"),
    *("area_min", "area_mean", "area_max", "displacement"),
)


@click.command(cls=Question)
@click.argument("named", metavar="[ADDRESS]...", nargs=-1, type=ADDRESS)
@files_ordered_by(
    "The order of the files: by path, or by a value of their metadata, such as meta.frame; files "
    "without the value come last."
)
@least_files_option
@limit_option
@named_order(ORDERS)
@click.option(
    "--exact",
    is_flag=True,
    help="Measure the displacement between the centroids of the masks, which are read for it, "
    "instead of the middles of the boxes.",
)
@count_option
@reading_option
@selection_options
@question(TRACK)
def tracks(
    index: Index,
    named: tuple[bytes | IID, ...],
    address: tuple[bytes | IID, ...],
    by: str,
    min_files: int,
    limit: int | None,
    orders: tuple[str, ...],
    exact: bool,
    only_count: bool,
    **options: Any,
) -> Answered:
    """Follow individuals from the first of their files to the last.

    Each individual has a row. A gap is a file of the same root, between the first and the last,
    that lacks the individual. --path, --not-path, --root and --meta choose the files; other
    filters choose the entries that count. The displacement is a straight line, in pixels.
    """
    asked = narrowed(index.entries, address=(*named, *address), **options)
    hint_order(asked, by)
    found = asked.tracks(by, min_files=min_files, order_by=orders, limit=limit, exact=exact)
    if only_count:
        return Count(found.count(), [asked])
    return Answer(found, found.kind, _SHOWN, [asked])


@click.command()
@click.option(
    "--fault",
    "faults",
    type=click.Choice(FAULTS),
    multiple=True,
    help="The fault to look for; all of them by default. Repeated: any of them.",
)
@files_ordered_by("For switched: the order of the files within a directory.")
@click.option(
    "--iou",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="For switched: the smallest IoU that both overlaps must have.",
)
@selection_options
@reading_option
@jobs_option
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
    """List individuals that seem to be named wrongly.

    \b
    twice     an individual has a further entry in one file; other is the key of its first
    domains   an address is in several domains; other is the first of these
    switched  two individuals exchange their places from one picture to the next
    once      an individual has one entry and no other

    Exits with 3 if there is any row, and with 0 if there is none.
    """  # noqa: D301
    with open_to_ask(db) as index:
        asked = narrowed(index.entries, **given)
        hint_order(asked, by)
        found = asked.reading(jobs=jobs).identities(faults=faults or None, by=by, iou=iou)
        shown = ("fault", "path", "key", "domain", "address", "other")
        if write(found, form, IDENTITY_FAULT, shown, ("domain",)) != NOTHING_FOUND:
            return FAULTS_FOUND
        # Who misspelt a filter has no archive without faults.
        hint(asked)
    return DONE
