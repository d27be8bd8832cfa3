"""Options that say which pairs of entries are wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from iidindex.catalog.schema import groups
from iidindex.cli.completion import DOMAIN, known
from iidindex.cli.filter_options import limit_option
from iidindex.query.overlaps.pair_filters import PAIR_ORDERS
from iidindex.query.question.typed_values import fractions_in

F = TypeVar("F", bound=Callable[..., Any])


class FractionRange(click.ParamType):
    """``LOW..HIGH``, from 0 to 1, inclusive; an end may be left out, and one number is exact."""

    name = "low..high"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float | None, float | None]:
        """Read the range."""
        if isinstance(value, tuple):
            return value
        try:
            return fractions_in(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


_GROUP = known(groups.c.name)
_OPTIONS = [
    click.option(
        "--between",
        nargs=2,
        type=DOMAIN,
        metavar="DOMAIN DOMAIN",
        help="The domains of a and of b; '' for none.",
    ),
    click.option(
        "--a-group", multiple=True, type=_GROUP, help="A group that a is in. Repeated: any of them."
    ),
    click.option(
        "--b-group", multiple=True, type=_GROUP, help="A group that b is in. Repeated: any of them."
    ),
    click.option(
        "--min-iou", type=click.FloatRange(0, 1), help="The smallest intersection over union (IoU)."
    ),
    click.option(
        "--a-in-b",
        type=FractionRange(),
        help="The fraction of a that lies in b, both ends included: 0.9.. or 0..0.5.",
    ),
    click.option(
        "--b-in-a", type=FractionRange(), help="The fraction of b that lies in a; see --a-in-b."
    ),
    click.option(
        "--within",
        type=click.IntRange(min=0),
        metavar="PIXELS",
        help="Also pairs that are at most this many pixels apart: 1 if they touch, even at a "
        "corner.",
    ),
    click.option(
        "--order-by",
        multiple=True,
        metavar="FIELD",
        help=f"One of {', '.join(PAIR_ORDERS)}. -FIELD for descending. Repeat to sort rows that "
        "tie.",
    ),
    limit_option,
]


def pair_options(function: F) -> F:
    """Give a verb what can be asked of pairs."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function
