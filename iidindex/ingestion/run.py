"""Carrying an ingest out: discover, plan, scan, write."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from iidindex.catalog.bulk import (
    drop_late_indexes,
    is_empty,
    lacks_late_indexes,
    make_late_indexes,
)
from iidindex.catalog.engine import Catalog
from iidindex.catalog.intern import Interner
from iidindex.catalog.load import Loader
from iidindex.catalog.lock import sole_writer
from iidindex.catalog.places import Root, add_root, all_roots, root_over
from iidindex.catalog.read import failures, files_of_root
from iidindex.catalog.writer import Writer
from iidindex.errors import IngestError
from iidindex.ingestion.discover import discover, is_iid
from iidindex.ingestion.interrupt import Interrupt
from iidindex.ingestion.plan import Matcher, Outcome, Plan, Row, plan
from iidindex.ingestion.pool import processes, scan_all
from iidindex.ingestion.report import IngestReport, Progress
from iidindex.ingestion.work import Scanned
from iidindex.model import FileStamp

# Entries and files after which a transaction is committed.
_BATCH_ENTRIES = 250_000
_BATCH_FILES = 20_000
# Files of an archive that is new from which indexes are made at the end.
_BIG_LOAD = 1000

# A stamp no file can have: one that could not be read is tried again every time.
_NEVER = FileStamp(-1, -1)

Tell = Callable[[Progress], object]


@dataclass(slots=True)
class _Place:
    """What is to be done below one path, and what has been."""

    root: Root
    todo: Plan
    matcher: Matcher
    gone: set[str]


def ingest(
    catalog: Catalog,
    paths: Iterable[str | os.PathLike[str]],
    *,
    jobs: int | None = None,
    checksum: bool = False,
    dry_run: bool = False,
    progress: Tell | None = None,
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

    Returns
    -------
    IngestReport

    Raises
    ------
    IngestError
        If a path is not there, or a worker process is ended from outside.
    CatalogLockedError
        If another process is writing.
    KeyboardInterrupt
        After an interrupt; what was read until then is committed.
    """
    places = [_check_place(path) for path in paths]
    if jobs is not None and jobs < 1:
        raise IngestError(f"jobs is {jobs}; expected at least 1")
    if not dry_run:
        catalog.check_writable()
    report = IngestReport()
    begin = time.perf_counter()
    with nullcontext() if dry_run else sole_writer(catalog.name), Interrupt() as interrupt:
        for directory in places:
            place = _look(catalog, directory, checksum, dry_run, report)
            _carry_out(catalog, place, jobs, dry_run, progress, report, interrupt)
    report.seconds = time.perf_counter() - begin
    return report


def _check_place(path: str | os.PathLike[str]) -> str:
    place = os.path.realpath(os.fsdecode(path))
    if not os.path.exists(place):
        raise IngestError(f"{os.fsdecode(path)}: there is no such file or directory")
    if not os.path.isdir(place) and not is_iid(place):
        raise IngestError(f"{os.fsdecode(path)}: is no directory, and does not end in .iid")
    return place


def _look(
    catalog: Catalog, place: str, checksum: bool, dry_run: bool, report: IngestReport
) -> _Place:
    """Compare a directory, or a single file, with what the catalogue holds of it."""
    is_directory = os.path.isdir(place)
    root = _root_of(catalog, place if is_directory else os.path.dirname(place), dry_run)
    below = os.path.relpath(place, root.location)
    below = "" if below == "." else below
    if is_directory:
        discovery = discover(root.location, below)
        found, unreadable = discovery.found, discovery.unreadable
    else:
        status = os.stat(place)
        found, unreadable = {below: FileStamp(status.st_size, status.st_mtime_ns)}, {}
    with catalog.reading() as connection:
        reasons = failures(connection, root.id)
        rows: Iterable[Row] = files_of_root(connection, root.id)
        if below:
            inside = f"{below}/"
            rows = (row for row in rows if row[0] == below or row[0].startswith(inside))
        todo = plan(found, rows, unreadable=unreadable, checksum=checksum)
    report.unchanged += todo.unchanged
    report.failed += len(todo.failed)
    report.kept += todo.kept
    for path in todo.failed:
        report.failures[os.path.join(root.location, path)] = reasons[path]
    for path, reason in unreadable.items():
        report.unreadable[os.path.join(root.location, path)] = reason
    return _Place(root, todo, Matcher(todo.known, [*todo.gone, *todo.lost]), set(todo.gone))


