"""Rows to standard output, in the format asked for, as they come."""

from __future__ import annotations

import csv
import io
import json
import sys
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import wraps
from itertools import chain, islice
from typing import Any, TypeVar, cast

import click

from iidindex.cli.fitting import fitted, rounded, seen, width_to_fit
from iidindex.cli.streams import is_terminal, require_output
from iidindex.cli.terminal import DONE, NOTHING_FOUND, printable
from iidindex.cli.waiting import Waiting
from iidindex.errors import QueryError
from iidindex.metadata_names import META, listed
from iidindex.rows import VERSIONS, Kind, Type, in_cell
from iidindex.typed_iids import show

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = ("table", "jsonl", "json", "csv", "paths")
Row = Mapping[str, Any]

# Rows of a table whose columns are made equally wide; a larger table streams in pieces.
_TABLE_ROWS = 1000

# The columns of which `--format paths` can write one.
_PATHS = ("path", "location")

# What makes a spreadsheet take a cell for a formula, at its beginning; see OWASP, "CSV
# Injection". Spreadsheets may drop a NUL or a line break and then look at what follows.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")


@dataclass(frozen=True)
class Form:
    """How rows are written.

    Attributes
    ----------
    name : str
        One of ``FORMATS``.
    fields : tuple of str, optional
        The columns wanted, in their order; as many as the format shows without it.
    end : str
        What follows each path.
    """

    name: str = "table"
    fields: tuple[str, ...] | None = None
    end: str = "\n"


# Of verbs that write a report, not rows.
report_option = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="The form of the report.",
)


