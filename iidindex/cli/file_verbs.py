"""Listing the files of an index."""

from __future__ import annotations

from typing import Any

import click

from iidindex.cli.checking import checked
from iidindex.cli.filter_options import count_option, limit_option, narrowed, selection_options
from iidindex.cli.questions import Answer, Answered, Count, Question, question
from iidindex.index import Index
from iidindex.metadata_names import META
from iidindex.query.holdings.archive_files import ORDERS, check_orders
from iidindex.rows import FILE


@click.command(cls=Question)
@click.option(
    "--state", type=click.Choice(["ok", "missing", "failed"]), help="Only files in this state."
)
@limit_option
@click.option(
    "--order-by",
    "orders",
    multiple=True,
    metavar="FIELD",
    callback=checked(check_orders),
    help=f"One of {', '.join(ORDERS)}, or {META}NAME, what the file's metadata says; files that "
    "say nothing come last. -FIELD for descending. Repeated: where they tie.",
)
@count_option
@selection_options
@question(FILE)
def files(
    index: Index,
    state: str | None,
    limit: int | None,
    orders: tuple[str, ...],
    only_count: bool,
    **options: Any,
) -> Answered:
    """List the indexed files, and those that are missing or failed.

    A file that could not be read is listed with the reason. With filters of entries, such as
    --domain or --group, only files are listed that have an entry which fits all of them.
    """
    asked = narrowed(index.entries, **options)
    found = asked.files(state=state, order_by=orders, limit=limit)
    if only_count:
        return Count(len(found), [asked])
    shown = ("path", "entries", "state", "reason", "location")
    return Answer(found, found.kind, shown, [asked])
