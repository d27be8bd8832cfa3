"""The verb ``render``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from iidindex.cli.bar import Bar
from iidindex.cli.completion import DOMAIN, PATH
from iidindex.cli.drawing_options import (
    check_output,
    colour_options,
    crop_option,
    no_image_option,
    nothing_drawn,
    number_option,
    style_options,
    tell_missing,
    written,
)
from iidindex.cli.filter_options import narrowed, reading_option, selection_options
from iidindex.cli.opening import open_to_ask
from iidindex.cli.place_options import place_options, placed
from iidindex.cli.terminal import DONE, SOME_FAILED, printable
from iidindex.pictures.many import ENDINGS, LIST
from iidindex.plural import counted
from iidindex.query.heat.coverage import MOST_CELLS
from iidindex.render.write import suffix_of

if TYPE_CHECKING:
    from iidindex.pictures.many import RenderReport

_MORE = "left out, those of the smallest masks first; --zoom, --size or --crop makes room"
# Files whose faults are told on the terminal.
_NAMED = 10


@click.command()
@click.argument("file", type=PATH, metavar="[PATH]", required=False)
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(),
    help="With PATH the file to write: .png or .webp for a picture, .jpg for a smaller and less "
    "exact one, .svg for outlines that are exact however far one zooms, .npy for a NumPy array of "
    "uint8, shape (h, w, 3). Without PATH the directory for a picture of each file.",
)
@click.option(
    "--to",
    type=click.Choice(ENDINGS),
    help="Without PATH: what to write; png by default.",
)
@number_option("--limit", click.IntRange(0), None, "Without PATH: at most so many files.")
@click.option(
    "--image",
    type=click.Path(dir_okay=False),
    help="The picture to draw over; by default the one that the file's metadata name.",
)
@no_image_option
@number_option(
    "--size",
    click.IntRange(1, MOST_CELLS),
    2048,
    "Pixels along the longer side at the most; a larger frame is reduced.",
)
@click.option(
    "--zoom",
    type=click.IntRange(1, 64),
    help="Draw each pixel as a square of so many a side, as far as --size allows; 1 by default, "
    "with --fit what makes a small part large.",
)
@crop_option
@click.option("--fit", is_flag=True, help="Only the part of the frame that holds what is drawn.")
@click.option("--no-labels", is_flag=True, help="Write no addresses.")
@click.option(
    "--compare",
    nargs=2,
    type=DOMAIN,
    metavar="A B",
    help="Draw where two domains agree: A tinted, B outlined, with a legend.",
)
@click.option(
    "--iou",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="With --compare: the least IoU of a match.",
)
@colour_options
@style_options
@reading_option
@place_options
@selection_options
@click.pass_obj
def render(
    db: str,
    /,
    file: str | None,
    output: str,
    to: str | None,
    limit: int | None,
    image: str | None,
    no_image: bool,
    **options: Any,
) -> int:
    """Draw the masks of a file, or of many, over their pictures.

    PATH is the indexed file, as `find` shows it or where it lies on disk. Without it, all files
    are drawn in which something fits, a picture for each. An individual has the same colour on
    every picture. With filters, only the entries that fit are drawn.
    """
    _check_together(file, output, to, limit, image, no_image, options)
    drawing = {
        name: options.pop(name)
        for name in (
            *("size", "zoom", "crop", "fit", "alpha", "colour_by", "palette", "font"),
            *("on_stale", "compare", "iou"),
        )
    }
    drawing |= {name: not options.pop(f"no_{name}") for name in ("outlines", "labels", "legend")}
    drawing["image"] = not no_image if image is None else image
    with open_to_ask(db) as index:
        hits = narrowed(placed(index.entries, options), **options)
        if file is None:
            with Bar("drawing") as bar:
                report = index.render_files(
                    output, hits, to=to or "png", limit=limit, progress=bar.show, **drawing
                )
            if not report.files and not report.failed:
                return nothing_drawn(hits.where(domain=drawing["compare"]))
            return _told(report, output)
        draw = index.render_svg if suffix_of(output, (".svg",)) else index.render
        drawn = draw(file, hits, **drawing)
        if not drawn.drawn:
            return nothing_drawn(hits.where(domain=drawing["compare"]))
    over = "".join(f" over {printable(name)}" for name in drawn.images)
    told = f"{counted(drawn.drawn, 'entry', 'entries')}{over}"
    return written(drawn, output, told, ("label", "labels"), _MORE)


def _check_together(
    file: str | None,
    output: str,
    to: str | None,
    limit: int | None,
    image: str | None,
    no_image: bool,
    options: Mapping[str, Any],
) -> None:
    """Refuse options that exclude each other."""
    if file is None and image is not None:
        raise click.UsageError("--image is that of one file; name it as PATH")
    if file is not None and (to is not None or limit is not None):
        raise click.UsageError("--to and --limit are for many files; leave PATH out, or leave them")
    if file is not None:
        check_output(output, ".svg")
    if image is not None and no_image:
        raise click.UsageError("--image and --no-image exclude each other")
    if file is not None and options["path"] is not None:
        raise click.UsageError("name the file as PATH, not with --path")
    if options["compare"] is not None and options["domain"]:
        raise click.UsageError("name the domains with --compare or with --domain, not both")
    if options["compare"] is not None and options["no_outlines"]:
        raise click.UsageError("--compare draws outlines; leave --no-outlines out")
    if options["fit"] and options["crop"] is not None:
        raise click.UsageError("--fit and --crop exclude each other")


def _told(report: RenderReport, output: str) -> int:
    """Say what was drawn; return the exit code."""
    files, entries = counted(report.files, "picture"), counted(report.entries, "entry", "entries")
    click.echo(f"{printable(output)}: {files}, {entries} in {report.seconds:.1f} s")
    tell_missing(report.missing)
    if report.left_out:
        click.echo(f"iidindex: {counted(report.left_out, 'label')} {_MORE}", err=True)
    if report.more:
        click.echo(f"iidindex: {counted(report.more, 'file')} more; raise --limit", err=True)
    for reason in list(report.failed.values())[:_NAMED]:
        click.echo(f"iidindex: {printable(reason)}", err=True)
    if report.failed:
        failed = counted(len(report.failed), "file")
        click.echo(f"iidindex: {failed} could not be drawn; {LIST} says why", err=True)
        return SOME_FAILED
    return DONE
