"""The filters that every searching verb has."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from iidindex.cli.completion import ADDRESS, known
from iidindex.metadata_names import META, split_names
from iidindex.query.entries import Entries
from iidindex.query.pixels.originals import OnStale
from iidindex.query.question.asked import ORDERS
from iidindex.query.question.filter_kinds import Between, Filter
from iidindex.query.question.filters import FILTERS
from iidindex.query.question.individual_filter import AnyIndividual
from iidindex.query.question.metadata_filter import Metadata

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
        low, dots, high = value.partition("..")
        try:
            ends = (int(low) if low else None, int(high) if high else None)
        except ValueError:
            self.fail(
                f"{value!r}: expected MIN..MAX, such as 100..5000, 100.. or ..5000", param, ctx
            )
        return ends if dots else (ends[0], ends[0])


# Numbers are those of JSON. What has two dots and is none of these is text, as in `../a.png`.
_RANGE = re.compile(r"({0})?\.\.({0})?".format(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"), re.ASCII)


class MetaValue(click.ParamType):
    """``NAME=VALUE``, dots for what lies deeper; a range, or the value as JSON, or else as text."""

    name = "name=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, Any]:
        """Read the condition."""
        if isinstance(value, dict):
            return value
        names, text = split_names(value, "=")
        if not text:
            self.fail(f"{value!r}: expected NAME=VALUE, such as camera.iso=200", param, ctx)
        wanted = _wanted(text[1:])
        for name in reversed(names):
            wanted = {name: wanted}
        return dict(wanted)


def _wanted(text: str) -> Any:
    """What metadata are to say, as it was typed."""
    found = _RANGE.fullmatch(text)
    try:
        if found is not None and text != "..":
            low, high = (None if end is None else json.loads(end) for end in found.groups())
            return low, high
        return json.loads(text)
    except ValueError:  # or a number of more digits than Python reads
        return text


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
limit_option = click.option("--limit", type=click.IntRange(min=0), help="At most so many.")
order_option = click.option(
    "--order-by",
    "orders",
    multiple=True,
    metavar="FIELD",
    help=f"One of {', '.join(ORDERS)}, or {META}NAME, what the file's metadata says; files that "
    "say nothing come last. -FIELD for descending. Repeated: where they tie.",
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
    help="What to do about files that have changed since they were indexed, or are gone: stop, "
    "leave them out, or leave them out and say so.",
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
