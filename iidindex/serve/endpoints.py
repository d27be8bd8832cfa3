"""What can be asked: each address once, with its parameters and what answers it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from iidindex.rows import ENTRY, FILE, GROUP, IID_COUNT, NEAREST, Kind
from iidindex.serve import lists, pictures_out
from iidindex.serve.parameters import (
    BOX_WANTED,
    DOMAIN,
    EXACT,
    FILTER_PARAMETERS,
    MOST_ROWS,
    OF_FILE,
    ON_STALE,
    ORDER_BY,
    PAGING,
    PATH,
    ROOT,
    Parameter,
    X,
    Y,
)
from iidindex.serve.value_kinds import BOX, BYTES, number, one_of


@dataclass(frozen=True)
class Endpoint:
    """An address that can be asked.

    Attributes
    ----------
    name : str
        What stands behind ``/api/``.
    told : str
        What it answers.
    parameters : tuple of Parameter
    rows : Kind, optional
        Of a list.
    answer : callable
        For a list as in `lists`, for all else as in `pictures_out`.
    media : str
        The type of what is no list.
    """

    name: str
    told: str
    parameters: tuple[Parameter, ...]
    answer: Callable[..., Any]
    rows: Kind | None = None
    media: str = "application/json"


_SEARCH = (*FILTER_PARAMETERS, ORDER_BY, *PAGING)
_BOX = Parameter("box", BOX, "minr,minc,maxr,maxc: only what lies in it, rows before columns.")
_SIZE = Parameter(
    "size",
    number(1, pictures_out.MOST_SIDE),
    "Pixels along the longer side at the most; what is larger is reduced.",
    default=2048,
)

LISTS = (
    Endpoint(
        "files",
        "Files by root and path, and those that are missing or failed.",
        (
            Parameter("state", one_of("ok", "missing", "failed"), "Only files in this state."),
            *PAGING,
        ),
        lists.files,
        FILE,
    ),
    Endpoint("entries", "Entries that fit the filters.", _SEARCH, lists.entries, ENTRY),
    Endpoint(
        "at",
        "Entries whose mask holds the pixel in column x, row y.",
        (X, Y, EXACT, ON_STALE, *_SEARCH),
        lists.at,
        ENTRY,
    ),
    Endpoint(
        "region",
        "Entries whose mask has a pixel inside a box.",
        (BOX_WANTED, EXACT, ON_STALE, *_SEARCH),
        lists.region,
        ENTRY,
    ),
    Endpoint(
        "nearest",
        "The k entries whose masks are nearest to a pixel, nearest first.",
        (
            X,
            Y,
            Parameter("k", number(1, MOST_ROWS), "How many.", default=1),
            ON_STALE,
            *FILTER_PARAMETERS,
            *PAGING,
        ),
        lists.nearest,
        NEAREST,
    ),
    Endpoint(
        "iids",
        "Individuals, and in how many files and entries they appear.",
        (Parameter("prefix", BYTES, "What the address begins with."), DOMAIN, *PAGING),
        lists.iids,
        IID_COUNT,
    ),
    Endpoint("groups", "Groups, by name.", PAGING, lists.groups, GROUP),
)

OTHERS = (
    Endpoint("status", "How much the index holds: a plain object.", (), pictures_out.status),
    Endpoint(
        "masks.bin",
        "The masks of a file, one bit a pixel, behind a head in JSON.",
        (*OF_FILE, _BOX),
        pictures_out.masks,
        media="application/octet-stream",
    ),
    Endpoint(
        "picture.png",
        "The picture that the file's metadata name, without masks.",
        (PATH, ROOT, _BOX, _SIZE),
        pictures_out.picture,
        media="image/png",
    ),
)

ENDPOINTS = {one.name: one for one in (*LISTS, *OTHERS)}
