"""Completing what somebody types, from what the index holds."""

from __future__ import annotations

import os
from typing import Any

import click
from click.shell_completion import CompletionItem, get_completion_class

from iidindex.cli.iidtext import IIDText, parse, show
from iidindex.cli.main import DONE, cli
from iidindex.errors import IIDIndexError

# So many are shown; who wants another types on.
_MOST = 50

_ADDRESSES = (
    # In the order of an index, which ends early.
    "SELECT DISTINCT address AS value FROM iids WHERE address >= :low "
    "AND substr(address, 1, length(:low)) = :low ORDER BY address LIMIT :most"
)
_DOMAINS = (
    "SELECT DISTINCT domain AS value FROM iids "
    "WHERE substr(domain, 1, length(:low)) = :low ORDER BY domain LIMIT :most"
)
_GROUPS = (
    "SELECT name AS value FROM groups "
    "WHERE substr(name, 1, length(:low)) = :low ORDER BY name LIMIT :most"
)
_ROOTS = (
    "SELECT name AS value FROM roots "
    "WHERE substr(name, 1, length(:low)) = :low ORDER BY name LIMIT :most"
)
_PATHS = (
    "SELECT DISTINCT path AS value FROM files WHERE state = 'ok' "
    "AND substr(path, 1, length(:low)) = :low ORDER BY path LIMIT :most"
)


class _KnownIID(IIDText):
    """Bytes that the index knows."""

    def __init__(self, statement: str) -> None:
        self._statement = statement

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Those that begin with what was typed."""
        try:
            low = parse(incomplete)
        except ValueError:
            return []
        shown = [show(value) for value in _known(ctx, self._statement, low)]
        return [CompletionItem(text) for text in shown if text.startswith(incomplete)]


class _KnownText(click.ParamType):
    """Text that the index knows; other text is taken as well."""

    name = "text"

    def __init__(self, statement: str) -> None:
        self._statement = statement

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """That which begins with what was typed."""
        found = _known(ctx, self._statement, incomplete)
        return [CompletionItem(text) for text in found if text.isprintable()]


ADDRESS, DOMAIN = _KnownIID(_ADDRESSES), _KnownIID(_DOMAINS)
GROUP, ROOT, PATH = _KnownText(_GROUPS), _KnownText(_ROOTS), _KnownText(_PATHS)


def _known(ctx: click.Context, statement: str, low: str | bytes) -> list[Any]:
    """Values of the index that is named so far; none, if it cannot be asked."""
    from iidindex.cli.opening import asking

    database = ctx.find_root().params.get("db") or os.environ.get("IIDINDEX_DB", "iidindex.db")
    try:
        with asking(database) as index:
            return [row["value"] for row in index.sql(statement, {"low": low, "most": _MOST})]
    except IIDIndexError:
        return []


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Write what makes bash, zsh or fish complete what you type.

    Verbs and options, and the addresses, domains, groups, roots and paths of the index.

    \b
    bash: eval "$(iidindex completion bash)"        in ~/.bashrc
    zsh:  eval "$(iidindex completion zsh)"         in ~/.zshrc, after compinit
    fish: iidindex completion fish | source         in ~/.config/fish/config.fish
    """  # noqa: D301
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(cli, {}, "iidindex", "_IIDINDEX_COMPLETE").source())
    return DONE
