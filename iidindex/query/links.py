"""Where an IID appears: what links the files of an archive."""

from __future__ import annotations

import os
from typing import NamedTuple, Self

from sqlalchemy import func, select

from iidindex.catalog.engine import Catalog
from iidindex.catalog.schema import OK, entries, files, iids, roots
from iidindex.files.arguments import check_bytes


class _Appearances(NamedTuple):
    path: str
    entries: int
    area: int


class Link(_Appearances):
    """The appearances of an IID in one file: how many entries, and their pixels together.

    A tuple of ``path entries area``. Beside it, ``location`` is where the file can be opened,
    which tells files of one path apart that lie in several roots.
    """

    location: str = ""

    def __new__(cls, path: str, entries: int, area: int, location: str = "") -> Self:
        """Make the tuple; the location is beside it."""
        made = super().__new__(cls, path, entries, area)
        made.location = location
        return made


def links(catalog: Catalog, address: bytes, domain: bytes | None = None) -> list[Link]:
    """Files in which an IID appears.

    Parameters
    ----------
    catalog : Catalog
    address : bytes
    domain : bytes, optional
        ``b""`` stands for none given; without it, the address in any domain.

    Returns
    -------
    list of Link
        By path. Areas of entries that overlap count each time.
    """
    check_bytes(address, "address")
    if domain is not None:
        check_bytes(domain, "domain")
    statement = (
        select(files.c.path, func.count(), func.sum(entries.c.area), roots.c.location)
        .select_from(
            iids.join(entries, entries.c.iid_id == iids.c.id)
            .join(files, files.c.id == entries.c.file_id)
            .join(roots, roots.c.id == files.c.root_id)
        )
        .where(iids.c.address == address, files.c.state == OK)
        .group_by(files.c.id)
        .order_by(files.c.path, files.c.id)
    )
    if domain is not None:
        statement = statement.where(iids.c.domain == domain)
    with catalog.reading() as connection:
        return [
            Link(path, count, area, os.path.join(root, path))
            for path, count, area, root in connection.execute(statement)
        ]
