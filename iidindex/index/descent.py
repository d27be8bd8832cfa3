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

        Who descends from whom is read from the metadata of files: ``{"parents": {"5": "2"}}`` says
        that 5 is a child of 2, as the import of cell tracking writes it. A mapping speaks of the
        individuals in its own file, in whatever domain; child and parent are of one domain. Where
        no file that names a child holds it, it is of the domains of the first of these files. A
        parent may also be a number or a list of parents; null and the number 0 stand for none. In
        addresses, a byte that is no UTF-8 is written as ``\xff``.

        Parameters
        ----------
        address : bytes
        domain : bytes, optional
            ``b""`` for no domain; without this, the only domain that has the address.
        depth : int, optional
            Of so many generations at the most.
        meta_key : str
            The name of the mapping in the metadata; a dot leads deeper: ``lineage.parents``.

        Returns
        -------
        Relatives
            By generation and address: ``iid parent generation children files first last problem``.
            One that has several parents comes once for each. ``problem`` tells what cannot be
            true, or not be known; a circle is followed once. Beside them, ``told`` is of how many
            individuals the metadata tell a parent.

        Raises
        ------
        QueryError
            If an argument has not its form.
        SeveralDomainsError
            If no domain is named, and several have the address.

        Notes
        -----
        The metadata of all files are read from the index, some at a time; no file is opened. In
        memory are each child and its parents once.
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
        """The parents of an individual, their parents, and so on; told as `descendants` are.

        Parameters
        ----------
        address : bytes
        domain : bytes, optional
            ``b""`` for no domain; without this, the only domain that has the address.
        depth : int, optional
            Of so many generations at the most.
        meta_key : str
            The name of the mapping in the metadata.

        Returns
        -------
        Relatives
            By generation, 1 for parents, and address.

        Raises
        ------
        QueryError
            If an argument has not its form.
        SeveralDomainsError
            If no domain is named, and several have the address.
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
            Of so many generations at the most, in both directions.
        limit : int
            So many individuals at the most, the nearest ones; ``graph.graph["left_out"]`` is how
            many more there were.
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
            If networkx is not installed (``pip install 'iidindex[graph]'``), or an argument has not
            its form.
        SeveralDomainsError
            If no domain is named, and several have the address.
        """
        from iidindex.query.linkage.lineage_graph import lineage_graph

        return lineage_graph(self._catalog, address, domain, depth, limit, meta_key)
