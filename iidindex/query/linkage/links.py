"""Where an individual appears: what links the files of an archive."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.dialect import Text
from iidindex.catalog.lookup import asked
from iidindex.model import IID, check_bytes
from iidindex.query.answers.located import Located, located
from iidindex.storage.places import location_of

# Of an address in every domain, and in one.
_IN_ALL, _IN_ONE = (
    Text(
        "SELECT f.path, count(*), sum(e.area), r.location, i.domain, i.address FROM iids i "  # noqa: S608  (ours)
        "{then} entries e ON e.iid_id = i.id {then} files f ON f.id = e.file_id "
        f"{{then}} roots r ON r.id = f.root_id WHERE i.address = ? {condition}AND f.state = 'ok' "
        "GROUP BY f.id, i.id, r.id ORDER BY f.path, f.id, i.domain"
    )
    for condition in ("", "AND i.domain = ? ")
)


class _Appearances(NamedTuple):
    path: str
    entries: int
    area: int


class Link(_Appearances, Located):
    """An IID in one file: the number of its entries there, and the sum of their pixels.

    A tuple of ``path entries area``. It also has ``iid``, the individual, and ``location``, where
    the file can be opened. The location distinguishes files of several roots that have the same
    path.
    """

    iid: IID

    @property
    def domain(self) -> bytes | None:
        """The domain of the IID; None, if it has none."""
        return self.iid.domain


def links(catalog: Catalog, address: bytes, domain: bytes | None = None) -> list[Link]:
    """Files in which the individuals of an address appear.

    Parameters
    ----------
    catalog : Catalog
    address : bytes
    domain : bytes, optional
        ``b""`` stands for none given; without it, the address in every domain.

    Returns
    -------
    list of Link
        One for each file and IID, by path, then by domain, none first. Areas of entries that
        overlap count each time.
    """
    check_bytes(address, "address")
    if domain is not None:
        check_bytes(domain, "domain")
    statement = _IN_ALL if domain is None else _IN_ONE
    values = (address,) if domain is None else (address, domain)
    with catalog.reading() as connection:
        rows = asked(connection, statement, values)
        return [_link(os.fsdecode(path), *row) for path, *row in rows]


def _link(path: str, entries: int, area: int, root: Any, domain: bytes, address: bytes) -> Link:
    found = located(Link(path, entries, area), location_of(os.fsdecode(root), path))
    found.iid = IID(domain, address)
    return found
