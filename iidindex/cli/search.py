"""Verbs that find entries."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click

from iidindex.cli.completion import ADDRESS
from iidindex.cli.filters import ENTRY_COLUMNS, F, filter_options, narrowed
from iidindex.cli.main import DONE, NOTHING_FOUND
from iidindex.cli.output import Form, row_options, write
from iidindex.index import Index
from iidindex.query.entries import Entries
from iidindex.rows import ENTRY, NEAREST, Kind

_count = click.option("--count", "only_count", is_flag=True, help="Tell only how many there are.")
_explain = click.option("--explain", is_flag=True, help="Tell how the question is answered.")


def _answerable(kind: Kind) -> Callable[[F], F]:
    """Give a verb the filters and the ways in which an answer can be had."""
    return lambda verb: filter_options(_count(_explain(row_options(kind)(verb))))


class _Signed(click.Command):
    """A verb whose numbers may be negative, which look like options otherwise."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take a minus and digits for a number."""
        ctx.ignore_unknown_options = any(re.fullmatch(r"-\d+", text) for text in args)
        return super().parse_args(ctx, args)


_boxes = click.option("--boxes", is_flag=True, help="Answer from bounding boxes; read no file.")


@click.command()
@click.argument("address", nargs=-1, type=ADDRESS)
@_answerable(ENTRY)
@click.pass_obj
def find(
    db: str, /, address: tuple[bytes, ...], addresses: tuple[bytes, ...], **options: Any
) -> int:
    """Find entries by address and other filters.

    Without ADDRESS, every entry that fits the filters.
    """
    with Index(db) as index:
        return _answer(index, None, addresses=(*address, *addresses), **options)


@click.command(cls=_Signed)
@click.argument("x", type=int)
@click.argument("y", type=int)
@_answerable(ENTRY)
@_boxes
@click.pass_obj
def at(db: str, /, x: int, y: int, boxes: bool, **options: Any) -> int:
    """Find entries whose mask holds the pixel in column X, row Y."""
    with Index(db) as index:
        return _answer(index, ((y, x, y + 1, x + 1), not boxes), **options)


@click.command(cls=_Signed)
@click.argument("minr", type=int)
@click.argument("minc", type=int)
@click.argument("maxr", type=int)
@click.argument("maxc", type=int)
@_answerable(ENTRY)
@_boxes
@click.pass_obj
def region(
    db: str, /, minr: int, minc: int, maxr: int, maxc: int, boxes: bool, **options: Any
) -> int:
    """Find entries whose mask has a pixel inside a box.

    The box is rows MINR … MAXR-1 and columns MINC … MAXC-1.
    """
    with Index(db) as index:
        return _answer(index, ((minr, minc, maxr, maxc), not boxes), **options)


@click.command(cls=_Signed)
@click.argument("x", type=int)
@click.argument("y", type=int)
@click.option("-k", type=click.IntRange(min=1), default=1, show_default=True, help="So many.")
@_answerable(NEAREST)
@click.pass_obj
def nearest(db: str, /, x: int, y: int, k: int, **options: Any) -> int:
    """Find the entries whose masks are nearest to a pixel.

    It is in column X, row Y. The distance is Euclidean, in pixels, to the nearest pixel of the
    mask, and 0 inside.
    """
    with Index(db) as index:
        return _answer(index, None, near=(x, y, k), **options)


def _answer(
    index: Index,
    within: tuple[tuple[int, int, int, int], bool] | None,
    *,
    near: tuple[int, int, int] | None = None,
    only_count: bool,
    explain: bool,
    form: Form,
    **filters: Any,
) -> int:
    question: Entries = narrowed(index, **filters)
    if within is not None:
        box, exact = within
        question = question.region(box, exact=exact)
    kind, shown = ENTRY, ENTRY_COLUMNS
    if near is not None:
        question = question.nearest(*near)
        kind, shown = NEAREST, ("distance", *ENTRY_COLUMNS)
    if explain:
        click.echo(question.explain())
        return DONE
    if only_count:
        count = question.count()
        click.echo(count)
        return DONE if count else NOTHING_FOUND
    return write(question, form, kind, shown)
