"""Where an IID appears: what links the files of an archive."""

from __future__ import annotations

import os
from typing import NamedTuple

from iidindex.catalog.catalogue import Catalog
from iidindex.model import check_bytes
from iidindex.query.answers.located import Located, located

_FILES = (
    "SELECT f.path, count(*), sum(e.area), r.location FROM iids i "
    "CROSS JOIN entries e ON e.iid_id = i.id CROSS JOIN files f ON f.id = e.file_id "
    "CROSS JOIN roots r ON r.id = f.root_id WHERE i.address = ? {}AND f.state = 'ok' "
    "GROUP BY f.id ORDER BY f.path, f.id"
)


class _Appearances(NamedTuple):
    path: str
    entries: int
    area: int


class Link(_Appearances, Located):
    """The appearances of an IID in one file: how many entries, and their pixels together.

    A tuple of ``path entries area``. Beside it, ``location`` is where the file can be opened,
    which tells files of one path apart that lie in several roots.
    """


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
    asked = (address,) if domain is None else (address, domain)
    statement = _FILES.format("" if domain is None else "AND i.domain = ? ")
    with catalog.reading() as connection:
        rows = connection.exec_driver_sql(statement, asked)
        return [
            located(Link(path, count, area), os.path.join(os.fsdecode(root), path))
            for path, count, area, root in ((os.fsdecode(row[0]), *row[1:]) for row in rows)
        ]
