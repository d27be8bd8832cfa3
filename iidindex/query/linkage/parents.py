"""Who descends from whom, as the metadata of files tell it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from sqlalchemy import Connection, Select, case, select

from iidindex.catalog.dialect import Text
from iidindex.catalog.lookup import asked, numbers
from iidindex.catalog.schema import OK, files
from iidindex.catalog.statement import Statement, Worded
from iidindex.errors import QueryError
from iidindex.metadata_names import split_names
from iidindex.model import IID
from iidindex.query.question.json_values import mapping_under
from iidindex.query.question.metadata_levels import (
    check_names,
    is_whole,
    level,
    names_of,
    text,
    written_of,
)

T = TypeVar("T")

# What our own import of cell tracking writes.
PARENTS = "parents"

# Files whose metadata are read together, and addresses that are looked up together.
_FILES, _ADDRESSES = 1000, 500
# How a byte that is no UTF-8 is written in a text, as Python's "backslashreplace" does.
_ESCAPED = re.compile(rb"\\x([89a-f][0-9a-f])")

_HELD = Text(
    "SELECT {nth} FROM {rows} WHERE EXISTS (SELECT 1 FROM entries e "
    "WHERE e.iid_id = {values[0]} AND e.file_id = {values[1]})",
    width=2,
)
_DOMAINS_OF_FILES = Text(
    "SELECT DISTINCT {value}, i.domain FROM {rows} {then} files f ON f.id = {value} "
    "{then} entries e ON {e_of_f} "
    "{then} iids i ON i.id = e.iid_id"
)


@dataclass
class Parents:
    """Parents of individuals, and children of them; both are of one domain.

    Attributes
    ----------
    of : dict of IID to list of IID
        The parents of each that has some, by address.
    children : dict of IID to list of IID
        By address.
    """

    of: dict[IID, list[IID]] = field(default_factory=dict)
    children: dict[IID, list[IID]] = field(default_factory=dict)


def names_in_key(meta_key: Any) -> tuple[str, ...]:
    """The names in metadata under which parents are told.

    Raises
    ------
    QueryError
        If it is no text, or no file can hold it.
    """
    if not isinstance(meta_key, str) or not meta_key:
        raise QueryError(f"meta_key is {meta_key!r:.200}; expected a name, such as {PARENTS!r}")
    names = split_names(meta_key)[0]
    check_names(names, "meta_key")
    return names


def parents_told(connection: Connection, names: Sequence[str]) -> Parents:
    r"""Read who descends from whom from the metadata of all files.

    What is read is a mapping of addresses to addresses, as text: of a child to its parent, or to a
    list of parents. Whole numbers stand for their digits; null and the number 0 for nobody, as in
    the table of tracks of the Cell Tracking Challenge
    (https://celltrackingchallenge.net/datasets/). A byte that is no UTF-8 is written ``\xff``.

    A mapping speaks of the individuals in its own file: of those that have the child's address, in
    whatever domain. Where none of the files that name a child holds it, it is of the domains of the
    first of these files.

    Parameters
    ----------
    connection : Connection
        In a transaction.
    names : sequence of str
        Under which the mapping lies.

    Notes
    -----
    Some files are read at a time; in memory are each child and its parents once. No file is opened.
    """
    told = _Told(connection)
    for rows in _parts(_mappings(connection, names), _FILES):
        told.take(rows)
    return told.parents()


def _parts(items: Iterable[T], size: int) -> Iterator[list[T]]:
    waiting = iter(items)
    while part := list(islice(waiting, size)):
        yield part


def _mappings(connection: Connection, names: Sequence[str]) -> Iterator[tuple[int, Any]]:
    """The ids of files, in their order, and the mapping that lies under the names in each."""
    found = level("lineage", len(names))
    has_nul = "\0" in "".join(names)
    value = case((found.kind == text("object"), found.value))
    mapping: Select[Any] = (
        select(value)
        .select_from(found.source)
        .where(*found.conditions, is_whole("lineage", has_nul))
        .limit(1)
    )
    in_sqlite = mapping.correlate(files).scalar_subquery()
    said = Worded(in_sqlite, mapping_under("lineage", len(names)))
    statement = Statement(
        select(files.c.id, said).where(files.c.state == text(OK)).order_by(files.c.id)
    )
    values = names_of("lineage", names) | written_of("lineage", names)
    before, decoded = None, None
    for rows in statement.parts(connection, values, _FILES):
        for file_id, written in rows:
            if written is None:
                continue
            # Of a child, all its pictures say the same.
            if written != before:
                before, decoded = written, json.loads(written)
            yield file_id, decoded


def _people(value: Any) -> Iterator[str]:
    """The addresses that stand for parents."""
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, str):
            yield one
        elif isinstance(one, int | float) and not isinstance(one, bool) and one and one == int(one):
            yield str(int(one))


class _Told:
    """What has been read so far.

    Each child and parent, as they are written, has a number. ``open`` are the individuals that may
    be the child, and have not been found in a file that says so.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._number: dict[tuple[str, str], int] = {}
        self._first_file: list[int] = []
        self._open: list[dict[int, IID]] = []
        self._found: list[list[IID]] = []
        self._individuals: dict[str, dict[int, IID]] = {}

    def take(self, rows: Iterable[tuple[int, Mapping[str, Any]]]) -> None:
        """Take what some files say; what one after the other says, is looked at once."""
        said: list[tuple[list[int], Mapping[str, Any]]] = []
        for file_id, mapping in rows:
            if not said or said[-1][1] is not mapping:
                said.append(([], mapping))
            said[-1][0].append(file_id)
        self._look_up({child for _, mapping in said for child in mapping})
        named = [(file_ids, self._numbers(mapping, file_ids[0])) for file_ids, mapping in said]
        # As a rule, a child is in the first file that names it, and need not be looked for again.
        first: dict[tuple[int, int], int] = {}
        for file_ids, these in named:
            for number in these:
                for iid_id in self._open[number]:
                    first.setdefault((iid_id, number), file_ids[0])
        self._find([(iid_id, file_id, number) for (iid_id, number), file_id in first.items()])
        self._find(
            [
                (iid_id, file_id, number)
                for file_ids, these in named
                for number in these
                for iid_id in self._open[number]
                for file_id in file_ids
            ]
        )

    def _numbers(self, mapping: Mapping[str, Any], file_id: int) -> list[int]:
        """The numbers of what a mapping says, which is said in a file."""
        found = []
        for child, value in mapping.items():
            for parent in _people(value):
                number = self._number.setdefault((child, parent), len(self._open))
                if number == len(self._open):
                    self._open.append(dict(self._individuals[child]))
                    self._found.append([])
                    self._first_file.append(file_id)
                found.append(number)
        return found

    def _find(self, doubtful: list[tuple[int, int, int]]) -> None:
        """Look which individuals are in files: rows of their ids, those of files, and numbers."""
        if doubtful:
            table = np.array(doubtful, np.int64)
            for nth in numbers(self._connection, _HELD, table[:, :2])[:, 0].tolist():
                iid_id, _, number = doubtful[nth]
                found = self._open[number].pop(iid_id, None)
                self._found[number] += [] if found is None else [found]

    def _look_up(self, children: Iterable[str]) -> None:
        """Find the individuals that may be meant."""
        new = [child for child in children if child not in self._individuals]
        by_address = individuals_of(self._connection, {one for it in new for one in spelt(it)})
        for child in new:
            self._individuals[child] = {
                iid_id: iid for one in spelt(child) for iid_id, iid in by_address.get(one, ())
            }

    def parents(self) -> Parents:
        """Who descends from whom."""
        elsewhere = self._in_other_files()
        addresses = {one for pair in self._number for it in pair for one in spelt(it)}
        known = {
            iid for some in individuals_of(self._connection, addresses).values() for _, iid in some
        }
        links: set[tuple[IID, IID]] = set()
        for pair, number in self._number.items():
            children = self._found[number] or [
                _meant(IID(domain, b""), pair[0], known) for domain in elsewhere[number]
            ]
            links.update((child, _meant(child, pair[1], known)) for child in children)
        found = Parents()
        for child, parent in sorted(links, key=lambda link: (link[0].address, link[1].address)):
            found.of.setdefault(child, []).append(parent)
            found.children.setdefault(parent, []).append(child)
        return found

    def _in_other_files(self) -> dict[int, list[bytes]]:
        """The domains of children that none of the files that name them holds, by number."""
        lost = [number for number, found in enumerate(self._found) if not found]
        file_ids = sorted({self._first_file[number] for number in lost})
        domains: dict[int, list[bytes]] = {}
        for some in _parts(file_ids, _FILES):
            for file_id, domain in asked(
                self._connection, _DOMAINS_OF_FILES, [np.array(some, np.int64)]
            ):
                domains.setdefault(file_id, []).append(domain)
        pairs = {number: pair for pair, number in self._number.items()}
        return {
            number: domains.get(self._first_file[number])
            or sorted({iid.domain or b"" for iid in self._individuals[pairs[number][0]].values()})
            or [b""]
            for number in lost
        }


def spelt(written: str) -> list[bytes]:
    r"""The addresses that a text may stand for.

    Examples
    --------
    >>> spelt("tree"), spelt(r"\xff-1")
    ([b'tree'], [b'\\xff-1', b'\xff-1'])
    """
    plain = written.encode("utf-8", "surrogatepass")
    exact = _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), plain)
    return [plain] if exact == plain else [plain, exact]


def _meant(like: IID, written: str, known: set[IID]) -> IID:
    """The individual of a domain that a text stands for: one that is in the index, if any is."""
    meant = [IID(like.domain, one) for one in spelt(written)]
    return next((iid for iid in meant if iid in known), meant[0])


def individuals_of(
    connection: Connection, addresses: Iterable[bytes]
) -> dict[bytes, list[tuple[int, IID]]]:
    """The individuals that have some addresses, with their ids."""
    found: dict[bytes, list[tuple[int, IID]]] = {}
    for some in _parts(addresses, _ADDRESSES):
        marks = ", ".join("?" * len(some))
        statement = f"SELECT id, domain, address FROM iids WHERE address IN ({marks})"  # noqa: S608
        for iid_id, domain, address in asked(connection, statement, some):
            found.setdefault(address, []).append((iid_id, IID(domain, address)))
    return found
