"""The filters that every searching verb has."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

from iidindex.cli.completion import ADDRESS, DOMAIN, GROUP, PATH, ROOT
from iidindex.query.entries import Entries
from iidindex.query.pixels.originals import OnStale
from iidindex.query.question.asked import ORDERS

F = TypeVar("F", bound=Callable[..., Any])

ENTRY_COLUMNS: tuple[str, ...] = ("path", "key", "domain", "address", "bbox", "area", "groups")


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


class MetaValue(click.ParamType):
    """``NAME=VALUE``, dots for what lies deeper; the value as JSON, or else as text."""

    name = "name=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, Any]:
        """Read the condition."""
        if isinstance(value, dict):
            return value
        names, equals, text = value.partition("=")
        if not equals:
            self.fail(f"{value!r}: expected NAME=VALUE, such as camera.iso=200", param, ctx)
        try:
            wanted = json.loads(text)
        except ValueError:
            wanted = text
        for name in reversed(names.split(".")):
            wanted = {name: wanted}
        return dict(wanted)


_OPTIONS = [
    click.option(
        "--address",
        "addresses",
        type=ADDRESS,
        multiple=True,
        help="The address of the individual. Repeated: any of them.",
    ),
    click.option(
        "--domain",
        "domains",
        type=DOMAIN,
        multiple=True,
        help="The domain of the individual; '' for none. Repeated: any of them.",
    ),
    click.option("--prefix", type=ADDRESS, help="What the address begins with."),
    click.option(
        "--group",
        "groups",
        type=GROUP,
        multiple=True,
        help="A group that the entry is in. Repeated: any of them.",
    ),
    click.option(
        "--path",
        type=PATH,
        help="The file's path inside its root, or on disk if it begins with /. It may be a "
        "pattern, in which * stands for any text, / too.",
    ),
    click.option("--root", type=ROOT, help="The name of the root that the file is in."),
    click.option(
        "--meta",
        "metas",
        type=MetaValue(),
        multiple=True,
        help="What the file's metadata says, as JSON or text: camera.iso=200, day=monday. "
        "Repeated: all of them.",
    ),
    click.option(
        "--area",
        type=AreaRange(),
        help="Pixels of the mask, both ends included: 100..5000, 100.. or ..5000.",
    ),
    click.option(
        "--key",
        "keys",
        type=int,
        multiple=True,
        help="The key of the entry in its file. Repeated: any of them.",
    ),
]
limit_option = click.option("--limit", type=click.IntRange(min=0), help="At most so many.")
_PAGING = [
    limit_option,
    click.option(
        "--after",
        type=click.IntRange(min=0),
        metavar="ID",
        help="Only entries after the one with this id, in the order without --order-by.",
    ),
    click.option(
        "--order-by",
        "orders",
        multiple=True,
        metavar="FIELD",
        help=f"One of {', '.join(ORDERS)}; -FIELD for descending. Repeated: where they tie.",
    ),
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
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def narrowed(
    question: Entries,
    *,
    addresses: tuple[bytes, ...] = (),
    domains: tuple[bytes, ...] = (),
    prefix: bytes | None = None,
    groups: tuple[str, ...] = (),
    path: str | None = None,
    root: str | None = None,
    metas: tuple[dict[str, Any], ...] = (),
    area: tuple[int | None, int | None] | None = None,
    keys: tuple[int, ...] = (),
    on_stale: OnStale = "error",
    limit: int | None = None,
    after: int | None = None,
    orders: tuple[str, ...] = (),
) -> Entries:
    """Narrow a question down by the filters."""
    question = question.where(
        address=addresses or None,
        domain=domains or None,
        group=groups or None,
        key=keys or None,
        prefix=prefix,
        path=path,
        root=root,
        area=area,
    )
    question = question.reading(on_stale=on_stale)
    for meta in metas:
        question = question.where(meta=meta)
    if after is not None:
        question = question.after(after)
    if orders:
        question = question.order_by(*orders)
    return question if limit is None else question.limit(limit)
