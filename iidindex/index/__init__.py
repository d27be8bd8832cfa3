"""The façade: one object that ingests and answers. It delegates and decides nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping

from iidindex.index.comparing import Comparison
from iidindex.index.descent import Descent
from iidindex.index.linking import Linkage
from iidindex.index.maintaining import Upkeep
from iidindex.index.picturing import Pictures
from iidindex.index.viewing import Viewing
from iidindex.model import IID
from iidindex.query.answers.entry import Entry
from iidindex.query.holdings.raw_sql import SQLRows, Value, ask
from iidindex.query.single_entry import entry_of


class Index(Pictures, Viewing, Linkage, Descent, Comparison, Upkeep):
    """An index over an archive of ``.iid`` files. May be shared by threads.

    Parameters
    ----------
    location : path-like or str
        A path, or a SQLAlchemy URL.
    create : bool
        Make a new, empty index if there is none.
    read_only : bool
        Never write. This works on a read-only disk.

    Raises
    ------
    CatalogNotFoundError
        If there is no index, and `create` was not given.
    SchemaVersionError
        If the index was made by another version of this program.
    CatalogError
        If it cannot be read, or is not an index.
    """

    def entry(
        self,
        path: str,
        key: int | None = None,
        *,
        address: bytes | IID | None = None,
        domain: bytes | None = None,
    ) -> Entry | None:
        """One entry of one file, or None.

        Parameters
        ----------
        path : str
            The path inside its root, or the path on disk.
        key : int, optional
            The entry's key in the file.
        address : bytes or IID, optional
            The individual whose entry it is, instead of a key.
        domain : bytes, optional
            The domain of the address; ``b""`` for none.

        Raises
        ------
        SeveralDomainsError
            If the file has the address in several domains, and no domain is given.
        QueryError
            If files of several roots have that path, several entries of the file are of the
            individual, or neither or both of key and address are given.
        """
        return entry_of(self.entries, path, key, address, domain)

    def sql(self, statement: str, parameters: Mapping[str, Value] | None = None) -> SQLRows:
        """Run an SQL statement that reads from tables and views, and stream its rows.

        Parameters
        ----------
        statement : str
            In SQLite's SQL. The views are ``found indexed_files members appearances
            tracks overlapping matches``.
        parameters : mapping, optional
            The values of ``:name`` in the statement.

        Returns
        -------
        SQLRows
            An iterator of dictionaries, with the methods for data frames. ``to_pandas`` and the
            others return the rows that are left.

        Raises
        ------
        QueryError
            If the statement is not valid, or does more than read.
        """
        return ask(self._catalog, statement, parameters)


def open(  # noqa: A001  (iidindex.open, as in gzip.open)
    location: str | os.PathLike[str], create: bool = False, *, read_only: bool = False
) -> Index:
    """Open an index; the arguments are those of `Index`."""
    return Index(location, create=create, read_only=read_only)
