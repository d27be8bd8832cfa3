"""Writing a mask."""

from __future__ import annotations

import click

from iidindex.cli.completion import PATH
from iidindex.cli.opening import open_to_ask
from iidindex.cli.terminal import DONE, NOTHING_FOUND, printable
from iidindex.render.write import encode, suffix_of
from iidindex.storage.atomic import write_atomically


@click.command()
@click.argument("path", type=PATH)
@click.argument("key", type=int)
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(dir_okay=False),
    help="The file to write: .png for a picture, .npy for a NumPy array of bool.",
)
@click.pass_obj
def mask(db: str, /, path: str, key: int, output: str) -> int:
    """Write the mask of an entry as a PNG or NPY file.

    PATH is the indexed file, as `find` shows it or where it lies on disk; KEY is the entry's
    key. The picture is as large as its bounding box.
    """
    ending = suffix_of(output)
    if ending is None:
        raise click.UsageError(f"{printable(output)}: expected a name that ends in .png or .npy")
    with open_to_ask(db) as index:
        entry = index.entry(path, key)
        if entry is None:
            click.echo(
                f"iidindex: {printable(path)}: no entry of key {key} is indexed; `iidindex find "
                "--path PATH` lists those of a file, `iidindex files` the files",
                err=True,
            )
            return NOTHING_FOUND
        pixels = entry.mask()
        write_atomically(output, [encode(pixels, ending)])
    height, width = entry.bbox.height, entry.bbox.width
    click.echo(f"{printable(output)}: {height} x {width} pixels, {pixels.sum()} of them set")
    return DONE
