"""The verb for questions in SQL."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any

import click

from iidindex.catalog.views import VIEWS
from iidindex.cli.iidtext import parse, show
from iidindex.cli.output import Form, row_options, write
from iidindex.index import Index
from iidindex.rows import Column, Kind, Type, as_base64, as_text


class Parameter(click.ParamType):
    """``NAME=VALUE``: a number if it is one, bytes after ``hex:`` or ``b64:``, else text."""

    name = "name=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        """Read the parameter."""
        if isinstance(value, tuple):
            return value
        name, equals, text = value.partition("=")
        if not (equals and name):
            self.fail(f"{value!r}: expected NAME=VALUE", param, ctx)
        if text.startswith(("hex:", "b64:")):
            try:
                return name, parse(text)
            except ValueError as error:
                self.fail(f"{value!r}: {error}", param, ctx)
        for number in (int, float):
            try:
                return name, number(text)
            except ValueError:
                continue
        return name, text


_VIEWS = "\b\n" + "\n".join(f"{name:14} {what}" for name, (what, _) in VIEWS.items())


_HELP = """Answer a question in SQL, over the index opened read-only.

STATEMENT is one SELECT in SQLite's SQL; with -, it is read from standard input. Beside the
tables, there are views with addresses as text, and as bytes in address_bytes:
"""


@click.command(help=f"{_HELP}\n{_VIEWS}")
@click.argument("statement")
@click.option(
    "--param",
    "-p",
    "parameters",
    type=Parameter(),
    multiple=True,
    help="What :NAME in the statement stands for: a number, text, or bytes as hex:… or b64:….",
)
@row_options(None)
@click.pass_obj
def sql(db: str, /, statement: str, parameters: tuple[tuple[str, Any], ...], form: Form) -> int:
    """Answer a question in SQL."""
    if statement == "-":
        statement = sys.stdin.read()
    with Index(db, read_only=True) as index:
        rows = index.sql(statement, dict(parameters))
        first = next(rows, None)
        # No statement has no columns, but without rows nobody need know them.
        found = chain(() if first is None else [first], rows)
        shown = first or {"": None}
        return write(found, form, _kind(shown), list(shown))


def _kind(first: dict[str, Any]) -> Kind:
    """The columns of the rows: where the first has bytes, text and the exact form of them."""
    columns: list[Column] = []
    for name, value in first.items():
        if isinstance(value, bytes):
            columns.append(Column(name, Type.TEXT, _Cell(name, as_text), True))
            columns.append(Column(f"{name}_b64", Type.TEXT, _Cell(name, as_base64), True))
        else:
            columns.append(Column(name, Type.TEXT, _Cell(name, show), True))
    return Kind("sql", tuple(columns))


@dataclass(frozen=True)
class _Cell:
    """A value of a row; if it is bytes, as they are told."""

    name: str
    tell: Callable[[bytes], str | None]

    def __call__(self, row: dict[str, Any]) -> Any:
        value = row[self.name]
        if isinstance(value, bytes):
            return self.tell(value)
        return None if self.tell is as_base64 else value
