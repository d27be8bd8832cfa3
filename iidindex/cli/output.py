"""Rows to standard output, in the format asked for, as they come."""

from __future__ import annotations

import csv
import io
import json
import sys
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

import click

from iidindex.cli.iidtext import show
from iidindex.cli.main import DONE, NOTHING_FOUND, printable
from iidindex.cli.waiting import Waiting

FORMATS = ("table", "jsonl", "json", "csv", "paths")
Row = Mapping[str, Any]

format_option = click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="table",
    show_default=True,
    help="How to write what is found.",
)

# Rows of a table whose columns are made equally wide; a larger table streams in pieces.
_TABLE_ROWS = 1000


def write(rows: Iterable[Row], form: str, columns: Sequence[str]) -> int:
    """Write rows to standard output.

    Parameters
    ----------
    rows : iterable of mapping
        Written as they come; nothing but a table's next thousand is held back.
    form : str
        One of ``FORMATS``.
    columns : sequence of str
        What a table shows, and in which order.

    Returns
    -------
    int
        The exit code: whether there were any.
    """
    rows = iter(rows)
    first = next(rows, None)
    Waiting.hush()
    if first is None:
        if form == "json":
            click.echo("[]")
        if form == "table" and sys.stdout.isatty():
            click.echo("nothing found", err=True)
        return NOTHING_FOUND
    _WRITERS[form](chain([first], rows), columns)
    return DONE


def _write_table(rows: Iterator[Row], columns: Sequence[str]) -> None:
    from tabulate import tabulate

    is_first = True
    while part := list(islice(rows, _TABLE_ROWS)):
        cells = [[_cell(row, name) for name in columns] for row in part]
        text = tabulate(cells, headers=list(columns), tablefmt="simple", disable_numparse=True)
        click.echo(text if is_first else "\n".join(text.split("\n")[2:]))
        is_first = False


def _cell(row: Row, name: str) -> str:
    value = row.get(name)
    exact = row.get(f"{name}_b64")
    if exact is not None:  # in a form that can be typed again
        return show(b64decode(exact))
    if isinstance(value, list):
        return printable((" " if name == "bbox" else ", ").join(map(str, value)))
    return "" if value is None else printable(str(value))


def _write_jsonl(rows: Iterator[Row], _: Sequence[str]) -> None:
    for row in rows:
        click.echo(json.dumps(row))


def _write_json(rows: Iterator[Row], _: Sequence[str]) -> None:
    before = "["
    for row in rows:
        click.echo(before)
        click.echo(f"  {json.dumps(row)}", nl=False)
        before = ","
    click.echo("\n]")


def _write_csv(rows: Iterator[Row], _: Sequence[str]) -> None:
    first = next(rows)
    line = io.StringIO()
    writer = csv.DictWriter(line, list(first), lineterminator="\n")
    writer.writeheader()
    for row in chain([first], rows):
        writer.writerow(
            {
                name: " ".join(map(str, value)) if isinstance(value, list) else value
                for name, value in row.items()
            }
        )
        _echo(line.getvalue(), end="")
        line.seek(0)
        line.truncate()


def _write_paths(rows: Iterator[Row], _: Sequence[str]) -> None:
    seen = set()
    for row in rows:
        path = row["path"]
        if path not in seen:
            seen.add(path)
            _echo(path)


def _echo(text: str, end: str = "\n") -> None:
    """Write text that may be no Unicode as the bytes it stands for; shown, it is harmless."""
    if sys.stdout.isatty():
        click.echo("\n".join(map(printable, text.split("\n"))) + end, nl=False)
    else:
        click.echo(text.encode("utf-8", "surrogateescape") + end.encode(), nl=False)


_WRITERS: dict[str, Callable[[Iterator[Row], Sequence[str]], None]] = {
    "table": _write_table,
    "jsonl": _write_jsonl,
    "json": _write_json,
    "csv": _write_csv,
    "paths": _write_paths,
}
