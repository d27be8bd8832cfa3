"""The rows that answers are told in: their columns, in order, with types.

Dictionaries, what the command line writes, data frames and Arrow tables are all made from the
kinds of rows below, and so have the same columns.

Beside its columns, a row of one file may have those of the file's metadata that are asked for.

This is version 1 of the rows. In it no column changes its name, its type or its meaning, and
none is taken away. New ones may come behind the others.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import Enum
from functools import cached_property, partial
from operator import attrgetter
from typing import Any, NamedTuple, Self

from iidindex.errors import QueryError
from iidindex.metadata_names import META, asked_of, value_in
from iidindex.model import IID, BBox, BufLoc

# The versions of the rows that can be asked for.
VERSIONS = (1,)


class Type(Enum):
    """What a column holds, as JSON can: `box` is a list of four integers, `json` anything."""

    TEXT = "text"
    INTEGER = "integer"
    REAL = "real"
    BOX = "box"
    TEXTS = "list of text"
    JSON = "json"


class Column(NamedTuple):
    """A column: its name, its type, where its value is in a record, and whether it may be null."""

    name: str
    type: Type
    get: Callable[[Any], Any]
    nullable: bool = False


@dataclass(frozen=True)
class Kind:
    """A kind of row: what its records are, and the columns, in their order.

    Where a record is of one file, `metadata` tells what those of the file say under some names.
    """

    name: str
    columns: tuple[Column, ...]
    metadata: Callable[[Any, tuple[str, ...]], Any] | None = None

    @property
    def has_exact_forms(self) -> bool:
        """Whether ``x_b64`` is the exact form of ``x``, as it need not be in somebody's SQL."""
        return self.name != "sql"

    def __reduce__(self) -> tuple[Any, ...]:
        # Columns hold functions that have no names.
        known = _KINDS.get(self.name)
        parts = (self.name, self.columns, self.metadata)
        return (kind_named, (self.name,)) if known == self else (Kind, parts)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of the columns, in their order."""
        return tuple(column.name for column in self.columns)

    def row(self, record: Any) -> dict[str, Any]:
        """A record as JSON can hold it."""
        return {column.name: column.get(record) for column in self.columns}

    def rows(self, records: Iterable[Any]) -> Iterator[dict[str, Any]]:
        """Records as JSON can hold them."""
        getters = [(column.name, column.get) for column in self.columns]
        for record in records:
            yield {name: get(record) for name, get in getters}

    def select(self, fields: Sequence[str] | None) -> Self:
        """Only some columns, in the order in which they are named; all, if that is None.

        ``meta.camera.iso`` is a column of what the metadata of the file say under these names.

        Raises
        ------
        QueryError
            If there is no such column, or one is named twice.
        """
        if fields is None:
            return self
        fields = _names(fields)
        by_name = {column.name: column for column in self.columns}
        for name in fields:
            if name not in by_name:
                by_name[name] = self._of_metadata(name)
        if not fields or len(set(fields)) < len(fields):
            raise QueryError(f"fields must be names, each of them once, not {list(fields)!r}")
        return replace(self, columns=tuple(by_name[name] for name in fields))

    def _of_metadata(self, field: str) -> Column:
        """The column of a field that is none of the others."""
        names = asked_of(field)
        if names is None or self.metadata is None:
            near = get_close_matches(field, self.names, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            more = f", and {META}NAME" if self.metadata is not None else ""
            known = ", ".join(self.names)
            raise QueryError(f"there is no field {field!r}; {hint}known are {known}{more}")
        return Column(field, Type.JSON, partial(_said, self.metadata, names), True)


def _said(
    metadata: Callable[[Any, tuple[str, ...]], Any], names: tuple[str, ...], record: Any
) -> Any:
    return metadata(record, names)


def _names(fields: Any) -> list[str]:
    try:
        if isinstance(fields, str):
            raise TypeError
        names = list(fields)
    except TypeError:
        told = f"{type(fields).__name__}: {fields!r:.200}"
        raise QueryError(f"fields must be a list of names, not {told}") from None
    for name in names:
        if not isinstance(name, str):
            told = f"{type(name).__name__}: {name!r:.200}"
            raise QueryError(f"a name in fields must be text, not {told}")
    return names


class FileEntry(NamedTuple):
    """An entry as a file alone tells of it."""

    path: str
    key: int
    iid: IID
    bbox: BBox
    area: int
    bufloc: BufLoc
    groups: tuple[str, ...]


def as_text(value: bytes) -> str | None:
    """Bytes as text where they are UTF-8, or None."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return None


def as_base64(value: bytes) -> str:
    """Bytes in their exact form."""
    return b64encode(value).decode("ascii")


