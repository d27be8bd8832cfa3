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
from iidindex.catalog.contract import Intake
from iidindex.catalog.load import Loader, Place
from iidindex.catalog.roots import roots_in_use
from iidindex.errors import IngestError
from iidindex.files.arguments import is_positive
from iidindex.ingestion.borrowed_executor import checked_executor
from iidindex.ingestion.diff import Findings, Unread, look, places_of
from iidindex.ingestion.discover import suffixes_below
from iidindex.ingestion.interrupt import Interrupt
from iidindex.ingestion.plan import Matcher, Outcome
from iidindex.ingestion.pool import processes, scan_all
from iidindex.ingestion.report import IngestReport, Progress
from iidindex.ingestion.work import Scanned
from iidindex.model import FileStamp

# Entries and files after which a transaction is committed.
_BATCH_ENTRIES = 250_000
_BATCH_FILES = 20_000

# A stamp no file can have: one that could not be read is tried again every time.
_NEVER = FileStamp(-1, -1)

Tell = Callable[[Progress], object]


def ingest(
    catalog: Catalog,
    paths: Iterable[str | os.PathLike[str]],
    *,
    jobs: int | None = None,
    checksum: bool = False,
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
    report = IngestReport()
    begin = time.perf_counter()
    with nullcontext() if dry_run else catalog.sole_writer(), Interrupt() as interrupt:
        findings = look(catalog, places, checksum, dry_run, report)
        _carry_out(catalog, findings, jobs, borrowed, dry_run, progress, report, interrupt)
    with catalog.reading() as connection:
        report.absent = {
            root.name: root.location
            for root in roots_in_use(connection)
            if not os.path.isdir(root.location)
        }
    if report.has_found_none:
        counts = sum((suffixes_below(place) for place in places), Counter())
        report.others = dict(counts.most_common())
    report.seconds = time.perf_counter() - begin
    return report


def _carry_out(
    catalog: Catalog,
    findings: Findings,
    jobs: int | None,
    executor: Executor | None,
    dry_run: bool,
    progress: Tell | None,
    report: IngestReport,
    interrupt: Interrupt,
) -> None:
    files = findings.to_read
    intake = catalog.store.intake()
    if not dry_run:
        _prepare(catalog, intake, len(files))
    scanned = _UntilFailure(
        scan_all(
            [file.location for file in files],
            [file.stamp.size for file in files],
            processes(jobs, len(files)),
            executor,
        )
    )
    matcher = Matcher([*findings.gone, *findings.lost])
    begin = time.perf_counter()
    done = entries = 0
    for batch in _batches(scanned, interrupt):
        with _transaction(catalog, intake, dry_run) as loader:
            for task, result in batch:
                _record(loader, files[done : done + len(task)], matcher, findings, result, report)
                done += len(task)
                entries += 0 if result.batch is None else len(result.batch)
                if progress is not None:
                    progress(Progress(done, len(files), entries, time.perf_counter() - begin))
            del result  # a huge file's columns are not needed any more
    # Ctrl-C reaches workers, too, and is an interrupt then rather than their failure.
    if scanned.failure is not None and not interrupt.requested:
        raise scanned.failure
    if interrupt.requested:
        findings.gone.clear()  # what was not looked at yet is not known to be gone
    if not dry_run:
        _finish(catalog, [known.id for known in findings.gone], intake)
    if interrupt.requested:
        raise KeyboardInterrupt
    report.missing += len(findings.gone)
    report.gone += findings.gone.values()


def _prepare(catalog: Catalog, intake: Intake, n_files: int) -> None:
    """Make ready to load files, if there are any."""
    if n_files:
        with catalog.writing() as connection:
            intake.prepare(connection, n_files)


def _finish(catalog: Catalog, gone: Sequence[int], intake: Intake) -> None:
    """Make what was left out, and mark files missing; write nothing if all is well."""
    with catalog.reading() as connection:
        if not gone and intake.is_complete(connection):
            return
    with catalog.writing() as connection:
        intake.complete(connection)
        with _loader(catalog, intake, connection) as loader:
            loader.miss(gone)


@contextmanager
def _transaction(catalog: Catalog, intake: Intake, dry_run: bool) -> Iterator[Loader | None]:
    """Something to write with, until it is committed; nothing, if nothing is to be written."""
    if dry_run:
        yield None
        return
    with catalog.writing() as connection, _loader(catalog, intake, connection) as loader:
        yield loader
        loader.finish()


@contextmanager
def _loader(catalog: Catalog, intake: Intake, connection: Connection) -> Iterator[Loader]:
    with intake.loading(connection) as target:
        yield Loader(target, catalog.store.remove_boxes, int(time.time()))


class _UntilFailure:
    """What is scanned, up to a failure, which is kept until all before it has been committed."""

    def __init__(self, scanned: Iterator[tuple[Sequence[str], Scanned]]) -> None:
        self._scanned = scanned
        self.failure: IngestError | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[Sequence[str], Scanned]:
        try:
            return next(self._scanned)
        except IngestError as error:
            self.failure = error
            raise StopIteration from None


def _batches(
    scanned: Iterator[tuple[Sequence[str], Scanned]], interrupt: Interrupt
) -> Iterator[Iterator[tuple[Sequence[str], Scanned]]]:
    """Cut what is scanned into transactions, each to be consumed before the next."""
    is_over = False

    def transaction(
        first: tuple[Sequence[str], Scanned],
    ) -> Iterator[tuple[Sequence[str], Scanned]]:
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


def _record(
    loader: Loader | None,
    files: Sequence[Unread],
    matcher: Matcher,
    findings: Findings,
    result: Scanned,
    report: IngestReport,
) -> None:
    """Count what came of some files, and write it."""
    for which, failure in result.failures.items():
        file = files[which]
        stamp = _NEVER if failure.transient else file.stamp
        report.failed += 1
        report.failures[file.location] = failure.reason
        if loader is not None:
            known_id = None if file.known is None else file.known.id
            loader.fail(file.root.id, file.path, stamp, failure.reason, known_id)
    if result.batch is None:
        return
    places: list[Place] = []
    which_new: list[int] = []
    for nth, (position, facts) in enumerate(zip(result.read, result.batch.files, strict=True)):
        file = files[position]
        outcome, before = matcher.match(file.known, facts.digest)
        setattr(report, outcome.value, getattr(report, outcome.value) + 1)
        if outcome is Outcome.MOVED and before is not None:
            report.moves[file.location] = findings.gone.pop(before, "") or findings.lost[before]
        if outcome in (Outcome.ADDED, Outcome.UPDATED):
            known_id = None if before is None else before.id
            places.append(Place(file.root.id, file.path, known_id))
            which_new.append(nth)
            report.entries += facts.n_entries
        elif loader is not None and before is not None:
            # A file that moved has another path; one that was touched is moved to its own.
            loader.move(before.id, file.root.id, file.path, facts.stamp)
    if places and loader is not None:
        loader.write(places, result.batch, which_new)
