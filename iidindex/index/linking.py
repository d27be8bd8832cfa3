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
        """The individual of an address; None if no file has it.

        Parameters
        ----------
        address : bytes
        domain : bytes, optional
            ``b""`` for no domain; without this, the only domain that has the address.

        Raises
        ------
        SeveralDomainsError
            If no domain is given, and the address is in several.
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
            One for each file and IID: ``path entries area``, and ``iid domain location``. They are
            sorted by path, then by domain; no domain comes first. Pixels of entries that overlap
            count each time.
        """
        from iidindex.query.linkage.links import links

        return Records(LINK, links(self._catalog, address, domain), self._catalog)

    def shared(self, *paths: str) -> Records[IID]:
        """IIDs that are in all of the files.

        Parameters
        ----------
        *paths : str
            At least one: the path inside its root, or the path on disk.

        Returns
        -------
        Records of IID
            Sorted by domain, then by address; no domain comes first.

        Raises
        ------
        QueryError
            If no file is given, a file is not indexed, or files of several roots have its path.
        """
        from iidindex.query.linkage.sharing import shared

        return Records(IID_ALONE, shared(self._catalog, *paths))

    def related(self, path: str, *, k: int | None = 10) -> Records[Related]:
        """Files that share IIDs with one file. Files that share rare IIDs come first.

        The weight of an IID is ln(N/n), if n of the N files have it (inverse document frequency:
        K. Spärck Jones, "A statistical interpretation of term specificity and its application in
        retrieval", Journal of Documentation 28, 1972).

        Parameters
        ----------
        path : str
            The path inside its root, or the path on disk.
        k : int, optional
            The largest number of rows; None for all.

        Returns
        -------
        Records of Related
            By score: ``path shared score``, and ``location``. Files that share nothing are left
            out.

        Raises
        ------
        QueryError
            If no indexed file, or several, have that path.

        Notes
        -----
        It reads a row of a database index for every appearance of every IID of the file.
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
        """IIDs that appear together with one IID, most often first.

        Parameters
        ----------
        address : bytes
        domain : bytes, optional
            ``b""`` for no domain; without this, the only domain that has the address.
        by : {"file", "group", "overlap"}
            What is counted: files in common, groups of files in common, or pairs of entries that
            share pixels.
        k : int, optional
            The largest number of rows.

        Returns
        -------
        Records of Cooccurrence
            ``iid count pixels``; `pixels` are the shared pixels, with `by="overlap"`.

        Raises
        ------
        QueryError
            If an argument is not valid.
        SeveralDomainsError
            If no domain is given, and the address is in several.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            With `by="overlap"`, if an original file is not what it was.

        Notes
        -----
        By file and by group, it reads a row of a database index for every entry of every file that
        the IID is in. By overlap, it compares the IID's masks in each of these files with the
        masks that they meet, unless the overlaps of the file are stored.
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
            ``[IID, path, IID, …, IID]``, where each file holds the IIDs before and after it. None
            if there is no chain, or no such IID. The ``location`` of a path is where its file can
            be opened.

        Notes
        -----
        The search begins at both ends and extends the smaller side first. In the worst case, every
        IID and every file is read once. Memory holds two numbers for each.
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
        """IIDs of the archive, and in how many files and entries each of them is.

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
            Only IIDs that are in at least this many files.
        order_by : str or iterable of str
            ``address domain files entries``, with ``-`` for descending. IIDs that tie are sorted
            by address, then by domain; no domain comes first. So are all IIDs by default.
        limit : int, optional
            The largest number of rows.
        after : IIDCount, optional
            Only rows that come after this one in their order. With `limit`, this reads many rows
            page by page.

        Returns
        -------
        Records of IIDCount
            ``iid files entries``. They are read one by one while you iterate over them or make a
            table. ``len``, ``[…]`` and ``==`` load all of them. With any order other than by
            address, all are counted before the first is returned.

        Raises
        ------
        QueryError
            If an argument is not valid.
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
        """The graph of files and the IIDs in them, or the part of it around one file or IID.

        Parameters
        ----------
        project : {"files", "iids"}, optional
            Only nodes of this kind, linked by what they have in common.
        address, domain : bytes, optional
            Only the part of the graph around this IID. The domain may be left out if the address
            is in only one.
        path : str, optional
            Only the part of the graph around this file.
        depth : int
            The largest number of links to it.
        limit : int
            The largest number of nodes around it; ``graph.graph["left_out"]`` is how many more
            there were.

        Returns
        -------
        networkx.Graph
            Nodes have ``kind`` (``file`` or ``iid``), and ``root path`` or ``address domain
            address_b64 domain_b64``, as text. The ``weight`` of an edge is how many entries of the
            file have the IID or, if `project` is given, how many IIDs or files two nodes share.

        Raises
        ------
        QueryError
            If networkx is not installed (``pip install 'iidindex[graph]'``), or an argument is not
            valid.
        SeveralDomainsError
            If no domain is given, and the address is in several.
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
            The filters and the order of the pairs, as in `Entries.overlaps`.
        store : bool
            Store them in the index, as in `Entries.overlaps`.
        jobs : int, optional
            The number of processes that count; 1 by default.
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
