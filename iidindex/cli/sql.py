"""The verb for questions in SQL."""

from __future__ import annotations

import sys
from base64 import b64encode
from collections.abc import Iterator
from itertools import chain
from typing import Any

import click

from iidindex.catalog.views import VIEWS
from iidindex.cli.iidtext import parse
from iidindex.cli.main import NOTHING_FOUND
from iidindex.cli.output import format_option, write
from iidindex.index import Index


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
@format_option
@click.pass_obj
def sql(db: str, /, statement: str, parameters: tuple[tuple[str, Any], ...], form: str) -> int:
    """Answer a question in SQL."""
    if statement == "-":
        statement = sys.stdin.read()
    with Index(db, read_only=True) as index:
        rows = map(_row, index.sql(statement, dict(parameters)))
        first = next(rows, None)
        if first is None:
            return write(iter(()), form, ()) or NOTHING_FOUND
        columns = [name for name in first if f"{name.removesuffix('_b64')}_b64" != name]
        return write(chain([first], rows), form, columns)


def _row(found: dict[str, Any]) -> dict[str, Any]:
    """A row that JSON can hold: bytes as text where they are UTF-8, and exact in base64."""
    return dict(chain.from_iterable(_cells(name, value) for name, value in found.items()))


def _cells(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, bytes):
        yield name, value
        return
    try:
        yield name, value.decode("utf-8")
    except UnicodeDecodeError:
        yield name, None
    yield f"{name}_b64", b64encode(value).decode("ascii")
