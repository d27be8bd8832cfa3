"""The graph of individuals and files, or of who descends from whom."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

import click
from click.core import ParameterSource

from iidindex.cli.completion import ADDRESS, DOMAIN, PATH
from iidindex.cli.drawing_options import font_option, nothing_drawn, number_option
from iidindex.cli.iidtext import address_and_domain
from iidindex.cli.lineage_verbs import meta_key_option
from iidindex.cli.opening import open_to_ask
from iidindex.cli.streams import require_output
from iidindex.cli.terminal import DONE, printable
from iidindex.model import IID
from iidindex.pictures.graph import FORMS, graph_picture
from iidindex.plural import counted
from iidindex.query.linkage.link_graph import MOST_NODES
from iidindex.storage.atomic import write_atomically

# Endings of pictures that are not made; what ends otherwise is GraphML.
_NOT_DRAWN = {".gif", ".tif", ".tiff", ".bmp", ".pdf", ".npy"}
_DRAWN = {".png", ".jpg", ".jpeg", ".webp", ".svg"}


@click.command()
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False),
    help="The file to write: .png, .jpg, .webp or .svg for a picture, any other name for "
    "GraphML. Without it, GraphML goes to standard output.",
)
@click.option(
    "--project",
    type=click.Choice(["files", "iids"]),
    help="Only nodes of this kind, linked by what they have in common.",
)
@click.option("--address", type=ADDRESS, help="Only what lies around this individual.")
@click.option("--domain", type=DOMAIN, help="The domain of the individual; '' for none.")
@click.option("--path", type=PATH, help="Only what lies around this file.")
@click.option(
    "--lineage",
    type=ADDRESS,
    help="Only the descendants and ancestors of this individual, from top to bottom.",
)
@meta_key_option
@number_option(
    "--depth",
    click.IntRange(1, 100),
    2,
    "How many links away from it a node may be; with --project, two lead from one to the next. "
    "With --lineage, generations: all of them without this.",
)
@number_option(
    "--limit",
    click.IntRange(1, MOST_NODES),
    100,
    "At most so many nodes around it; the nearest stay.",
)
@number_option("--size", click.IntRange(200, 8192), 1200, "Width of a picture in pixels.")
@number_option(
    "--links",
    click.IntRange(1),
    None,
    "In a picture at most so many links; those stay that hold it together, and the strongest. "
    "3 for each node by default.",
)
@click.option(
    "--form",
    type=click.Choice(FORMS),
    default="auto",
    show_default=True,
    help="With --project: a network, or a matrix with a row and a column for each node; by "
    "default a matrix where a network would leave out more than half of the links.",
)
@font_option
@click.pass_context
def graph(
    ctx: click.Context,
    /,
    output: str | None,
    size: int,
    links: int | None,
    form: str,
    font: str | None,
    lineage: bytes | IID | None,
    meta_key: str,
    depth: int,
    **around: Any,
) -> int:
    """Draw the graph of individuals and files, or write it as GraphML.

    Files are squares and individuals dots, each in the colour that it has on every picture.
    With --address or --path, only what lies around them is drawn; with --lineage, who descends
    from whom.
    """
    around["address"] = _named(lineage, around)
    if around["address"] is not None:
        around["address"], around["domain"] = address_and_domain(
            around["address"], around["domain"]
        )
    with open_to_ask(ctx.obj) as index:
        if lineage is None:
            found = index.link_graph(depth=depth, **around)
        else:
            is_given = ctx.get_parameter_source("depth") is not ParameterSource.DEFAULT
            del around["project"], around["path"]
            generations = depth if is_given else None
            found = index.lineage_graph(**around, depth=generations, meta_key=meta_key)
        if not len(found):
            hits = index.entries.where(address=around["address"], domain=around["domain"])
            return nothing_drawn(hits)
    if form == "matrix" and around.get("project") is None:
        raise click.UsageError("--form matrix goes with --project")
    content, not_drawn = _encoded(found, output, size=size, links=links, form=form, font=font)
    if output is None:
        require_output()
        sys.stdout.buffer.write(content)
    else:
        write_atomically(output, [content])
        told = f"{counted(len(found), 'node')}, {counted(found.number_of_edges(), 'link')}"
        click.echo(f"{printable(output)}: {told}")
    if not_drawn:
        weak = counted(not_drawn, "link is", "links are")
        click.echo(
            f"iidindex: {weak} not drawn; --links draws more of them, and --form matrix all of a "
            "projection",
            err=True,
        )
    left_out = found.graph.get("left_out", 0)
    if left_out:
        more = counted(left_out, "node more is", "nodes more are")
        click.echo(
            f"iidindex: {more} as near; raise --limit, or lower --depth",
            err=True,
        )
    return DONE


def _named(lineage: bytes | IID | None, around: dict[str, Any]) -> bytes | IID | None:
    """The individual that is named by one of the options."""
    if lineage is not None:
        for name in ("address", "path", "project"):
            if around[name] is not None:
                raise click.UsageError(f"--lineage stands alone; leave out --{name}")
        return lineage
    named: bytes | IID | None = around["address"]
    if around["domain"] is not None and named is None:
        raise click.UsageError("--domain is that of --address or --lineage; name one")
    return named


def _encoded(found: Any, output: str | None, **drawing: Any) -> tuple[bytes, int]:
    """The file, and how many links are not on it."""
    ending = os.path.splitext(output or "")[1].lower()
    if ending in _NOT_DRAWN:
        raise click.UsageError(
            f"{printable(str(output))}: expected .png, .jpg, .webp or .svg for a "
            "picture, .graphml for GraphML"
        )
    if ending in _DRAWN:
        drawn = graph_picture(found, ending, **drawing)
        return drawn.content, drawn.left_out
    import networkx

    buffer = io.BytesIO()
    networkx.write_graphml(found, buffer)
    return buffer.getvalue(), 0
