"""The façade: one object that ingests and answers. It delegates and decides nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

from iidindex.catalog.engine import Catalog
from iidindex.catalog.places import Root
from iidindex.ingestion.keep import optimize, prune, relocate, roots
from iidindex.ingestion.report import IngestReport, Progress
from iidindex.model import IID, BBox, BBoxLike
from iidindex.query.chain import chain
from iidindex.query.entries import Entries
from iidindex.query.entry import Entry
from iidindex.query.files import IndexedFile, indexed_files
from iidindex.query.filters import Filters
from iidindex.query.graph import link_graph
from iidindex.query.linkage import Cooccurrence, Related, cooccurring, related, shared
from iidindex.query.links import Link, links
from iidindex.query.listing import GroupCount, IIDCount, groups, iids
from iidindex.query.originals import OnStale, Originals
from iidindex.query.places import entry_of
from iidindex.query.records import Records
from iidindex.query.statements import Value, ask
from iidindex.query.stats import Stats, stats
from iidindex.rows import COOCCURRENCE, FILE, GROUP, IID_ALONE, IID_COUNT, LINK, RELATED

if TYPE_CHECKING:
    from iidindex.pictures.drawing import Drawing
    from iidindex.query.overlap import Overlaps
    from iidindex.query.verify import Problem


class Index:
    """An index over an archive of ``.iid`` files. May be shared by threads.

    Parameters
    ----------
    location : path-like or str
        A path, or a SQLAlchemy URL.
    create : bool
        Make a new, empty index if there is none.
    read_only : bool
        Never write; works from a read-only disk.

    Raises
    ------
    CatalogNotFoundError
        If there is none, and `create` was not given.
    SchemaVersionError
        If it was made by another version of this program.
    CatalogError
        If it cannot be read, or is no index.
    """

    def __init__(
        self, location: str | os.PathLike[str], *, create: bool = False, read_only: bool = False
    ) -> None:
        self._catalog = Catalog(location, create=create, read_only=read_only)
        self._originals = Originals()

    @property
    def entries(self) -> Entries:
        """All entries of all files, to be narrowed down by ``where at region …``."""
        return Entries(self._catalog, self._originals, Filters())

    def ingest(
        self,
        paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        *,
        jobs: int | None = None,
        checksum: bool = False,
        dry_run: bool = False,
        progress: Callable[[Progress], object] | None = None,
    ) -> IngestReport:
        """Bring the index up to date with files and directories.

        Parameters
        ----------
        paths : path-like or iterable of path-like
            Directories are searched for ``.iid`` files.
        jobs : int, optional
            Processes that read files; by default as many as there are processors, if there
            is much to read.
        checksum : bool
            Read every file, even if its size and time are the same.
        dry_run : bool
            Read and report, but change nothing.
        progress : callable, optional
            Called with a `Progress`, which prints as a line of text.

        Returns
        -------
        IngestReport

        Raises
        ------
        IngestError
            If a path is not there.
        CatalogLockedError
            If another process is writing.
        """
        from iidindex.ingestion.run import ingest

        listed = [paths] if isinstance(paths, (str, bytes, os.PathLike)) else list(paths)
        return ingest(
            self._catalog, listed, jobs=jobs, checksum=checksum, dry_run=dry_run, progress=progress
        )

    def entry(self, path: str, key: int) -> Entry | None:
        """One entry of one file, or None.

        Parameters
        ----------
        path : str
            Inside its root, or where the file lies on disk.
        key : int

        Raises
        ------
        QueryError
            If files of several roots have that path.
        """
        return entry_of(self.entries, path, key)

    def links(self, address: bytes, *, domain: bytes | None = None) -> Records[Link]:
        """Files in which an IID appears, by path; without `domain`, in any domain."""
        return Records(LINK, links(self._catalog, address, domain))

    def shared(self, *paths: str) -> Records[IID]:
        """IIDs that are in all of the files, by domain and address."""
        return Records(IID_ALONE, shared(self._catalog, *paths))

    def related(self, path: str, *, k: int | None = 10) -> Records[Related]:
        """Files ranked by the IIDs they share with one, rare ones above all."""
        return Records(RELATED, related(self._catalog, path, k=k))

    def cooccurring(
        self,
        address: bytes,
        *,
        domain: bytes | None = None,
        by: str = "file",
        k: int | None = None,
    ) -> Records[Cooccurrence]:
        """IIDs that are together with one in a ``file`` or ``group``, or ``overlap`` it."""
        found = cooccurring(
            self._catalog, address, originals=self._originals, domain=domain, by=by, k=k
        )
        return Records(COOCCURRENCE, found)

    def chain(
        self, a: tuple[bytes | None, bytes], b: tuple[bytes | None, bytes]
    ) -> list[IID | str] | None:
        """The shortest way from an IID through files to another: ``[IID, path, …, IID]``."""
        return chain(self._catalog, a, b)

    def iids(
        self,
        *,
        prefix: bytes | None = None,
        domain: bytes | None = None,
        limit: int | None = None,
    ) -> Records[IIDCount]:
        """IIDs by address and domain: ``iid files entries``."""
        found = iids(self._catalog, prefix=prefix, domain=domain, limit=limit)
        return Records(IID_COUNT, found)

    def groups(self) -> Records[GroupCount]:
        """Groups that have members, by name: ``name files entries``."""
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
        """Files and IIDs as a `networkx.Graph`; only ``files`` or ``iids``, if `project` says.

        With `address` or `path`, what lies around an IID or a file, up to `depth` links away
        and `limit` nodes; ``graph.graph["left_out"]`` is how many more there were.
        `iidindex.pictures.graph.draw_graph` draws it.
        """
        return link_graph(
            self._catalog,
            project=project,
            address=address,
            domain=domain,
            path=path,
            depth=depth,
            limit=limit,
        )

    def render(
        self,
        path: str,
        entries: Entries | None = None,
        *,
        image: str | os.PathLike[str] | bool = True,
        size: int = 2048,
        zoom: int = 1,
        crop: BBoxLike | None = None,
        alpha: float | None = None,
        outlines: bool = True,
        labels: bool = True,
        font: str | os.PathLike[str] | None = None,
        on_stale: OnStale = "error",
    ) -> Drawing:
        """Draw the masks of one file, each in its IID's colour, over the file's picture.

        Parameters
        ----------
        path : str
            Inside its root, or where the file lies on disk.
        entries : Entries, optional
            Draw only those of the file that are among these: ``index.entries.where(...)``.
        image : path-like or bool
            The picture's own file. By default the first that the metadata name under
            ``image``, ``picture``, ``file_name``, ``filename`` or ``path``, relative to the
            directory of the ``.iid`` file, if it is there; False for none.
        size : int
            Pixels along the longer side of what is returned, at the most. A larger frame is
            reduced, and a pixel tinted by the part of it that a mask covers.
        zoom : int
            Sides of the square that a pixel of the frame is drawn as, if `size` allows.
        crop : sequence of int, optional
            ``(minr, minc, maxr, maxc)``, half-open, pixels: draw this part of the frame.
        alpha : float, optional
            Strength of the tints, 0 … 1; by default 0.4 over an image and 0.7 over none.
        outlines, labels : bool
        font : path-like, optional
            A font file for the labels.
        on_stale : {"error", "skip", "warn"}
            As in `Entries.reading`.

        Returns
        -------
        Drawing
            ``picture``, uint8 of shape (h, w, 3); ``drawn``, how many entries are seen on it;
            ``left_out``, how many labels found no room; ``images``.

        Raises
        ------
        QueryError
            If no file has that path, an argument has not its form, or the image's size is not
            the one that the metadata tell, or masks reach outside it.
        SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `Entry.mask`; also if the image cannot be read.

        Notes
        -----
        Memory grows with `size`, the image, and the number of entries, not with the frame.
        """
        from iidindex.pictures.render import render
        from iidindex.pictures.scene import Style

        return render(
            self._catalog,
            self._originals,
            self.entries if entries is None else entries,
            path,
            image=image if isinstance(image, bool) else os.fspath(image),
            size=size,
            zoom=zoom,
            crop=None if crop is None else BBox.of(crop, "crop"),
            style=Style(alpha, outlines),
            labels=labels,
            font=None if font is None else os.fspath(font),
            on_stale=on_stale,
        )

    def sheet(
        self,
        address: bytes | Iterable[bytes],
        entries: Entries | None = None,
        *,
        domain: bytes | None = None,
        limit: int = 60,
        tile: int = 192,
        margin: float = 0.25,
        fit: bool = False,
        image: bool = True,
        alpha: float | None = None,
        outlines: bool = True,
        font: str | os.PathLike[str] | None = None,
        on_stale: OnStale = "error",
    ) -> Drawing:
        """Draw every appearance of an IID on a tile of its own, by path and key.

        Parameters
        ----------
        address : bytes or iterable of bytes
        entries : Entries, optional
            Draw only those that are among these.
        domain : bytes, optional
            ``b""`` stands for none given; without it, the address in any domain.
        limit : int
            Tiles, at most 400.
        tile : int
            Sides of a tile in pixels.
        margin : float
            What is shown on each side of a mask, as a part of its longer side.
        fit : bool
            Scale every tile to its own mask. Otherwise all show a square of the same size, so
            that masks can be compared.
        image : bool
            Draw over the pictures that the metadata name, as in `render`.
        alpha, outlines, font, on_stale
            As in `render`.

        Returns
        -------
        Drawing
            ``picture``, uint8 of shape (h, w, 3), without pixels if there is no appearance;
            ``drawn``, the tiles; ``left_out``, how many appearances are more than `limit`.

        Raises
        ------
        QueryError, SourceNotFoundError, SourceError, StaleFileError, IIDFormatError
            As `render`.
        """
        from iidindex.pictures.scene import Style
        from iidindex.pictures.sheet import sheet

        question = self.entries if entries is None else entries
        return sheet(
            self._catalog,
            self._originals,
            question.where(address=address, domain=domain),
            limit=limit,
            tile=tile,
            margin=margin,
            fit=fit,
            image=image,
            style=Style(alpha, outlines),
            font=None if font is None else os.fspath(font),
            on_stale=on_stale,
        )

    def overlaps(
        self,
        path: str | None = None,
        *,
        store: bool = False,
        jobs: int | None = None,
        progress: Callable[[Any], object] | None = None,
    ) -> Overlaps:
        """Pairs of entries that share pixels, within each file: ``a b pixels iou a_in_b b_in_a``.

        Parameters
        ----------
        path : str, optional
            Of files, as in `Entries.where`; without it, of the whole archive.
        store : bool
            Keep them in the catalogue, as in `Entries.overlaps`.
        jobs : int, optional
            Processes that count; 1 without this.
        progress : callable, optional
            Called while they are stored, as in `Entries.overlaps`.
        """
        question = self.entries if path is None else self.entries.where(path=path)
        return question.overlaps(store=store, jobs=jobs, progress=progress)

    def files(self, *, state: str | None = None) -> Records[IndexedFile]:
        """Files by root and path: ``path location state reason entries size``.

        Only those in `state`, if it is given: ``ok``, ``missing`` or ``failed``.
        """
        return Records(FILE, indexed_files(self._catalog, state))

    def stats(self) -> Stats:
        """How much the index holds."""
        return stats(self._catalog)

    def roots(self) -> list[Root]:
        """The directories that files are recorded relative to: ``id name location files``."""
        return roots(self._catalog)

    def relocate(self, name: str, place: str | os.PathLike[str], *, dry_run: bool = False) -> Root:
        """Record that a root now lies elsewhere; its files are looked for there.

        Raises
        ------
        CatalogError
            If there is no root of that name, or `place` meets another root.
        """
        return relocate(self._catalog, name, place, dry_run=dry_run)

    def prune(self, *, dry_run: bool = False) -> list[str]:
        """Delete what is known of missing files; return their paths."""
        return prune(self._catalog, dry_run=dry_run)

    def optimize(self) -> None:
        """Pack the R-tree anew and gather statistics, after many small changes."""
        optimize(self._catalog)

    def verify(
        self, *, checksum: bool = False, progress: Callable[[Any], object] | None = None
    ) -> list[Problem]:
        """Compare the originals and the database with what was indexed.

        With `checksum`, files are read, but for their masks; otherwise sizes and times are
        compared. Returns what is wrong, as ``location problem``; nothing, if all is well.
        `progress` is called with something that prints as a line of text.
        """
        from iidindex.query.verify import verify

        return verify(self._catalog, checksum=checksum, progress=progress)

    def doctor(self) -> dict[str, Any]:
        """Versions, what this build of SQLite can do, and the state of the index, by name."""
        from iidindex.query.doctor import doctor

        return doctor(self._catalog)

    def sql(
        self, statement: str, parameters: Mapping[str, Value] | None = None
    ) -> Iterator[dict[str, Value]]:
        """Ask in SQL: run a statement that reads, over tables and views, and stream its rows.

        Parameters
        ----------
        statement : str
            In SQLite's SQL. The views are ``found indexed_files members appearances
            overlapping``.
        parameters : mapping, optional
            What ``:name`` in it stands for.

        Raises
        ------
        QueryError
            If the statement is not valid, or does more than read.
        """
        return ask(self._catalog, statement, parameters)

    def close(self) -> None:
        """Close the database and all originals."""
        self._originals.close()
        self._catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Index {self._catalog.name!r}>"


def open(  # noqa: A001  (iidindex.open, as in gzip.open)
    location: str | os.PathLike[str], create: bool = False, *, read_only: bool = False
) -> Index:
    """Open an index; the arguments are those of `Index`."""
    return Index(location, create=create, read_only=read_only)
