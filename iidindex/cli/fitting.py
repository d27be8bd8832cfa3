"""Tables that fit the terminal they are shown on."""

from __future__ import annotations

import math
import os
import shlex
import sys
from collections.abc import Sequence

from iidindex.cli.streams import is_terminal

# Between two columns, and beside a heading that is wider than what stands below it.
_GAP, _PADDING = 2, 2
# Columns that may be shortened: they hold paths, also where individuals begin and end.
_PATHS = {"path", "location", "first", "last"}
# The least of a path that tells something.
_LEAST = 12
# What has more digits before the point is not rounded further.
_LARGE = 10_000


def width_to_fit() -> int | None:
    """The columns of the terminal; None, if the output goes elsewhere and COLUMNS says nothing."""
    told = os.environ.get("COLUMNS", "")
    if told.isascii() and told.isdigit() and int(told):
        return int(told)
    try:
        if is_terminal(sys.stdout):
            return os.get_terminal_size(sys.stdout.fileno()).columns or None
    except (OSError, ValueError):
        pass
    return None


def rounded(value: float) -> str:
    """A number in four significant digits, or in all those before its point.

    Examples
    --------
    >>> rounded(39.408120990476064), rounded(0.0), rounded(12345.6), rounded(1.5e-7)
    ('39.41', '0', '12346', '1.5e-07')
    """
    if math.isfinite(value) and _LARGE <= abs(value) < 1e16:
        return f"{value:.0f}"
    return f"{value:.4g}"


def seen(text: str) -> str:
    """Text whose spaces at the ends can be seen, as a shell would take it.

    Examples
    --------
    >>> print(seen("tree"), seen(" tree"))
    tree ' tree'
    """
    return shlex.quote(text) if text != text.strip() or text.startswith("'") else text


def fitted(
    cells: Sequence[Sequence[str]], names: Sequence[str], room: int
) -> tuple[list[list[str]], int]:
    """Make a table narrower as far as it has to be, by shortening paths in their middle.

    Parameters
    ----------
    cells : sequence of sequence of str
        The rows, one at least.
    names : sequence of str
        Of the columns.
    room : int
        Characters in a line.

    Returns
    -------
    cells : list of list of str
        The rows; other columns stay, also if the table is still too wide.
    padding : int
        What may be left free beside a heading.
    """
    longest = [max(map(len, column)) for column in zip(*cells, strict=True)]
    headings = [len(name) for name in names]

    def excess_with(padding: int) -> int:
        pairs = zip(headings, longest, strict=True)
        together = sum(max(heading + padding, width) for heading, width in pairs)
        return together + _GAP * (len(names) - 1) - room

    if excess_with(_PADDING) <= 0:
        return [list(row) for row in cells], _PADDING
    widths = [max(pair) for pair in zip(headings, longest, strict=True)]
    excess = excess_with(0)
    paths = [nth for nth, name in enumerate(names) if _PATHS & {*name.split("_")}]
    while excess > 0 and paths:
        widest = max(paths, key=widths.__getitem__)
        if widths[widest] <= max(headings[widest], _LEAST):
            break
        widths[widest] -= 1
        excess -= 1
    shortened = [
        [_shortened(cell, widths[nth]) if nth in paths else cell for nth, cell in enumerate(row)]
        for row in cells
    ]
    return shortened, 0


def _shortened(text: str, width: int) -> str:
    if len(text) <= width:
        return text
    # The ends of paths differ more often than their beginnings.
    before = (width - 1) // 3
    return f"{text[:before]}…{text[before + 1 - width :]}"
