"""What links files and IIDs: what files share, and which IIDs are seen together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from sqlalchemy import Connection

from iidindex.catalog.engine import Catalog
from iidindex.errors import QueryError
from iidindex.files.arguments import check_bytes
from iidindex.model import IID
from iidindex.query.located import Located, located
from iidindex.query.lookup import (
    BLOCK,
    FILES_OF_IIDS,
    IIDS_OF_FILES,
    Ids,
    as_json,
    blocks,
    check_number,
    distinct,
    iid_ids,
    iids_of,
    leading,
    numbers,
    ok_files,
    places_of,
)
from iidindex.query.originals import Originals
from iidindex.query.places import Span, file_of

# IIDs whose files are looked up together; each may be in all files.
_IIDS_AT_A_TIME = 100

# Of the score: adding the same weights in another order must not break a tie.
_DECIMALS = 9

# The file, group and number of entries of what an IID is a member of.
_GROUPS_OF_IIDS = (
    "SELECT DISTINCT f.id, g.group_id, f.n_entries FROM json_each(?) j "
    "CROSS JOIN entries e ON e.iid_id = j.value CROSS JOIN files f ON f.id = e.file_id "
    "CROSS JOIN file_groups g ON g.file_id = f.id "
    "CROSS JOIN entry_groups m ON m.group_id = g.group_id AND m.entry_id = e.id "
    "WHERE f.state = 'ok'"
)
_MEMBERS_OF_GROUPS = (
    "SELECT j.key, e.iid_id FROM json_each(?) j "
    "CROSS JOIN files f ON f.id = json_extract(j.value, '$[0]') "
    "CROSS JOIN entry_groups m ON m.group_id = json_extract(j.value, '$[1]') "
    "AND m.entry_id BETWEEN f.first_entry_id AND f.first_entry_id + f.n_entries - 1 "
    "CROSS JOIN entries e ON e.id = m.entry_id"
)


class _Shared(NamedTuple):
    path: str
    shared: int
    score: float


class Related(_Shared, Located):
    """A file, the number of IIDs it shares with another, and their weights together.

    A tuple of ``path shared score``. Beside it, ``location`` is where the file can be opened,
    which tells files of one path apart that lie in several roots.
    """


class Cooccurrence(NamedTuple):
    """An IID and how often it is together with another; the pixels that overlap, if asked for."""

    iid: IID
    # A tuple's own `count` looks for a value.
    count: int  # type: ignore[assignment]
    pixels: int


def shared(catalog: Catalog, *paths: str) -> list[IID]:
    """IIDs that are in all of the files.

    Parameters
    ----------
    catalog : Catalog
    *paths : str
        One at the least: inside its root, or where the file lies on disk.

    Returns
    -------
    list of IID
        By domain, none first, and address.

    Raises
    ------
    QueryError
        If no file is named, one is not there, or files of several roots have its path.
    """
    if not paths:
        raise QueryError("name at least one file")
    with catalog.reading() as connection:
        spans = [file_of(connection, path) for path in paths]
        common = _iids_in(connection, spans[0])
        for span in spans[1:]:
            common = np.intersect1d(common, _iids_in(connection, span), assume_unique=True)
        return sorted(iids_of(connection, common), key=_iid_order)


def related(catalog: Catalog, path: str, *, k: int | None = 10) -> list[Related]:
    """Files ranked by the IIDs they share with one.

    An IID weighs ln(N/n), where n of the N files have it: the rarer it is, the more it tells
    (inverse document frequency: K. Spärck Jones, "A statistical interpretation of term
    specificity and its application in retrieval", Journal of Documentation 28, 1972).

    Parameters
    ----------
    catalog : Catalog
    path : str
        Inside its root, or where the file lies on disk.
    k : int, optional
        How many at the most; None for all.

    Returns
    -------
    list of Related
        By score, to nine decimals, and number of IIDs, the largest first, then by path and
        location. Files that share nothing are not in it.

    Notes
    -----
    It takes a row of an index for every appearance of every IID of the file, and memory for
    two numbers a file of the archive.
    """
    k = check_number(k, "k")
    with catalog.reading() as connection:
        own = file_of(connection, path)
        files = np.sort(numbers(connection, "SELECT id FROM files WHERE state = 'ok'")[:, 0])
        if len(files) == 1:
            return []
        common, scores = _compared(connection, _iids_in(connection, own), files)
        common[files == own.file_id] = 0
        others = np.flatnonzero(common)
        scores = np.round(scores, _DECIMALS)
        chosen = others[leading([scores[others], common[others].astype(np.float64)], k)]
        rows = zip(
            places_of(connection, files[chosen]),
            common[chosen].tolist(),
            scores[chosen].tolist(),
            strict=True,
        )
        found = [located(Related(path, n, score), location) for (path, location), n, score in rows]
    found.sort(key=lambda file: (-file.score, -file.shared, file.path, file.location))
    return found[:k]


def cooccurring(
    catalog: Catalog,
    address: bytes,
    *,
    originals: Originals,
    domain: bytes | None = None,
    by: str = "file",
    k: int | None = None,
) -> list[Cooccurrence]:
    """IIDs that are seen together with one.

    Parameters
    ----------
    catalog : Catalog
    address : bytes
    originals : Originals
        Where masks are read from, if overlaps are asked for.
    domain : bytes, optional
        ``b""`` stands for none given; without it, the address in any domain.
    by : {"file", "group", "overlap"}
        Count files that have both, groups of a file that have both, or pairs of entries that
        share pixels.
    k : int, optional
        How many at the most.

    Returns
    -------
    list of Cooccurrence
        By count and pixels, the largest first, then by domain, none first, and address. The
        IIDs that were asked for are not in it; pixels are 0 unless overlaps are counted.

    Raises
    ------
    QueryError
        If `by` is something else.

    Notes
    -----
    Files and groups take a row for every entry of the files the IID is in, a bounded number
    at a time; overlaps, the masks that meet its own, where the catalogue keeps none.
    """
    check_bytes(address, "address")
    if domain is not None:
        check_bytes(domain, "domain")
    k = check_number(k, "k")
    if by not in ("file", "group", "overlap"):
        raise QueryError(f"by is {by!r}; expected 'file', 'group' or 'overlap'")
    if by == "overlap":
        from iidindex.query.overlaps import cooccurring_by_overlap

        found = cooccurring_by_overlap(catalog, originals, address, domain)
    else:
        with catalog.reading() as connection:
            asked = iid_ids(connection, address, domain)
            meetings = (_in_files if by == "file" else _in_groups)(connection, asked)
            found = _counted(connection, meetings, asked, k)
    return sorted(found, key=_cooccurrence_order)[:k]


def _iid_order(iid: IID) -> tuple[bytes, bytes]:
    return iid.domain or b"", iid.address


def _cooccurrence_order(found: Cooccurrence) -> tuple[int, int, bytes, bytes]:
    return -found.count, -found.pixels, *_iid_order(found.iid)


def _iids_in(connection: Connection, span: Span) -> Ids:
    """Ids of the IIDs in a file, sorted."""
    last = span.first_entry_id + span.n_entries - 1
    statement = "SELECT iid_id FROM entries WHERE id BETWEEN ? AND ?"
    return np.unique(numbers(connection, statement, span.first_entry_id, last))


def _compared(
    connection: Connection, iids: Ids, files: Ids
) -> tuple[Ids, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """For each of all files: how many of the IIDs it has, and what these weigh."""
    common = np.zeros(len(files), np.int64)
    scores = np.zeros(len(files))
    for start in range(0, len(iids), _IIDS_AT_A_TIME):
        part = iids[start : start + _IIDS_AT_A_TIME]
        nth, file_id, _ = numbers(connection, FILES_OF_IIDS, as_json(part)).T
        # The index has them in order, so that an IID twice in a file is twice in a row.
        keep = np.ones(len(nth), np.bool_)
        keep[1:] = (nth[1:] != nth[:-1]) | (file_id[1:] != file_id[:-1])
        position = np.minimum(np.searchsorted(files, file_id), len(files) - 1)
        keep &= files[position] == file_id
        nth, position = nth[keep], position[keep]
        weights = np.log(len(files) / np.bincount(nth, minlength=len(part)))
        common += np.bincount(position, minlength=len(files))
        scores += np.bincount(position, weights[nth], minlength=len(files))
    return common, scores


def _in_files(connection: Connection, asked: Ids) -> Iterator[Ids]:
    """Rows of the number of a file, and an IID in it, of files that have one of those asked."""
    parts = blocks(connection, FILES_OF_IIDS, as_json(asked))
    files = ok_files(connection, distinct(part[:, 1] for part in parts))
    for few in _batches(files, files[:, 1]):
        yield numbers(connection, IIDS_OF_FILES, as_json(few[:, 0]))[:, :2]


def _in_groups(connection: Connection, asked: Ids) -> Iterator[Ids]:
    """Rows of the number of a group in a file, and a member, where one of those asked is one."""
    groups = numbers(connection, _GROUPS_OF_IIDS, as_json(asked))
    for few in _batches(groups, groups[:, 2]):
        yield numbers(connection, _MEMBERS_OF_GROUPS, as_json(few[:, :2]))


def _batches(rows: Ids, sizes: Ids) -> list[Ids]:
    """Cut rows up so that the sizes of each part are not much more than a block."""
    total = np.cumsum(sizes) // BLOCK
    return np.split(rows, np.flatnonzero(np.diff(total)) + 1)


def _counted(
    connection: Connection, meetings: Iterator[Ids], asked: Ids, k: int | None
) -> list[Cooccurrence]:
    """Count for each IID the places it is in; at least the first `k` that have most."""
    ids, counts = np.empty(0, np.int64), np.empty(0, np.int64)
    for meeting in meetings:
        place, iid = meeting.T
        members, nth = np.unique(iid, return_inverse=True)
        # An IID may be in a place several times.
        once = np.unique(place * len(members) + nth)
        times = np.bincount(once % max(len(members), 1), minlength=len(members))
        known, ids = np.concatenate([ids, members]), np.union1d(ids, members)
        added = np.bincount(np.searchsorted(ids, known), np.concatenate([counts, times]))
        counts = added.astype(np.int64)
    others = ~np.isin(ids, asked)
    ids, counts = ids[others], counts[others]
    chosen = leading([counts], k)
    found = zip(iids_of(connection, ids[chosen]), counts[chosen].tolist(), strict=True)
    return [Cooccurrence(iid, count, 0) for iid, count in found]
