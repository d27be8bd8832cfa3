"""Every IID is stored once, though many may bring it in: finding or making the ids of many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from iidindex.catalog.iid_table import IIDTable, first_of_each
from iidindex.catalog.postgres.briefly import Briefly
from iidindex.catalog.postgres.integers import Integers, Octets
from iidindex.catalog.schema import name_bytes
from iidindex.iidwords import IIDWords

Ints = npt.NDArray[np.int64]

# IIDs remembered; one of up to 16 characters takes some 50 bytes.
MAX_KNOWN = 1 << 22

# IIDs of one statement.
_TOGETHER = 50_000
# If so large a part of those asked for last was new, the next are taken for new at first.
_MOSTLY = 0.5

_FIND = (
    "SELECT asked.nth - 1, i.id FROM unnest(%s::bytea[], %s::bytea[]) "
    "WITH ORDINALITY AS asked (address, domain, nth) "
    "JOIN iids i ON i.address = asked.address AND i.domain = asked.domain"
)
# In the order of the index: two who make the same IIDs meet in the same order, and none waits for
# one who waits for him.
_MAKE = (
    "INSERT INTO iids (id, address, domain) SELECT id, address, domain "
    "FROM unnest(%s::bigint[], %s::bytea[], %s::bytea[]) AS asked (id, address, domain) "
    "ORDER BY address, domain ON CONFLICT DO NOTHING RETURNING id"
)
_FIND_GROUPS = "SELECT name, id FROM groups WHERE name = ANY(%s::bytea[])"
_MAKE_GROUPS = (
    "INSERT INTO groups (name) SELECT name FROM unnest(%s::bytea[]) AS asked (name) ORDER BY name "
    "ON CONFLICT DO NOTHING"
)


class Interning:
    """Remembers the ids of IIDs from one transaction to the next, within bounds.

    They are committed before any entry has them; one without entries does no harm, and `prune`
    removes it. As that keeps all other writers out, an id that is remembered stays true.

    Parameters
    ----------
    briefly : Briefly
    most : int, optional
        IIDs to remember, `MAX_KNOWN` by default. When there are more, the half that was learnt
        first is forgotten.
    """

    def __init__(self, briefly: Briefly, most: int | None = None) -> None:
        self._briefly = briefly
        self._half = max(1, (MAX_KNOWN if most is None else most) // 2)
        self._known = IIDTable()
        self._older = IIDTable()
        self._are_new = False

    def ids_of(self, iids: IIDWords) -> Ints:
        """The ids of IIDs; those that are new are stored.

        Parameters
        ----------
        iids : IIDWords
            Any of them any number of times.

        Returns
        -------
        ndarray of int64, shape (n,)
        """
        ids = self._known.find(iids.words)
        unknown = np.flatnonzero(ids < 0)
        if len(unknown) and len(self._older):
            ids[unknown] = self._older.find(iids.words[unknown])
            unknown = unknown[ids[unknown] < 0]
        if len(unknown):
            first, which = first_of_each(iids.words[unknown])
            ids[unknown] = self._learnt(iids.take(unknown[first]))[which]
        return ids

    def make_groups(self, names: Sequence[str]) -> list[int]:
        """The ids of groups; those that are new are stored."""
        wanted = [name_bytes(name) for name in names]

        self._briefly.rows(_MAKE_GROUPS, (wanted,))
        ids = dict(self._briefly.rows(_FIND_GROUPS, (wanted,)))
        return [ids[name] for name in wanted]

    def _learnt(self, iids: IIDWords) -> Ints:
        """The ids of different IIDs that are not remembered."""
        if len(self._known) + len(iids) > self._half:
            self._older, self._known = self._known, IIDTable()
        ids = np.empty(len(iids), np.int64)
        for low in range(0, len(iids), _TOGETHER):
            part = np.arange(low, min(low + _TOGETHER, len(iids)))
            ids[part] = self._stored(iids.take(part))
        self._known.add(iids.words, ids)
        return ids

    def _stored(self, iids: IIDWords) -> Ints:
        """The ids of different IIDs."""
        ids = np.full(len(iids), -1, np.int64)
        if not self._are_new:
            self._find(iids, np.arange(len(iids)), ids)
        missing = np.flatnonzero(ids < 0)
        self._are_new = len(missing) >= _MOSTLY * len(iids)
        while len(missing):
            given = self._briefly.take("iids", len(missing)) + np.arange(len(missing))
            values = (Integers(given), *_columns(iids.take(missing)))
            made = np.fromiter((one for (one,) in self._briefly.rows(_MAKE, values)), np.int64)
            was_made = np.isin(given, made)
            ids[missing[was_made]] = given[was_made]
            missing = missing[~was_made]
            # Others have made them, and committed that.
            self._find(iids, missing, ids)
            missing = missing[ids[missing] < 0]
        return ids

    def _find(self, iids: IIDWords, which: Ints, ids: Ints) -> None:
        """Look up the ids of those of some IIDs that are stored."""
        if not len(which):
            return
        found = self._briefly.rows(_FIND, _columns(iids.take(which)))
        if found:
            rows = np.array(found, np.int64)
            ids[which[rows[:, 0]]] = rows[:, 1]


def _columns(iids: IIDWords) -> tuple[Octets, Octets]:
    """Addresses and domains."""
    text, domain, lengths = iids.text()
    data = np.frombuffer(text, np.uint8)
    address = domain + lengths[:, 0]
    return Octets(data, address, lengths[:, 1]), Octets(data, domain, lengths[:, 0])
