"""The names of YOLO's classes, as ``data.yaml`` has them.

Of YAML this reads one value: a list or a mapping of text under ``names``, in brackets or one a
line (YAML 1.2.2, chapters 7 and 8). A whole library of YAML would be loaded for that.
"""

from __future__ import annotations

import json
import re

_NAMES = re.compile(r"^names[ \t]*:[ \t]*(?:#[^\n]*)?", re.MULTILINE)
_POSES = re.compile(r"^kpt_shape[ \t]*:", re.MULTILINE)

_QUOTED = r"""'(?:[^'\n]|'')*'|"(?:[^"\\\n]|\\.)*\""""
# A scalar without marks ends before a comment, and in brackets before what parts elements, too.
_IN_BRACKETS = re.compile(
    rf"{_QUOTED}|[^\s,\[\]{{}}#][^,\[\]{{}}\n]*?(?=[ \t]*(?:[,\]}}\n]|[ \t]#|$))"
)
_OF_A_LINE = re.compile(rf"[ \t]*({_QUOTED}|[^\s#].*?)[ \t]*(?:[ \t]#.*)?\r?$")
_BETWEEN = re.compile(r"(?:[\s,]|#[^\n]*)*")
_NUMBER = re.compile(r"[\"']?(\d{1,9})[\"']?[ \t]*:(?=\s)[ \t]*")
_DASH = re.compile(r"[ \t]*-(?=\s)")
_INDENTED = re.compile(r"[ \t]+")


def class_names(text: str) -> dict[int, str] | None:
    r"""The names of classes by their numbers.

    Parameters
    ----------
    text : str
        All of ``data.yaml``.

    Returns
    -------
    dict or None
        None, if there are none, or they are written in another way.

    Examples
    --------
    >>> class_names("nc: 2\nnames: ['a cell', nucleus]\n")
    {0: 'a cell', 1: 'nucleus'}
    >>> class_names("names:\n  0: cell  # whole\n  7: nucleus\n")
    {0: 'cell', 7: 'nucleus'}
    """
    found = _NAMES.search(text)
    if found is None:
        return None
    bracket = text[found.end() : found.end() + 1]
    names = _bracketed(text, found.end()) if bracket in ("[", "{") else _lines(text, found.end())
    return names or None


def is_of_poses(text: str) -> bool:
    """Whether lines of the labels hold key points, which look like corners."""
    return _POSES.search(text) is not None


def _bracketed(text: str, at: int) -> dict[int, str]:
    is_mapping = text[at] == "{"
    names: dict[int, str] = {}
    at += 1
    while True:
        between = _BETWEEN.match(text, at)
        at = between.end() if between is not None else at
        if text[at : at + 1] in ("]", "}", ""):
            return names
        number = len(names)
        if is_mapping:
            key = _NUMBER.match(text, at)
            if key is None:
                return {}
            number, at = int(key[1]), key.end()
        scalar = _IN_BRACKETS.match(text, at)
        if scalar is None:
            return {}
        names[number] = _unquoted(scalar.group())
        at = scalar.end()


def _lines(text: str, at: int) -> dict[int, str]:
    names: dict[int, str] = {}
    for line in text[at:].split("\n")[1:]:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        number, begin = len(names), _DASH.match(line)
        if begin is None:
            indented = _INDENTED.match(line)
            begin = None if indented is None else _NUMBER.match(line, indented.end())
            if begin is None:
                break
            number = int(begin[1])
        scalar = _OF_A_LINE.match(line, begin.end())
        if scalar is None:
            return {}
        names[number] = _unquoted(scalar[1])
    return names


def _unquoted(scalar: str) -> str:
    if scalar[0] == "'" == scalar[-1] and len(scalar) > 1:
        return scalar[1:-1].replace("''", "'")
    if scalar[0] == '"' == scalar[-1] and len(scalar) > 1:
        try:
            return str(json.loads(scalar, strict=False))
        except ValueError:
            return scalar[1:-1]
    return scalar
