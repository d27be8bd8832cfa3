"""Who is which number: the table beside label images that this program writes."""

from __future__ import annotations

import csv
import io
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from iidindex.errors import ExchangeError
from iidindex.formats.reading import SourceFiles

TABLE = "labels.csv"
HEADER = ("path", "plane", "label", "key", "domain", "address", "groups")
_BASE64 = "b64:"


class Labelled(NamedTuple):
    """Whose a label of a plane is."""

    path: str
    plane: int
    label: int
    domain: bytes
    address: bytes
    groups: tuple[str, ...]


def row_of(
    path: str,
    plane: int,
    label: int,
    key: int | None,
    domain: bytes,
    address: bytes,
    groups: tuple[str, ...],
) -> tuple[object, ...]:
    """A row of the table."""
    named = json.dumps(list(groups), ensure_ascii=False)
    return path, plane, label, key, as_text(domain), as_text(address), named


def as_text(value: bytes) -> str:
    """Bytes as a cell: text, or ``b64:`` and base64 if they are none, or begin so."""
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = _BASE64
    if text.startswith(_BASE64) or "\0" in text or "\r" in text:
        return _BASE64 + b64encode(value).decode()
    return text


def as_bytes(text: str) -> bytes:
    """The bytes of a cell.

    Raises
    ------
    ValueError
        If it is ``b64:`` and no base64.
    """
    if text.startswith(_BASE64):
        return b64decode(text[len(_BASE64) :], validate=True)
    return text.encode("utf-8", "surrogateescape")


def is_table(source: SourceFiles) -> bool:
    """Whether a source has a table of this program."""
    if not source.is_folder or not source.holds(TABLE):
        return False
    # Editors change the ends of lines, and put a mark before the first.
    first = source.range(TABLE, 0, 2 * len(_HEADER_LINE)).removeprefix(b"\xef\xbb\xbf")
    return first.splitlines()[:1] == _HEADER_LINE.splitlines()


_HEADER_LINE = (",".join(HEADER) + "\n").encode()


def pictures_of(source: SourceFiles) -> Iterator[tuple[str, list[Labelled]]]:
    """The rows of the table, picture by picture, in its order.

    Raises
    ------
    ExchangeError
        If a row is not one of this table.
    """
    with source.open(TABLE) as file:
        text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
        rows = csv.reader(text)
        next(rows, None)
        yield from (
            (path, list(found)) for path, found in groupby(_labelled(rows), attrgetter("path"))
        )


def _labelled(rows: Iterator[list[str]]) -> Iterator[Labelled]:
    line = 1
    try:
        for row in rows:
            line += 1
            path, plane, label, _, domain, address, groups = row
            named = json.loads(groups)
            if not isinstance(named, list) or not all(isinstance(one, str) for one in named):
                raise ValueError(f"groups are {groups!r:.60}")
            yield Labelled(
                path, int(plane), int(label), as_bytes(domain), as_bytes(address), tuple(named)
            )
    except (ValueError, RecursionError, csv.Error) as error:
        raise ExchangeError(
            f"is no row of {', '.join(HEADER)}: {error}", f"line {line}", TABLE
        ) from error
