"""Every IID is stored once: finding or making the ids of many."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from iidindex.catalog.iid_table import IIDTable, first_of_each
from iidindex.catalog.schema import iids_by_address
from iidindex.catalog.sqlite.late_indexes import make_index
from iidindex.catalog.sqlite.multirow import select_for
from iidindex.catalog.sqlite.writer import Writer
from iidindex.iidwords import IIDWords

# IIDs remembered; one of up to 16 characters takes some 50 bytes.
MAX_KNOWN = 1 << 22

# A join, as SQLite would read the whole table for ``(address, domain) IN (VALUES …)``.
STORED = (
    "SELECT i.id, asked.domain, asked.address FROM asked CROSS JOIN iids i "
    "ON i.address = asked.address AND i.domain = asked.domain"
)


class Interner:
    """Remembers the ids of IIDs from one transaction to the next, within bounds.

    It must not be used after one that was undone, and ids with it.

    While it has seen every IID there is, an IID that it does not know is new, and the
    database need not be asked.

    Parameters
    ----------
    most : int, optional
        IIDs to remember, `MAX_KNOWN` by default. When there are more, the half that was learnt
        first is forgotten.
    """

    def __init__(self, most: int | None = None) -> None:
        self._half = max(1, (MAX_KNOWN if most is None else most) // 2)
        self._known = IIDTable()
        self._older = IIDTable()
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
        if len(unknown) and len(self._older):
            ids[unknown] = self._older.find(iids.words[unknown])
            unknown = unknown[ids[unknown] < 0]
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
        if len(self._known) + len(iids) > self._half:
            self._forget(writer)
        ids = np.full(len(iids), -1, np.int64)
        if self._complete:
            new = np.arange(len(iids))
        else:
            # In the order of the index, where neighbours are found, and stored, together.
            pairs = iids.pairs()
            order = sorted(range(len(pairs)), key=lambda nth: pairs[nth][::-1])
            asked = [part for nth in order for part in pairs[nth]]
            found = select_for(writer.connection, ("domain", "address"), STORED, asked)
            stored = {(domain, address): iid_id for iid_id, domain, address in found}
            ids[:] = [stored.get(pair, -1) for pair in pairs]
            new = np.array(order, np.int64)
            new = new[ids[new] < 0]
        if len(new):
            assert self._next is not None
            ids[new] = np.arange(self._next, self._next + len(new))
            self._unwritten.append(iids.take(new))
            self._next += len(new)
        self._known.add(iids.words, ids)
        return ids

    def _forget(self, writer: Writer) -> None:
        """Forget those learnt first, if there are too many of them."""
        if len(self._older):
            self.write(writer)  # what is not remembered has to be found
            if self._complete:
                self._complete = False
                # A first big load goes without it, as long as nothing has to be looked for.
                make_index(writer.connection, iids_by_address)
        self._older, self._known = self._known, IIDTable()
