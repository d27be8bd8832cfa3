"""Every IID is stored once: finding or making the ids of many."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from iidindex.catalog.schema import iids_by_address
from iidindex.catalog.sqlite.iid_table import IIDTable, first_of_each
from iidindex.catalog.sqlite.late_indexes import make_index
from iidindex.catalog.sqlite.multirow import select_in
from iidindex.catalog.sqlite.writer import Writer
from iidindex.iidwords import IIDWords

# IIDs remembered; one of up to 24 characters takes some 50 bytes.
_MAX_KNOWN = 1_000_000


class Interner:
    """Remembers the ids of IIDs from one transaction to the next, within bounds.

    It must not be used after one that was undone, and ids with it.

    While it has seen every IID there is, an IID that it does not know is new, and the
    database need not be asked.
    """

    def __init__(self) -> None:
        self._known = IIDTable()
        self._complete = False
        self._next: int | None = None  # not known yet
        self._unwritten: list[IIDWords] = []

    def ids_of(self, writer: Writer, iids: IIDWords) -> npt.NDArray[np.int64]:
        """The ids of IIDs; those that are new are stored by `write`.

        Parameters
        ----------
        writer : Writer
        iids : IIDWords
            Any of them any number of times.

        Returns
        -------
        ndarray of int64, shape (n,)
        """
        if self._next is None:
            last = writer.connection.exec_driver_sql("SELECT max(id) FROM iids").scalar()
            self._complete = last is None
            self._next = (last or 0) + 1
        ids = self._known.find(iids.words)
        unknown = np.flatnonzero(ids < 0)
        if len(unknown):
            first, which = first_of_each(iids.words[unknown])
            ids[unknown] = self._learn(writer, iids.take(unknown[first]))[which]
        return ids

    def write(self, writer: Writer) -> None:
        """Store the IIDs that are new since the last time."""
        if self._unwritten:
            assert self._next is not None
            iids = IIDWords.joined(self._unwritten)
            writer.insert_iids(self._next - len(iids), iids)
            self._unwritten.clear()

    def _learn(self, writer: Writer, iids: IIDWords) -> npt.NDArray[np.int64]:
        """The ids of different IIDs that are not remembered."""
        if len(self._known) + len(iids) > _MAX_KNOWN:
            self._known.clear()
            self._complete = False
            self.write(writer)
            # A first big load goes without it, as long as nothing has to be looked for.
            make_index(writer.connection, iids_by_address)
        ids = np.full(len(iids), -1, np.int64)
        if not self._complete:
            pairs = iids.pairs()
            stored = {
                (domain, address): iid_id
                for iid_id, domain, address in select_in(
                    writer.connection,
                    "SELECT id, domain, address FROM iids WHERE (domain, address) IN",
                    2,
                    [part for pair in pairs for part in pair],
                )
            }
            ids[:] = [stored.get(pair, -1) for pair in pairs]
        new = np.flatnonzero(ids < 0)
        if len(new):
            assert self._next is not None
            ids[new] = np.arange(self._next, self._next + len(new))
            self._unwritten.append(iids.take(new))
            self._next += len(new)
        self._known.add(iids.words, ids)
        return ids