def _root_of(catalog: Catalog, directory: str, dry_run: bool) -> Root:
    """The root that a directory lies in; itself, if it lies in none."""
    with catalog.reading() as connection:
        root = root_over(all_roots(connection), directory)
    if root is not None:
        return root
    if dry_run:
        return Root(0, "", directory, 0)
    with catalog.writing() as connection:
        return add_root(connection, directory)


def _carry_out(
    catalog: Catalog,
    place: _Place,
    jobs: int | None,
    dry_run: bool,
    progress: Tell | None,
    report: IngestReport,
    interrupt: Interrupt,
) -> None:
    scan = list(place.todo.scan)
    if not dry_run:
        _prepare_indexes(catalog, len(scan))
    scanned = scan_all(
        [os.path.join(place.root.location, path) for path in scan],
        [stamp.size for stamp in place.todo.scan.values()],
        processes(jobs, len(scan)),
    )
    interner = Interner()
    begin = time.perf_counter()
    done = entries = 0
    for batch in _batches(scanned, interrupt):
        with _transaction(catalog, interner, dry_run) as loader:
            for task, result in batch:
                _record(loader, place, scan[done : done + len(task)], result, report)
                done += len(task)
                entries += 0 if result.batch is None else len(result.batch)
                if progress is not None:
                    progress(Progress(done, len(scan), entries, time.perf_counter() - begin))
    # What was not looked at yet is not known to be gone.
    gone = [] if interrupt.requested else [place.todo.known[path].id for path in place.gone]
    if not dry_run:
        _finish(catalog, gone, interner)
    if interrupt.requested:
        raise KeyboardInterrupt
    report.missing += len(gone)


def _prepare_indexes(catalog: Catalog, n_files: int) -> None:
    """Before a first big load, drop what is quicker to make at its end.

    Before any other, make what one that was cut off has not.
    """
    if not n_files:
        return
    with catalog.writing() as connection:
        if not is_empty(connection):
            make_late_indexes(connection)
        elif n_files >= _BIG_LOAD:
            drop_late_indexes(connection)


def _finish(catalog: Catalog, gone: Sequence[int], interner: Interner) -> None:
    """Make indexes that are not there, and mark files missing; write nothing if all is well."""
    with catalog.reading() as connection:
        if not gone and not lacks_late_indexes(connection):
            return
    with catalog.writing() as connection:
        make_late_indexes(connection)
        with Writer(connection) as writer:
            Loader(writer, interner, int(time.time())).miss(gone)


@contextmanager
def _transaction(catalog: Catalog, interner: Interner, dry_run: bool) -> Iterator[Loader | None]:
    """Something to write with, until it is committed; nothing, if nothing is to be written."""
    if dry_run:
        yield None
        return
    try:
        with catalog.writing() as connection, Writer(connection) as writer:
            loader = Loader(writer, interner, int(time.time()))
            yield loader
            loader.finish()
    except BaseException:
        interner.forget()
        raise


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
    place: _Place,
    paths: Sequence[str],
    result: Scanned,
    report: IngestReport,
) -> None:
    """Count what came of some files, and write it."""
    root_id = place.root.id
    for which, failure in result.failures.items():
        path = paths[which]
        before = place.todo.known.get(path)
        stamp = _NEVER if failure.transient else place.todo.scan[path]
        report.failed += 1
        report.failures[os.path.join(place.root.location, path)] = failure.reason
        if loader is not None:
            known_id = None if before is None else before.id
            loader.fail(root_id, path, stamp, failure.reason, known_id)
    if result.batch is None:
        return
    new_paths: list[str] = []
    which_new: list[int] = []
    known_ids: list[int | None] = []
    for nth, (position, file) in enumerate(zip(result.read, result.batch.files, strict=True)):
        path = paths[position]
        outcome, before, old_path = place.matcher.match(path, file.digest)
        setattr(report, outcome.value, getattr(report, outcome.value) + 1)
        if outcome is Outcome.MOVED:
            place.gone.discard(old_path or "")
        if outcome in (Outcome.ADDED, Outcome.UPDATED):
            new_paths.append(path)
            which_new.append(nth)
            known_ids.append(None if before is None else before.id)
            report.entries += file.n_entries
        elif loader is not None and before is not None:
            # A file that moved has another path; one that was touched is moved to its own.
            loader.move(before.id, root_id, path, file.stamp)
    if new_paths and loader is not None:
        loader.write(root_id, new_paths, result.batch, which_new, known_ids)
