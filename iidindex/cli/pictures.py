"""Verbs that draw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from iidindex.cli.completion import ADDRESS, PATH
from iidindex.cli.filters import F, narrowed, reading_option, selection_options
from iidindex.cli.main import DONE, NOTHING_FOUND, printable
from iidindex.cli.opening import asking
from iidindex.files.source import write_atomically
from iidindex.pictures.sheet import MOST_TILES
from iidindex.query.heat import MOST_CELLS
from iidindex.render.write import encode, suffix_of


class _Output(click.Path):
    """A name that ends in .png or .npy."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Check the ending before anything is drawn."""
        if suffix_of(value) is None:
            self.fail(f"{printable(str(value))}: expected a name that ends in .png or .npy")
        return super().convert(value, param, ctx)


def _output(what: str) -> Callable[[F], F]:
    return click.option(
        "--output",
        "-o",
        required=True,
        type=_Output(dir_okay=False),
        help=f"Where to: .png for a picture, .npy for a NumPy array of {what}.",
    )


_crop = click.option(
    "--crop",
    type=int,
    nargs=4,
    metavar="MINR MINC MAXR MAXC",
    help="Only this part of the frame: rows MINR … MAXR-1, columns MINC … MAXC-1.",
)
_size = click.IntRange(1, MOST_CELLS)
_font = click.option(
    "--font", type=click.Path(dir_okay=False), help="A font file for what is written."
)


def _styled(verb: F) -> F:
    """Give a verb the ways in which masks can be drawn."""
    for option in (
        _font,
        click.option("--no-outlines", is_flag=True, help="Tints alone."),
        click.option(
            "--alpha",
            type=click.FloatRange(0, 1),
            help="Strength of the tints; by default 0.4 over an image and 0.7 over none.",
        ),
    ):
        verb = option(verb)
    return verb


def _nothing() -> int:
    click.echo("iidindex: nothing fits, so nothing was drawn", err=True)
    return NOTHING_FOUND


@click.command()
@click.argument("file", type=PATH, metavar="PATH")
@_output("uint8, shape (h, w, 3)")
@click.option(
    "--image",
    type=click.Path(dir_okay=False),
    help="The picture to draw over; otherwise the one that the file's metadata name.",
)
@click.option("--no-image", is_flag=True, help="Draw on a plain ground.")
@click.option(
    "--size",
    type=_size,
    default=2048,
    show_default=True,
    help="Pixels along the longer side at the most; a larger frame is reduced.",
)
@click.option(
    "--zoom",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Draw each pixel as a square of such sides, as far as --size allows.",
)
@_crop
@click.option("--no-labels", is_flag=True, help="Write no addresses.")
@_styled
@reading_option
@selection_options
@click.pass_obj
def render(
    db: str,
    /,
    file: str,
    output: str,
    image: str | None,
    no_image: bool,
    **options: Any,
) -> int:
    """Draw the masks of a file over its picture.

    PATH is the indexed file, as `find` shows it or where it lies on disk. An individual has
    the same colour on every picture. With filters, only the entries that fit are drawn.
    """
    if image is not None and no_image:
        raise click.UsageError("--image and --no-image exclude each other")
    drawing = {
        name: options.pop(name) for name in ("size", "zoom", "crop", "alpha", "font", "on_stale")
    }
    drawing |= {name: not options.pop(f"no_{name}") for name in ("outlines", "labels")}
    if options["path"] is not None:
        raise click.UsageError("name the file as PATH, not with --path")
    with asking(db) as index:
        hits = narrowed(index.entries, **options)
        drawn = index.render(file, hits, image=not no_image if image is None else image, **drawing)
    if not drawn.drawn:
        return _nothing()
    write_atomically(output, [encode(drawn.picture, str(suffix_of(output)))])
    height, width, _ = drawn.picture.shape
    over = "".join(f" over {printable(name)}" for name in drawn.images)
    click.echo(f"{printable(output)}: {height} x {width} pixels, {drawn.drawn} entries{over}")
    if drawn.left_out:
        click.echo(
            f"iidindex: {drawn.left_out} labels found no room; --zoom, --size or --crop makes some",
            err=True,
        )
    return DONE


@click.command()
@click.argument("address", type=ADDRESS)
@_output("uint8, shape (h, w, 3)")
@click.option(
    "--limit",
    type=click.IntRange(1, MOST_TILES),
    default=60,
    show_default=True,
    help="So many tiles at the most.",
)
@click.option(
    "--tile",
    type=click.IntRange(1, 1024),
    default=192,
    show_default=True,
    help="Sides of a tile in pixels.",
)
@click.option(
    "--margin",
    type=click.FloatRange(0, 100),
    default=0.25,
    show_default=True,
    help="What is shown around a mask, as a part of its longer side.",
)
@click.option("--fit", is_flag=True, help="Scale each tile to its own mask, not all alike.")
@click.option("--no-image", is_flag=True, help="Draw on a plain ground.")
@_styled
@reading_option
@selection_options
@click.pass_obj
def sheet(
    db: str, /, address: bytes, addresses: tuple[bytes, ...], output: str, **options: Any
) -> int:
    """Draw every appearance of an individual, tile by tile.

    Over the pictures that the files' metadata name, where they are there; by path and key.
    All tiles have one scale, so that sizes can be compared.
    """
    drawing = {
        name: options.pop(name)
        for name in ("limit", "tile", "margin", "fit", "alpha", "font", "on_stale")
    }
    drawing |= {name: not options.pop(f"no_{name}") for name in ("outlines", "image")}
    with asking(db) as index:
        hits = narrowed(index.entries, **options)
        drawn = index.sheet((address, *addresses), hits, **drawing)
    if not drawn.drawn:
        return _nothing()
    write_atomically(output, [encode(drawn.picture, str(suffix_of(output)))])
    height, width, _ = drawn.picture.shape
    click.echo(f"{printable(output)}: {height} x {width} pixels, {drawn.drawn} tiles")
    if drawn.left_out:
        click.echo(
            f"iidindex: {drawn.left_out} appearances more; raise --limit (at most {MOST_TILES}), "
            "or narrow them down with --path",
            err=True,
        )
    return DONE


@click.command()
@_output("int64, the set pixels in each cell")
@click.option(
    "--size",
    type=_size,
    default=1024,
    show_default=True,
    help="Cells along the longer side at the most; a larger frame is counted in coarser ones.",
)
@_crop
@_font
@reading_option
@selection_options
@click.pass_obj
def heat(
    db: str,
    /,
    output: str,
    size: int,
    crop: tuple[int, int, int, int] | None,
    font: str | None,
    **filters: Any,
) -> int:
    """Draw where in the frame masks lie, over all files.

    Colours tell how many masks cover a pixel, on the average of a cell.
    """
    with asking(db) as index:
        found = narrowed(index.entries, **filters).heat(size=size, crop=crop)
    if not found.entries:
        return _nothing()
    if suffix_of(output) == ".npy":
        content = encode(found.counts, ".npy")
    else:
        from iidindex.pictures.heat import draw_heat

        content = encode(draw_heat(found, font=font).picture, ".png")
    write_atomically(output, [content])
    height, width = found.counts.shape
    told = (
        f"{height} x {width} cells, {found.entries} masks, at most {found.mean.max():.4g} a pixel"
    )
    click.echo(f"{printable(output)}: {told}")
    return DONE
