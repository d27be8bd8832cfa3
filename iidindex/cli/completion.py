"""Completing what somebody types, from what the index holds."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import click
from click.shell_completion import CompletionItem, get_completion_class
from sqlalchemy import Column, LargeBinary

from iidindex.catalog.schema import files, iids, roots
from iidindex.cli.iidtext import AddressText, IIDText
from iidindex.cli.streams import require_output
from iidindex.cli.terminal import DONE
from iidindex.errors import IIDIndexError
from iidindex.typed_iids import parse, show

# So many are shown; who wants another types on.
_MOST = 50

# Bash puts words into the line as they are: with one of these, the name of a file could be a
# command. Other shells quote them.
_MEANS_SOMETHING = frozenset(" |&;<>()$`\\\"'*?[]{}!#~^")


class _Known(click.ParamType):
    """Something that the index may know; other values are taken as well.

    Parameters
    ----------
    column : Column
        What is known are its values.
    """

    name = "text"

    def __init__(self, column: Column[Any]) -> None:
        self._column = column

    def read(self, text: str) -> str | bytes:
        """What is looked up for what was typed; ValueError, if it is nothing yet."""
        return text

    def written(self, value: Any) -> str:
        """A value as it can be typed."""
        return str(value)

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Those that begin with what was typed."""
        try:
            low = self.read(incomplete)
        except ValueError:
            return []
        known = map(self.written, _known(ctx, self._column, low))
        return _offered(text for text in known if text.startswith(incomplete))


class _KnownIID(_Known, IIDText):
    """Bytes, in one of the forms in which they can be typed."""

    def read(self, text: str) -> bytes:
        """The bytes that were typed so far."""
        return parse(text)

    def written(self, value: Any) -> str:
        """Bytes as text, or else in an exact form."""
        return show(value)


class _KnownAddress(AddressText, _KnownIID):
    """An address, or an individual, which is not completed."""


def known(column: Column[Any]) -> click.ParamType:
    """The type of an argument or option that names a value of a column."""
    return (_KnownIID if isinstance(column.type, LargeBinary) else _Known)(column)


ADDRESS = _KnownAddress(iids.c.address)
PREFIX, DOMAIN = known(iids.c.address), known(iids.c.domain)
PATH, ROOT = known(files.c.path), known(roots.c.name)


def _offered(texts: Iterable[str]) -> list[CompletionItem]:
    """Words that stand for themselves once they are in the line, and are no options."""
    is_bash = os.environ.get("_IIDINDEX_COMPLETE", "").startswith("bash")
    apart = _MEANS_SOMETHING if is_bash else frozenset()
    return [
        CompletionItem(text)
        for text in texts
        if text.isprintable() and not text.startswith("-") and apart.isdisjoint(text)
    ]


def _known(ctx: click.Context, column: Column[Any], low: str | bytes) -> list[Any]:
    """Values of the index that is named so far; none, if it cannot be asked."""
    from iidindex.catalog.beginnings import beginning_with
    from iidindex.catalog.catalogue import Catalog
    from iidindex.cli.opening import may_only_read

    database = ctx.find_root().params.get("db") or os.environ.get("IIDINDEX_DB", "iidindex.db")
    try:
        with (
            Catalog(database, read_only=may_only_read(database)) as catalog,
            catalog.reading() as connection,
        ):
            return beginning_with(connection, column, low, _MOST)
    except IIDIndexError:
        return []


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Print the script that lets bash, zsh or fish complete what you type.

    It completes verbs and options, and the addresses, domains, groups, roots and paths of the
    index.

    \b
    bash: eval "$(iidindex completion bash)"        in ~/.bashrc
    zsh:  eval "$(iidindex completion zsh)"         in ~/.zshrc, after compinit
    fish: iidindex completion fish | source         in ~/.config/fish/config.fish
    """  # noqa: D301
    require_output()
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(
        kind(
            click.get_current_context().find_root().command, {}, "iidindex", "_IIDINDEX_COMPLETE"
        ).source()
    )
    return DONE
