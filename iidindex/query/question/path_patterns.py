r"""Patterns of paths as regular expressions, for databases that have no ``GLOB``.

A pattern means what it means to SQLite: ``*`` is any text, ``?`` a character, and ``[a-c]``,
``[^x]`` one of some or none of them; there is no escape. Paths are bytes, which need not be UTF-8.
So the expressions are of bytes, each of them a character of Latin-1.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

# A character: a byte and what continues it.
_ANY = r"(?:[\u0001-\u00bf]|[\u00c0-\u00ff][\u0080-\u00bf]*(?![\u0080-\u00bf]))"
# Nothing fits this one.
_NOTHING = "(?!x)x"
_AS_IT_STANDS = re.compile(r"[^*?\[]+")
# The last characters that UTF-8 writes with one byte, with two, …
_LAST = (0x7F, 0x7FF, 0xFFFF, 0x10FFFF)

# From a byte to another, both included; one behind the other they are characters.
_Bytes = list[tuple[int, int]]


def regex_of(pattern: str) -> str:
    r"""The regular expression of a pattern, as PostgreSQL reads it.

    Examples
    --------
    >>> regex_of("2020/*.iid")
    '^2020/.*\\u002eiid$'
    """
    if "\0" in pattern:
        return _NOTHING
    found, place = "", 0
    while place < len(pattern):
        if as_it_stands := _AS_IT_STANDS.match(pattern, place):
            place = as_it_stands.end()
            found += os.fsencode(as_it_stands[0]).decode("latin-1").translate(_BYTES)
            continue
        character = pattern[place]
        place += 1
        if character == "*":
            found += ".*"
        elif character == "?":
            found += _ANY
        else:
            read = _set_at(pattern, place)
            if read is None:
                return _NOTHING
            one, place = read
            found += one
    return f"^{found}$"


def _set_at(pattern: str, place: int) -> tuple[str, int] | None:
    """The expression of the set that begins at a place, and where it ends; None, if it does not."""
    is_negated = pattern.startswith("^", place)
    place += is_negated
    spans: list[tuple[int, int]] = []
    before: int | None = None
    begin = place
    while place < len(pattern) and (pattern[place] != "]" or place == begin):
        following = pattern[place + 1 : place + 2]
        if pattern[place] == "-" and before is not None and following not in ("]", ""):
            spans.append((before, ord(following)))
            before, place = None, place + 2
        else:
            # What closes a set, if it comes first in it, begins no span.
            before = None if pattern[place] == "]" else ord(pattern[place])
            spans.append((ord(pattern[place]),) * 2)
            place += 1
    if place >= len(pattern):
        return None
    parts = [part for span in spans for part in _parts(*span)]
    told = "|".join("".join(_span(*one) for one in part) for part in parts)
    if is_negated:
        return f"(?!{told}){_ANY}" if told else _ANY, place + 1
    return (f"(?:{told})" if told else _NOTHING), place + 1


def _parts(low: int, high: int) -> Iterator[_Bytes]:
    """The bytes of the characters from one to another."""
    first = 0
    for last in _LAST:
        begin, end = max(low, first), min(high, last)
        if begin <= end:
            yield from _split(*(chr(one).encode("utf-8", "surrogatepass") for one in (begin, end)))
        first = last + 1


def _split(low: bytes, high: bytes) -> Iterator[_Bytes]:
    """The same between two that are equally long: of each part every byte is on its own."""
    if len(low) == 1:
        yield [(low[0], high[0])]
        return
    least, most = b"\x80" * (len(low) - 1), b"\xbf" * (len(low) - 1)
    if low[0] == high[0]:
        yield from ([(low[0], low[0]), *rest] for rest in _split(low[1:], high[1:]))
        return
    begin, end = low[0], high[0]
    if low[1:] != least:
        yield from ([(begin, begin), *rest] for rest in _split(low[1:], most))
        begin += 1
    if high[1:] != most:
        yield from ([(end, end), *rest] for rest in _split(least, high[1:]))
        end -= 1
    if begin <= end:
        yield [(begin, end), *[(0x80, 0xBF)] * len(least)]


def _byte(value: int) -> str:
    character = chr(value)
    return (
        character
        if character.isascii() and (character.isalnum() or character == "/")
        else (f"\\u{value:04x}")
    )


def _span(low: int, high: int) -> str:
    return _byte(low) if low == high else f"[{_byte(low)}-{_byte(high)}]"


_BYTES = {value: _byte(value) for value in range(256)}
