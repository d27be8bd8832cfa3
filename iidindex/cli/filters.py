"""The filters that every searching verb has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from iidindex.cli.iidtext import IID_TEXT
from iidindex.index import Index
from iidindex.query.entries import Entries
from iidindex.query.filters import ORDERS

F = TypeVar("F", bound=Callable[..., Any])

ENTRY_COLUMNS = ("path", "key", "domain", "address", "bbox", "area", "groups")


class AreaRange(click.ParamType):
    """``MIN..MAX`` pixels, inclusive; either end may be left out, and one number is exact."""

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


_OPTIONS = [
    click.option("--address", "addresses", type=IID_TEXT, multiple=True, help="Any of these."),
    click.option(
        "--domain", "domains", type=IID_TEXT, multiple=True, help="Any of these; '' for none."
    ),
    click.option("--group", "groups", multiple=True, help="In any of these groups."),
    click.option(
        "--path",
        help="A path inside its root, or on disk if it begins with /; or a glob, * crosses /.",
    ),
    click.option("--area", type=AreaRange(), help="Pixels, inclusive."),
    click.option("--key", "keys", type=int, multiple=True, help="Any of these keys."),
    click.option("--limit", type=click.IntRange(min=0), help="So many at the most."),
    click.option(
        "--order-by",
        "orders",
        multiple=True,
        metavar="FIELD",
        help=f"One of {', '.join(ORDERS)}; -FIELD for descending.",
    ),
]


def filter_options(function: F) -> F:
    """Give a verb the filters."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def narrowed(
    index: Index,
    *,
    addresses: tuple[bytes, ...] = (),
    domains: tuple[bytes, ...] = (),
    groups: tuple[str, ...] = (),
    path: str | None = None,
    area: tuple[int | None, int | None] | None = None,
    keys: tuple[int, ...] = (),
    limit: int | None = None,
    orders: tuple[str, ...] = (),
) -> Entries:
    """The question that the filters make."""
    question = index.entries.where(
        address=addresses or None,
        domain=domains or None,
        group=groups or None,
        key=keys or None,
        path=path,
        area=area,
    )
    if orders:
        question = question.order_by(*orders)
    return question if limit is None else question.limit(limit)
