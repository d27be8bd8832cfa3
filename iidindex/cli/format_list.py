"""The formats as the help of a verb lists them."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

_WIDTH = 78


def formats_told(formats: Mapping[str, str]) -> str:
    """A paragraph for each format; click leaves the lines as they are.

    Parameters
    ----------
    formats : mapping of str to str
        By name, a line for people.

    Returns
    -------
    str
    """
    longest = max(map(len, formats))
    lines = ["Formats:"]
    for name, told in formats.items():
        lead = f"  {name:<{longest}}  "
        lines += textwrap.wrap(told, _WIDTH, initial_indent=lead, subsequent_indent=" " * len(lead))
    return "\b\n" + "\n".join(lines)
