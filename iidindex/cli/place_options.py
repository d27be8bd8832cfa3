"""The options that ask for a place."""

from __future__ import annotations

from typing import Any, TypeVar

import click

from iidindex.cli.filter_options import F
from iidindex.query.entries import Entries

E = TypeVar("E", bound=Entries)


def place_options(verb: F) -> F:
    """Give a verb ``--at``, ``--region`` and ``--boxes``."""
    for option in (
        click.option(
            "--boxes", is_flag=True, help="With --at and --region: compare boxes, not masks."
        ),
        click.option(
            "--region",
            "box",
            nargs=4,
            type=int,
            metavar="MINR MINC MAXR MAXC",
            help="Only masks that have a pixel inside a box.",
        ),
        click.option(
            "--at",
            "pixel",
            nargs=2,
            type=int,
            metavar="X Y",
            help="Only masks that hold the pixel in column X, row Y.",
        ),
    ):
        verb = option(verb)
    return verb


def placed(question: E, options: dict[str, Any]) -> E:
    """Narrow a question down by a place, as the options give it, which are taken out."""
    pixel, box, boxes = (options.pop(name) for name in ("pixel", "box", "boxes"))
    if pixel is not None and box is not None:
        raise click.UsageError("--at and --region exclude each other")
    if pixel is not None:
        return question.at(*pixel, exact=not boxes)
    return question if box is None else question.region(box, exact=not boxes)
