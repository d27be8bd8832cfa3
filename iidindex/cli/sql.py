"""The verb for questions in SQL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain
from math import isfinite
from typing import Any

import click

from iidindex.catalog.views import VIEWS
from iidindex.cli.opening import open_to_ask
from iidindex.cli.output import Form, row_options, write
from iidindex.cli.questions import lines_of_input
from iidindex.rows import Column, Kind, Type
from iidindex.typed_iids import parse, show

# As JSON writes numbers: 007 is an address.
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?", re.ASCII)


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
        if _NUMBER.fullmatch(text):
            return name, float(text) if {".", "e", "E"} & set(text) else int(text)
        return name, text


_VIEWS = "\b\n" + "\n".join(f"{name:14} {what}" for name, (what, _) in VIEWS.items())


_HELP = """Answer an SQL query on the index, opened read-only.

STATEMENT is one SELECT in SQLite's SQL. If it is -, it is read from standard input. Besides
the tables, there are the views below. They have addresses as text, and as bytes in
address_bytes. Bytes are written as text if they are printable UTF-8, and otherwise as hex:….
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
        statement = "".join(lines_of_input())
    with open_to_ask(db) as index:
        rows = index.sql(statement, dict(parameters))
        first = next(rows, None)
        # Without rows, nobody need know their columns.
        names = list(first or {"": None})
        kind = Kind("sql", tuple(Column(name, Type.TEXT, _Cell(name), True) for name in names))
        return write(chain(() if first is None else [first], rows), form, kind)


@dataclass(frozen=True)
class _Cell:
    """A value of a row as JSON can hold it."""

    name: str

    def __call__(self, row: dict[str, Any]) -> Any:
        value = row[self.name]
        if isinstance(value, bytes):
            return show(value)
        if isinstance(value, float) and not isfinite(value):
            return None
        return value
