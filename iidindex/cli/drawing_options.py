"""What the verbs that draw have in common: their options, and what they tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from iidindex.cli.filter_options import F
from iidindex.cli.hint import hint
from iidindex.cli.terminal import DONE, NOTHING_FOUND, printable
from iidindex.metadata_names import META
from iidindex.pictures.drawing import Drawing, VectorDrawing
from iidindex.plural import counted
from iidindex.query.entries import Entries
from iidindex.render.palettes import CATEGORIES, PALETTES, SCALES
from iidindex.render.write import SUFFIXES, encode, suffix_of
from iidindex.storage.atomic import write_atomically


class _Output(click.Path):
    """A name that ends as pictures or arrays do."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Check the ending before anything is drawn."""
        check_output(value)
        return super().convert(value, param, ctx)


def check_output(name: str, *more: str) -> None:
    """Refuse a name that ends in nothing that can be written, or in one of some more endings."""
    known = (".png", ".jpg", ".webp", *more, ".npy")
    if suffix_of(name, (*SUFFIXES, *more)) is None:
        raise click.UsageError(
            f"{printable(name)}: expected a name that ends in {', '.join(known[:-1])} or "
            f"{known[-1]}"
        )


def output_option(what: str) -> Callable[[F], F]:
    """Give a verb ``--output``, a picture or an array of `what`."""
    return click.option(
        "--output",
        "-o",
        required=True,
        type=_Output(dir_okay=False),
        help="The file to write: .png or .webp for a picture, .jpg for a smaller and less exact "
        f"one, .npy for a NumPy array of {what}.",
    )


def number_option(
    name: str, kind: click.IntRange | click.FloatRange, default: float | None, text: str
) -> Callable[[F], F]:
    """Give a verb an option for a number, and tell its range and default."""
    return click.option(name, type=kind, default=default, show_default=True, help=text)


crop_option = click.option(
    "--crop",
    type=int,
    nargs=4,
    metavar="MINR MINC MAXR MAXC",
    help="Only this part of the frame: rows MINR … MAXR-1, columns MINC … MAXC-1.",
)
font_option = click.option(
    "--font", type=click.Path(dir_okay=False), help="A font file for the text."
)
no_image_option = click.option("--no-image", is_flag=True, help="Draw on a plain background.")


def colour_options(verb: F) -> F:
    """Give a verb the colours that masks can have."""
    for option in (
        click.option("--no-legend", is_flag=True, help="Write nothing below the picture."),
        click.option(
            "--palette",
            type=click.Choice(PALETTES),
            help=f"The colours: {', '.join(CATEGORIES)} for categories, {', '.join(SCALES)} for "
            f"numbers; {CATEGORIES[0]} and {SCALES[0]} by default.",
        ),
        click.option(
            "--colour-by",
            "--color-by",
            "colour_by",
            metavar="WHAT",
            default="individual",
            show_default=True,
            help=f"individual, group, domain, area, or {META}NAME, what the file's metadata say.",
        ),
    ):
        verb = option(verb)
    return verb


def style_options(verb: F) -> F:
    """Give a verb the ways in which masks can be drawn."""
    for option in (
        font_option,
        click.option("--no-outlines", is_flag=True, help="Draw no outlines."),
        click.option(
            "--alpha",
            type=click.FloatRange(0, 1),
            help="Strength of the tints; by default 0.4 over an image and 0.7 over none.",
        ),
    ):
        verb = option(verb)
    return verb


def nothing_drawn(hits: Entries) -> int:
    """Say that there is nothing to draw, and what may be the reason; return the exit code."""
    hint(hits, before="nothing fits, so nothing was drawn")
    return NOTHING_FOUND


def written(
    drawn: Drawing | VectorDrawing, output: str, told: str, nouns: tuple[str, str], left_out: str
) -> int:
    """Write a picture; say how large it is and what is not on it; return the exit code.

    Parameters
    ----------
    drawn : Drawing or VectorDrawing
    output : str
        Name of the file, with a suffix that is known.
    told : str
        What is on it.
    nouns : (str, str)
        What is called one that was left out, and several.
    left_out : str
        What is said of what was left out, if anything was.
    """
    if isinstance(drawn, Drawing):
        write_atomically(output, [encode(drawn.picture, str(suffix_of(output)))])
        height, width, _ = drawn.picture.shape
        told = f"{height} x {width} pixels, {told}"
    else:
        write_atomically(output, [drawn.svg.encode("utf-8")])
    click.echo(f"{printable(output)}: {told}")
    tell_missing(drawn.missing)
    if drawn.left_out:
        click.echo(f"iidindex: {counted(drawn.left_out, *nouns)} {left_out}", err=True)
    return DONE


def tell_missing(missing: Sequence[str]) -> None:
    """Say which images are not there that the metadata name."""
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        click.echo(
            f"iidindex: {printable(missing[0])}{more}: the metadata name this image, but it "
            "is not there; drawn on a plain background",
            err=True,
        )
