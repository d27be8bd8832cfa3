"""Filling an index, and keeping it in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Unpack

from iidindex.catalog.roots import Root
from iidindex.errors import IngestError
from iidindex.index.opened import Opened
from iidindex.query.answers.indexed_file import IndexedFile
from iidindex.query.answers.records import Records
from iidindex.query.holdings.archive_files import indexed_files
from iidindex.query.question.asked import Filters
from iidindex.query.question.filters import Where, with_filters
from iidindex.rows import CHANGE, FILE

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from datetime import datetime

    from iidindex.catalog.contract import Optimization
    from iidindex.catalog.transferring import Copied, CopyProgress
    from iidindex.ingestion.report import IngestReport, Progress
    from iidindex.query.holdings.changes import Change
    from iidindex.query.holdings.stats import Stats
    from iidindex.query.holdings.verify import Problem


class Upkeep(Opened):
    """What an index holds, and what is done to it."""

    def ingest(
        self,
        paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        *,
        jobs: int | None = None,
        checksum: bool = False,
        fixity: bool = False,
        dry_run: bool = False,
        progress: Callable[[Progress], object] | None = None,
        executor: Executor | None = None,
    ) -> IngestReport:
        """Bring the index up to date with files and directories.

        Parameters
        ----------
        paths : path-like or iterable of path-like
            Directories are searched for ``.iid`` files. URLs of object stores are directories,
            too: ``s3://bucket/prefix``, ``gs://`` and ``az://``. On a web server, each file is
            named by its URL.
        jobs : int, optional
            The number of processes that read files; by default one for each processor, if there is
            much to read.
        checksum : bool
            Read every file, even if its size and time are the same.
        fixity : bool
            Record a BLAKE2b of all bytes of every file, and a checksum of each segment, in this
            and every later ingest of these roots. Damage is then found before a mask is returned,
            and by `verify`. It reads every byte.
        dry_run : bool
            Read and report, but change nothing.
        progress : callable, optional
            Called with a `Progress`, whose `str` is a line of text.
        executor : concurrent.futures.Executor, optional
            Reads all files, instead of processes that the ingest starts: threads, Dask's
            ``client.get_executor()``, mpi4py's. Its workers need this package and the same paths.
            It is not shut down. It cannot be combined with `jobs`.

        Returns
        -------
        IngestReport

        Raises
        ------
        IngestError
            If a path is not there, or the executor is not one or fails in any way. What was
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
            fixity=fixity,
            dry_run=dry_run,
            progress=progress,
            executor=executor,
        )

    @with_filters
    def files(
        self,
        *,
        state: str | None = None,
        order_by: str | Iterable[str] = (),
        limit: int | None = None,
        after: IndexedFile | None = None,
        **wanted: Unpack[Where],
    ) -> Records[IndexedFile]:
        """Files by root and path: ``path location state reason entries size``.

        With filters of entries, only files with an entry that fits.

        Parameters
        ----------
        state : {"ok", "missing", "failed"}, optional
            Only files in this state.
        order_by : str or iterable of str
            ``path state entries size``, or in metadata ``meta.camera.iso``, with a ``-`` before it
            for descending.
        limit : int, optional
            The largest number of rows.
        after : IndexedFile, optional
            Only rows that come after this one. With `limit`, this reads many rows page by page.
        FILTERS

        Raises
        ------
        QueryError
            If an argument is not valid.
        """
        filters = Filters().where(**wanted)
        found = indexed_files(
            self._catalog, filters, state=state, order_by=order_by, limit=limit, after=after
        )
        return Records(FILE, found, self._catalog)

    def stats(self) -> Stats:
        """How much the index holds."""
        from iidindex.query.holdings.stats import stats

        return stats(self._catalog)

    def layers(self) -> float:
        """How many parts of the spatial index a question about a pixel looks into, on average.

        It is about two after a first ingest. Every large ingest adds one or two, until they are
        merged. From 30 on, `optimize` is worth its time.
        """
        with self._catalog.reading() as connection:
            return self._catalog.store.layers(connection)

    def roots(self) -> list[Root]:
        """The roots: the directories that the paths of files begin at.

        ``id name location files``.
        """
        from iidindex.ingestion.housekeeping import roots

        return roots(self._catalog)

    def relocate(self, name: str, place: str | os.PathLike[str], *, dry_run: bool = False) -> Root:
        """Record that a root has moved to another directory. Its files are looked for there.

        Raises
        ------
        CatalogError
            If there is no root of that name, or `place` is, contains or is inside another root.
        """
        from iidindex.ingestion.housekeeping import relocate

        return relocate(self._catalog, name, place, dry_run=dry_run)

    def prune(self, *, root: str | None = None, dry_run: bool = False) -> list[str]:
        """Delete what the index knows about missing files; return their paths.

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
        """Pack the R-tree again and gather statistics, after many small changes.

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
        self,
        *,
        checksum: bool = False,
        fixity: bool = False,
        masks: bool = False,
        progress: Callable[[Any], object] | None = None,
    ) -> list[Problem]:
        """Check that the original files and the database are as they were indexed.

        It goes on after a fault. Sizes and times are compared in any case.

        Parameters
        ----------
        checksum : bool
            Read files, except their masks.
        fixity : bool
            Compare every byte of the files whose fixity is recorded.
        masks : bool
            Decode every mask, and compare its pixels with its area.
        progress : callable, optional
            Called with an object whose `str` is a line of text.

        Returns
        -------
        list of Problem
            What is wrong, as ``location problem``: one for each file. It is empty if all is well.
        """
        from iidindex.query.holdings.verify import verify

        return verify(
            self._catalog, checksum=checksum, fixity=fixity, masks=masks, progress=progress
        )

    def changes(
        self,
        *,
        since: str | datetime | float | None = None,
        limit: int | None = None,
        after: Change | None = None,
    ) -> Records[Change]:
        """The changes that ingests found, by name, the oldest first: ``time kind path old_path``.

        Parameters
        ----------
        since : str, datetime or float, optional
            ``"last"``, the last ingest. A span up to now, such as ``"1d"``, ``"12h"``, ``"90m"``
            or ``"2w"``. A date or time, such as ``"2026-11-30"`` or ``"2026-11-30T18:00"``, a
            datetime, or seconds since the epoch; without a time zone, it is in that of this
            machine. By default, since the index was made.
        limit : int, optional
            The largest number of rows.
        after : Change, optional
            Only rows that come after this one. With `limit`, this reads many rows page by page.

        Returns
        -------
        Records of Change
            ``kind`` is ``added``, ``updated`` (it has other content, or could not be read before),
            ``touched`` (only its time is different), ``moved`` (then ``old_path`` is where it
            was), ``missing``, ``returned`` (it was missing and is back) or ``failed``.

        Raises
        ------
        QueryError
            If `since` is no such time.
        """
        from iidindex.query.holdings.changes import changes

        return Records(CHANGE, changes(self._catalog, since, limit=limit, after=after))

    def copy_to(
        self,
        location: str | os.PathLike[str],
        *,
        progress: Callable[[CopyProgress], object] | None = None,
    ) -> Copied:
        """Copy the index, as it is now, to another place: from SQLite to PostgreSQL, or back.

        All ids stay as they are; roots, stored overlaps and the journal are copied, too. The
        originals are neither read nor copied.

        Parameters
        ----------
        location : path-like or str
            A path, or a URL, where there is no index yet; on a server, there may be an empty one.
        progress : callable, optional
            Called with a `CopyProgress`, which prints as a line of text.

        Returns
        -------
        Copied
            How many ``files`` and ``entries`` were copied.

        Raises
        ------
        CatalogError
            If there is something already, or it cannot be written. Then there is no copy, and no
            part of one.
        """
        from iidindex.catalog.transferring import transfer

        return transfer(self._catalog, location, progress)

    def doctor(self) -> dict[str, Any]:
        """Versions, what this build of SQLite can do, and the state of the index, by name."""
        from iidindex.query.holdings.doctor import doctor

        return doctor(self._catalog)
