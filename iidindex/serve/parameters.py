"""Parameters of a URL: declared once, and read by one function for all addresses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from iidindex.errors import QueryError
from iidindex.query.question.filter_kinds import AnyOf, Between, Filter, Prefix
from iidindex.query.question.filters import FILTERS
from iidindex.query.question.individual_filter import AnyIndividual
from iidindex.query.question.metadata_filter import Metadata
from iidindex.query.question.typed_values import value_in_text
from iidindex.serve.query_string import pairs_in
from iidindex.serve.refusals import Refused
from iidindex.serve.value_kinds import (
    BOX,
    BYTES,
    FLAG,
    INTEGER,
    NAMES,
    TEXT,
    ValueKind,
    number,
    one_of,
)

# Of one value, and of all of a request.
_LONGEST = 10_000
_MOST_VALUES = 1000
MOST_ROWS = 1000


@dataclass(frozen=True)
class Parameter:
    """A parameter.

    Attributes
    ----------
    name : str
    kind : ValueKind
    help : str
    is_required, is_repeatable : bool
    default : object
        What stands for it, if it is not given.
    """

    name: str
    kind: ValueKind
    help: str
    is_required: bool = False
    is_repeatable: bool = False
    default: Any = None


def _filter_kind(declared: Filter) -> ValueKind:
    def read(text: str) -> Any:
        return value_in_text(declared, text)

    if isinstance(declared, AnyOf) and declared.type is int:
        return ValueKind(read, INTEGER.schema)
    if isinstance(declared, Between):
        return ValueKind(read, {"type": "string", "pattern": r"^-?\d+(\.\.(-?\d+)?)?$|^\.\.-?\d+$"})
    # An address of no bytes is written as `hex:`; that there is no domain has no other form.
    is_domain = isinstance(declared, AnyOf) and declared.type is bytes
    may_be_empty = isinstance(declared, Prefix) or is_domain
    return ValueKind(read, may_be_empty=may_be_empty and not isinstance(declared, AnyIndividual))


def _of_filter(name: str, declared: Filter) -> Parameter:
    told = {Between: "MIN..MAX. ", Metadata: "NAME=VALUE. "}.get(type(declared), "")
    return Parameter(
        name,
        _filter_kind(declared),
        told + declared.help.replace("--path", "path"),
        is_repeatable=declared.is_repeatable,
    )


FILTER_PARAMETERS = tuple(_of_filter(name, declared) for name, declared in FILTERS.items())

PATH = Parameter(
    "path", TEXT, "The file's path inside its root, or its location, exactly.", is_required=True
)
ROOT = Parameter("root", TEXT, "The name of the root, if files of several roots have the path.")
# What filters the entries of a file that is named.
OF_FILE = (PATH, ROOT, *(one for one in FILTER_PARAMETERS if one.name not in ("path", "root")))
DOMAIN = Parameter("domain", BYTES, "The domain of the individual; empty for none.")
X = Parameter("x", INTEGER, "The column of the pixel.", is_required=True)
Y = Parameter("y", INTEGER, "The row of the pixel.", is_required=True)
EXACT = Parameter("exact", FLAG, "Compare masks; with false, bounding boxes.", default=True)
ON_STALE = Parameter(
    "on_stale",
    one_of("error", "skip"),
    "What to do with files that have changed or are damaged: refuse with 409, or leave them out.",
    default="error",
)
ORDER_BY = Parameter(
    "order_by",
    TEXT,
    "One of id, path, key, area, address, domain, or meta.NAME, a value of the file's metadata; "
    "-FIELD for descending. Repeat to sort rows that tie.",
    is_repeatable=True,
)
FIELDS = Parameter(
    "fields",
    NAMES,
    "The columns of the rows, in this order, separated by commas; all columns by default.",
)
LIMIT = Parameter("limit", number(1, MOST_ROWS), "The largest number of rows.", default=100)
AFTER = Parameter("after", TEXT, "The value of `next` in the page before.")
PAGING = (FIELDS, LIMIT, AFTER)
BOX_WANTED = Parameter(
    "box", BOX, "minr,minc,maxr,maxc: rows and columns, half-open.", is_required=True
)


def read_parameters(declared: Sequence[Parameter], query: bytes) -> dict[str, Any]:
    """Read the query of a URL.

    Parameters
    ----------
    declared : sequence of Parameter
        All that there may be.
    query : bytes
        What stands behind the question mark. A byte that is no UTF-8 stands for itself, as in
        names of files.

    Returns
    -------
    dict of str to object
        A value for each that is declared; of those that may be repeated, a list.

    Raises
    ------
    Refused
        If one is unknown, missing, doubled or has not its form.
    """
    known = {one.name: one for one in declared}
    values: dict[str, Any] = {
        one.name: [] if one.is_repeatable else one.default for one in declared
    }
    given = set()
    for name, text in _pairs(query):
        one = known.get(name)
        if one is None:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known) or 'none'}"
            raise Refused(400, f"there is no parameter {name!r:.200} here", hint)
        if name in given and not one.is_repeatable:
            raise Refused(400, f"{name} is given twice", f"{name} has one value")
        given.add(name)
        value = _value(one, text)
        if one.is_repeatable:
            values[name].append(value)
        else:
            values[name] = value
    for one in declared:
        if one.is_required and one.name not in given:
            raise Refused(400, f"{one.name} is missing", one.help)
    return values


def _pairs(query: bytes) -> list[tuple[str, str]]:
    pairs = pairs_in(query)
    if len(pairs) > _MOST_VALUES:
        raise Refused(400, f"there are more than {_MOST_VALUES} values", "ask for less")
    return [
        (name.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape"))
        for name, value in pairs
    ]


def _value(one: Parameter, text: str) -> Any:
    if len(text) > _LONGEST:
        raise Refused(400, f"{one.name} has {len(text)} characters", f"at most {_LONGEST}")
    if not text and not one.kind.may_be_empty:
        raise Refused(400, f"{one.name} is empty", one.help)
    try:
        return one.kind.read(text)
    except (ValueError, QueryError) as error:
        raise Refused(400, f"{one.name}: {error}", one.help) from None