def in_cell(value: Any) -> Any:
    """What metadata say as it stands in a cell: text and numbers as they are, the rest as JSON.

    Examples
    --------
    >>> in_cell("fine"), in_cell(2.5), in_cell(None), in_cell(True), in_cell([1, "é"])
    ('fine', 2.5, None, 'true', '[1, "é"]')
    """
    if isinstance(value, bool | list | dict):
        value = json.dumps(value, ensure_ascii=False)
    # JSON can write halves of characters, which nothing else can.
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _plain(type_: Type, *names: str, nullable: bool = False) -> tuple[Column, ...]:
    """Columns whose values are attributes of the records."""
    return tuple(Column(name, type_, attrgetter(name), nullable) for name in names)


def _text(*names: str, nullable: bool = False) -> tuple[Column, ...]:
    return _plain(Type.TEXT, *names, nullable=nullable)


def _integers(*names: str) -> tuple[Column, ...]:
    return _plain(Type.INTEGER, *names)


def _iid(get: Callable[[Any], IID], before: str = "") -> tuple[Column, ...]:
    """The four columns of an IID; no domain is the empty one."""
    return (
        Column(f"{before}address", Type.TEXT, lambda record: as_text(get(record).address), True),
        Column(
            f"{before}domain", Type.TEXT, lambda record: as_text(get(record).domain or b""), True
        ),
        Column(f"{before}address_b64", Type.TEXT, lambda record: as_base64(get(record).address)),
        Column(
            f"{before}domain_b64", Type.TEXT, lambda record: as_base64(get(record).domain or b"")
        ),
    )


def _of_pair(side: str) -> tuple[Column, ...]:
    """The columns of one entry of a pair."""
    return (
        Column(f"{side}_key", Type.INTEGER, attrgetter(f"{side}.key")),
        *_iid(attrgetter(f"{side}.iid"), f"{side}_"),
        Column(f"{side}_area", Type.INTEGER, attrgetter(f"{side}.area")),
    )


def _step(get: Callable[[IID], Any]) -> Callable[[IID | str], Any]:
    """A value of the steps that are IIDs; null for files."""
    return lambda step: None if isinstance(step, str) else get(step)


def _if_any(get: Callable[[bytes], Any], value: bytes | None) -> Any:
    """What stands for bytes; null for none."""
    return None if value is None else get(value)


def _of_entry(entry: Any, names: tuple[str, ...]) -> Any:
    """What the metadata of an entry's file say under names."""
    return value_in(entry.meta, names)


def _of_index(record: Any, _: tuple[str, ...]) -> Any:
    """Files alone do not hold their metadata: the answer of an index knows where they are."""
    raise QueryError(f"{record!r:.200}: metadata are asked of the answer of an index")


_IID = _iid(attrgetter("iid"))

