"""Names in metadata as people write them, each inside the one before: ``camera.iso``.

A dot leads deeper. A name that has one itself stands in double quotes, as JSON writes text:
``"f.number".max``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

# What begins a field or an order that is asked of metadata.
META = "meta."

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
# All up to a comma, but for those in a name in quotes.
_FIELD = re.compile(rf"(?:(?:\A|(?<=\.)){_QUOTED.pattern}(?=\s*(?:,|\Z)|\.)|[^,])*", re.DOTALL)
# What would mean something else in some of the places where names are written.
_NEEDS_QUOTES = re.compile(r'^["\s-]|[.,=]|\s$')


def split_names(text: str, ends: str = "") -> tuple[tuple[str, ...], str]:
    r"""Read names, up to one of some characters that is not in quotes.

    Parameters
    ----------
    text : str
    ends : str
        Characters.

    Returns
    -------
    names : tuple of str
        One at the least, of whatever characters.
    rest : str
        What is left, from that character on.

    Examples
    --------
    >>> split_names("camera.iso"), split_names('"f.number".max=22', "=")
    ((('camera', 'iso'), ''), (('f.number', 'max'), '=22'))

    What is in quotes and is no text of JSON, or goes on behind them, is a name as it stands.

    >>> split_names('"a"b."\\d"'), split_names("")
    ((('"a"b', '"\\d"'), ''), (('',), ''))
    """
    names: list[str] = []
    at = 0
    while True:
        name, end = _name(text, at, ends)
        names.append(name)
        if text[end : end + 1] != ".":
            return tuple(names), text[end:]
        at = end + 1


def _name(text: str, at: int, ends: str) -> tuple[str, int]:
    """The name that begins at a place, and where it ends."""
    quoted = _QUOTED.match(text, at)
    if quoted is not None and text[quoted.end() : quoted.end() + 1] in ("", ".", *ends):
        try:
            name = json.loads(quoted[0])
        except ValueError:
            pass
        else:
            assert isinstance(name, str)
            return name, quoted.end()
    found = (text.find(char, at) for char in (".", *ends))
    end = min((place for place in found if place >= 0), default=len(text))
    return text[at:end], end


def written(names: Sequence[str]) -> str:
    """Names as they can be read again.

    Examples
    --------
    >>> written(["camera", "iso"]), written(["f.number"])
    ('camera.iso', '"f.number"')
    """
    return ".".join(
        json.dumps(name, ensure_ascii=False) if _NEEDS_QUOTES.search(name) else name
        for name in names
    )


def asked_of(field: str) -> tuple[str, ...] | None:
    """The names in a field such as ``meta.camera.iso``; None, if it is not of metadata.

    Examples
    --------
    >>> asked_of("meta.camera.iso"), asked_of("area")
    (('camera', 'iso'), None)
    """
    return split_names(field.removeprefix(META))[0] if field.startswith(META) else None


def listed(text: str) -> list[str]:
    """Read fields between commas, of which one in quotes is part of a name.

    Examples
    --------
    >>> listed('path, meta."a,b".c,area')
    ['path', 'meta."a,b".c', 'area']
    """
    found = []
    while True:
        text = text.lstrip()
        field = _FIELD.match(text)
        assert field is not None
        found.append(field[0].rstrip())
        if field.end() == len(text):
            return found
        text = text[field.end() + 1 :]


def value_in(meta: Any, names: Sequence[str]) -> Any:
    """What metadata say under names; None, if they say nothing.

    Examples
    --------
    >>> value_in({"camera": {"iso": 200}}, ["camera", "iso"]), value_in([], ["camera"])
    (200, None)
    """
    for name in names:
        if not isinstance(meta, Mapping) or name not in meta:
            return None
        meta = meta[name]
    return meta
