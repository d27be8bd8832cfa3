"""The filters that every searching verb has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from iidindex.cli.completion import ADDRESS, known
from iidindex.metadata_names import META
from iidindex.query.entries import Entries
from iidindex.query.pixels.originals import OnStale
from iidindex.query.question.asked import ORDERS
from iidindex.query.question.filter_kinds import Between, Filter
from iidindex.query.question.filters import FILTERS
from iidindex.query.question.individual_filter import AnyIndividual
from iidindex.query.question.metadata_filter import Metadata
from iidindex.query.question.typed_values import condition_in, range_in

E = TypeVar("E", bound=Entries)
F = TypeVar("F", bound=Callable[..., Any])

ENTRY_COLUMNS: tuple[str, ...] = ("path", "key", "domain", "address", "bbox", "area", "groups")


class NumberRange(click.ParamType):
    """``MIN..MAX``, inclusive; either end may be left out, and one number is exact."""

    name = "min..max"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int | None, int | None]:
        """Read the range."""
        if isinstance(value, tuple):
            return value
        try:
            return range_in(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class MetaValue(click.ParamType):
    """``NAME=VALUE``, dots for what lies deeper; a range, or the value as JSON, or else as text."""

    name = "name=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, Any]:
        """Read the condition."""
        if isinstance(value, dict):
            return value
        try:
            return condition_in(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _type_of(filter_: Filter) -> click.ParamType:
    """How a value of a filter is typed."""
    if isinstance(filter_, AnyIndividual):
        return ADDRESS
    if filter_.known is not None:
        return known(filter_.known)
    if isinstance(filter_, Between):
        return NumberRange()
    return MetaValue() if isinstance(filter_, Metadata) else click.INT


_OPTIONS = {
    name: click.option(
        f"--{name.replace('_', '-')}",
        name,
        type=_type_of(filter_),
        multiple=filter_.is_repeatable,
        help=filter_.help,
    )
    for name, filter_ in FILTERS.items()
}
limit_option = click.option(
    "--limit", type=click.IntRange(min=0), help="The largest number of rows."
)
count_option = click.option(
    "--count", "only_count", is_flag=True, help="Write only the number of rows."
)
order_option = click.option(
    "--order-by",
    "orders",
    multiple=True,
    metavar="FIELD",
    help=f"One of {', '.join(ORDERS)}, or {META}NAME, a value of the file's metadata; files "
    "without the value come last. -FIELD for descending. Repeat to sort rows that tie.",
)
_PAGING = [
    limit_option,
    click.option(
        "--after",
        type=click.IntRange(min=0),
        metavar="ID",
        help="Only entries after the one with this id, in the order without --order-by.",
    ),
    order_option,
]

reading_option = click.option(
    "--on-stale",
    type=click.Choice(["error", "skip", "warn"]),
    default="error",
    show_default=True,
    help="What to do with files that have changed since they were indexed, or are gone: stop; "
    "leave them out; or leave them out and name them.",
)

jobs_option = click.option(
    "--jobs",
    "-j",
    type=click.IntRange(min=1),
    help="Processes that read and compare masks; 1 by default.",
)


def filter_options(function: F) -> F:
    """Give a verb the filters, an order and a limit."""
    for option in reversed(_PAGING):
        function = option(function)
    return selection_options(function)


def selection_options(function: F) -> F:
    """Give a verb the filters alone."""
    return filters_named(*_OPTIONS)(function)


def filters_named(*names: str) -> Callable[[F], F]:
    """Give a verb some of the filters."""

    def decorate(function: F) -> F:
        for name in reversed(names):
            function = _OPTIONS[name](function)
        return function

    return decorate


def narrowed(
    question: E,
    *,
    on_stale: OnStale = "error",
    limit: int | None = None,
    after: int | None = None,
    orders: tuple[str, ...] = (),
    **given: Any,
) -> E:
    """Narrow a question down by the filters, as their options give them."""
    for meta in given.pop("meta", ()):
        question = question.where(meta=meta)
    # What may be repeated is empty if it was not given.
    question = question.where(**{name: value for name, value in given.items() if value != ()})
    question = question.reading(on_stale=on_stale)
    if after is not None:
        question = question.after(after)
    if orders:
        question = question.order_by(*orders)
    return question if limit is None else question.limit(limit)