FILE_ENTRY = Kind(
    "an entry of a file",
    (
        *_text("path"),
        *_integers("key"),
        *_IID,
        Column("bbox", Type.BOX, lambda entry: list(entry.bbox)),
        *_integers("area"),
        Column("offset", Type.INTEGER, attrgetter("bufloc.offset")),
        Column("length", Type.INTEGER, attrgetter("bufloc.length")),
        Column("groups", Type.TEXTS, lambda entry: list(entry.groups)),
    ),
    _of_entry,
)
ENTRY = Kind("an entry", (*FILE_ENTRY.columns, *_integers("id"), *_text("location")), _of_entry)
NEAREST = Kind(
    "an entry and its distance", (*ENTRY.columns, *_plain(Type.REAL, "distance")), _of_entry
)
OVERLAP = Kind(
    "a pair of entries that share pixels, or nearly do",
    (
        Column("path", Type.TEXT, attrgetter("a.path")),
        *_of_pair("a"),
        *_of_pair("b"),
        *_integers("pixels"),
        *_plain(Type.REAL, "iou", "a_in_b", "b_in_a"),
        Column("location", Type.TEXT, attrgetter("a.location")),
        *_integers("distance"),
        Column("b_path", Type.TEXT, attrgetter("b.path")),
        Column("b_location", Type.TEXT, attrgetter("b.location")),
    ),
    lambda overlap, names: _of_entry(overlap.a, names),
)
FILE = Kind(
    "a file",
    (
        *_text("path", "location", "state"),
        *_text("reason", nullable=True),
        *_integers("entries", "size"),
    ),
    _of_index,
)
# Of the same address there may be an IID in every domain.
LINK = Kind(
    "a file in which an IID appears",
    (
        *_text("path"),
        *_integers("entries", "area"),
        *_text("location"),
        *(column for column in _IID if column.name.startswith("domain")),
    ),
    _of_index,
)
RELATED = Kind(
    "a file that shares IIDs with another",
    (*_text("path"), *_integers("shared"), *_plain(Type.REAL, "score"), *_text("location")),
    _of_index,
)
IID_ALONE = Kind("an IID", _iid(lambda iid: iid))
IID_COUNT = Kind("an IID and how often it is met", (*_IID, *_integers("files", "entries")))
_TRACK = (
    *_integers("files", "entries", "gaps", "area_min"),
    *_plain(Type.REAL, "area_mean"),
    *_integers("area_max"),
    *_plain(Type.REAL, "displacement", nullable=True),
)
TRACK = Kind("an IID followed by path", (*_IID, *_text("first", "last"), *_TRACK))
TRACK_BY_METADATA = Kind(
    "an IID followed by metadata",
    (*_IID, *_plain(Type.JSON, "first", "last", nullable=True), *_TRACK),
)
_QUALITY = (
    *_integers("pictures", "matched", "only_a", "only_b"),
    *_plain(Type.REAL, "precision", "recall", "f1", "sq", "rq", "pq", nullable=True),
)
AGREEMENT = Kind(
    "how two sides agree on a picture",
    (
        *_text("path_a", "path_b", nullable=True),
        *_integers("matched", "only_a", "only_b", "split", "merged"),
        *_plain(Type.REAL, "mean_iou", "pq", nullable=True),
        *_text("location_a", "location_b", nullable=True),
    ),
)
AGREEMENT_IN_ALL = Kind("how two sides agree on all pictures", _QUALITY)
AGREEMENT_IN_GROUP = Kind(
    "how two sides agree on a group", (*_text("group", nullable=True), *_QUALITY)
)
COOCCURRENCE = Kind("an IID that is together with another", (*_IID, *_integers("count", "pixels")))
GROUP = Kind("a group", (*_text("name"), *_integers("files", "entries")))
STEP = Kind(
    "an IID or a file of a chain",
    (
        Column("path", Type.TEXT, lambda step: step if isinstance(step, str) else None, True),
        *(
            Column(column.name, column.type, _step(column.get), True)
            for column in IID_ALONE.columns
        ),
        Column("location", Type.TEXT, lambda step: getattr(step, "location", None), True),
    ),
)
ROOT = Kind(
    "a root",
    (
        Column("path", Type.TEXT, attrgetter("location")),
        *_integers("id"),
        *_text("name", "location"),
        *_integers("files"),
    ),
)
PROBLEM = Kind(
    "something that is not as it should be",
    (Column("path", Type.TEXT, attrgetter("location")), *_text("location", "problem")),
)
IDENTITY_FAULT = Kind(
    "a fault of identity",
    (
        *_text("fault", "path"),
        *_integers("key"),
        *_IID,
        Column("other", Type.TEXT, lambda fault: _if_any(as_text, fault.other), True),
        Column("other_b64", Type.TEXT, lambda fault: _if_any(as_base64, fault.other), True),
        *_text("before", nullable=True),
        *_plain(Type.REAL, "iou", nullable=True),
        *_text("location"),
    ),
)
RELATIVE = Kind(
    "an individual, and whom it descends from",
    (
        *_IID,
        Column("parent", Type.TEXT, lambda one: _if_any(as_text, one.parent), True),
        Column("parent_b64", Type.TEXT, lambda one: _if_any(as_base64, one.parent), True),
        *_integers("generation", "children", "files"),
        *_text("first", "last", "problem", nullable=True),
    ),
)
CHANGE = Kind(
    "what became of a file", (*_text("time", "kind", "path"), *_text("old_path", nullable=True))
)
DIFFERENCE = Kind(
    "how an individual differs between two surveys",
    (
        *_IID,
        *_text("change"),
        *_plain(Type.REAL, "iou"),
        *_plain(Type.INTEGER, "area_a", "area_b", nullable=True),
    ),
)

_KINDS = {
    kind.name: kind
    for kind in (
        *(FILE_ENTRY, ENTRY, NEAREST, OVERLAP, FILE, LINK, RELATED, IID_ALONE, IID_COUNT),
        *(TRACK, TRACK_BY_METADATA, COOCCURRENCE, GROUP, STEP, ROOT, PROBLEM, CHANGE),
        *(IDENTITY_FAULT, RELATIVE, DIFFERENCE, AGREEMENT, AGREEMENT_IN_ALL, AGREEMENT_IN_GROUP),
    )
}


def kind_named(name: str) -> Kind:
    """One of the kinds that are defined here."""
    return _KINDS[name]
