"""Writing a mask."""

from __future__ import annotations

import click

from iidindex.cli.completion import ADDRESS, DOMAIN, PATH
from iidindex.cli.hint import hint
from iidindex.cli.iidtext import address_and_domain, quoted
from iidindex.cli.opening import open_to_ask
from iidindex.cli.terminal import DONE, NOTHING_FOUND, printable
from iidindex.index import Index
from iidindex.model import IID
from iidindex.render.write import EXACT, encode, suffix_of
from iidindex.storage.atomic import write_atomically


@click.command()
@click.argument("path", type=PATH)
@click.argument("key", type=int, required=False)
@click.option("--address", type=ADDRESS, help="The address whose mask to write, instead of a KEY.")
@click.option("--domain", type=DOMAIN, help="The domain of --address; '' for none.")
@click.option(
    "--frame",
    is_flag=True,
    help="Write the whole frame, with the height and width that the file's metadata state.",
)
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(dir_okay=False),
    help="The file to write: .png for a picture, .npy for a NumPy array of bool.",
)
@click.pass_obj
def mask(
    db: str,
    /,
    path: str,
    key: int | None,
    address: bytes | IID | None,
    domain: bytes | None,
    frame: bool,
    output: str,
) -> int:
    """Write the mask of an entry as a PNG or NPY file, and print whose it is.

    PATH is the indexed file, as `find` shows it, or its path on disk. KEY is the entry's key, a
    number that is not its address. The picture is as large as the bounding box of the mask.
    """
    ending = suffix_of(output, EXACT)
    if ending is None:
        raise click.UsageError(f"{printable(output)}: expected a name that ends in .png or .npy")
    if (key is None) is (address is None):
        raise click.UsageError("name the entry by KEY or by --address, and not by both")
    if domain is not None and address is None:
        raise click.UsageError("--domain is that of --address; name one")
    if address is not None:
        address, domain = address_and_domain(address, domain)
    with open_to_ask(db) as index:
        entry = index.entry(path, key, address=address, domain=domain)
        if entry is None:
            _tell_of_none(index, path, key, address, domain)
            return NOTHING_FOUND
        pixels = entry.mask(frame=frame)
        write_atomically(output, [encode(pixels, ending)])
    height, width = pixels.shape
    named = f"the domain {quoted(entry.iid.domain)}" if entry.iid.domain else "no domain"
    click.echo(
        f"{printable(output)}: {height} x {width} pixels, {pixels.sum()} of them set; "
        f"{quoted(entry.iid.address)} in {named}, key {entry.key}"
    )
    return DONE


def _tell_of_none(
    index: Index, path: str, key: int | None, address: bytes | None, domain: bytes | None
) -> None:
    """Say that there is no such entry, and what may have been meant."""
    of_file = index.entries.where(path=path)
    wanted = f"key {key}" if address is None else f"address {quoted(address)}"
    more = "`iidindex find --path PATH` lists those of a file, `iidindex files` the files"
    if key is not None and of_file.where(address=str(key).encode()).exists():
        more = f"{key} is an address there, for which --address {key} asks"
    asked = (of_file, index.entries.where(address=address, domain=domain))
    hint(*asked, before=f"{path}: no entry of {wanted} is indexed; {more}")
