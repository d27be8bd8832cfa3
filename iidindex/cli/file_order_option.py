"""The option that says in which order files follow each other."""

from __future__ import annotations

import click

from iidindex.errors import QueryError
from iidindex.query.comparison.file_order import names_of


def check_by(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """Refuse an order that is neither by path nor by metadata."""
    try:
        names_of(value)
    except QueryError as error:
        raise click.BadParameter(str(error), ctx, param) from None
    return value
