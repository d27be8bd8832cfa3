"""The values of filters as people type them, in a shell or in a URL."""

from __future__ import annotations

import json
import re
from typing import Any

from iidindex.metadata_names import split_names
from iidindex.query.question.filter_kinds import AnyOf, Between, Filter, Prefix
from iidindex.query.question.individual_filter import AnyIndividual
from iidindex.query.question.metadata_filter import Metadata
from iidindex.typed_iids import parse, parse_named

# Numbers are those of JSON. What has two dots and is none of these is text, as in `../a.png`.
_RANGE = re.compile(r"({0})?\.\.({0})?".format(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"), re.ASCII)
_INTEGER = re.compile(r"[-+]?[0-9]+")


def range_in(text: str) -> tuple[int | None, int | None]:
    """Read ``MIN..MAX``, inclusive; either end may be left out, and one number is exact.

    Raises
    ------
    ValueError
        If it is no such range.

    Examples
    --------
    >>> range_in("100..5000"), range_in("..7"), range_in("7")
    ((100, 5000), (None, 7), (7, 7))
    """
    low, dots, high = text.partition("..")
    try:
        ends = (int(low) if low else None, int(high) if high else None)
    except ValueError:
        raise ValueError(
            f"{text!r}: expected MIN..MAX, such as 100..5000, 100.. or ..5000"
        ) from None
    return ends if dots else (ends[0], ends[0])


def fractions_in(text: str) -> tuple[float | None, float | None]:
    """Read ``LOW..HIGH``, from 0 to 1, inclusive; an end may be left out, and one number is exact.

    Raises
    ------
    ValueError
        If it is no such range.

    Examples
    --------
    >>> fractions_in("0.9.."), fractions_in("0..0.5")
    ((0.9, None), (0.0, 0.5))
    """
    low, dots, high = text.partition("..")
    try:
        ends = (float(low) if low else None, float(high) if high else None)
    except ValueError:
        ends = (-1.0, None)
    if not (dots or low) or any(end is not None and not 0 <= end <= 1 for end in ends):
        raise ValueError(f"{text!r}: expected LOW..HIGH from 0 to 1, such as 0.9.. or 0..0.5")
    return ends if dots else (ends[0], ends[0])


def integer_in(text: str) -> int:
    """Read a whole number.

    Raises
    ------
    ValueError
        If it is none.
    """
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"{text!r:.200} is not a whole number")
    try:
        return int(text)
    except ValueError:  # of more digits than Python reads
        raise ValueError(f"{text[:20]}… has {len(text)} digits") from None


def condition_in(text: str) -> dict[str, Any]:
    """Read ``NAME=VALUE``, dots for what lies deeper; a range, or a value as JSON or as text.

    Raises
    ------
    ValueError
        If there is no value.

    Examples
    --------
    >>> condition_in("camera.iso=200"), condition_in("minutes=20..30"), condition_in("day=monday")
    ({'camera': {'iso': 200}}, {'minutes': (20, 30)}, {'day': 'monday'})
    """
    names, value = split_names(text, "=")
    if not value:
        raise ValueError(f"{text!r}: expected NAME=VALUE, such as camera.iso=200")
    wanted = _wanted(value[1:])
    for name in reversed(names):
        wanted = {name: wanted}
    return dict(wanted)


def _wanted(text: str) -> Any:
    """What metadata are to say, as it was typed."""
    found = _RANGE.fullmatch(text)
    try:
        if found is not None and text != "..":
            low, high = (None if end is None else json.loads(end) for end in found.groups())
            return low, high
        return json.loads(text)
    except ValueError:  # or a number of more digits than Python reads
        return text


def value_in_text(kind: Filter, text: str) -> Any:
    """One value of a filter, as it is typed.

    Raises
    ------
    ValueError
        If it has not the form of one.
    """
    if isinstance(kind, AnyIndividual):
        return parse_named(text)
    if isinstance(kind, Prefix) or (isinstance(kind, AnyOf) and kind.type is bytes):
        return parse(text)
    if isinstance(kind, Between):
        return range_in(text)
    if isinstance(kind, Metadata):
        return condition_in(text)
    if isinstance(kind, AnyOf) and kind.type is int:
        return integer_in(text)
    return text
