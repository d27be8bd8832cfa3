"""Who is who, and who descends from whom."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Unpack

from iidindex.index.opened import Opened
from iidindex.query.answers.records import Records
from iidindex.query.pixels.originals import OnStale
from iidindex.query.question.filters import Where, with_filters

if TYPE_CHECKING:
    from iidindex.query.comparison.identity_faults import IdentityFault
    from iidindex.query.linkage.lineage import Relatives

# What answers is imported where it is asked, as in `linking`.


class IdentityQuestions(Opened):
    """Questions about the identity of individuals, and about their descent."""

    @with_filters
    def identities(
        self,
        *,
        faults: str | Iterable[str] | None = None,
        by: str = "path",
        iou: float = 0.0,
        on_stale: OnStale | None = None,
        jobs: int | None = None,
        **wanted: Unpack[Where],
    ) -> Records[IdentityFault]:
        """Faults of identity: what was named wrongly, as far as an index can see it.

        - ``twice``: an individual has a further entry in one file. ``other`` is the key of its
          first entry there.
        - ``domains``: an address is in several domains. Each but the first is told, where it comes
          first; ``other`` is the first domain.
        - ``switched``: two individuals of one domain exchange their places between a picture and
          the next one. ``other`` is the address of the other individual, ``before`` the path of
          the picture before.
        - ``once``: an individual has one entry and no other. ``other`` is None.

        Pictures that follow each other are neighbours in an order of the files of one directory.
        Two individuals that are in both have switched, if in the later picture each has a larger
        IoU (shared pixels over those of both together) with the mask that the other had before than
        with its own. The masks that an individual has in one picture are united. Where all four
        are equal, nobody has switched; nor where one takes the place of another that went
        elsewhere.

        Parameters
        ----------
        faults : str or iterable of str, optional
            Some of ``twice domains switched once``; all without it.
        by : str
            The order of pictures: ``path``, or ``meta.`` and a name in their metadata. Files that
            say nothing come last, and those that tie by path.
        iou : float
            What both overlaps across must be at least, for individuals to have switched.
        on_stale : {"error", "skip", "warn"}, optional
        jobs : int, optional
            As in `Entries.reading`.
        FILTERS

        Returns
        -------
        Records of IdentityFault
            ``fault path key iid other``, and ``before iou location``: by fault, then by file and
            key; those of several domains by address and domain. They come one after the other as
            they are iterated over, or made a table of; ``len``, ``[…]`` and ``==`` keep all.

        Raises
        ------
        QueryError
            If an argument has not its form.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`, while ``switched`` is looked for.

        Notes
        -----
        Masks are read for ``switched`` alone, and only those of two individuals each of whose
        boxes meets one of the other's in the picture beside it. In memory are two numbers for each
        individual of the archive, and some MiB.
        """
        asked = self.entries.where(**wanted).reading(on_stale=on_stale, jobs=jobs)
        return asked.identities(faults=faults, by=by, iou=iou)

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
