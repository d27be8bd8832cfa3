"""Verbs that draw."""

from __future__ import annotations

from typing import Any

import click

from iidindex.cli.completion import ADDRESS
from iidindex.cli.drawing_options import (
    colour_options,
    crop_option,
    font_option,
    no_image_option,
    nothing_drawn,
    number_option,
    output_option,
    style_options,
    written,
)
from iidindex.cli.filter_options import narrowed, order_option, reading_option, selection_options
from iidindex.cli.opening import open_to_ask
from iidindex.cli.output import read_fields
from iidindex.cli.place_options import place_options, placed
from iidindex.cli.terminal import DONE, printable
from iidindex.metadata_names import META
from iidindex.model import IID
from iidindex.pictures.heat import sizes_told
from iidindex.pictures.sheet import MOST_TILES, SCALES
from iidindex.plural import counted
from iidindex.query.heat.coverage import MOST_CELLS
from iidindex.render.palettes import SCALES as SCALES_OF_NUMBERS
from iidindex.render.write import encode, suffix_of
from iidindex.rows import ENTRY
from iidindex.storage.atomic import write_atomically


@click.command()
@click.argument("named", metavar="[ADDRESS]", type=ADDRESS, required=False)
@output_option("uint8, shape (h, w, 3)")
@number_option("--limit", click.IntRange(1, MOST_TILES), 60, "At most so many tiles.")
@number_option("--tile", click.IntRange(1, 1024), 192, "Width and height of a tile in pixels.")
@number_option(
    "--margin",
    click.FloatRange(0, 100),
    0.25,
    "What is shown around a mask, as a fraction of its longer side.",
)
@click.option("--fit", is_flag=True, help="Scale each tile to its own mask, not all alike.")
@click.option(
    "--caption",
    metavar="A,B,…",
    callback=lambda ctx, param, value: read_fields(ENTRY, ctx, param, value),
    help=f"What to write below each tile, a line each: fields as of `find`, also {META}NAME, what "
    "the file's metadata says. By default the path, and what tells apart.",
)
@click.option(
    "--gaps",
    is_flag=True,
    help="Show files between the first and the last that lack the individual as empty tiles; "
    "each individual begins a row.",
)
@click.option(
    "--strip",
    is_flag=True,
    help="Lay out all tiles in one row, behind the path that the middle of the box takes.",
)
@click.option(
    "--scale",
    type=click.Choice(SCALES),
    default="bar",
    show_default=True,
    help="Draw how long so many pixels are, or write the area of each mask.",
)
@no_image_option
@colour_options
@style_options
@reading_option
@order_option
@place_options
@selection_options
@click.pass_obj
def sheet(
    db: str,
    /,
    named: bytes | IID | None,
    address: tuple[bytes | IID, ...],
    output: str,
    **options: Any,
) -> int:
    """Draw every appearance of an individual, or all that fits the filters, tile by tile.

    Each tile shows the mask over the picture that the file's metadata name, if it is there.
    Tiles come by path and key, unless another order is asked for, and have one scale, so that
    sizes can be compared.
    """
    drawing = _taken(
        options,
        *("limit", "tile", "margin", "fit", "caption", "gaps", "strip", "scale"),
        *("alpha", "colour_by", "palette", "font", "on_stale"),
    )
    drawing |= {name: not options.pop(f"no_{name}") for name in ("outlines", "image", "legend")}
    wanted = (*(() if named is None else (named,)), *address) or None
    with open_to_ask(db) as index:
        hits = narrowed(placed(index.entries, options), **options)
        drawn = index.sheet(wanted, hits, **drawing)
        if not drawn.drawn:
            return nothing_drawn(hits.where(address=wanted))
    more = f"more; raise --limit (at most {MOST_TILES}), or narrow them down with --path"
    told, nouns = counted(drawn.drawn, "tile"), ("appearance", "appearances")
    if drawing["gaps"]:
        told, nouns = f"{told}, {counted(drawn.gaps, 'gap')}", ("tile", "tiles")
    return written(drawn, output, told, nouns, more)


@click.command()
@output_option("int64, the set pixels in each cell")
@number_option(
    "--size",
    click.IntRange(1, MOST_CELLS),
    1024,
    "Cells along the longer side at the most; a larger frame is counted in coarser ones.",
)
@crop_option
@click.option("--fit", is_flag=True, help="Only the part of the frame that holds all masks.")
@click.option(
    "--image",
    type=click.Path(dir_okay=False),
    help="The picture to draw over; by default that of the files, if all are of one size.",
)
@no_image_option
@click.option(
    "--palette",
    type=click.Choice(SCALES_OF_NUMBERS),
    default="ember",
    show_default=True,
    help="The colours.",
)
@click.option(
    "--alpha",
    type=click.FloatRange(0, 1),
    help="Strength of the colours; by default 0.65 over an image and 1 over none.",
)
@font_option
@reading_option
@selection_options
@click.pass_obj
def heat(db: str, /, output: str, image: str | None, no_image: bool, **options: Any) -> int:
    """Draw where in the frame masks lie, over all files.

    Colours tell how many masks cover a pixel; for a cell of several pixels, their mean. They lie
    over the picture of the files, in grey, if there is one.
    """
    if image is not None and no_image:
        raise click.UsageError("--image and --no-image exclude each other")
    if options["fit"] and options["crop"] is not None:
        raise click.UsageError("--fit and --crop exclude each other")
    part = _taken(options, "size", "crop", "fit")
    drawing = _taken(options, "palette", "alpha", "font")
    drawing["image"] = not no_image if image is None else image
    ending = str(suffix_of(output))
    with open_to_ask(db) as index:
        hits = narrowed(index.entries, **options)
        if ending == ".npy":
            found = hits.heat(**part)
            if not found.entries:
                return nothing_drawn(hits)
            write_atomically(output, [encode(found.counts, ending)])
            height, width = found.counts.shape
            most = f"at most {found.mean.max():.4g} a pixel"
            told = f"{height} x {width} cells, {counted(found.entries, 'mask')}, {most}"
            click.echo(f"{printable(output)}: {told}")
            return DONE
        drawn = index.draw_heat(hits, **part, **drawing)
        if not drawn.drawn:
            return nothing_drawn(hits)
    over = "".join(f" over {printable(name)}" for name in drawn.images)
    written(drawn, output, f"{counted(drawn.drawn, 'mask')}{over}", ("", ""), "")
    if drawn.sizes:
        click.echo(f"iidindex: {sizes_told(drawn.sizes)}", err=True)
    return DONE


def _taken(options: dict[str, Any], *names: str) -> dict[str, Any]:
    """Options that say how to draw, out of those that say what."""
    return {name: options.pop(name) for name in names}
