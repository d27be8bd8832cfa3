"""Verbs that follow individuals from file to file."""

from __future__ import annotations

from typing import Any

import click

from iidindex.cli.completion import ADDRESS, DOMAIN, PATH, PREFIX
from iidindex.cli.filter_options import filters_named, limit_option
from iidindex.cli.hint import hint
from iidindex.cli.iidtext import address_and_domain, told
from iidindex.cli.opening import open_to_ask
from iidindex.cli.order_options import least_files_option, named_order
from iidindex.cli.output import Form, row_options, write
from iidindex.cli.questions import Answer, Answered, Question, question
from iidindex.cli.terminal import NOTHING_FOUND
from iidindex.errors import SeveralDomainsError
from iidindex.index import Index
from iidindex.model import IID
from iidindex.query.holdings.inventory import ORDERS
from iidindex.rows import COOCCURRENCE, GROUP, IID_ALONE, IID_COUNT, LINK, RELATED, STEP

_domain = click.option("--domain", type=DOMAIN, help="The domain of the individual; '' for none.")
_most = click.option(
    "-k", "--limit", "k", type=click.IntRange(min=1), help="The largest number of rows."
)


@click.command(cls=Question)
@click.argument("address", type=ADDRESS)
@_domain
@question(LINK)
def links(index: Index, address: bytes | IID, domain: bytes | None) -> Answered:
    """List the files in which an individual appears.

    Each row has the number of the individual's entries in the file, and the sum of their pixels.
    If an address is in several domains, each of these individuals has rows of its own.
    """
    address, domain = address_and_domain(address, domain)
    asked = [index.entries.where(address=address, domain=domain)]
    shown = ("path", "domain", "entries", "area")
    found = index.links(address, domain=domain)
    return Answer(found, found.kind, shown, asked, where_several=("domain",))


@click.command()
@click.option("--prefix", type=PREFIX, help="The beginning of the address.")
@_domain
@filters_named("root", "path")
@least_files_option
@named_order(ORDERS)
@limit_option
@row_options(IID_COUNT)
@click.pass_obj
def iids(db: str, /, orders: tuple[str, ...], min_files: int, form: Form, **options: Any) -> int:
    """List the individuals, and in how many files and entries they appear.

    They are sorted by address, then by domain, unless you ask for another order.
    """
    limit = options.pop("limit")
    with open_to_ask(db) as index:
        found = index.iids(min_files=min_files, order_by=orders, limit=limit, **options)
        code = write(found, form, IID_COUNT, ("domain", "address", "files", "entries"))
        if code == NOTHING_FOUND:
            hint(index.entries.where(**options))
        return code


@click.command()
@row_options(GROUP)
@click.pass_obj
def groups(db: str, /, form: Form) -> int:
    """List the groups, and how many files and entries they have."""
    with open_to_ask(db) as index:
        return write(index.groups(), form, GROUP)


@click.command(cls=Question)
@click.argument("paths", nargs=-1, required=True, type=PATH)
@question(IID_ALONE)
def shared(index: Index, paths: tuple[str, ...]) -> Answered:
    """List the individuals that appear in all of the given files."""
    return Answer(index.shared(*paths), IID_ALONE, ("domain", "address"))


@click.command(cls=Question)
@click.argument("path", type=PATH)
@_most
@question(RELATED)
def related(index: Index, path: str, k: int | None) -> Answered:
    """List the files that share individuals with a file, the closest first.

    An individual that is in few files counts more than one that is in many.
    """
    found = index.related(path, k=k)
    return Answer(found, found.kind, ("path", "shared", "score"))


@click.command(cls=Question)
@click.argument("address", type=ADDRESS)
@_domain
@click.option(
    "--by",
    type=click.Choice(["file", "group", "overlap"]),
    default="file",
    show_default=True,
    help="What is counted: files in common, groups of files in common, or overlapping pairs.",
)
@_most
@question(COOCCURRENCE)
def cooccur(
    index: Index, address: bytes | IID, domain: bytes | None, by: str, k: int | None
) -> Answered:
    """List the individuals that appear together with one individual, most often first."""
    address, domain = address_and_domain(address, domain)
    found = index.cooccurring(address, domain=domain, by=by, k=k)
    shown = ("domain", "address", "count", *(("pixels",) if by == "overlap" else ()))
    return Answer(found, COOCCURRENCE, shown, [index.entries.where(address=address, domain=domain)])


@click.command(cls=Question)
@click.argument("a", type=ADDRESS)
@click.argument("b", type=ADDRESS)
@click.option(
    "--domain",
    type=DOMAIN,
    help="The domain of both individuals; needed if an address is in several domains.",
)
@click.option("--from-domain", type=DOMAIN, help="The domain of A only; '' for none.")
@click.option("--to-domain", type=DOMAIN, help="The domain of B only; '' for none.")
@question(STEP)
def chain(
    index: Index,
    a: bytes | IID,
    b: bytes | IID,
    domain: bytes | None,
    from_domain: bytes | None,
    to_domain: bytes | None,
) -> Answered:
    """Find the shortest chain of files that leads from individual A to B.

    Two individuals are linked if they are in the same file.
    """
    ends = ((a, from_domain, "--from-domain"), (b, to_domain, "--to-domain"))
    named = [
        address_and_domain(end, domain, "--domain")
        if own is None
        else address_and_domain(end, own, option)
        for end, own, option in ends
    ]
    first, last = [
        _only(index, *one, option) for one, (_, _, option) in zip(named, ends, strict=True)
    ]
    found = None if first is None or last is None else index.chain(first, last)
    asked = [index.entries.where(address=address, domain=own) for address, own in named]
    return Answer(found or (), STEP, ("domain", "address", "path"), asked)


def _only(index: Index, address: bytes, domain: bytes | None, option: str) -> IID | None:
    """The individual; None, if no file has it."""
    try:
        return index.individual(address, domain=domain)
    except SeveralDomainsError as error:
        raise click.UsageError(told(error, option)) from None
