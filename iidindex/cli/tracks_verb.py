"""The verb that follows individuals from file to file."""

from __future__ import annotations

from typing import Any

import click

from iidindex.cli.completion import ADDRESS
from iidindex.cli.file_order_option import check_by
from iidindex.cli.filter_options import limit_option, narrowed, reading_option, selection_options
from iidindex.cli.order_options import least_files_option, named_order
from iidindex.cli.questions import Answer, Answered, Count, Question, question
from iidindex.index import Index
from iidindex.metadata_names import META
from iidindex.model import IID
from iidindex.query.comparison.file_order import PATH
from iidindex.query.comparison.tracks import ORDERS
from iidindex.rows import TRACK

_SHOWN = (
    *("domain", "address", "first", "last", "files", "entries", "gaps"),
    *("area_min", "area_mean", "area_max", "displacement"),
)


@click.command(cls=Question)
@click.argument("named", metavar="[ADDRESS]...", nargs=-1, type=ADDRESS)
@click.option(
    "--by",
    default=PATH,
    show_default=True,
    metavar=f"{PATH}|{META}NAME",
    callback=check_by,
    help="The order of the files: by path, or by what the metadata say, such as meta.frame; files "
    "that say nothing come last.",
)
@least_files_option
@limit_option
@named_order(ORDERS)
@click.option(
    "--exact",
    is_flag=True,
    help="Measure the displacement between centroids of masks, which are read, not between the "
    "middles of boxes.",
)
@click.option("--count", "only_count", is_flag=True, help="Write only how many there are.")
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

    There is a row for each.

    A gap is a file of the same root between the first and the last which lacks the individual.
    --path, --not-path, --root and --meta say which files there are; other filters say which
    entries count. The displacement is a straight line, in pixels.
    """
    asked = narrowed(index.entries, address=(*named, *address), **options)
    found = asked.tracks(by, min_files=min_files, order_by=orders, limit=limit, exact=exact)
    if only_count:
        return Count(found.count(), [asked])
    return Answer(found, found.kind, _SHOWN, [asked])
