"""Whether the originals, and the database, are still what they were."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from sqlalchemy import func, select

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.schema import OK, files, roots
from iidindex.errors import IIDFormatError, SourceError, SourceNotFoundError
from iidindex.files.scan import fixity_of, scan
from iidindex.model import FileStamp
from iidindex.plural import counted
from iidindex.query.pixels.originals import Originals
from iidindex.query.pixels.segments import Original, Segments
from iidindex.query.pixels.sift import read_masks
from iidindex.query.question.asking import files_of
from iidindex.query.question.compile import segments_of_files
from iidindex.storage.places import location_of, opening, stamps_at

# How often progress is told.
_FILES_BETWEEN = 100
# Rows fetched at a time.
_SEGMENTS = 8192


class Problem(NamedTuple):
    """Something that is wrong: with a file, given by its location, or with the database itself."""

    location: str
    problem: str


class Verified(NamedTuple):
    """How many files have been looked at."""

    files: int
    total: int

    def __str__(self) -> str:
        return f"{self.files} of {counted(self.total, 'file')}"


def verify(
    catalog: Catalog,
    *,
    checksum: bool = False,
    fixity: bool = False,
    masks: bool = False,
    progress: Callable[[Verified], object] | None = None,
) -> list[Problem]:
    """Compare every indexed file with what was indexed, and check the database.

    Parameters
    ----------
    catalog : Catalog
    checksum : bool
        Read every file, but for its masks; otherwise sizes and times are compared.
    fixity : bool
        Compare every byte of the files whose fixity is recorded.
    masks : bool
        Count the pixels of every mask, and compare them with its area.
    progress : callable, optional
        Called with a `Verified`, which prints as a line of text.

    Returns
    -------
    list of Problem
        Empty if all is well. Files that are known to be missing or broken are not named.
    """
    with catalog.reading() as connection:
        found = [Problem(catalog.name, text) for text in catalog.store.damage(connection)]
    found += changed_files(catalog, checksum=checksum, fixity=fixity, progress=progress)
    if masks:
        named = {problem.location for problem in found}
        found += (one for one in wrong_masks(catalog, progress) if one.location not in named)
    return found


def changed_files(
    catalog: Catalog,
    *,
    checksum: bool = False,
    fixity: bool = False,
    progress: Callable[[Verified], object] | None = None,
) -> Iterator[Problem]:
    """Compare every indexed file with what was indexed; yield those that differ."""
    statement = (
        select(roots.c.location, files.c.path, files.c.size, files.c.mtime_ns)
        .add_columns(files.c.digest, files.c.fixity)
        .join(roots, roots.c.id == files.c.root_id)
        .where(files.c.state == OK)
        .order_by(files.c.id)
    )
    with catalog.reading() as connection:
        count = select(func.count()).select_from(files).where(files.c.state == OK)
        total: int = connection.execute(count).scalar_one()
        done = 0
        for rows in connection.execute(statement).partitions(_FILES_BETWEEN):
            locations = [location_of(root, path) for root, path, *_ in rows]
            stamps = stamps_at(locations)
            with opening(locations if checksum or fixity else ()):
                for location, stamp, row in zip(locations, stamps, rows, strict=True):
                    digest = row.digest if checksum else None
                    then = row.fixity if fixity else None
                    problem = _compare(location, stamp, row[2:4], digest, then)
                    if problem is not None:
                        yield Problem(location, problem)
            done += len(rows)
            if progress is not None:
                progress(Verified(done, total))


def _compare(
    location: str,
    stamp: FileStamp | SourceError,
    then: tuple[int, int],
    digest: bytes | None,
    fixity: bytes | None,
) -> str | None:
    try:
        if isinstance(stamp, SourceError):
            raise stamp
        if stamp != then:
            return "has changed since it was indexed; ingest it again"
        if digest is not None and scan(location).digest != digest:
            return "has other content than when it was indexed, though not another time"
        if fixity is not None and fixity_of(location) != fixity:
            return "is damaged: its bytes are not those that were indexed, though its time is"
    except SourceNotFoundError:
        return "is not there any more"
    except IIDFormatError as error:
        return f"can no longer be read: {error.problem}"
    except SourceError as error:
        return str(error).removeprefix(f"{location}: ")
    return None


def wrong_masks(
    catalog: Catalog, progress: Callable[[Verified], object] | None = None
) -> Iterator[Problem]:
    """Decode all masks of every file, and compare their pixels with what was indexed.

    Yields
    ------
    Problem
        Of each file that is not as it was, what is wrong with it first.
    """
    originals = Originals()
    with catalog.reading() as connection:
        listed = select(files.c.id).where(files.c.state == OK).order_by(files.c.id)
        ids = np.array(list(connection.execute(listed).scalars()), np.int64)
        for low in range(0, len(ids), _FILES_BETWEEN):
            some = ids[low : low + _FILES_BETWEEN]
            where = files_of(connection, some)
            rows = segments_of_files().parts(connection, {"ids": some}, _SEGMENTS)
            named: set[str] = set()
            for segments in map(Segments.of, rows):
                # A large file comes in several parts.
                for problem in _wrong_among(originals, where, segments):
                    if problem.location not in named:
                        named.add(problem.location)
                        yield problem
            if progress is not None:
                progress(Verified(min(low + _FILES_BETWEEN, len(ids)), len(ids)))
    originals.close()


def _wrong_among(
    originals: Originals, where: Mapping[int, Original], segments: Segments
) -> Iterator[Problem]:
    for file_id in np.unique(segments.file_id).tolist():
        of_file = segments.take(segments.file_id == file_id)
        location = where[file_id].location
        try:
            for _ in read_masks(originals, where, of_file):
                pass
        except (SourceError, IIDFormatError) as error:
            yield Problem(location, str(error).removeprefix(f"{location}: "))
