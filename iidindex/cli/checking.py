"""Values of options that the library itself refuses, as wrong use of the command line."""

from __future__ import annotations

from collections.abc import Callable

import click

from iidindex.errors import QueryError


def checked(
    check: Callable[[str], object],
) -> Callable[[click.Context, click.Parameter, str], str]:
    """The callback of an option whose value has to pass a check, which raises `QueryError`."""

    def callback(ctx: click.Context, param: click.Parameter, value: str) -> str:
        try:
            check(value)
        except QueryError as error:
            raise click.BadParameter(str(error), ctx, param) from None
        return value

    return callback
