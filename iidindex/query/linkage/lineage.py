"""Descendants and ancestors of an individual."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.dialect import Text
from iidindex.catalog.lookup import asked
from iidindex.errors import QueryError, SeveralDomainsError
from iidindex.files.arguments import check_number
from iidindex.model import IID
from iidindex.query.answers.records import Records
from iidindex.query.linkage.individual import one_individual
from iidindex.query.linkage.parents import (
    PARENTS,
    Parents,
    individuals_of,
    names_in_key,
    parents_told,
)
from iidindex.rows import RELATIVE

_SEEN = Text(
    "SELECT {nth}, count(DISTINCT e.file_id), {first_path}, {last_path} FROM {rows} "
    "{then} entries e ON e.iid_id = {value} {then} files f ON f.id = e.file_id "
    "WHERE f.state = 'ok' GROUP BY {nth}"
)


class Relative(NamedTuple):
    """A descendant or an ancestor of an individual, and one of its own parents.

    Attributes
    ----------
    iid : IID
    parent : bytes or None
        The address of its parent, which is of the same domain; None if no parent is stated.
    generation : int
        The smallest number of steps from the individual that was asked for: 1 for its own children
        or parents.
    children : int
        The number of its children; 0 if it has not divided yet.
    files : int
        The number of files that it is in.
    first, last : str or None
        The first and the last of their paths.
    problem : str or None
        What cannot be true or known: it has several parents, descends from itself, is in no file,
        or its parent is in none.
    """

    iid: IID
    parent: bytes | None
    generation: int
    children: int
    files: int
    first: str | None
    last: str | None
    problem: str | None

    @property
    def address(self) -> bytes:
        """Of the individual."""
        return self.iid.address

    @property
    def domain(self) -> bytes | None:
        """The domain of the individual; None if it has none."""
        return self.iid.domain


class Relatives(Records[Relative]):
    """Relatives of an individual: read like a list.

    Parameters
    ----------
    records : iterable of Relative
    told : int
        The number of individuals whose parents the metadata state. 0 means that there is nothing
        to follow.
    """

    def __init__(self, records: Iterable[Relative], told: int) -> None:
        super().__init__(RELATIVE, records)
        self.told = told

    def __reduce__(self) -> tuple[type[Relatives], tuple[list[Relative], int]]:
        return Relatives, (self._all(), self.told)


class _Seen(NamedTuple):
    """In how many files an individual is, and the first and the last path of them."""

    files: int = 0
    first: str | None = None
    last: str | None = None


@dataclass(frozen=True)
class Family:
    """An individual, and relatives of it by generations: those of others are below 0 for ancestors.

    Attributes
    ----------
    one : IID or None
        None, if nobody knows it.
    parents : Parents
    descendants, ancestors : dict of IID to int
        Generations from 1, each individual once.
    """

    one: IID | None
    parents: Parents
    descendants: Mapping[IID, int]
    ancestors: Mapping[IID, int]


def descendants(
    catalog: Catalog,
    address: bytes,
    domain: bytes | None = None,
    depth: int | None = None,
    meta_key: str = PARENTS,
) -> Relatives:
    """The children of an individual, their children, and so on.

    Parameters
    ----------
    catalog : Catalog
    address : bytes
    domain : bytes, optional
        ``b""`` stands for none given; without it, the only domain that has the address.
    depth : int, optional
        The largest number of generations.
    meta_key : str
        Where in the metadata of files a mapping of children to parents lies.

    Returns
    -------
    Relatives
        By generation and address; one for each parent of an individual, if it has several.

    Raises
    ------
    QueryError
        If an argument is not valid.
    SeveralDomainsError
        If no domain is given, and the address is in several.

    Notes
    -----
    The metadata of all files are read, some at a time; no file is opened. In memory are each child
    and its parents once.
    """
    most, names = check_depth(depth), names_in_key(meta_key)
    with catalog.reading() as connection:
        found = family(connection, address, domain, names, (most, 0))
        rows = _relatives(connection, found.parents, found.descendants)
    return Relatives(rows, len(found.parents.of))


def ancestors(
    catalog: Catalog,
    address: bytes,
    domain: bytes | None = None,
    depth: int | None = None,
    meta_key: str = PARENTS,
) -> Relatives:
    """The parents of an individual, their parents, and so on; as `descendants`."""
    most, names = check_depth(depth), names_in_key(meta_key)
    with catalog.reading() as connection:
        found = family(connection, address, domain, names, (0, most))
        rows = _relatives(connection, found.parents, found.ancestors)
    return Relatives(rows, len(found.parents.of))


def check_depth(depth: Any) -> int | None:
    """How many generations are wanted; None stands for all.

    Raises
    ------
    QueryError
        If it is no integer from 1.
    """
    number = check_number(depth, "depth")
    if number == 0:
        raise QueryError("depth is 0; expected at least 1")
    return number


def family(
    connection: Connection,
    address: bytes,
    domain: bytes | None,
    names: Sequence[str],
    depths: tuple[int | None, int | None],
) -> Family:
    """Who descends from an individual, and from whom it does.

    Parameters
    ----------
    connection : Connection
    address : bytes
    domain : bytes, optional
    names : sequence of str
        Under which parents are told.
    depths : (int or None, int or None)
        How many generations of descendants and of ancestors; None for all.
    """
    one = one_individual(connection, address, domain)
    told = parents_told(connection, names)
    if one is None:
        one = _only_told(told, address, domain)
    if one is None:
        return Family(None, told, {}, {})
    down, up = depths
    return Family(one, told, _from(one, told.children, down), _from(one, told.of, up))


def _only_told(told: Parents, address: bytes, domain: bytes | None) -> IID | None:
    """An individual that is in no file, but of which metadata tell."""
    known = {iid for some in (told.of, told.children) for iid in some if iid.address == address}
    if domain is not None:
        known &= {IID(domain, address)}
    if len(known) > 1:
        raise SeveralDomainsError(address, sorted(iid.domain or b"" for iid in known))
    return next(iter(known), None)


def _from(one: IID, links: Mapping[IID, Sequence[IID]], depth: int | None) -> dict[IID, int]:
    """Who is met on the way along links, and after how many."""
    found: dict[IID, int] = {}
    level, generation = [one], 0
    while level and (depth is None or generation < depth):
        generation += 1
        # In a circle, one is met again, and its links have been followed.
        nearby = dict.fromkeys(other for iid in level for other in links.get(iid, ()))
        level = [iid for iid in nearby if iid not in found]
        found.update(dict.fromkeys(level, generation))
    return found


def _relatives(
    connection: Connection, told: Parents, generations: Mapping[IID, int]
) -> list[Relative]:
    seen = seen_of(
        connection, {*generations, *(p for i in generations for p in told.of.get(i, ()))}
    )
    circular = in_circles(generations, told.of)
    found = []
    for iid, generation in generations.items():
        children, own = len(told.children.get(iid, ())), seen.get(iid, _Seen())
        parents: Sequence[IID | None] = told.of.get(iid) or [None]
        for parent in parents:
            problems = [
                "is in no file" if not own.files else "",
                f"has {len(parents)} parents" if len(parents) > 1 else "",
                "descends from itself" if iid in circular else "",
                "its parent is in no file" if parent is not None and parent not in seen else "",
            ]
            problem = "; ".join(filter(None, problems)) or None
            whom = None if parent is None else parent.address
            found.append(Relative(iid, whom, generation, children, *own, problem))
    found.sort(key=lambda row: (row.generation, row.address, row.parent or b""))
    return found


def seen_of(connection: Connection, individuals: Iterable[IID]) -> dict[IID, _Seen]:
    """Where some individuals are; those that are in no file are not in it."""
    wanted = set(individuals)
    ids = [
        (iid_id, iid)
        for some in individuals_of(connection, {iid.address for iid in wanted}).values()
        for iid_id, iid in some
        if iid in wanted
    ]
    rows = asked(connection, _SEEN, [np.array([iid_id for iid_id, _ in ids], np.int64)])
    return {
        ids[nth][1]: _Seen(n_files, os.fsdecode(first), os.fsdecode(last))
        for nth, n_files, first, last in rows
    }


def in_circles(individuals: Iterable[IID], links: Mapping[IID, Sequence[IID]]) -> set[IID]:
    """Which of some individuals are met again on a way along links among them.

    These are the strongly connected components of more than one node, and nodes linked to
    themselves (R. Tarjan, "Depth-first search and linear graph algorithms", SIAM Journal on
    Computing 1, 1972), found without recursion.
    """
    among = set(individuals)
    number: dict[IID, int] = {}
    lowest: dict[IID, int] = {}
    open_: dict[IID, None] = {}
    found: set[IID] = set()
    for begin in among:
        way = [] if begin in number else [(begin, iter(links.get(begin, ())))]
        while way:
            iid, others = way[-1]
            if iid not in number:
                number[iid] = lowest[iid] = len(number)
                open_[iid] = None
            other = next((one for one in others if one in among), None)
            if other is not None:
                if other not in number:
                    way.append((other, iter(links.get(other, ()))))
                elif other in open_:
                    lowest[iid] = min(lowest[iid], number[other])
                continue
            way.pop()
            if way:
                lowest[way[-1][0]] = min(lowest[way[-1][0]], lowest[iid])
            if lowest[iid] == number[iid]:
                component = list(_down_to(iid, open_))
                if len(component) > 1 or iid in links.get(iid, ()):
                    found.update(component)
    return found


def _down_to(iid: IID, open_: dict[IID, None]) -> Iterator[IID]:
    """Take off what was put on last, up to one."""
    while iid in open_:
        yield open_.popitem()[0]
