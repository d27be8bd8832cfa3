"""Every IID is stored once: finding or making the ids of many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from iidindex.catalog.bulk import make_index
from iidindex.catalog.rows import insert, select_in
from iidindex.catalog.schema import iids_by_address
from iidindex.columns import pack_iid, unpack_iid

# IIDs remembered; one of twenty characters takes some 150 bytes.
_MAX_KNOWN = 600_000


class Interner:
    """Remembers the ids of IIDs from one transaction to the next, within bounds.

    While it has seen every IID there is, an IID that it does not know is new, and the
    database need not be asked.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, int] = {}
        self._complete: bool | None = None  # not known yet

    def forget(self) -> None:
        """Forget all: a transaction was undone, and ids with it."""
        self._known.clear()
        self._complete = None

    def ids_of(self, connection: Connection, iids: Sequence[bytes]) -> npt.NDArray[np.int64]:
        """The ids of IIDs, each given once; those that are new are stored.

        Parameters
        ----------
        connection : Connection
            In a transaction that may write.
        iids : sequence of bytes
            As `columns.pack_iid` packs them.

        Returns
        -------
        ndarray of int64, shape (n,)
        """
        known = self._known
        if self._complete is None:
            self._complete = (
                connection.exec_driver_sql("SELECT 1 FROM iids LIMIT 1").scalar() is None
            )
        if len(known) + len(iids) > _MAX_KNOWN:
            known.clear()
            self._complete = False
            # A first big load goes without it, as long as nothing has to be looked for.
            make_index(connection, iids_by_address)
        ids = list(map(known.get, iids))
        places = [place for place, iid_id in enumerate(ids) if iid_id is None]
        unknown = [iids[place] for place in places]
        if unknown and not self._complete:
            for iid_id, domain, address in select_in(
                connection,
                "SELECT id, domain, address FROM iids WHERE (domain, address) IN",
                2,
                [part for iid in unknown for part in unpack_iid(iid)],
            ):
                known[pack_iid(domain, address)] = iid_id
            unknown = [iid for iid in unknown if iid not in known]
        if unknown:
            self._store(connection, unknown)
        for place in places:
            ids[place] = known[iids[place]]
        return np.array(ids, np.int64)

    def _store(self, connection: Connection, new: Sequence[bytes]) -> None:
        first = connection.exec_driver_sql("SELECT coalesce(max(id), 0) + 1 FROM iids").scalar_one()
        rows: list[object] = []
        for iid_id, iid in enumerate(new, first):
            self._known[iid] = iid_id
            rows += (iid_id, *unpack_iid(iid))
        insert(connection, "iids", ["id", "domain", "address"], rows)
