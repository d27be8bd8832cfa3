"""Who descends from whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iidindex.index.opened import Opened

if TYPE_CHECKING:
    from iidindex.query.linkage.lineage import Relatives

# What answers is imported where it is asked, as in `linking`.


class Descent(Opened):
    """Questions about parents and descendants."""

    def descendants(
        self,
        address: bytes,
        *,
        domain: bytes | None = None,
        depth: int | None = None,
        meta_key: str = "parents",
    ) -> Relatives:
        r"""The children of an individual, their children, and so on.

        Parents are read from the metadata of files: ``{"parents": {"5": "2"}}`` says that 5 is a
        child of 2, as the import of cell tracking writes it. A mapping is about the individuals in
        its own file, in any domain. Child and parent are of one domain. If no file that names a
        child holds that child, its domains are those of the first of these files. A parent may
        also be a number or a list of parents; null and the number 0 mean no parent. In addresses,
        a byte that is not UTF-8 is written as ``\xff``.

        Parameters
        ----------
        address : bytes
        domain : bytes, optional
            ``b""`` for no domain; without this, the only domain that has the address.
        depth : int, optional
            The largest number of generations.
        meta_key : str
            The name of the mapping in the metadata; a dot leads into a nested mapping:
            ``lineage.parents``.

        Returns
        -------
        Relatives
            By generation and address: ``iid parent generation children files first last problem``.
            An individual with several parents has a row for each of them. ``problem`` says what
            cannot be true or cannot be known; a circle is followed once. ``told`` is the number of
            individuals whose parents the metadata state.

        Raises
        ------
        QueryError
            If an argument is not valid.
        SeveralDomainsError
            If no domain is given, and the address is in several.

        Notes
        -----
        The metadata of all files are read from the index, some at a time. No file is opened.
        Memory holds each child and its parents once.
        """
        from iidindex.query.linkage.lineage import descendants

        return descendants(self._catalog, address, domain, depth, meta_key)

    def ancestors(
        self,
        address: bytes,
        *,
        domain: bytes | None = None,
        depth: int | None = None,
        meta_key: str = "parents",
    ) -> Relatives:
        """The parents of an individual, their parents, and so on.

        The rows are those of `descendants`.

        Parameters
        ----------
        address : bytes
        domain : bytes, optional
            ``b""`` for no domain; without this, the only domain that has the address.
        depth : int, optional
            The largest number of generations.
        meta_key : str
            The name of the mapping in the metadata.

        Returns
        -------
        Relatives
            By generation, 1 for parents, and address.

        Raises
        ------
        QueryError
            If an argument is not valid.
        SeveralDomainsError
            If no domain is given, and the address is in several.
        """
        from iidindex.query.linkage.lineage import ancestors

        return ancestors(self._catalog, address, domain, depth, meta_key)

    def lineage_graph(
        self,
        address: bytes,
        *,
        domain: bytes | None = None,
        depth: int | None = None,
        limit: int = 100,
        meta_key: str = "parents",
    ) -> Any:
        """The descendants and ancestors of an individual as a graph, from parents to children.

        Parameters
        ----------
        address : bytes
        domain : bytes, optional
            ``b""`` for no domain; without this, the only domain that has the address.
        depth : int, optional
            The largest number of generations, in both directions.
        limit : int
            The largest number of individuals; the nearest are taken. ``graph.graph["left_out"]``
            is how many more there were.
        meta_key : str
            The name of the mapping in the metadata, as in `descendants`.

        Returns
        -------
        networkx.DiGraph
            Nodes have ``kind address domain address_b64 domain_b64``, as in `link_graph`, and
            ``generation children files``: 0 for the individual itself, below 0 for ancestors.

        Raises
        ------
        QueryError
            If networkx is not installed (``pip install 'iidindex[graph]'``), or an argument is not
            valid.
        SeveralDomainsError
            If no domain is given, and the address is in several.
        """
        from iidindex.query.linkage.lineage_graph import lineage_graph

        return lineage_graph(self._catalog, address, domain, depth, limit, meta_key)
