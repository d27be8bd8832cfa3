"""Whether the originals, and the database, are still what they were."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from sqlalchemy import func, select

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.schema import OK, files, roots
from iidindex.errors import IIDFormatError, SourceError, SourceNotFoundError
from iidindex.files.scan import scan
from iidindex.storage.places import storage_at
from iidindex.storage.protocol import Storage

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
            storage = storage_at(root)
            location = storage.join(root, path)
            problem = _compare(storage, location, (size, mtime_ns), digest if checksum else None)
            if problem is not None:
                yield Problem(location, problem)


def _compare(
    storage: Storage, location: str, stamp: tuple[int, int], digest: bytes | None
) -> str | None:
    try:
        if storage.stamp(location) != stamp:
            return "has changed since it was indexed; ingest it again"
        if digest is not None and scan(location).digest != digest:
            return "has other content than when it was indexed, though not another time"
    except SourceNotFoundError:
        return "is not there any more"
    except IIDFormatError as error:
        return f"can no longer be read: {error.problem}"
    except SourceError as error:
        return str(error).removeprefix(f"{location}: ")
    return None
