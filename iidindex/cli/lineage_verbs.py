"""Verbs that ask who descends from whom."""

from __future__ import annotations

import click

from iidindex.cli.checking import checked
from iidindex.cli.completion import ADDRESS, DOMAIN
from iidindex.cli.iidtext import address_and_domain
from iidindex.cli.questions import Answer, Answered, Question, question
from iidindex.cli.terminal import printable
from iidindex.index import Index
from iidindex.model import IID
from iidindex.query.linkage.lineage import Relatives
from iidindex.query.linkage.parents import PARENTS, names_in_key
from iidindex.rows import RELATIVE

_domain = click.option("--domain", type=DOMAIN, help="The domain of the individual; '' for none.")
_depth = click.option(
    "--depth", type=click.IntRange(min=1), help="The largest number of generations."
)
meta_key_option = click.option(
    "--meta-key",
    default=PARENTS,
    show_default=True,
    metavar="NAME",
    callback=checked(names_in_key),
    help="The name in the metadata whose value maps children to parents; a dot leads into a "
    "nested mapping.",
)


@click.command(cls=Question)
@click.argument("address", type=ADDRESS)
@_domain
@_depth
@meta_key_option
@question(RELATIVE)
def descendants(
    index: Index,
    address: bytes | IID,
    domain: bytes | None,
    depth: int | None,
    meta_key: str,
) -> Answered:
    """List the descendants of an individual, generation by generation.

    The metadata of files name parents: {"parents": {"5": "2"}} says that 2 is the parent of 5. An
    individual with several parents has a row for each of them.
    """
    address, domain = address_and_domain(address, domain)
    found = index.descendants(address, domain=domain, depth=depth, meta_key=meta_key)
    return _answer(index, found, address, domain, meta_key)


@click.command(cls=Question)
@click.argument("address", type=ADDRESS)
@_domain
@_depth
@meta_key_option
@question(RELATIVE)
def ancestors(
    index: Index,
    address: bytes | IID,
    domain: bytes | None,
    depth: int | None,
    meta_key: str,
) -> Answered:
    """List the ancestors of an individual, generation by generation.

    The metadata of files name parents: {"parents": {"5": "2"}} says that 2 is the parent of 5. An
    individual with several parents has a row for each of them.
    """
    address, domain = address_and_domain(address, domain)
    found = index.ancestors(address, domain=domain, depth=depth, meta_key=meta_key)
    return _answer(index, found, address, domain, meta_key)


def _answer(
    index: Index, found: Relatives, address: bytes, domain: bytes | None, meta_key: str
) -> Answer:
    if not found.told:
        line = f"no file's metadata tell parents under '{meta_key}'; --meta-key names another place"
        click.echo(f"iidindex: {printable(line)}", err=True)
    asked = [index.entries.where(address=address, domain=domain)]
    shown = ["domain", "address", "parent", "generation", "children", "files", "first", "last"]
    # Shown where there is any, as a rule there is none.
    shown += ["problem"] if any(one.problem for one in found) else []
    return Answer(found, RELATIVE, shown, asked, where_several=("domain",))
