"""Verbs that find entries."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click

from iidindex.cli.completion import ADDRESS
from iidindex.cli.filter_options import (
    ENTRY_COLUMNS,
    F,
    count_option,
    filter_options,
    narrowed,
    reading_option,
)
from iidindex.cli.questions import Answer, Answered, Count, Question, question
from iidindex.index import Index
from iidindex.model import IID
from iidindex.query.entries import Entries
from iidindex.rows import ENTRY, NEAREST, Kind

_explain = click.option("--explain", is_flag=True, help="Show how the question would be answered.")


def _answerable(kind: Kind) -> Callable[[F], F]:
    """Give a verb the filters and the ways in which an answer can be had."""
    return lambda verb: filter_options(count_option(_explain(question(kind)(verb))))


# In the place of a minus that begins a number.
_MINUS = "\N{MINUS SIGN}"


class _Signed(Question):
    """A verb whose numbers may be negative, which look like options otherwise."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take a minus and a digit for a number: click would take the digit for an option."""
        takes_value = {
            name
            for param in self.params
            if isinstance(param, click.Option) and not param.is_flag
            for name in param.opts
        }
        end = args.index("--") if "--" in args else len(args)
        marked = [
            f"{_MINUS}{text[1:]}"
            if nth < end and re.match(r"-\d", text) and before not in takes_value
            else text
            for nth, (before, text) in enumerate(zip(["", *args], args, strict=False))
        ]
        return super().parse_args(ctx, marked)


class _Pixel(click.ParamType):
    """A whole number, whose minus may have been marked."""

    name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the number."""
        text = str(value).replace(_MINUS, "-")
        if not re.fullmatch(r"[-+]?\d+", text, re.ASCII):
            self.fail(f"{text!r} is not a valid integer.", param, ctx)
        return int(text)


_PIXEL = _Pixel()


_boxes = click.option(
    "--boxes", is_flag=True, help="Compare bounding boxes, not masks; no file is read."
)


@click.command(cls=Question)
@click.argument("named", metavar="[ADDRESS]...", nargs=-1, type=ADDRESS)
@_answerable(ENTRY)
def find(
    index: Index, named: tuple[bytes | IID, ...], address: tuple[bytes | IID, ...], **options: Any
) -> Answered:
    """Find entries by address and other filters.

    Without ADDRESS, finds every entry that fits the filters.
    """
    return _answer(index.entries, address=(*named, *address), **options)


@click.command(cls=_Signed)
@click.argument("x", type=_PIXEL)
@click.argument("y", type=_PIXEL)
@_answerable(ENTRY)
@reading_option
@_boxes
def at(index: Index, x: int, y: int, boxes: bool, **options: Any) -> Answered:
    """Find entries whose mask holds the pixel in column X, row Y."""
    return _answer(index.entries.at(x, y, exact=not boxes), **options)


@click.command(cls=_Signed)
@click.argument("minr", type=_PIXEL)
@click.argument("minc", type=_PIXEL)
@click.argument("maxr", type=_PIXEL)
@click.argument("maxc", type=_PIXEL)
@_answerable(ENTRY)
@reading_option
@_boxes
def region(
    index: Index, minr: int, minc: int, maxr: int, maxc: int, boxes: bool, **options: Any
) -> Answered:
    """Find entries whose mask has a pixel inside a box.

    The box has rows MINR … MAXR-1 and columns MINC … MAXC-1.
    """
    within = index.entries.region((minr, minc, maxr, maxc), exact=not boxes)
    return _answer(within, **options)


@click.command(cls=_Signed)
@click.argument("x", type=_PIXEL)
@click.argument("y", type=_PIXEL)
@click.option(
    "-k", type=click.IntRange(min=1), default=1, show_default=True, help="The number of entries."
)
@_answerable(NEAREST)
@reading_option
def nearest(index: Index, x: int, y: int, k: int, **options: Any) -> Answered:
    """Find the entries whose masks are nearest to a pixel.

    The pixel is in column X, row Y. The distance is Euclidean, in pixels, to the nearest pixel of
    the mask. It is 0 inside the mask.
    """
    return _answer(index.entries.nearest(x, y, k), NEAREST, **options)


def _answer(
    asked: Entries, kind: Kind = ENTRY, *, only_count: bool, explain: bool, **filters: Any
) -> Answered:
    asked = narrowed(asked, **filters)
    if explain:
        return asked.explain()
    if only_count:
        return Count(asked.count(), [asked])
    shown = ("distance", *ENTRY_COLUMNS) if kind is NEAREST else ENTRY_COLUMNS
    return Answer(asked, kind, shown, [asked])
