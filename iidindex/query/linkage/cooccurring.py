"""Which IIDs are seen together: in files, in groups, or pixel on pixel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from sqlalchemy import Connection

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.dialect import Text
from iidindex.catalog.lookup import (
    BLOCK,
    FILES_OF_IIDS,
    IIDS_OF_FILES,
    Ids,
    blocks,
    distinct,
    iid_ids,
    iid_order,
    iids_of,
    leading,
    numbers,
    ok_files,
)
from iidindex.errors import QueryError
from iidindex.files.arguments import check_number, is_one_of
from iidindex.model import IID
from iidindex.query.linkage.individual import one_individual
from iidindex.query.overlaps.counting import with_kept
from iidindex.query.overlaps.merging import kept_files
from iidindex.query.overlaps.pairs import NOTHING, count_pairs, whole_files
from iidindex.query.pixels.originals import Originals
from iidindex.query.pixels.segments import Ints, Segments
from iidindex.query.question import compile as sql
from iidindex.query.question.asked import Filters
from iidindex.query.question.asking import Question, files_of

# Files whose overlaps are looked up together, and rows fetched.
_FILES_AT_A_TIME = 100
_SEGMENTS = 8192

# The file, group and number of entries of what an IID is a member of.
_GROUPS_OF_IIDS = Text(
    "SELECT DISTINCT f.id, g.group_id, f.n_entries FROM {rows} "
    "{then} entries e ON e.iid_id = {value} {then} files f ON f.id = e.file_id "
    "{then} file_groups g ON g.file_id = f.id "
    "{then} entry_groups m ON m.group_id = g.group_id AND m.entry_id = e.id "
    "WHERE f.state = 'ok'"
)
_MEMBERS_OF_GROUPS = Text(
    "SELECT {nth}, e.iid_id FROM {rows} {then} files f ON f.id = {values[0]} "
    "{then} entry_groups m ON m.group_id = {values[1]} "
    "AND m.entry_id BETWEEN f.first_entry_id AND f.first_entry_id + f.n_entries - 1 "
    "{then} entries e ON e.id = m.entry_id",
    width=2,
    in_order="{nth}, m.entry_id",
)


class Cooccurrence(NamedTuple):
    """An IID, how often it appears together with another, and the shared pixels if asked for."""

    iid: IID
    # A tuple's own `count` looks for a value.
    count: int  # type: ignore[assignment]
    pixels: int


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
        ``b""`` stands for none given; without it, the only domain that has the address.
    by : {"file", "group", "overlap"}
        Count files that have both, groups of a file that have both, or pairs of entries that
        share pixels.
    k : int, optional
        The largest number of rows.

    Returns
    -------
    list of Cooccurrence
        By count and pixels, the largest first, then by domain, none first, and address. The
        IID that was asked for is not in it; pixels are 0 unless overlaps are counted.

    Raises
    ------
    QueryError
        If `by` is something else.
    SeveralDomainsError
        If no domain is given, and the address is in several.

    Notes
    -----
    Files and groups take a row for every entry of the files the IID is in, a bounded number
    at a time; overlaps, the masks that meet its own, where the catalogue keeps none.
    """
    k = check_number(k, "k")
    if not is_one_of(by, "file", "group", "overlap") or not by:
        raise QueryError(f"by is {by!r}; expected 'file', 'group' or 'overlap'")
    with catalog.reading() as connection:
        one = one_individual(connection, address, domain)
        if one is None:
            return []
        if by == "overlap":
            found = _by_overlap(connection, originals, one)
        else:
            asked = iid_ids(connection, one.address, one.domain or b"")
            meetings = (_in_files if by == "file" else _in_groups)(connection, asked)
            found = _most_often(connection, meetings, asked, k)
    return sorted(found, key=_cooccurrence_order)[:k]


def _cooccurrence_order(found: Cooccurrence) -> tuple[int, int, bytes, bytes]:
    return -found.count, -found.pixels, *iid_order(found.iid)


def _in_files(connection: Connection, asked: Ids) -> Iterator[Ids]:
    """Rows of the number of a file, and an IID in it, of files that have the one asked for."""
    parts = blocks(connection, FILES_OF_IIDS, asked)
    files = ok_files(connection, distinct(part[:, 1] for part in parts))
    for few in _batches(files, files[:, 1]):
        yield numbers(connection, IIDS_OF_FILES, few[:, 0])[:, :2]


def _in_groups(connection: Connection, asked: Ids) -> Iterator[Ids]:
    """Rows of the number of a group in a file, and a member, where one of those asked is one."""
    groups = numbers(connection, _GROUPS_OF_IIDS, asked)
    for few in _batches(groups, groups[:, 2]):
        yield numbers(connection, _MEMBERS_OF_GROUPS, few[:, :2])


def _batches(rows: Ids, sizes: Ids) -> list[Ids]:
    """Cut rows up so that the sizes of each part are not much more than a block."""
    total = np.cumsum(sizes) // BLOCK
    return np.split(rows, np.flatnonzero(np.diff(total)) + 1)


def _most_often(
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


def _by_overlap(connection: Connection, originals: Originals, one: IID) -> list[Cooccurrence]:
    """How often the entries of an IID overlap with those of others, and in how many pixels.

    Overlaps that the catalogue keeps are not counted again.
    """
    counts: Counter[IID] = Counter()
    shared: Counter[IID] = Counter()
    mine = Filters().where(address=one)
    parts = Question(connection, originals, mine).segments()
    own_ids, file_ids = np.hstack([[NOTHING] * 2, *([part.id, part.file_id] for part in parts)])
    file_ids = np.unique(file_ids)
    kept = kept_files(connection)
    for low in range(0, len(file_ids), _FILES_AT_A_TIME):
        some = file_ids[low : low + _FILES_AT_A_TIME]
        rows = sql.segments_of_files().parts(connection, {"ids": some}, _SEGMENTS)
        for segments in whole_files(map(Segments.of, rows)):
            other, pixels = _met_by(connection, originals, segments, own_ids, kept)
            met, nth, times = np.unique(other, return_inverse=True, return_counts=True)
            sums = np.bincount(nth, pixels, len(met)).astype(np.int64)
            hits = sql.hits_of().run(connection, {"ids": met})
            for row, n, total in zip(hits, times.tolist(), sums.tolist(), strict=True):
                iid = IID(row[10], row[11])
                counts[iid] += n
                shared[iid] += total
    return [Cooccurrence(iid, counts[iid], shared[iid]) for iid in counts]


def _met_by(
    connection: Connection, originals: Originals, segments: Segments, own_ids: Ints, kept: Ints
) -> tuple[Ints, Ints]:
    """Ids of entries that overlap some of their own file, once for each, and the pixels."""
    new = segments.take(~np.isin(segments.file_id, kept))
    files, is_own = files_of(connection, new.file_id), np.isin(new.id, own_ids)
    found = count_pairs(originals, files, new, "error", is_own)
    pairs = with_kept(connection, segments, new, found)
    # What is kept is of all pairs.
    a_is_own = np.isin(pairs.a, own_ids)
    across = a_is_own != np.isin(pairs.b, own_ids)
    other = np.where(a_is_own, pairs.b, pairs.a)
    return other[across], pairs.pixels[across]