def row_options(
    kind: Kind | None = None, kind_of: Callable[[Mapping[str, Any]], Kind] | None = None
) -> Callable[[F], F]:
    """Give a verb that writes rows of this kind the options for it, as a `Form` named ``form``.

    Without a kind, which columns there are turns out when they are written. Where eager options
    choose another kind, `kind_of` tells it by their values.
    """
    has_paths = kind is None or "path" in kind.names
    known = "" if kind is None else f", of {', '.join(kind.names)}"
    if kind is not None and kind.metadata is not None:
        known += f", and {META}NAME, a value of the file's metadata"
    options = [
        click.option(
            "--format",
            "form",
            type=click.Choice(FORMATS if has_paths else FORMATS[:-1]),
            help="The format of the rows; a table by default.",
        ),
        click.option(
            "--fields",
            metavar="A,B,…",
            callback=lambda ctx, param, value: read_fields(
                kind_of(ctx.params) if kind_of else kind, ctx, param, value
            ),
            help=f"The columns to write, in this order{known}.",
        ),
        click.option(
            "--format-version",
            metavar="N",
            callback=_check_version,
            help="The version of the rows that a script expects; so far there is only 1.",
        ),
    ]
    if has_paths:
        options.append(
            click.option(
                "-0",
                "nul",
                is_flag=True,
                help="Write paths, each with a NUL byte after it, for xargs -0.",
            )
        )

    def decorate(verb: F) -> F:
        @wraps(verb)
        def called(
            *arguments: Any,
            form: str | None,
            fields: tuple[str, ...] | None = None,
            nul: bool = False,
            **others: Any,
        ) -> Any:
            others.pop("format_version")
            return verb(*arguments, form=_form(form, fields, nul), **others)

        function = cast(F, called)
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def read_fields(
    kind: Kind | None, ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[str, ...] | None:
    """The columns of a kind that an option names, between commas; None, if it was not given."""
    if value is None:
        return None
    if kind is None:
        return tuple(name.strip() for name in value.split(","))
    fields = listed(value)
    try:
        return kind.select(fields).names
    except QueryError as error:
        raise click.BadParameter(printable(str(error)), ctx, param) from None


def _check_version(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is not None and value not in map(str, VERSIONS):
        known = ", ".join(map(str, VERSIONS))
        raise click.BadParameter(f"{value!r}; the versions there are: {known}", ctx, param)


def _form(name: str | None, fields: tuple[str, ...] | None, nul: bool) -> Form:
    if nul and name not in (None, "paths"):
        raise click.UsageError(f"-0 writes paths; leave out --format {name}")
    name = "paths" if nul else name or "table"
    if name == "paths" and fields is not None and (len(fields) > 1 or fields[0] not in _PATHS):
        raise click.UsageError(
            f"with paths, --fields must be one of {', '.join(_PATHS)}; other formats have the rest"
        )
    return Form(name, fields, "\0" if nul else "\n")


def write(
    records: Iterable[Any],
    form: Form,
    kind: Kind,
    shown: Sequence[str] | None = None,
    where_several: Sequence[str] = (),
) -> int:
    """Write records to standard output.

    Parameters
    ----------
    records : iterable
        Of that kind. They are written as they come; nothing but a table's next thousand is
        held back.
    form : Form
    kind : Kind
    shown : sequence of str, optional
        The columns of a table for which no fields are chosen; all by default.
    where_several : sequence of str
        Domains among them, which are shown where there is more than one.

    Returns
    -------
    int
        The exit code: whether there were any.
    """
    records = iter(records)
    first = next(records, None)
    Waiting.stop()
    if first is None:
        if form.name == "json":
            click.echo("[]")
        if form.name == "table" and is_terminal(sys.stdout):
            click.echo("nothing found", err=True)
        return NOTHING_FOUND
    require_output()
    columns, needed = _columns(form, kind, shown)
    chosen = kind.select(needed)
    found = chosen.rows(chain([first], records))
    said = [column.name for column in chosen.columns if column.type is Type.JSON]
    if said and form.name in ("table", "csv"):
        found = ({**row, **{name: in_cell(row[name]) for name in said}} for row in found)
    if form.name == "paths":
        _write_paths(found, columns[0], form.end)
    elif form.name == "table":
        # The columns whose exact form is beside them.
        exact = {name for name in columns if f"{name}_b64" in needed and kind.has_exact_forms}
        several = () if form.fields else where_several
        _write_table(found, columns, exact, several)
    else:
        _WRITERS[form.name](found, columns)
    return DONE


def _columns(
    form: Form, kind: Kind, shown: Sequence[str] | None
) -> tuple[Sequence[str], Sequence[str]]:
    """The columns to write, and those that must be known for it."""
    if form.name == "paths":
        columns: Sequence[str] = form.fields or ("path",)
        return columns, columns
    if form.name != "table":
        columns = form.fields or kind.names
        return columns, columns
    columns = form.fields or shown or kind.names
    # An address is shown in a form that can be typed again, which needs its bytes.
    exact = (f"{name}_b64" for name in columns)
    return columns, [*columns, *(n for n in exact if n in kind.names and n not in columns)]


def _write_table(
    rows: Iterator[Row], columns: Sequence[str], exact: Set[str], where_several: Sequence[str]
) -> None:
    import tabulate as layout

    room = width_to_fit()
    domains: set[Any] = set()
    written: Sequence[str] = ()
    while part := list(islice(rows, _TABLE_ROWS)):
        domains.update(row[f"{name}_b64"] for row in part for name in where_several)
        # Where there is one domain only, all are of it.
        left_out = where_several if len(domains) < 2 else ()
        chosen = [name for name in columns if name not in left_out]
        cells = [[_cell(row, name, name in exact, room) for name in chosen] for row in part]
        # Those of somebody's SQL may be named anything.
        names = [printable(name) for name in chosen]
        if room is not None:
            cells, layout.MIN_PADDING = fitted(cells, names, room)
        text = layout.tabulate(cells, headers=names, tablefmt="simple", disable_numparse=True)
        click.echo(text if chosen != written else "\n".join(text.split("\n")[2:]))
        written = chosen


def _cell(row: Row, name: str, has_exact: bool, room: int | None) -> str:
    value = row.get(name)
    if has_exact and row[f"{name}_b64"] is not None:  # in a form that can be typed again
        return show(b64decode(row[f"{name}_b64"]))
    if isinstance(value, list):
        if name == "bbox":
            return " ".join(map(str, value))
        return ", ".join(seen(printable(str(one))) or "''" for one in value)
    if isinstance(value, float) and room is not None:
        return rounded(value)
    return "" if value is None else seen(printable(str(value)))


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


def _write_csv(rows: Iterator[Row], columns: Sequence[str]) -> None:
    line = io.StringIO()
    # With both as the end of a line, each of them is quoted in a cell.
    writer = csv.writer(line, lineterminator="\r\n")
    for cells in chain([columns], ([row[name] for name in columns] for row in rows)):
        writer.writerow(map(_harmless, cells))
        _echo(line.getvalue().removesuffix("\r\n"))
        line.seek(0)
        line.truncate()


def _harmless(value: Any) -> Any:
    """A value as a cell; text that a spreadsheet would calculate begins with an apostrophe."""
    if isinstance(value, list):
        value = " ".join(map(str, value))
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _write_paths(rows: Iterator[Row], column: str, end: str) -> None:
    seen: set[str | None] = {None}
    for row in rows:
        path = row[column] if row[column] is None else str(row[column])
        if path not in seen:
            seen.add(path)
            _echo(path, end)


def _echo(text: str, end: str = "\n") -> None:
    """Write text that may be no Unicode as the bytes it stands for; shown, it is harmless."""
    if is_terminal(sys.stdout):
        click.echo("\n".join(map(printable, text.split("\n"))) + end, nl=False)
    else:
        click.echo(text.encode("utf-8", "surrogateescape") + end.encode(), nl=False)


_WRITERS: dict[str, Callable[[Iterator[Row], Sequence[str]], None]] = {
    "jsonl": _write_jsonl,
    "json": _write_json,
    "csv": _write_csv,
}
