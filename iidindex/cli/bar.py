"""Showing how far something is that takes a while."""

from __future__ import annotations

import sys
from typing import Any, Protocol, Self

import click

from iidindex.cli.streams import is_terminal
from iidindex.cli.waiting import Waiting


class Progress(Protocol):
    """So many files of a total; as text, a line for a person."""

    @property
    def files(self) -> int:
        """How many are done."""

    @property
    def total(self) -> int:
        """How many there are."""


class Bar:
    """A progress bar on a terminal, nothing elsewhere."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)

    def show(self, progress: Progress) -> None:
        """Take note of how far the work is."""
        if not is_terminal(sys.stderr):
            return
        Waiting.stop()
        if self._bar is None or self._bar.length != progress.total:
            self.__exit__()
            self._bar = click.progressbar(
                length=progress.total,
                label=self._label,
                file=sys.stderr,
                item_show_func=lambda item: None if item is None else str(item),
            )
            self._bar.__enter__()
        self._bar.update(progress.files - self._bar.pos, progress)
