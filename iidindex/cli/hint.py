"""A line that helps where nothing was found."""

from __future__ import annotations

from contextlib import suppress

import click

from iidindex.cli.iidtext import quoted
from iidindex.cli.terminal import printable
from iidindex.errors import IIDIndexError
from iidindex.query.compared_entries import ComparedEntries
from iidindex.query.entries import Entries


def hint(*questions: Entries, before: str = "") -> None:
    """Say on standard error what these questions name that is nowhere in the index.

    Parameters
    ----------
    *questions : Entries
        The first of which something is unknown is told of.
    before : str
        What is said in any case. Without it nothing is said, if all that is named is there.
    """
    told = None
    # Whatever goes wrong here, the answer was that there is nothing.
    with suppress(IIDIndexError):
        told = next(filter(None, (one.why_nothing(quoted) for one in questions)), None)
    line = ": ".join(filter(None, (before, told)))
    if line:
        click.echo(f"iidindex: {printable(line)}", err=True)


def hint_excluded(*questions: Entries) -> None:
    """Say on standard error what these questions exclude that is nowhere in the index."""
    told: dict[str, None] = {}
    with suppress(IIDIndexError):
        for one in questions:
            told.update(dict.fromkeys(one.unknown_exclusions(quoted)))
    for line in told:
        click.echo(f"iidindex: {printable(line)}", err=True)


def hint_order(asked: ComparedEntries, by: str) -> None:
    """Say on standard error that no file says anything under the name that orders files."""
    told = None
    with suppress(IIDIndexError):
        told = asked.unknown_order(by)
    if told is not None:
        click.echo(f"iidindex: {printable(told)} (so files come by their paths)", err=True)
