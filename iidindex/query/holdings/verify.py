"""Whether the originals, and the database, are still what they were."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from sqlalchemy import func, select

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.schema import OK, files, roots
from iidindex.errors import IIDFormatError
from iidindex.files.scan import scan
from iidindex.model import time_in_64_bits

# How often progress is told.
_FILES_BETWEEN = 100


class Problem(NamedTuple):
    """Something that is not as it should be: a file by its location, or the database itself."""

    location: str
    problem: str


class Verified(NamedTuple):
    """How many files have been looked at."""

    files: int
    total: int

    def __str__(self) -> str:
        return f"{self.files} of {self.total} files"


def verify(
    catalog: Catalog,
    *,
    checksum: bool = False,
    progress: Callable[[Verified], object] | None = None,
) -> list[Problem]:
    """Compare every indexed file with what was indexed, and check the database.

    Parameters
    ----------
    catalog : Catalog
    checksum : bool
        Read every file, but for its masks; otherwise sizes and times are compared.
    progress : callable, optional
        Called with a `Verified`, which prints as a line of text.

    Returns
    -------
    list of Problem
        Empty if all is well. Files that are known to be missing or broken are not named.
    """
    with catalog.reading() as connection:
        found = [Problem(catalog.name, text) for text in catalog.store.damage(connection)]
    return [*found, *changed_files(catalog, checksum=checksum, progress=progress)]


def changed_files(
    catalog: Catalog,
    *,
    checksum: bool = False,
    progress: Callable[[Verified], object] | None = None,
) -> Iterator[Problem]:
    """Compare every indexed file with what was indexed; yield those that differ."""
    statement = (
        select(roots.c.location, files.c.path, files.c.size, files.c.mtime_ns, files.c.digest)
        .join(roots, roots.c.id == files.c.root_id)
        .where(files.c.state == OK)
        .order_by(files.c.id)
    )
    with catalog.reading() as connection:
        count = select(func.count()).select_from(files).where(files.c.state == OK)
        total: int = connection.execute(count).scalar_one()
        rows = connection.execute(statement)
        for nth, (root, path, size, mtime_ns, digest) in enumerate(rows, start=1):
            if progress is not None and (nth % _FILES_BETWEEN == 0 or nth == total):
                progress(Verified(nth, total))
            location = os.path.join(root, path)
            problem = _compare(location, size, mtime_ns, digest if checksum else None)
            if problem is not None:
                yield Problem(location, problem)


def _compare(location: str, size: int, mtime_ns: int, digest: bytes | None) -> str | None:
    try:
        status = os.stat(location)
        if (status.st_size, time_in_64_bits(status.st_mtime_ns)) != (size, mtime_ns):
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
