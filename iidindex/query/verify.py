"""Whether the originals, and the database, are still what they were."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import select

from iidindex.catalog.engine import Catalog
from iidindex.catalog.schema import OK, files, roots
from iidindex.catalog.upkeep import damage
from iidindex.errors import IIDFormatError
from iidindex.files.scan import scan


class Problem(NamedTuple):
    """Something that is not as it should be: a file by its location, or the database itself."""

    location: str
    problem: str


def verify(catalog: Catalog, *, checksum: bool = False) -> list[Problem]:
    """Compare every indexed file with what was indexed, and check the database.

    Parameters
    ----------
    catalog : Catalog
    checksum : bool
        Read every file, but for its masks; otherwise sizes and times are compared.

    Returns
    -------
    list of Problem
        Empty if all is well. Files that are known to be missing or broken are not named.
    """
    with catalog.reading() as connection:
        found = [Problem(catalog.name, text) for text in damage(connection)]
    return [*found, *changed_files(catalog, checksum=checksum)]


def changed_files(catalog: Catalog, *, checksum: bool = False) -> Iterator[Problem]:
    """Compare every indexed file with what was indexed; yield those that differ."""
    statement = (
        select(roots.c.location, files.c.path, files.c.size, files.c.mtime_ns, files.c.digest)
        .join(roots, roots.c.id == files.c.root_id)
        .where(files.c.state == OK)
        .order_by(files.c.id)
    )
    with catalog.reading() as connection:
        for root, path, size, mtime_ns, digest in connection.execute(statement):
            location = os.path.join(root, path)
            problem = _compare(location, size, mtime_ns, digest if checksum else None)
            if problem is not None:
                yield Problem(location, problem)


def _compare(location: str, size: int, mtime_ns: int, digest: bytes | None) -> str | None:
    try:
        status = os.stat(location)
        if (status.st_size, status.st_mtime_ns) != (size, mtime_ns):
            return "has changed since it was indexed; ingest it again"
        if digest is not None and scan(location).digest != digest:
            return "has other content than when it was indexed, though not another time"
    except FileNotFoundError:
        return "is not there any more"
    except IIDFormatError as error:
        return f"can no longer be read: {error.problem}"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    return None
