"""What links files and IIDs: what files share, and which IIDs are seen together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sqlalchemy import Connection

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.lookup import (
    FILES_OF_IIDS,
    Ids,
    iid_order,
    iids_of,
    leading,
    numbers,
    places_of,
)
from iidindex.errors import QueryError
from iidindex.files.arguments import check_number
from iidindex.model import IID
from iidindex.query.answers.located import Located, located
from iidindex.query.question.resolve import Span, file_of

# IIDs whose files are looked up together; each may be in all files.
_IIDS_AT_A_TIME = 100

# Of the score: adding the same weights in another order must not break a tie.
_DECIMALS = 9


class _Shared(NamedTuple):
    path: str
    shared: int
    score: float


class Related(_Shared, Located):
    """A file, the number of IIDs that it shares with another file, and the sum of their weights.

    A tuple of ``path shared score``. It also has ``location``, where the file can be opened. The
    location distinguishes files of several roots that have the same path.
    """


def shared(catalog: Catalog, *paths: str) -> list[IID]:
    """IIDs that are in all of the files.

    Parameters
    ----------
    catalog : Catalog
    *paths : str
        At least one: the path inside its root, or the path on disk.

    Returns
    -------
    list of IID
        Sorted by domain, then by address; no domain comes first.

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
        return sorted(iids_of(connection, common), key=iid_order)


def related(catalog: Catalog, path: str, *, k: int | None = 10) -> list[Related]:
    """Files ranked by the IIDs they share with one.

    The weight of an IID is ln(N/n), if n of the N files have it: the rarer it is, the more it
    tells (inverse document frequency: K. Spärck Jones, "A statistical interpretation of term
    specificity and its application in retrieval", Journal of Documentation 28, 1972).

    Parameters
    ----------
    catalog : Catalog
    path : str
        The path inside its root, or the path on disk.
    k : int, optional
        The largest number of rows; None for all.

    Returns
    -------
    list of Related
        By score, to nine decimals, and number of IIDs, the largest first, then by path and
        location. Files that share nothing are left out.

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
        nth, file_id, _ = numbers(connection, FILES_OF_IIDS, part).T
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
