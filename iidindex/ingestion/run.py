"""Carrying an ingest out: discover, plan, scan, write."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager, nullcontext
from typing import Self

from sqlalchemy import Connection

from iidindex.catalog.catalogue import Catalog
from iidindex.catalog.journal import begin_ingest, end_ingest
from iidindex.catalog.load import Loader
from iidindex.catalog.roots import KnownRoots, root_directories, roots_in_use
from iidindex.errors import IngestError
from iidindex.files.arguments import is_positive
from iidindex.ingestion.borrowed_executor import checked_executor
from iidindex.ingestion.diff import Findings, Looking, Places, look, places_of
from iidindex.ingestion.discover import suffixes_below
from iidindex.ingestion.interrupt import Interrupt
from iidindex.ingestion.pool import processes, scan_all
from iidindex.ingestion.recording import Recorder
from iidindex.ingestion.report import IngestReport, Progress
from iidindex.ingestion.unread import ToScanLater
from iidindex.ingestion.work import Scanned, ToScan
from iidindex.storage.places import storage_at

_ABSENT = "there is no such file or directory"

# Entries and files after which a transaction is committed.
_BATCH_ENTRIES = 250_000
_BATCH_FILES = 20_000

Tell = Callable[[Progress], object]


def ingest(
    catalog: Catalog,
    paths: Iterable[str | os.PathLike[str]],
    *,
    jobs: int | None = None,
    checksum: bool = False,
    fixity: bool = False,
    dry_run: bool = False,
    progress: Tell | None = None,
    executor: Executor | None = None,
) -> IngestReport:
    """Bring the catalogue up to date with files and directories.

    Parameters
    ----------
    catalog : Catalog
    paths : iterable of path-like
    jobs : int, optional
        Processes that read files; 1 reads them in this one. By default as many as there are
        processors, if there is much to read.
    checksum : bool
        Read every file, even if its size and time are the same.
    fixity : bool
        Record a BLAKE2b of all bytes of every file, now and at every later ingest of its root.
    dry_run : bool
        Read and report, but change nothing.
    progress : callable, optional
        Called with a `Progress` now and then.
    executor : Executor, optional
        Reads all files instead of processes of our own; `jobs` is not given beside it. It is
        not shut down.

    Returns
    -------
    IngestReport

    Raises
    ------
    IngestError
        If a path is not there, a worker process is ended from outside, or the executor is
        none or fails; what was finished is committed.
    CatalogLockedError
        If another process is writing.
    KeyboardInterrupt
        After an interrupt; what was read until then is committed.
    """
    places = places_of(paths, catalog)
    if jobs is not None and not is_positive(jobs):
        raise IngestError(f"jobs is {jobs!r}; expected an integer from 1")
    borrowed = checked_executor(executor, jobs)
    report = IngestReport(unreadable=dict.fromkeys(places.absent, _ABSENT))
    _check_any(catalog, places)
    begin = time.perf_counter()
    with (
        nullcontext() if dry_run else catalog.sole_writer(_directories(places)),
        Interrupt() as interrupt,
        _noted(catalog, [*places.there, *places.absent], dry_run, report) as ingest_id,
    ):
        asked = Looking(checksum=checksum, fixity=fixity, dry_run=dry_run)
        findings = look(catalog, places, report, asked)
        run = _Run(catalog, findings, report, interrupt, ingest_id, dry_run, progress)
        files = findings.to_read
        scanned = scan_all(
            ToScanLater(files),
            files.sizes,
            processes(jobs, len(files)),
            borrowed,
        )
        run.carry_out(scanned)
    with catalog.reading() as connection:
        report.absent = {
            root.name: root.location
            for root in roots_in_use(connection)
            if not storage_at(root.location).is_dir(root.location)
        }
        if report.entries and not dry_run:
            report.layers = catalog.store.layers(connection)
    if report.has_found_none:
        counts = sum((suffixes_below(place) for place in places.there), Counter())
        report.others = dict(counts.most_common())
    report.seconds = time.perf_counter() - begin
    return report


def _directories(places: Places) -> list[str]:
    """The directories in which anything is going to be written."""
    return [
        one if one in places.directories else storage_at(one).parent(one)
        for one in (*places.there, *places.absent)
    ]


def _check_any(catalog: Catalog, places: Places) -> None:
    """Refuse to go on if nothing is there, and nothing of it was ever indexed."""
    if places.there or not places.absent:
        return
    with catalog.reading() as connection:
        known = KnownRoots(root_directories(connection))
    if not any(known.over(place) for place in places.absent):
        raise IngestError(f"{next(iter(places.absent.values()))}: {_ABSENT}")


@contextmanager
def _noted(
    catalog: Catalog, places: Sequence[str], dry_run: bool, report: IngestReport
) -> Iterator[int]:
    """Note in the journal that an ingest begins, and how it ends; yield its id."""
    if dry_run:
        yield 0
        return
    with catalog.writing() as connection:
        ingest_id = begin_ingest(connection, int(time.time()), places)
    yield ingest_id
    with catalog.writing() as connection:
        end_ingest(connection, ingest_id, int(time.time()), report.counts)


class _Run:
    """One ingest, from what was found to what is written.

    Parameters
    ----------
    catalog : Catalog
    findings : Findings
    report : IngestReport
    interrupt : Interrupt
    ingest_id : int
    dry_run : bool
    progress : callable, optional
    """

    def __init__(
        self,
        catalog: Catalog,
        findings: Findings,
        report: IngestReport,
        interrupt: Interrupt,
        ingest_id: int,
        dry_run: bool,
        progress: Tell | None,
    ) -> None:
        self._catalog = catalog
        self._findings = findings
        self._report = report
        self._interrupt = interrupt
        self._ingest_id = ingest_id
        self._dry_run = dry_run
        self._progress = progress
        self._intake = catalog.store.intake()
        self._recorder = Recorder(findings, report, catalog.store.longest_name)

    def carry_out(self, results: Iterator[tuple[Sequence[ToScan], Scanned]]) -> None:
        """Write what is scanned, batch by batch, and what is gone."""
        files = self._findings.to_read
        if files and not self._dry_run:
            with self._catalog.writing() as connection:
                self._intake.prepare(connection, len(files))
        scanned = _UntilFailure(results)
        begin = time.perf_counter()
        done = entries = 0
        for batch in _batches(scanned, self._interrupt):
            with self._transaction() as loader:
                for task, result in batch:
                    self._recorder.record(loader, files[done : done + len(task)], result)
                    done += len(task)
                    entries += 0 if result.batch is None else len(result.batch)
                    if self._progress is not None:
                        seconds = time.perf_counter() - begin
                        self._progress(Progress(done, len(files), entries, seconds))
                del result  # a huge file's columns are not needed any more
        # Ctrl-C reaches workers, too, and is an interrupt then rather than their failure.
        if scanned.failure is not None and not self._interrupt.requested:
            raise scanned.failure
        if self._interrupt.requested:
            self._findings.gone.clear()  # what was not looked at yet is not known to be gone
        self._finish()
        if self._interrupt.requested:
            raise KeyboardInterrupt

    def _finish(self) -> None:
        """Make what was left out, and mark files missing; write nothing if all is well."""
        if self._dry_run:
            self._recorder.miss(None)
            return
        with self._catalog.reading() as connection:
            if not self._findings.gone and self._intake.is_complete(connection):
                return
        with self._catalog.writing() as connection:
            self._intake.complete(connection)
            with self._loader(connection) as loader:
                self._recorder.miss(loader)
                loader.finish()

    @contextmanager
    def _transaction(self) -> Iterator[Loader | None]:
        """Something to write with, until it is committed; nothing, if nothing is written."""
        if self._dry_run:
            yield None
            return
        with self._catalog.writing() as connection, self._loader(connection) as loader:
            yield loader
            loader.finish()

    @contextmanager
    def _loader(self, connection: Connection) -> Iterator[Loader]:
        with self._intake.loading(connection) as target:
            remove_boxes = self._catalog.store.remove_boxes
            yield Loader(target, remove_boxes, int(time.time()), self._ingest_id)


class _UntilFailure:
    """What is scanned, up to a failure, which is kept until all before it has been committed."""

    def __init__(self, scanned: Iterator[tuple[Sequence[ToScan], Scanned]]) -> None:
        self._scanned = scanned
        self.failure: IngestError | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[Sequence[ToScan], Scanned]:
        try:
            return next(self._scanned)
        except IngestError as error:
            self.failure = error
            raise StopIteration from None


def _batches(
    scanned: Iterator[tuple[Sequence[ToScan], Scanned]], interrupt: Interrupt
) -> Iterator[Iterator[tuple[Sequence[ToScan], Scanned]]]:
    """Cut what is scanned into transactions, each to be consumed before the next."""
    is_over = False

    def transaction(
        first: tuple[Sequence[ToScan], Scanned],
    ) -> Iterator[tuple[Sequence[ToScan], Scanned]]:
        nonlocal is_over
        files = entries = 0
        task, result = first
        while True:
            yield task, result
            files += len(task)
            entries += 0 if result.batch is None else len(result.batch)
            if interrupt.requested:
                is_over = True
            if is_over or files >= _BATCH_FILES or entries >= _BATCH_ENTRIES:
                return
            following = next(scanned, None)
            if following is None:
                is_over = True
                return
            task, result = following

    while not is_over:
        first = next(scanned, None)
        if first is None:
            return
        yield transaction(first)
