"""Filling an index, and keeping it in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from iidindex.catalog.roots import Root
from iidindex.errors import IngestError
from iidindex.index.opened import Opened
from iidindex.ingestion.report import IngestReport, Progress
from iidindex.query.answers.indexed_file import IndexedFile
from iidindex.query.answers.records import Records
from iidindex.query.holdings.archive_files import indexed_files
from iidindex.query.holdings.stats import Stats, stats
from iidindex.rows import FILE

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from iidindex.catalog.contract import Optimization
    from iidindex.query.holdings.verify import Problem


class Upkeep(Opened):
    """What an index holds, and what is done to it."""

    def ingest(
        self,
        paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        *,
        jobs: int | None = None,
        checksum: bool = False,
        dry_run: bool = False,
        progress: Callable[[Progress], object] | None = None,
        executor: Executor | None = None,
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
        executor : concurrent.futures.Executor, optional
            Reads all files, instead of processes that are started for it: threads, Dask's
            ``client.get_executor()``, mpi4py's. Its workers need this package and the same
            paths; it is not shut down. `jobs` is not given beside it.

        Returns
        -------
        IngestReport

        Raises
        ------
        IngestError
            If a path is not there, or the executor is none or fails, in whatever way; what was
            finished is kept.
        CatalogLockedError
            If another process is writing.
        """
        from iidindex.ingestion.run import ingest

        try:
            listed = [paths] if isinstance(paths, (str, bytes, os.PathLike)) else list(paths)
        except TypeError:
            told = f"paths must be a path or several, not {type(paths).__name__}: {paths!r:.200}"
            raise IngestError(told) from None
        return ingest(
            self._catalog,
            listed,
            jobs=jobs,
            checksum=checksum,
            dry_run=dry_run,
            progress=progress,
            executor=executor,
        )

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
        from iidindex.ingestion.housekeeping import roots

        return roots(self._catalog)

    def relocate(self, name: str, place: str | os.PathLike[str], *, dry_run: bool = False) -> Root:
        """Record that a root now lies elsewhere; its files are looked for there.

        Raises
        ------
        CatalogError
            If there is no root of that name, or `place` meets another root.
        """
        from iidindex.ingestion.housekeeping import relocate

        return relocate(self._catalog, name, place, dry_run=dry_run)

    def prune(self, *, root: str | None = None, dry_run: bool = False) -> list[str]:
        """Delete what is known of missing files; return their paths.

        Parameters
        ----------
        root : str, optional
            Forget the root of this name instead, with all its files, which must be gone.
        dry_run : bool
            Change nothing.

        Raises
        ------
        CatalogError
            If there is no root of that name, or one of its files is there.
        """
        from iidindex.ingestion.housekeeping import prune

        return prune(self._catalog, root=root, dry_run=dry_run)

    def optimize(self, *, dry_run: bool = False) -> Optimization:
        """Pack the R-tree anew and gather statistics, after many small changes.

        Parameters
        ----------
        dry_run : bool
            Change nothing.

        Returns
        -------
        Optimization
            What there was to do: ``lacks_indexes boxes nodes has_statistics bytes free_bytes``.

        Raises
        ------
        CatalogLockedError
            If another process is writing.
        """
        from iidindex.ingestion.housekeeping import optimize

        return optimize(self._catalog, dry_run=dry_run)

    def verify(
        self, *, checksum: bool = False, progress: Callable[[Any], object] | None = None
    ) -> list[Problem]:
        """Compare the originals and the database with what was indexed.

        With `checksum`, files are read, but for their masks; otherwise sizes and times are
        compared. Returns what is wrong, as ``location problem``; nothing, if all is well.
        `progress` is called with something that prints as a line of text.
        """
        from iidindex.query.holdings.verify import verify

        return verify(self._catalog, checksum=checksum, progress=progress)

    def doctor(self) -> dict[str, Any]:
        """Versions, what this build of SQLite can do, and the state of the index, by name."""
        from iidindex.query.holdings.doctor import doctor

        return doctor(self._catalog)
