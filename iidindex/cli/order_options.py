"""The options of verbs that list individuals: how many files they need, and what is ordered."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click

from iidindex.cli.checking import checked
from iidindex.cli.filter_options import F
from iidindex.metadata_names import META
from iidindex.query.comparison.file_order import PATH, names_of

least_files_option = click.option(
    "--min-files",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Only individuals that are in at least this many files.",
)


def named_order(known: Sequence[str]) -> Callable[[F], F]:
    """Give a verb ``--order-by``, as a tuple named ``orders``."""

    def check(
        ctx: click.Context, param: click.Parameter, value: tuple[str, ...]
    ) -> tuple[str, ...]:
        names = tuple(name.strip() for one in value for name in one.split(","))
        for name in names:
            if name.removeprefix("-") not in known:
                told = f"{name!r}: expected one of {', '.join(known)}, or -FIELD for descending"
                raise click.BadParameter(told, ctx, param)
        return names

    return click.option(
        "--order-by",
        "orders",
        multiple=True,
        metavar="FIELD",
        callback=check,
        help=f"One of {', '.join(known)}; -FIELD for descending. Repeat, or separate by commas, to "
        "sort rows that tie.",
    )


def files_ordered_by(text: str) -> Callable[[F], F]:
    """Give a verb ``--by``: in which order files follow each other, and what that is for."""
    return click.option(
        "--by",
        default=PATH,
        show_default=True,
        metavar=f"{PATH}|{META}NAME",
        callback=checked(names_of),
        help=text,
    )
