"""What links files and individuals."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from iidindex.index.opened import Opened
from iidindex.model import IID
from iidindex.query.answers.records import LazyRecords, Records
from iidindex.query.question.asked import Filters
from iidindex.rows import COOCCURRENCE, GROUP, IID_ALONE, IID_COUNT, LINK, RELATED

if TYPE_CHECKING:
    from iidindex.query.holdings.inventory import GroupCount, IIDCount
    from iidindex.query.linkage.chain import FileStep
    from iidindex.query.linkage.cooccurring import Cooccurrence
    from iidindex.query.linkage.links import Link
    from iidindex.query.linkage.sharing import Related
    from iidindex.query.overlaps.overlap import Overlaps


# What answers is imported where it is asked: each command asks one question, and pays for all
# that is imported here.


class Linkage(Opened):
    """Questions about what files have in common, and what lies together."""

    def individual(self, address: bytes, *, domain: bytes | None = None) -> IID | None:
        """The individual of an address; None, if no file has it.

        Parameters
        ----------
        address : bytes
        domain : bytes, optional
            ``b""`` for no domain; without this, the only domain that has the address.

        Raises
        ------
        SeveralDomainsError
            If no domain is named, and several have the address.
        """
        from iidindex.query.linkage.individual import individual

        return individual(self._catalog, address, domain)

    def links(self, address: bytes, *, domain: bytes | None = None) -> Records[Link]:
        """Files in which the individuals of an address appear.

        Parameters
        ----------
        address : bytes
        domain : bytes, optional
            ``b""`` for IIDs without a domain; without this, in every domain.

        Returns
        -------
        Records of Link
            One for each file and IID, by path, then by domain, none first: ``path entries area``,
            and ``iid domain location``. Pixels of entries that overlap count each time.
        """
        from iidindex.query.linkage.links import links

        return Records(LINK, links(self._catalog, address, domain), self._catalog)

    def shared(self, *paths: str) -> Records[IID]:
        """IIDs that are in all of the files.

        Parameters
        ----------
        *paths : str
            One at the least: inside its root, or where the file lies on disk.

        Returns
        -------
        Records of IID
            By domain, none first, and address.

        Raises
        ------
        QueryError
            If no file is named, one is not indexed, or files of several roots have its path.
        """
        from iidindex.query.linkage.sharing import shared

        return Records(IID_ALONE, shared(self._catalog, *paths))

    def related(self, path: str, *, k: int | None = 10) -> Records[Related]:
        """Files that share IIDs with one, those that share rare ones first.

        An IID weighs ln(N/n), where n of the N files have it (inverse document frequency: K. Spärck
        Jones, "A statistical interpretation of term specificity and its application in retrieval",
        Journal of Documentation 28, 1972).

        Parameters
        ----------
        path : str
            Inside its root, or where the file lies on disk.
        k : int, optional
            How many at the most; None for all.

        Returns
        -------
        Records of Related
            By score: ``path shared score``, and ``location``. Files that share nothing are not in
            it.

        Raises
        ------
        QueryError
            If no indexed file, or several, have that path.

        Notes
        -----
        It takes a row of an index for every appearance of every IID of the file.
        """
        from iidindex.query.linkage.sharing import related

        return Records(RELATED, related(self._catalog, path, k=k), self._catalog)

    def cooccurring(
        self,
        address: bytes,
        *,
        domain: bytes | None = None,
        by: str = "file",
        k: int | None = None,
    ) -> Records[Cooccurrence]:
        """IIDs that are together with one, most often first.

        Parameters
        ----------
        address : bytes
        domain : bytes, optional
            ``b""`` for no domain; without this, the only domain that has the address.
        by : {"file", "group", "overlap"}
            What is counted: files in common, groups of files in common, or pairs of entries that
            share pixels.
        k : int, optional
            How many at the most.

        Returns
        -------
        Records of Cooccurrence
            ``iid count pixels``; the pixels are those shared, if it is by overlap.

        Raises
        ------
        QueryError
            If an argument has not its form.
        SeveralDomainsError
            If no domain is named, and several have the address.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            If it is by overlap, and an original is not what it was.

        Notes
        -----
        By file and group it takes a row of an index for every entry of every file that the IID is
        in. By overlap it compares its masks in each of these files with those that they meet,
        unless the catalogue keeps the overlaps of the file.
        """
        from iidindex.query.linkage.cooccurring import cooccurring

        found = cooccurring(
            self._catalog, address, originals=self._originals, domain=domain, by=by, k=k
        )
        return Records(COOCCURRENCE, found)

    def chain(
        self, a: tuple[bytes | None, bytes], b: tuple[bytes | None, bytes]
    ) -> list[IID | FileStep] | None:
        """The shortest chain of files that leads from one IID to another.

        Parameters
        ----------
        a, b : (bytes or None, bytes)
            Domain and address; None or ``b""`` for no domain.

        Returns
        -------
        list of IID and str, or None
            ``[IID, path, IID, …, IID]``, each file holding the IIDs beside it; None, if there is no
            chain, or no such IID. The ``location`` of a path is where its file can be opened.

        Notes
        -----
        Both ends are searched from, the smaller side first. At the worst every IID and every file
        is looked at once; memory holds two numbers for each.
        """
        from iidindex.query.linkage.chain import chain

        return chain(self._catalog, a, b)

    def iids(
        self,
        *,
        prefix: bytes | None = None,
        domain: bytes | Iterable[bytes] | None = None,
        root: str | None = None,
        path: str | None = None,
        min_files: int = 1,
        order_by: str | Iterable[str] = (),
        limit: int | None = None,
        after: IIDCount | None = None,
    ) -> Records[IIDCount]:
        """IIDs of the archive, and how often each is met.

        Parameters
        ----------
        prefix : bytes, optional
            What the address begins with.
        domain : bytes, or iterable of them, optional
            ``b""`` for IIDs without a domain; without this, of any domain.
        root, path : str, optional
            Only in files of this root, and with this path or pattern, as in `Entries.where`. They
            are counted in these alone.
        min_files : int
            Only IIDs that are in so many files.
        order_by : str or iterable of str
            ``address domain files entries``, with ``-`` for descending. Where IIDs tie, and without
            this, they come by address, then by domain, none first.
        limit : int, optional
            How many at the most.
        after : IIDCount, optional
            Only those that come later in their order. With `limit`, this goes through many page by
            page.

        Returns
        -------
        Records of IIDCount
            ``iid files entries``. They come one after the other as they are iterated over, or made
            a table of; ``len``, ``[…]`` and ``==`` keep all. With an order by something else than
            the address, all are counted before the first comes.

        Raises
        ------
        QueryError
            If an argument has not its form.
        """
        from iidindex.query.holdings.inventory import iids

        filters = Filters().where(prefix=prefix, domain=domain, root=root, path=path)
        found = iids(
            self._catalog,
            filters,
            min_files=min_files,
            order_by=order_by,
            limit=limit,
            after=after,
        )
        return LazyRecords(IID_COUNT, found)

    def groups(self) -> Records[GroupCount]:
        """Groups that have members, by name: ``name files entries``."""
        from iidindex.query.holdings.inventory import groups

        return Records(GROUP, groups(self._catalog))

    def link_graph(
        self,
        *,
        project: str | None = None,
        address: bytes | None = None,
        domain: bytes | None = None,
        path: str | None = None,
        depth: int = 2,
        limit: int = 100,
    ) -> Any:
        """The graph of files and the IIDs in them, or of what lies around one of them.

        Parameters
        ----------
        project : {"files", "iids"}, optional
            Only nodes of this kind, linked by what they have in common.
        address, domain : bytes, optional
            Only what lies around this IID; the domain may be left out where only one has the
            address.
        path : str, optional
            Only what lies around this file.
        depth : int
            Up to so many links away.
        limit : int
            So many nodes around at the most; ``graph.graph["left_out"]`` is how many more there
            were.

        Returns
        -------
        networkx.Graph
            Nodes have ``kind`` (``file`` or ``iid``), and ``root path`` or ``address domain
            address_b64 domain_b64``, as text. The ``weight`` of an edge is how many entries of the
            file have the IID or, if `project` is given, how many IIDs or files two nodes share.

        Raises
        ------
        QueryError
            If networkx is not installed (``pip install 'iidindex[graph]'``), or an argument has not
            its form.
        SeveralDomainsError
            If no domain is named, and several have the address.
        """
        from iidindex.query.linkage.link_graph import link_graph

        return link_graph(
            self._catalog,
            project=project,
            address=address,
            domain=domain,
            path=path,
            depth=depth,
            limit=limit,
        )

    def overlaps(
        self,
        path: str | None = None,
        *,
        between: tuple[bytes, bytes] | None = None,
        a_group: str | Iterable[str] | None = None,
        b_group: str | Iterable[str] | None = None,
        min_iou: float | None = None,
        a_in_b: tuple[float | None, float | None] | None = None,
        b_in_a: tuple[float | None, float | None] | None = None,
        within: int | None = None,
        order_by: str | Iterable[str] | None = None,
        limit: int | None = None,
        across: tuple[str, str] | None = None,
        store: bool = False,
        jobs: int | None = None,
        progress: Callable[[Any], object] | None = None,
    ) -> Overlaps:
        """Pairs of entries that share pixels, within each file: ``a b pixels iou a_in_b b_in_a``.

        Parameters
        ----------
        path : str, optional
            Of files, as in `Entries.where`; without it, of the whole archive.
        between, a_group, b_group, min_iou, a_in_b, b_in_a, within, order_by, limit, across
            What is asked of the pairs, as in `Entries.overlaps`.
        store : bool
            Keep them in the catalogue, as in `Entries.overlaps`.
        jobs : int, optional
            Processes that count; 1 without this.
        progress : callable, optional
            Called while they are stored, as in `Entries.overlaps`.
        """
        question = self.entries if path is None else self.entries.where(path=path)
        return question.overlaps(
            between=between,
            a_group=a_group,
            b_group=b_group,
            min_iou=min_iou,
            a_in_b=a_in_b,
            b_in_a=b_in_a,
            within=within,
            order_by=order_by,
            limit=limit,
            across=across,
            store=store,
            jobs=jobs,
            progress=progress,
        )
